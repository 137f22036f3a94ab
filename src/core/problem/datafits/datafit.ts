import { columnOf, type DenseMatrix } from '../../base/linalg/matrix.ts';

/** What a column of targets holds: any numbers, -1 or +1, or (in one column for all outputs) class ids from 0. */
export type TargetKind = 'numbers' | 'signs' | 'classes';

/** What is known of a loss without its data: solvers say which of these they need and refuse a loss that lacks it. */
export interface LossTraits {
  readonly name: string;
  readonly targets: TargetKind;
  /** Differentiable, the gradient Lipschitz. Not so: `gradient` is one of the subgradients, `hessian` is zero. */
  readonly smooth: boolean;
  /** Half a sum of squares: the Hessian is the identity everywhere, and the conjugate is finite everywhere. */
  readonly quadratic: boolean;
  /** Twice differentiable, with a curvature everywhere. */
  readonly curved: boolean;
  /** A sum over outputs, so that per-output penalties decouple. */
  readonly separable: boolean;
  /** min_c l(c 1) is attained for all targets; else every class has to occur when the output offset is free. */
  readonly coercive: boolean;
}

/** Numbers that some losses depend on. */
export interface LossParameters {
  /** Huber: the size of residual from which on the loss is linear, in units of the (encoded) targets. */
  readonly delta?: number | undefined;
}

/** How a loss is spoken of outside the mathematics. */
export interface LossWords {
  /** For lists: `squared`. */
  readonly label: string;
  /** The training objective, e.g. "half the sum of squared errors"; ends with what it is summed over. */
  readonly sum: (parameters: LossParameters) => string;
  /** The same loss in PyTorch, a mean over rows (and outputs, but for class ids) of `factor` times the summand here. */
  readonly torch: { readonly loss: (parameters: LossParameters) => string; readonly factor: number };
}

/** A loss: what is known of it, and how it is made for targets. */
export interface Loss extends LossTraits {
  /** Parameters it reads, all of which it needs. */
  readonly parameters: readonly (keyof LossParameters)[];
  readonly words: LossWords;
  /**
   * Minus the logarithm of the probability that the outputs (of row `row`, `outputs` per row) give class `label`; left out where outputs are no
   * (relative) log-odds.
   */
  readonly logLoss?: (prediction: ArrayLike<number>, row: number, outputs: number, label: number) => number;
  /** `targets`: n x c numbers or signs, or n x 1 class ids (then `outputs` is the number of classes); assumed checked. */
  create(targets: DenseMatrix, outputs: number, parameters: LossParameters): Datafit;
}

/**
 * A loss l(F) of the fits F (n x c, row-major), summed over rows, with the conjugate that duality needs:
 * min_F,U l(F) + beta * penalty(U) with F = A U has the dual  max_V -l*(-V)  subject to the dual norm of A'V being at most beta.
 * V = -gradient l(F) at the optimum. The domain of V is convex and holds 0, so a dual point may always be shrunk towards 0.
 */
export interface Datafit extends LossTraits {
  /** n */
  readonly rows: number;
  /** c */
  readonly outputs: number;
  /** Largest curvature: gradient l is Lipschitz with this constant (Infinity when it is not). */
  readonly lipschitz: number;
  value(F: Float64Array): number;
  /** G := gradient at F, n x c. */
  gradient(F: Float64Array, G: Float64Array): void;
  /**
   * Loss summed over `count` rows, and G := its gradient in F; both hold those rows only (count x c), row k being data row
   * `order[start + k]` (`start + k` without `order`). Numerically for any F; at a kink the subgradient 0.
   */
  lossOfRows(F: Float64Array, order: Int32Array | null, start: number, count: number, G: Float64Array): number;
  /** H := n blocks of c x c, row-major: the Hessian at F (block diagonal over rows), one of its limits where it jumps. */
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
  /** -l*(-V) is strongly concave with this modulus (0: it is not). */
  readonly dualModulus: number;
  /**
   * Bound of the distance between the fits of two points that are optimal up to `gap`, given a bound of the distance of their dual points from
   * V; Infinity when there is none. Left out: the optimal fit is not unique.
   */
  readonly fitError?: (V: Float64Array, dualError: number, gap: number) => number;
  /** F := gradient of l* at -V, i.e. the fit whose dual point is V; V strictly inside the domain. Throws for losses that are not smooth. */
  fitOfDual(V: Float64Array, F: Float64Array): void;
  /** F := argmin_F l(F) + ||F - Z||^2 / (2 tau). */
  prox(Z: Float64Array, tau: number, F: Float64Array): void;
  /** S (n x c) := derivative of each entry of that argmin in its own entry of Z, for losses that are not `curved`. */
  readonly proxSlope?: (Z: Float64Array, tau: number, F: Float64Array, S: Float64Array) => void;
  /** The loss of one output alone, for separable losses. */
  ofOutput(output: number): Datafit;
  /**
   * The part of the fit of one sign for orthogonal rows of length `scale` (Ergen and Pilanci 2021, whitened data), `norm` being that of the
   * targets of this sign: its size (norm), and the beta from which on it is zero. Left out: no formula.
   */
  readonly whitenedPart?: (
    norm: number,
    scale: number,
    beta: number,
  ) => { readonly size: number; readonly dies: number };
}

/** A column of a matrix, as an n x 1 matrix. */
export function columnOfTargets({ rows, cols, data }: DenseMatrix, column: number): DenseMatrix {
  return { rows, cols: 1, data: columnOf(data, cols, column) };
}

/**
 * A sum less what rounding may have added to it: with `count` terms summed one after the other, each within `perTerm` roundings of its exact
 * value, the error is at most (count - 1 + perTerm) u sum |term| to first order (Higham 2002, 4.2); twice u covers the rest.
 */
export function roundedDown(sum: number, sizes: number, count: number, perTerm: number): number {
  return sum - (count + perTerm) * 2 ** -52 * sizes;
}

/** Scales the heavier sign of each column (n x c) down to the other: sums become zero, and every entry stays in a domain that holds 0. */
export function balanceSigns(V: Float64Array, c: number): void {
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

/** Maximises t -> -l*(-tV), which is concave, over [0, limit]: a parabola for a quadratic loss, otherwise by golden section, which needs only values. */
export function bestDualScale(datafit: Datafit, V: Float64Array, limit: number): number {
  if (!(limit > 0)) return 0;
  const scaled = new Float64Array(V.length);
  const at = (t: number): number => {
    for (let i = 0; i < V.length; i++) scaled[i] = t * V[i];
    return datafit.dualValue(scaled);
  };
  if (datafit.quadratic) {
    // slope t - curvature t^2 / 2
    const [ahead, back] = [at(1), at(-1)];
    const [slope, curvature] = [(ahead - back) / 2, -(ahead + back)];
    if (!(slope > 0)) return 0;
    return Math.min(limit, slope / curvature);
  }
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
