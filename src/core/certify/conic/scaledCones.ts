import { factorSpd } from '../../base/linalg/cholesky.ts';
import { denseMatrix } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';

/**
 * A product of symmetric cones with a primal point s and a dual point z inside, and the Nesterov-Todd scaling W between them: W z = W^-1 s = lambda
 * (Nesterov and Todd 1997; formulas as in Vandenberghe, "The CVXOPT linear and quadratic cone program solvers", 2010). Points are flat arrays.
 */
export interface ScaledCone {
  /** Sum of s'z over this is the complementarity mu. */
  readonly degree: number;
  readonly s: Float64Array;
  readonly z: Float64Array;
  /** Takes W anew from s and z; false when one of them has left its cone. */
  rescale(): boolean;
  /** z := mu s^-1. */
  centre(mu: number): void;
  /** out := W^-2 x. */
  inverseSquare(x: Float64Array, out: Float64Array): void;
  /** out := W^-1 (lambda \ (target e - lambda o lambda - (W^-1 ds) o (W dz))): what A'z moves by in the corrector. */
  correction(target: number, ds: Float64Array, dz: Float64Array, out: Float64Array): void;
  /** Largest t <= 1 with s + t ds and z + t dz in their cones. */
  longestStep(ds: Float64Array, dz: Float64Array): number;
}

/** Half-lines. */
export class LinearCone implements ScaledCone {
  readonly degree: number;
  readonly s: Float64Array;
  readonly z: Float64Array;

  constructor(count: number) {
    this.degree = count;
    this.s = new Float64Array(count);
    this.z = new Float64Array(count);
  }

  rescale(): boolean {
    for (let i = 0; i < this.degree; i++) if (!(this.s[i] > 0 && this.z[i] > 0)) return false;
    return true;
  }

  centre(mu: number): void {
    for (let i = 0; i < this.degree; i++) this.z[i] = mu / this.s[i];
  }

  inverseSquare(x: Float64Array, out: Float64Array): void {
    for (let i = 0; i < this.degree; i++) out[i] = (x[i] * this.z[i]) / this.s[i];
  }

  correction(target: number, ds: Float64Array, dz: Float64Array, out: Float64Array): void {
    for (let i = 0; i < this.degree; i++) out[i] = (target - ds[i] * dz[i]) / this.s[i] - this.z[i];
  }

  longestStep(ds: Float64Array, dz: Float64Array): number {
    let t = 1;
    for (let i = 0; i < this.degree; i++) {
      if (ds[i] < 0) t = Math.min(t, -this.s[i] / ds[i]);
      if (dz[i] < 0) t = Math.min(t, -this.z[i] / dz[i]);
    }
    return t;
  }
}

/** `count` second-order cones x_0 >= ||x_1|| of dimension `dim` each. */
export class SecondOrderCones implements ScaledCone {
  readonly degree: number;
  readonly s: Float64Array;
  readonly z: Float64Array;
  /** W = eta [[q_0, q_1'], [q_1, I + q_1 q_1' / (1 + q_0)]], with q hyperbolic of norm 1. */
  readonly q: Float64Array;
  readonly eta: Float64Array;
  private readonly lambda: Float64Array;
  private readonly a: Float64Array;
  private readonly b: Float64Array;

  constructor(
    readonly count: number,
    readonly dim: number,
  ) {
    this.degree = count;
    this.s = new Float64Array(count * dim);
    this.z = new Float64Array(count * dim);
    this.q = new Float64Array(count * dim);
    this.lambda = new Float64Array(count * dim);
    this.eta = new Float64Array(count);
    this.a = new Float64Array(dim);
    this.b = new Float64Array(dim);
  }

  rescale(): boolean {
    const { count, dim, s, z, q } = this;
    for (let i = 0, at = 0; i < count; i++, at += dim) {
      const ss = hyperbolic(s, at, dim);
      const zz = hyperbolic(z, at, dim);
      if (!(s[at] > 0 && z[at] > 0 && ss > 0 && zz > 0)) return false;
      const sn = Math.sqrt(ss);
      const zn = Math.sqrt(zz);
      let product = 0;
      for (let k = 0; k < dim; k++) product += s[at + k] * z[at + k];
      const gamma = Math.sqrt((1 + product / (sn * zn)) / 2);
      for (let k = 0; k < dim; k++) {
        q[at + k] = (s[at + k] / sn + (k === 0 ? 1 : -1) * (z[at + k] / zn)) / (2 * gamma);
      }
      this.eta[i] = Math.sqrt(sn / zn);
      this.scale(i, z, at, this.lambda, at, 1);
    }
    return true;
  }

  centre(mu: number): void {
    const { count, dim, s, z } = this;
    for (let i = 0, at = 0; i < count; i++, at += dim) {
      const factor = mu / hyperbolic(s, at, dim);
      z[at] = factor * s[at];
      for (let k = 1; k < dim; k++) z[at + k] = -factor * s[at + k];
    }
  }

