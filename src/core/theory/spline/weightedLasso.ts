import type { Control } from '../../base/control.ts';
import { rightMoments } from './hinges.ts';

/** Distinct abscissae in ascending order, each with a target and a positive weight (squared loss: mean target and multiplicity). */
export interface WeightedPoints {
  readonly x: Float64Array;
  readonly mean: Float64Array;
  readonly weight: Float64Array;
}

/** Places of kinks strictly between the outer abscissae, ascending, with the sign and size of the change of slope: where to start from. */
export interface ActiveKnots {
  readonly at: readonly number[];
  readonly change: readonly number[];
}

export interface WeightedHinges {
  /** Weight of (t - x_k)_+ . */
  readonly right: Float64Array;
  /** Weight of (x_k - t)_+ . */
  readonly left: Float64Array;
  readonly knots: ActiveKnots;
  /** f at the abscissae, more accurate than the sum of the hinges, whose slopes may cancel. */
  readonly fit: Float64Array;
  readonly iterations: number;
}

/**
 * min 1/2 sum_k w_k (m_k - f(x_k))^2 + beta sum_k (|a_k| + |b_k|),  f(t) = c + sum_k a_k (t - x_k)_+ + b_k (x_k - t)_+, c free, exactly up
 * to rounding by an active set of knots, O(n) per change of the set.
 *
 * The least sum of |hinges| of a piecewise linear f is max(T, (T + |e|) / 2) = max over |k| <= beta of ((beta - |k|/2) T + (k/2) e) / beta, T
 * the sum of |slope changes| between the outer points, e the sum of the two end slopes; k = sum_i v_i x_i at the optimum. For fixed k that is a
 * problem in f alone, and the best k is 0, +-beta, or the root of a monotone function.
 */
export function solveWeightedLasso(
  points: WeightedPoints,
  beta: number,
  start: ActiveKnots | undefined,
  control: Control,
): WeightedHinges {
  const n = points.x.length;
  if (n < 2) {
    const zero = { right: new Float64Array(n), left: new Float64Array(n) };
    return { ...zero, knots: { at: [], change: [] }, fit: Float64Array.from(points.mean), iterations: 0 };
  }
  let spline = solveAt(points, beta, 0, start, control);
  let { iterations } = spline;
  const sign = Math.sign(spline.ends);
  const excess = (of: Spline): number => sign * of.ends - of.variation;
  const at = (size: number): Spline => {
    const next = solveAt(points, beta, sign * size, spline.knots, control);
    iterations += next.iterations;
    return next;
  };
  if (excess(spline) > 0) {
    let [low, atLow] = [0, excess(spline)];
    spline = at(beta);
    let [high, atHigh] = [beta, excess(spline)];
    // regula falsi, an end that is kept twice counting half: exact once both ends have the same knots
    let kept = 0;
    const enough = 1e-14 * (Math.abs(atLow) + Math.abs(atHigh));
    for (let k = 0; k < 100 && atHigh < 0 && high - low > 1e-15 * beta && !control.shouldStop(); k++) {
      const crossing = low + ((high - low) * atLow) / (atLow - atHigh);
      const middle = crossing > low && crossing < high ? crossing : (low + high) / 2;
      spline = at(middle);
      const value = excess(spline);
      if (Math.abs(value) <= enough) break;
      if (value > 0) {
        [low, atLow] = [middle, value];
        if (kept === 1) atHigh /= 2;
        kept = 1;
      } else {
        [high, atHigh] = [middle, value];
        if (kept === -1) atLow /= 2;
        kept = -1;
      }
    }
  }
  return { ...hingesOf(n, spline), knots: spline.knots, fit: spline.fit, iterations };
}

/** A piecewise linear function between the outer points. */
interface Spline {
  readonly knots: ActiveKnots;
  /** Sum of |slope changes| between the outer points. */
  readonly variation: number;
  /** First plus last slope. */
  readonly ends: number;
  readonly fit: Float64Array;
  readonly iterations: number;
}

/**
 * Hinges of least sum with the slope changes and end slopes of f: every change is a right or a left hinge, one of them is split at most, and a
 * right hinge at the first point makes up for end slopes that are steeper than the changes allow.
 */
function hingesOf(n: number, { knots, variation, ends }: Spline): Pick<WeightedHinges, 'right' | 'left'> {
  const right = new Float64Array(n);
  const left = new Float64Array(n);
  const sign = ends < 0 ? -1 : 1;
  // between 0 and beta the best k makes both equal, up to rounding
  const apart = Math.abs(Math.abs(ends) - variation) > 1e-12 * variation ? Math.abs(ends) - variation : 0;
  const first = Math.max(0, apart / 2);
  right[0] = sign * first;
  // Every change adds its size to sum a - sum b = sign * |ends| when it is on one side, and takes it off on the other.
  let over = Math.max(0, -apart / 2);
  knots.at.forEach((k, j) => {
    const change = knots.change[j];
    const size = Math.abs(change);
    const other = Math.min(size, over);
    over -= other;
    const [own, rest] = change * sign > 0 ? [right, left] : [left, right];
    own[k] += Math.sign(change) * (size - other);
    rest[k] += Math.sign(change) * other;
  });
  return { right, left };
}

