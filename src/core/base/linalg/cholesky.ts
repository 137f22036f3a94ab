const block = 48;

/**
 * Cholesky factor in place: lower triangle of the n x n row-major matrix, blocked so that the trailing update runs in 4 x 4 register
 * tiles. A pivot that vanishes is made huge, which fixes its variable at zero. False when `stop` asked to leave before the end.
 */
export function factorSpd(a: Float64Array, n: number, stop?: () => boolean): boolean {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i]);
  const tiny = 1e-30 * largest;
  for (let start = 0; start < n; start += block) {
    const end = Math.min(n, start + block);
    if (n > 256 && stop?.() === true) return false;
    for (let i = start; i < n; i++) {
      const row = i * n;
      const last = Math.min(i, end - 1);
      for (let j = start; j <= last; j++) {
        const other = j * n;
        let s = a[row + j];
        for (let k = start; k < j; k++) s -= a[row + k] * a[other + k];
        if (j < i) a[row + j] = s / a[other + j];
        else a[row + i] = s > tiny ? Math.sqrt(s) : 1e100;
      }
    }
    // a[i, j] -= sum over the columns start..end of a[i, k] a[j, k], for end <= j <= i
    const below: Panel = { values: a, at: end * n + start, stride: n, rows: n - end };
    addTiles(-1, below, below, end - start, { values: a, at: end * (n + 1), stride: n }, true);
  }
  return true;
}

/** b := A^-1 b with the factor of `factorSpd`. */
export function solveSpd(a: Float64Array, n: number, b: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let s = b[i];
    for (let k = 0, row = i * n; k < i; k++) s -= a[row + k] * b[k];
    b[i] = s / a[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    const value = (b[i] /= a[i * n + i]);
    if (value === 0) continue;
    for (let k = 0, row = i * n; k < i; k++) b[k] -= a[row + k] * value;
  }
}

/**
 * out[(row + x) * stride + column + y] += sum_k P[x, k] Q[y, k] for P (p x depth) and Q (q x depth), both row-major; with `lower`, only
 * y <= x. In 4 x 4 register tiles. Parameters in the manner of BLAS: two panels, and where the product goes in a larger matrix.
 */
// oxlint-disable-next-line max-params -- as BLAS has them: two panels, and where the product goes
export function addOuterProducts(
  P: Float64Array,
  p: number,
  Q: Float64Array,
  q: number,
  depth: number,
  out: Float64Array,
  row: number,
  column: number,
  stride: number,
  lower: boolean,
): void {
  addTiles(
    1,
    { values: P, at: 0, stride: depth, rows: p },
    { values: Q, at: 0, stride: depth, rows: q },
    depth,
    { values: out, at: row * stride + column, stride },
    lower,
  );
}

/** Rows of a row-major matrix: row x begins at `at + x * stride`. */
interface Panel {
  readonly values: Float64Array;
  readonly at: number;
  readonly stride: number;
  readonly rows: number;
}

/** Where a product goes in a row-major matrix: entry (x, y) at `at + x * stride + y`. */
type Place = Omit<Panel, 'rows'>;

/** out[x, y] += sign * sum over k < depth of P[x, k] Q[y, k]; with `lower`, only y <= x. `out` may hold P and Q elsewhere. */
function addTiles(
  sign: 1 | -1,
  { values: P, at: pAt, stride: pStride, rows: p }: Panel,
  { values: Q, at: qAt, stride: qStride, rows: q }: Panel,
  depth: number,
  { values: out, at, stride }: Place,
  lower: boolean,
): void {
  for (let x = 0; x < p; x += 4) {
    const height = Math.min(4, p - x);
    const end = lower ? x + height : q;
    for (let y = 0; y < end; y += 4) {
      if (height === 4 && y + 4 <= q && (!lower || y + 4 <= x + 1)) {
        const a0 = pAt + x * pStride;
        const a1 = a0 + pStride;
        const a2 = a1 + pStride;
        const a3 = a2 + pStride;
        const b0 = qAt + y * qStride;
        const b1 = b0 + qStride;
        const b2 = b1 + qStride;
        const b3 = b2 + qStride;
        let s00 = 0;
        let s01 = 0;
        let s02 = 0;
        let s03 = 0;
        let s10 = 0;
        let s11 = 0;
        let s12 = 0;
        let s13 = 0;
        let s20 = 0;
        let s21 = 0;
        let s22 = 0;
        let s23 = 0;
        let s30 = 0;
        let s31 = 0;
        let s32 = 0;
        let s33 = 0;
        for (let k = 0; k < depth; k++) {
          const x0 = P[a0 + k];
          const x1 = P[a1 + k];
          const x2 = P[a2 + k];
          const x3 = P[a3 + k];
          const y0 = Q[b0 + k];
          const y1 = Q[b1 + k];
          const y2 = Q[b2 + k];
          const y3 = Q[b3 + k];
          s00 += x0 * y0;
          s01 += x0 * y1;
          s02 += x0 * y2;
          s03 += x0 * y3;
          s10 += x1 * y0;
          s11 += x1 * y1;
          s12 += x1 * y2;
          s13 += x1 * y3;
          s20 += x2 * y0;
          s21 += x2 * y1;
          s22 += x2 * y2;
          s23 += x2 * y3;
          s30 += x3 * y0;
          s31 += x3 * y1;
          s32 += x3 * y2;
          s33 += x3 * y3;
        }
        let to = at + x * stride + y;
        out[to] += sign * s00;
        out[to + 1] += sign * s01;
        out[to + 2] += sign * s02;
        out[to + 3] += sign * s03;
        to += stride;
        out[to] += sign * s10;
        out[to + 1] += sign * s11;
        out[to + 2] += sign * s12;
        out[to + 3] += sign * s13;
        to += stride;
        out[to] += sign * s20;
        out[to + 1] += sign * s21;
        out[to + 2] += sign * s22;
        out[to + 3] += sign * s23;
        to += stride;
        out[to] += sign * s30;
        out[to + 1] += sign * s31;
        out[to + 2] += sign * s32;
        out[to + 3] += sign * s33;
        continue;
      }
      for (let a = x; a < x + height; a++) {
        const last = Math.min(y + 4, lower ? a + 1 : q);
        for (let b = y; b < last; b++) {
          let s = 0;
          for (let k = 0; k < depth; k++) s += P[pAt + a * pStride + k] * Q[qAt + b * qStride + k];
          out[at + a * stride + b] += sign * s;
        }
      }
    }
  }
}
