// `npm test`: everything, on a bare machine. `npm run test:core` and the like run one part.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium, ensureDependencies } from '../src/build/ensure.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const parts = process.argv.slice(2);
const wants = (part) => parts.length === 0 || parts.includes(part);

function succeeds(command, args, timeout = 0) {
  const started = Date.now();
  console.log(`\n> ${[command, ...args].join(' ')}`.slice(0, 200));
  const shell = process.platform === 'win32';
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell, timeout });
  console.log(`  ${((Date.now() - started) / 1000).toFixed(1)} s${result.error ? `: ${result.error.message}` : ''}`);
  return result.status === 0;
}

function run(command, args) {
  if (!succeeds(command, args)) process.exit(1);
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

function testFilesOf(folder) {
  const files = testFiles(folder);
  if (files.length === 0) throw new Error(`no tests in ${folder}`);
  return files;
}

const nodeTest = ['--import', 'tsx', '--test'];

function nodeTests(folder) {
  run(process.execPath, [...nodeTest, '--test-concurrency=2', ...testFilesOf(folder)]);
}

/** Milliseconds for one file of browser tests; several times what it takes. */
const patience = 600_000;
const secondRuns = [];
/**
 * Tests that drive a browser or an editor, file by file. Such a file that fails runs once more, because a busy machine can
 * starve a browser of its time; that it took two runs is printed at the end, and a failure that repeats is a failure.
 */
function browserTests(folder) {
  for (const file of testFilesOf(folder)) {
    if (succeeds(process.execPath, [...nodeTest, file], patience)) continue;
    console.log(`\n${file} failed and runs once more.`);
    run(process.execPath, [...nodeTest, file]);
    secondRuns.push(file);
  }
}

ensureDependencies();
run('npm', ['run', '--silent', 'build']);
if (wants('static')) {
  run('npm', ['run', '--silent', 'typecheck']);
  run('npm', ['run', '--silent', 'lint']);
}
if (wants('core')) {
  nodeTests('test/core');
  nodeTests('test/session');
}
if (wants('cli')) nodeTests('test/cli');
if (wants('torture')) nodeTests('test/torture');
if (wants('webview') || wants('host')) ensureChromium();
if (wants('webview')) browserTests('test/webview');
if (wants('host')) browserTests('test/host');
for (const file of secondRuns) console.log(`passed only when run a second time: ${file}`);
