import type { Scaling } from '../data/scaling.ts';
import { whitened } from '../data/whiten.ts';
import { denseMatrix, type DenseMatrix } from '../linalg/matrix.ts';
import type { TwoLayerNetwork } from '../network/network.ts';

/** w . M (x - mean) / scale + b as w' . x + b', M the whitening map if there is one (symmetric). */
function fold(encoded: DenseMatrix, b: Float64Array, scaling: Scaling): { W: DenseMatrix; b: Float64Array } {
  const W = scaling.whitening === undefined ? encoded : whitened(encoded, scaling.whitening);
  const out = denseMatrix(W.rows, W.cols);
  const offset = Float64Array.from(b);
  for (let j = 0; j < W.rows; j++) {
    for (let k = 0; k < W.cols; k++) {
      const { mean, scale } = scaling.inputs[k];
      const slope = W.data[j * W.cols + k] / scale;
      out.data[j * W.cols + k] = slope;
      offset[j] -= slope * mean;
    }
  }
  return { W: out, b: offset };
}

/**
 * The same function on original units: inputs are the columns as they stand (indicators 0 or 1), the output is the target in
 * its own units (classes: the raw outputs). The scaling is folded into the weights.
 */
export function inOriginalUnits(network: TwoLayerNetwork, scaling: Scaling): TwoLayerNetwork {
  const inner = fold(network.W1, network.b1, scaling);
  const { mean, scale } = scaling.target;
  const gates =
    network.gates === undefined
      ? undefined
      : fold(network.gates, network.gateBias ?? new Float64Array(network.gates.rows), scaling);
  return {
    W1: inner.W,
    b1: inner.b,
    W2: denseMatrix(
      network.W2.rows,
      network.W2.cols,
      network.W2.data.map((a) => a * scale),
    ),
    b2: network.b2.map((b) => b * scale + mean),
    ...(gates === undefined ? {} : { gates: gates.W, gateBias: gates.b }),
  };
}
