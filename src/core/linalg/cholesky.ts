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
    trailingUpdate(a, n, start, end);
  }
  return true;
}

/** a[i, j] -= sum over columns start..end of a[i, k] a[j, k], for end <= j <= i. */
function trailingUpdate(a: Float64Array, n: number, start: number, end: number): void {
  for (let i = end; i < n; i += 4) {
    const rows = Math.min(4, n - i);
    for (let j = end; j < i + rows; j += 4) {
      if (rows === 4 && j + 4 <= i) {
        const i0 = i * n;
        const i1 = i0 + n;
        const i2 = i1 + n;
        const i3 = i2 + n;
        const j0 = j * n;
        const j1 = j0 + n;
        const j2 = j1 + n;
        const j3 = j2 + n;
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
        for (let k = start; k < end; k++) {
          const x0 = a[i0 + k];
          const x1 = a[i1 + k];
          const x2 = a[i2 + k];
          const x3 = a[i3 + k];
          const y0 = a[j0 + k];
          const y1 = a[j1 + k];
          const y2 = a[j2 + k];
          const y3 = a[j3 + k];
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
        a[i0 + j] -= s00;
        a[i0 + j + 1] -= s01;
        a[i0 + j + 2] -= s02;
        a[i0 + j + 3] -= s03;
        a[i1 + j] -= s10;
        a[i1 + j + 1] -= s11;
        a[i1 + j + 2] -= s12;
        a[i1 + j + 3] -= s13;
        a[i2 + j] -= s20;
        a[i2 + j + 1] -= s21;
        a[i2 + j + 2] -= s22;
        a[i2 + j + 3] -= s23;
        a[i3 + j] -= s30;
        a[i3 + j + 1] -= s31;
        a[i3 + j + 2] -= s32;
        a[i3 + j + 3] -= s33;
        continue;
      }
      for (let p = i; p < i + rows; p++) {
        for (let q = j; q < Math.min(j + 4, p + 1); q++) {
          let s = 0;
          for (let k = start; k < end; k++) s += a[p * n + k] * a[q * n + k];
          a[p * n + q] -= s;
        }
      }
    }
  }
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
 * y <= x. In 4 x 4 register tiles.
 */
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
  for (let x = 0; x < p; x += 4) {
    const height = Math.min(4, p - x);
    const end = lower ? x + height : q;
    for (let y = 0; y < end; y += 4) {
      if (height === 4 && y + 4 <= q && (!lower || y + 4 <= x + 1)) {
        const a0 = x * depth;
        const a1 = a0 + depth;
        const a2 = a1 + depth;
        const a3 = a2 + depth;
        const b0 = y * depth;
        const b1 = b0 + depth;
        const b2 = b1 + depth;
        const b3 = b2 + depth;
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
        let at = (row + x) * stride + column + y;
        out[at] += s00;
        out[at + 1] += s01;
        out[at + 2] += s02;
        out[at + 3] += s03;
        at += stride;
        out[at] += s10;
        out[at + 1] += s11;
        out[at + 2] += s12;
        out[at + 3] += s13;
        at += stride;
        out[at] += s20;
        out[at + 1] += s21;
        out[at + 2] += s22;
        out[at + 3] += s23;
        at += stride;
        out[at] += s30;
        out[at + 1] += s31;
        out[at + 2] += s32;
        out[at + 3] += s33;
        continue;
      }
      for (let a = x; a < x + height; a++) {
        const last = Math.min(y + 4, lower ? a + 1 : q);
        for (let b = y; b < last; b++) {
          let s = 0;
          for (let k = 0; k < depth; k++) s += P[a * depth + k] * Q[b * depth + k];
          out[(row + a) * stride + column + b] += s;
        }
      }
    }
  }
}
