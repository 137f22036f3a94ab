import { denseMatrix, dot, norm2, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import { numericalRank, type Svd, svdUnlessStopped } from '../../base/linalg/svd.ts';

/**
 * Scalar-output linear network of L layers with weight decay on all of them:
 *   min 1/2 ||X W_1 ... W_L - y||^2 + (beta/2) sum_l ||W_l||_F^2  =  min_w 1/2 ||X w - y||^2 + (L beta / 2) ||w||^(2/L).
 * Every optimal layer has rank one and passes its direction to the next (Ergen and Pilanci 2021, "Revealing the structure").
 */
export interface DeepLinearSolution {
  /** d effective weights w = W_1 ... W_L. */
  readonly w: Float64Array;
  readonly objective: number;
  /** Proven lower bound of the global minimum (over all w). */
  readonly lowerBound: number;
  /** Residual y - X w. */
  readonly dual: Float64Array;
  /** Smallest beta for which w = 0 is globally optimal (bisection on proven minima for L >= 3). */
  readonly betaMax: number;
  readonly evaluations: number;
}

/** One value of the constrained fit: min over ||w|| = r of 1/2 ||X w - y||^2, parametrised by its multiplier. */
interface RadialFit {
  readonly s2: Float64Array;
  /** (U'y)_k s_k */
  readonly b: Float64Array;
  readonly constant: number;
  /** Norm of the minimum-norm least squares solution. */
  readonly rMax: number;
  readonly decomposition: Svd;
  readonly rank: number;
}

/** Undefined when stopped. */
function radialFit(X: DenseMatrix, y: Float64Array, control: Control): RadialFit | undefined {
  const decomposition = svdUnlessStopped(X, () => control.shouldStop());
  if (decomposition === undefined) return undefined;
  const rank = numericalRank(decomposition.s, 1e-13);
  const s2 = new Float64Array(rank);
  const b = new Float64Array(rank);
  let r2 = 0;
  for (let k = 0; k < rank; k++) {
    let uy = 0;
    for (let i = 0; i < X.rows; i++) uy += decomposition.U.data[i * decomposition.s.length + k] * y[i];
    s2[k] = decomposition.s[k] ** 2;
    b[k] = uy * decomposition.s[k];
    r2 += (b[k] / s2[k]) ** 2;
  }
  return { s2, b, constant: 0.5 * dot(y, y), rMax: Math.sqrt(r2), decomposition, rank };
}

/** The multiplier mu >= 0 with ||(S^2 + mu)^-1 b|| = r (r in (0, rMax]); safeguarded Newton on the secular equation 1/||.||. */
function multiplierAt(f: RadialFit, r: number): number {
  if (r >= f.rMax) return 0;
  let lo = 0;
  let hi = norm2(f.b) / r;
  let mu = Math.max(0, hi - f.s2[0]) || hi / 2;
  for (let k = 0; k < 200; k++) {
    let q = 0;
    let dq = 0;
    for (let j = 0; j < f.rank; j++) {
      const e = f.b[j] / (f.s2[j] + mu);
      q += e * e;
      dq += (e * e) / (f.s2[j] + mu);
    }
    const norm = Math.sqrt(q);
    if (norm > r) lo = mu;
    else hi = mu;
    let next = mu + (q / dq) * (norm / r - 1);
    if (!(next > lo && next < hi)) next = 0.5 * (lo + hi);
    if (Math.abs(next - mu) <= 1e-16 * hi) return next;
    mu = next;
  }
  return mu;
}

/** min over ||w|| = r of the datafit, for r <= rMax (beyond it the datafit only matters through its minimum). */
function datafitAt(f: RadialFit, r: number): number {
  if (r <= 0) return f.constant;
  const mu = multiplierAt(f, r);
  let value = f.constant;
  for (let j = 0; j < f.rank; j++) {
    const w = f.b[j] / (f.s2[j] + mu);
    value += 0.5 * f.s2[j] * w * w - f.b[j] * w;
  }
  return value;
}

function weightsAt(f: RadialFit, r: number, d: number): Float64Array {
  const w = new Float64Array(d);
  if (r <= 0) return w;
  const mu = multiplierAt(f, r);
  const k = f.decomposition.s.length;
  for (let j = 0; j < f.rank; j++) {
    const e = f.b[j] / (f.s2[j] + mu);
    for (let i = 0; i < d; i++) w[i] += e * f.decomposition.V.data[i * k + j];
  }
  return w;
}

interface RadialMinimum {
  readonly r: number;
  readonly value: number;
  readonly lowerBound: number;
  readonly evaluations: number;
}

/**
 * Global minimum over r in [0, rMax] of g(r) + (L beta / 2) r^(2/L). g falls and the penalty rises, so on [a, b] the sum is at
 * least g(b) + penalty(a): bisecting intervals gives a proven minimum. Where the sum is convex (two layers) one root suffices.
 */
function minimizeRadial(f: RadialFit, beta: number, layers: number, control: Control): RadialMinimum {
  const penalty = (r: number): number => 0.5 * layers * beta * r ** (2 / layers);
  const total = (r: number): number => datafitAt(f, r) + penalty(r);
  const stationary = (r: number): number => beta * r ** (2 / layers - 1) - multiplierAt(f, r) * r;
  let best = { r: 0, value: total(0) };
  let evaluations = 1;
  const consider = (r: number): void => {
    evaluations++;
    const value = total(r);
    if (value < best.value) best = { r, value };
  };
  if (!(f.rMax > 0)) return { ...best, lowerBound: best.value, evaluations };
  // Local polish: bisection on the stationarity residual around a good radius.
  const polish = (from: number, to: number): void => {
    let lo = from;
    let hi = to;
    if (!(stationary(lo) < 0 && stationary(hi) > 0)) return;
    for (let k = 0; k < 120 && hi - lo > 1e-16 * hi; k++) {
      const mid = 0.5 * (lo + hi);
      if (stationary(mid) < 0) lo = mid;
      else hi = mid;
    }
    consider(0.5 * (lo + hi));
  };
  const grid = 256;
  for (let k = 1; k <= grid; k++) {
    const a = f.rMax * (1e-12 + ((k - 1) / grid) ** 2);
    const b = f.rMax * (k / grid) ** 2;
    consider(b);
    polish(a, b);
  }
  if (layers === 2) {
    // Convex in w, so the dual value of the scaled residual is a proven bound; the caller computes it.
    return { ...best, lowerBound: Number.NEGATIVE_INFINITY, evaluations };
  }
  const tolerance = 1e-10 * Math.max(best.value, f.constant * 1e-12, Number.MIN_VALUE);
  interface Interval {
    a: number;
    b: number;
    ga: number;
    gb: number;
  }
  let open: Interval[] = [{ a: 0, b: f.rMax, ga: f.constant, gb: datafitAt(f, f.rMax) }];
  let lowerBound = best.value;
  for (let round = 0; open.length > 0 && evaluations < 400_000; round++) {
    if (control.shouldStop()) break;
    const next: Interval[] = [];
    for (const [k, interval] of open.entries()) {
      if (k % 32 === 31 && control.shouldStop()) {
        next.push(...open.slice(k));
        break;
      }
      const { a, b, ga, gb } = interval;
      // g is convex: it lies above its tangents at both ends; the penalty is concave: it lies above its chord. The sum of the two
      // is piecewise linear with one vertex, so its minimum over the interval is at an end or at the vertex.
      const slopeB = -multiplierAt(f, b) * b;
      const slopeA = a > 0 ? -multiplierAt(f, a) * a : -norm2(f.b);
      const chord = (penalty(b) - penalty(a)) / (b - a);
      const cross = slopeA < slopeB ? (gb - ga + slopeA * a - slopeB * b) / (slopeA - slopeB) : a;
      const at = (r: number): number =>
        Math.max(gb + slopeB * (r - b), ga + slopeA * (r - a)) + penalty(a) + chord * (r - a);
      const bound = Math.max(gb + penalty(a), Math.min(at(a), at(b), at(Math.min(b, Math.max(a, cross)))));
      evaluations++;
      if (bound >= best.value - tolerance) {
        lowerBound = Math.min(lowerBound, bound);
        continue;
      }
      const mid = 0.5 * (a + b);
      const gm = datafitAt(f, mid);
      if (gm + penalty(mid) < best.value) best = { r: mid, value: gm + penalty(mid) };
      next.push({ a, b: mid, ga, gb: gm }, { a: mid, b, ga: gm, gb });
    }
    open = next;
  }
  for (const { a, gb } of open) lowerBound = Math.min(lowerBound, gb + penalty(a));
  return { ...best, lowerBound: Math.min(lowerBound, best.value), evaluations };
}

/**
 * Solves the scalar-output deep linear problem to its proven global minimum.
 * X is n x d, y has n entries, layers >= 2, squared loss (sum-half). For two layers the bound is the convex dual value
 * t v'y - t^2/2 ||v||^2 with ||X'(tv)|| <= beta; for more layers a one-dimensional branch and bound over ||w||. Stopped before X is decomposed:
 * w = 0, and 0 for what is not known.
 */
export function solveDeepLinear(
  X: DenseMatrix,
  y: Float64Array,
  beta: number,
  layers: number,
  control: Control,
): DeepLinearSolution {
  const f = radialFit(X, y, control);
  if (f === undefined) {
    const nothing = { w: new Float64Array(X.cols), dual: y.slice(), betaMax: 0, evaluations: 0 };
    return { ...nothing, objective: 0.5 * dot(y, y), lowerBound: 0 };
  }
  const minimum = minimizeRadial(f, beta, layers, control);
  const w = weightsAt(f, minimum.r, X.cols);
  const dual = residual(X, y, w);
  const r = norm2(w);
  const objective = 0.5 * dot(dual, dual) + 0.5 * layers * beta * r ** (2 / layers);
  const lowerBound = layers === 2 ? twoLayerDualBound(X, y, dual, beta) : Math.min(minimum.lowerBound, objective);
  return {
    w,
    objective,
    lowerBound,
    dual,
    betaMax: deepLinearBetaMax(f, layers, control),
    evaluations: minimum.evaluations,
  };
}

function residual(X: DenseMatrix, y: Float64Array, w: Float64Array): Float64Array {
  const v = new Float64Array(X.rows);
  for (let i = 0; i < X.rows; i++) v[i] = y[i] - dot(rowOf(X, i), w);
  return v;
}

/** X'v */
export function transposeTimes(X: DenseMatrix, v: ArrayLike<number>): Float64Array {
  const out = new Float64Array(X.cols);
  for (let i = 0; i < X.rows; i++) for (let j = 0; j < X.cols; j++) out[j] += X.data[i * X.cols + j] * v[i];
  return out;
}

function twoLayerDualBound(X: DenseMatrix, y: Float64Array, v: Float64Array, beta: number): number {
  const vv = dot(v, v);
  const vy = dot(v, y);
  if (!(vv > 0) || !(vy > 0)) return 0;
  const t = Math.min(vy / vv, beta / Math.max(norm2(transposeTimes(X, v)), Number.MIN_VALUE));
  return t * vy - 0.5 * t * t * vv;
}

/** ||X'y|| for two layers; for more the jump point, by bisection on "the best non-zero w beats 0". */
function deepLinearBetaMax(f: RadialFit, layers: number, control: Control): number {
  if (!(f.rMax > 0)) return 0;
  if (layers === 2) return norm2(f.b);
  // 0 wins iff g(r) + (L beta/2) r^(2/L) >= g(0) for all r: beta_max = max_r 2 (g(0) - g(r)) / (L r^(2/L)).
  const ratio = (r: number): number => (2 * (f.constant - datafitAt(f, r))) / (layers * r ** (2 / layers));
  let bestR = f.rMax;
  let best = ratio(bestR);
  const grid = 400;
  for (let k = 1; k <= grid && !control.shouldStop(); k++) {
    const r = (f.rMax * k) / grid;
    const q = ratio(r);
    if (q > best) {
      best = q;
      bestR = r;
    }
  }
  const golden = (Math.sqrt(5) - 1) / 2;
  let lo = Math.max(bestR - f.rMax / grid, f.rMax * 1e-9);
  let hi = Math.min(bestR + f.rMax / grid, f.rMax);
  for (let k = 0; k < 100; k++) {
    const m1 = hi - golden * (hi - lo);
    const m2 = lo + golden * (hi - lo);
    if (ratio(m1) < ratio(m2)) lo = m1;
    else hi = m2;
  }
  return Math.max(best, ratio(0.5 * (lo + hi)));
}

/**
 * Layers W_1 (d x m), W_2 .. W_{L-1} (m x m), W_L (m x 1) with product w: rank one, aligned, equal norms ||w||^(1/L),
 * W_1 = ||w||^(1/L) w/||w|| r_1', W_l = ||w||^(1/L) r_{l-1} r_l', W_L = ||w||^(1/L) r_{L-1}, with r_l = (1, 0, .., 0).
 */
export function alignedLayers(w: Float64Array, layers: number, width: number): DenseMatrix[] {
  const r = norm2(w);
  const g = r ** (1 / layers);
  const out: DenseMatrix[] = [];
  for (let l = 1; l <= layers; l++) {
    const rows = l === 1 ? w.length : width;
    const cols = l === layers ? 1 : width;
    const W = denseMatrix(rows, cols);
    if (r > 0) {
      if (l === 1) for (let i = 0; i < rows; i++) W.data[i * cols] = (g * w[i]) / r;
      else W.data[0] = g;
    }
    out.push(W);
  }
  return out;
}
