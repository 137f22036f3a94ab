import { dot } from '../linalg/matrix.ts';
import type { Control } from '../solver/control.ts';

/**
 * One feature, hidden biases and output offset free (not penalised). The exact training problem of a two-layer ReLU network is
 *   min 1/2 ||f(x) - y||^2 + beta (sum_k |a_k| + |b_k|),  f(t) = c + sum_k a_k (t - x_k)_+ + b_k (x_k - t)_+,
 * a Lasso whose knots are the data points (Ergen and Pilanci 2021, "Revealing the structure", one-dimensional data).
 */
export interface SplineSolution {
  /** Distinct abscissae in ascending order; the weights below are indexed by them. */
  readonly knots: Float64Array;
  /** Weight of (t - knot)_+ . */
  readonly right: Float64Array;
  /** Weight of (knot - t)_+ . */
  readonly left: Float64Array;
  readonly offset: number;
  /** sum-half datafit + beta * penalty, recomputed from these numbers and the data. */
  readonly objective: number;
  readonly penalty: number;
  /** Value of a feasible dual point: a proven lower bound. */
  readonly dualBound: number;
  /** Fit at every data row. */
  readonly fit: Float64Array;
  /** Residual y - fit at every row, scaled to be dual feasible. */
  readonly dual: Float64Array;
  /** S(b) = sum_i v_i (x_i - b)_+ at the knots; feasible means |S| <= beta and |S - S(x_1)| <= beta. */
  readonly dualCurve: Float64Array;
  /** The mirror, sum_i v_i (b - x_i)_+ at the knots. */
  readonly mirrorCurve: Float64Array;
  readonly betaMax: number;
  readonly iterations: number;
}

interface Grouped {
  readonly x: Float64Array;
  /** Mean target and multiplicity at each distinct abscissa. */
  readonly mean: Float64Array;
  readonly weight: Float64Array;
  readonly index: Int32Array;
}

function groupByAbscissa(x: Float64Array, y: Float64Array): Grouped {
  const order = Array.from(x.keys()).sort((i, j) => x[i] - x[j]);
  const xs: number[] = [];
  const sums: number[] = [];
  const counts: number[] = [];
  const index = new Int32Array(x.length);
  for (const i of order) {
    if (xs.length === 0 || x[i] !== xs[xs.length - 1]) {
      xs.push(x[i]);
      sums.push(0);
      counts.push(0);
    }
    sums[xs.length - 1] += y[i];
    counts[xs.length - 1]++;
    index[i] = xs.length - 1;
  }
  return {
    x: Float64Array.from(xs),
    mean: Float64Array.from(sums, (s, k) => s / counts[k]),
    weight: Float64Array.from(counts),
    index,
  };
}

/** S(x_k) = sum_i v_i (x_i - x_k)_+ for all k, from the right in O(n). */
function rightMoments(x: Float64Array, v: Float64Array): Float64Array {
  const s = new Float64Array(x.length);
  let mass = 0;
  for (let k = x.length - 2; k >= 0; k--) {
    mass += v[k + 1];
    s[k] = s[k + 1] + mass * (x[k + 1] - x[k]);
  }
  return s;
}

/** sum_i v_i (x_k - x_i)_+ for all k. */
function leftMoments(x: Float64Array, v: Float64Array): Float64Array {
  const s = new Float64Array(x.length);
  let mass = 0;
  for (let k = 1; k < x.length; k++) {
    mass += v[k - 1];
    s[k] = s[k - 1] + mass * (x[k] - x[k - 1]);
  }
  return s;
}

function maxAbs(a: Float64Array): number {
  let m = 0;
  for (const value of a) m = Math.max(m, Math.abs(value));
  return m;
}

/**
 * Smallest sum |a_k| + |b_k| of any interpolant: the linear spline through the data, with the better of its end slopes,
 * max(TV, (TV + |first slope + last slope|) / 2), TV the sum of |slope changes|. Repeated abscissae take their mean.
 */
