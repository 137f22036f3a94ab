// Bundles all test files once, so that no process of theirs has to read and translate hundreds of sources: what the sources are is not changed by it.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** A source says where it is, not where its bundle is: fixtures are found from there. */
const placesOfSources = {
  name: 'places of sources',
  setup(setup) {
    setup.onLoad({ filter: /\.(tsx?|mts|mjs)$/ }, ({ path: file }) => {
      const text = readFileSync(file, 'utf8');
      if (file.includes('/node_modules/') || !/import\.meta|__filename/.test(text)) return undefined;
      const contents = text
        .replace(/\bimport\.meta\.url\b/g, JSON.stringify(pathToFileURL(file).href))
        .replace(/\bimport\.meta\.dirname\b/g, JSON.stringify(path.dirname(file)))
        .replace(/\b__filename\b/g, JSON.stringify(file));
      return { contents, loader: file.endsWith('.mjs') ? 'js' : file.endsWith('x') ? 'tsx' : 'ts' };
    });
  },
};

/** Bundles these files (relative to `root`); gives the place of the bundle of each, and of what is no such file itself. */
export async function bundled(root, files) {
  const folder = path.join(root, 'test-results/bundled');
  rmSync(folder, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: files,
    outdir: folder,
    outbase: root,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'linked',
    plugins: [placesOfSources],
    logLevel: 'warning',
  });
  return (name) => (files.includes(name) ? path.join(folder, name.replace(/\.m?tsx?$/, '.mjs')) : name);
}
