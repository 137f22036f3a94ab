import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { ProblemError } from '../../base/problemError.ts';
import { columnOfTargets, type Datafit, type Loss, type LossTraits, roundedDown } from './datafit.ts';

const traits = {
  name: 'huber',
  targets: 'numbers',
  smooth: true,
  quadratic: false,
  curved: false,
  separable: true,
  coercive: true,
} as const satisfies LossTraits;

/**
 * Huber's loss (Huber 1964), sum of r^2 / 2 for residuals |r| = |f - y| up to delta and of delta (|r| - delta / 2) beyond. Its conjugate is that
 * of half the square on the interval that slopes can have: l*(g) = g^2 / 2 + y g for |g| <= delta, so -l*(-v) = y v - v^2 / 2 there.
 */
function create(Y: DenseMatrix, delta: number): Datafit {
  const y = Y.data;
  const { rows: n, cols: c } = Y;
  const clip = (r: number): number => Math.min(delta, Math.max(-delta, r));
  const curvature = (r: number): number => (Math.abs(r) <= delta ? 1 : 0);
  return {
    ...traits,
    rows: n,
    outputs: c,
    lipschitz: 1,
    dualModulus: 1,
    value(F) {
      let s = 0;
      for (let i = 0; i < y.length; i++) {
        const r = Math.abs(F[i] - y[i]);
        s += r <= delta ? 0.5 * r * r : delta * (r - 0.5 * delta);
      }
      return s;
    },
    gradient(F, G) {
      for (let i = 0; i < y.length; i++) G[i] = clip(F[i] - y[i]);
    },
    lossOfRows(F, order, start, count, G) {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        const t = (order === null ? start + k : order[start + k]) * c;
        for (let o = 0; o < c; o++) {
          const r = F[k * c + o] - y[t + o];
          const size = Math.abs(r);
          G[k * c + o] = clip(r);
          sum += size <= delta ? 0.5 * r * r : delta * (size - 0.5 * delta);
        }
      }
      return sum;
    },
    hessian(F, H) {
      H.fill(0);
      for (let i = 0; i < y.length; i++) H[i * c + (i % c)] = curvature(F[i] - y[i]);
    },
    factorCols: c,
    hessianFactor(F, L) {
      L.fill(0);
      for (let i = 0; i < y.length; i++) L[i * c + (i % c)] = curvature(F[i] - y[i]);
    },
    dualValue(V) {
      let s = 0;
      for (let i = 0; i < y.length; i++) {
        if (!(Math.abs(V[i]) <= delta)) return -Infinity;
        s += V[i] * (y[i] - 0.5 * V[i]);
      }
      return s;
    },
    dualBelow(V) {
      let sizes = 0;
      for (let i = 0; i < y.length; i++) sizes += Math.abs(V[i]) * (Math.abs(y[i]) + 0.5 * Math.abs(V[i]));
      return roundedDown(this.dualValue(V), sizes, y.length, 2);
    },
    dualPoint(F, V) {
      for (let i = 0; i < y.length; i++) V[i] = clip(y[i] - F[i]);
    },
    projectDual(V) {
      for (let i = 0; i < y.length; i++) V[i] = clip(V[i]);
    },
    balanceDual(V) {
      this.projectDual(V);
      for (let k = 0; k < c; k++) shiftIntoBalance(V, k, c, delta);
    },
    fitOfDual(V, F) {
      for (let i = 0; i < y.length; i++) F[i] = y[i] - V[i];
    },
    prox(Z, tau, F) {
      // in r = f - y: r / (1 + tau) while that is at most delta, else a translation by tau delta
      for (let i = 0; i < y.length; i++) {
        const r = Z[i] - y[i];
        F[i] = y[i] + (Math.abs(r) <= delta * (1 + tau) ? r / (1 + tau) : r - tau * clip(r));
      }
    },
    proxSlope(Z, tau, _F, S) {
      for (let i = 0; i < y.length; i++) S[i] = Math.abs(Z[i] - y[i]) <= delta * (1 + tau) ? 1 / (1 + tau) : 1;
    },
    ofOutput: (output) => create(columnOfTargets(Y, output), delta),
  };
}

/**
 * Projects column k of V (n x c, entries within +-delta) onto those that sum to zero: entries clip(v_i - s), with the shift s by bisection, and
 * what rounding leaves of the sum taken from the entries that have room for it.
 */
function shiftIntoBalance(V: Float64Array, k: number, c: number, delta: number): void {
  let [low, high] = [-2 * delta, 2 * delta];
  const at = (v: number, s: number): number => Math.min(delta, Math.max(-delta, v - s));
  const sum = (s: number): number => {
    let total = 0;
    for (let i = k; i < V.length; i += c) total += at(V[i], s);
    return total;
  };
  for (let round = 0; round < 100; round++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (sum(middle) > 0) low = middle;
    else high = middle;
  }
  const s = Math.abs(sum(low)) <= Math.abs(sum(high)) ? low : high;
  for (let i = k; i < V.length; i += c) V[i] = at(V[i], s);
  for (let round = 0; round < 3; round++) {
    const rest = sum(0);
    let free = 0;
    for (let i = k; i < V.length; i += c) if (Math.abs(V[i]) < delta) free++;
    if (rest === 0 || free === 0) return;
    for (let i = k; i < V.length; i += c) if (Math.abs(V[i]) < delta) V[i] = at(V[i], rest / free);
  }
}

export const huber: Loss = {
  ...traits,
  parameters: ['delta'],
  words: {
    label: 'Huber',
    sum: ({ delta }) =>
      `the Huber loss (quadratic up to residuals of ${String(delta)}, linear beyond) summed over rows`,
    torch: { loss: ({ delta }) => `torch.nn.HuberLoss(delta=${String(delta)})`, factor: 1 },
  },
  create(targets, _outputs, { delta }) {
    if (!(delta !== undefined && delta > 0 && Number.isFinite(delta))) {
      throw new ProblemError(
        delta === undefined
          ? 'is missing: the huber loss needs the size of residual from which on it is linear'
          : `must be a positive number, not ${String(delta)}`,
        { field: 'delta' },
      );
    }
    return create(targets, delta);
  },
};
