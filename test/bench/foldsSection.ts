import { denseMatrix, rowOf } from '../../src/core/base/linalg/matrix.ts';
import { betaGrid, regularizationPath } from '../../src/core/engine/path.ts';
import { solve } from '../../src/core/engine/solve.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import { createPooledKernels } from '../../src/platform/node/kernelPool.ts';
import { cpuLimit, cpuSeconds, median, progress, table } from './timing.ts';
import { sampleProblem } from './trainingData.ts';

const names = (process.env.SAMPLES ?? 'iris,xor_2d,wine,spirals_2d,penguins,breast_cancer,co2_1d').split(',');
const folds = 5;
const points = 20;
const end = 0.01;
const tolerance = 1e-4;
/** CPU seconds that one path may take. */
const patience = 60;

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

/** CPU seconds of the five paths of cross-validation over those of the path of all rows, every point to 1e-4, on one thread of kernels. */
export async function benchFolds(): Promise<void> {
  const kernels = createPooledKernels({ threads: 1 });
  const quotients: number[] = [];
  const rows: string[][] = [];
  for (const name of names) {
    const problem = await sampleProblem(name, kernels);
    const { betaMax } = solve({ ...problem, tolerance: 1e-2 }, { kernels, certifySeconds: 0 });
    const traced = (part: Problem): { readonly reached: number; readonly time: number } => {
      const begin = cpuSeconds();
      const share = part.X.rows / problem.X.rows;
      const betas = betaGrid(betaMax * share, points, end);
      const steps = [
        ...regularizationPath({ ...part, tolerance }, betas, { kernels, certifySeconds: 0 }, cpuLimit(patience)),
      ];
      return { reached: steps.length, time: cpuSeconds() - begin };
    };
    const whole = traced(problem);
    const parts = Array.from({ length: folds }, (_, k) => traced(without(problem, k)));
    const time = parts.reduce((sum, part) => sum + part.time, 0);
    quotients.push(time / 2 / whole.time);
    rows.push([
      `${name} ${problem.X.rows} x ${problem.X.cols}`,
      `${whole.reached} of ${points}`,
      whole.time.toFixed(2),
      `${parts.reduce((sum, { reached }) => sum + reached, 0)} of ${folds * points}`,
      time.toFixed(2),
      (time / 2 / whole.time).toFixed(2),
    ]);
    progress(name);
  }
  table(['sample', 'path: points', 'CPU s', 'five folds: points', 'CPU s in all', 'half of it over the path'], rows);
  console.log(
    `\nFolds on two threads take half of their CPU time: at most ${Math.max(...quotients).toFixed(2)} paths, median ${median(quotients).toFixed(2)}.`,
  );
  kernels.dispose();
}
