import type { Control } from '../../src/core/base/control.ts';
import type { Rng } from '../../src/core/base/rng.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { memorySource } from '../support/memorySource.ts';
import { testSession } from '../support/sessionHarness.ts';
import { type Figures, pick, Tally } from './tally.ts';

/** Rows and inputs of ordinary data: long, square and wide. */
const shapes = [[400, 6], [300, 220], [60, 2000], [250, 120], [40, 12]] as const; // prettier-ignore

/** Models and ways to solve them. */
const ways: readonly Partial<TrainSettings>[] = [
  { model: 'relu', arrangements: 'adaptive' },
  { model: 'relu', arrangements: 'sampled', gates: 100 },
  { model: 'relu', arrangements: 'adaptive', bias: 'free' },
  { model: 'gated-relu', gates: 200 },
  { model: 'three-layer', m1: 2 },
  { model: 'linear', depth: 3, loss: 'squared' },
  { model: 'linear', depth: 2 },
];

function table(rng: Rng, rows: number, inputs: number, task: 'numbers' | 'two' | 'three'): string {
  const lines = [[...Array.from({ length: inputs }, (_, j) => `x${j}`), 'target'].join(',')];
  for (let i = 0; i < rows; i++) {
    const x = Array.from({ length: inputs }, () => rng.normal());
    const y = x[0] + Math.abs(x[1]) + 0.3 * rng.normal();
    const target = task === 'numbers' ? y.toFixed(4) : task === 'two' ? (y > 0.8 ? 'a' : 'b') : 'abc'[Math.max(0, Math.min(2, Math.floor(y + 0.5)))]; // prettier-ignore
    lines.push([...x.map((value) => value.toFixed(5)), target].join(','));
  }
  return `${lines.join('\n')}\n`;
}

const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Answers later than this, in processor time of a machine that does other things as well, are faults; the aim is 200 ms. */
const answerWithin = 600;

/** Trainings on ordinary data of all shapes, stopped at any moment of any stage: how long each works on. */
export function stops(count: number, seed: number): Promise<Figures> {
  const tally = new Tally('stops', count, { milliseconds: 60_000 });
  return tally.each(seed, async (rng, index) => {
    const [rows, inputs] = pick(rng, shapes);
    const csv = table(rng, rows, inputs, pick(rng, ['numbers', 'two', 'three'] as const));
    const settings: TrainSettings = {
      ...defaultSettings,
      ...pick(rng, ways),
      target: 'target',
      seed: rng.integer(1000),
      timeLimitSeconds: 1,
      certifySeconds: 0.5,
      path: { points: 3, smallest: 0.1 },
      compare: { ...defaultSettings.compare, enabled: rng.uniform() < 0.5, seeds: 1, epochs: 50 },
    };
    // more of the early moments, where things are small and many
    const stopAfter = 6000 * rng.uniform() ** 2;
    const started = cpu();
    let stopped: number | undefined;
    let last = started;
    let stage = 'reading';
    const control: Control = {
      now: () => cpu() / 1000,
      shouldStop: () => {
        const now = cpu();
        // the stop came at its moment, however long it took until somebody looked
        if (stopped === undefined && now - started >= stopAfter) stopped = Math.max(started + stopAfter, last);
        last = now;
        return stopped !== undefined;
      },
    };
    try {
      await testSession(memorySource(csv)).train(
        settings,
        { progress: (progress) => void (stage = progress.stage), record: () => undefined },
        control,
      );
    } finally {
      if (stopped !== undefined) {
        const took = cpu() - stopped;
        tally.stop = Math.max(tally.stop ?? 0, took);
        if (took > answerWithin)
          tally.fault(index, `${rows} x ${inputs}, ${JSON.stringify(settings.model)}, ${stage}: worked on for ${took.toFixed(0)} ms`); // prettier-ignore
      }
    }
  });
}
