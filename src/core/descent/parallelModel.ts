import type { Kernels } from '../base/kernels/kernels.ts';
import { createReferenceKernels } from '../base/kernels/reference.ts';
import type { Rng } from '../base/rng.ts';
import type { SubNetwork } from '../network/threeLayer/subNetwork.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { createBranches } from './branches.ts';
import type { TrainableModel } from './model.ts';
import { lossOnRows, rowsPerPass } from './onRows.ts';

export interface ParallelModel extends TrainableModel {
  initialise(rng: Rng, scale: number): Float64Array;
  branches(theta: Float64Array): SubNetwork[];
}

/**
 * K parallel three-layer branches per output, trained on loss + (beta/3) sum (||W1||_F^3 + ||w2||^3 + |w3|^3): the penalty whose best
 * rescaling is the group norm of the convex program, so that the convex optimum bounds every such run from below.
 */
export function createParallelModel(
  problem: PreparedProblem,
  m1: number,
  K: number,
  kernels: Kernels = createReferenceKernels(),
): ParallelModel {
  const { X, datafit, beta, outputs } = problem;
  const count = K * outputs;
  const shape = { inputs: X.cols, outputs, depth: 3, width: m1, branches: count };
  const net = createBranches(shape, rowsPerPass(count * m1), kernels);
  return {
    ...lossOnRows(net.network, X, datafit, kernels),
    flopsPerRow: 4 * count * X.cols * m1,
    addPenalty: net.penalty(beta),
    initialise: (rng, scale) => net.initialise(rng, (l, inputs) => scale / Math.sqrt(l === 2 ? K : inputs)),
    branches: (theta) =>
      Array.from({ length: count }, (_, b) => {
        const [W1, w2, w3] = net.layers(theta, b);
        return { W1, w2: w2.data, w3: w3.data[0], output: b % outputs };
      }),
  };
}
