import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import type { PairMultipliers } from './liftedPairs.ts';
import type { UnitLines } from './lines.ts';
import type { TriangleMultipliers } from './triangleCones.ts';
import { remainder } from './triangles.ts';

/**
 * Multipliers that bound h(u) = v'(Xu)_+ over the unit ball, for one signed column v. All are free but for their signs: whatever they are, the bound
 * that `proveMajorant` computes from them holds. L lines, d inputs.
 */
export interface MajorantMultipliers {
  /** L x (penalised inputs): the w_i, each of norm at most 1. */
  readonly w: Float64Array;
  /** > 0, L: the size of |x'u| at which its bound by (x'u)^2 / (2 s) + s / 2 is tight. */
  readonly size: Float64Array;
  /** >= 0, L each: of |x'u| >= x'u and of |x'u| >= -x'u. */
  readonly plus: Float64Array;
  readonly minus: Float64Array;
  /** >= 0, L: of |x'u| >= w'u u'x with w = U x / ||U x||. */
  readonly inner: Float64Array;
  readonly lifted: PairMultipliers;
  readonly triangles: TriangleMultipliers;
  /** >= 0, of b^2 <= 1; only with a free bias. */
  readonly bias: number;
}

/** What v puts on each line: the sum of length * v over its rows, and the same with sides. */
export interface LineLoads {
  readonly even: Float64Array;
  readonly odd: Float64Array;
  /** Sum of length * |v| over all rows, and what the distances of rows from their lines may add. */
  readonly mass: number;
  readonly stray: number;
}

export function lineLoads(lines: UnitLines, v: ArrayLike<number>): LineLoads {
  const L = lines.unit.rows;
  const even = new Float64Array(L);
  const odd = new Float64Array(L);
  let mass = 0;
  let stray = 0;
  for (let i = 0; i < lines.line.length; i++) {
    const l = lines.line[i];
    if (l < 0) continue;
    const load = lines.length[i] * v[i];
    even[l] += load;
    odd[l] += lines.side[i] * load;
    mass += Math.abs(load);
    // |(x'u)_+ - (line'u)_+| <= ||x - line|| ||u||, and ||u||^2 <= 2 with a free bias
    stray += Math.abs(load) * lines.distance[i] * 1.5;
  }
  return { even, odd, mass, stray };
}

const epsilon = 2 ** -52;

/** Nothing smaller is divided by. */
const tiny = 1e-150;

/**
 * A proven upper bound of max over ||u|| <= 1 of h(u) = v'(Xu)_+ (with a free bias: over ||w|| <= 1 and all b, for v that sums to zero). With a_i = |x_i'u| on unit
 * lines, h(u) = odd'Xu / 2 + even'a / 2. From
 *     even_i / 2 + plus_i + minus_i + inner_i + (coefficients of a_i in the pairs and triangles) = upper_i       (inner_i is raised until upper_i >= 0)
 * and a_i <= (x_i'u)^2 / (2 s_i) + s_i / 2 for any s_i > 0, a_i >= w_i'u u'x_i for ||w_i|| <= 1, and for pairs 0 <= |l'(1, a_i, a_j)|^2, where a_i^2 = (x_i'u)^2 and
 * -a_i a_j <= -turn x_i'u u'x_j (a positive coefficient of a_i a_j is split over the squares instead), and for triangles
 * 0 <= weight ((g'u)^2 / (2 s) + s / 2 - a_i + sum |factor_j| a_j) for any s > 0, h(u) <= u'G u + c'u + kappa for all unit u.
 * The right-hand side is maximised over the sphere through one eigen-decomposition (trust-region problem). Rounding is added outward.
 */
export function proveMajorant(lines: UnitLines, loads: LineLoads, m: MajorantMultipliers): number {
  const { G, c, kappa, mass } = majorant(lines, loads, m);
  const sides = m.triangles.triangles.reduce((sum, { others }) => sum + others.length + 4, 0);
  const terms = lines.unit.rows + 6 * m.lifted.pairs.length + sides + lines.unit.cols + 32;
  const top = overSphere(G, c, lines.penalized, m.bias);
  // the zero vector gives h = 0
  return Math.max(0, top.value + kappa + 8 * terms * epsilon * (mass + top.mass) + loads.stray);
}

