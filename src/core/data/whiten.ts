import { denseMatrix, type DenseMatrix, rowOf } from '../base/linalg/matrix.ts';
import { numericalRank, svdUnlessStopped } from '../base/linalg/svd.ts';
import type { Whitening } from './scaling.ts';

/** Above this number of inputs the matrix is too large to keep in a record. */
export const whitenLimit = 400;
/** Rows x inputs x the smaller of the two, above which the decomposition takes too long. */
export const whitenWork = 2e8;

const relativeRank = 1e-10;

/**
 * The symmetric whitening map of n x d training rows: M = sqrt(n) (X'X)^(+1/2), so that Z = X M has Z'Z = n I on the span of the rows, and,
 * when the rows are independent (n <= d), Z Z' = n I: the "whitened data" of Ergen and Pilanci 2021 ("Revealing the structure"), up to
 * the factor n, which keeps the size of a standardised input. Undefined when all inputs are zero. `poll` is called
 * every few milliseconds and may throw.
 */
export function whiteningOf(X: DenseMatrix, poll: () => void = () => undefined): Whitening | undefined {
  const { s, V } = svdUnlessStopped(X, () => (poll(), false))!;
  const rank = numericalRank(s, relativeRank);
  if (!(s[0] > 0)) return undefined;
  const d = X.cols;
  const k = s.length;
  const root = Math.sqrt(X.rows);
  const matrix = Array.from({ length: d }, () => new Array<number>(d).fill(0));
  for (let i = 0; i < d; i++) {
    poll();
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let t = 0; t < rank; t++) sum += (V.data[i * k + t] * V.data[j * k + t]) / s[t];
      matrix[i][j] = matrix[j][i] = root * sum;
    }
  }
  return { rowsOrthogonal: rank === X.rows, rank, matrix };
}

/** X M, row by row. */
export function whitened(X: DenseMatrix, { matrix }: Whitening, poll: () => void = () => undefined): DenseMatrix {
  const d = X.cols;
  const out = denseMatrix(X.rows, d);
  for (let i = 0; i < X.rows; i++) {
    if (i % 64 === 0) poll();
    const x = rowOf(X, i);
    const z = rowOf(out, i);
    for (let a = 0; a < d; a++) {
      if (x[a] === 0) continue;
      const row = matrix[a];
      for (let b = 0; b < d; b++) z[b] += x[a] * row[b];
    }
  }
  return out;
}
