import type { ScaledCone } from './scaledCones.ts';

/** `count` cones of positive semidefinite 3 x 3 matrices, as full row-major matrices one after the other; Nesterov-Todd scaling as in `SemidefiniteCone`. */
export class SemidefiniteTriples implements ScaledCone {
  readonly degree: number;
  readonly s: Float64Array;
  readonly z: Float64Array;
  /** W^-2 x = Q x Q. */
  readonly Q: Float64Array;
  private readonly R: Float64Array;
  private readonly inverse: Float64Array;
  private readonly lambda: Float64Array;

  constructor(readonly count: number) {
    this.degree = 3 * count;
    const make = (): Float64Array => new Float64Array(9 * count);
    [this.s, this.z, this.Q, this.R, this.inverse] = [make(), make(), make(), make(), make()];
    this.lambda = new Float64Array(3 * count);
  }

  rescale(): boolean {
    const { count, s, z, Q, R, inverse, lambda } = this;
    for (let c = 0; c < count; c++) {
      const at = 9 * c;
      if (!lowerFactor(s, at, f) || !lowerFactor(z, at, g)) return false;
      // eigenvalues of L'z L are lambda^2
      product(z, at, f, 0, a);
      transposedProduct(f, 0, a, 0, b);
      if (!eigen(b, V, values)) return false;
      lowerInverse(f, g);
      for (let k = 0; k < 3; k++) {
        if (!(values[k] > 0)) return false;
        lambda[3 * c + k] = Math.sqrt(values[k]);
      }
      for (let i = 0; i < 3; i++) {
        for (let k = 0; k < 3; k++) {
          const root = Math.sqrt(lambda[3 * c + k]);
          R[at + 3 * i + k] = (f[3 * i] * V[k] + f[3 * i + 1] * V[3 + k] + f[3 * i + 2] * V[6 + k]) / root;
          inverse[at + 3 * k + i] = (V[k] * g[i] + V[3 + k] * g[3 + i] + V[6 + k] * g[6 + i]) * root;
        }
      }
      transposedProduct(inverse, at, inverse, at, a);
      for (let k = 0; k < 9; k++) Q[at + k] = a[k];
    }
    return true;
  }

  centre(mu: number): void {
    for (let at = 0; at < this.s.length; at += 9) {
      if (!lowerFactor(this.s, at, f)) throw new RangeError('the starting matrix is not positive definite');
      lowerInverse(f, g);
      transposedProduct(g, 0, g, 0, a);
      for (let k = 0; k < 9; k++) this.z[at + k] = mu * a[k];
    }
  }

  inverseSquare(x: Float64Array, out: Float64Array): void {
    for (let at = 0; at < x.length; at += 9) {
      product(this.Q, at, x, at, a);
      product(a, 0, this.Q, at, b);
      symmetrise(b);
      for (let k = 0; k < 9; k++) out[at + k] = b[k];
    }
  }

  correction(target: number, ds: Float64Array, dz: Float64Array, out: Float64Array): void {
    const { R, inverse, lambda } = this;
    for (let c = 0; c < this.count; c++) {
      const at = 9 * c;
      // f := R^-1 ds R^-T, g := R' dz R
      product(inverse, at, ds, at, a);
      productTransposed(a, 0, inverse, at, f);
      transposedProduct(R, at, dz, at, a);
      product(a, 0, R, at, g);
      product(f, 0, g, 0, a);
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) {
          const [li, lj] = [lambda[3 * c + i], lambda[3 * c + j]];
          const value = (i === j ? target - li * li : 0) - (a[3 * i + j] + a[3 * j + i]) / 2;
          b[3 * i + j] = (2 * value) / (li + lj);
        }
      }
      // R^-T b R^-1
      product(b, 0, inverse, at, a);
      transposedProduct(inverse, at, a, 0, b);
      symmetrise(b);
      for (let k = 0; k < 9; k++) out[at + k] = b[k];
    }
  }

  longestStep(ds: Float64Array, dz: Float64Array): number {
    const { R, inverse, lambda } = this;
    let t = 1;
    const shorten = (c: number): void => {
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) b[3 * i + j] /= Math.sqrt(lambda[3 * c + i] * lambda[3 * c + j]);
      }
      symmetrise(b);
      if (!eigen(b, V, values)) t = 0;
      else {
        const least = Math.min(values[0], values[1], values[2]);
        if (least < 0) t = Math.min(t, -1 / least);
      }
    };
    for (let c = 0; c < this.count; c++) {
      const at = 9 * c;
      product(inverse, at, ds, at, a);
      productTransposed(a, 0, inverse, at, b);
      shorten(c);
      transposedProduct(R, at, dz, at, a);
      product(a, 0, R, at, b);
      shorten(c);
    }
    return t;
  }
}

// scratch: nothing here waits in between
const [a, b, f, g, V] = Array.from({ length: 5 }, () => new Float64Array(9));
const values = new Float64Array(3);

