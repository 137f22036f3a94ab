import { createSmallSvd } from '../base/linalg/jacobiSvd.ts';
import type { OutputPenalty } from './problem.ts';

/**
 * The penalty of a gated program: a sum of norms over the blocks U_i (d x c, row-major) of the gates.
 *
 * - `per-output`: sum of the Euclidean norms of the c columns; exact for networks with penalty 1/2 sum_j (||w_j||^2 + ||a_j||_1^2);
 * - `frobenius`: Frobenius norm of the block; exact for gated units with one shared output scale;
 * - `nuclear`: sum of singular values; exact for plain weight decay 1/2 sum_j (||w_j||^2 + ||a_j||_2^2) of gated networks.
 *
 * With one output the three agree.
 */
export interface BlockPenalty {
  readonly kind: OutputPenalty;
  readonly features: number;
  readonly outputs: number;
  /** Groups per block: c for `per-output`, else 1. */
  readonly groups: number;
  /** Penalty of `blocks` blocks. */
  value(U: Float64Array, blocks: number): number;
  /** U := argmin_U t * penalty(U) + ||U - W||^2 / 2; sizes (blocks x groups) receives the dual norms of W. Returns penalty(U). */
  prox(W: Float64Array, blocks: number, t: number, U: Float64Array, sizes: Float64Array): number;
  /** sizes (blocks x groups) := dual norm of each group of T. Returns the largest. */
  dualNorms(T: Float64Array, blocks: number, sizes: Float64Array): number;
  /**
   * H := (generalised derivative of the prox of threshold t at W) H, for one block: `W` and `H` start at `offset`.
   */
  proxDerivative(W: Float64Array, t: number, H: Float64Array, offset: number): void;
}

/** The penalty of a kind for d x c blocks. */
export function createPenalty(kind: OutputPenalty, features: number, outputs: number): BlockPenalty {
  if (kind === 'nuclear' && outputs > 1) return nuclear(features, outputs);
  // with one output all three are the same norm of a vector
  const groups = kind === 'per-output' ? outputs : 1;
  return vectorGroups(kind, features, outputs, groups);
}

/** Groups that are whole blocks (groups = 1) or their columns (groups = c): prox is block soft-thresholding. */
function vectorGroups(kind: OutputPenalty, d: number, c: number, groups: number): BlockPenalty {
  const size = d * c;
  const norm = (A: Float64Array, block: number, group: number): number => {
    let s = 0;
    const end = (block + 1) * size;
    for (let i = block * size + group; i < end; i += groups) s += A[i] * A[i];
    return Math.sqrt(s);
  };
  return {
    kind,
    features: d,
    outputs: c,
    groups,
    value(U, blocks) {
      let total = 0;
      for (let b = 0; b < blocks; b++) for (let g = 0; g < groups; g++) total += norm(U, b, g);
      return total;
    },
    prox(W, blocks, t, U, sizes) {
      let total = 0;
      for (let b = 0; b < blocks; b++) {
        for (let g = 0; g < groups; g++) {
          const length = norm(W, b, g);
          sizes[b * groups + g] = length;
          const scale = length > t ? 1 - t / length : 0;
          total += length > t ? length - t : 0;
          const end = (b + 1) * size;
          for (let i = b * size + g; i < end; i += groups) U[i] = scale * W[i];
        }
      }
      return total;
    },
    dualNorms(T, blocks, sizes) {
      let top = 0;
      for (let b = 0; b < blocks; b++) {
        for (let g = 0; g < groups; g++) top = Math.max(top, (sizes[b * groups + g] = norm(T, b, g)));
      }
      return top;
    },
    proxDerivative(W, t, H, offset) {
      for (let g = 0; g < groups; g++) {
        let squares = 0;
        let product = 0;
        for (let i = g; i < size; i += groups) {
          squares += W[offset + i] * W[offset + i];
          product += W[offset + i] * H[offset + i];
        }
        const length = Math.sqrt(squares);
        if (length <= t) {
          for (let i = g; i < size; i += groups) H[offset + i] = 0;
          continue;
        }
        const a = 1 - t / length;
        const b = (t / (length * squares)) * product;
        for (let i = g; i < size; i += groups) H[offset + i] = a * H[offset + i] + b * W[offset + i];
      }
    },
  };
}

