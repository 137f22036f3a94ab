import { denseMatrix, type DenseMatrix, rowOf } from '../core/base/linalg/matrix.ts';

/** The rows of X that are listed. */
export function pickRows(X: DenseMatrix, rows: Int32Array): DenseMatrix {
  const out = denseMatrix(rows.length, X.cols);
  rows.forEach((row, i) => out.data.set(rowOf(X, row), i * X.cols));
  return out;
}
