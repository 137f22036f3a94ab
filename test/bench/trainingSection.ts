import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { proxy } from 'comlink';
import type { StageName } from '../../src/shared/run.ts';
import { defaultSettings } from '../../src/shared/settings.ts';
import type { TrainListener } from '../../src/worker/api.ts';
import { checked, hostedWorker } from './hostedWorker.ts';
import { progress, seconds, table } from './timing.ts';
import { sampleNames } from './trainingData.ts';

/** `SAMPLES=iris,wine npm run bench -- training`. */
const names = process.env.SAMPLES?.split(',') ?? sampleNames;

/** What is looked for in the records: the moment from which on a stage is no longer missing. */
const stages: readonly StageName[] = ['cross-validation', 'proof', 'path', 'compare'];

/**
 * A training at defaults by the product's worker, which has a thread for each processor, from the moment that it is started: what a person waits for
 * after a right-click, but for the drawing of the panel (`panel`). Seconds by the wall.
 */
async function benchSample(name: string, folder: string): Promise<string[]> {
  const begin = performance.now();
  const since = (): number => (performance.now() - begin) / 1000;
  const worker = await hostedWorker(path.resolve('media/samples', `${name}.csv`), folder);
  const { target } = checked(await worker.api.inspect(worker.stops.begin()));
  let first = Infinity;
  const there = new Map<StageName, number>();
  const listener = proxy({
    progress: () => undefined,
    record({ record }) {
      const now = since();
      first = Math.min(first, now);
      for (const stage of stages)
        if (record.missing?.includes(stage) !== true && !there.has(stage)) there.set(stage, now);
    },
    stored: () => undefined,
  } satisfies TrainListener);
  const { status } = checked(await worker.api.train(worker.stops.begin(), { ...defaultSettings, target }, listener));
  const all = since();
  await worker.end();
  progress(name);
  return [name, seconds(first), ...stages.map((stage) => seconds(there.get(stage) ?? Infinity)), seconds(all), status];
}

/** Needs `dist`, which `npm run bench` builds. */
export async function benchTraining(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  try {
    const rows: string[][] = [];
    for (const name of names) rows.push(await benchSample(name, folder));
    table(['sample', 'first network', 'chosen network', 'proof', 'path', 'comparison', 'everything', 'status'], rows);
    console.log('Seconds by the wall, from the start of the worker (to reach: 2 s, 20 s and 60 s for everything).\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
