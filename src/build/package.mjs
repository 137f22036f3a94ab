// Packages the extension into a VSIX and checks what is in it. Prints the sizes; the last line is the file.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { ensureDependencies, root } from './ensure.mjs';

/** Code alone, compressed; the samples come on top and are data that people can look at. */
const codeBudget = 1_150_000;
const fileBudget = 2_000_000;
/** Bundles that are for a clone of the repository, not for the editor. */
const notShipped = ['cli.js', 'bench.js'];

function run(command, args, cwd = root) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;

ensureDependencies();
// while others use the bundles they must not be written anew
if (!process.argv.includes('--built')) run(process.execPath, ['src/build/bundle.mjs']);

const { name, version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const outAt = process.argv.indexOf('--out');
const file = path.resolve(root, outAt > 0 ? process.argv[outAt + 1] : `${name}-${version}.vsix`);
mkdirSync(path.dirname(file), { recursive: true });
rmSync(file, { force: true });
const vsce = path.join(root, 'node_modules/@vscode/vsce/vsce');
// vsce looks at every file that there is, of which a clone with its dependencies has a hundred thousand: it gets a folder of those that may ship
const stage = mkdtempSync(path.join(tmpdir(), 'convexnet-package-'));
let listed;
try {
  const parts = ['package.json', 'l10n', 'README.md', 'LICENSE', 'dist', 'media', '.vscodeignore'];
  const names = readdirSync(root).filter((entry) => /^package\.nls(\.[\w-]+)?\.json$/.test(entry));
  for (const part of [...parts, ...names]) cpSync(path.join(root, part), path.join(stage, part), { recursive: true });
  const flags = ['--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links', '--out', file];
  run(process.execPath, [vsce, 'package', ...flags], stage);
  listed = run(process.execPath, [vsce, 'ls', '--no-dependencies'], stage).split(/\r?\n/).filter(Boolean);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
const bundles = readdirSync(path.join(root, 'dist')).filter((entry) => /\.(js|css)$/.test(entry));
const missing = bundles.filter((entry) => !notShipped.includes(entry) && !listed.includes(`dist/${entry}`));
if (missing.length > 0) throw new Error(`Not in the package (see .vscodeignore): ${missing.join(', ')}`);
if (!listed.includes('dist/ThirdPartyNotices.txt')) throw new Error('The notices are not in the package.');
const strangers = listed.filter(
  (entry) => !/^(package(\.nls(\.[\w-]+)?)?\.json|l10n\/|README\.md|LICENSE|dist\/|media\/)/.test(entry),
);
if (strangers.length > 0) throw new Error(`In the package by mistake: ${strangers.join(', ')}`);

let code = 0;
for (const entry of listed) {
  const full = path.join(root, entry);
  if (!existsSync(full) || entry.startsWith('media/samples/')) continue;
  const size = gzipSync(readFileSync(full)).length;
  code += size;
  if (entry.startsWith('dist/'))
    console.log(`  ${entry}: ${kilobytes(statSync(full).size)}, ${kilobytes(size)} compressed`);
}
const total = statSync(file).size;
console.log(`Code and texts ${kilobytes(code)} compressed, the whole package with samples ${kilobytes(total)}`);
if (code > codeBudget || total > fileBudget)
  throw new Error(`Over budget: ${kilobytes(codeBudget)} for the code, ${kilobytes(fileBudget)} in all.`);
console.log(file);