export function minimumNormInterpolation(
  x: Float64Array,
  y: Float64Array,
): { readonly value: number; readonly kinks: number[] } {
  const g = groupByAbscissa(x, y);
  const slopes: number[] = [];
  for (let k = 0; k + 1 < g.x.length; k++) slopes.push((g.mean[k + 1] - g.mean[k]) / (g.x[k + 1] - g.x[k]));
  if (slopes.length === 0) return { value: 0, kinks: [] };
  let variation = 0;
  const kinks: number[] = [];
  const scale = Math.max(...slopes.map(Math.abs));
  for (let k = 0; k + 1 < slopes.length; k++) {
    const change = slopes[k + 1] - slopes[k];
    variation += Math.abs(change);
    if (Math.abs(change) > 1e-12 * scale) kinks.push(g.x[k + 1]);
  }
  const ends = Math.abs(slopes[0] + slopes[slopes.length - 1]);
  return { value: Math.max(variation, 0.5 * (variation + ends)), kinks };
}

/**
 * Solves the spline Lasso by a primal-dual interior point on its dual. In the unknowns s_k = S(x_k) the dual is
 *   min 1/2 v'W^-1 v - v'y, v = L s (second differences), |s_k| <= beta, |s_k - s_1| <= beta,
 * so that each Newton step is a pentadiagonal system with one border: O(n) per iteration.
 */
export function solveSpline(
  xData: Float64Array,
  yData: Float64Array,
  beta: number,
  control: Control,
  tolerance = 1e-10,
): SplineSolution {
  const g = groupByAbscissa(xData, yData);
  const n = g.x.length;
  let total = 0;
  for (let k = 0; k < n; k++) total += g.weight[k];
  const mean = dot(g.weight, g.mean) / total;
  const centred = Float64Array.from(g.mean, (m, k) => g.weight[k] * (m - mean));
  const betaMax = n > 1 ? Math.max(maxAbs(rightMoments(g.x, centred)), maxAbs(leftMoments(g.x, centred))) : 0;
  const right = new Float64Array(n);
  const left = new Float64Array(n);
  let iterations = 0;
  if (beta < betaMax && beta > 0) {
    // Unit abscissae and targets condition the Newton systems: x = x_1 + span x', y - mean = size y', hinges scale by size / span.
    const span = g.x[n - 1] - g.x[0];
    const size = maxAbs(g.mean.map((m) => m - mean));
    const unit: Grouped = {
      x: g.x.map((t) => (t - g.x[0]) / span),
      mean: g.mean.map((m) => (m - mean) / size),
      weight: g.weight,
      index: g.index,
    };
    const unitBeta = beta / (span * size);
    const within = yData.reduce((sum, y, i) => sum + 0.5 * ((y - g.mean[g.index[i]]) / size) ** 2, 0);
    const z = interiorPoint(unit, unitBeta, within, control, tolerance);
    polish(unit, unitBeta, within, z);
    iterations = z.iterations;
    for (let k = 0; k < n; k++) {
      right[k] = (z.right[k] * size) / span;
      left[k] = (z.left[k] * size) / span;
    }
  }
  return assemble(yData, g, beta, right, left, betaMax, iterations);
}

/** Values of sum_k a_k (x_j - x_k)_+ + b_k (x_k - x_j)_+ at all knots, in O(n). */
function hingeSum(x: Float64Array, right: Float64Array, left: Float64Array): Float64Array {
  const f = new Float64Array(x.length);
  let slope = 0;
  let value = 0;
  for (let j = 1; j < x.length; j++) {
    slope += right[j - 1];
    value += slope * (x[j] - x[j - 1]);
    f[j] += value;
  }
  slope = 0;
  value = 0;
  for (let j = x.length - 2; j >= 0; j--) {
    slope += left[j + 1];
    value += slope * (x[j + 1] - x[j]);
    f[j] += value;
  }
  return f;
}

