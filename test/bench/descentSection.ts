import { compareGradient, type GradientResult } from '../../src/core/descent/train.ts';
import { prepare } from '../../src/core/problem/prepare.ts';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import type { Control } from '../../src/core/base/control.ts';
import { betaGrid, regularizationPath } from '../../src/core/engine/path.ts';
import type { Solution } from '../../src/core/engine/solution/solution.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { createPooledKernels } from '../../src/platform/node/kernelPool.ts';
import { cpuSeconds, median, progress, table } from './timing.ts';
import { sampleNames, sampleProblem } from './trainingData.ts';

/** Threads of both sides, the clock of both, and the samples: `THREADS=2 CLOCK=wall SAMPLES=sonar,abalone npm run bench -- descent`. */
const threads = Number(process.env.THREADS ?? 1);
const clock = process.env.CLOCK === 'wall' ? 'wall' : 'cpu';
const names = process.env.SAMPLES?.split(',') ?? sampleNames;
const now = clock === 'wall' ? (): number => performance.now() / 1000 : cpuSeconds;

/** Relative excesses over the best objective known. */
const excesses = [1e-2, 1e-3, 1e-4] as const;
/** Longest that one solve, or one path, may take here: `PATIENCE`. */
const patience = Number(process.env.PATIENCE ?? 120);
const pathPoints = 20;
const pathEnd = 0.01;
/** Relative gap of the points of a path. */
const pathTolerance = 1e-4;

interface Race {
  /** Seconds to each excess; Infinity when never. */
  readonly ours: readonly number[];
  readonly adam: readonly number[];
  readonly tuning: number;
  readonly solution: Solution;
  readonly final: number;
  readonly adamBest: number;
}

function limited(seconds: number, onReport?: Control['report']): Control {
  const end = now() + seconds;
  // the clock of CPU time is slow: looked at now and then only
  let [looks, over] = [0, false];
  const shouldStop = (): boolean => {
    if ((++looks & 63) === 0) over = now() > end;
    return over;
  };
  return { shouldStop, now, report: onReport };
}

/** Runs on small data, which end within this: one of a few hundredths of a second says little, so both sides run so often and the medians count. */
const repeated = { within: 5, runs: 5 } as const;

interface Trace {
  readonly solution: Solution;
  readonly seconds: number;
  readonly points: readonly { readonly seconds: number; readonly objective: number }[];
}

/** A solve and the objectives on its way; it ends when one is at most `enough`. */
function traced(problem: Problem, kernels: Kernels, enough = -Infinity): Trace {
  const points: { readonly seconds: number; readonly objective: number }[] = [];
  const begin = now();
  const control = limited(patience, ({ objective }) => points.push({ seconds: now() - begin, objective }));
  const there = (): boolean => points.length > 0 && points[points.length - 1].objective <= enough;
  const solution = solve(
    problem,
    { kernels, certifySeconds: 0 },
    { ...control, shouldStop: () => there() || control.shouldStop() },
  );
  const seconds = now() - begin;
  return { solution, seconds, points: [...points, { seconds, objective: solution.objective }] };
}

/** Adam at a width: three seeds of a thousand epochs, the rate tuned on them as in the comparison of a training, and the seconds of that. */
function adamRuns(
  problem: Problem,
  width: number,
  kernels: Kernels,
): { runs: readonly GradientResult[]; tuning: number } {
  if (width === 0) return { runs: [], tuning: 0 };
  const begin = now();
  const runs = compareGradient(
    prepare(problem),
    { kind: 'relu', width },
    { rules: ['adam'], seeds: [1, 2, 3], epochs: 1000, batchSize: 0, curvePoints: 2000, kernels },
    limited(patience),
  );
  return { runs, tuning: now() - begin - runs.reduce((sum, run) => sum + run.seconds, 0) };
}

/** Seconds of both sides to each excess over the best objective that either has, and of the tuning. */
function timesTo(best: number, { points }: Trace, { runs, tuning }: ReturnType<typeof adamRuns>): number[][] {
  const within = excesses.map((excess) => best + excess * Math.abs(best));
  const ours = within.map((most) => points.find(({ objective }) => objective <= most)?.seconds ?? Infinity);
  const adam = within.map((most) =>
    Math.min(
      ...runs.map(({ curve }) => {
        const at = curve.objective.findIndex((objective) => objective <= most);
        return at < 0 ? Infinity : curve.seconds[at];
      }),
    ),
  );
  return [ours, adam, [tuning]];
}