/** out (lower, zeros above) with out out' = m; false when m is not definite. */
export function lowerFactor(m: Float64Array, at: number, out: Float64Array): boolean {
  const d0 = m[at];
  if (!(d0 > 0)) return false;
  const l00 = Math.sqrt(d0);
  const l10 = m[at + 3] / l00;
  const l20 = m[at + 6] / l00;
  const d1 = m[at + 4] - l10 * l10;
  if (!(d1 > 0)) return false;
  const l11 = Math.sqrt(d1);
  const l21 = (m[at + 7] - l20 * l10) / l11;
  const d2 = m[at + 8] - l20 * l20 - l21 * l21;
  if (!(d2 > 0 && d2 < Infinity)) return false;
  out[0] = l00;
  out[1] = out[2] = out[5] = 0;
  out[3] = l10;
  out[4] = l11;
  out[6] = l20;
  out[7] = l21;
  out[8] = Math.sqrt(d2);
  return true;
}

function lowerInverse(l: Float64Array, out: Float64Array): void {
  out[1] = out[2] = out[5] = 0;
  out[0] = 1 / l[0];
  out[4] = 1 / l[4];
  out[8] = 1 / l[8];
  out[3] = -l[3] * out[0] * out[4];
  out[7] = -l[7] * out[4] * out[8];
  out[6] = -(l[6] * out[0] + l[7] * out[3]) * out[8];
}

/** out := A B. */
function product(A: Float64Array, p: number, B: Float64Array, q: number, out: Float64Array): void {
  for (let i = 0; i < 3; i++) {
    const [x, y, w] = [A[p + 3 * i], A[p + 3 * i + 1], A[p + 3 * i + 2]];
    for (let j = 0; j < 3; j++) out[3 * i + j] = x * B[q + j] + y * B[q + 3 + j] + w * B[q + 6 + j];
  }
}

/** out := A'B. */
function transposedProduct(A: Float64Array, p: number, B: Float64Array, q: number, out: Float64Array): void {
  for (let i = 0; i < 3; i++) {
    const [x, y, w] = [A[p + i], A[p + 3 + i], A[p + 6 + i]];
    for (let j = 0; j < 3; j++) out[3 * i + j] = x * B[q + j] + y * B[q + 3 + j] + w * B[q + 6 + j];
  }
}

/** out := A B'. */
function productTransposed(A: Float64Array, p: number, B: Float64Array, q: number, out: Float64Array): void {
  for (let i = 0; i < 3; i++) {
    const [x, y, w] = [A[p + 3 * i], A[p + 3 * i + 1], A[p + 3 * i + 2]];
    for (let j = 0; j < 3; j++) out[3 * i + j] = x * B[q + 3 * j] + y * B[q + 3 * j + 1] + w * B[q + 3 * j + 2];
  }
}

function symmetrise(m: Float64Array): void {
  m[1] = m[3] = (m[1] + m[3]) / 2;
  m[2] = m[6] = (m[2] + m[6]) / 2;
  m[5] = m[7] = (m[5] + m[7]) / 2;
}

/** Eigenvalues and eigenvectors (columns of `vectors`) of a symmetric matrix by cyclic Jacobi rotations; `m` is used up. False when it is not finite. */
function eigen(m: Float64Array, vectors: Float64Array, out: Float64Array): boolean {
  vectors.fill(0);
  vectors[0] = vectors[4] = vectors[8] = 1;
  const size = Math.abs(m[0]) + Math.abs(m[4]) + Math.abs(m[8]) + Math.abs(m[3]) + Math.abs(m[6]) + Math.abs(m[7]);
  if (!(size < Infinity)) return false;
  for (let sweep = 0; sweep < 30; sweep++) {
    if (Math.abs(m[3]) + Math.abs(m[6]) + Math.abs(m[7]) <= 1e-17 * size) break;
    rotate(m, vectors, 0, 1);
    rotate(m, vectors, 0, 2);
    rotate(m, vectors, 1, 2);
  }
  out[0] = m[0];
  out[1] = m[4];
  out[2] = m[8];
  return true;
}

function rotate(m: Float64Array, vectors: Float64Array, p: number, q: number): void {
  const off = m[3 * q + p];
  if (off === 0) return;
  const theta = (m[4 * q] - m[4 * p]) / (2 * off);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  m[4 * p] -= t * off;
  m[4 * q] += t * off;
  m[3 * p + q] = m[3 * q + p] = 0;
  const r = 3 - p - q;
  const [x, y] = [m[3 * r + p], m[3 * r + q]];
  m[3 * r + p] = m[3 * p + r] = c * x - s * y;
  m[3 * r + q] = m[3 * q + r] = s * x + c * y;
  for (let k = 0; k < 3; k++) {
    const [v, w] = [vectors[3 * k + p], vectors[3 * k + q]];
    vectors[3 * k + p] = c * v - s * w;
    vectors[3 * k + q] = s * v + c * w;
  }
}
