import type { DenseMatrix } from '../base/linalg/matrix.ts';
import type { LossName } from './problem.ts';

/**
 * A loss l(F) of the fits F (n x c, row-major), summed over rows, with the conjugate that duality needs:
 * min_F,U l(F) + beta * penalty(U) with F = A U has the dual  max_V -l*(-V)  subject to the dual norm of A'V being at most beta.
 * V = -gradient l(F) at the optimum. The domain of V is convex and holds 0, so a dual point may always be shrunk towards 0.
 */
export interface Datafit {
  readonly name: LossName;
  /** n */
  readonly rows: number;
  /** c */
  readonly outputs: number;
  /** False for the hinge loss, whose `hessian` is zero and whose `gradient` is one of its subgradients. */
  readonly smooth: boolean;
  /** Largest curvature: gradient l is Lipschitz with this constant (Infinity when it is not). */
  readonly lipschitz: number;
  /** True when the loss is a sum over outputs, so that per-output penalties decouple. */
  readonly separable: boolean;
  value(F: Float64Array): number;
  /** G := gradient at F, n x c. */
  gradient(F: Float64Array, G: Float64Array): void;
  /** H := n blocks of c x c, row-major: the Hessian at F (block diagonal over rows). */
  hessian(F: Float64Array, H: Float64Array): void;
  /** Columns of the row factors that `hessianFactor` gives: c, or c - 1 for softmax, whose Hessian has rank c - 1. */
  readonly factorCols: number;
  /** L := n blocks of c x factorCols with the Hessian at F equal to L L' row by row. */
  hessianFactor(F: Float64Array, L: Float64Array): void;
  /** -l*(-V); -Infinity outside the domain (no slack: project first when V carries rounding errors). */
  dualValue(V: Float64Array): number;
  /** A number that -l*(-V) is not below, whatever rounding does: `dualValue` less a bound of its error. */
  dualBelow(V: Float64Array): number;
  /** V := -gradient at F: the dual point that belongs to the fit, always inside the domain. */
  dualPoint(F: Float64Array, V: Float64Array): void;
  /** Moves V to the nearest point (row by row, Euclidean) of the domain, in place. */
  projectDual(V: Float64Array): void;
  /** Moves V to a point of the domain whose columns sum to zero (what a free offset asks of a dual point), in place: near V where V nearly does so. */
  balanceDual(V: Float64Array): void;
  /** F := gradient of l* at -V, i.e. the fit whose dual point is V; V strictly inside the domain. Throws for the hinge loss. */
  fitOfDual(V: Float64Array, F: Float64Array): void;
  /** F := argmin_F l(F) + ||F - Z||^2 / (2 tau). */
  prox(Z: Float64Array, tau: number, F: Float64Array): void;
}

/** Derivative of -l*(-tV) needs only values: maximises t -> dualValue(tV) over [0, limit] by golden section (concave in t). */
export function bestDualScale(datafit: Datafit, V: Float64Array, limit: number): number {
  if (!(limit > 0)) return 0;
  const scaled = new Float64Array(V.length);
  const at = (t: number): number => {
    for (let i = 0; i < V.length; i++) scaled[i] = t * V[i];
    return datafit.dualValue(scaled);
  };
  const ratio = (Math.sqrt(5) - 1) / 2;
  let best = 0;
  let bestValue = at(0);
  const consider = (t: number, value: number): void => {
    if (value > bestValue) [best, bestValue] = [t, value];
  };
  let [low, high] = [0, Number.isFinite(limit) ? limit : 1e6];
  if (high > 1 && at(high) === -Infinity) high = Math.max(1, domainLimit(at, high));
  consider(high, at(high));
  let a = high - ratio * (high - low);
  let b = low + ratio * (high - low);
  let [fa, fb] = [at(a), at(b)];
  for (let k = 0; k < 60 && high - low > 1e-13 * high; k++) {
    consider(a, fa);
    consider(b, fb);
    if (fa >= fb) {
      [high, b, fb] = [b, a, fa];
      a = high - ratio * (high - low);
      fa = at(a);
    } else {
      [low, a, fa] = [a, b, fb];
      b = low + ratio * (high - low);
      fb = at(b);
    }
  }
  consider(a, fa);
  consider(b, fb);
  // golden section stops at the square root of the machine precision; the unscaled point may be better than that
  if (limit >= 1) consider(1, at(1));
  return best;
}