function assemble(
  yData: Float64Array,
  g: Grouped,
  beta: number,
  right: Float64Array,
  left: Float64Array,
  betaMax: number,
  iterations: number,
): SplineSolution {
  const n = g.x.length;
  const shape = hingeSum(g.x, right, left);
  let offset = 0;
  let total = 0;
  for (let k = 0; k < n; k++) {
    offset += g.weight[k] * (g.mean[k] - shape[k]);
    total += g.weight[k];
  }
  offset /= total;
  const fit = Float64Array.from(g.index, (k) => shape[k] + offset);
  const residual = Float64Array.from(yData, (y, i) => y - fit[i]);
  let penalty = 0;
  for (let k = 0; k < n; k++) penalty += Math.abs(right[k]) + Math.abs(left[k]);
  const objective = 0.5 * dot(residual, residual) + beta * penalty;
  // A dual point: the residual, made orthogonal to the constants again in floating point, then scaled into the band.
  const drift = residual.reduce((a, b) => a + b, 0) / residual.length;
  const v = residual.map((r) => r - drift);
  const grouped = new Float64Array(n);
  for (let i = 0; i < v.length; i++) grouped[g.index[i]] += v[i];
  const largest = Math.max(maxAbs(rightMoments(g.x, grouped)), maxAbs(leftMoments(g.x, grouped)));
  const vy = dot(v, yData);
  const vv = dot(v, v);
  const t = vv > 0 ? Math.max(0, Math.min(vy / vv, largest > 0 ? beta / largest : Number.POSITIVE_INFINITY)) : 0;
  const dual = v.map((value) => t * value);
  for (let k = 0; k < n; k++) grouped[k] *= t;
  return {
    knots: g.x,
    right,
    left,
    offset,
    objective,
    penalty,
    dualBound: t * vy - 0.5 * t * t * vv,
    fit,
    dual,
    dualCurve: rightMoments(g.x, grouped),
    mirrorCurve: leftMoments(g.x, grouped),
    betaMax,
    iterations,
  };
}

/** Lower bands of a symmetric pentadiagonal matrix of order m and a border (row and column of the first unknown). */
interface Bordered {
  readonly corner: number;
  readonly border: Float64Array;
  readonly d0: Float64Array;
  readonly d1: Float64Array;
  readonly d2: Float64Array;
}

/** Solves the bordered pentadiagonal system by LDL' of the band and one Schur complement, in O(m). */
function solveBordered(A: Bordered, rhs: Float64Array): Float64Array {
  const m = A.d0.length;
  const D = new Float64Array(m);
  const l1 = new Float64Array(m);
  const l2 = new Float64Array(m);
  for (let i = 0; i < m; i++) {
    l2[i] = i >= 2 ? A.d2[i] / D[i - 2] : 0;
    l1[i] = i >= 1 ? (A.d1[i] - (i >= 2 ? l2[i] * D[i - 2] * l1[i - 1] : 0)) / D[i - 1] : 0;
    D[i] = A.d0[i] - (i >= 1 ? l1[i] * l1[i] * D[i - 1] : 0) - (i >= 2 ? l2[i] * l2[i] * D[i - 2] : 0);
  }
  const solveBand = (b: Float64Array): Float64Array => {
    const x = Float64Array.from(b);
    for (let i = 0; i < m; i++) x[i] -= (i >= 1 ? l1[i] * x[i - 1] : 0) + (i >= 2 ? l2[i] * x[i - 2] : 0);
    for (let i = 0; i < m; i++) x[i] /= D[i];
    for (let i = m - 1; i >= 0; i--) {
      x[i] -= (i + 1 < m ? l1[i + 1] * x[i + 1] : 0) + (i + 2 < m ? l2[i + 2] * x[i + 2] : 0);
    }
    return x;
  };
  const tail = solveBand(rhs.subarray(1));
  const response = solveBand(A.border);
  const out = new Float64Array(m + 1);
  out[0] = (rhs[0] - dot(A.border, tail)) / (A.corner - dot(A.border, response));
  for (let i = 0; i < m; i++) out[i + 1] = tail[i] - out[0] * response[i];
  return out;
}

