import { largest } from '../../base/extremes.ts';
import { denseMatrix, dot } from '../../base/linalg/matrix.ts';
import { bestDualScale, type Datafit } from '../../problem/datafits/datafit.ts';
import { createDatafit, type LossName, lossOf } from '../../problem/datafits/losses.ts';
import { namedEntry } from '../../base/registry.ts';
import type { Control } from '../../base/control.ts';
import { hingeSum, leftMoments, maxAbs, rightMoments } from './hinges.ts';
import { type ActiveKnots, solveWeightedLasso, type WeightedHinges } from './weightedLasso.ts';

/** Losses with a spline: smooth, and a sum over rows. */
/** Value of the best constant on rows of one abscissa, by the mean of their targets: means, and log-odds. */
const bestConstant = {
  squared: (mean: number): number => mean,
  logistic: (mean: number): number => Math.log1p(mean) - Math.log1p(-mean),
} as const satisfies Partial<Record<LossName, (mean: number) => number>>;

/** Losses with a curvature everywhere that are sums over outputs, and whose best constant is a function of the mean target. */
export type SplineLoss = keyof typeof bestConstant;

export function isSplineLoss(loss: string): loss is SplineLoss {
  return Object.hasOwn(bestConstant, loss);
}

/**
 * One feature, hidden biases and output offset free (not penalised). The exact training problem of a two-layer ReLU network is
 *   min sum_i l(f(x_i), y_i) + beta (sum_k |a_k| + |b_k|),  f(t) = c + sum_k a_k (t - x_k)_+ + b_k (x_k - t)_+,
 * a Lasso whose knots are the data points (Ergen and Pilanci 2021, "Revealing the structure", one-dimensional data): for any v the
 * largest |v'(x - b)_+| over places b is at a data point, whatever the loss. l is half the squared error, or ln(1 + exp(-y f)), y = -1, +1.
 */
export interface SplineSolution {
  /** Distinct abscissae in ascending order; the weights below are indexed by them. */
  readonly knots: Float64Array;
  /** Weight of (t - knot)_+ . */
  readonly right: Float64Array;
  /** Weight of (knot - t)_+ . */
  readonly left: Float64Array;
  readonly offset: number;
  /** Summed loss + beta * penalty, recomputed from these numbers and the data. */
  readonly objective: number;
  readonly penalty: number;
  /** Value of a feasible dual point: a proven lower bound. */
  readonly dualBound: number;
  /** Fit at every data row (log-odds for the logistic loss). */
  readonly fit: Float64Array;
  /** -gradient of the loss at every row (squared: the residual y - fit), scaled to be dual feasible. */
  readonly dual: Float64Array;
  /** S(b) = sum_i v_i (x_i - b)_+ at the knots; feasible means |S| <= beta and |S - S(x_1)| <= beta. */
  readonly dualCurve: Float64Array;
  /** The mirror, sum_i v_i (b - x_i)_+ at the knots. */
  readonly mirrorCurve: Float64Array;
  /** Smallest beta at which the constant fit is optimal. */
  readonly betaMax: number;
  /** Changes of the set of knots, over all Newton steps of the loss. */
  readonly iterations: number;
}

/** Rows by distinct abscissa, in ascending order. */
interface Grouped {
  readonly x: Float64Array;
  /** Place of every row in x. */
  readonly index: Int32Array;
}

function groupByAbscissa(x: Float64Array): Grouped {
  const order = Array.from(x.keys()).sort((i, j) => x[i] - x[j]);
  const xs: number[] = [];
  const index = new Int32Array(x.length);
  for (const i of order) {
    if (xs.length === 0 || x[i] !== xs[xs.length - 1]) xs.push(x[i]);
    index[i] = xs.length - 1;
  }
  return { x: Float64Array.from(xs), index };
}

/** Sums of row values per abscissa. */
function sumByAbscissa({ x, index }: Grouped, values: Float64Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < values.length; i++) out[index[i]] += values[i];
  return out;
}

export interface Interpolation {
  readonly value: number;
  readonly kinks: number[];
}

/**
 * The limit beta -> 0: smallest sum |a_k| + |b_k| of any function with the least loss, i.e. the linear spline through the data with the
 * better of its end slopes, max(TV, (TV + |first slope + last slope|) / 2), TV the sum of |slope changes|. Repeated abscissae take their
 * mean (logistic loss: their log-odds). Null when no finite function has the least loss: some abscissa has rows of one class only, so that
 * more extreme log-odds there always fit better, and the norm grows without bound as beta falls.
 */