/** The same multipliers with the one of the bias where the bound is least (golden section on its logarithm; the bound is convex in it). */
export function withBestBias(lines: UnitLines, loads: LineLoads, m: MajorantMultipliers): MajorantMultipliers {
  const d = lines.unit.cols;
  if (lines.penalized === d) return m;
  const { G, c, mass } = majorant(lines, loads, m);
  const own = Math.max(0, G.data[d * d - 1]);
  const at = (t: number): number => overSphere(G, c, lines.penalized, own + Math.exp(t)).value;
  let [low, high] = [Math.log(1e-12 * mass + tiny), Math.log(1e2 * mass + tiny)];
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
  let [fa, fb] = [at(a), at(b)];
  for (let round = 0; round < 40; round++) {
    if (fa <= fb) {
      [high, b, fb] = [b, a, fa];
      a = high - ratio * (high - low);
      fa = at(a);
    } else {
      [low, a, fa] = [a, b, fb];
      b = low + ratio * (high - low);
      fb = at(b);
    }
  }
  return { ...m, bias: own + Math.exp((low + high) / 2) };
}

interface Majorant {
  readonly G: DenseMatrix;
  readonly c: Float64Array;
  readonly kappa: number;
  /** Sum of the sizes of all terms. */
  readonly mass: number;
}

/** h(u) <= u'G u + c'u + kappa on the sphere. */
export function majorant(lines: UnitLines, loads: LineLoads, m: MajorantMultipliers): Majorant {
  const { unit, penalized } = lines;
  const { rows: L, cols: d, data: x } = unit;
  const G = denseMatrix(d, d);
  const c = new Float64Array(d);
  const upper = new Float64Array(L);
  let kappa = 0;
  let mass = loads.mass;
  const pairs = addPairs(m.lifted, unit, G.data, upper);
  kappa += pairs.kappa;
  const triangles = addTriangles(m.triangles, unit, G.data, upper);
  kappa += triangles.kappa;
  mass += pairs.mass + triangles.mass;
  const Ux = new Float64Array(d);
  const row = new Float64Array(d);
  for (let i = 0; i < L; i++) {
    const at = i * d;
    const plus = Math.max(0, m.plus[i]);
    const minus = Math.max(0, m.minus[i]);
    let inner = Math.max(0, m.inner[i]);
    upper[i] += loads.even[i] / 2 + plus + minus + inner;
    if (upper[i] < 0) {
      inner -= upper[i];
      upper[i] = 0;
    }
    let norm = 0;
    for (let k = 0; k < penalized; k++) {
      Ux[k] = m.w[i * penalized + k];
      norm += Ux[k] * Ux[k];
    }
    norm = Math.max(1, Math.sqrt(norm));
    const s = m.size[i] > tiny ? m.size[i] : tiny;
    const curve = upper[i] / (2 * s);
    kappa += (upper[i] * s) / 2;
    const turn = inner / norm;
    const slope = loads.odd[i] / 2 - (plus - minus);
    // row i of G gains x_i times this
    for (let k = 0; k < d; k++) {
      row[k] = curve * x[at + k] - (k < penalized ? turn * Ux[k] : 0);
      c[k] += slope * x[at + k];
    }
    for (let k = 0; k < d; k++) {
      const xk = x[at + k];
      if (xk !== 0) for (let l = 0; l < d; l++) G.data[k * d + l] += xk * row[l];
    }
    mass += curve + (upper[i] * s) / 2 + upper[i] + 2 * inner + plus + minus;
  }
  for (let k = 0; k < d; k++) {
    for (let l = 0; l < k; l++) {
      const mean = (G.data[k * d + l] + G.data[l * d + k]) / 2;
      G.data[k * d + l] = mean;
      G.data[l * d + k] = mean;
    }
  }
  return { G, c, kappa, mass };
}

/** What is added to the constant, and the size of all that is added. */
interface Addition {
  readonly kappa: number;
  readonly mass: number;
}

/** Adds |l'(1, a_i, a_j)|^2 of all pairs to G (d x d) and to the coefficients of a. */
function addPairs(
  { pairs, root, turn }: PairMultipliers,
  { cols: d, data: x }: DenseMatrix,
  G: Float64Array,
  upper: Float64Array,
): Addition {
  let kappa = 0;
  let mass = 0;
  pairs.forEach(({ i, j }, p) => {
    const [l00, l10, l11, l20, l21, l22] = root.subarray(6 * p, 6 * p + 6);
    let product = 2 * (l10 * l20 + l11 * l21);
    const spread = Math.max(0, product) / 2;
    product = Math.min(0, product);
    const own = l10 * l10 + l11 * l11 + spread;
    const other = l20 * l20 + l21 * l21 + l22 * l22 + spread;
    const cross = product * (Math.max(-1, Math.min(1, turn[p])) || 0);
    kappa += l00 * l00;
    upper[i] += 2 * l00 * l10;
    upper[j] += 2 * l00 * l20;
    mass += l00 * l00 + 2 * Math.abs(l00) * (Math.abs(l10) + Math.abs(l20)) + 3 * (own + other);
    for (let k = 0; k < d; k++) {
      const [xi, xj] = [x[i * d + k], x[j * d + k]];
      const first = own * xi + cross * xj;
      const second = other * xj;
      for (let l = 0; l < d; l++) G[k * d + l] += first * x[i * d + l] + second * x[j * d + l];
    }
  });
  return { kappa, mass };
}