/** Largest t (to relative 1e-12) with a finite value, by bisection between 1 and `high`. */
function domainLimit(at: (t: number) => number, high: number): number {
  let low = 0;
  for (let k = 0; k < 60 && high - low > 1e-12 * high; k++) {
    const middle = (low + high) / 2;
    if (at(middle) === -Infinity) high = middle;
    else low = middle;
  }
  return low;
}

/** p ln p with its limit at 0. */
function entropy(p: number): number {
  return p > 0 ? p * Math.log(p) : 0;
}

/** (1 - p) ln(1 - p) without cancellation: 1 - p is exact above one half, and the logarithm knows small p. */
function complementEntropy(p: number): number {
  return p >= 0.5 ? entropy(1 - p) : (1 - p) * Math.log1p(-p);
}

/**
 * A sum less what rounding may have added to it: with `count` terms summed one after the other, each within `perTerm` roundings of its exact
 * value, the error is at most (count - 1 + perTerm) u sum |term| to first order (Higham 2002, 4.2); twice u covers the rest.
 */
function roundedDown(sum: number, sizes: number, count: number, perTerm: number): number {
  return sum - (count + perTerm) * 2 ** -52 * sizes;
}

/** Scales the heavier sign of each column (n x c) down to the other: sums become zero, and every entry stays in a domain that holds 0. */
function balanceSigns(V: Float64Array, c: number): void {
  for (let k = 0; k < c; k++) {
    let gain = 0;
    let loss = 0;
    for (let i = k; i < V.length; i += c) {
      if (V[i] > 0) gain += V[i];
      else loss -= V[i];
    }
    const target = Math.min(gain, loss);
    for (let i = k; i < V.length; i += c) {
      if (V[i] !== 0) V[i] *= target / (V[i] > 0 ? gain : loss);
    }
  }
}

/** ln(1 + e^t) without overflow. */
export function softplus(t: number): number {
  return t > 0 ? t + Math.log1p(Math.exp(-t)) : Math.log1p(Math.exp(t));
}

/** 1 / (1 + e^-t) without overflow. */
export function sigmoid(t: number): number {
  if (t >= 0) return 1 / (1 + Math.exp(-t));
  const e = Math.exp(t);
  return e / (1 + e);
}

/** Half the sum of squared errors: l* (g) = ||g||^2 / 2 + y'g. */
function squared(Y: DenseMatrix): Datafit {
  const y = Y.data;
  return {
    name: 'squared',
    rows: Y.rows,
    outputs: Y.cols,
    smooth: true,
    lipschitz: 1,
    separable: true,
    value(F) {
      let s = 0;
      for (let i = 0; i < y.length; i++) s += (F[i] - y[i]) * (F[i] - y[i]);
      return 0.5 * s;
    },
    gradient(F, G) {
      for (let i = 0; i < y.length; i++) G[i] = F[i] - y[i];
    },
    hessian(_F, H) {
      identityBlocks(H, Y.rows, Y.cols);
    },
    factorCols: Y.cols,
    hessianFactor(_F, L) {
      identityBlocks(L, Y.rows, Y.cols);
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
        for (let k = 0; k < Y.cols; k++) {
          let sum = 0;
          for (let i = k; i < V.length; i += Y.cols) sum += V[i];
          for (let i = k; i < V.length; i += Y.cols) V[i] -= sum / Y.rows;
        }
      }
    },
    fitOfDual(V, F) {
      for (let i = 0; i < y.length; i++) F[i] = y[i] - V[i];
    },
    prox(Z, tau, F) {
      for (let i = 0; i < y.length; i++) F[i] = (Z[i] + tau * y[i]) / (1 + tau);
    },
  };
}

function identityBlocks(H: Float64Array, rows: number, c: number): void {
  H.fill(0);
  for (let i = 0; i < rows; i++) for (let k = 0; k < c; k++) H[(i * c + k) * c + k] = 1;
}