/** |S - k/2| above its limit by this share of it, or of the largest S could be, is rounding. */
const priceTolerance = 1e-12;
const priceRounding = 1e-15;
/** Rounds of new knots without a lower objective after which what is left is rounding. */
const staleRounds = 12;

/**
 * min over piecewise linear f of 1/2 sum w (m - f)^2 + (beta - |k|/2) T + (k/2) e. With v = w (m - f) the conditions are sum v = 0, sum v x = k
 * and |S(b) - k/2| <= beta - |k|/2 between the outer points, with equality and the sign of the change at kinks.
 */
function solveAt(
  points: WeightedPoints,
  beta: number,
  k: number,
  start: ActiveKnots | undefined,
  control: Control,
): Spline {
  const { x, mean, weight } = points;
  const n = x.length;
  const lambda = beta - Math.abs(k) / 2;
  const mu = k / 2;
  let at = start === undefined ? [] : [...start.at];
  let signs = start === undefined ? [] : start.change.map(Math.sign);
  let change = start === undefined ? [] : [...start.change];
  let fitted = fitOn(points, at, signs, lambda, mu);
  const refused = new Set<number>();
  const v = new Float64Array(n);
  let several = true;
  let lowest = Number.POSITIVE_INFINITY;
  let stale = 0;
  let iterations = 0;
  for (; iterations < 50 * n + 1000 && !control.shouldStop(); iterations++) {
    let step = 1;
    for (let j = 0; j < at.length; j++) {
      if (fitted.change[j] * signs[j] < 0) step = Math.min(step, change[j] / (change[j] - fitted.change[j]));
    }
    if (step < 1) {
      // as far as the first kink that vanishes
      const kept: number[] = [];
      change = change.map((value, j) => value + step * (fitted.change[j] - value));
      for (let j = 0; j < at.length; j++) {
        if (fitted.change[j] * signs[j] < 0 && change[j] * signs[j] <= 1e-15 * Math.abs(fitted.change[j])) {
          if (step === 0) refused.add(at[j]);
        } else kept.push(j);
      }
      if (step > 0) refused.clear();
      at = kept.map((j) => at[j]);
      signs = kept.map((j) => signs[j]);
      change = kept.map((j) => change[j]);
      fitted = fitOn(points, at, signs, lambda, mu);
      continue;
    }
    change = [...fitted.change];
    fitted.evaluate(v);
    for (let i = 0; i < n; i++) v[i] = weight[i] * (mean[i] - v[i]);
    const moments = rightMoments(x, v);
    let size = 0;
    let objective = mu * fitted.ends;
    for (let i = 0; i < n; i++) {
      size += Math.abs(v[i]);
      objective += (0.5 * v[i] * v[i]) / weight[i];
    }
    for (const value of change) objective += lambda * Math.abs(value);
    if (objective < lowest - 1e-15 * Math.abs(lowest)) stale = 0;
    else if (++stale > staleRounds) break;
    lowest = Math.min(lowest, objective);
    const limit = lambda * (1 + priceTolerance) + priceRounding * size * (x[n - 1] - x[0]);
    const added = violations(moments, at, limit, mu, refused);
    if (added.length === 0) {
      if (refused.size === 0 || !several) break;
      // what was refused among several may be right alone
      refused.clear();
      several = false;
      continue;
    }
    const chosen = several
      ? added
      : [added.reduce((a, b) => (Math.abs(moments[b] - mu) > Math.abs(moments[a] - mu) ? b : a))];
    const merged = [
      ...at.map((place, j) => ({ place, sign: signs[j], change: change[j] })),
      ...chosen.map((place) => ({ place, sign: Math.sign(moments[place] - mu), change: 0 })),
    ].sort((a, b) => a.place - b.place);
    at = merged.map(({ place }) => place);
    signs = merged.map(({ sign }) => sign);
    change = merged.map((entry) => entry.change);
    fitted = fitOn(points, at, signs, lambda, mu);
  }
  fitted.evaluate(v);
  return {
    fit: v,
    knots: { at, change: fitted.change },
    variation: fitted.change.reduce((sum, value) => sum + Math.abs(value), 0),
    ends: fitted.ends,
    iterations,
  };
}