export function minimumNormInterpolation(
  x: Float64Array,
  y: Float64Array,
  loss: SplineLoss = 'squared',
): Interpolation | null {
  const g = groupByAbscissa(x);
  const counts = sumByAbscissa(g, new Float64Array(x.length).fill(1));
  const means = sumByAbscissa(g, y).map((sum, k) => sum / counts[k]);
  const target = means.map(namedEntry(bestConstant, loss, 'loss'));
  if (!target.every(Number.isFinite)) return null;
  const slopes: number[] = [];
  for (let k = 0; k + 1 < g.x.length; k++) slopes.push((target[k + 1] - target[k]) / (g.x[k + 1] - g.x[k]));
  if (slopes.length === 0) return { value: 0, kinks: [] };
  let variation = 0;
  const kinks: number[] = [];
  const scale = largest(slopes.map(Math.abs));
  for (let k = 0; k + 1 < slopes.length; k++) {
    const change = slopes[k + 1] - slopes[k];
    variation += Math.abs(change);
    if (Math.abs(change) > 1e-12 * scale) kinks.push(g.x[k + 1]);
  }
  const ends = Math.abs(slopes[0] + slopes[slopes.length - 1]);
  return { value: Math.max(variation, 0.5 * (variation + ends)), kinks };
}

const newtonSteps = 60;

/**
 * Solves the spline Lasso to relative gap `tolerance`: Newton steps on the loss, each a weighted Lasso with squared loss that an active
 * set of knots solves (one such step for the squared loss), with a line search on the objective.
 * @throws {ProblemError} when there is no such loss
 * @throws {RangeError} logistic loss with rows of one class only, where the offset alone fits ever better and there is no optimum
 */
export function solveSpline(
  xData: Float64Array,
  yData: Float64Array,
  beta: number,
  control: Control,
  { loss = 'squared', tolerance = 1e-10 }: { readonly loss?: SplineLoss; readonly tolerance?: number } = {},
): SplineSolution {
  namedEntry(bestConstant, loss, 'loss');
  if (!lossOf(loss).coercive && yData.every((y) => y === yData[0])) {
    throw new RangeError('all rows are of one class: the offset alone fits them ever better');
  }
  const g = groupByAbscissa(xData);
  const n = g.x.length;
  const datafit = createDatafit(loss, denseMatrix(yData.length, 1, yData), 1);
  let state = withBestOffset(g, datafit, beta, new Float64Array(n), new Float64Array(n), 0);
  const constant = sumByAbscissa(g, dualOf(datafit, state.fit));
  const betaMax = n > 1 ? Math.max(maxAbs(rightMoments(g.x, constant)), maxAbs(leftMoments(g.x, constant))) : 0;
  let iterations = 0;
  let knots: ActiveKnots | undefined;
  let best = feasibleDual(g, datafit, beta, state.fit);
  const model = beta > 0 && beta < betaMax;
  for (let step = 0; model && step < newtonSteps && (step === 0 || !control.shouldStop()); step++) {
    if (step > 0 && state.objective - best.value <= tolerance * state.objective) break;
    const { hinges, decrease } = newtonModel(g, datafit, beta, state, knots, control);
    iterations += hinges.iterations;
    ({ knots } = hinges);
    let next = lineSearch(g, datafit, beta, state, hinges, decrease);
    const lower = next !== undefined;
    // where the objective is flat to rounding, its gradient and with it the bound may still be better
    next ??= withBestOffset(g, datafit, beta, hinges.right, hinges.left, state.offset);
    if (!lower && next.objective > state.objective * (1 + 1e-13)) break;
    const candidates = [next.fit, Float64Array.from(g.index, (k) => hinges.fit[k])];
    const [a, b] = candidates.map((fit) => feasibleDual(g, datafit, beta, fit));
    const dual = b.value > a.value ? b : a;
    if (!lower && !(dual.value > best.value)) break;
    state = next;
    if (dual.value >= best.value) best = dual;
  }
  const grouped = sumByAbscissa(g, best.dual);
  return {
    ...{ knots: g.x, right: state.right, left: state.left, offset: state.offset, fit: state.fit },
    ...{ objective: state.objective, penalty: state.penalty, dual: best.dual, betaMax, iterations },
    dualBound: best.value,
    dualCurve: rightMoments(g.x, grouped),
    mirrorCurve: leftMoments(g.x, grouped),
  };
}

interface State {
  readonly right: Float64Array;
  readonly left: Float64Array;
  readonly offset: number;
  readonly fit: Float64Array;
  readonly penalty: number;
  readonly objective: number;
}

function dualOf(datafit: Datafit, fit: Float64Array): Float64Array {
  const v = new Float64Array(fit.length);
  datafit.dualPoint(fit, v);
  return v;
}

/** The best offset for given hinges, by Newton kept inside a bracket: the sum of the dual values falls in the offset. */
function withBestOffset(
  g: Grouped,
  datafit: Datafit,
  beta: number,
  right: Float64Array,
  left: Float64Array,
  start: number,
): State {
  const shape = hingeSum(g.x, right, left);
  const fit = new Float64Array(g.index.length);
  const curvature = new Float64Array(fit.length);
  const slopeAt = (c: number): number => {
    for (let i = 0; i < fit.length; i++) fit[i] = shape[g.index[i]] + c;
    return dualOf(datafit, fit).reduce((a, b) => a + b, 0);
  };
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let offset = start;
  let reach = 1;
  for (let k = 0; k < 200; k++) {
    const slope = slopeAt(offset);
    if (slope === 0) break;
    if (slope > 0) low = offset;
    else high = offset;
    datafit.hessian(fit, curvature);
    const change = slope / curvature.reduce((a, b) => a + b, 0);
    let next = offset + Math.max(-reach, Math.min(reach, change));
    if (Math.abs(change) > reach) reach *= 2;
    if (!(next > low && next < high)) {
      if (!Number.isFinite(low) || !Number.isFinite(high)) break;
      next = (low + high) / 2;
    }
    if (Math.abs(next - offset) <= 1e-16 * (1 + Math.abs(offset))) break;
    offset = next;
  }
  slopeAt(offset);
  let penalty = 0;
  for (let k = 0; k < right.length; k++) penalty += Math.abs(right[k]) + Math.abs(left[k]);
  return { right, left, offset, fit, penalty, objective: datafit.value(fit) + beta * penalty };
}