/** Hinges, and for each whether its constraint is tight (multiplier against slack, each in its own scale). */
interface InteriorSolution {
  readonly right: Float64Array;
  readonly left: Float64Array;
  readonly tightRight: Uint8Array;
  readonly tightLeft: Uint8Array;
  readonly iterations: number;
}

/**
 * Primal-dual interior point in the unknowns s_1 .. s_{n-1} (s_n = 0); `within` is the part of the datafit that ties cannot fit.
 * Stops on the gap of the primal point read off the multipliers, and returns the best such point.
 */
function interiorPoint(
  g: Grouped,
  beta: number,
  within: number,
  control: Control,
  tolerance: number,
): InteriorSolution {
  const n = g.x.length;
  const m = n - 1;
  const inverseGap = Float64Array.from({ length: m }, (_, k) => 1 / (g.x[k + 1] - g.x[k]));
  const applyL = (s: Float64Array): Float64Array => {
    const v = new Float64Array(n);
    for (let k = 0; k < m; k++) {
      const slope = ((k + 1 < m ? s[k + 1] : 0) - s[k]) * inverseGap[k];
      v[k] += slope;
      v[k + 1] -= slope;
    }
    return v;
  };
  const applyLt = (u: Float64Array): Float64Array => {
    const s = new Float64Array(m);
    for (let k = 0; k < m; k++) {
      const slope = (u[k] - u[k + 1]) * inverseGap[k];
      s[k] -= slope;
      if (k + 1 < m) s[k + 1] += slope;
    }
    return s;
  };
  // Q = L' W^-1 L: three bands. Row k of L' has entries at v_{k-1}, v_k, v_{k+1}.
  const lower = (k: number): number => (k > 0 ? inverseGap[k - 1] : 0); // v_{k-1}
  const centre = (k: number): number => -inverseGap[k] - (k > 0 ? inverseGap[k - 1] : 0); // v_k
  const upper = (k: number): number => inverseGap[k]; // v_{k+1}
  const w = (i: number): number => 1 / g.weight[i];
  const q0 = new Float64Array(m);
  const q1 = new Float64Array(m);
  const q2 = new Float64Array(m);
  for (let k = 0; k < m; k++) {
    q0[k] = centre(k) ** 2 * w(k) + upper(k) ** 2 * w(k + 1) + (k > 0 ? lower(k) ** 2 * w(k - 1) : 0);
    if (k >= 1) q1[k] = upper(k - 1) * w(k) * centre(k) + centre(k - 1) * w(k - 1) * lower(k);
    if (k >= 2) q2[k] = upper(k - 2) * w(k - 1) * lower(k);
  }
  // Constraints: +-s_k <= beta (k = 0..m-1) and +-(s_k - s_0) <= beta (k = 1..m-1).
  const count = 4 * m - 2;
  const apply = (s: Float64Array): Float64Array => {
    const out = new Float64Array(count);
    for (let k = 0; k < m; k++) {
      out[k] = s[k];
      out[m + k] = -s[k];
    }
    for (let k = 1; k < m; k++) {
      out[2 * m + k - 1] = s[k] - s[0];
      out[3 * m - 1 + k - 1] = s[0] - s[k];
    }
    return out;
  };
  const applyTranspose = (z: Float64Array): Float64Array => {
    const out = new Float64Array(m);
    for (let k = 0; k < m; k++) out[k] = z[k] - z[m + k];
    for (let k = 1; k < m; k++) {
      const d = z[2 * m + k - 1] - z[3 * m - 1 + k - 1];
      out[k] += d;
      out[0] -= d;
    }
    return out;
  };
  const s = new Float64Array(m);
  const slack = new Float64Array(count).fill(beta);
  const yScale = Math.max(maxAbs(g.mean), Number.MIN_VALUE);
  const z = new Float64Array(count).fill(yScale / Math.max(maxAbs(inverseGap) ** -1, 1));
  const gradientOffset = applyLt(g.mean);
  // Multipliers of |S(x_k)| <= beta are the right hinges, those of the mirror band the left hinges.
  const hingesOf = (multipliers: Float64Array): { right: Float64Array; left: Float64Array } => {
    const right = new Float64Array(n);
    const left = new Float64Array(n);
    for (let k = 0; k < m; k++) right[k] = multipliers[k] - multipliers[m + k];
    for (let k = 1; k < m; k++) left[k] = multipliers[2 * m + k - 1] - multipliers[3 * m - 1 + k - 1];
    return { right, left };
  };
  let best: { value: number; right: Float64Array; left: Float64Array } = {
    value: Number.POSITIVE_INFINITY,
    right: new Float64Array(n),
    left: new Float64Array(n),
  };
  let bestBound = Number.NEGATIVE_INFINITY;
  let iterations = 0;
  for (; iterations < 100 && !control.shouldStop(); iterations++) {
    const v = applyL(s);
    const scaled = Float64Array.from(v, (value, i) => value * w(i));
    const stationarity = applyLt(scaled);
    const gz = applyTranspose(z);
    for (let k = 0; k < m; k++) stationarity[k] += gz[k] - gradientOffset[k];
    const gs = apply(s);
    const primal = Float64Array.from(slack, (value, i) => gs[i] + value - beta);
    const mu = dot(slack, z) / count;
    const hinges = hingesOf(z);
    const value = groupedObjective(g, beta, hinges.right, hinges.left) + within;
    if (value < best.value) best = { value, ...hinges };
    const bound = groupedDualBound(g, beta, v) + within;
    bestBound = Math.max(bestBound, bound);
    if (best.value - bestBound <= tolerance * best.value) break;
    const h = Float64Array.from(z, (value, i) => value / slack[i]);
    const d0 = Float64Array.from(q0.subarray(1));
    const border = new Float64Array(m - 1);
    let corner = q0[0] + h[0] + h[m];
    if (m > 1) border[0] = q1[1];
    if (m > 2) border[1] = q2[2];
    for (let k = 1; k < m; k++) {
      const coupled = h[2 * m + k - 1] + h[3 * m - 1 + k - 1];
      d0[k - 1] += h[k] + h[m + k] + coupled;
      border[k - 1] -= coupled;
      corner += coupled;
    }
    const d1 = new Float64Array(m - 1);
    const d2 = new Float64Array(m - 1);
    for (let k = 2; k < m; k++) d1[k - 1] = q1[k];
    for (let k = 3; k < m; k++) d2[k - 1] = q2[k];
    const matrix: Bordered = { corner, border, d0, d1, d2 };
    const direction = (target: Float64Array): { ds: Float64Array; dslack: Float64Array; dz: Float64Array } => {
      // Complementarity: slack dz + z dslack = target - slack z.
      const t = Float64Array.from(target, (value, i) => (value - slack[i] * z[i] + z[i] * primal[i]) / slack[i]);
      const gt = applyTranspose(t);
      const rhs = Float64Array.from(stationarity, (value, k) => -value - gt[k]);
      const ds = solveBordered(matrix, rhs);
      const gds = apply(ds);
      const dslack = Float64Array.from(gds, (value, i) => -value - primal[i]);
      const dz = Float64Array.from(target, (value, i) => (value - slack[i] * z[i] - z[i] * dslack[i]) / slack[i]);
      return { ds, dslack, dz };
    };
    const longest = (a: Float64Array, da: Float64Array): number => {
      let step = 1;
      for (let i = 0; i < a.length; i++) if (da[i] < 0) step = Math.min(step, -a[i] / da[i]);
      return step;
    };
    const predictor = direction(new Float64Array(count));
    const ap = longest(slack, predictor.dslack);
    const ad = longest(z, predictor.dz);
    let muAffine = 0;
    for (let i = 0; i < count; i++) muAffine += (slack[i] + ap * predictor.dslack[i]) * (z[i] + ad * predictor.dz[i]);
    muAffine /= count;
    const centring = (muAffine / mu) ** 3;
    const target = Float64Array.from(predictor.dz, (dz, i) => centring * mu - dz * predictor.dslack[i]);
    const step = direction(target);
    const stepSlack = 0.995 * longest(slack, step.dslack);
    const stepZ = 0.995 * longest(z, step.dz);
    if (!(stepSlack > 1e-14) || !(stepZ > 1e-14) || !Number.isFinite(step.ds[0])) break;
    for (let k = 0; k < m; k++) s[k] += stepSlack * step.ds[k];
    for (let i = 0; i < count; i++) {
      slack[i] += stepSlack * step.dslack[i];
      z[i] += stepZ * step.dz[i];
    }
  }
  const scale = Math.max(maxAbs(best.right), maxAbs(best.left), Number.MIN_VALUE);
  const tight = (value: number, room: number): number => (Math.abs(value) / scale > room / beta ? 1 : 0);
  const tightRight = new Uint8Array(n);
  const tightLeft = new Uint8Array(n);
  for (let k = 0; k < m; k++) tightRight[k] = tight(best.right[k], Math.min(slack[k], slack[m + k]));
  for (let k = 1; k < m; k++)
    tightLeft[k] = tight(best.left[k], Math.min(slack[2 * m + k - 1], slack[3 * m - 1 + k - 1]));
  return { right: best.right, left: best.left, tightRight, tightLeft, iterations };
}

