import type { Kernels } from '../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { couplesOutputs } from '../problem/penalties/penalties.ts';
import { ProblemError } from '../base/problemError.ts';
import type { Rng } from '../base/rng.ts';
import type { TrainableModel } from './model.ts';

/**
 * The two-layer network with batch normalisation in its hidden layer,
 *   f(x) = sum_k (gamma_k (x - mean)'w_k / deviation_k + alpha_k)_+ a_k + offset,
 * deviation_k that of the pre-activations X w_k over all training rows (no epsilon: w_k may have any length), as a trainable model.
 * Parameters in order: `columns` x `inputs` inner weights by rows, scales gamma, shifts alpha (not with bias mode `none`), outgoing weights
 * (column k feeds output k mod c), c output offsets when the bias is free. Penalty: beta/2 sum (gamma^2 + alpha^2 + a^2), without the alpha
 * of a free bias; the inner weights cost nothing, because normalisation undoes their length.
 *
 * The deviation is that of all rows also when a step looks at some of them only, so that every step descends on the same objective.
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
  const { rows: n, cols: d } = raw;
  const X = centred(raw);
  const covariance = new Float64Array(d * d);
  kernels.gemm(true, false, d, d, n, 1 / n, X.data, X.data, 0, covariance);
  const { beta, datafit } = problem;
  const columns = Math.max(Math.floor(width), c);
  const shifted = problem.bias !== 'none';
  const scaleStart = columns * d;
  const shiftStart = scaleStart + columns;
  const outerStart = shiftStart + (shifted ? columns : 0);
  const offsetStart = outerStart + columns;
  const offsets = problem.bias === 'free' ? c : 0;
  const size = offsetStart + offsets;

  const block = Math.max(16, Math.min(256, Math.floor(65536 / columns)));
  const H = kernels.alloc(block * columns);
  const back = kernels.alloc(block * columns);
  const gathered = kernels.alloc(block * d);
  // covariance times inner weights, and the products below, m x d
  const spread = kernels.alloc(columns * d);
  const products = kernels.alloc(columns * d);
  const deviation = new Float64Array(columns);
  const F = new Float64Array(block * c);
  const G = new Float64Array(block * c);

  /** Deviations of all pre-activations: w'(X'X/n)w, the batch statistic without a pass over the rows. */
  const measure = (theta: Float64Array): void => {
    kernels.gemm(false, false, columns, d, d, 1, theta.subarray(0, scaleStart), covariance, 0, spread);
    for (let k = 0; k < columns; k++) {
      let square = 0;
      for (let j = k * d; j < (k + 1) * d; j++) square += theta[j] * spread[j];
      deviation[k] = Math.sqrt(Math.max(0, square));
    }
  };

  /** Normalised pre-activations of a block into H, outputs into F; returns the block's inputs. */
  const forward = (theta: Float64Array, order: Int32Array | null, start: number, count: number): Float64Array => {
    let inputs = X.data.subarray(start * d, (start + count) * d);
    if (order !== null) {
      for (let k = 0; k < count; k++)
        gathered.set(X.data.subarray(order[start + k] * d, (order[start + k] + 1) * d), k * d);
      inputs = gathered.subarray(0, count * d);
    }
    kernels.gemm(false, true, count, columns, d, 1, inputs, theta.subarray(0, scaleStart), 0, H);
    for (let i = 0; i < count; i++) {
      for (let o = 0; o < c; o++) F[i * c + o] = offsets > 0 ? theta[offsetStart + o] : 0;
      for (let k = 0; k < columns; k++) {
        const at = i * columns + k;
        H[at] = deviation[k] > 0 ? H[at] / deviation[k] : 0;
        const value = theta[scaleStart + k] * H[at] + (shifted ? theta[shiftStart + k] : 0);
        if (value > 0) F[i * c + (k % c)] += value * theta[outerStart + k];
      }
    }
    return inputs;
  };

  const backward = (theta: Float64Array, inputs: Float64Array, count: number, gradient: Float64Array): void => {
    const along = new Float64Array(columns);
    for (let i = 0; i < count; i++) {
      for (let o = 0; o < offsets; o++) gradient[offsetStart + o] += G[i * c + o];
      for (let k = 0; k < columns; k++) {
        const at = i * columns + k;
        const value = theta[scaleStart + k] * H[at] + (shifted ? theta[shiftStart + k] : 0);
        if (!(value > 0)) {
          back[at] = 0;
          continue;
        }
        const out = G[i * c + (k % c)];
        gradient[outerStart + k] += value * out;
        const delta = theta[outerStart + k] * out;
        gradient[scaleStart + k] += delta * H[at];
        if (shifted) gradient[shiftStart + k] += delta;
        along[k] += delta * H[at];
        back[at] = delta;
      }
    }
    // d(x'w / s)/dw = (x - (covariance w / s)(x'w / s)) / s: linear in the rows, so blocks add up
    kernels.gemm(true, false, columns, d, count, 1, back, inputs, 0, products);
    for (let k = 0; k < columns; k++) {
      const s = deviation[k];
      if (!(s > 0)) continue;
      const factor = theta[scaleStart + k] / s;
      for (let j = k * d; j < (k + 1) * d; j++) gradient[j] += factor * (products[j] - (along[k] * spread[j]) / s);
    }
  };

  const penalised = (at: number): boolean =>
    at >= scaleStart && at < offsetStart && !(problem.bias === 'free' && at >= shiftStart && at < outerStart);

  return {
    size,
    rows: n,
    columns,
    inputs: d,
    flopsPerRow: 4 * columns * (d + 3),
    vector: () => kernels.alloc(size),
    release: (vector) => kernels.free(vector),
    addLoss(theta, order, start, count, gradient): number {
      measure(theta);
      let sum = 0;
      for (let from = start; from < start + count; from += block) {
        const rows = Math.min(block, start + count - from);
        const inputs = forward(theta, order, from, rows);
        sum += datafit.lossOfRows(F, order, from, rows, G);
        if (gradient !== null) backward(theta, inputs, rows, gradient);
      }
      return sum;
    },
    addPenalty(theta, factor, gradient): number {
      let sum = 0;
      for (let i = scaleStart; i < offsetStart; i++) {
        if (!penalised(i)) continue;
        sum += theta[i] * theta[i];
        if (gradient !== null) gradient[i] += factor * beta * theta[i];
      }
      return 0.5 * beta * sum;
    },
    initialise(rng, scale): Float64Array {
      const theta = new Float64Array(size);
      for (let i = 0; i < scaleStart; i++) theta[i] = rng.normal();
      theta.fill(scale, scaleStart, shiftStart);
      const outer = scale / Math.sqrt(columns / c);
      for (let i = outerStart; i < offsetStart; i++) theta[i] = outer * rng.normal();
      return theta;
    },
    predict(theta): Float64Array {
      const out = new Float64Array(n * c);
      measure(theta);
      for (let from = 0; from < n; from += block) {
        const rows = Math.min(block, n - from);
        forward(theta, null, from, rows);
        out.set(F.subarray(0, rows * c), from * c);
      }
      return out;
    },
    onWhitened(theta): Float64Array {
      const effective = problem.X.cols;
      const z = problem.X;
      const out = new Float64Array(columns * effective + columns + offsets);
      measure(theta);
      const h = new Float64Array(n);
      for (let k = 0; k < columns; k++) {
        h.fill(0);
        for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) h[i] += X.data[i * d + j] * theta[k * d + j];
        const factor = deviation[k] > 0 ? theta[scaleStart + k] / (deviation[k] * n) : 0;
        // Z Z'/n is the projection on the span of the centred rows, where X w lies
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < d; j++) out[k * effective + j] += factor * h[i] * z.data[i * effective + j];
        }
        if (shifted) out[k * effective + effective - 1] = theta[shiftStart + k];
        out[columns * effective + k] = theta[outerStart + k];
      }
      for (let o = 0; o < offsets; o++) out[columns * (effective + 1) + o] = theta[offsetStart + o];
      return out;
    },
    dispose(): void {
      for (const space of [H, back, gathered, spread, products]) kernels.free(space);
    },
  };
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
