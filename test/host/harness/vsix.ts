import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from './server.ts';

/** Packages the extension as `npm run package` does, from the bundles that there are; gives the file and prints its sizes. */
export function packageExtension(): string {
  const file = path.join(root, 'test-results', 'extension.vsix');
  const args = ['src/build/package.mjs', '--built', '--out', file];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`Packaging failed:\n${stdout}${stderr}`);
  console.log(stdout.trim().split('\n').slice(0, -1).join('\n'));
  return file;
}