  /** out := W x (power 1) or W^-1 x (power -1) of cone i. */
  private scale(i: number, x: Float64Array, from: number, out: Float64Array, to: number, power: 1 | -1): void {
    const { dim, q } = this;
    const at = i * dim;
    const eta = power === 1 ? this.eta[i] : 1 / this.eta[i];
    const x0 = x[from];
    let inner = 0;
    for (let k = 1; k < dim; k++) inner += q[at + k] * x[from + k];
    const along = power * x0 + inner / (1 + q[at]);
    out[to] = eta * (q[at] * x0 + power * inner);
    for (let k = 1; k < dim; k++) out[to + k] = eta * (x[from + k] + along * q[at + k]);
  }

  inverseSquare(x: Float64Array, out: Float64Array): void {
    const { count, dim, q } = this;
    for (let i = 0, at = 0; i < count; i++, at += dim) {
      const factor = 1 / (this.eta[i] * this.eta[i]);
      let inner = q[at] * x[at];
      for (let k = 1; k < dim; k++) inner -= q[at + k] * x[at + k];
      const x0 = x[at];
      out[at] = factor * (2 * q[at] * inner - x0);
      for (let k = 1; k < dim; k++) out[at + k] = factor * (x[at + k] - 2 * q[at + k] * inner);
    }
  }

  correction(target: number, ds: Float64Array, dz: Float64Array, out: Float64Array): void {
    const { count, dim, lambda, a, b } = this;
    for (let i = 0, at = 0; i < count; i++, at += dim) {
      this.scale(i, ds, at, a, 0, -1);
      this.scale(i, dz, at, b, 0, 1);
      // r = target e - lambda o lambda - a o b, then lambda \ r
      const l0 = lambda[at];
      let r0 = target - l0 * l0 - a[0] * b[0];
      let inner = 0;
      let tail = 0;
      for (let k = 1; k < dim; k++) {
        const l = lambda[at + k];
        tail += l * l;
        r0 -= l * l + a[k] * b[k];
        a[k] = -2 * l0 * l - a[0] * b[k] - b[0] * a[k];
        inner += l * a[k];
      }
      const det = l0 * l0 - tail;
      const first = (l0 * r0 - inner) / det;
      b[0] = first;
      for (let k = 1; k < dim; k++) b[k] = (a[k] - first * lambda[at + k]) / l0;
      this.scale(i, b, 0, out, at, -1);
    }
  }

  longestStep(ds: Float64Array, dz: Float64Array): number {
    const { count, dim } = this;
    let t = 1;
    for (let i = 0, at = 0; i < count; i++, at += dim) {
      t = Math.min(t, stepInCone(this.s, ds, at, dim), stepInCone(this.z, dz, at, dim));
    }
    return t;
  }
}

/** x_0^2 - ||x_1||^2 without cancellation of squares. */
function hyperbolic(x: Float64Array, at: number, dim: number): number {
  let tail = 0;
  for (let k = 1; k < dim; k++) tail += x[at + k] * x[at + k];
  tail = Math.sqrt(tail);
  return (x[at] - tail) * (x[at] + tail);
}

/** Largest t in [0, 1] with x + t d in the second-order cone, x inside. */
function stepInCone(x: Float64Array, d: Float64Array, at: number, dim: number): number {
  let dd = d[at] * d[at];
  let xd = x[at] * d[at];
  for (let k = 1; k < dim; k++) {
    dd -= d[at + k] * d[at + k];
    xd -= x[at + k] * d[at + k];
  }
  const xx = hyperbolic(x, at, dim);
  // smallest positive root of xx + 2 t xd + t^2 dd
  let t = 1;
  const disc = xd * xd - dd * xx;
  if (disc >= 0) {
    const root = Math.sqrt(disc);
    const far = xd < 0 ? -xd + root : -xd - root;
    for (const candidate of [xx / far, far / dd]) if (candidate > 0 && candidate < t) t = candidate;
  }
  if (x[at] + t * d[at] < 0) t = Math.min(t, -x[at] / d[at]);
  return t;
}

/** One cone of positive semidefinite matrices of order `order`, as full row-major matrices. */
export class SemidefiniteCone implements ScaledCone {
  readonly degree: number;
  readonly s: Float64Array;
  readonly z: Float64Array;
  /** W^-2 x = Q x Q. */
  readonly Q: Float64Array;
  /** s = R diag(lambda) R', z = R^-T diag(lambda) R^-1. */
  private readonly R: Float64Array;
  private readonly inverse: Float64Array;
  private readonly lambda: Float64Array;
  private readonly a: Float64Array;
  private readonly b: Float64Array;
  private readonly c: Float64Array;

  constructor(readonly order: number) {
    const size = order * order;
    this.degree = order;
    this.s = new Float64Array(size);
    this.z = new Float64Array(size);
    this.Q = new Float64Array(size);
    this.R = new Float64Array(size);
    this.inverse = new Float64Array(size);
    this.lambda = new Float64Array(order);
    this.a = new Float64Array(size);
    this.b = new Float64Array(size);
    this.c = new Float64Array(size);
  }

