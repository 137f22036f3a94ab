import { dot, norm2, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { ConeProjector } from '../../base/linalg/nnls.ts';
import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { centreOf, supportOf, type Tuple } from '../../network/threeLayer/tuple.ts';

/** Bounds of max { g'u : C u >= 0, sum_j ||u_j|| <= 1 } and a feasible direction attaining `lower`. */
export interface Price {
  readonly lower: number;
  readonly upper: number;
  readonly direction: Float64Array;
}

/** g = sign * A'v restricted to the tuple's rows: the linear form that the tuple's branch sees. v is one output's dual, n numbers. */
export function linearForm(tuple: Tuple, v: ArrayLike<number>, sign: number): Float64Array {
  const p = tuple.A.cols;
  const g = new Float64Array(p);
  for (let r = 0; r < tuple.A.rows; r++) {
    const w = sign * v[tuple.activeRows[r]];
    if (w !== 0) for (let k = 0; k < p; k++) g[k] += w * tuple.A.data[r * p + k];
  }
  return g;
}

/** max_j ||g_j||: the price without the cone, an upper bound that costs nothing. */
export function relaxedPrice(g: Float64Array, m1: number): number {
  const d = g.length / m1;
  let largest = 0;
  for (let j = 0; j < m1; j++) largest = Math.max(largest, norm2(g.subarray(j * d, (j + 1) * d)));
  return largest;
}

/** Cones up to this many entries keep their projector, which holds a scaled copy of them. */
const keptEntries = 100_000;
const projectors = new WeakMap<Tuple, ConeProjector>();

function projectorOf(tuple: Tuple): ConeProjector {
  let projector = projectors.get(tuple);
  if (!projector) {
    projector = new ConeProjector(tuple.C);
    if (tuple.C.data.length <= keptEntries) projectors.set(tuple, projector);
  }
  return projector;
}

/**
 * Projection of g on the cone (Moreau): with p = g + C'rho, rho >= 0, any u in the cone has g'u <= p'u <= max_j ||p_j|| sum_j ||u_j||,
 * and p itself attains ||p||^2 / sum_j ||p_j||. `shift` is C'rho: added to any other linear form it gives a proven bound of that one's price.
 */
export function projectedPrice(
  tuple: Tuple,
  g: Float64Array,
  m1: number,
): Price & { readonly rho: Float64Array; readonly shift: Float64Array } {
  const projector = projectorOf(tuple);
  const p = new Float64Array(g.length);
  projector.project(new Int8Array(tuple.C.rows).fill(1), g, p);
  const rho = Float64Array.from(projector.multipliers);
  // The bound is evaluated from the multipliers themselves: valid whatever the projector did.
  const bound = Float64Array.from(g);
  for (let r = 0; r < tuple.C.rows; r++) {
    if (rho[r] > 0) for (let k = 0; k < bound.length; k++) bound[k] += rho[r] * tuple.C.data[r * bound.length + k];
  }
  const d = g.length / m1;
  let sum = 0;
  for (let j = 0; j < m1; j++) sum += norm2(p.subarray(j * d, (j + 1) * d));
  // a projection at rounding level has no direction to speak of
  const lower = norm2(p) > 1e-11 * norm2(g) ? Math.max(0, dot(g, p) / sum) : 0;
  const shift = bound.map((value, k) => value - g[k]);
  return { lower, upper: Math.max(lower, relaxedPrice(bound, m1)), direction: p, rho, shift };
}

/**
 * The price to relative accuracy `tolerance`: max g'u - (sum_j ||u_j||)^2 / 2 over the cone has the same ray and the value price^2 / 2.
 * It stops early once the proven bound is at most `enough`, or, when `above` is true, once a feasible direction beats it. A barrier method
 * solves it on the rows of the cone that matter: those nearest to the projection first, then those that its answer violates.
 */
export function exactPrice(
  tuple: Tuple,
  g: Float64Array,
  m1: number,
  tolerance: number,
  enough = 0,
  above = false,
): Price {
  let best: Price = projectedPrice(tuple, g, m1);
  const done = (): boolean =>
    best.upper - best.lower <= tolerance * best.upper ||
    best.upper <= Math.max(enough, 1e-11 * norm2(g)) ||
    (above && best.lower > enough);
  if (done()) return best;
  const { C } = tuple;
  const p = g.length;
  const distance = new Float64Array(C.rows);
  for (let row = 0; row < C.rows; row++) {
    const c = C.data.subarray(row * p, (row + 1) * p);
    distance[row] = dot(c, best.direction) / (norm2(c) || 1);
  }
  const order = Array.from(distance.keys()).sort((x, y) => distance[x] - distance[y]);
  let rows = order.slice(0, 6 * p);
  const inSet = new Set(rows);
  while (!done()) {
    const found = barrierPrice(
      tuple,
      rows,
      g,
      m1,
      best,
      ({ lower, upper }) => upper - lower <= tolerance * upper || upper <= enough,
    );
    if (found.upper < best.upper) best = { ...best, upper: found.upper };
    const aim = Math.max(best.lower, found.lower);
    if (best.upper - aim > tolerance * best.upper) {
      best = { ...best, upper: Math.min(best.upper, sharpened(tuple, g, m1, found.bound, aim)) };
    }
    const missed: { row: number; slack: number }[] = [];
    for (let row = 0; row < C.rows; row++) {
      if (inSet.has(row)) continue;
      const slack = dot(C.data.subarray(row * p, (row + 1) * p), found.direction);
      if (slack < 0) missed.push({ row, slack });
    }
    if (missed.length === 0) {
      if (found.lower > best.lower) best = { ...best, lower: found.lower, direction: found.direction };
      break;
    }
    missed.sort((x, y) => x.slack - y.slack);
    rows = [...rows, ...missed.slice(0, 4 * p).map(({ row }) => row)];
    for (const row of rows) inSet.add(row);
  }
  return best;
}

/**
 * A bound from fresh multipliers: small slacks lose their digits in a barrier method, so its vector g + C'rho, shortened to blocks of norm
 * `price`, is only taken as an aim, and the rho >= 0 that come nearest to it are found by one projection.
 */
function sharpened(tuple: Tuple, g: Float64Array, m1: number, aim: Float64Array, price: number): number {
  const p = g.length;
  const d = p / m1;
  const away = Float64Array.from(g);
  for (let j = 0; j < m1; j++) {
    const length = norm2(aim.subarray(j * d, (j + 1) * d));
    const factor = length > price ? price / length : 1;
    for (let k = j * d; k < (j + 1) * d; k++) away[k] -= factor * aim[k];
  }
  const { rho } = projectedPrice(tuple, away, m1);
  const bound = Float64Array.from(g);
  for (let r = 0; r < tuple.C.rows; r++) {
    if (rho[r] > 0) for (let k = 0; k < p; k++) bound[k] += rho[r] * tuple.C.data[r * p + k];
  }
  return relaxedPrice(bound, m1);
}

/**
 * Barrier method for the price over the cone of some rows only. At barrier weight w the multipliers rho = 1 / (w slack) give the bound
 * max_j ||g_j + (C'rho)_j||, which is proven for the whole cone; `lower` and `direction` are feasible for these rows.
 */
function barrierPrice(
  tuple: Tuple,
  rows: readonly number[],
  g: Float64Array,
  m1: number,
  first: Price,
  isEnough: (price: Price) => boolean,
): Price & { readonly bound: Float64Array } {
  // prices are at most first.upper, so u stays of order one
  const barrier = new RowBarrier(tuple, rows, g, m1, first.upper);
  const { u } = barrier;
  const centre = centreOf(tuple);
  const inside = norm2(centre);
  const lean = norm2(first.direction);
  for (let k = 0; k < u.length; k++) {
    u[k] = centre[k] / inside + (first.lower > 0 ? first.direction[k] / lean : 0);
  }
  const start = barrier.mixedNorm(u);
  for (let k = 0; k < u.length; k++) u[k] /= start;
  let best: Price & { readonly bound: Float64Array } = {
    lower: 0,
    upper: Infinity,
    direction: Float64Array.from(u),
    bound: Float64Array.from(g),
  };
  for (let weight = rows.length; weight < 1e18; weight *= 20) {
    barrier.centre(weight);
    const lower = Math.max(0, dot(g, u) / barrier.mixedNorm(u));
    const bound = barrier.boundAt(weight);
    const upper = relaxedPrice(bound, m1);
    if (lower > best.lower) best = { ...best, lower, direction: Float64Array.from(u) };
    if (upper < best.upper) best = { ...best, upper, bound };
    if (isEnough(best)) break;
  }
  return best;
}

/** weight ((sum_j ||u_j||)^2 / 2 - g'u / size) - sum_r log(c_r'u) over some rows of a tuple's cone, and Newton's method on it. */
class RowBarrier {
  readonly u: Float64Array;
  /** The rows packed together, and where each has its non-zeros. */
  private readonly C: Float64Array;
  private readonly from: Int32Array;
  private readonly to: Int32Array;
  private readonly d: number;
  private readonly H: Float64Array;
  private readonly gradient: Float64Array;
  private readonly trial: Float64Array;
  private readonly step: Float64Array;
  private readonly unit: Float64Array;

  constructor(
    tuple: Tuple,
    rows: readonly number[],
    private readonly g: Float64Array,
    private readonly m1: number,
    private readonly size: number,
  ) {
    const p = g.length;
    this.d = p / m1;
    this.C = new Float64Array(rows.length * p);
    const support = supportOf(tuple);
    this.from = Int32Array.from(rows, (row) => support.from[row]);
    this.to = Int32Array.from(rows, (row) => support.to[row]);
    rows.forEach((row, r) => this.C.set(tuple.C.data.subarray(row * p, (row + 1) * p), r * p));
    this.u = new Float64Array(p);
    this.H = new Float64Array(p * p);
    this.gradient = new Float64Array(p);
    this.trial = new Float64Array(p);
    this.step = new Float64Array(p);
    this.unit = new Float64Array(p);
  }

  /** sum_j ||u_j||, smoothed at 0. */
  mixedNorm(u: Float64Array): number {
    let s = 0;
    for (let j = 0; j < this.m1; j++) s += this.blockNorm(u, j);
    return s;
  }

  /** Moves u to the minimum at this weight. */
  centre(weight: number): void {
    const { u, g, gradient, trial, step, H } = this;
    const p = g.length;
    let current = this.value(u, weight);
    // differences below the rounding of the value say nothing
    const rounding = 1e-14 * weight;
    for (let inner = 0; inner < 60; inner++) {
      this.assemble(weight);
      factorSpd(H, p);
      for (let k = 0; k < p; k++) step[k] = -gradient[k];
      solveSpd(H, p, step);
      const decrement = -dot(gradient, step);
      if (!(decrement > 1e-10)) break;
      let accepted = false;
      for (let length = 1, k = 0; k < 40; k++, length *= 0.5) {
        for (let i = 0; i < p; i++) trial[i] = u[i] + length * step[i];
        const next = this.value(trial, weight);
        if (next <= current - 1e-4 * length * decrement + rounding) {
          u.set(trial);
          current = next;
          accepted = true;
          break;
        }
      }
      if (!accepted || decrement < 1e-9) break;
    }
  }

  /** g + C'rho with the multipliers that belong to u. */
  boundAt(weight: number): Float64Array {
    const { u, g, C, from, to } = this;
    const p = g.length;
    const bound = Float64Array.from(g);
    for (let r = 0; r < from.length; r++) {
      const rho = this.size / (weight * this.slackOf(r, u));
      for (let k = from[r]; k < to[r]; k++) bound[k] += rho * C[r * p + k];
    }
    return bound;
  }

  private blockNorm(u: Float64Array, j: number): number {
    return Math.sqrt(norm2(u.subarray(j * this.d, (j + 1) * this.d)) ** 2 + 1e-24);
  }

  private slackOf(r: number, point: Float64Array): number {
    const { C, from, to } = this;
    const p = point.length;
    let s = 0;
    for (let k = from[r]; k < to[r]; k++) s += C[r * p + k] * point[k];
    return s;
  }

  private value(point: Float64Array, weight: number): number {
    let s = weight * (0.5 * this.mixedNorm(point) ** 2 - dot(this.g, point) / this.size);
    for (let r = 0; r < this.from.length; r++) {
      const slack = this.slackOf(r, point);
      if (!(slack > 0)) return Number.POSITIVE_INFINITY;
      s -= Math.log(slack);
    }
    return s;
  }

  /** Gradient and Hessian (lower triangle) at u. */
  private assemble(weight: number): void {
    const { u, g, m1, d, size, C, from, to, H, gradient, unit } = this;
    const p = g.length;
    const total = this.mixedNorm(u);
    H.fill(0);
    for (let j = 0; j < m1; j++) {
      const r = this.blockNorm(u, j);
      for (let k = j * d; k < (j + 1) * d; k++) unit[k] = u[k] / r;
      for (let k = j * d; k < (j + 1) * d; k++) {
        H[k * p + k] += (weight * total) / r;
        for (let l = j * d; l <= k; l++) H[k * p + l] -= ((weight * total) / r) * unit[k] * unit[l];
      }
    }
    for (let k = 0; k < p; k++) {
      gradient[k] = weight * (total * unit[k] - g[k] / size);
      for (let l = 0; l <= k; l++) H[k * p + l] += weight * unit[k] * unit[l];
    }
    for (let r = 0; r < from.length; r++) {
      const inverse = 1 / this.slackOf(r, u);
      for (let k = from[r]; k < to[r]; k++) {
        const ck = inverse * C[r * p + k];
        gradient[k] -= ck;
        for (let l = from[r]; l <= k; l++) H[k * p + l] += inverse * ck * C[r * p + l];
      }
    }
  }
}
/** sum over the rows of the largest of +v and -v parts times the row norms: bounds every three-layer price without enumeration. */
export function normBound(X: DenseMatrix, v: ArrayLike<number>): number {
  const parts = [0, 0];
  for (let i = 0; i < X.rows; i++) {
    const norm = norm2(X.data.subarray(i * X.cols, (i + 1) * X.cols));
    parts[v[i] > 0 ? 0 : 1] += Math.abs(v[i]) * norm;
  }
  return Math.max(parts[0], parts[1]);
}
