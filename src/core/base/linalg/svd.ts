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

/** Up to this many singular values ml-matrix takes some ten milliseconds. */
const mostAtOnce = 48;

/**
 * The same, asking `shouldStop` every few milliseconds; undefined when it says so. Vectors that belong to no singular value above rounding may
 * be zero.
 */
export function svdUnlessStopped(a: DenseMatrix, shouldStop: () => boolean): Svd | undefined {
  const k = Math.min(a.rows, a.cols);
  if (Math.max(a.rows, a.cols) > 2 * k && k > 0) return longSvd(a, shouldStop);
  return k <= mostAtOnce ? svd(a) : jacobi(a, shouldStop);
}

/**
 * One-sided Jacobi (Hestenes 1958): plane rotations J make the k shorter vectors of A orthogonal, A' J = V diag(s). As accurate as the
 * decomposition of ml-matrix and about as fast, and it can be left between any two rotations.
 */
function jacobi(a: DenseMatrix, shouldStop: () => boolean): Svd | undefined {
  const wide = a.cols >= a.rows;
  const k = Math.min(a.rows, a.cols);
  const length = Math.max(a.rows, a.cols);
  const unit = unitOf(a.data);
  const B = denseMatrix(k, length);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.cols; j++) B.data[wide ? i * length + j : j * length + i] = a.data[i * a.cols + j] / unit;
  }
  const J = denseMatrix(k, k);
  for (let i = 0; i < k; i++) J.data[i * k + i] = 1;
  const squares = new Float64Array(k);
  // cosine of two vectors that counts as 0: what rounding leaves of one
  const orthogonal = 4 * rounding * Math.sqrt(length);
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let rotated = false;
    let largest = 0;
    for (let p = 0; p < k; p++) largest = Math.max(largest, (squares[p] = dot(rowOf(B, p), rowOf(B, p))));
    // vectors of the size of rounding have no direction
    const none = largest * (length * rounding) ** 2;
    for (let p = 0; p < k - 1; p++) {
      if (shouldStop()) return undefined;
      const x = rowOf(B, p);
      for (let q = p + 1; q < k; q++) {
        if (squares[p] <= none || squares[q] <= none) continue;
        const y = rowOf(B, q);
        const product = dot(x, y);
        if (Math.abs(product) <= orthogonal * Math.sqrt(squares[p] * squares[q])) continue;
        rotated = true;
        const zeta = (squares[q] - squares[p]) / (2 * product);
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, t);
        turn(x, y, cosine, cosine * t);
        turn(rowOf(J, p), rowOf(J, q), cosine, cosine * t);
        squares[p] -= t * product;
        squares[q] += t * product;
      }
    }
    if (!rotated) break;
  }
  const norms = Float64Array.from({ length: k }, (_, p) => norm2(rowOf(B, p)));
  const order = Array.from({ length: k }, (_, p) => p).sort((p, q) => norms[q] - norms[p]);
  const [short, long] = [denseMatrix(k, k), denseMatrix(length, k)];
  const s = new Float64Array(k);
  order.forEach((p, j) => {
    s[j] = norms[p] * unit;
    const known = norms[p] > length * rounding * norms[order[0]];
    for (let i = 0; i < k; i++) short.data[i * k + j] = J.data[p * k + i];
    if (known) for (let i = 0; i < length; i++) long.data[i * k + j] = B.data[p * length + i] / norms[p];
  });
  return wide ? { U: short, s, V: long } : { U: long, s, V: short };
}

/** Sweeps that Jacobi's method may take; about ten are usual. */
const mostSweeps = 60;
const rounding = 2 ** -52;

function turn(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < x.length; i++) {
    const a = x[i];
    x[i] = cosine * a - sine * y[i];
    y[i] = sine * a + cosine * y[i];
  }
}

/**
 * Of a matrix much longer than wide, or the other way round: the long vectors are orthonormalised first (Gram-Schmidt twice, along rows of
 * memory), A = Q R, and only the small R is decomposed. Vectors that belong to no singular value above rounding may be zero.
 */
function longSvd(a: DenseMatrix): Svd;
function longSvd(a: DenseMatrix, shouldStop: () => boolean): Svd | undefined;
function longSvd(a: DenseMatrix, shouldStop?: () => boolean): Svd | undefined {
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
    if (shouldStop?.() === true) return undefined;
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
  const small = shouldStop === undefined ? svd(R) : svdUnlessStopped(R, shouldStop);
  if (small === undefined) return undefined;
  const long = denseMatrix(length, k);
  const column = new Float64Array(length);
  for (let j = 0; j < k; j++) {
    if (shouldStop?.() === true) return undefined;
    column.fill(0);
    for (let i = 0; i < k; i++) {
      const q = rowOf(Q, i);
      const w = small.U.data[i * k + j];
      if (w !== 0) for (let t = 0; t < length; t++) column[t] += w * q[t];
    }
    for (let t = 0; t < length; t++) long.data[t * k + j] = column[t];
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
