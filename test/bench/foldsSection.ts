import path from 'node:path';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import { denseMatrix, rowOf } from '../../src/core/base/linalg/matrix.ts';
import { betaGrid, regularizationPath } from '../../src/core/engine/path.ts';
import { solve } from '../../src/core/engine/solve.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import { createSession } from '../../src/session/session.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { defaultSettings } from '../../src/shared/settings.ts';
import { createPooledKernels } from '../../src/platform/node/kernelPool.ts';
import { cpuLimit, cpuSeconds, median, progress, table } from './timing.ts';
import { sampleNames, sampleProblem } from './trainingData.ts';

/** `SAMPLES=iris,wine npm run bench -- folds`. */
const names = process.env.SAMPLES?.split(',') ?? sampleNames;
const folds = 5;
/** Threads that the folds are on; each fold has its thread, as in the product. */
const threads = 2;
/** The path: betas, the smallest over betaMax, relative gap. */
const points = 20;
const end = 0.01;
const tolerance = 1e-4;
/** CPU seconds that one path may take. */
const patience = Number(process.env.FOLD_SECONDS ?? 60);

/** The problem on the rows that fold k keeps, beta for as many. */
function without(problem: Problem, k: number): Problem {
  const { X, y, weights } = problem;
  const rows = Array.from({ length: X.rows }, (_, i) => i).filter((i) => i % folds !== k);
  const taken = (m: Problem['X']): Problem['X'] => {
    const out = denseMatrix(rows.length, m.cols);
    rows.forEach((i, r) => out.data.set(rowOf(m, i), r * m.cols));
    return out;
  };
  return { ...problem, X: taken(X), y: taken(y), weights: weights && Float64Array.from(rows, (i) => weights[i]) };
}

interface Traced {
  readonly reached: number;
  readonly time: number;
}

/** CPU seconds of the thread that has most to do. */
function onThreads(times: readonly number[]): number {
  const sums = new Array<number>(threads).fill(0);
  times.forEach((time, k) => (sums[k % threads] += time));
  return Math.max(...sums);
}

/** The path of all rows and that of each fold, every point to `tolerance`. */
async function paths(name: string, kernels: Kernels): Promise<{ readonly whole: Traced; readonly parts: Traced[] }> {
  const problem = await sampleProblem(name, kernels);
  const { betaMax } = solve({ ...problem, tolerance: 1e-2 }, { kernels, certifySeconds: 0 });
  const traced = (part: Problem): Traced => {
    const begin = cpuSeconds();
    const share = part.X.rows / problem.X.rows;
    const betas = betaGrid(betaMax! * share, points, end);
    const steps = [
      ...regularizationPath({ ...part, tolerance }, betas, { kernels, certifySeconds: 0 }, cpuLimit(patience)),
    ];
    return { reached: steps.length, time: cpuSeconds() - begin };
  };
  const whole = traced(problem);
  return { whole, parts: Array.from({ length: folds }, (_, k) => traced(without(problem, k))) };
}

interface Product {
  readonly curve: string;
  readonly curveTime: number;
  readonly path: string;
  readonly pathTime: number;
}

/** The curve that chooses beta and the path of a training at defaults, one after the other in this process; their time limit is one of CPU time. */
async function inTraining(name: string, kernels: Kernels): Promise<Product> {
  const session = createSession(
    await nodeFileSource(path.resolve('media/samples', `${name}.csv`)),
    nodeSessionDeps({ kernels }),
  );
  const { target } = await session.inspect();
  const compare = { ...defaultSettings.compare, enabled: false };
  let [begun, ended] = [NaN, NaN];
  const { crossValidation, path: traced } = await session.train(
    { ...defaultSettings, target, certifySeconds: 0, compare },
    {
      progress({ stage }) {
        if (stage === 'path' && Number.isNaN(begun)) begun = cpuSeconds();
      },
      record({ path: soFar }) {
        if (soFar !== undefined && Number.isNaN(ended)) ended = cpuSeconds();
      },
    },
    { shouldStop: () => !Number.isNaN(ended), now: cpuSeconds },
  );
  if (crossValidation === undefined || traced === undefined)
    throw new Error(`${name} was trained without a curve or a path`);
  return {
    curve: `${crossValidation.points.length}${crossValidation.end === 'cut short' ? ', cut short' : ''}`,
    curveTime: crossValidation.seconds,
    path: `${traced.points.length} of ${defaultSettings.path.points}`,
    pathTime: ended - begun,
  };
}

/**
 * Cross-validation beside the path of all rows, in CPU seconds, on one thread of kernels: in a training, whose folds go down every second or fourth
 * beta to a gap of 1e-2 until the error has risen, and, as the most that it could cost, with every fold at every beta of the path to the path's gap.
 */
export async function benchFolds(): Promise<void> {
  const kernels = createPooledKernels({ threads: 1 });
  const [quotients, ofTraining]: number[][] = [[], []];
  const rows: string[][] = [];
  for (const name of names) {
    const product = await inTraining(name, kernels);
    // three of the five folds are on one thread of the two
    const inProduct = (product.curveTime * Math.ceil(folds / threads)) / folds / product.pathTime;
    const { whole, parts } = await paths(name, kernels);
    const reached = parts.reduce((sum, part) => sum + part.reached, 0);
    const quotient = onThreads(parts.map(({ time }) => time)) / whole.time;
    const complete = whole.reached === points && reached === folds * points;
    ofTraining.push(inProduct);
    if (complete) quotients.push(quotient);
    rows.push([
      name,
      product.curve,
      product.curveTime.toFixed(2),
      product.path,
      product.pathTime.toFixed(2),
      inProduct.toFixed(2),
      `${reached} of ${folds * points}`,
      parts.reduce((sum, { time }) => sum + time, 0).toFixed(2),
      `${whole.reached} of ${points}`,
      whole.time.toFixed(2),
      // what was cut short says nothing about a whole path
      complete ? quotient.toFixed(2) : whole.reached === points ? `> ${quotient.toFixed(2)}` : '-',
    ]);
    progress(rows.at(-1)!.join(' | '));
  }
  table(
    [
      'sample',
      'training: curve',
      'CPU s',
      'path',
      'CPU s',
      'ratio',
      'every point of five folds',
      'CPU s',
      'path',
      'CPU s',
      'ratio',
    ],
    rows,
  );
  const most = (ratios: readonly number[]): string =>
    `at most ${Math.max(...ratios).toFixed(2)}, median ${median(ratios).toFixed(2)}`;
  console.log(
    `\nRatios: the folds on two threads, the busier one's time, over the path (to reach: 4). In a training ${most(ofTraining)}; every fold at every point to ${tolerance}, where all are within ${patience} s, ${most(quotients)}.`,
  );
  kernels.dispose();
}