/** Weighted datafit at the best offset plus beta times the sum of |hinges|. */
function groupedObjective(g: Grouped, beta: number, right: Float64Array, left: Float64Array): number {
  const shape = hingeSum(g.x, right, left);
  let offset = 0;
  let total = 0;
  for (let k = 0; k < shape.length; k++) {
    offset += g.weight[k] * (g.mean[k] - shape[k]);
    total += g.weight[k];
  }
  offset /= total;
  let value = 0;
  for (let k = 0; k < shape.length; k++) {
    value += 0.5 * g.weight[k] * (g.mean[k] - shape[k] - offset) ** 2 + beta * (Math.abs(right[k]) + Math.abs(left[k]));
  }
  return value;
}

/** Value of the best feasible multiple of v (which has 1'v = 0 by construction). */
function groupedDualBound(g: Grouped, beta: number, v: Float64Array): number {
  const largest = Math.max(maxAbs(rightMoments(g.x, v)), maxAbs(leftMoments(g.x, v)));
  let vv = 0;
  for (let k = 0; k < v.length; k++) vv += (v[k] * v[k]) / g.weight[k];
  const vy = dot(v, g.mean);
  if (!(vv > 0) || !(vy > 0)) return 0;
  const t = Math.min(vy / vv, beta / largest);
  return t * vy - 0.5 * t * t * vv;
}

