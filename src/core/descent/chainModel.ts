import type { Kernels } from '../base/kernels/kernels.ts';
import { createReferenceKernels } from '../base/kernels/reference.ts';
import { denseMatrix, type DenseMatrix } from '../base/linalg/matrix.ts';
import { weightDecay } from './decay.ts';
import { createDense } from './layers/dense.ts';
import { Sequence } from './layers/sequence.ts';
import { descendMetered } from './metered.ts';
import type { TrainableModel } from './model.ts';
import { lossOnRows, rowsPerPass } from './onRows.ts';
import type { UpdateRule } from './optimizer.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { createRng, type Rng } from '../base/rng.ts';
import type { Control } from '../base/control.ts';
import { alignment, type LayerAlignment } from '../network/alignment.ts';

export interface ChainModel extends TrainableModel {
  initialise(rng: Rng, scale: number): Float64Array;
  layers(theta: Float64Array): DenseMatrix[];
}

/** A linear network X W_1 .. W_L of given width as a trainable model: loss + beta/2 times all squared weights. */
export function createChainModel(
  problem: PreparedProblem,
  depth: number,
  width: number,
  kernels: Kernels = createReferenceKernels(),
): ChainModel {
  const { X, datafit, beta, outputs: c } = problem;
  const sizes = Array.from({ length: depth + 1 }, (_, l) => (l === 0 ? X.cols : l === depth ? c : width));
  const layers = Array.from({ length: depth }, (_, l) =>
    createDense({ inputs: sizes[l], outputs: sizes[l + 1], kernels, layout: 'by-input' }),
  );
  const network = new Sequence(layers, rowsPerPass(Math.max(...sizes)), kernels);
  const { size, starts } = network;
  return {
    ...lossOnRows(network, X, datafit, kernels),
    flopsPerRow: 6 * size,
    addPenalty: weightDecay(beta, [{ from: 0, to: size }]),
    initialise(rng, scale) {
      const theta = new Float64Array(size);
      for (let l = 0; l < depth; l++) {
        const s = scale / Math.sqrt(sizes[l]);
        for (let i = starts[l]; i < starts[l + 1]; i++) theta[i] = s * rng.normal();
      }
      return theta;
    },
    layers: (theta) =>
      Array.from({ length: depth }, (_, l) =>
        denseMatrix(sizes[l], sizes[l + 1], Float64Array.from(theta.subarray(starts[l], starts[l + 1]))),
      ),
  };
}

export interface ChainTraining {
  readonly points: readonly {
    readonly epoch: number;
    readonly objective: number;
    readonly layers: readonly LayerAlignment[];
  }[];
  readonly final: number;
  readonly learningRate: number;
  readonly cancelled: boolean;
}

/** Trains a chain by descent and takes the alignment meter at about `points` moments, equally spaced in log epochs. */
export function trainChain(
  problem: PreparedProblem,
  options: {
    readonly depth: number;
    readonly width: number;
    readonly seed: number;
    readonly rule: Exclude<UpdateRule, 'flow'>;
    readonly epochs: number;
    readonly points: number;
  },
  control: Control,
): ChainTraining {
  const { depth, width, seed, rule, epochs, points } = options;
  const model = createChainModel(problem, depth, width);
  const taken: { epoch: number; objective: number; layers: LayerAlignment[] }[] = [];
  const rates =
    rule === 'adam' ? [0.003, 0.01, 0.03, 0.1] : rule === 'momentum' ? [0.003, 0.01, 0.03, 0.1] : [0.03, 0.1, 0.3, 1];
  const { result, learningRate } = descendMetered(
    model,
    model.initialise(createRng(seed).fork('chain'), 1),
    { rule, rates, epochs, points, curvePoints: 2, seed, stream: 'chain order' },
    (epoch, theta, objective) => taken.push({ epoch, objective, layers: alignment(model.layers(theta)) }),
    () => (taken.length = 0),
    control,
  );
  return { points: taken, final: result.objective, learningRate, cancelled: result.cancelled };
}
