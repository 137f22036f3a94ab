import { createSmallSvd, type SmallSvd } from '../../base/linalg/jacobiSvd.ts';
import type { BlockPenalty, Penalty } from './penalty.ts';
import { vectorGroups } from './vectorGroups.ts';

/** Nuclear norm of each block: prox soft-thresholds the singular values. */
function singularValues(d: number, c: number): BlockPenalty {
  const size = d * c;
  const svd = createSmallSvd(d, c);
  const { s, scaledLeft, R } = svd;
  return {
    kind: 'nuclear',
    spectral: true,
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
    proxDerivative: createProxDerivative(svd, d, c),
  };
}

/**
 * H := the derivative of the prox in the direction H, the Löwner operator of the soft threshold f (Sun, Sun, Toh 2010 style): with W = Q diag(s) R',
 * G = Q'HR, symmetric part times (f_i - f_j)/(s_i - s_j), skew part times (f_i + f_j)/(s_i + s_j), the rest of H R times f_j/s_j.
 */
function createProxDerivative(svd: SmallSvd, d: number, c: number): BlockPenalty['proxDerivative'] {
  const { s, scaledLeft, R } = svd;
  const size = d * c;
  const G = new Float64Array(c * c);
  const Q = new Float64Array(size);
  const HR = new Float64Array(size);
  return (W, t, H, offset) => {
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
  };
}

/** Sum of singular values; exact for plain weight decay 1/2 sum_j (||w_j||^2 + ||a_j||_2^2) of gated networks. */
export const nuclear: Penalty = {
  name: 'nuclear',
  joint: true,
  gatedOnly: false,
  decay: { same: true, note: null },
  block: (features, outputs) =>
    outputs > 1 ? singularValues(features, outputs) : vectorGroups('nuclear', features, outputs, 1),
};