/** Ours, and Adam at the width found. */
function race(problem: Problem, kernels: Kernels): Race {
  const whole = traced(problem, kernels);
  const { solution, seconds: final } = whole;
  const width = solution.network.W1.rows;
  const rivals = adamRuns(problem, width, kernels);
  const adamBest = Math.min(...rivals.runs.map(({ curve }) => Math.min(...curve.objective)));
  const best = Math.min(solution.objective, adamBest);
  let times = [timesTo(best, whole, rivals)];
  if (final <= repeated.within) {
    const enough = best + Math.min(...excesses) * Math.abs(best);
    times = Array.from({ length: repeated.runs }, () =>
      timesTo(best, traced(problem, kernels, enough), adamRuns(problem, width, kernels)),
    );
  }
  const [ours, adam, [tuning]] = times[0].map((side, s) => side.map((_, k) => median(times.map((run) => run[s][k]))));
  return { ours, adam, tuning, solution, final, adamBest };
}

/** Time of ours over that of Adam: 0 where Adam never arrives. */
function quotient(ours: number, adam: number): number {
  return Number.isFinite(adam) ? ours / adam : Number.isFinite(ours) ? 0 : NaN;
}

const figure = (x: number): string => (Number.isFinite(x) ? x.toFixed(x < 1 ? 3 : 2) : '-');

/** The path of twenty points: how many were reached, and in what time. */
function tracePath(
  problem: Problem,
  betaMax: number,
  kernels: Kernels,
): { readonly points: number; readonly time: number } {
  const begin = now();
  let points = 0;
  const steps = regularizationPath(
    { ...problem, tolerance: pathTolerance },
    betaGrid(betaMax, pathPoints, pathEnd),
    { certifySeconds: 0, kernels },
    limited(patience),
  );
  for (const { solution } of steps) if (solution.relativeGap <= pathTolerance) points++;
  return { points, time: now() - begin };
}

/**
 * The ReLU network of every sample as a training without changes solves it (80 % of the rows, standardised, 0.1 of betaMax), against Adam
 * at the same width; then the path over beta.
 */
export async function benchDescent(): Promise<void> {
  const kernels = createPooledKernels({ threads });
  const rows: string[][] = [];
  const finals: string[][] = [];
  const tuned: number[] = [];
  const untuned: number[] = [];
  for (const name of names) {
    const problem = await sampleProblem(name, kernels);
    const { ours, adam, tuning, solution, final, adamBest } = race(problem, kernels);
    const size = `${name} ${problem.X.rows} x ${problem.X.cols}${problem.outputs > 1 ? ` x ${problem.outputs}` : ''}`;
    rows.push([
      size,
      ...ours.map(figure),
      ...adam.map(figure),
      figure(tuning),
      ...ours.map((t, k) => quotient(t, adam[k] + tuning).toFixed(2)),
      ...ours.map((t, k) => quotient(t, adam[k]).toFixed(1)),
      ((adamBest - solution.objective) / Math.abs(solution.objective)).toExponential(1),
    ]);
    ours.forEach((t, k) => {
      tuned.push(quotient(t, adam[k] + tuning));
      untuned.push(quotient(t, adam[k]));
    });
    progress(`${name}, against Adam`);
    const path = tracePath(problem, solution.betaMax!, kernels);
    finals.push([
      size,
      `${solution.network.W1.rows}`,
      solution.objective.toPrecision(10),
      solution.relativeGap.toExponential(1),
      figure(final),
      `${path.points} of ${pathPoints}`,
      figure(path.time),
    ]);
    progress(`${name}, path`);
  }
  const over = excesses.map((excess) => excess.toExponential(0));
  table(
    [
      `seconds (${clock}, ${threads} thread${threads > 1 ? 's' : ''}) to`,
      ...over,
      ...over.map((excess) => `Adam ${excess}`),
      'tuning',
      ...over.map((excess) => `/tuned ${excess}`),
      ...over.map((excess) => `/run ${excess}`),
      'Adam ends above',
    ],
    rows,
  );
  console.log(
    `\nOver Adam with the tuning of its rate: at most ${Math.max(...tuned).toFixed(2)}, median ${median(tuned).toFixed(2)}; without: median ${median(untuned).toFixed(2)}. 0: Adam never arrives.\n`,
  );
  table(['final', 'neurons', 'objective', 'gap', 'seconds', `path to ${pathEnd}`, 'seconds'], finals);
  kernels.dispose();
}