/** Adds weight ((g'u)^2 / (2 s) + s / 2 - a_i + sum |factor_j| a_j) of all triangles, likewise. */
function addTriangles(
  { triangles, weight, size }: TriangleMultipliers,
  { cols: d, data: x }: DenseMatrix,
  G: Float64Array,
  upper: Float64Array,
): Addition {
  let kappa = 0;
  let mass = 0;
  const g = new Float64Array(d);
  triangles.forEach((triangle, t) => {
    const { line, others, factors } = triangle;
    const own = Math.max(0, weight[t]) || 0;
    if (own === 0) return;
    const s = size[t] > tiny ? size[t] : tiny;
    remainder(triangle, x, g);
    let longest = 1;
    upper[line] -= own;
    for (let k = 0; k < others.length; k++) {
      const factor = Math.abs(factors[k]);
      upper[others[k]] += own * factor;
      longest += factor;
    }
    const curve = own / (2 * s);
    for (let k = 0; k < d; k++) for (let l = 0; l < d; l++) G[k * d + l] += curve * g[k] * g[l];
    kappa += (own * s) / 2;
    mass += curve * longest * longest + (own * s) / 2 + 2 * own * longest;
  });
  return { kappa, mass };
}

/** Upper bound of max u'G u + c'u over ||w|| = 1 (and b^2 <= 1 by its multiplier), and the size of what went into it. */
export function overSphere(
  G: DenseMatrix,
  c: Float64Array,
  penalized: number,
  bias: number,
): { readonly value: number; readonly mass: number } {
  const d = G.cols;
  if (penalized === d) return trustRegion(G, c);
  // b in closed form: the quadratic is concave in it once its multiplier is above G_bb
  const own = G.data[d * d - 1];
  const room = Math.max(bias - own, tiny);
  const charge = own + room;
  const reduced = denseMatrix(d - 1, d - 1);
  const linear = new Float64Array(d - 1);
  let mass = charge + Math.abs(own) + (c[d - 1] * c[d - 1]) / (4 * room);
  for (let k = 0; k < d - 1; k++) {
    const g = G.data[k * d + d - 1];
    for (let l = 0; l < d - 1; l++) {
      reduced.data[k * (d - 1) + l] = G.data[k * d + l] + (g * G.data[l * d + d - 1]) / room;
    }
    linear[k] = c[k] + (c[d - 1] * g) / room;
    mass += (g * g) / room + Math.abs((c[d - 1] * g) / room);
  }
  const rest = trustRegion(reduced, linear);
  return { value: rest.value + charge + (c[d - 1] * c[d - 1]) / (4 * room), mass: mass + rest.mass };
}

/** Upper bound of max u'G u + c'u over the unit sphere: lambda + c'(lambda - G)^-1 c / 4 for the best lambda above the eigenvalues. */
function trustRegion(G: DenseMatrix, c: Float64Array): { readonly value: number; readonly mass: number } {
  const d = G.cols;
  let size = 0;
  for (let k = 0; k < G.data.length; k++) {
    if (!Number.isFinite(G.data[k])) return { value: Infinity, mass: 0 };
    size += G.data[k] ** 2;
  }
  size = Math.sqrt(size);
  const { values, vectors } = symmetricEigen(G);
  const b = new Float64Array(d);
  let length = 0;
  for (let k = 0; k < d; k++) {
    for (let l = 0; l < d; l++) b[k] += vectors[k * d + l] * c[l];
    length += c[k] * c[k];
  }
  length = Math.sqrt(length);
  const mass = d * (size + length);
  const top = values[d - 1];
  const slope = (lambda: number): number => {
    let s = 0;
    for (let k = 0; k < d; k++) s += (b[k] / (lambda - values[k])) ** 2;
    return 1 - s / 4;
  };
  let low = top + epsilon * d * (size + length) + tiny;
  let high = Math.max(low, top + length / 2);
  if (slope(low) < 0) {
    for (let round = 0; round < 100 && high - low > epsilon * Math.abs(high); round++) {
      const middle = (low + high) / 2;
      if (slope(middle) < 0) low = middle;
      else high = middle;
    }
  } else high = low;
  let value = high;
  for (let k = 0; k < d; k++) value += (b[k] * b[k]) / (4 * (high - values[k]));
  return { value, mass };
}
