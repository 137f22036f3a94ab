import { factorSpd, solveSpd } from '../base/linalg/cholesky.ts';
import { type DenseMatrix, norm2, rowNorms } from '../base/linalg/matrix.ts';
import { coneInterior } from '../base/linalg/nnls.ts';
import { type Control, uncontrolled } from '../base/control.ts';
import type { ConvexNeuron } from './mapping.ts';

/** A gated group: its gate's direction and vector, on effective inputs (d numbers each). */
export interface GatedVector {
  readonly gate: Float64Array;
  readonly vector: Float64Array;
  readonly output: number;
}

export interface ConeDecomposition {
  /** ReLU neurons with the fit of the gated network. */
  readonly neurons: readonly ConvexNeuron[];
  /** Sum of the norms of the neurons, and of the gated vectors: what the same fit costs either way. */
  readonly penalty: number;
  readonly gatedPenalty: number;
}

/**
 * Turns a gated network into a ReLU network with the same fit on X (n x d): every w becomes u - u' with u, u' in the cone of its gate and
 * ||u|| + ||u'|| as small as possible (Mishkin, Sahiner, Pilanci 2022). That keeps the fit and raises the penalty, often a lot: a start for training, not
 * an optimum. Undefined when the cone of a gate has no interior, so that not every w can be decomposed, and when it was stopped.
 */
export function decomposeGated(
  X: DenseMatrix,
  vectors: readonly GatedVector[],
  control: Control = uncontrolled,
): ConeDecomposition | undefined {
  const neurons: ConvexNeuron[] = [];
  let penalty = 0;
  let gatedPenalty = 0;
  for (const { gate, vector, output } of vectors) {
    const size = norm2(vector);
    if (size === 0) continue;
    gatedPenalty += size;
    const signs = new Int8Array(X.rows);
    for (let r = 0; r < X.rows; r++) {
      let s = 0;
      for (let k = 0; k < X.cols; k++) s += X.data[r * X.cols + k] * gate[k];
      signs[r] = s >= 0 ? 1 : -1;
    }
    const parts = splitInCone(X, signs, gate, vector, control);
    if (parts === undefined) return undefined;
    parts.forEach((u, k) => {
      const length = norm2(u);
      if (length === 0) return;
      penalty += length;
      neurons.push({ u, sign: k === 0 ? 1 : -1, output });
    });
  }
  return { neurons, penalty, gatedPenalty };
}

/**
 * min ||u|| + ||u - w|| over u and u - w in the cone of `signs`, by a barrier method in u alone: the norm becomes
 * min_t t - mu log(t^2 - ||u||^2), the row constraints -mu log, and Newton's method follows mu to 0. Both parts are inside the cone.
 */
function splitInCone(
  X: DenseMatrix,
  signs: Int8Array,
  gate: Float64Array,
  w: Float64Array,
  control: Control,
): [Float64Array, Float64Array] | undefined {
  const { rows: n, cols: d, data } = X;
  const zero = new Float64Array(d);
  const products = (u: Float64Array): Float64Array => {
    const out = new Float64Array(n);
    for (let r = 0; r < n; r++) {
      let s = 0;
      for (let k = 0; k < d; k++) s += data[r * d + k] * u[k];
      out[r] = signs[r] * s;
    }
    return out;
  };
  const rowSize = rowNorms(X);
  const size = norm2(w);
  const ofW = products(w);
  // a vector (or its negative) that is in the cone already costs nothing extra
  if (ofW.every((s, r) => s >= -1e-13 * size * rowSize[r])) return [w, zero];
  if (ofW.every((s, r) => s <= 1e-13 * size * rowSize[r])) return [zero, w.map((x) => -x)];
  const { interior } = coneInterior(X, signs, gate);
  if (interior === undefined) return undefined;
  const inside = products(interior);
  let reach = size;
  for (let r = 0; r < n; r++) if (rowSize[r] > 0) reach = Math.max(reach, (2 * Math.max(0, ofW[r])) / inside[r]);
  let u: Float64Array = interior.map((x) => x * reach);

  const value = (at: Float64Array, mu: number): number => {
    const s = products(at);
    let total = 0;
    for (let r = 0; r < n; r++) {
      if (rowSize[r] === 0) continue;
      const other = s[r] - ofW[r];
      if (!(s[r] > 0 && other > 0)) return Infinity;
      total -= mu * (Math.log(s[r]) + Math.log(other));
    }
    for (const length of [norm2(at), norm2(at.map((x, k) => x - w[k]))]) {
      const t = mu + Math.hypot(mu, length);
      total += t - mu * Math.log(2 * mu * t);
    }
    return total;
  };
  const H = new Float64Array(d * d);
  for (let mu = 0.1 * reach; mu > 1e-11 * size; mu *= 0.2) {
    for (let round = 0; round < 50; round++) {
      if (control.shouldStop()) return undefined;
      const g = new Float64Array(d);
      H.fill(0);
      for (const shift of [zero, w]) {
        const z = u.map((x, k) => x - shift[k]);
        const root = Math.hypot(mu, norm2(z));
        const t = mu + root;
        for (let i = 0; i < d; i++) {
          g[i] += z[i] / t;
          for (let j = 0; j < d; j++) H[i * d + j] -= (z[i] * z[j]) / (t * t * root);
          H[i * d + i] += 1 / t;
        }
      }
      const s = products(u);
      for (let r = 0; r < n; r++) {
        if (rowSize[r] === 0) continue;
        const other = s[r] - ofW[r];
        const first = mu * signs[r] * (1 / s[r] + 1 / other);
        const second = mu * (1 / (s[r] * s[r]) + 1 / (other * other));
        for (let i = 0; i < d; i++) {
          const x = data[r * d + i];
          g[i] -= first * x;
          for (let j = 0; j < d; j++) H[i * d + j] += second * x * data[r * d + j];
        }
      }
      const step = g.slice();
      factorSpd(H, d);
      solveSpd(H, d, step);
      let decrement = 0;
      for (let k = 0; k < d; k++) decrement += step[k] * g[k];
      if (!(decrement > 1e-10 * mu)) break;
      const before = value(u, mu);
      let length = 1;
      let next = u;
      for (let k = 0; k < 60; k++, length *= 0.5) {
        next = u.map((x, i) => x - length * step[i]);
        if (value(next, mu) <= before - 0.1 * length * decrement) break;
      }
      if (!(value(next, mu) < before)) break;
      u = next;
    }
  }
  return [u, u.map((x, k) => x - w[k])];
}
