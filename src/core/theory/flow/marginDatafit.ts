import type { Datafit } from '../../problem/datafits/datafit.ts';

/**
 * sigma/2 sum_i (shift_i - y_i f_i)_+^2: the augmented Lagrangian of the margin constraints y_i f_i >= 1 with multipliers lambda for
 * shift = 1 + lambda / sigma (Rockafellar 1976), whose own dual point sigma (shift - y f)_+ is the next multiplier.
 * With p = y v >= 0, -l*(-v) = sum p shift - p^2 / (2 sigma).
 */
export function shiftedSquaredHinge(y: Float64Array, shift: Float64Array, sigma: number): Datafit {
  const n = y.length;
  return {
    name: 'shifted squared hinge',
    targets: 'signs',
    smooth: true,
    quadratic: false,
    curved: false,
    separable: true,
    coercive: false,
    rows: n,
    outputs: 1,
    lipschitz: sigma,
    dualModulus: 1 / sigma,
    value(F): number {
      let s = 0;
      for (let i = 0; i < n; i++) s += Math.max(0, shift[i] - y[i] * F[i]) ** 2;
      return 0.5 * sigma * s;
    },
    gradient(F, G): void {
      for (let i = 0; i < n; i++) G[i] = -sigma * y[i] * Math.max(0, shift[i] - y[i] * F[i]);
    },
    lossOfRows(F, order, start, count, G): number {
      let s = 0;
      for (let k = 0; k < count; k++) {
        const i = order === null ? start + k : order[start + k];
        const slack = Math.max(0, shift[i] - y[i] * F[k]);
        G[k] = -sigma * y[i] * slack;
        s += slack * slack;
      }
      return 0.5 * sigma * s;
    },
    hessian(F, H): void {
      for (let i = 0; i < n; i++) H[i] = shift[i] - y[i] * F[i] > 0 ? sigma : 0;
    },
    factorCols: 1,
    hessianFactor(F, L): void {
      for (let i = 0; i < n; i++) L[i] = shift[i] - y[i] * F[i] > 0 ? Math.sqrt(sigma) : 0;
    },
    dualPoint(F, V): void {
      for (let i = 0; i < n; i++) V[i] = sigma * y[i] * Math.max(0, shift[i] - y[i] * F[i]);
    },
    dualValue(V): number {
      let s = 0;
      for (let i = 0; i < n; i++) {
        const p = y[i] * V[i];
        if (p < 0) return -Infinity;
        s += p * shift[i] - (p * p) / (2 * sigma);
      }
      return s;
    },
    dualBelow(V): number {
      let sizes = 0;
      for (let i = 0; i < n; i++) sizes += Math.abs(V[i] * shift[i]) + (V[i] * V[i]) / (2 * sigma);
      return this.dualValue(V) - (n + 4) * 2 ** -52 * sizes;
    },
    balanceDual(): never {
      throw new TypeError('the margin program has no free offset');
    },
    projectDual(V): void {
      for (let i = 0; i < n; i++) V[i] = y[i] * Math.max(0, y[i] * V[i]);
    },
    fitOfDual(V, F): void {
      for (let i = 0; i < n; i++) F[i] = y[i] * (shift[i] - (y[i] * V[i]) / sigma);
    },
    ofOutput: () => shiftedSquaredHinge(y, shift, sigma),
    prox(Z, tau, F): void {
      for (let i = 0; i < n; i++) {
        const q = y[i] * Z[i];
        F[i] = y[i] * (q >= shift[i] ? q : (q + tau * sigma * shift[i]) / (1 + tau * sigma));
      }
    },
  };
}
