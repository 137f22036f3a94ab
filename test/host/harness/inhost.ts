import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import type { InHostResults } from '../inhost/results.ts';
import { bridgeExtension, root, type Release } from './server.ts';
import { Workbench } from './workbench.ts';

/** Bundles the tests that run inside the extension host; gives the entry file. */
export async function bundleTests(release: Release): Promise<string> {
  const folder = path.join(root, `test-results/inhost-${release}`);
  mkdirSync(folder, { recursive: true });
  const outfile = path.join(folder, 'index.js');
  await build({
    entryPoints: [path.join(root, 'test/host/inhost/index.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
    sourcemap: 'inline',
  });
  return outfile;
}

/** Runs the tests inside the extension host of a release of VS Code. */
export async function runInHost(release: Release, patienceMs = 400_000): Promise<InHostResults> {
  const entry = await bundleTests(release);
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-results-'));
  const file = path.join(folder, 'results.json');
  const workspace = path.join(root, 'media/samples');
  const workbench = await Workbench.start({ release, workspace, env: { CONVEXNET_RESULTS: file } });
  try {
    const { page } = workbench;
    const ended = new Promise<void>((resolve, reject) => {
      void page.exposeFunction('codeAutomationLog', () => undefined);
      void page.exposeFunction('codeAutomationExit', () => resolve());
      page.on('crash', () => reject(new Error('The page crashed.')));
      setTimeout(() => reject(new Error('The tests did not end in time.')), patienceMs).unref();
    });
    await workbench.develop([root, bridgeExtension], entry);
    await page.goto(workbench.server.address);
    await ended;
    if (!existsSync(file)) throw new Error('The tests ended without results.');
    return JSON.parse(readFileSync(file, 'utf8')) as InHostResults;
  } finally {
    await workbench.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
