import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { denseMatrix, type DenseMatrix, dot, norm2, rowOf, unitOf } from '../linalg/matrix.ts';

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
  if (Math.max(rows, cols) > 2 * k) return longSvd(a);
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

/**
 * Of a matrix much longer than wide, or the other way round: the long vectors are orthonormalised first (Gram-Schmidt twice, along rows of
 * memory), A = Q R, and only the small R is decomposed. Vectors that belong to no singular value above rounding may be zero.
 */
function longSvd(a: DenseMatrix): Svd {
  const wide = a.cols > a.rows;
  const k = Math.min(a.rows, a.cols);
  const length = Math.max(a.rows, a.cols);
  const unit = unitOf(a.data);
  // row j: the j-th of the k long vectors
  const Q = denseMatrix(k, length);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.cols; j++) Q.data[wide ? i * length + j : j * length + i] = a.data[i * a.cols + j] / unit;
  }
  const R = denseMatrix(k, k);
  for (let j = 0; j < k; j++) {
    const q = rowOf(Q, j);
    const given = norm2(q);
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < j; i++) {
        const p = rowOf(Q, i);
        const s = dot(p, q);
        if (s === 0) continue;
        R.data[i * k + j] += s;
        for (let t = 0; t < length; t++) q[t] -= s * p[t];
      }
    }
    const rest = norm2(q);
    if (!(rest > 1e-14 * given)) {
      q.fill(0);
      continue;
    }
    R.data[j * k + j] = rest;
    for (let t = 0; t < length; t++) q[t] /= rest;
  }
  const small = svd(R);
  const long = denseMatrix(length, k);
  for (let i = 0; i < k; i++) {
    const q = rowOf(Q, i);
    for (let j = 0; j < k; j++) {
      const w = small.U.data[i * k + j];
      if (w !== 0) for (let t = 0; t < length; t++) long.data[t * k + j] += w * q[t];
    }
  }
  const s = small.s.map((value) => value * unit);
  return wide ? { U: small.V, s, V: long } : { U: long, s, V: small.V };
}

/** Number of singular values above `relative` times the largest. */
export function numericalRank(s: ArrayLike<number>, relative = 1e-10): number {
  let rank = 0;
  for (let i = 0; i < s.length; i++) if (s[i] > relative * s[0]) rank++;
  return rank;
}
