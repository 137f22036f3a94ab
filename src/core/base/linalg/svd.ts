import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { denseMatrix, type DenseMatrix, unitOf } from '../linalg/matrix.ts';

/** A = U diag(s) V' with k = min(rows, cols) columns, s descending. */
export interface Svd {
  /** rows x k */
  readonly U: DenseMatrix;
  readonly s: Float64Array;
  /** cols x k */
  readonly V: DenseMatrix;
}

/**
 * Thin singular value decomposition, by ml-matrix; the matrix is divided by a power of two first, so that nothing near the ends of the range
 * of doubles overflows or vanishes in squares.
 * @throws {RangeError} when an entry is not finite (the iteration would not end)
 */
export function svd(a: DenseMatrix): Svd {
  const { rows, cols } = a;
  const k = Math.min(rows, cols);
  if (k === 0) return { U: denseMatrix(rows, 0), s: new Float64Array(0), V: denseMatrix(cols, 0) };
  const unit = unitOf(a.data);
  const m = new Matrix(rows, cols);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) m.set(i, j, a.data[i * cols + j] / unit);
  const decomposition = new SingularValueDecomposition(m, { autoTranspose: true });
  const left = decomposition.leftSingularVectors;
  const right = decomposition.rightSingularVectors;
  const s = Float64Array.from(decomposition.diagonal.slice(0, k), (value) => value * unit);
  const U = denseMatrix(rows, k);
  const V = denseMatrix(cols, k);
  for (let j = 0; j < k; j++) {
    for (let i = 0; i < rows; i++) U.data[i * k + j] = left.get(i, j);
    for (let i = 0; i < cols; i++) V.data[i * k + j] = right.get(i, j);
  }
  return { U, s, V };
}

/** Number of singular values above `relative` times the largest. */
export function numericalRank(s: ArrayLike<number>, relative = 1e-10): number {
  let rank = 0;
  for (let i = 0; i < s.length; i++) if (s[i] > relative * s[0]) rank++;
  return rank;
}
