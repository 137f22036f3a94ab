import { type DenseMatrix, denseMatrix, rowsOf, withOnesColumn } from '../base/linalg/matrix.ts';
import { everyRows } from '../base/polling.ts';
import { type BiasMode, biasOf } from './problem.ts';

/** Inputs as the neurons see them: n x d, or n x (d + 1) with a last column of ones where they have a bias, at a place that is given or a new one. */
export function effectiveInputs(X: DenseMatrix, bias: BiasMode, place?: Float64Array, poll?: () => void): DenseMatrix {
  if (!biasOf(bias).column) return X;
  const out = denseMatrix(X.rows, X.cols + 1, place);
  const look = everyRows(X.cols);
  for (let from = 0; from < X.rows; from += look) {
    if (from > 0) poll?.();
    const to = Math.min(X.rows, from + look);
    withOnesColumn(rowsOf(X, from, to), rowsOf(out, from, to).data);
  }
  return out;
}
