// `npm test`: everything, on a bare machine. `npm run test:core` and the like run one part.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium, ensureDependencies } from '../src/build/ensure.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const parts = process.argv.slice(2);
const wants = (part) => parts.length === 0 || parts.includes(part);

function run(command, args) {
  const started = Date.now();
  console.log(`\n> ${[command, ...args].join(' ')}`.slice(0, 200));
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  console.log(`  ${((Date.now() - started) / 1000).toFixed(1)} s`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function testFiles(folder) {
  const dir = path.join(root, folder);
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name !== 'node_modules' && name !== 'fixtures')
    .flatMap((name) => {
      const file = path.join(folder, name);
      if (statSync(path.join(root, file)).isDirectory()) return testFiles(file);
      return /\.test\.tsx?$/.test(name) ? [file] : [];
    });
}

function nodeTests(folder, concurrency) {
  const files = testFiles(folder);
  if (files.length === 0) throw new Error(`no tests in ${folder}`);
  run(process.execPath, ['--import', 'tsx', '--test', `--test-concurrency=${concurrency}`, ...files]);
}

ensureDependencies();
run('npm', ['run', '--silent', 'build']);
if (wants('static')) {
  run('npm', ['run', '--silent', 'typecheck']);
  run('npm', ['run', '--silent', 'lint']);
}
if (wants('core')) nodeTests('test/core', 2);
if (wants('cli')) nodeTests('test/cli', 2);
if (wants('webview') || wants('host')) ensureChromium();
if (wants('webview')) nodeTests('test/webview', 1);
if (wants('host')) nodeTests('test/host', 1);
