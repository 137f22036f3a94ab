import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { columnOfTargets, type Datafit, type Loss, type LossTraits, roundedDown } from './datafit.ts';

const traits = {
  name: 'squared',
  targets: 'numbers',
  smooth: true,
  quadratic: true,
  curved: true,
  separable: true,
  coercive: true,
} as const satisfies LossTraits;

/** Half the sum of squared errors: l* (g) = ||g||^2 / 2 + y'g. */
function create(Y: DenseMatrix): Datafit {
  const y = Y.data;
  const { rows: n, cols: c } = Y;
  return {
    ...traits,
    rows: n,
    outputs: c,
    lipschitz: 1,
    dualModulus: 1,
    value(F) {
      let s = 0;
      for (let i = 0; i < y.length; i++) s += (F[i] - y[i]) * (F[i] - y[i]);
      return 0.5 * s;
    },
    gradient(F, G) {
      for (let i = 0; i < y.length; i++) G[i] = F[i] - y[i];
    },
    lossOfRows(F, order, start, count, G) {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        const t = (order === null ? start + k : order[start + k]) * c;
        for (let o = 0; o < c; o++) {
          const r = F[k * c + o] - y[t + o];
          G[k * c + o] = r;
          sum += 0.5 * r * r;
        }
      }
      return sum;
    },
    hessian(_F, H) {
      identityBlocks(H, n, c);
    },
    factorCols: c,
    hessianFactor(_F, L) {
      identityBlocks(L, n, c);
    },
    dualValue(V) {
      let s = 0;
      // y v - v^2 / 2, term by term: the difference of the two sums would cancel
      for (let i = 0; i < y.length; i++) s += V[i] * (y[i] - 0.5 * V[i]);
      return s;
    },
    dualBelow(V) {
      let sizes = 0;
      for (let i = 0; i < y.length; i++) sizes += Math.abs(V[i]) * (Math.abs(y[i]) + 0.5 * Math.abs(V[i]));
      return roundedDown(this.dualValue(V), sizes, y.length, 2);
    },
    dualPoint(F, V) {
      for (let i = 0; i < y.length; i++) V[i] = y[i] - F[i];
    },
    projectDual() {
      // the domain is everything
    },
    balanceDual(V) {
      // the second pass takes off what rounding left of the sums
      for (let pass = 0; pass < 2; pass++) {
        for (let k = 0; k < c; k++) {
          let sum = 0;
          for (let i = k; i < V.length; i += c) sum += V[i];
          for (let i = k; i < V.length; i += c) V[i] -= sum / n;
        }
      }
    },
    fitError: (_V, _dualError, gap) => Math.sqrt(2 * gap),
    fitOfDual(V, F) {
      for (let i = 0; i < y.length; i++) F[i] = y[i] - V[i];
    },
    prox(Z, tau, F) {
      for (let i = 0; i < y.length; i++) F[i] = (Z[i] + tau * y[i]) / (1 + tau);
    },
    ofOutput: (output) => create(columnOfTargets(Y, output)),
    // directions X'(+-y)_+ / (s ||(+-y)_+||): v'(Xu)_+ <= ||v_+|| ||(Xu)_+|| <= s ||v_+||, tight at u proportional to X'v_+
    whitenedPart: (norm, scale, beta) => ({ size: norm - beta / scale, dies: scale * norm }),
  };
}

function identityBlocks(H: Float64Array, rows: number, c: number): void {
  H.fill(0);
  for (let i = 0; i < rows; i++) for (let k = 0; k < c; k++) H[(i * c + k) * c + k] = 1;
}

export const squared: Loss = {
  ...traits,
  parameters: [],
  words: {
    label: 'squared',
    sum: () => 'half the sum of squared errors',
    torch: { loss: () => 'torch.nn.MSELoss()', factor: 2 },
  },
  create: (targets) => create(targets),
};
