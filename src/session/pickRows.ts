import { denseMatrix, type DenseMatrix } from '../core/base/linalg/matrix.ts';

/** The rows of X that are listed. */
export function pickRows(X: DenseMatrix, rows: Int32Array): DenseMatrix {
  const out = denseMatrix(rows.length, X.cols);
  // without views, which cost more than short rows do
  let to = 0;
  for (const row of rows) for (let k = 0, from = row * X.cols; k < X.cols; k++) out.data[to++] = X.data[from++];
  return out;
}
