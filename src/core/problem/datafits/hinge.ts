import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { balanceSigns, columnOfTargets, type Datafit, type Loss, type LossTraits, roundedDown } from './datafit.ts';

const traits = {
  name: 'hinge',
  targets: 'signs',
  smooth: false,
  quadratic: false,
  curved: false,
  separable: true,
  coercive: false,
} as const satisfies LossTraits;

/** Sum of max(0, 1 - y f), y = -1 or +1: with p = y v in [0, 1], -l*(-v) = p. */
function create(Y: DenseMatrix): Datafit {
  const y = Y.data;
  const { rows: n, cols: c } = Y;
  return {
    ...traits,
    rows: n,
    outputs: c,
    lipschitz: Infinity,
    dualModulus: 0,
    value(F) {
      let s = 0;
      for (let i = 0; i < y.length; i++) s += Math.max(0, 1 - y[i] * F[i]);
      return s;
    },
    gradient(F, G) {
      for (let i = 0; i < y.length; i++) G[i] = y[i] * F[i] < 1 ? -y[i] : 0;
    },
    lossOfRows(F, order, start, count, G) {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        const t = (order === null ? start + k : order[start + k]) * c;
        for (let o = 0; o < c; o++) {
          const target = y[t + o];
          const slack = 1 - target * F[k * c + o];
          G[k * c + o] = slack > 0 ? -target : 0;
          if (slack > 0) sum += slack;
        }
      }
      return sum;
    },
    hessian(_F, H) {
      H.fill(0);
    },
    factorCols: c,
    hessianFactor(_F, L) {
      L.fill(0);
    },
    dualValue(V) {
      let s = 0;
      for (let i = 0; i < y.length; i++) {
        const p = y[i] * V[i];
        if (!(p >= 0 && p <= 1)) return -Infinity;
        s += p;
      }
      return s;
    },
    dualBelow(V) {
      const value = this.dualValue(V);
      return roundedDown(value, value, y.length, 0);
    },
    dualPoint(F, V) {
      for (let i = 0; i < y.length; i++) V[i] = y[i] * F[i] < 1 ? y[i] : 0;
    },
    projectDual(V) {
      for (let i = 0; i < y.length; i++) V[i] = y[i] * Math.min(1, Math.max(0, y[i] * V[i]));
    },
    balanceDual(V) {
      this.projectDual(V);
      balanceSigns(V, c);
    },
    fitOfDual() {
      throw new TypeError('the conjugate of the hinge loss is not differentiable');
    },
    prox(Z, tau, F) {
      for (let i = 0; i < y.length; i++) {
        const t = y[i] * Z[i];
        F[i] = y[i] * (t >= 1 ? t : Math.min(1, t + tau));
      }
    },
    proxSlope(Z, _tau, F, S) {
      // a translation, but for what sits on the kink
      for (let i = 0; i < y.length; i++) S[i] = Math.abs(Math.abs(F[i]) - 1) < 1e-14 && F[i] !== Z[i] ? 0 : 1;
    },
    ofOutput: (output) => create(columnOfTargets(Y, output)),
  };
}

export const hinge: Loss = {
  ...traits,
  parameters: [],
  words: {
    label: 'hinge',
    sum: () => 'the hinge loss summed over rows',
    torch: { loss: () => 'torch.relu(1 - y * f).mean()', factor: 1 },
  },
  create: (targets) => create(targets),
};
