import type { Kernels } from '../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import { createDatafit, type LossName } from '../problem/datafits/losses.ts';
import { ProblemError } from '../base/problemError.ts';
import type { Rng } from '../base/rng.ts';
import { type ActivationName, createActivation } from './layers/activation.ts';
import { createDense } from './layers/dense.ts';
import { Sequence } from './layers/sequence.ts';
import type { TrainableModel } from './model.ts';
import { lossOnRows } from './onRows.ts';

/**
 * A fully connected network with one output,
 *     z_1 = s_1 W_1 x + b, h_l = phi(z_l), z_{l+1} = s_{l+1} W_{l+1} h_l + b, f = s_L W_L h_{L-1}   (no offset at the output),
 * s_1 = inputScale, s_l = weightScale / sqrt(width of layer l - 1), b = biasScale times the trained bias.
 *
 * NTK parametrisation: all trained entries start as N(0, 1) and the scales stay in the forward pass (Jacot, Gabriel, Hongler 2018).
 * Standard parametrisation: the scales are the standard deviations of the start values instead. Both are the same function at the
 * start but follow different gradients.
 */
export interface MlpShape {
  readonly inputs: number;
  /** Widths of the hidden layers, at least one. */
  readonly hidden: readonly number[];
  readonly activation: ActivationName;
  readonly parametrization: 'ntk' | 'standard';
  readonly inputScale: number;
  readonly weightScale: number;
  /** 0: no biases. */
  readonly biasScale: number;
}

/** Where a layer's weights (rows x cols, row-major) and biases are in the parameter vector. */
export interface MlpLayer {
  readonly start: number;
  readonly rows: number;
  readonly cols: number;
  /** -1: the layer has no biases. */
  readonly biasStart: number;
  /** Factor in the forward pass; with the standard parametrisation 1, and the start's standard deviation is `spread`. */
  readonly scale: number;
  readonly biasScale: number;
  readonly spread: number;
  readonly biasSpread: number;
}

/** Layers of a shape and the number of its parameters. */
export function layersOf(shape: MlpShape): { readonly layers: readonly MlpLayer[]; readonly size: number } {
  const layers: MlpLayer[] = [];
  let at = 0;
  const ntk = shape.parametrization === 'ntk';
  const depth = shape.hidden.length + 1;
  for (let l = 0; l < depth; l++) {
    const cols = l === 0 ? shape.inputs : shape.hidden[l - 1];
    const rows = l === depth - 1 ? 1 : shape.hidden[l];
    const factor = l === 0 ? shape.inputScale : shape.weightScale / Math.sqrt(cols);
    const biased = shape.biasScale !== 0 && l < depth - 1;
    const start = at;
    at += rows * cols;
    const biasStart = biased ? at : -1;
    if (biased) at += rows;
    layers.push({
      start,
      rows,
      cols,
      biasStart,
      scale: ntk ? factor : 1,
      biasScale: ntk ? shape.biasScale : 1,
      spread: ntk ? 1 : factor,
      biasSpread: ntk ? 1 : shape.biasScale,
    });
  }
  return { layers, size: at };
}

export type MlpStart = 'random' | 'mirrored';

/**
 * Random start. `mirrored` (one hidden layer of even width) makes pairs (w, a), (w, -a), so that the network starts at zero without
 * changing the limit kernel.
 */
export function initialiseMlp(shape: MlpShape, rng: Rng, start: MlpStart = 'random'): Float64Array {
  const { layers, size } = layersOf(shape);
  if (start === 'mirrored' && (shape.hidden.length !== 1 || shape.hidden[0] % 2 !== 0)) {
    throw new RangeError('a mirrored start needs one hidden layer of even width');
  }
  const theta = new Float64Array(size);
  for (const layer of layers) {
    for (let i = layer.start; i < layer.start + layer.rows * layer.cols; i++) theta[i] = layer.spread * rng.normal();
    if (layer.biasStart >= 0) {
      for (let i = layer.biasStart; i < layer.biasStart + layer.rows; i++) theta[i] = layer.biasSpread * rng.normal();
    }
  }
  if (start === 'mirrored') {
    const [first, last] = layers;
    const half = first.rows / 2;
    theta.copyWithin(first.start + half * first.cols, first.start, first.start + half * first.cols);
    if (first.biasStart >= 0) {
      theta.copyWithin(first.biasStart + half, first.biasStart, first.biasStart + half);
    }
    for (let k = 0; k < half; k++) theta[last.start + half + k] = -theta[last.start + k];
  }
  return theta;
}

/** The network as layers, on blocks of at most `block` rows: dense and activation by turns; its parameters are those of `layersOf`. */
export function createMlpNetwork(shape: MlpShape, kernels: Kernels, block: number): Sequence {
  const { layers } = layersOf(shape);
  const network = layers.flatMap(({ rows, cols, scale, biasStart, biasScale }, l) => {
    const biased = biasStart >= 0 ? { biasScale } : {};
    const dense = createDense({ inputs: cols, outputs: rows, kernels, scale, ...biased });
    return l < layers.length - 1 ? [dense, createActivation(shape.activation, rows, block, kernels)] : [dense];
  });
  return new Sequence(network, block, kernels);
}

/** Rows that share one pass: enough for the products to be efficient, few enough to stay in cache. */
function blockSize(shape: MlpShape, rows: number): number {
  const width = shape.hidden.reduce((a, b) => a + b, 0);
  return Math.max(1, Math.min(rows, Math.max(32, Math.min(256, Math.floor(262144 / Math.max(width, 1))))));
}

/** Outputs on the rows of X. */
export function predictMlp(shape: MlpShape, theta: Float64Array, X: DenseMatrix, kernels: Kernels): Float64Array {
  const network = createMlpNetwork(shape, kernels, blockSize(shape, X.rows));
  try {
    return network.predict(theta, X).data;
  } finally {
    network.dispose();
  }
}

export interface MlpModel extends TrainableModel {
  readonly shape: MlpShape;
}

/**
 * An unregularised MLP on data: loss(f(X) - offset, y), summed. `offset` (n numbers, default 0) is subtracted from the outputs: with the
 * outputs at the start it centres the network, so that training starts from zero without changing the kernel.
 * @throws {ProblemError} when there is no such loss, or it needs parameters or several outputs
 */
export function createMlpModel(
  shape: MlpShape,
  X: DenseMatrix,
  y: Float64Array,
  loss: LossName,
  kernels: Kernels,
  offset: Float64Array | null = null,
): MlpModel {
  if (X.cols !== shape.inputs) {
    throw new RangeError(`the network takes ${shape.inputs} inputs, the data have ${X.cols}`);
  }
  const datafit = createDatafit(loss, denseMatrix(X.rows, 1, y), 1);
  if (datafit.targets === 'classes') {
    throw new ProblemError(`needs several outputs for the ${loss} loss, and this network has one`, { field: 'loss' });
  }
  const network = createMlpNetwork(shape, kernels, blockSize(shape, X.rows));
  return {
    ...lossOnRows(network, X, datafit, kernels, offset),
    shape,
    flopsPerRow: layersOf(shape).layers.reduce((sum, { rows, cols }) => sum + 6 * rows * cols + 8 * rows, 0),
    addPenalty: () => 0,
  };
}
