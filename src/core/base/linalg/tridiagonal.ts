/**
 * A symmetric matrix A = Q T Q' with T tridiagonal: after 4/3 n^3 operations, systems with A + shift I and the trace of its inverse cost
 * n^2 and n for every shift, without eigenvalues (Elden 1984, for generalised cross-validation).
 */
export interface Tridiagonal {
  readonly size: number;
  readonly diagonal: Float64Array;
  /** size - 1 entries beside the diagonal. */
  readonly off: Float64Array;
  /** Row i holds the unit vector v of the reflection I - 2 v v' over the first i coordinates; nothing where none was needed. */
  readonly reflectors: Float64Array;
}

/**
 * Householder reduction (Golub and Van Loan, 8.3.1) from the last row up, so that all inner loops run along rows of the lower triangle,
 * which alone counts. Overwrites A (n x n, row-major, entries finite and of moderate size). Undefined when `stop`, asked once a column, says so.
 */
export function tridiagonalise(A: Float64Array, n: number, stop: () => boolean): Tridiagonal | undefined {
  const off = new Float64Array(Math.max(0, n - 1));
  const p = new Float64Array(n);
  for (let i = n - 1; i > 0; i--) {
    if (stop()) return undefined;
    const v = A.subarray(i * n, i * n + i);
    let size = 0;
    for (const value of v) size = Math.max(size, Math.abs(value));
    off[i - 1] = v[i - 1];
    if (i === 1) break;
    let beyond = 0;
    for (let k = 0; k < i - 1; k++) beyond = Math.max(beyond, Math.abs(v[k]));
    if (beyond === 0) {
      v.fill(0);
      continue;
    }
    let norm = 0;
    for (let k = 0; k < i; k++) {
      v[k] /= size;
      norm += v[k] * v[k];
    }
    norm = Math.sqrt(norm);
    const alpha = v[i - 1] > 0 ? -norm : norm;
    off[i - 1] = alpha * size;
    v[i - 1] -= alpha;
    let length = 0;
    for (let k = 0; k < i; k++) length += v[k] * v[k];
    length = Math.sqrt(length);
    for (let k = 0; k < i; k++) v[k] /= length;
    // A := H A H = A - v w' - w v' with p = A v, w = 2 (p - (v'p) v)
    p.fill(0, 0, i);
    for (let a = 0; a < i; a++) {
      const row = a * n;
      const va = v[a];
      let s = 0;
      for (let b = 0; b < a; b++) {
        const value = A[row + b];
        s += value * v[b];
        p[b] += value * va;
      }
      p[a] += s + A[row + a] * va;
    }
    let vp = 0;
    for (let a = 0; a < i; a++) vp += v[a] * p[a];
    for (let a = 0; a < i; a++) p[a] = 2 * (p[a] - vp * v[a]);
    for (let a = 0; a < i; a++) {
      const row = a * n;
      const va = v[a];
      const wa = p[a];
      for (let b = 0; b <= a; b++) A[row + b] -= va * p[b] + wa * v[b];
    }
  }
  const diagonal = Float64Array.from({ length: n }, (_, i) => A[i * n + i]);
  return { size: n, diagonal, off, reflectors: A };
}

/** b := Q'b */
export function toTridiagonal({ size: n, reflectors }: Tridiagonal, b: Float64Array): void {
  for (let i = n - 1; i > 1; i--) reflect(reflectors, i * n, i, b);
}

/** b := Q b */
export function fromTridiagonal({ size: n, reflectors }: Tridiagonal, b: Float64Array): void {
  for (let i = 2; i < n; i++) reflect(reflectors, i * n, i, b);
}

function reflect(reflectors: Float64Array, at: number, length: number, b: Float64Array): void {
  let s = 0;
  for (let k = 0; k < length; k++) s += reflectors[at + k] * b[k];
  if (s === 0) return;
  s *= 2;
  for (let k = 0; k < length; k++) b[k] -= s * reflectors[at + k];
}

/** (T + shift I)^-1 b; T + shift I must be positive definite. */
export function solveShifted({ size: n, diagonal, off }: Tridiagonal, shift: number, b: Float64Array): Float64Array {
  const x = b.slice();
  const pivot = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const factor = i === 0 ? 0 : off[i - 1] / pivot[i - 1];
    pivot[i] = diagonal[i] + shift - (i === 0 ? 0 : factor * off[i - 1]);
    if (i > 0) x[i] -= factor * x[i - 1];
  }
  for (let i = n - 1; i >= 0; i--) {
    if (i < n - 1) x[i] -= off[i] * x[i + 1];
    x[i] /= pivot[i];
  }
  return x;
}

/** tr (T + shift I)^-1, from the pivots of the elimination downwards and upwards: entry i is 1 / (down + up - diagonal - shift). */
export function traceOfInverse({ size: n, diagonal, off }: Tridiagonal, shift: number): number {
  const down = new Float64Array(n);
  for (let i = 0; i < n; i++) down[i] = diagonal[i] + shift - (i === 0 ? 0 : off[i - 1] ** 2 / down[i - 1]);
  let up = 0;
  let sum = 0;
  for (let i = n - 1; i >= 0; i--) {
    const own = diagonal[i] + shift;
    up = own - (i === n - 1 ? 0 : off[i] ** 2 / up);
    sum += 1 / (down[i] + up - own);
  }
  return sum;
}
