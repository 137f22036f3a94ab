import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import {
  balanceSigns,
  columnOfTargets,
  type Datafit,
  type Loss,
  type LossTraits,
  roundedDown,
  sigmoid,
  softplus,
} from './datafit.ts';
import { complementEntropy, entropy } from './entropy.ts';

const traits = {
  name: 'logistic',
  targets: 'signs',
  smooth: true,
  quadratic: false,
  curved: true,
  separable: true,
  coercive: false,
} as const satisfies LossTraits;

/** Sum of ln(1 + exp(-y f)), y = -1 or +1: with p = y v in [0, 1], -l*(-v) = -(p ln p + (1 - p) ln(1 - p)). */
function create(Y: DenseMatrix): Datafit {
  const y = Y.data;
  const { rows: n, cols: c } = Y;
  return {
    ...traits,
    rows: n,
    outputs: c,
    lipschitz: 0.25,
    dualModulus: 4,
    value(F) {
      let s = 0;
      for (let i = 0; i < y.length; i++) s += softplus(-y[i] * F[i]);
      return s;
    },
    gradient(F, G) {
      for (let i = 0; i < y.length; i++) G[i] = -y[i] * sigmoid(-y[i] * F[i]);
    },
    lossOfRows(F, order, start, count, G) {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        const t = (order === null ? start + k : order[start + k]) * c;
        for (let o = 0; o < c; o++) {
          const target = y[t + o];
          const q = target * F[k * c + o];
          // ln(1 + exp(-q)) without overflow on either side
          const e = Math.exp(-Math.abs(q));
          sum += (q < 0 ? -q : 0) + Math.log1p(e);
          G[k * c + o] = (-target * (q >= 0 ? e : 1)) / (1 + e);
        }
      }
      return sum;
    },
    hessian(F, H) {
      H.fill(0);
      for (let i = 0; i < y.length; i++) {
        const row = Math.floor(i / c);
        const k = i - row * c;
        H[(row * c + k) * c + k] = sigmoid(F[i]) * sigmoid(-F[i]);
      }
    },
    factorCols: c,
    hessianFactor(F, L) {
      L.fill(0);
      for (let i = 0; i < y.length; i++) L[i * c + (i % c)] = Math.sqrt(sigmoid(F[i]) * sigmoid(-F[i]));
    },
    dualValue(V) {
      let s = 0;
      for (let i = 0; i < y.length; i++) {
        const p = y[i] * V[i];
        if (!(p >= 0 && p <= 1)) return -Infinity;
        s -= entropy(p) + complementEntropy(p);
      }
      return s;
    },
    dualBelow(V) {
      // no term is negative, so that their sum is that of their sizes
      const value = this.dualValue(V);
      return roundedDown(value, value, 2 * y.length, 4);
    },
    dualPoint(F, V) {
      for (let i = 0; i < y.length; i++) V[i] = y[i] * sigmoid(-y[i] * F[i]);
    },
    projectDual(V) {
      for (let i = 0; i < y.length; i++) V[i] = y[i] * Math.min(1, Math.max(0, y[i] * V[i]));
    },
    balanceDual(V) {
      this.projectDual(V);
      balanceSigns(V, c);
    },
    fitError: (V, dualError) => steepestLogit(V, dualError) * dualError,
    fitOfDual(V, F) {
      for (let i = 0; i < y.length; i++) {
        const p = y[i] * V[i];
        F[i] = y[i] * (Math.log1p(-p) - Math.log(p));
      }
    },
    prox(Z, tau, F) {
      for (let i = 0; i < y.length; i++) F[i] = y[i] * proxSoftplus(y[i] * Z[i], tau);
    },
    ofOutput: (output) => create(columnOfTargets(Y, output)),
    // every fit f is reached, at the price beta (||f_+|| + ||f_-||) / s, so rows of one class, which are interchangeable, share one value
    whitenedPart: (norm, scale, beta) => ({
      size: norm * Math.log((scale * norm) / beta - 1),
      dies: (scale * norm) / 2,
    }),
  };
}

/** Largest slope of the logit over probabilities |v_i| that are off by at most `error`; Infinity when that reaches 0 or 1. */
function steepestLogit(V: Float64Array, error: number): number {
  let steepest = 0;
  for (const v of V) {
    const low = Math.abs(v) - error;
    const high = Math.abs(v) + error;
    if (low <= 0 || high >= 1) return Infinity;
    steepest = Math.max(steepest, 1 / (low * (1 - low)), 1 / (high * (1 - high)));
  }
  return steepest;
}

/** argmin_t ln(1 + e^-t) + (t - z)^2 / (2 tau): safeguarded Newton, the root lies in [z, z + tau]. */
function proxSoftplus(z: number, tau: number): number {
  let low = z;
  let high = z + tau;
  let t = z + tau * sigmoid(-z);
  for (let k = 0; k < 60; k++) {
    const s = sigmoid(-t);
    const g = (t - z) / tau - s;
    if (g > 0) high = t;
    else low = t;
    let next = t - g / (1 / tau + s * (1 - s));
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (Math.abs(next - t) <= 1e-15 * (1 + Math.abs(t))) return next;
    t = next;
  }
  return t;
}

export const logistic: Loss = {
  ...traits,
  parameters: [],
  words: {
    label: 'logistic',
    sum: () => 'the logistic loss summed over rows',
    torch: { loss: () => 'torch.nn.BCEWithLogitsLoss() with targets 0 and 1', factor: 1 },
  },
  logLoss(prediction, row, outputs, label) {
    if (outputs === 1) return softplus(label === 1 ? -prediction[row] : prediction[row]);
    // one class against all others each, scaled to sum to one; in logarithms, since each may be too small for a double
    const logarithm = (k: number): number => -softplus(-prediction[row * outputs + k]);
    let top = -Infinity;
    for (let k = 0; k < outputs; k++) top = Math.max(top, logarithm(k));
    let sum = 0;
    for (let k = 0; k < outputs; k++) sum += Math.exp(logarithm(k) - top);
    return Math.log(sum) + top - logarithm(label);
  },
  create: (targets) => create(targets),
};
