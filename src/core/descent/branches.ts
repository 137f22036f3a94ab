import type { Kernels } from '../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import type { Rng } from '../base/rng.ts';
import { normPowers, type Range } from './decay.ts';
import { createRelu } from './layers/activation.ts';
import { createDense } from './layers/dense.ts';
import { createGrouped } from './layers/grouped.ts';
import type { Layer } from './layers/layer.ts';
import { createPerOutput } from './layers/perOutput.ts';
import { Sequence } from './layers/sequence.ts';
import type { TrainableModel } from './model.ts';

/** Parallel branches of L layers with ReLU after all but the last. */
export interface BranchShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly depth: number;
  /** Units of the inner layers but the last of them, which has one: W_1 .. W_(L-2) put out `width` numbers, W_(L-1) and W_L one. */
  readonly width: number;
  /** In all; branch k feeds output k mod `outputs`. */
  readonly branches: number;
}

/** Branches as a network, and where their layers are in its parameters: layer by layer, of each layer branch by branch. */
export interface BranchNetwork {
  readonly network: Sequence;
  /** Penalty (beta / L) sum ||W_l||_F^L over branches and layers. */
  penalty(beta: number): TrainableModel['addPenalty'];
  /** `spread(layer, inputs, outputs)` is the standard deviation of the layer's entries; drawn branch by branch. */
  initialise(rng: Rng, spread: (layer: number, inputs: number, outputs: number) => number): Float64Array;
  /** The layers W_l (inputs x outputs) of one branch, copied. */
  layers(theta: Float64Array, branch: number): DenseMatrix[];
  /** After `network.forward`: what one branch adds to its output on a row of the pass. */
  part(theta: Float64Array, branch: number, row: number): number;
}

export function createBranches(shape: BranchShape, block: number, kernels: Kernels): BranchNetwork {
  const { inputs, outputs, depth, width, branches } = shape;
  const sizes = Array.from({ length: depth + 1 }, (_, l) => (l === 0 ? inputs : l >= depth - 1 ? 1 : width));
  const layers: Layer[] = [];
  // where the layers with weights are among all
  const weighted: number[] = [];
  for (let l = 0; l < depth; l++) {
    weighted.push(layers.length);
    if (l === 0) layers.push(createDense({ inputs, outputs: branches * sizes[1], kernels }));
    else if (l < depth - 1) layers.push(createGrouped(branches, sizes[l], sizes[l + 1]));
    else layers.push(createPerOutput(branches, outputs));
    if (l < depth - 1) layers.push(createRelu(branches * sizes[l + 1], block, kernels));
  }
  const network = new Sequence(layers, block, kernels);
  const rangeOf = (branch: number, l: number): Range => {
    const own = sizes[l] * sizes[l + 1];
    const from = network.starts[weighted[l]] + branch * own;
    return { from, to: from + own };
  };
  /** Index of entry (i, j) of W_l of a branch: the first layer lies by outputs, the others by inputs. */
  const indexOf = (branch: number, l: number, i: number, j: number): number =>
    rangeOf(branch, l).from + (l === 0 ? j * inputs + i : i * sizes[l + 1] + j);
  const each = (visit: (branch: number, l: number) => void): void => {
    for (let k = 0; k < branches; k++) for (let l = 0; l < depth; l++) visit(k, l);
  };
  return {
    network,
    penalty(beta) {
      const ranges: Range[] = [];
      each((branch, l) => ranges.push(rangeOf(branch, l)));
      return normPowers(beta, depth, ranges);
    },
    initialise(rng, spread) {
      const theta = new Float64Array(network.size);
      each((branch, l) => {
        const s = spread(l, sizes[l], sizes[l + 1]);
        for (let i = 0; i < sizes[l]; i++) {
          for (let j = 0; j < sizes[l + 1]; j++) theta[indexOf(branch, l, i, j)] = s * rng.normal();
        }
      });
      return theta;
    },
    layers: (theta, branch) =>
      Array.from({ length: depth }, (_, l) => {
        const W = denseMatrix(sizes[l], sizes[l + 1]);
        for (let i = 0; i < W.rows; i++) {
          for (let j = 0; j < W.cols; j++) W.data[i * W.cols + j] = theta[indexOf(branch, l, i, j)];
        }
        return W;
      }),
    part: (theta, branch, row) =>
      network.values[layers.length - 2][row * branches + branch] * theta[rangeOf(branch, depth - 1).from],
  };
}
