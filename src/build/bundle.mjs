// Bundles every part of the product with esbuild: extension host, worker, command line, benchmark, webview.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { context, build } from 'esbuild';
import { buildKernels } from './kernels.mjs';
import { pageChunks } from './pageChunks.mjs';
import { textsPlugin } from './texts.mjs';
import { bundledPackages, noticesText } from './notices.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const watch = process.argv.includes('--watch');
process.chdir(root);
await buildKernels();

const node = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20', // later targets make esbuild emit calls that Node 20 lacks
  minify: true,
  keepNames: true,
  external: ['vscode'],
  // the bundles of the editor run in a browser as well: nothing of Node outside src/platform/node and the command line
  alias: { fflate: 'fflate/browser', yaml: path.join(root, 'node_modules/yaml/browser/index.js') },
  logLevel: 'warning',
  outdir: 'dist',
};
/** What ships and starts with the editor: names of functions in stack traces would cost 35 kB of the package, and time at activation. */
const shippedNode = { ...node, keepNames: false };
/** The pages: modules, with what several of them need in files of its own (`page-….js`). */
const pages = {
  bundle: true,
  platform: 'browser',
  format: 'esm',
  splitting: true,
  chunkNames: 'page-[hash]',
  target: 'es2022',
  minify: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
  plugins: [textsPlugin(root)],
  outdir: 'dist',
};
/** Bundles for a clone of the repository, not for the editor. */
const notShipped = ['cli', 'bench'];
const jobs = [
  // first, as the others are built before it
  { ...shippedNode, entryPoints: { extension: 'src/extension.ts' } },
  // reports are written in the editor's language
  { ...shippedNode, entryPoints: { worker: 'src/worker/bundle.ts' }, plugins: [textsPlugin(root)] },
  { ...shippedNode, entryPoints: { kernelThread: 'src/platform/node/kernelThread.ts' } },
  { ...node, entryPoints: { cli: 'src/cli/main.ts' }, banner: { js: '#!/usr/bin/env node' } },
  { ...node, entryPoints: { bench: 'test/bench/main.ts' } },
  {
    ...pages,
    entryPoints: {
      webview: 'webview/app/main.tsx',
      lab: 'webview/lab/main.tsx',
      preview: 'webview/preview/main.tsx',
    },
  },
].filter((job) => Object.values(job.entryPoints).every((file) => existsSync(file)));

if (watch) {
  for (const job of jobs) await (await context(job)).watch();
} else {
  const built = Promise.all(jobs.slice(1).map((job) => build({ ...job, metafile: true })));
  // the extension names the files that its pages begin with, so that they are fetched at once
  const define = { PAGE_CHUNKS: JSON.stringify(pageChunks((await built).map(({ metafile }) => metafile))) };
  const results = [await build({ ...jobs[0], define, metafile: true }), ...(await built)];
  // what an earlier layout left behind
  const made = new Set(
    results.flatMap(({ metafile }) => Object.keys(metafile.outputs).map((file) => path.basename(file))),
  );
  for (const file of readdirSync('dist')) if (!made.has(file)) rmSync(path.join('dist', file), { recursive: true });
  // what is in the bundles that ship, and the notices made from it
  const shipped = results.filter((_, i) => !notShipped.includes(Object.keys(jobs[i].entryPoints)[0]));
  const metafiles = shipped.map(({ metafile }) => metafile);
  writeFileSync('dist/metafiles.json', JSON.stringify(metafiles));
  writeFileSync('dist/ThirdPartyNotices.txt', noticesText(root, bundledPackages(metafiles)));
}
