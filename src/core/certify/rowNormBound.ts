import { type DenseMatrix, rowNorms } from '../base/linalg/matrix.ts';

/** Whether norms bound dual constraints: there is no free bias, or one, with the same positive entry in all rows. */
export function boundableByNorms(X: DenseMatrix, penalizedCols: number): boolean {
  const { rows, cols, data } = X;
  if (penalizedCols === cols) return true;
  const entry = data[cols - 1];
  if (penalizedCols !== cols - 1 || !(entry > 0)) return false;
  for (let r = 0; r < rows; r++) if (data[r * cols + cols - 1] !== entry) return false;
  return true;
}

/**
 * What no |v_k'(Xu)_+| is above, over columns v_k of V (n x c) and directions u with a norm of 1 in the first `penalizedCols` columns of X (n x d):
 * the largest sum_i (+-v_i)_+ r_i with the reach r_i of the rows (`reachOfRows`). With a free bias columns of V have to sum to zero. Infinity where norms bound nothing.
 */
export function dualMaximumByRowNorms(reach: Float64Array | undefined, V: Float64Array, c: number): number {
  if (reach === undefined) return Infinity;
  let top = 0;
  for (let o = 0; o < c; o++) {
    let [up, down] = [0, 0];
    for (let r = 0, at = o; r < reach.length; r++, at += c) {
      const [v, size] = [V[at], Math.abs(V[at])];
      // without a branch that half of the rows take
      up += 0.5 * (size + v) * reach[r];
      down += 0.5 * (size - v) * reach[r];
    }
    top = Math.max(top, up, down);
  }
  return top * (1 + 1e-14 * reach.length);
}

/**
 * What a row x_i of X (n x d) adds to x_i'u at most, over directions u with a norm of 1 in the first `penalizedCols` columns: its norm. With a free bias it counts with its
 * distance from the mean row and the largest of these: no bias is further out than the last kink, beyond which nothing changes. Undefined where norms bound nothing. Takes some
 * passes over the data, fewer where the norms of the rows are known.
 */
export function reachOfRows(X: DenseMatrix, penalizedCols: number, norms?: Float64Array): Float64Array | undefined {
  if (!boundableByNorms(X, penalizedCols)) return undefined;
  return penalizedCols < X.cols ? reaches(X) : (norms ?? rowNorms(X));
}

/** Distances of the rows from the mean row without the last column, each with the largest of them added. */
function reaches({ rows, cols, data }: DenseMatrix): Float64Array {
  const q = cols - 1;
  const mean = new Float64Array(q);
  for (let r = 0; r < rows; r++) for (let k = 0; k < q; k++) mean[k] += data[r * cols + k] / rows;
  const out = new Float64Array(rows);
  let largest = 0;
  for (let r = 0; r < rows; r++) {
    let square = 0;
    for (let k = 0; k < q; k++) square += (data[r * cols + k] - mean[k]) ** 2;
    out[r] = Math.sqrt(square);
    largest = Math.max(largest, out[r]);
  }
  for (let r = 0; r < rows; r++) out[r] += largest;
  return out;
}
