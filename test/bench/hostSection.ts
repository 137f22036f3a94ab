import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { proxy } from 'comlink';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import type { PanelRun, TrainListener } from '../../src/worker/api.ts';
import { writeRows } from './data.ts';
import { checked, hostedWorker } from './hostedWorker.ts';
import { median, seconds, table } from './timing.ts';

const gated: TrainSettings = {
  ...defaultSettings,
  target: 'y',
  model: 'gated-relu',
  arrangements: 'sampled',
  gates: 500,
  beta: { kind: 'relative', value: 0.1 },
  testFraction: 0,
  certifySeconds: 0,
  path: { points: 0, smallest: 0.01 },
  compare: { ...defaultSettings.compare, enabled: false },
};

/** Runs in a process of its own: time to load dist/extension.js and to activate it, on an editor that answers anything. */
const activation = `
const Module = require('node:module');
const os = require('node:os');
const words = { fsPath: os.tmpdir() + '/bench-nothing', path: '/', scheme: 'file', asAbsolutePath: (file) => file };
const anything = () => new Proxy(function () {}, {
  get: (_, name) => {
    if (name in words) return words[name];
    if (name === 'then') return undefined;
    if (name === Symbol.toPrimitive) return () => '';
    if (name === Symbol.iterator) return function* () {};
    return anything();
  },
  set: () => true,
  apply: () => anything(),
  construct: () => anything(),
});
// the bundle copies own properties and keeps the prototype: everything comes from there
const editor = Object.create(anything());
const load = Module._load;
Module._load = (request, ...rest) => (request === 'vscode' ? editor : load(request, ...rest));
const begin = performance.now();
const before = process.cpuUsage();
const extension = require(process.argv[1]);
const loaded = performance.now();
Promise.resolve(extension.activate(anything())).then(() => {
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify([loaded - begin, performance.now() - loaded, (user + system) / 1000]));
  process.exit(0);
});
`;

function benchActivation(): void {
  const runs = Array.from({ length: 7 }, () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', activation, path.resolve('dist/extension.js')], {
      encoding: 'utf8',
    });
    if (stdout === '') throw new Error(`the extension was not activated: ${stderr}`);
    return JSON.parse(stdout) as number[];
  });
  const [load, activate, cpu] = [0, 1, 2].map((k) => median(runs.map((run) => run[k])) / 1000);
  console.log(
    `Activation of the extension's own code (editor replaced by a stand-in, new process, wall time, median of ${runs.length}): ` +
      `${seconds(load)} to load, ${seconds(activate)} to activate, ${seconds(load + activate)} in all, ${seconds(cpu)} of CPU (to reach: 50 ms).\n`,
  );
}

/** A change of beta as the panel asks for it: from the call until the record, with its certificate, is back at the host. */
async function benchRoundTrip(folder: string): Promise<void> {
  const file = path.join(folder, 'small.csv');
  await writeRows(file, 10, (rows) => rows >= 500);
  const worker = await hostedWorker(file, folder);
  let got: (() => void) | undefined;
  const records: PanelRun['record'][] = [];
  const take = ({ record }: PanelRun): void => {
    got?.();
    if (got) records.push(record);
  };
  const listener = (): TrainListener =>
    proxy({ progress: () => undefined, record: take, stored: () => undefined } satisfies TrainListener);
  const rows: string[][] = [];
  for (const fraction of [0.1, 0.02]) {
    const settings: TrainSettings = { ...gated, beta: { kind: 'relative', value: fraction } };
    const { beta, id } = checked(await worker.api.train(worker.stops.begin(), settings, listener()));
    for (const factor of [2, 0.5]) {
      const times: number[] = [];
      for (let k = 0; k < 7; k++) {
        let at = Infinity;
        got = () => (at = Math.min(at, performance.now()));
        const begin = performance.now();
        checked(
          await worker.api.resolve(worker.stops.begin(), factor * beta, { final: false, settings, of: id }, listener()),
        );
        times.push((at - begin) / 1000);
        got = undefined;
        checked(await worker.api.resolve(worker.stops.begin(), beta, { final: false, settings, of: id }, listener()));
      }
      rows.push([`${fraction} -> ${fraction * factor}`, seconds(median(times)), seconds(Math.max(...times))]);
    }
  }
  table(['500 rows x 10 features, 500 gates: beta/max', 'record at the host (wall, median)', 'longest of 7'], rows);
  console.log('Solve, certificate, record and its way to the host (to reach: 150 ms with the drawing of the panel).\n');
  await worker.end();
  benchDrawing(records, path.join(folder, 'records.json'));
}

