import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root, Server } from './server.ts';

/** Serves a VS Code with the built extension on a folder until it is stopped; prints the address. Used by `npm start`. */
const [folder, hint] = process.argv.slice(2);
const { name, publisher, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Record<
  string,
  string
>;
const staged = mkdtempSync(path.join(tmpdir(), 'convexnet-extension-'));
for (const part of ['package.json', 'package.nls.json', 'README.md', 'LICENSE', 'dist', 'media']) {
  cpSync(path.join(root, part), path.join(staged, part), { recursive: true });
}
async function serve(): Promise<void> {
  const server = await Server.start({
    release: 'newest',
    workspace: folder,
    installed: { [`${publisher}.${name}-${version}`]: staged },
  });
  console.log(`\nVS Code with the extension: ${server.address}\n${hint ?? ''}\nCtrl-C stops it.`);
  const stop = (): void => {
    void server.stop().finally(() => {
      rmSync(staged, { recursive: true, force: true });
      process.exit(0);
    });
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  setInterval(() => undefined, 60_000);
}

void serve();
