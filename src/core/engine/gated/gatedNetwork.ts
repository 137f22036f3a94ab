import { createSmallSvd } from '../../base/linalg/jacobiSvd.ts';
import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../../network/network.ts';
import { createPenalty, type OutputPenalty } from '../../problem/penalties/penalties.ts';
import type { GateBlock } from '../../certify/gatedCertificate.ts';

/**
 * The gated network of a set of blocks. A vector u feeding output o becomes the neuron u / sqrt||u|| with outgoing weight
 * sqrt||u||; a Frobenius block becomes one neuron per non-zero column with a shared outgoing weight sqrt||U||_F; a nuclear block
 * one neuron per singular value. Each is the split that makes the network's penalty equal to the convex one.
 *
 * `hasBias`: the last of the d effective inputs is the column of ones.
 */
export function gatedNetwork(
  blocks: readonly GateBlock[],
  gates: DenseMatrix,
  outputs: number,
  kind: OutputPenalty,
  hasBias: boolean,
): TwoLayerNetwork {
  const d = gates.cols;
  const c = outputs;
  const neurons: { gate: number; inner: Float64Array; outer: Float64Array }[] = [];
  const { spectral, groups } = createPenalty(kind, d, c);
  const svd = createSmallSvd(d, c);
  for (const { gate, vector } of blocks) {
    if (spectral) {
      svd.decompose(vector, 0);
      const top = svd.s.reduce((a, b) => Math.max(a, b), 0);
      for (let j = 0; j < c; j++) {
        if (svd.s[j] <= 1e-14 * top) continue;
        const root = Math.sqrt(svd.s[j]);
        neurons.push({
          gate,
          inner: Float64Array.from({ length: d }, (_, i) => svd.scaledLeft[i * c + j] / root),
          outer: Float64Array.from({ length: c }, (_, k) => svd.R[k * c + j] * root),
        });
      }
      continue;
    }
    const lengths = Float64Array.from({ length: c }, (_, o) => {
      let s = 0;
      for (let k = 0; k < d; k++) s += vector[k * c + o] ** 2;
      return Math.sqrt(s);
    });
    const whole = Math.sqrt(lengths.reduce((a, b) => a + b * b, 0));
    for (let o = 0; o < c; o++) {
      if (lengths[o] === 0) continue;
      const root = Math.sqrt(groups === c ? lengths[o] : whole);
      const outer = new Float64Array(c);
      outer[o] = root;
      neurons.push({ gate, inner: Float64Array.from({ length: d }, (_, k) => vector[k * c + o] / root), outer });
    }
  }
  const m = neurons.length;
  const inputs = hasBias ? d - 1 : d;
  const W1 = denseMatrix(m, inputs);
  const W2 = denseMatrix(m, c);
  const own = denseMatrix(m, inputs);
  const b1 = new Float64Array(m);
  const gateBias = new Float64Array(m);
  neurons.forEach(({ gate, inner, outer }, j) => {
    W1.data.set(inner.subarray(0, inputs), j * inputs);
    W2.data.set(outer, j * c);
    own.data.set(gates.data.subarray(gate * d, gate * d + inputs), j * inputs);
    if (hasBias) {
      b1[j] = inner[inputs];
      gateBias[j] = gates.data[gate * d + inputs];
    }
  });
  return { W1, b1, W2, b2: new Float64Array(c), gates: own, gateBias };
}
