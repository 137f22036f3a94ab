import type { Datafit } from './datafits/datafit.ts';

/**
 * The loss side of the semismooth Newton method: a curve of dual points V with the fits F that belong to them.
 *
 * For smooth losses F(V) = gradient of l* at -V. Quadratic losses move V itself; others that are twice differentiable move F and take
 * V = -gradient l(F), so that V never leaves the domain however far a step goes. Where the curvature jumps (to zero or from infinity) there is no
 * such map that Newton steps can use; there l* gets a proximal term (a proximal method of multipliers on the fit as well), F = prox of tau l at
 * Z - tau V, Z moving with the outer iterations.
 */
export interface ConjugateSide {
  /** n x c: what is moved, V or F. */
  readonly point: Float64Array;
  readonly V: Float64Array;
  readonly F: Float64Array;
  /** True when `point` is F. */
  readonly movesFit: boolean;
  /** Brings V and F in line with `point`; returns the value of the (regularised) conjugate at -V. */
  update(): number;
  /**
   * L := row factors (n blocks of c x w) of the curvature L L' of the loss at F, the inverse of the Hessian of the conjugate;
   * at kinks, where the curvature is infinite, 1 / noise takes its place.
   */
  curvatureFactor(L: Float64Array, noise: number): void;
  /** `dualCandidate` gives V itself. */
  readonly candidateIsPoint: boolean;
  /** Writes a dual point inside the domain into `out`. */
  dualCandidate(out: Float64Array): void;
  /** End of an outer iteration: the fit F becomes the new centre. */
  recentre(growth: number): void;
}

/** Whether the loss has such a side, so that cone programs with it can be solved. */
export function hasConjugateSide(datafit: Datafit): boolean {
  return datafit.quadratic || datafit.curved || datafit.proxSlope !== undefined;
}

/** The side of a datafit, started from the dual point V0. */
export function createConjugateSide(datafit: Datafit, V0: Float64Array): ConjugateSide {
  if (datafit.quadratic) return dualSide(datafit, V0);
  if (datafit.curved) return fitSide(datafit, V0);
  const { proxSlope } = datafit;
  if (proxSlope === undefined) throw new TypeError(`no Newton steps for the ${datafit.name} loss`);
  return proximalSide(datafit, proxSlope, V0);
}

function dualSide(datafit: Datafit, V0: Float64Array): ConjugateSide {
  const V = V0.slice();
  const F = new Float64Array(V.length);
  return {
    point: V,
    V,
    F,
    movesFit: false,
    candidateIsPoint: true,
    update() {
      datafit.fitOfDual(V, F);
      return -datafit.dualValue(V);
    },
    curvatureFactor(L) {
      datafit.hessianFactor(F, L);
    },
    dualCandidate(out) {
      out.set(V);
    },
    recentre() {
      // nothing moves with the outer iterations
    },
  };
}

function fitSide(datafit: Datafit, V0: Float64Array): ConjugateSide {
  const V = new Float64Array(V0.length);
  const F = new Float64Array(V0.length);
  datafit.fitOfDual(V0, F);
  // a dual point on the border of the domain has an infinite fit
  for (let i = 0; i < F.length; i++) F[i] = Math.max(-40, Math.min(40, F[i]));
  return {
    point: F,
    V,
    F,
    movesFit: true,
    candidateIsPoint: true,
    update() {
      datafit.dualPoint(F, V);
      return -datafit.dualValue(V);
    },
    curvatureFactor(L) {
      datafit.hessianFactor(F, L);
    },
    dualCandidate(out) {
      out.set(V);
    },
    recentre() {
      // nothing moves with the outer iterations
    },
  };
}

function proximalSide(datafit: Datafit, proxSlope: NonNullable<Datafit['proxSlope']>, V0: Float64Array): ConjugateSide {
  const size = V0.length;
  const c = datafit.outputs;
  const V = V0.slice();
  const F = new Float64Array(size);
  const Z = new Float64Array(size);
  const shifted = new Float64Array(size);
  const slope = new Float64Array(size);
  let tau = 100;
  return {
    point: V,
    V,
    F,
    movesFit: false,
    candidateIsPoint: false,
    update() {
      for (let i = 0; i < size; i++) shifted[i] = Z[i] - tau * V[i];
      datafit.prox(shifted, tau, F);
      let s = datafit.value(F);
      for (let i = 0; i < size; i++) s += V[i] * F[i] + ((F[i] - Z[i]) * (F[i] - Z[i])) / (2 * tau);
      return -s;
    },
    curvatureFactor(L, noise) {
      // derivative of F in V: tau times that of the prox, 0 where it sits on a kink
      L.fill(0);
      proxSlope(shifted, tau, F, slope);
      for (let i = 0; i < size; i++) L[i * c + (i % c)] = 1 / Math.sqrt(slope[i] === 0 ? noise : tau * slope[i]);
    },
    dualCandidate(out) {
      for (let i = 0; i < size; i++) out[i] = V[i] + (F[i] - Z[i]) / tau;
      datafit.projectDual(out);
    },
    recentre(growth) {
      Z.set(F);
      tau *= growth;
    },
  };
}
