import type { Kernels } from '../base/kernels/kernels.ts';
import type { DenseMatrix } from '../base/linalg/matrix.ts';
import type { Datafit } from '../problem/datafits/datafit.ts';
import type { Rows } from './layers/layer.ts';
import type { Sequence } from './layers/sequence.ts';
import type { TrainableModel } from './model.ts';

export interface LossOnRows extends Omit<TrainableModel, 'flopsPerRow' | 'addPenalty'> {
  /** Outputs n x c on the rows of X. */
  predict(theta: Float64Array): Float64Array;
}

/**
 * The loss of a network on the rows of X, block after block, as a trainable model but for its penalty. `minus` (n x c) is subtracted from the
 * outputs. Takes the network over and disposes of it.
 */
export function lossOnRows(
  network: Sequence,
  X: DenseMatrix,
  datafit: Datafit,
  kernels: Kernels,
  minus: Float64Array | null = null,
): LossOnRows {
  const { block, output: F, outputSignal: G } = network;
  const [d, c] = [X.cols, network.outputs];
  const gathered = kernels.alloc(block * d);
  const rows: Rows = { order: null, start: 0, count: 0 };

  const inputsOf = ({ order, start, count }: Rows): Float64Array => {
    if (order === null) return X.data.subarray(start * d, (start + count) * d);
    for (let k = 0; k < count; k++) {
      const from = order[start + k] * d;
      for (let j = 0; j < d; j++) gathered[k * d + j] = X.data[from + j];
    }
    return gathered;
  };
  const subtract = (from: Float64Array, { order, start, count }: Rows): void => {
    for (let k = 0; k < count; k++) {
      const row = order === null ? start + k : order[start + k];
      for (let o = 0; o < c; o++) F[k * c + o] -= from[row * c + o];
    }
  };

  return {
    size: network.size,
    rows: X.rows,
    addLoss(theta, order, start, count, gradient): number {
      network.begin(theta);
      rows.order = order;
      let sum = 0;
      for (let from = start; from < start + count; from += block) {
        rows.start = from;
        rows.count = Math.min(block, start + count - from);
        network.forward(theta, inputsOf(rows), rows);
        if (minus !== null) subtract(minus, rows);
        sum += datafit.lossOfRows(F, order, from, rows.count, G);
        if (gradient !== null) network.backward(theta, rows, gradient);
      }
      return sum;
    },
    vector: () => kernels.alloc(network.size),
    release: (vector) => kernels.free(vector),
    predict: (theta) => network.predict(theta, X).data,
    dispose(): void {
      network.dispose();
      kernels.free(gathered);
    },
  };
}

/** Rows that share one pass through layers of `width` numbers: enough for products to be efficient, few enough to stay in cache. */
export function rowsPerPass(width: number): number {
  return Math.max(16, Math.min(256, Math.floor(65536 / Math.max(width, 1))));
}
