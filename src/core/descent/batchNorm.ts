import type { Kernels } from '../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { couplesOutputs } from '../problem/penalties/penalties.ts';
import { ProblemError } from '../base/problemError.ts';
import type { Rng } from '../base/rng.ts';
import { weightDecay } from './decay.ts';
import { createRelu } from './layers/activation.ts';
import { createNormalizedDense } from './layers/batchNorm.ts';
import { createDense } from './layers/dense.ts';
import { createOffset, createPerOutput } from './layers/perOutput.ts';
import { Sequence } from './layers/sequence.ts';
import type { TrainableModel } from './model.ts';
import { lossOnRows, rowsPerPass } from './onRows.ts';
import { biasOf } from '../problem/problem.ts';

/**
 * The two-layer network with batch normalisation in its hidden layer,
 *   f(x) = sum_k (gamma_k (x - mean)'w_k / deviation_k + alpha_k)_+ a_k + offset,
 * deviation_k that of the pre-activations X w_k over all training rows (no epsilon: w_k may have any length), as a trainable model.
 * Parameters in order: `columns` x `inputs` inner weights by rows, scales gamma, shifts alpha (not with bias mode `none`), outgoing weights
 * (column k feeds output k mod c), c output offsets when the bias is free. Penalty: beta/2 sum (gamma^2 + alpha^2 + a^2), without the alpha
 * of a free bias; the inner weights cost nothing, because normalisation undoes their length.
 */
export interface BatchNormModel extends TrainableModel {
  readonly columns: number;
  readonly inputs: number;
  initialise(rng: Rng, scale: number): Float64Array;
  /** Outputs n x c on the training rows. */
  predict(theta: Float64Array): Float64Array;
  /**
   * The same network on the effective inputs of the problem, which are whitened: parameters of a two-layer ReLU model of the same width
   * (`createTwoLayerModel`), with the same outputs on the training rows and the same penalty.
   */
  onWhitened(theta: Float64Array): Float64Array;
}

/**
 * @param problem on whitened inputs Z (Z'Z = n I on the span of the centred rows), with or without a column of ones
 * @param raw the n x d inputs that were whitened; they are centred here
 * @throws {ProblemError} for penalties that tie the outputs together
 */
export function createBatchNormModel(
  problem: PreparedProblem,
  raw: DenseMatrix,
  width: number,
  kernels: Kernels,
): BatchNormModel {
  const c = problem.outputs;
  if (couplesOutputs(problem.outputPenalty, c)) {
    throw new ProblemError('with batch normalisation descent trains one output per neuron (per-output penalty)', {
      field: 'outputPenalty',
    });
  }
  const d = raw.cols;
  const X = centred(raw);
  const columns = Math.max(Math.floor(width), c);
  const { column: shifted, free } = biasOf(problem.bias);
  const block = rowsPerPass(columns);
  const normalised = createNormalizedDense({ X, columns, shifted, block, kernels });
  const outer = c === 1 ? createDense({ inputs: columns, outputs: 1, kernels }) : createPerOutput(columns, c);
  const layers = [normalised, createRelu(columns, block, kernels), outer, ...(free ? [createOffset(c)] : [])];
  const network = new Sequence(layers, block, kernels);
  const { size } = network;
  const scaleStart = columns * d;
  const shiftStart = scaleStart + columns;
  const outerStart = network.starts[2];
  const offsetStart = network.starts[3];
  const parameters = { scaleStart, shiftStart, outerStart, offsetStart };
  const penalised = free
    ? [
        { from: scaleStart, to: shiftStart },
        { from: outerStart, to: offsetStart },
      ]
    : [{ from: scaleStart, to: offsetStart }];
  return {
    ...lossOnRows(network, X, problem.datafit, kernels),
    columns,
    inputs: d,
    flopsPerRow: 4 * columns * (d + 3),
    addPenalty: weightDecay(problem.beta, penalised),
    initialise(rng, scale): Float64Array {
      const theta = new Float64Array(size);
      for (let i = 0; i < scaleStart; i++) theta[i] = rng.normal();
      theta.fill(scale, scaleStart, shiftStart);
      const spread = scale / Math.sqrt(columns / c);
      for (let i = outerStart; i < offsetStart; i++) theta[i] = spread * rng.normal();
      return theta;
    },
    onWhitened(theta): Float64Array {
      network.begin(theta);
      return whitenedImage(theta, X, problem.X, normalised.deviation, { ...parameters, shifted });
    },
  };
}

interface NormalizedParameters {
  readonly scaleStart: number;
  readonly shiftStart: number;
  readonly outerStart: number;
  readonly offsetStart: number;
  readonly shifted: boolean;
}

/** Parameters of the two-layer network on the whitened inputs Z: Z Z'/n is the projection on the span of the centred rows X, where X w lies. */
function whitenedImage(
  theta: Float64Array,
  X: DenseMatrix,
  Z: DenseMatrix,
  deviation: Float64Array,
  { scaleStart, shiftStart, outerStart, offsetStart, shifted }: NormalizedParameters,
): Float64Array {
  const { rows: n, cols: d } = X;
  const columns = deviation.length;
  const effective = Z.cols;
  const offsets = theta.length - offsetStart;
  const out = new Float64Array(columns * effective + columns + offsets);
  const h = new Float64Array(n);
  for (let k = 0; k < columns; k++) {
    h.fill(0);
    for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) h[i] += X.data[i * d + j] * theta[k * d + j];
    const factor = deviation[k] > 0 ? theta[scaleStart + k] / (deviation[k] * n) : 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < d; j++) out[k * effective + j] += factor * h[i] * Z.data[i * effective + j];
    }
    if (shifted) out[k * effective + effective - 1] = theta[shiftStart + k];
    out[columns * effective + k] = theta[outerStart + k];
  }
  for (let o = 0; o < offsets; o++) out[columns * (effective + 1) + o] = theta[offsetStart + o];
  return out;
}

function centred(raw: DenseMatrix): DenseMatrix {
  const { rows: n, cols: d } = raw;
  const X = denseMatrix(n, d, Float64Array.from(raw.data));
  for (let j = 0; j < d; j++) {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += X.data[i * d + j] / n;
    for (let i = 0; i < n; i++) X.data[i * d + j] -= mean;
  }
  return X;
}