/** The least weight of an abscissa in a Newton step, over the largest: rows that are surely right have next to no curvature. */
const leastWeight = 1e-10;

/** Minimises the second-order model of the loss plus the penalty; `decrease` is what its slope promises for a full step (negative). */
function newtonModel(
  g: Grouped,
  datafit: Datafit,
  beta: number,
  { fit, penalty }: State,
  knots: ActiveKnots | undefined,
  control: Control,
): { readonly hinges: WeightedHinges; readonly decrease: number } {
  const rows = new Float64Array(fit.length);
  datafit.hessian(fit, rows);
  const weight = sumByAbscissa(g, rows);
  const floor = leastWeight * maxAbs(weight);
  const v = sumByAbscissa(g, dualOf(datafit, fit));
  const at = new Float64Array(g.x.length);
  for (let i = 0; i < fit.length; i++) at[g.index[i]] = fit[i];
  for (let k = 0; k < weight.length; k++) weight[k] = Math.max(weight[k], floor);
  const mean = at.map((f, k) => f + v[k] / weight[k]);
  const hinges = solveWeightedLasso({ x: g.x, mean, weight }, beta, knots, control);
  const shape = hingeSum(g.x, hinges.right, hinges.left);
  let size = 0;
  for (let k = 0; k < g.x.length; k++) size += Math.abs(hinges.right[k]) + Math.abs(hinges.left[k]);
  // sum v = 0 at the best offset, so the offset does not enter
  return { hinges, decrease: dot(v, at) - dot(v, shape) + beta * (size - penalty) };
}

/** The first of the steps 1, 1/2, 1/4, .. towards the hinges of the model that lowers the objective; undefined when none does. */
function lineSearch(
  g: Grouped,
  datafit: Datafit,
  beta: number,
  state: State,
  { right, left }: WeightedHinges,
  decrease: number,
): State | undefined {
  for (let t = 1; t > 1e-9; t /= 2) {
    const between = (from: Float64Array, to: Float64Array): Float64Array =>
      t === 1 ? to : Float64Array.from(from, (value, k) => value + t * (to[k] - value));
    const next = withBestOffset(g, datafit, beta, between(state.right, right), between(state.left, left), state.offset);
    if (next.objective < state.objective + 1e-4 * t * Math.min(0, decrease)) return next;
  }
  return undefined;
}

/** -gradient of the loss, made orthogonal to the constants again in floating point, then scaled into the band: a dual feasible point. */
function feasibleDual(
  g: Grouped,
  datafit: Datafit,
  beta: number,
  fit: Float64Array,
): { readonly dual: Float64Array; readonly value: number } {
  const v = dualOf(datafit, fit);
  let above = 0;
  let below = 0;
  for (const value of v) {
    if (value > 0) above += value;
    else below -= value;
  }
  // the heavier side is scaled down, which stays in the domain of the conjugate
  const common = Math.min(above, below);
  const balanced = v.map((value) => (value > 0 ? (value * common) / above : value < 0 ? (value * common) / below : 0));
  const grouped = sumByAbscissa(g, balanced);
  const largest = Math.max(maxAbs(rightMoments(g.x, grouped)), maxAbs(leftMoments(g.x, grouped)));
  const t = bestDualScale(datafit, balanced, largest > 0 ? beta / largest : 1);
  const dual = balanced.map((value) => t * value);
  return { dual, value: datafit.dualValue(dual) };
}

/** f(t) of a spline solution at any abscissa. */
export function evaluateSpline(spline: Pick<SplineSolution, 'knots' | 'right' | 'left' | 'offset'>, t: number): number {
  let f = spline.offset;
  for (let k = 0; k < spline.knots.length; k++) {
    const d = t - spline.knots[k];
    f += d > 0 ? spline.right[k] * d : -spline.left[k] * d;
  }
  return f;
}

/** Where the fitted function bends, with its change of slope; a right and a left hinge at one knot act together. */
export function kinksOf(
  spline: Pick<SplineSolution, 'knots' | 'right' | 'left'>,
): { readonly at: number; readonly change: number }[] {
  const out: { at: number; change: number }[] = [];
  for (let k = 0; k < spline.knots.length; k++) {
    const change = spline.right[k] + spline.left[k];
    if (change !== 0) out.push({ at: spline.knots[k], change });
  }
  return out;
}