/**
 * Makes the zeros exact: keeps the hinges whose constraint is tight and refits them with their signs by least squares on the kept
 * set. Accepted if the proven gap stays at rounding level; otherwise the interior point is left as it is.
 */
function polish(g: Grouped, beta: number, within: number, z: InteriorSolution): void {
  const n = g.x.length;
  let active: { side: 1 | -1; k: number }[] = [];
  for (let k = 0; k < n; k++) {
    if (z.tightRight[k]) active.push({ side: 1, k });
    if (z.tightLeft[k]) active.push({ side: -1, k });
  }
  if (active.length === 0 || active.length > 400) return;
  const gapOf = (right: Float64Array, left: Float64Array): number => {
    const shape = hingeSum(g.x, right, left);
    const total = g.weight.reduce((a, b) => a + b, 0);
    const offset = g.weight.reduce((sum, weight, k) => sum + weight * (g.mean[k] - shape[k]), 0) / total;
    const v = shape.map((f, k) => g.weight[k] * (g.mean[k] - f - offset));
    const value = groupedObjective(g, beta, right, left);
    return (value - groupedDualBound(g, beta, v)) / (value + within);
  };
  // Weighted, centred columns; the sign-fixed stationarity is B'B z = B'y - beta sign.
  const root = Float64Array.from(g.weight, Math.sqrt);
  const totalWeight = g.weight.reduce((a, b) => a + b, 0);
  const centre = (column: Float64Array): Float64Array => {
    const mu = dot(g.weight, column) / totalWeight;
    return column.map((value, i) => root[i] * (value - mu));
  };
  const sizeOf = ({ side, k }: { side: 1 | -1; k: number }): number => (side === 1 ? z.right[k] : z.left[k]);
  // Right and left hinges overlap in linear functions, so a tight set may be dependent: the lightest such hinges go first.
  active.sort((p, q) => Math.abs(sizeOf(q)) - Math.abs(sizeOf(p)));
  let refit = new Float64Array(0);
  for (;;) {
    const signs = active.map((hinge) => Math.sign(sizeOf(hinge)));
    const columns = active.map(({ side, k }) =>
      centre(Float64Array.from(g.x, (x) => Math.max(0, side * (x - g.x[k])))),
    );
    const fit = signedLeastSquares(
      columns,
      centre(g.mean),
      signs.map((sign) => beta * sign),
    );
    const flipped = fit.z.findIndex((value, j) => value * signs[j] < 0);
    const out = fit.dependent >= 0 ? fit.dependent : flipped;
    if (out < 0) {
      refit = fit.z;
      break;
    }
    active = active.filter((_, j) => j !== out);
    if (active.length === 0) return;
  }
  const right = new Float64Array(n);
  const left = new Float64Array(n);
  active.forEach(({ side, k }, j) => ((side === 1 ? right : left)[k] = refit[j]));
  if (gapOf(right, left) <= Math.max(1e-9, gapOf(z.right, z.left))) {
    z.right.set(right);
    z.left.set(left);
  }
}

