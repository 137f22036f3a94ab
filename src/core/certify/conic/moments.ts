import type { DenseMatrix } from '../../base/linalg/matrix.ts';

/** out := the symmetric matrix U (d x d) of variables (u, lower triangle of U row by row, ...), all over tau. */
export function momentMatrix(y: Float64Array, d: number, out: Float64Array, tau = 1): Float64Array {
  for (let k = 0, at = d; k < d; k++) {
    for (let l = 0; l <= k; l++, at++) out[k * d + l] = out[l * d + k] = y[at] / tau;
  }
  return out;
}

/** XU := X U (L x d) and squares := x_i'U x_i for the lines X. */
export function momentsAlong(
  { rows: L, cols: d, data: x }: DenseMatrix,
  U: Float64Array,
  XU: Float64Array,
  squares: Float64Array,
): void {
  for (let i = 0; i < L; i++) {
    const at = i * d;
    let square = 0;
    for (let k = 0; k < d; k++) {
      let s = 0;
      for (let l = 0, row = k * d; l < d; l++) s += U[row + l] * x[at + l];
      XU[at + k] = s;
      square += x[at + k] * s;
    }
    squares[i] = square;
  }
}
