import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Layer } from './layer.ts';

export interface NormalizedDenseOptions {
  /** All training rows, n x d, every column of mean zero. */
  readonly X: DenseMatrix;
  readonly columns: number;
  /** With shifts alpha. */
  readonly shifted: boolean;
  /** Most rows of a pass. */
  readonly block: number;
  readonly kernels: Kernels;
}

export interface NormalizedDense extends Layer {
  /** After `begin`: the deviation of each unit's pre-activations over all rows. */
  readonly deviation: Float64Array;
}

/**
 * A dense layer with batch normalisation, x -> gamma_k x'w_k / deviation_k + alpha_k (Ioffe and Szegedy 2015, without epsilon), deviation_k that of
 * X w_k over ALL rows of X also when a pass looks at some of them, so that every step descends on the same objective. A unit of deviation 0 puts
 * out alpha_k. Parameters: inner weights (columns x d), gamma, alpha.
 */
export function createNormalizedDense(options: NormalizedDenseOptions): NormalizedDense {
  const { X, columns, shifted, block, kernels } = options;
  const d = X.cols;
  const covariance = new Float64Array(d * d);
  kernels.gemm(true, false, d, d, X.rows, 1 / X.rows, X.data, X.data, 0, covariance);
  const scaleStart = columns * d;
  const shiftStart = scaleStart + columns;
  // normalised pre-activations of a block; what comes back to them; covariance times inner weights, and the products below, columns x d
  const normalised = kernels.alloc(block * columns);
  const spread = kernels.alloc(columns * d);
  const products = kernels.alloc(columns * d);
  const deviation = new Float64Array(columns);
  const along = new Float64Array(columns);

  /** d(x'w / s)/dw = (x - (covariance w / s)(x'w / s)) / s: linear in the rows, so blocks add up. */
  const addInner = (theta: Float64Array, gradient: Float64Array): void => {
    for (let k = 0; k < columns; k++) {
      const s = deviation[k];
      if (!(s > 0)) continue;
      const factor = theta[scaleStart + k] / s;
      for (let j = k * d; j < (k + 1) * d; j++) gradient[j] += factor * (products[j] - (along[k] * spread[j]) / s);
    }
  };

  return {
    inputs: d,
    outputs: columns,
    size: shiftStart + (shifted ? columns : 0),
    inPlace: false,
    deviation,
    /** Deviations of all pre-activations: w'(X'X/n)w, the batch statistic without a pass over the rows. */
    begin(theta): void {
      kernels.gemm(false, false, columns, d, d, 1, theta, covariance, 0, spread);
      for (let k = 0; k < columns; k++) {
        let square = 0;
        for (let j = k * d; j < (k + 1) * d; j++) square += theta[j] * spread[j];
        deviation[k] = Math.sqrt(Math.max(0, square));
      }
    },
    forward(theta, { input, output }, { count }): void {
      kernels.gemm(false, true, count, columns, d, 1, input, theta, 0, normalised);
      for (let i = 0, at = 0; i < count; i++) {
        for (let k = 0; k < columns; k++, at++) {
          normalised[at] = deviation[k] > 0 ? normalised[at] / deviation[k] : 0;
          output[at] = theta[scaleStart + k] * normalised[at] + (shifted ? theta[shiftStart + k] : 0);
        }
      }
    },
    /** The first layer of its network: it has no derivative in the input. */
    backward(theta, { input, signal, back }, { count }, gradient): void {
      if (back !== null) throw new RangeError('normalisation with the statistics of the data comes first in a network');
      if (gradient === null) return;
      along.fill(0);
      for (let i = 0, at = 0; i < count; i++) {
        for (let k = 0; k < columns; k++, at++) {
          along[k] += signal[at] * normalised[at];
          if (shifted) gradient[shiftStart + k] += signal[at];
        }
      }
      for (let k = 0; k < columns; k++) gradient[scaleStart + k] += along[k];
      kernels.gemm(true, false, columns, d, count, 1, signal, input, 0, products);
      addInner(theta, gradient);
    },
    dispose(): void {
      for (const space of [normalised, spread, products]) kernels.free(space);
    },
  };
}