  rescale(): boolean {
    const { order: n, s, z, R, inverse, lambda } = this;
    const L = lowerFactor(s, n);
    if (L === undefined || lowerFactor(z, n) === undefined) return false;
    // eigenvalues of L' z L are lambda^2
    multiply(z, L, n, this.a);
    multiplyTransposedLeft(L, this.a, n, this.b);
    symmetrise(this.b, n);
    if (!this.b.every(Number.isFinite)) return false;
    const { values, vectors } = symmetricEigen(denseMatrix(n, n, this.b));
    if (!(values[0] > 0)) return false;
    const Linv = lowerInverse(L, n);
    for (let k = 0; k < n; k++) lambda[k] = Math.sqrt(values[k]);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < n; k++) {
        let r = 0;
        for (let l = 0; l <= i; l++) r += L[i * n + l] * vectors[k * n + l];
        R[i * n + k] = r / Math.sqrt(lambda[k]);
        let v = 0;
        for (let l = i; l < n; l++) v += vectors[k * n + l] * Linv[l * n + i];
        inverse[k * n + i] = v * Math.sqrt(lambda[k]);
      }
    }
    multiplyTransposedLeft(inverse, inverse, n, this.Q);
    symmetrise(this.Q, n);
    return true;
  }

  centre(mu: number): void {
    const n = this.order;
    const L = lowerFactor(this.s, n);
    if (L === undefined) throw new RangeError('the starting matrix is not positive definite');
    const inverse = lowerInverse(L, n);
    multiplyTransposedLeft(inverse, inverse, n, this.z);
    for (let k = 0; k < n * n; k++) this.z[k] *= mu;
  }

  inverseSquare(x: Float64Array, out: Float64Array): void {
    multiply(this.Q, x, this.order, this.a);
    multiply(this.a, this.Q, this.order, out);
    symmetrise(out, this.order);
  }

  correction(target: number, ds: Float64Array, dz: Float64Array, out: Float64Array): void {
    const { order: n, R, inverse, lambda, a, b, c } = this;
    // a := R^-1 ds R^-T, b := R' dz R
    multiply(inverse, ds, n, c);
    multiplyTransposedRight(c, inverse, n, a);
    multiplyTransposedLeft(R, dz, n, c);
    multiply(c, R, n, b);
    multiply(a, b, n, c);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const product = (c[i * n + j] + c[j * n + i]) / 2;
        const value = (i === j ? target - lambda[i] * lambda[i] : 0) - product;
        a[i * n + j] = (2 * value) / (lambda[i] + lambda[j]);
      }
    }
    // R^-T a R^-1
    multiply(a, inverse, n, c);
    multiplyTransposedLeft(inverse, c, n, out);
    symmetrise(out, n);
  }

  longestStep(ds: Float64Array, dz: Float64Array): number {
    const { order: n, R, inverse, lambda, a, c } = this;
    let t = 1;
    const shorten = (): void => {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) c[i * n + j] = a[i * n + j] / Math.sqrt(lambda[i] * lambda[j]);
      }
      symmetrise(c, n);
      if (!c.every(Number.isFinite)) t = 0;
      else {
        const least = symmetricEigen(denseMatrix(n, n, c)).values[0];
        if (least < 0) t = Math.min(t, -1 / least);
      }
    };
    multiply(inverse, ds, n, c);
    multiplyTransposedRight(c, inverse, n, a);
    shorten();
    multiplyTransposedLeft(R, dz, n, c);
    multiply(c, R, n, a);
    shorten();
    return t;
  }
}

function lowerFactor(m: Float64Array, n: number): Float64Array | undefined {
  const L = m.slice();
  factorSpd(L, n);
  for (let i = 0; i < n; i++) {
    if (!(L[i * n + i] > 0 && L[i * n + i] < 1e90)) return undefined;
    L.fill(0, i * n + i + 1, (i + 1) * n);
  }
  return L;
}

/** Inverse of a lower triangular matrix. */
function lowerInverse(L: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    out[j * n + j] = 1 / L[j * n + j];
    for (let i = j + 1; i < n; i++) {
      let s = 0;
      for (let k = j; k < i; k++) s -= L[i * n + k] * out[k * n + j];
      out[i * n + j] = s / L[i * n + i];
    }
  }
  return out;
}

/** out := A B */
function multiply(A: Float64Array, B: Float64Array, n: number, out: Float64Array): void {
  out.fill(0);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const a = A[i * n + k];
      if (a !== 0) for (let j = 0, b = k * n, o = i * n; j < n; j++) out[o + j] += a * B[b + j];
    }
  }
}

/** out := A' B */
function multiplyTransposedLeft(A: Float64Array, B: Float64Array, n: number, out: Float64Array): void {
  out.fill(0);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      const a = A[k * n + i];
      if (a !== 0) for (let j = 0, b = k * n, o = i * n; j < n; j++) out[o + j] += a * B[b + j];
    }
  }
}

/** out := A B' */
function multiplyTransposedRight(A: Float64Array, B: Float64Array, n: number, out: Float64Array): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let s = 0;
      for (let k = 0; k < n; k++) s += A[i * n + k] * B[j * n + k];
      out[i * n + j] = s;
    }
  }
}

function symmetrise(A: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) A[i * n + j] = A[j * n + i] = (A[i * n + j] + A[j * n + i]) / 2;
  }
}
