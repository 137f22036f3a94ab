import { dot, norm2 } from '../../base/linalg/matrix.ts';

/** One second-order cone ||u_j|| <= t with its dual (beta, z) and Nesterov-Todd scaling. */
export interface ScaledCone {
  /** Place of u_j in the stacked vector. */
  readonly at: number;
  t: number;
  dt: number;
  readonly z: Float64Array;
  readonly dz: Float64Array;
  eta: number;
  /** Scaling point w, its root v, and the scaled variable W z (d + 1 numbers each). */
  readonly w: Float64Array;
  readonly v: Float64Array;
  readonly l: Float64Array;
  /** W^-1 of the right-hand side of the complementarity equation. */
  readonly e: Float64Array;
}

/** A cone at t with z = 0, for the part of `d` numbers that begins at `at`. */
export function coneAt(at: number, d: number, t: number): ScaledCone {
  return {
    at,
    t,
    dt: 0,
    z: new Float64Array(d),
    dz: new Float64Array(d),
    eta: 1,
    w: new Float64Array(d + 1),
    v: new Float64Array(d + 1),
    l: new Float64Array(d + 1),
    e: new Float64Array(d + 1),
  };
}

/** Nesterov-Todd scaling of (t, u) and (beta, z): W^2 = eta^2 (2 w w' - J), l = W z. */
export function scalingPoint(cone: ScaledCone, u: Float64Array, beta: number): void {
  const { at, t, z, w, v, l } = cone;
  const d = z.length;
  const part = u.subarray(at, at + d);
  const a = Math.sqrt(Math.max((t - norm2(part)) * (t + norm2(part)), 1e-300));
  const b = Math.sqrt(Math.max((beta - norm2(z)) * (beta + norm2(z)), 1e-300));
  const gamma = Math.sqrt(0.5 * (1 + (t * beta + dot(part, z)) / (a * b)));
  w[0] = (t / a + beta / b) / (2 * gamma);
  for (let k = 0; k < d; k++) w[k + 1] = (part[k] / a - z[k] / b) / (2 * gamma);
  cone.eta = Math.sqrt(a / b);
  const root = Math.sqrt(2 * (w[0] + 1));
  v[0] = (w[0] + 1) / root;
  for (let k = 0; k < d; k++) v[k + 1] = w[k + 1] / root;
  let vz = v[0] * beta;
  for (let k = 0; k < d; k++) vz += v[k + 1] * z[k];
  l[0] = cone.eta * (2 * v[0] * vz - beta);
  for (let k = 0; k < d; k++) l[k + 1] = cone.eta * (2 * v[k + 1] * vz + z[k]);
}

/** dt and dz of a cone from the step in u: dz = E - W^-2 (dt, du) with dz_0 = 0. */
export function recoverStep(cone: ScaledCone, step: Float64Array): void {
  const { at, e, eta, w, dz } = cone;
  const d = dz.length;
  const e2 = 1 / (eta * eta);
  const m00 = e2 * (2 * w[0] * w[0] - 1);
  let wu = 0;
  for (let k = 0; k < d; k++) wu += w[k + 1] * step[at + k];
  cone.dt = (e[0] + 2 * e2 * w[0] * wu) / m00;
  // W^-2 (dt, du) = eta^-2 (2 Jw (w'J (dt, du)) - J (dt, du))
  const inner = w[0] * cone.dt - wu;
  for (let k = 0; k < d; k++) dz[k] = e[k + 1] - e2 * (-2 * w[k + 1] * inner + step[at + k]);
}

/** E := W^-1 (l \ (mu e - l o l - (W^-1 ds) o (W dz))), Mehrotra's right-hand side. */
export function correct(cone: ScaledCone, step: Float64Array, mu: number): void {
  const { at, dt, dz, eta, v, l, e } = cone;
  const d = dz.length;
  const ds = new Float64Array(d + 1);
  ds[0] = dt;
  for (let k = 0; k < d; k++) ds[k + 1] = step[at + k];
  const scaledS = new Float64Array(d + 1);
  const scaledZ = new Float64Array(d + 1);
  let vJs = v[0] * ds[0];
  for (let k = 1; k <= d; k++) vJs -= v[k] * ds[k];
  scaledS[0] = (2 * v[0] * vJs - ds[0]) / eta;
  for (let k = 1; k <= d; k++) scaledS[k] = (-2 * v[k] * vJs + ds[k]) / eta;
  let vz = 0;
  for (let k = 0; k < d; k++) vz += v[k + 1] * dz[k];
  scaledZ[0] = eta * 2 * v[0] * vz;
  for (let k = 0; k < d; k++) scaledZ[k + 1] = eta * (2 * v[k + 1] * vz + dz[k]);
  const r = new Float64Array(d + 1);
  r[0] = mu - dot(l, l) - dot(scaledS, scaledZ);
  for (let k = 1; k <= d; k++) r[k] = -2 * l[0] * l[k] - scaledS[0] * scaledZ[k] - scaledZ[0] * scaledS[k];
  let tail = 0;
  let lr = 0;
  for (let k = 1; k <= d; k++) {
    tail += l[k] * l[k];
    lr += l[k] * r[k];
  }
  const x = new Float64Array(d + 1);
  x[0] = (l[0] * r[0] - lr) / Math.max(l[0] * l[0] - tail, 1e-300);
  for (let k = 1; k <= d; k++) x[k] = (r[k] - x[0] * l[k]) / l[0];
  let vJx = v[0] * x[0];
  for (let k = 1; k <= d; k++) vJx -= v[k] * x[k];
  e[0] = (2 * v[0] * vJx - x[0]) / eta;
  for (let k = 1; k <= d; k++) e[k] = (-2 * v[k] * vJx + x[k]) / eta;
}

/** Largest step that keeps (a0, a) + s (b0, b) in the second-order cone. */
function coneStep(a0: number, a: Float64Array, b0: number, b: ArrayLike<number>, from: number): number {
  let aa = 0;
  let ab = 0;
  let bb = 0;
  for (let k = 0; k < a.length; k++) {
    aa += a[k] * a[k];
    ab += a[k] * b[from + k];
    bb += b[from + k] * b[from + k];
  }
  // (a0 + s b0)^2 - ||a + s b||^2 = q0 + 2 q1 s + q2 s^2, q0 > 0
  const q0 = (a0 - Math.sqrt(aa)) * (a0 + Math.sqrt(aa));
  const q1 = a0 * b0 - ab;
  const q2 = b0 * b0 - bb;
  const root = q1 * q1 - q0 * q2;
  if (root < 0 || (q2 >= 0 && q1 >= 0)) return b0 < 0 ? -a0 / b0 : Number.POSITIVE_INFINITY;
  // the smaller positive root, in the form without cancellation
  const s = Math.sqrt(root);
  const candidate = q1 <= 0 ? q0 / (s - q1) : -(q1 + s) / q2;
  return candidate > 0 ? candidate : Number.POSITIVE_INFINITY;
}

/** Largest step, up to `length`, that keeps (t, u) and (beta, z) in the cone; `step` is the step in the stacked vector u. */
export function coneStepLength(
  { at, t, dt, z, dz }: ScaledCone,
  u: Float64Array,
  step: Float64Array,
  beta: number,
  length: number,
): number {
  const inPrimal = Math.min(length, coneStep(t, u.subarray(at, at + z.length), dt, step, at));
  return Math.min(inPrimal, coneStep(beta, z, 0, dz, 0));
}
