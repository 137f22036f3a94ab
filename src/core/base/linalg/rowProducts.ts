import type { DenseMatrix } from './matrix.ts';

/** out[r] := x_r . g for every row of X (n x d), each summed from the first column on. */
export function rowProducts(X: DenseMatrix, g: Float64Array, out: Float64Array): void {
  const { rows: n, cols: d, data } = X;
  let r = 0;
  // four rows at a time: one sum alone would wait for each of its own additions
  for (; r + 4 <= n; r += 4) {
    let at = r * d;
    let [a, b, c, e] = [0, 0, 0, 0];
    for (let k = 0; k < d; k++, at++) {
      const weight = g[k];
      a += data[at] * weight;
      b += data[at + d] * weight;
      c += data[at + 2 * d] * weight;
      e += data[at + 3 * d] * weight;
    }
    out[r] = a;
    out[r + 1] = b;
    out[r + 2] = c;
    out[r + 3] = e;
  }
  for (; r < n; r++) {
    let s = 0;
    for (let k = 0; k < d; k++) s += data[r * d + k] * g[k];
    out[r] = s;
  }
}
