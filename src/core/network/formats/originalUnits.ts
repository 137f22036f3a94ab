import type { Scaling } from '../../data/scaling.ts';
import { whitened } from '../../data/whiten.ts';
import { denseMatrix, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { byKind, type DeepNetwork, type LinearNetwork, type ThreeLayerNetwork } from '../deepNetwork.ts';
import type { TwoLayerNetwork } from '../network.ts';

/** w . M (x - mean) / scale + b as w' . x + b', row by row of `encoded`; M the whitening map if there is one (symmetric). */
export function fold(encoded: DenseMatrix, b: Float64Array, scaling: Scaling): { W: DenseMatrix; b: Float64Array } {
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

/** The same for three-layer and linear networks: the first layer takes up the inputs' scaling, the last layer and the offset the target's. */
export function deepInOriginalUnits(network: DeepNetwork, scaling: Scaling): DeepNetwork {
  const { mean, scale } = scaling.target;
  const offset = network.offset.map((value) => value * scale + mean);
  const first = (W: DenseMatrix, b: Float64Array): { W: DenseMatrix; b: Float64Array } => {
    const inner = fold(transpose(W), b, scaling);
    return { W: transpose(inner.W), b: inner.b };
  };
  const threeLayer = (given: ThreeLayerNetwork): DeepNetwork => ({
    ...given,
    offset,
    branches: given.branches.map((branch) => {
      const { W, b } = first(branch.W1, branch.b1);
      return { ...branch, W1: W, b1: b, w3: branch.w3 * scale };
    }),
  });
  const linear = (given: LinearNetwork): DeepNetwork => ({
    ...given,
    offset,
    chains: given.chains.map(({ layers, b1, output }) => {
      const { W, b } = first(layers[0], b1);
      const rest = layers.slice(1).map((layer, l) =>
        l < layers.length - 2
          ? layer
          : denseMatrix(
              layer.rows,
              layer.cols,
              layer.data.map((a) => a * scale),
            ),
      );
      return { layers: [W, ...rest], b1: b, output };
    }),
  });
  return byKind(network, { threeLayer, linear });
}

function transpose(M: DenseMatrix): DenseMatrix {
  const out = denseMatrix(M.cols, M.rows);
  for (let i = 0; i < M.rows; i++) for (let j = 0; j < M.cols; j++) out.data[j * M.rows + i] = M.data[i * M.cols + j];
  return out;
}