/** argmin 1/2 ||B z - y||^2 + p'z by modified Gram-Schmidt; names the first numerically dependent column instead, if any. */
function signedLeastSquares(
  columns: readonly Float64Array[],
  y: Float64Array,
  p: readonly number[],
): { readonly z: Float64Array<ArrayBuffer>; readonly dependent: number } {
  const m = columns.length;
  const Q = columns.map((c) => Float64Array.from(c));
  const R = Array.from({ length: m }, () => new Float64Array(m));
  const rest = Float64Array.from(y);
  const qty = new Float64Array(m);
  for (let j = 0; j < m; j++) {
    const original = Math.sqrt(dot(Q[j], Q[j]));
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < j; i++) {
        const r = dot(Q[i], Q[j]);
        R[i][j] += r;
        for (let t = 0; t < y.length; t++) Q[j][t] -= r * Q[i][t];
      }
    }
    const norm = Math.sqrt(dot(Q[j], Q[j]));
    if (!(norm > 1e-10 * original)) return { z: new Float64Array(m), dependent: j };
    R[j][j] = norm;
    for (let t = 0; t < y.length; t++) Q[j][t] /= norm;
    qty[j] = dot(Q[j], rest);
    for (let t = 0; t < y.length; t++) rest[t] -= qty[j] * Q[j][t];
  }
  // z = R^-1 (Q'y - R^-T p)
  const u = new Float64Array(m);
  for (let j = 0; j < m; j++) {
    let s = p[j];
    for (let i = 0; i < j; i++) s -= R[i][j] * u[i];
    u[j] = s / R[j][j];
  }
  const z = new Float64Array(m);
  for (let j = m - 1; j >= 0; j--) {
    let s = qty[j] - u[j];
    for (let i = j + 1; i < m; i++) s -= R[j][i] * z[i];
    z[j] = s / R[j][j];
  }
  return { z, dependent: -1 };
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