/** Nuclear norm of each block: prox soft-thresholds the singular values. */
function nuclear(d: number, c: number): BlockPenalty {
  const size = d * c;
  const svd = createSmallSvd(d, c);
  const { s, scaledLeft, R } = svd;
  const G = new Float64Array(c * c);
  const Q = new Float64Array(size);
  const HR = new Float64Array(size);
  return {
    kind: 'nuclear',
    features: d,
    outputs: c,
    groups: 1,
    value(U, blocks) {
      let total = 0;
      for (let b = 0; b < blocks; b++) {
        svd.decompose(U, b * size);
        for (let j = 0; j < c; j++) total += s[j];
      }
      return total;
    },
    prox(W, blocks, t, U, sizes) {
      let total = 0;
      for (let b = 0; b < blocks; b++) {
        svd.decompose(W, b * size);
        let top = 0;
        for (let j = 0; j < c; j++) top = Math.max(top, s[j]);
        sizes[b] = top;
        U.fill(0, b * size, (b + 1) * size);
        for (let j = 0; j < c; j++) {
          if (s[j] <= t) continue;
          total += s[j] - t;
          const scale = 1 - t / s[j];
          for (let i = 0; i < d; i++) {
            const left = scale * scaledLeft[i * c + j];
            for (let k = 0; k < c; k++) U[b * size + i * c + k] += left * R[k * c + j];
          }
        }
      }
      return total;
    },
    dualNorms(T, blocks, sizes) {
      let top = 0;
      for (let b = 0; b < blocks; b++) {
        svd.decompose(T, b * size);
        let largest = 0;
        for (let j = 0; j < c; j++) largest = Math.max(largest, s[j]);
        sizes[b] = largest;
        top = Math.max(top, largest);
      }
      return top;
    },
    proxDerivative(W, t, H, offset) {
      // Löwner operator of the soft threshold f (Sun, Sun, Toh 2010 style): with W = Q diag(s) R', G = Q'HR,
      // symmetric part times (f_i - f_j)/(s_i - s_j), skew part times (f_i + f_j)/(s_i + s_j), the rest of H R times f_j/s_j
      svd.decompose(W, offset);
      let top = 0;
      for (let j = 0; j < c; j++) top = Math.max(top, s[j]);
      if (top <= t) {
        H.fill(0, offset, offset + size);
        return;
      }
      const f = (j: number): number => (s[j] > t ? s[j] - t : 0);
      const tiny = 1e-13 * top;
      for (let i = 0; i < d; i++) {
        for (let j = 0; j < c; j++) {
          Q[i * c + j] = s[j] > tiny ? scaledLeft[i * c + j] / s[j] : 0;
          let sum = 0;
          for (let k = 0; k < c; k++) sum += H[offset + i * c + k] * R[k * c + j];
          HR[i * c + j] = sum;
        }
      }
      for (let i = 0; i < c; i++) {
        for (let j = 0; j < c; j++) {
          let sum = 0;
          for (let k = 0; k < d; k++) sum += Q[k * c + i] * HR[k * c + j];
          G[i * c + j] = sum;
        }
      }
      // HR := (HR - Q G) diag(f/s) + Q (Gamma1 o sym G + Gamma2 o skew G)
      for (let k = 0; k < d; k++) {
        for (let j = 0; j < c; j++) {
          const shrink = s[j] > t ? f(j) / s[j] : 0;
          let rest = HR[k * c + j];
          let inside = 0;
          for (let i = 0; i < c; i++) {
            const q = Q[k * c + i];
            if (q === 0) continue;
            const g = G[i * c + j];
            const mirrored = s[j] > tiny ? G[j * c + i] : 0;
            rest -= q * g;
            const gap = s[i] - s[j];
            const slope = Math.abs(gap) > 1e-12 * top ? (f(i) - f(j)) / gap : s[i] > t ? 1 : 0;
            const mean = s[i] + s[j] > 0 ? (f(i) + f(j)) / (s[i] + s[j]) : 0;
            // a column without a left vector (rank below c) has no mirrored part: symmetric and skew halves are both g
            inside += s[j] > tiny ? q * (0.5 * slope * (g + mirrored) + 0.5 * mean * (g - mirrored)) : q * mean * g;
          }
          scaledLeft[k * c + j] = rest * shrink + inside;
        }
      }
      for (let i = 0; i < d; i++) {
        for (let k = 0; k < c; k++) {
          let sum = 0;
          for (let j = 0; j < c; j++) sum += scaledLeft[i * c + j] * R[k * c + j];
          H[offset + i * c + k] = sum;
        }
      }
    },
  };
}
