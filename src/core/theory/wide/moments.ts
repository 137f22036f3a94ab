import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { ActivationName } from '../../descent/layers/activation.ts';

/** Even-order moments M_2k = (1/n) sum ||x_i||^(2k) for k = 1..count. */
export function evenMoments(X: DenseMatrix, count: number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < X.rows; i++) {
    let s = 0;
    for (let k = 0; k < X.cols; k++) s += X.data[i * X.cols + k] ** 2;
    let power = 1;
    for (let k = 0; k < count; k++) {
      power *= s;
      out[k] += power / X.rows;
    }
  }
  return out;
}

/**
 * mu_k = E[phi(g) h_k(g)], g ~ N(0,1), in the orthonormal probabilists' Hermite basis, k = 0..count - 1; the sum of squares is
 * E[phi(g)^2]. ReLU: integration by parts. erf: derivatives at 0 of E[erf(g + t)] = erf(t / sqrt 3).
 */
export function hermiteCoefficients(activation: ActivationName, count: number): Float64Array {
  const out = new Float64Array(count);
  if (activation === 'relu') {
    // (-1)^(k/2 - 1) (k - 3)!! / sqrt(2 pi k!) for even k >= 2; the ratio of neighbours avoids large factorials.
    let even = 1 / Math.sqrt(4 * Math.PI);
    for (let k = 0; k < count; k++) {
      if (k === 0) out[k] = 1 / Math.sqrt(2 * Math.PI);
      else if (k === 1) out[k] = 0.5;
      else if (k % 2 === 0) {
        if (k > 2) even *= -(k - 3) / Math.sqrt((k - 1) * k);
        out[k] = even;
      }
    }
    return out;
  }
  // k = 2j + 1: sqrt(k!) (2 / sqrt pi) (-1)^j / (j! (2j + 1)) 3^(-k/2).
  let term = 2 / Math.sqrt(3 * Math.PI);
  for (let k = 1, j = 0; k < count; k += 2, j++) {
    if (j > 0) term *= (-Math.sqrt((k - 1) * k) * (2 * j - 1)) / (3 * j * (2 * j + 1));
    out[k] = term;
  }
  return out;
}