/** The same records in the built panel, in Chromium: from the message until the frame that has the pictures. */
function benchDrawing(records: readonly PanelRun['record'][], file: string): void {
  writeFileSync(file, JSON.stringify(records));
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'test/bench/drawPanel.mts', file], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  if (stdout === '') throw new Error(`the panel was not drawn: ${stderr}`);
  const times = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, number[]>;
  table(
    ['the panel redraws: view', 'wall, median', `longest of ${2 * records.length}`],
    Object.entries(times).map(([view, ms]) => [view, seconds(median(ms) / 1000), seconds(Math.max(...ms) / 1000)]),
  );
  console.log('From the message to the end of the second frame; headless Chromium without a graphics card.\n');
}

/** How long a running training goes on after a stop: all of the product's way, on the largest table it takes by default. */
async function benchStop(folder: string): Promise<void> {
  const file = path.join(folder, 'wide.csv');
  await writeRows(file, 100, (rows) => rows >= 10000);
  const worker = await hostedWorker(file, folder);
  const settings: TrainSettings = {
    ...gated,
    beta: { kind: 'relative', value: 0.05 },
    path: { points: 20, smallest: 0.01 },
  };
  const found = new Map<string, number[]>();
  for (let k = 0; k < 14; k++) {
    const task = worker.stops.begin();
    let stage = '';
    const listener = proxy({
      progress: (p) => (stage = p.stage),
      record: () => undefined,
      stored: () => undefined,
    } satisfies TrainListener);
    const done = worker.api.train(task, settings, listener);
    await new Promise((resolve) => setTimeout(resolve, 150 + 400 * k));
    const [begin, where] = [performance.now(), stage];
    worker.stops.stop(task);
    await done;
    const list = found.get(where) ?? [];
    found.set(where, [...list, (performance.now() - begin) / 1000]);
  }
  table(
    ['stop while', 'times', 'answered after (wall, median)', 'longest'],
    [...found].map(([stage, times]) => [
      stage || 'starting',
      `${times.length}`,
      seconds(median(times)),
      seconds(Math.max(...times)),
    ]),
  );
  console.log('10,000 rows x 100 features, 500 gates, with a path of 20 betas; to reach: 200 ms.\n');
  await worker.end();
}

/** Pauses of this thread's event loop while the worker reads a large file and trains on it. */
async function benchLargeFile(folder: string): Promise<void> {
  const file = path.join(folder, 'large.csv');
  await writeRows(file, 6, (_, bytes) => bytes >= 100e6);
  const worker = await hostedWorker(file, folder);
  const listener = proxy({
    progress: () => undefined,
    record: () => undefined,
    stored: () => undefined,
  } satisfies TrainListener);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const begin = performance.now();
  delay.enable();
  checked(await worker.api.inspect(worker.stops.begin()));
  const summary = checked(
    await worker.api.train(worker.stops.begin(), { ...gated, gates: 50, timeLimitSeconds: 10 }, listener),
  );
  delay.disable();
  console.log(
    `${(statSync(file).size / 1e6).toFixed(0)} MB file looked at, read and trained on in ${seconds((performance.now() - begin) / 1000)} (${summary.status}); ` +
      `pauses of the host's event loop meanwhile: longest ${(delay.max / 1e6).toFixed(0)} ms, 99.9 % below ${(delay.percentile(99.9) / 1e6).toFixed(0)} ms (to reach: 50 ms; the timer's own 5 ms included).`,
  );
  await worker.end();
}

/** What the extension host feels: activation, a change of beta, a stop, a large file. Needs `dist`, which `npm run bench` builds. */
export async function benchHost(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  try {
    benchActivation();
    await benchRoundTrip(folder);
    await benchStop(folder);
    await benchLargeFile(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
