import type { DenseMatrix } from '../../src/core/base/linalg/matrix.ts';
import type { Arrangements, BiasMode, LossName, ModelName, Problem } from '../../src/core/problem/problem.ts';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import { solve } from '../../src/core/engine/solve.ts';
import type { BenchData } from './data.ts';

export interface BenchProblem {
  readonly data: BenchData;
  readonly gates: number | DenseMatrix;
  readonly model: ModelName;
  readonly loss?: LossName;
  readonly bias?: BiasMode;
  readonly tolerance?: number;
}

/** A problem on the data, with squared loss unless given; gates are sampled with seed 1 unless given. */
export function benchProblem(
  { data, gates, model, loss = 'squared', bias = 'regularized', tolerance = 1e-6 }: BenchProblem,
  beta: number,
): Problem {
  const arrangements: Arrangements =
    typeof gates === 'number' ? { kind: 'sampled', count: gates, seed: 1 } : { kind: 'given', gates };
  return {
    X: data.X,
    y: data.y,
    outputs: 1,
    model,
    loss,
    beta,
    arrangements,
    outputPenalty: 'per-output',
    bias,
    tolerance,
  };
}

/** Smallest beta with the zero network as its answer, over the gates of the problem. */
export function betaMaxOf(problem: BenchProblem, kernels: Kernels): number {
  return solve(benchProblem(problem, 1e12), { kernels, certifySeconds: 0 }).betaMax!;
}
