import { type DenseMatrix, denseMatrix, norm2 } from '../base/linalg/matrix.ts';
import { rowProducts } from '../base/linalg/rowProducts.ts';
import type { Datafit } from '../problem/datafits/datafit.ts';
import { couplesOutputs } from '../problem/penalties/penalties.ts';
import { type BiasMode, biasOf, type OutputPenalty } from '../problem/problem.ts';
import type { TwoLayerNetwork } from './network.ts';

/** A hidden neuron (gamma (x'w - mean) / deviation + alpha)_+ : what batch normalisation learns, and its batch statistics. */
export interface BatchNormNeuron {
  /** d inner weights on the inputs before whitening, of any length. */
  readonly weights: Float64Array;
  readonly mean: number;
  readonly deviation: number;
  readonly scale: number;
  readonly shift: number;
}

export interface BatchNormalised {
  readonly neurons: readonly BatchNormNeuron[];
  /** Outputs n x c on the training rows, with the batch statistics of those rows. */
  readonly outputs: DenseMatrix;
  /** loss + beta/2 sum (scale^2 + shift^2 + ||a||^2), without the shift when it is free; ||a||_1 with the per-output penalty. */
  readonly objective: number;
}

/**
 * A ReLU network on whitened inputs z = M x (of centred rows) written as the network with batch normalisation that it stands for, and run as
 * such: every pre-activation x'w, w = M u, is centred and divided by its deviation over the rows given, then multiplied by the scale ||u||.
 * That this gives the objective of the convex program is the equivalence of Ergen and Pilanci 2021 ("Revealing the structure", batch
 * normalisation): features U q of norm 1 there have norm sqrt n here, so beta there is beta / sqrt n.
 *
 * @param X n x d training inputs before whitening
 * @param map the symmetric whitening map M; left out for one input, whose whitening is a scale
 */
export function batchNormalised(
  network: TwoLayerNetwork,
  X: DenseMatrix,
  map: readonly (readonly number[])[] | undefined,
  datafit: Datafit,
  beta: number,
  { bias, outputPenalty }: { readonly bias: BiasMode; readonly outputPenalty: OutputPenalty },
): BatchNormalised {
  const { W1, b1, W2, b2 } = network;
  const { rows: n, cols: d } = X;
  const c = W2.cols;
  const joint = couplesOutputs(outputPenalty, c);
  const { free } = biasOf(bias);
  const outputs = denseMatrix(n, c);
  for (let i = 0; i < n; i++) outputs.data.set(b2, i * c);
  let penalty = 0;
  const h = new Float64Array(n);
  const neurons = Array.from({ length: W1.rows }, (_, k): BatchNormNeuron => {
    const u = W1.data.subarray(k * d, (k + 1) * d);
    const weights = Float64Array.from(
      { length: d },
      (_, a) => map?.[a].reduce((sum, entry, b) => sum + entry * u[b], 0) ?? u[a],
    );
    rowProducts(X, weights, h);
    const mean = h.reduce((a, b) => a + b, 0) / n;
    const deviation = Math.sqrt(h.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n);
    const scale = Math.hypot(...u);
    const shift = b1[k];
    const outgoing = W2.data.subarray(k * c, (k + 1) * c);
    const size = joint ? norm2(outgoing) : outgoing.reduce((sum, a) => sum + Math.abs(a), 0);
    penalty += scale ** 2 + (free ? 0 : shift ** 2) + size ** 2;
    for (let i = 0; i < n; i++) {
      const value = (deviation > 0 ? (scale * (h[i] - mean)) / deviation : 0) + shift;
      if (value > 0) for (let o = 0; o < c; o++) outputs.data[i * c + o] += value * W2.data[k * c + o];
    }
    return { weights, mean, deviation, scale, shift };
  });
  return { neurons, outputs, objective: datafit.value(outputs.data) + 0.5 * beta * penalty };
}
