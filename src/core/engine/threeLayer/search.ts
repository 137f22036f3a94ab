import { dot, norm2, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Rng } from '../../base/rng.ts';
import { groupNorm } from '../../network/threeLayer/subNetwork.ts';

/** sign * v'(sum_j s_j (X u_j)_+)_+ and its gradient in u; v has n entries. */
function valueAndGradient(
  X: DenseMatrix,
  v: ArrayLike<number>,
  sign: number,
  inner: Int8Array,
  u: Float64Array,
  gradient: Float64Array,
): number {
  const d = X.cols;
  const m1 = inner.length;
  gradient.fill(0);
  let value = 0;
  const on = new Uint8Array(m1);
  for (let i = 0; i < X.rows; i++) {
    if (v[i] === 0) continue;
    const x = rowOf(X, i);
    let h = 0;
    for (let j = 0; j < m1; j++) {
      const z = dot(x, u.subarray(j * d, (j + 1) * d));
      on[j] = z > 0 ? 1 : 0;
      if (z > 0) h += inner[j] * z;
    }
    if (!(h > 0)) continue;
    value += sign * v[i] * h;
    for (let j = 0; j < m1; j++) {
      if (!on[j]) continue;
      const w = sign * v[i] * inner[j];
      for (let k = 0; k < d; k++) gradient[j * d + k] += w * x[k];
    }
  }
  return value;
}

export interface Ascent {
  readonly u: Float64Array;
  readonly inner: Int8Array;
  readonly sign: 1 | -1;
  /** Value at sum_j ||u_j|| = 1. */
  readonly value: number;
}

/** Local ascent of sign v'(h(u))_+ over sum_j ||u_j|| = 1 by gradient steps that grow on success and shrink on failure. */
export function ascend(
  X: DenseMatrix,
  v: ArrayLike<number>,
  sign: 1 | -1,
  inner: Int8Array,
  start: Float64Array,
  steps: number,
): Ascent {
  const m1 = inner.length;
  const d = X.cols;
  const u = Float64Array.from(start);
  const normalise = (w: Float64Array): void => {
    const s = groupNorm(w, m1);
    if (s > 0) for (let k = 0; k < w.length; k++) w[k] /= s;
  };
  normalise(u);
  const gradient = new Float64Array(u.length);
  const trial = new Float64Array(u.length);
  const next = new Float64Array(u.length);
  let value = valueAndGradient(X, v, sign, inner, u, gradient);
  let length = 0.3;
  for (let k = 0; k < steps && length > 1e-9; k++) {
    // direction of steepest ascent of value / sum_j ||u_j||, block by block
    let size = 0;
    for (let j = 0; j < m1; j++) {
      const r = norm2(u.subarray(j * d, (j + 1) * d));
      for (let t = j * d; t < (j + 1) * d; t++) {
        trial[t] = gradient[t] - (r > 0 ? (value * u[t]) / r : 0);
        size += trial[t] * trial[t];
      }
    }
    size = Math.sqrt(size);
    if (!(size > 1e-14 * (1 + Math.abs(value)))) break;
    for (let t = 0; t < u.length; t++) trial[t] = u[t] + (length * trial[t]) / size;
    normalise(trial);
    const candidate = valueAndGradient(X, v, sign, inner, trial, next);
    if (candidate > value) {
      u.set(trial);
      gradient.set(next);
      value = candidate;
      length *= 1.6;
    } else length *= 0.4;
  }
  return { u, inner, sign, value };
}

/** Where a search for branches begins: how many random ones, and branches that are there already. */
export interface SearchStarts {
  readonly starts: number;
  readonly present: readonly { readonly u: Float64Array; readonly inner: Int8Array; readonly sign: 1 | -1 }[];
}

/**
 * Searches for branches that violate the dual constraint: ascents from random branches and from perturbed present ones, both output
 * signs. Returns the local maxima found, best first; what it finds is a lower estimate of M3(v), never a proof.
 */
export function searchBranches(
  X: DenseMatrix,
  v: ArrayLike<number>,
  m1: number,
  { starts, present }: SearchStarts,
  rng: Rng,
  shouldStop: () => boolean,
): Ascent[] {
  const d = X.cols;
  const found: Ascent[] = [];
  for (const { u, inner, sign } of present) {
    for (const noise of [0, 1e-5, 1e-3, 1e-1]) {
      if (shouldStop()) return found;
      const size = norm2(u) / Math.sqrt(u.length);
      const start = u.map((value) => value + noise * size * rng.normal());
      found.push(ascend(X, v, sign, inner, start, 80));
    }
  }
  for (let k = 0; k < starts; k++) {
    if (shouldStop()) break;
    const inner = new Int8Array(m1);
    for (let j = 0; j < m1; j++) inner[j] = j === 0 || rng.uniform() < 0.5 ? 1 : -1;
    if (m1 > 1 && !inner.includes(-1)) inner[m1 - 1] = -1;
    const u = new Float64Array(m1 * d);
    // start a positive neuron at a data row with the right sign, the others at random rows or Gaussian directions
    for (let j = 0; j < m1; j++) {
      const row = rng.uniform() < 0.5 ? rowOf(X, rng.integer(X.rows)) : undefined;
      const flip = rng.uniform() < 0.3 ? -1 : 1;
      for (let t = 0; t < d; t++) u[j * d + t] = row ? flip * row[t] + 0.1 * rng.normal() : rng.normal();
      const size = norm2(u.subarray(j * d, (j + 1) * d)) || 1;
      const share = 0.2 + rng.uniform();
      for (let t = 0; t < d; t++) u[j * d + t] *= share / size;
    }
    found.push(ascend(X, v, k % 2 === 0 ? 1 : -1, inner, u, 150));
  }
  return found.sort((a, b) => b.value - a.value);
}