/** The worst place of every stretch between neighbouring kinks where |S - mu| is above the limit. */
function violations(
  moments: Float64Array,
  at: readonly number[],
  limit: number,
  mu: number,
  refused: ReadonlySet<number>,
): number[] {
  const out: number[] = [];
  let worst = -1;
  let excess = 0;
  let next = 0;
  const flush = (): void => {
    if (worst >= 0) out.push(worst);
    worst = -1;
    excess = 0;
  };
  flush();
  for (let i = 1; i + 1 < moments.length; i++) {
    if (next < at.length && at[next] === i) {
      next++;
      flush();
      continue;
    }
    const above = Math.abs(moments[i] - mu) - limit;
    if (above > excess && !refused.has(i)) {
      worst = i;
      excess = above;
    }
  }
  flush();
  return out;
}

interface Fitted {
  /** Change of slope at every knot. */
  readonly change: number[];
  readonly ends: number;
  /** f at all abscissae. */
  readonly evaluate: (f: Float64Array) => void;
}

/**
 * min 1/2 sum w (m - f)^2 + lambda sum_j sign_j change_j + mu (first + last slope) over functions that bend at the given abscissae only: a
 * tridiagonal system in the values there and at the ends. Its matrix is at least the diagonal of the weights at the knots.
 */
function fitOn(
  { x, mean, weight }: WeightedPoints,
  at: readonly number[],
  signs: readonly number[],
  lambda: number,
  mu: number,
): Fitted {
  const places = [0, ...at, x.length - 1];
  const q = places.length;
  const width = Float64Array.from({ length: q - 1 }, (_, j) => x[places[j + 1]] - x[places[j]]);
  const diagonal = new Float64Array(q);
  const beside = new Float64Array(q);
  const rhs = new Float64Array(q);
  // targets from a straight line, which every such function can take up: smaller numbers, less rounding
  const last = x.length - 1;
  const slope = (mean[last] - mean[0]) / (x[last] - x[0]);
  const line = (i: number): number => mean[0] + slope * (x[i] - x[0]);
  let piece = 0;
  for (let i = 0; i < x.length; i++) {
    while (piece + 2 < q && i >= places[piece + 1]) piece++;
    const u = (x[i] - x[places[piece]]) / width[piece];
    const w = weight[i];
    const target = w * (mean[i] - line(i));
    diagonal[piece] += w * (1 - u) * (1 - u);
    beside[piece] += w * u * (1 - u);
    diagonal[piece + 1] += w * u * u;
    rhs[piece] += (1 - u) * target;
    rhs[piece + 1] += u * target;
  }
  // gradient of the penalty: slopes s_j = (g_(j+1) - g_j) / width_j enter with coefficients r_j
  const coefficient = new Float64Array(q - 1);
  for (let j = 0; j + 1 < q - 1; j++) {
    coefficient[j] -= lambda * signs[j];
    coefficient[j + 1] += lambda * signs[j];
  }
  coefficient[0] += mu;
  coefficient[q - 2] += mu;
  for (let j = 0; j < q - 1; j++) {
    rhs[j] += coefficient[j] / width[j];
    rhs[j + 1] -= coefficient[j] / width[j];
  }
  const g = solveTridiagonal(diagonal, beside, rhs);
  const slopes = Float64Array.from(width, (h, j) => (g[j + 1] - g[j]) / h);
  return {
    change: Array.from({ length: q - 2 }, (_, j) => slopes[j + 1] - slopes[j]),
    ends: slopes[0] + slopes[q - 2] + 2 * slope,
    evaluate(f) {
      let j = 0;
      for (let i = 0; i < x.length; i++) {
        while (j + 2 < q && i >= places[j + 1]) j++;
        const u = (x[i] - x[places[j]]) / width[j];
        f[i] = line(i) + (1 - u) * g[j] + u * g[j + 1];
      }
    },
  };
}

/** Solves a symmetric positive definite tridiagonal system; `beside[j]` couples j and j + 1. One step of refinement. */
function solveTridiagonal(diagonal: Float64Array, beside: Float64Array, rhs: Float64Array): Float64Array {
  const q = diagonal.length;
  const pivot = new Float64Array(q);
  const factor = new Float64Array(q);
  pivot[0] = diagonal[0];
  for (let j = 1; j < q; j++) {
    factor[j] = beside[j - 1] / pivot[j - 1];
    pivot[j] = diagonal[j] - factor[j] * beside[j - 1];
  }
  const solve = (b: Float64Array): Float64Array => {
    const z = Float64Array.from(b);
    for (let j = 1; j < q; j++) z[j] -= factor[j] * z[j - 1];
    z[q - 1] /= pivot[q - 1];
    for (let j = q - 2; j >= 0; j--) z[j] = z[j] / pivot[j] - factor[j + 1] * z[j + 1];
    return z;
  };
  const z = solve(rhs);
  const rest = Float64Array.from(rhs, (value, j) => {
    let sum = value - diagonal[j] * z[j];
    if (j > 0) sum -= beside[j - 1] * z[j - 1];
    if (j + 1 < q) sum -= beside[j] * z[j + 1];
    return sum;
  });
  const correction = solve(rest);
  for (let j = 0; j < q; j++) z[j] += correction[j];
  return z;
}
