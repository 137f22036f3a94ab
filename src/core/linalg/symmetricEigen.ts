import type { DenseMatrix } from './matrix.ts';

export interface SymmetricEigen {
  /** Ascending. */
  readonly values: Float64Array;
  /** n x n, row i is the unit eigenvector of `values[i]`; empty when only values were asked for. */
  readonly vectors: Float64Array;
}

/**
 * Eigenvalues (and vectors) of a symmetric matrix: Householder reduction to tridiagonal form, then the implicit QL iteration with Wilkinson
 * shifts (Golub and Van Loan, 8.3). All inner loops run along rows. About 2 n^3 operations for the values, 6 n^3 more for vectors.
 * Only symmetry up to rounding is assumed; the matrix is not changed. Entries must be finite (RangeError otherwise).
 */
export function symmetricEigen(matrix: DenseMatrix, wantVectors = true): SymmetricEigen {
  const n = matrix.rows;
  if (matrix.cols !== n) throw new RangeError(`a ${n} x ${matrix.cols} matrix has no symmetric eigenvalues`);
  for (let i = 0; i < matrix.data.length; i++) {
    if (!Number.isFinite(matrix.data[i])) throw new RangeError('the matrix has an entry that is not finite');
  }
  const A = Float64Array.from(matrix.data);
  const d = new Float64Array(n);
  const e = new Float64Array(n);
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  // Reflector k, H = I - 2 v v', is kept in row k of `reflectors` (from column k + 1 on).
  const reflectors = wantVectors ? new Float64Array(n * n) : undefined;
  for (let k = 0; k + 2 < n; k++) {
    d[k] = A[k * n + k];
    let size = 0;
    for (let j = k + 1; j < n; j++) size = Math.max(size, Math.abs(A[k * n + j]));
    if (size === 0) {
      e[k] = 0;
      continue;
    }
    let norm = 0;
    for (let j = k + 1; j < n; j++) {
      v[j] = A[k * n + j] / size;
      norm += v[j] * v[j];
    }
    norm = Math.sqrt(norm);
    const alpha = v[k + 1] > 0 ? -norm : norm;
    e[k] = alpha * size;
    v[k + 1] -= alpha;
    let length = 0;
    for (let j = k + 1; j < n; j++) length += v[j] * v[j];
    length = Math.sqrt(length);
    for (let j = k + 1; j < n; j++) v[j] /= length;
    reflectors?.set(v.subarray(k + 1), k * n + k + 1);
    // A := H A H = A - v w' - w v' with p = A v, w = 2 (p - (v'p) v).
    let vp = 0;
    for (let i = k + 1; i < n; i++) {
      let s = 0;
      for (let j = k + 1, a = i * n + j; j < n; j++, a++) s += A[a] * v[j];
      p[i] = s;
      vp += v[i] * s;
    }
    for (let i = k + 1; i < n; i++) p[i] = 2 * (p[i] - vp * v[i]);
    for (let i = k + 1; i < n; i++) {
      const vi = v[i];
      const wi = p[i];
      for (let j = k + 1, a = i * n + j; j < n; j++, a++) A[a] -= vi * p[j] + wi * v[j];
    }
  }
  if (n >= 2) {
    d[n - 2] = A[(n - 2) * n + n - 2];
    e[n - 2] = A[(n - 2) * n + n - 1];
  }
  if (n >= 1) d[n - 1] = A[n * n - 1];

  // Z' (rows are the vectors of the tridiagonal basis), i.e. the transposed product of the reflectors.
  const Z = reflectors === undefined ? undefined : A.fill(0);
  if (Z !== undefined && reflectors !== undefined) {
    for (let i = 0; i < n; i++) Z[i * n + i] = 1;
    for (let k = n - 3; k >= 0; k--) {
      // Q := H_k Q, kept transposed: every row z of Z becomes z - 2 (z'v) v; only rows and columns past k are not those of I.
      const at = k * n;
      for (let i = k + 1; i < n; i++) {
        let s = 0;
        for (let j = k + 1, z = i * n + j; j < n; j++, z++) s += Z[z] * reflectors[at + j];
        if (s === 0) continue;
        s *= 2;
        for (let j = k + 1, z = i * n + j; j < n; j++, z++) Z[z] -= s * reflectors[at + j];
      }
    }
  }
  implicitQl(n, d, e, Z);

  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => d[a] - d[b]);
  const vectors = new Float64Array(Z === undefined ? 0 : n * n);
  if (Z !== undefined) order.forEach((from, to) => vectors.set(Z.subarray(from * n, (from + 1) * n), to * n));
  return { values: Float64Array.from(order, (i) => d[i]), vectors };
}

/** Diagonalises the tridiagonal matrix (d, e); rotations are applied to the rows of Z. */
function implicitQl(n: number, d: Float64Array, e: Float64Array, Z: Float64Array | undefined): void {
  for (let l = 0; l < n; l++) {
    for (let round = 0; ; round++) {
      let m = l;
      for (; m < n - 1; m++) {
        const scale = Math.abs(d[m]) + Math.abs(d[m + 1]);
        if (Math.abs(e[m]) <= Number.EPSILON * scale || Math.abs(e[m]) < 1e-300) break;
      }
      if (m === l) break;
      if (round === 60) throw new RangeError('the eigenvalue iteration did not converge');
      let g = (d[l + 1] - d[l]) / (2 * e[l]);
      let r = Math.hypot(g, 1);
      g = d[m] - d[l] + e[l] / (g + (g >= 0 ? r : -r));
      let s = 1;
      let c = 1;
      let shift = 0;
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i];
        const b = c * e[i];
        r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] -= shift;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - shift;
        r = (d[i] - g) * s + 2 * c * b;
        shift = s * r;
        d[i + 1] = g + shift;
        g = c * r - b;
        if (Z !== undefined) {
          for (let j = 0, x = i * n, y = (i + 1) * n; j < n; j++, x++, y++) {
            const upper = Z[y];
            const lower = Z[x];
            Z[y] = s * lower + c * upper;
            Z[x] = c * lower - s * upper;
          }
        }
      }
      if (r === 0 && i >= l) continue;
      d[l] -= shift;
      e[l] = g;
      e[m] = 0;
    }
  }
}
