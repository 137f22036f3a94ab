import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { type DenseMatrix, unitOf } from './matrix.ts';

export interface SymmetricEigen {
  /** Ascending. */
  readonly values: Float64Array;
  /** n x n, row i is the unit eigenvector of `values[i]`. */
  readonly vectors: Float64Array;
}

/** A decomposition of this size takes about a fifth of a second, and cannot be stopped: callers with larger matrices go another way. */
export const largestEigen = 200;

/**
 * Eigenvalues and vectors of a symmetric matrix, by the decomposition of ml-matrix (Householder reduction, then the QL iteration, whose
 * test for a vanishing off-diagonal entry is relative to the largest entry met: clusters and rank deficiency converge). About 9 n^3
 * operations. The matrix is divided by a power of two first, and the identity added: entries near the ends of the range of doubles would overflow
 * or vanish in products, which the iteration divides by. Errors are of the size of rounding times the largest eigenvalue. Only the lower triangle counts; the matrix is not changed.
 * @throws {RangeError} when the matrix is not square or has an entry that is not finite (the iteration would not end)
 */
export function symmetricEigen({ rows: n, cols, data }: DenseMatrix): SymmetricEigen {
  if (cols !== n) throw new RangeError(`a ${n} x ${cols} matrix has no symmetric eigenvalues`);
  const unit = unitOf(data);
  const values = new Float64Array(n);
  const vectors = new Float64Array(n * n);
  if (n === 0) return { values, vectors };
  const scaled = new Matrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      scaled.set(i, j, data[i * n + j] / unit);
      scaled.set(j, i, data[i * n + j] / unit);
    }
    scaled.set(i, i, data[i * n + i] / unit + 1);
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(scaled, { assumeSymmetric: true });
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => realEigenvalues[a] - realEigenvalues[b]);
  order.forEach((from, to) => {
    values[to] = (realEigenvalues[from] - 1) * unit;
    for (let j = 0; j < n; j++) vectors[to * n + j] = eigenvectorMatrix.get(j, from);
  });
  return { values, vectors };
}
