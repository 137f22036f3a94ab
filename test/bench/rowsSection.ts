import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import { trainGradient } from '../../src/core/descent/train.ts';
import { betaMaxAtLeast } from '../../src/core/engine/relu/threshold.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { prepare } from '../../src/core/problem/prepare.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import { createPooledKernels } from '../../src/platform/node/kernelPool.ts';
import { syntheticData } from './data.ts';
import { benchProblem } from './problems.ts';
import { cpuSeconds, median, progress, table } from './timing.ts';

const threads = Number(process.env.THREADS ?? 1);
const now = process.env.CLOCK === 'wall' ? (): number => performance.now() / 1000 : cpuSeconds;
const sizes = (process.env.ROWS ?? '100000,1000000').split(',').map(Number);
const columns = 20;
/** Excess over the final objective that both are timed to. */
const excess = 1e-2;
/** Seconds of the clock that one solve may take. */
const patience = Number(process.env.PATIENCE ?? 240);
/** Adam: mini-batches, and rates of which the quickest counts, without the time of the others. */
const batchSize = 256;
const epochs = 3;
const rates = [0.001, 0.003, 0.01, 0.03];

/** Rows of the solve that comes first: code and memory that any training takes are there before the memory of many rows is counted. */
const rowsBefore = 2000;

/** Collects garbage; what was compiled may go with it. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Begins a new peak of the resident memory, where the system can (Linux), and says how much is resident now. */
function beginPeak(): number {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // elsewhere the peak is that of the whole process so far
  }
  return process.memoryUsage().rss;
}

/** Largest resident memory since `beginPeak`, bytes. */
function peakMemory(): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    if (line !== null) return 1024 * Number(line[1]);
  } catch {
    // not Linux
  }
  return 1024 * process.resourceUsage().maxRSS;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const figure = (seconds: number): string => (Number.isFinite(seconds) ? seconds.toFixed(2) : '-');

function problemOf(n: number): Problem {
  const base = benchProblem({ data: syntheticData(n, columns), gates: 1, model: 'relu', tolerance: 1e-4 }, 1);
  const beta = 0.1 * betaMaxAtLeast(prepare(base));
  return { ...base, beta, arrangements: { kind: 'adaptive', seed: 1 } };
}

/** Where the whole solve takes less than so many seconds, the first network is come to so many times on both sides, and medians count. */
const shortSolve = 30;
const repeats = 5;

/** Seconds of a solve until an objective of `enough`, where it is stopped. */
function secondsTo(enough: number, problem: Problem, kernels: Kernels): number {
  const begin = now();
  let reached = Infinity;
  solve(
    problem,
    { kernels, certifySeconds: 0 },
    {
      shouldStop: () => reached < Infinity,
      now,
      report({ objective }) {
        if (objective <= enough) reached = Math.min(reached, now() - begin);
      },
    },
  );
  return reached;
}

/** Seconds of Adam until an objective of `enough`; infinite when its epochs do not get there. */
function adamSecondsTo(
  enough: number,
  problem: Problem,
  width: number,
  learningRate: number,
  kernels: Kernels,
): number {
  const { curve } = trainGradient(
    prepare(problem),
    { kind: 'relu', width },
    { rule: 'adam', seed: 1, epochs, batchSize, learningRate, curvePoints: epochs + 1, kernels },
    { shouldStop: () => false, now },
  );
  const at = curve.objective.findIndex((objective) => objective <= enough);
  return at < 0 ? Infinity : curve.seconds[at];
}

/** Many rows: seconds to a network within 1e-2 of the final objective, beside Adam on mini-batches, and memory. */
export function benchRows(): void {
  const kernels = createPooledKernels({ threads });
  const rows = sizes.map((n) => {
    const problem = problemOf(n);
    collectGarbage();
    solve(problemOf(rowsBefore), { kernels, certifySeconds: 0 });
    const before = beginPeak();
    const trace: { readonly seconds: number; readonly objective: number }[] = [];
    const begin = now();
    let [looks, over] = [0, false];
    const solution = solve(
      problem,
      { kernels, certifySeconds: 0 },
      {
        shouldStop: () => (over ||= (++looks & 15) === 0 && now() - begin > patience),
        now,
        report: ({ objective }) => trace.push({ seconds: now() - begin, objective }),
      },
    );
    const final = now() - begin;
    const peak = peakMemory() - before;
    progress(`${n} rows`);
    const enough = solution.objective * (1 + excess);
    const first = trace.find(({ objective }) => objective <= enough)?.seconds ?? final;
    const times = final < shortSolve ? repeats : 1;
    const medianOf = (measure: () => number): number => median(Array.from({ length: times }, measure));
    const ours = times > 1 ? medianOf(() => secondsTo(enough, problem, kernels)) : first;
    const width = Math.max(1, solution.network.W1.rows);
    const adam = rates.map((rate) => medianOf(() => adamSecondsTo(enough, problem, width, rate, kernels)));
    const quickest = Math.min(...adam);
    progress(`${n} rows, Adam`);
    return [
      `${n} x ${columns}`,
      `${solution.network.W1.rows}`,
      figure(ours),
      figure(quickest),
      Number.isFinite(quickest) ? (ours / quickest).toFixed(2) : '0',
      figure(final),
      solution.objective.toPrecision(8),
      over ? 'cut short' : solution.relativeGap.toExponential(1),
      mebibytes(8 * n * columns),
      mebibytes(peak),
      (peak / (8 * n * columns)).toFixed(1),
    ];
  });
  table(
    [
      'rows',
      'neurons',
      `ours to ${excess}, s`,
      'Adam, s',
      'over Adam',
      'final, s',
      'objective',
      'program gap',
      'data',
      'peak above it',
      'times the data',
    ],
    rows,
  );
  console.log(
    `\n${threads} thread${threads > 1 ? 's' : ''}, ${process.env.CLOCK === 'wall' ? 'wall' : 'CPU'} seconds. Adam: mini-batches of ${batchSize}, ${epochs} epochs, the quickest of the rates ${rates.join(', ')}, looked at after whole epochs. Solves of less than ${shortSolve} s: medians of ${repeats} on both sides. Memory: resident at most during the solve, less what was resident before it, which holds the data and what a training of ${rowsBefore} rows leaves behind.`,
  );
  kernels.dispose();
}
