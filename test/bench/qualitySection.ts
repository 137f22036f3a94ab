import path from 'node:path';
import { uncontrolled } from '../../src/core/base/control.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { createSession } from '../../src/session/session.ts';
import { defaultSettings } from '../../src/shared/settings.ts';
import { standingOf } from '../../src/shared/usefulness.ts';
import { createPooledKernels } from '../../src/platform/node/kernelPool.ts';
import { hasTabularPeers, tabularErrors, type TabularErrors } from './tabularPeers.ts';
import { cpuSeconds, progress, table } from './timing.ts';
import { sampleNames } from './trainingData.ts';

/** `SAMPLES=iris,wine SEEDS=3 npm run bench -- quality`; scikit-learn's models alone: `npm run bench -- tabular`. */
const names = process.env.SAMPLES?.split(',') ?? sampleNames;
const seeds = Number(process.env.SEEDS ?? 1);

/** A training at defaults up to the network at the chosen beta; polish, proof, path and comparison come after it. */
interface Measured {
  readonly run: RunRecord;
  /** CPU seconds to the first network, and to the one at the chosen beta. */
  readonly first: number;
  readonly chosen: number;
}

async function trained(name: string, seed: number): Promise<Measured> {
  const kernels = createPooledKernels({ threads: 1 });
  try {
    const source = await nodeFileSource(path.resolve('media/samples', `${name}.csv`));
    const session = createSession(source, nodeSessionDeps({ kernels }));
    const { target } = await session.inspect();
    const begin = cpuSeconds();
    let first = Infinity;
    let found: Measured | undefined;
    const run = await session.train(
      { ...defaultSettings, target, seed },
      {
        progress: () => undefined,
        record(record) {
          const now = cpuSeconds() - begin;
          first = Math.min(first, now);
          if (record.missing?.includes('cross-validation') !== true) found ??= { run: record, first, chosen: now };
        },
      },
      { shouldStop: () => found !== undefined, now: cpuSeconds },
    );
    return found ?? { run, first, chosen: cpuSeconds() - begin };
  } finally {
    kernels.dispose();
  }
}

/** Errors of scikit-learn's models on the rows of a training at defaults. */
async function peersOn(name: string, seed: number): Promise<TabularErrors | undefined> {
  const source = await nodeFileSource(path.resolve('media/samples', `${name}.csv`));
  const session = createSession(source, nodeSessionDeps({}));
  const { target } = await session.inspect();
  const { data } = await session.problem({ ...defaultSettings, target, seed }, uncontrolled);
  return tabularErrors(data, seed);
}

const figures = (value: number, digits = 3): string => String(Number(value.toPrecision(digits)));

/** Test score at defaults beside the best simple model, with the deviation of the difference over the test rows. */
export async function benchQuality(): Promise<void> {
  const standings = { better: 0, tied: 0, worse: 0, unknown: 0 };
  const rows: string[][] = [];
  for (const name of names) {
    for (let seed = 1; seed <= seeds; seed++) {
      const { run, first, chosen } = await trained(name, seed);
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
        solution.relativeGap.toExponential(0),
        ...[first, chosen].map((s) => s.toFixed(1)),
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
      'gap',
      'first s',
      'chosen s',
    ],
    rows,
  );
  const { better, tied, worse } = standings;
  console.log(
    `\nOne thread, CPU seconds. Better ${better}, level within one standard error ${tied}, worse ${worse}.\n`,
  );
}

/** Mean errors of what people use for tables, on the same training and test rows. */
export async function benchTabularPeers(): Promise<void> {
  if (!hasTabularPeers()) {
    console.log('Not compared with scikit-learn: the Python interpreter (PYTHON) does not have it.');
    return;
  }
  const rows: string[][] = [];
  for (const name of names) {
    for (let seed = 1; seed <= seeds; seed++) {
      const errors = await peersOn(name, seed);
      rows.push([
        `${name} ${seed}`,
        ...[errors?.mlp, errors?.boosting].map((e) => (e === undefined ? '-' : figures(e))),
      ]);
      progress(`${name}, seed ${seed}: scikit-learn`);
    }
  }
  table(['sample, seed', 'perceptron, penalty by cross-validation', 'gradient boosting'], rows);
}