/** Sum of ln(1 + exp(-y f)), y = -1 or +1: with p = y v in [0, 1], -l*(-v) = -(p ln p + (1 - p) ln(1 - p)). */
function logistic(Y: DenseMatrix): Datafit {
  const y = Y.data;
  const c = Y.cols;
  return {
    name: 'logistic',
    rows: Y.rows,
    outputs: c,
    smooth: true,
    lipschitz: 0.25,
    separable: true,
    value(F) {
      let s = 0;
      for (let i = 0; i < y.length; i++) s += softplus(-y[i] * F[i]);
      return s;
    },
    gradient(F, G) {
      for (let i = 0; i < y.length; i++) G[i] = -y[i] * sigmoid(-y[i] * F[i]);
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
      balanceSigns(V, Y.cols);
    },
    fitOfDual(V, F) {
      for (let i = 0; i < y.length; i++) {
        const p = y[i] * V[i];
        F[i] = y[i] * (Math.log1p(-p) - Math.log(p));
      }
    },
    prox(Z, tau, F) {
      for (let i = 0; i < y.length; i++) F[i] = y[i] * proxSoftplus(y[i] * Z[i], tau);
    },
  };
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

/** Sum of max(0, 1 - y f), y = -1 or +1: with p = y v in [0, 1], -l*(-v) = p. */
function hinge(Y: DenseMatrix): Datafit {
  const y = Y.data;
  return {
    name: 'hinge',
    rows: Y.rows,
    outputs: Y.cols,
    smooth: false,
    lipschitz: Infinity,
    separable: true,
    value(F) {
      let s = 0;
      for (let i = 0; i < y.length; i++) s += Math.max(0, 1 - y[i] * F[i]);
      return s;
    },
    gradient(F, G) {
      for (let i = 0; i < y.length; i++) G[i] = y[i] * F[i] < 1 ? -y[i] : 0;
    },
    hessian(_F, H) {
      H.fill(0);
    },
    factorCols: Y.cols,
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
      balanceSigns(V, Y.cols);
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
  };
}

/**
 * Brings V (n x c, rows of the domain of softmax) to column sums of zero. Row i moves p = |V_ik| from its class to every other class k, so that the
 * columns sum to zero exactly when these flows between classes are a circulation: flows between classes that no cycle joins are
 * dropped, and the others scaled by d_a / d_k, which makes what leaves a class equal what enters it (Osborne 1960, balancing of a matrix in the 1-norm;
 * it converges for every irreducible matrix). The whole point is shortened where a row would then carry more than 1.
 */
function balanceClasses(V: Float64Array, label: Int32Array, c: number): void {
  const flow = new Float64Array(c * c);
  label.forEach((a, i) => {
    for (let k = 0; k < c; k++) if (k !== a) flow[a * c + k] -= V[i * c + k];
  });
  const component = strongComponents(flow, c);
  for (let a = 0; a < c; a++) for (let k = 0; k < c; k++) if (component[a] !== component[k]) flow[a * c + k] = 0;
  const scale = new Float64Array(c).fill(1);
  for (let round = 0; round < 10_000; round++) {
    let worst = 0;
    for (let a = 0; a < c; a++) {
      let leaving = 0;
      let entering = 0;
      for (let k = 0; k < c; k++) {
        leaving += flow[a * c + k];
        entering += flow[k * c + a];
      }
      if (!(leaving > 0 && entering > 0)) continue;
      worst = Math.max(worst, Math.abs(leaving - entering) / (leaving + entering));
      const ratio = Math.sqrt(entering / leaving);
      scale[a] *= ratio;
      for (let k = 0; k < c; k++) {
        flow[a * c + k] *= ratio;
        flow[k * c + a] /= ratio;
      }
    }
    if (worst <= 1e-15) break;
  }
  let heaviest = 1;
  label.forEach((a, i) => {
    let rest = 0;
    for (let k = 0; k < c; k++) {
      if (k === a) continue;
      V[i * c + k] *= component[a] === component[k] ? scale[a] / scale[k] : 0;
      rest -= V[i * c + k];
    }
    V[i * c + a] = rest;
    heaviest = Math.max(heaviest, rest);
  });
  if (heaviest > 1) for (let i = 0; i < V.length; i++) V[i] /= heaviest * (1 + 2 ** -50);
}

/** A number for each of the c nodes of a graph with arcs where `weights` (c x c) is positive, the same for nodes that a cycle joins. */
function strongComponents(weights: Float64Array, c: number): Int32Array {
  const component = new Int32Array(c).fill(-1);
  const reach = (from: number, forward: boolean): Uint8Array => {
    const seen = new Uint8Array(c);
    const open = [from];
    seen[from] = 1;
    for (let a = open.pop(); a !== undefined; a = open.pop()) {
      for (let k = 0; k < c; k++) {
        if (seen[k] === 1 || component[k] >= 0 || !(weights[forward ? a * c + k : k * c + a] > 0)) continue;
        seen[k] = 1;
        open.push(k);
      }
    }
    return seen;
  };
  for (let a = 0; a < c; a++) {
    if (component[a] >= 0) continue;
    const [after, before] = [reach(a, true), reach(a, false)];
    for (let k = 0; k < c; k++) if (after[k] === 1 && before[k] === 1) component[k] = a;
  }
  return component;
}

/**
 * Sum of ln sum_k exp(f_k) - f_class: with p = e_class - V in the simplex, -l*(-V) = -sum_k p_k ln p_k.
 * Rows of V sum to zero.
 */
function softmax(classes: DenseMatrix, c: number): Datafit {
  const n = classes.rows;
  const label = Int32Array.from(classes.data);
  const p = new Float64Array(c);
  const probabilities = (F: Float64Array, row: number): void => {
    let top = -Infinity;
    for (let k = 0; k < c; k++) top = Math.max(top, F[row * c + k]);
    let s = 0;
    for (let k = 0; k < c; k++) s += p[k] = Math.exp(F[row * c + k] - top);
    for (let k = 0; k < c; k++) p[k] /= s;
  };
  const sorted = new Float64Array(c);
  return {
    name: 'softmax',
    rows: n,
    outputs: c,
    smooth: true,
    lipschitz: 0.5,
    separable: false,
    value(F) {
      let total = 0;
      for (let i = 0; i < n; i++) {
        let top = -Infinity;
        for (let k = 0; k < c; k++) top = Math.max(top, F[i * c + k]);
        let s = 0;
        for (let k = 0; k < c; k++) s += Math.exp(F[i * c + k] - top);
        total += Math.log(s) + top - F[i * c + label[i]];
      }
      return total;
    },
    gradient(F, G) {
      for (let i = 0; i < n; i++) {
        probabilities(F, i);
        for (let k = 0; k < c; k++) G[i * c + k] = p[k];
        G[i * c + label[i]] = restOf(p, label[i], c) * -1;
      }
    },
    hessian(F, H) {
      for (let i = 0; i < n; i++) {
        probabilities(F, i);
        for (let k = 0; k < c; k++) {
          for (let l = 0; l < c; l++) H[(i * c + k) * c + l] = -p[k] * p[l];
          H[(i * c + k) * c + k] = p[k] * restOf(p, k, c);
        }
      }
    },
    factorCols: c - 1,
    hessianFactor(F, L) {
      // diag(p) - p p' = L L' with L = diag(sqrt p) Q, Q an orthonormal basis of the complement of sqrt p: the first c - 1 columns
      // of the Householder reflection I - 2 w w' / w'w, w = sqrt p + e_c, that maps sqrt p to -e_c
      const w = c - 1;
      for (let i = 0; i < n; i++) {
        probabilities(F, i);
        for (let k = 0; k < c; k++) p[k] = Math.sqrt(p[k]);
        const scale = 1 / (1 + p[c - 1]);
        for (let k = 0; k < c; k++) {
          const reflected = (k === c - 1 ? p[k] + 1 : p[k]) * scale;
          for (let v = 0; v < w; v++) L[(i * c + k) * w + v] = p[k] * ((k === v ? 1 : 0) - reflected * p[v]);
        }
      }
    },
    dualValue(V) {
      let s = 0;
      for (let i = 0; i < n; i++) {
        let sum = 0;
        for (let k = 0; k < c; k++) {
          const v = V[i * c + k];
          const q = (k === label[i] ? 1 : 0) - v;
          // rounding in e_class - V must not throw a valid point out of the domain
          if (!(q >= -1e-15 && q <= 1 + 1e-15)) return -Infinity;
          sum += v;
          s -= k === label[i] ? complementEntropy(Math.max(0, v)) : entropy(q);
        }
        if (Math.abs(sum) > 1e-12) return -Infinity;
      }
      return s;
    },
    dualBelow(V) {
      // no term is negative; the own entry of a row is the sum of the others, c more roundings
      const value = this.dualValue(V);
      return roundedDown(value, value, n * c, c + 4);
    },
    dualPoint(F, V) {
      for (let i = 0; i < n; i++) {
        probabilities(F, i);
        for (let k = 0; k < c; k++) V[i * c + k] = -p[k];
        V[i * c + label[i]] = restOf(p, label[i], c);
      }
    },
    projectDual(V) {
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < c; k++) sorted[k] = (k === label[i] ? 1 : 0) - V[i * c + k];
        for (let k = 0; k < c; k++) p[k] = sorted[k];
        sorted.sort();
        // projection onto the simplex (Held, Wolfe, Crowder 1974)
        let sum = 0;
        let shift = 0;
        for (let k = c - 1, count = 1; k >= 0; k--, count++) {
          sum += sorted[k];
          const candidate = (sum - 1) / count;
          if (sorted[k] - candidate > 0) shift = candidate;
        }
        let rest = 0;
        for (let k = 0; k < c; k++) {
          const q = Math.max(0, p[k] - shift);
          if (k === label[i]) continue;
          V[i * c + k] = -q;
          rest += q;
        }
        V[i * c + label[i]] = rest;
      }
    },
    balanceDual(V) {
      this.projectDual(V);
      balanceClasses(V, label, c);
    },
    fitOfDual(V, F) {
      for (let i = 0; i < n; i++) {
        let mean = 0;
        for (let k = 0; k < c; k++) {
          const q = (k === label[i] ? 1 : 0) - V[i * c + k];
          mean += F[i * c + k] = Math.log(q);
        }
        // fits are determined up to a constant per row; take the one that sums to zero
        mean /= c;
        for (let k = 0; k < c; k++) F[i * c + k] -= mean;
      }
    },
    prox(Z, tau, F) {
      // Newton on the row problem: (diag p - p p' + I / tau) step = -(p - e + (f - z) / tau), by Sherman-Morrison
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < c; k++) F[i * c + k] = Z[i * c + k];
        for (let round = 0; round < 100; round++) {
          probabilities(F, i);
          let size = 0;
          let top = 0;
          let bottom = 1;
          for (let k = 0; k < c; k++) {
            const g = p[k] - (k === label[i] ? 1 : 0) + (F[i * c + k] - Z[i * c + k]) / tau;
            sorted[k] = g;
            size = Math.max(size, Math.abs(g));
            top += (p[k] * g) / (p[k] + 1 / tau);
            bottom -= (p[k] * p[k]) / (p[k] + 1 / tau);
          }
          if (size <= 1e-15) break;
          let length = 0;
          for (let k = 0; k < c; k++) {
            sorted[k] = (sorted[k] + (p[k] * top) / bottom) / (p[k] + 1 / tau);
            length = Math.max(length, Math.abs(sorted[k]));
          }
          // the row loss is self-concordant-like: steps of at most one unit in the logits converge from anywhere
          const damp = length > 1 ? 1 / length : 1;
          for (let k = 0; k < c; k++) F[i * c + k] -= damp * sorted[k];
          if (length <= 1e-15) break;
        }
      }
    },
  };
}

/** Sum of the other probabilities: 1 - p_k without cancellation. */
function restOf(p: Float64Array, k: number, c: number): number {
  let s = 0;
  for (let l = 0; l < c; l++) if (l !== k) s += p[l];
  return s;
}

/**
 * The datafit of a loss. `targets` is n x c numbers (squared), n x c of -1/+1 (logistic, hinge), n x 1 of class ids (softmax, then
 * `outputs` is the number of classes); assumed checked.
 */
export function createDatafit(loss: LossName, targets: DenseMatrix, outputs: number): Datafit {
  switch (loss) {
    case 'squared':
      return squared(targets);
    case 'logistic':
      return logistic(targets);
    case 'hinge':
      return hinge(targets);
    case 'softmax':
      return softmax(targets, outputs);
  }
}
