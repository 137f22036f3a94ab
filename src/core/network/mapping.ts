import { type DenseMatrix, denseMatrix, norm2, rowOf } from '../base/linalg/matrix.ts';
import { type BiasMode, biasOf } from '../problem/problem.ts';
import type { TwoLayerNetwork } from './network.ts';

/** A neuron in the coordinates of the convex program: it adds sign * (Xu)_+ to one output, and costs beta ||u||. */
export interface ConvexNeuron {
  /** Effective inputs: the coefficient of the ones column last when there is a bias. */
  readonly u: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
}

/**
 * A ReLU neuron that feeds all outputs: it adds (Xw)_+ a' to the fit and costs beta ||w|| ||a||, which is what plain weight decay
 * beta/2 (||w||^2 + ||a||^2) comes to at its best scaling (Sahiner, Ergen, Pauly and Pilanci 2021).
 */
export interface SharedNeuron {
  /** Effective inputs: the coefficient of the ones column last when there is a bias. */
  readonly w: Float64Array;
  /** c outgoing weights. */
  readonly a: Float64Array;
}

/** Directions closer than this (cosine) count as one neuron. */
const sameDirection = 1 - 1e-6;

/**
 * The balanced network of convex neurons: u becomes w = u / sqrt||u|| with outgoing weight sign sqrt||u|| (Pilanci and Ergen 2020, theorem 1),
 * so that half the squared weights equal ||u||. Neurons with an equal activation pattern on X, sign and output, and (nearly) the same
 * direction, are added up first: the fit on X is unchanged and the penalty does not rise.
 */
export function networkOfNeurons(
  neurons: readonly ConvexNeuron[],
  outputs: number,
  inputs: number,
  bias: BiasMode,
  offset?: ArrayLike<number>,
): TwoLayerNetwork {
  const q = inputs + (biasOf(bias).counted ? 1 : 0);
  const { column } = biasOf(bias);
  const used = neurons.filter(({ u }) => norm2(u.subarray(0, q)) > 0);
  const m = used.length;
  const W1 = denseMatrix(m, inputs);
  const b1 = new Float64Array(m);
  const W2 = denseMatrix(m, outputs);
  used.forEach(({ u, sign, output }, j) => {
    const root = Math.sqrt(norm2(u.subarray(0, q)));
    for (let k = 0; k < inputs; k++) W1.data[j * inputs + k] = u[k] / root;
    if (column) b1[j] = u[inputs] / root;
    W2.data[j * outputs + output] = sign * root;
  });
  return { W1, b1, W2, b2: offset === undefined ? new Float64Array(outputs) : Float64Array.from(offset) };
}

/** Adds up neurons of one sign, output and direction that no row of X (n x d, effective inputs) separates. */
export function mergeCollinear(
  X: DenseMatrix,
  penalizedCols: number,
  neurons: readonly ConvexNeuron[],
): ConvexNeuron[] {
  const out: { u: Float64Array; readonly sign: 1 | -1; readonly output: number }[] = [];
  for (const { u, sign, output } of neurons) {
    const size = norm2(u.subarray(0, penalizedCols));
    if (!(size > 0)) {
      out.push({ u, sign, output });
      continue;
    }
    const twin = out.find((other) => {
      if (other.sign !== sign || other.output !== output) return false;
      const length = norm2(other.u.subarray(0, penalizedCols));
      if (!(length > 0)) return false;
      let s = 0;
      for (let k = 0; k < penalizedCols; k++) s += u[k] * other.u[k];
      return s > sameDirection * size * length && !separated(X, u, other.u);
    });
    if (twin === undefined) out.push({ u, sign, output });
    else twin.u = twin.u.map((value, k) => value + u[k]);
  }
  return out;
}

/** Whether some row is strictly on with one neuron and strictly off with the other (up to rounding). */
function separated(X: DenseMatrix, u: Float64Array, v: Float64Array): boolean {
  const tiny = 1e-14;
  const nu = norm2(u);
  const nv = norm2(v);
  for (let r = 0; r < X.rows; r++) {
    let s = 0;
    let t = 0;
    let size = 0;
    for (let k = 0; k < X.cols; k++) {
      const x = X.data[r * X.cols + k];
      s += x * u[k];
      t += x * v[k];
      size += x * x;
    }
    size = tiny * Math.sqrt(size);
    if (s * t < 0 && Math.abs(s) > size * nu && Math.abs(t) > size * nv) return true;
  }
  return false;
}

/**
 * The convex neurons of a network: u = |a_o| (w, b) for every non-zero outgoing weight. The convex objective of these is at most that of the
 * network with the per-output penalty, and equal to it when the network is balanced.
 */
export function neuronsOfNetwork(network: TwoLayerNetwork, bias: BiasMode): ConvexNeuron[] {
  const { W1, b1, W2 } = network;
  const d = W1.cols;
  const c = W2.cols;
  const out: ConvexNeuron[] = [];
  const { column } = biasOf(bias);
  for (let j = 0; j < W1.rows; j++) {
    for (let o = 0; o < c; o++) {
      const a = W2.data[j * c + o];
      if (a === 0) continue;
      const u = new Float64Array(column ? d + 1 : d);
      for (let k = 0; k < d; k++) u[k] = Math.abs(a) * W1.data[j * d + k];
      if (column) u[d] = Math.abs(a) * b1[j];
      out.push({ u, sign: a > 0 ? 1 : -1, output: o });
    }
  }
  return out;
}

/** The network of neurons that feed all outputs, balanced or not: each becomes one hidden unit with its weights as they are. */
export function networkOfShared(
  neurons: readonly SharedNeuron[],
  inputs: number,
  bias: BiasMode,
  offset: ArrayLike<number>,
): TwoLayerNetwork {
  const m = neurons.length;
  const c = offset.length;
  const W1 = denseMatrix(m, inputs);
  const b1 = new Float64Array(m);
  const W2 = denseMatrix(m, c);
  const { column } = biasOf(bias);
  neurons.forEach(({ w, a }, j) => {
    W1.data.set(w.subarray(0, inputs), j * inputs);
    if (column) b1[j] = w[inputs];
    W2.data.set(a, j * c);
  });
  return { W1, b1, W2, b2: Float64Array.from(offset) };
}

/** The hidden units of a network on effective inputs, each with all its outgoing weights; those that add nothing are left out. */
export function sharedOfNetwork(network: TwoLayerNetwork, bias: BiasMode): SharedNeuron[] {
  const { W1, b1, W2 } = network;
  const d = W1.cols;
  const { column } = biasOf(bias);
  return Array.from({ length: W1.rows }, (_, j) => {
    const w = new Float64Array(column ? d + 1 : d);
    w.set(rowOf(W1, j));
    if (column) w[d] = b1[j];
    return { w, a: rowOf(W2, j).slice() };
  }).filter(({ w, a }) => norm2(w) > 0 && norm2(a) > 0);
}
