import { denseMatrix } from '../base/linalg/matrix.ts';
import { type BiasMode, biasOf } from '../problem/problem.ts';
import type { TwoLayerNetwork } from './network.ts';

/**
 * Scales every ReLU neuron to ||w|| = sum_o |a_o|, which keeps the function (ReLU is positively homogeneous) and minimises its share
 * ||w||^2 + (sum_o |a_o|)^2 of the weight decay: the minimum is 2 ||w|| sum_o |a_o|. A free bias scales along but does not count in
 * ||w||. Neurons that contribute nothing are dropped; with a free bias, one without slope is a constant and goes to the output offset.
 */
export function balanceNetwork(network: TwoLayerNetwork, bias: BiasMode): TwoLayerNetwork {
  const { W1, W2 } = network;
  const { free } = biasOf(bias);
  const d = W1.cols;
  const c = W2.cols;
  const b2 = network.b2.slice();
  const kept: { readonly w: Float64Array; readonly b: number; readonly a: Float64Array }[] = [];
  for (let j = 0; j < W1.rows; j++) {
    let inner = 0;
    for (let k = 0; k < d; k++) inner += W1.data[j * d + k] ** 2;
    if (!free) inner += network.b1[j] ** 2;
    inner = Math.sqrt(inner);
    let outer = 0;
    for (let o = 0; o < c; o++) outer += Math.abs(W2.data[j * c + o]);
    if (outer === 0) continue;
    if (inner === 0) {
      if (free && network.b1[j] > 0) {
        for (let o = 0; o < c; o++) b2[o] += network.b1[j] * W2.data[j * c + o];
      }
      continue;
    }
    const scale = Math.sqrt(outer / inner);
    kept.push({
      w: W1.data.slice(j * d, (j + 1) * d).map((w) => w * scale),
      b: network.b1[j] * scale,
      a: W2.data.slice(j * c, (j + 1) * c).map((a) => a / scale),
    });
  }
  const m = kept.length;
  const out = { W1: denseMatrix(m, d), b1: new Float64Array(m), W2: denseMatrix(m, c), b2 };
  kept.forEach(({ w, b, a }, j) => {
    out.W1.data.set(w, j * d);
    out.b1[j] = b;
    out.W2.data.set(a, j * c);
  });
  return out;
}
