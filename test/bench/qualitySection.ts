import path from 'node:path';
import type { RunRecord } from '../../src/shared/run.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/session/platform.node.ts';
import { createSession } from '../../src/session/session.ts';
import { defaultSettings } from '../../src/shared/settings.ts';
import { standingOf } from '../../src/shared/usefulness.ts';
import { createPooledKernels } from '../../src/worker/kernelPool.ts';
import { progress, table } from './timing.ts';
import { sampleNames } from './trainingData.ts';

/** `SAMPLES=iris,wine SEEDS=3 THREADS=2 npm run bench -- quality` */
const names = process.env.SAMPLES?.split(',') ?? sampleNames;
const seeds = Number(process.env.SEEDS ?? 1);
const threads = Number(process.env.THREADS ?? 2);

/** One training at defaults, without the proof, the path and the comparison, which come after the network. */
interface Measured {
  readonly run: RunRecord;
  /** Seconds from the start to the first network, to the one at the chosen beta, and to that solved to tolerance. */
  readonly first: number;
  readonly chosen: number;
  readonly solved: number;
}

async function trained(name: string, seed: number): Promise<Measured> {
  const kernels = createPooledKernels({ threads });
  try {
    const source = await nodeFileSource(path.resolve('media/samples', `${name}.csv`));
    const session = createSession(source, nodeSessionDeps({ threads, kernels }));
    const { target } = await session.inspect();
    const now = (): number => performance.now() / 1000;
    const begin = now();
    let first = Infinity;
    let chosen = Infinity;
    const settings = {
      ...defaultSettings,
      target,
      seed,
      certifySeconds: 0,
      path: { ...defaultSettings.path, points: 0 },
      compare: { ...defaultSettings.compare, enabled: false },
    };
    const run = await session.train(
      settings,
      {
        progress: () => undefined,
        record({ missing }) {
          first = Math.min(first, now() - begin);
          if (missing?.includes('cross-validation') !== true) chosen = Math.min(chosen, now() - begin);
        },
      },
      { shouldStop: () => false, now },
    );
    return { run, first, chosen, solved: now() - begin };
  } finally {
    kernels.dispose();
  }
}

const figures = (value: number, digits = 3): string => String(Number(value.toPrecision(digits)));

/** Test score at defaults beside the best simple model, with the deviation of the difference over the test rows. */
export async function benchQuality(): Promise<void> {
  const standings = { better: 0, tied: 0, worse: 0, unknown: 0 };
  const rows: string[][] = [];
  for (const name of names) {
    for (let seed = 1; seed <= seeds; seed++) {
      const { run, first, chosen, solved } = await trained(name, seed);
      const { evaluation, resolved, crossValidation, solution } = run;
      const standing = standingOf(evaluation);
      standings[standing]++;
      rows.push([
        `${name} ${seed}`,
        evaluation?.measure ?? '-',
        evaluation === undefined ? '-' : figures(evaluation.network),
        evaluation === undefined ? '-' : `${figures(evaluation.baseline)} (${evaluation.baselineModel})`,
        evaluation === undefined
          ? '-'
          : `${figures(evaluation.difference, 2)} ± ${figures(evaluation.standardError, 2)}`,
        standing,
        figures(resolved.beta / resolved.betaMax, 2),
        `${crossValidation?.points.length ?? 0} ${crossValidation?.end ?? ''}`,
        solution.status,
        ...[first, chosen, solved].map((s) => s.toFixed(1)),
      ]);
      progress(`${name}, seed ${seed}`);
    }
  }
  table(
    [
      'sample, seed',
      'mean',
      'network',
      'best simple model',
      'difference',
      '',
      'beta/max',
      'curve',
      'solve',
      'first s',
      'chosen s',
      'solved s',
    ],
    rows,
  );
  const { better, tied, worse } = standings;
  console.log(
    `\n${threads} threads, wall seconds. Better ${better}, level within one standard error ${tied}, worse ${worse}.`,
  );
}
