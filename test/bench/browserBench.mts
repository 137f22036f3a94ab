// A process of its own for the benchmark (`browser` section): the product's worker on diabetes as a thread of Node and as a Web Worker of Chromium, in turns,
// each with one thread of kernels.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import { build } from 'esbuild';
import { SharedStops } from '../../src/shared/stopFlag.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import type { WorkerApi } from '../../src/worker/api.ts';
import { launchBrowser } from '../webview/harness.ts';

const file = path.resolve('media/samples/diabetes.csv');
const rounds = 5;
const base: TrainSettings = {
  ...defaultSettings,
  certifySeconds: 0,
  path: { points: 0, smallest: 0.01 },
  compare: { ...defaultSettings.compare, enabled: false },
};
const cases: readonly TrainSettings[] = [
  { ...base, model: 'gated-relu', beta: { kind: 'relative', value: 0.1 }, tolerance: 1e-10 },
  { ...base, model: 'relu', beta: { kind: 'relative', value: 0.3 }, tolerance: 1e-9 },
];

interface Solved {
  readonly objective: number;
  readonly seconds: number;
}

/** What the page runs: the host's end of the protocol of src/platform/browser. */
const pageCode = `
import { expose, proxy, wrap } from 'comlink';
import { AddressStops } from '../../src/platform/browser/addressStops.ts';
window.trainThere = async (program, data, settings) => {
  const calls = new MessageChannel();
  const files = new MessageChannel();
  expose({ read: async () => '', writeWhole: async () => undefined }, files.port1);
  const address = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }));
  const worker = new Worker(address);
  const first = { kind: 'worker', data: { folder: 'memory:/runs' }, program: address, calls: calls.port2, files: files.port2 };
  worker.postMessage(first, [calls.port2, files.port2]);
  const api = wrap(calls.port1);
  const bytes = new TextEncoder().encode(data);
  const remote = { read: () => bytes, stat: () => ({ size: bytes.length, mtime: 0 }) };
  await api.open({ uri: 'memory:/diabetes.csv', name: 'diabetes.csv', path: null }, proxy(remote));
  const listener = proxy({ progress: () => undefined, record: () => undefined, stored: () => undefined });
  const { value, error } = await api.train(new AddressStops().begin(), settings, listener);
  worker.terminate();
  if (error) throw new Error(error.message);
  return { objective: value.objective, seconds: value.seconds };
};`;

async function there(settings: TrainSettings): Promise<Solved> {
  const worker = new Worker(path.resolve('dist/worker.js'), { workerData: { folder: '/nowhere' } });
  const { proxy } = await import('comlink');
  const api = wrap<WorkerApi>(nodeEndpoint(worker));
  await api.open({ uri: `file://${file}`, name: 'diabetes.csv', path: file }, null);
  const listener = proxy({ progress: () => undefined, record: () => undefined, stored: () => undefined });
  const { value, error } = await api.train(new SharedStops().begin(), settings, listener);
  await worker.terminate();
  if (value === undefined) throw new Error(error?.message);
  return value;
}

const bundled = await build({
  stdin: { contents: pageCode, resolveDir: import.meta.dirname, loader: 'ts' },
  bundle: true,
  write: false,
  format: 'iife',
});
const browser = await launchBrowser();
try {
  const page = await browser.newPage();
  // an address that browsers trust: hashing needs one
  await page.route('http://localhost/', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<title>bench</title>' }),
  );
  await page.goto('http://localhost/');
  await page.addScriptTag({ content: bundled.outputFiles[0].text });
  const program = readFileSync('dist/worker.js', 'utf8');
  const data = readFileSync(file, 'utf8');
  const inBrowser = (settings: TrainSettings): Promise<Solved> =>
    page.evaluate(
      ([code, text, given]) =>
        (window as unknown as { trainThere: (c: string, d: string, s: object) => Promise<Solved> }).trainThere(
          code,
          text,
          given,
        ),
      [program, data, settings] as const,
    );
  const results = [];
  for (const settings of cases) {
    const node: Solved[] = [];
    const web: Solved[] = [];
    for (let round = 0; round < rounds; round++) {
      node.push(await there(settings));
      web.push(await inBrowser(settings));
    }
    const best = (of: readonly Solved[]): number => Math.min(...of.map(({ seconds }) => seconds));
    const difference = Math.abs(web[0].objective / node[0].objective - 1);
    results.push({ model: settings.model, node: best(node), web: best(web), difference });
  }
  console.log(JSON.stringify(results));
} finally {
  await browser.close();
}
