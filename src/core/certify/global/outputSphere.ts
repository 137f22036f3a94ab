import { dot, norm2 } from '../../base/linalg/matrix.ts';

/** What is known of the support function of a set at a unit vector s: lower <= h(s) <= upper. */
export interface SupportValue {
  readonly lower: number;
  readonly upper: number;
}

/**
 * The support function h(s) = max over z in Z of s'z of a set Z that is symmetric about 0. Asked again at the same s with a lower `goal`, it tightens its upper
 * value down to the goal where it can.
 */
export type SupportOracle = (s: Float64Array, goal: number) => SupportValue;

export interface SphereOptions {
  /** A norm that is attained in Z. */
  readonly lower: number;
  /** Nothing below this is worth proving. */
  readonly goal?: number;
  /** Relative width at which the bracket counts as closed. */
  readonly tolerance: number;
  /** Directions to ask at most. */
  readonly evaluations: number;
  readonly shouldStop: () => boolean;
}

interface Vertex {
  readonly s: Float64Array;
  value: SupportValue;
  /** What was asked for last. */
  goal: number;
}

/** A generator of a cone: a vertex or its opposite, which have the same support value. */
interface Generator {
  readonly s: Float64Array;
  readonly vertex: Vertex;
}

interface Cone {
  readonly generators: readonly Generator[];
  readonly bound: number;
  /** The shortest vector p with p's_i >= upper_i at all generators, and those where this is tight. */
  readonly point: Float64Array;
  readonly tight: readonly number[];
}

/**
 * A proven upper bound of max over z in Z of ||z|| in r dimensions, for Z symmetric about 0, from its support function: a convex maximisation by outer approximation.
 * Every z != 0 has s = z / ||z|| (or -s) in one of the cones that halve the sphere; with s = sum_i lambda_i s_i (lambda >= 0) over the generators of its cone,
 *     ||z|| = s'z <= sum_i lambda_i h(s_i) <= p's <= ||p||   for any p with p's_i >= h(s_i),
 * so that the longest of the shortest such p bounds all. The cone that has it is split at its p (conical subdivision: Tuy 1964). At most
 * `evaluations` directions; a stop leaves the bound reached.
 */
export function boundOverSphere(r: number, oracle: SupportOracle, options: SphereOptions): number {
  const { lower, tolerance } = options;
  const floor = Math.max(lower * (1 + tolerance), options.goal ?? 0);
  const vertices = new Map<string, Vertex>();
  let asked = 0;
  const generatorAt = (s: Float64Array): Generator => {
    const sign = s[s.findIndex((x) => Math.abs(x) > 1e-9)] < 0 ? -1 : 1;
    const key = Array.from(s, (x) => Math.round(sign * x * 1e11)).join();
    let vertex = vertices.get(key);
    if (vertex === undefined) {
      asked++;
      vertex = { s: s.map((x) => sign * x), value: oracle(s, Infinity), goal: Infinity };
      vertices.set(key, vertex);
    }
    return { s: vertex.s.map((x) => sign * x), vertex };
  };
  const axis = (k: number, sign: number): Float64Array => {
    const s = new Float64Array(r);
    s[k] = sign;
    return s;
  };
  if (r === 1) return oracle(axis(0, 1), floor).upper;
  let cones: Cone[] = [];
  for (let half = 0; half < 2 ** (r - 1); half++) {
    const sides = Array.from({ length: r }, (_, k) => (k > 0 && (half >> (k - 1)) & 1 ? -1 : 1));
    cones.push(
      bounded(
        sides.map((sign, k) => generatorAt(axis(k, sign))),
        Infinity,
      ),
    );
  }
  const worst = (): Cone => cones.reduce((a, b) => (b.bound > a.bound ? b : a));
  // in steps, so that no support value is asked for in ever so slightly more detail
  let target = Infinity;
  while (asked < options.evaluations && !options.shouldStop()) {
    const top = worst();
    if (top.bound <= floor) break;
    if (top.bound <= target) {
      const excess = top.bound / Math.max(lower, Number.MIN_VALUE) - 1;
      target = Math.max(floor, lower * (1 + (excess < 1e-4 ? 0 : 0.4 * excess)));
    }
    // generators first: a support value that is known too loosely spoils every cone around it
    let tightened = false;
    for (const k of top.tight) {
      const { vertex } = top.generators[k];
      const { value } = vertex;
      const goal = Math.max(value.lower * (1 + 0.1 * tolerance), value.lower + 0.3 * (target - value.lower));
      if (value.upper <= goal || vertex.goal <= goal) continue;
      vertex.goal = goal;
      const next = oracle(vertex.s, goal);
      vertex.value = { lower: Math.max(value.lower, next.lower), upper: Math.min(value.upper, next.upper) };
      if (next.upper < value.upper) tightened = true;
    }
    if (tightened) {
      cones = cones.map(({ generators, bound }) => bounded(generators, bound));
      continue;
    }
    if (top.tight.length < 2) break;
    const length = norm2(top.point);
    const added = generatorAt(top.point.map((x) => x / length));
    // a split at a generator splits nothing: the values at hand do not allow for more
    if (top.generators.some(({ vertex }) => vertex === added.vertex)) break;
    const children = top.tight.map((k) =>
      bounded(
        top.generators.map((generator, i) => (i === k ? added : generator)),
        top.bound,
      ),
    );
    cones.splice(cones.indexOf(top), 1, ...children);
  }
  return worst().bound;
}

/**
 * The cone of these generators with its bound, at most `atMost` (that of a cone around it): the active set method for min ||p|| subject to
 * p's_i >= upper_i, then p stretched until all of these hold as computed.
 */
function bounded(generators: readonly Generator[], atMost: number): Cone {
  const r = generators.length;
  const upper = generators.map(({ vertex }) => vertex.value.upper);
  let tight = Array.from({ length: r }, (_, k) => k);
  let point: Float64Array = new Float64Array(r);
  for (let round = 0; round < 2 * r + 2; round++) {
    const lambda = multipliers(generators, tight, upper);
    let least = 0;
    lambda.forEach((value, k) => {
      if (value < lambda[least]) least = k;
    });
    if (!(lambda[least] > 0) && tight.length > 1) {
      tight = tight.filter((_, k) => k !== least);
      continue;
    }
    point = new Float64Array(r);
    tight.forEach((i, k) => {
      for (let j = 0; j < r; j++) point[j] += lambda[k] * generators[i].s[j];
    });
    const missing = generators.findIndex(({ s }, i) => !tight.includes(i) && dot(point, s) < upper[i] * (1 - 1e-12));
    if (missing < 0) break;
    tight = [...tight, missing].sort((a, b) => a - b);
  }
  let stretch = 0;
  generators.forEach(({ s }, i) => {
    const product = dot(point, s);
    if (upper[i] > 0) stretch = Math.max(stretch, product > 0 ? upper[i] / product : Infinity);
  });
  const bound = norm2(point) * stretch * (1 + 4e-16 * (r + 4));
  return { generators, bound: Number.isFinite(bound) ? Math.min(atMost, bound) : atMost, point, tight };
}

/** lambda with (sum_k lambda_k s_k)'s_i = upper_i for all i that are tight, by Gaussian elimination on their Gram matrix. */
function multipliers(generators: readonly Generator[], tight: readonly number[], upper: readonly number[]): number[] {
  const m = tight.length;
  const A = tight.map((i) => [...tight.map((k) => dot(generators[i].s, generators[k].s)), upper[i]]);
  for (let col = 0; col < m; col++) {
    let pivot = col;
    for (let row = col + 1; row < m; row++) if (Math.abs(A[row][col]) > Math.abs(A[pivot][col])) pivot = row;
    [A[col], A[pivot]] = [A[pivot], A[col]];
    for (let row = col + 1; row < m; row++) {
      const factor = A[row][col] / A[col][col];
      for (let k = col; k <= m; k++) A[row][k] -= factor * A[col][k];
    }
  }
  const x = new Array<number>(m).fill(0);
  for (let row = m - 1; row >= 0; row--) {
    let s = A[row][m];
    for (let k = row + 1; k < m; k++) s -= A[row][k] * x[k];
    x[row] = s / A[row][row];
  }
  return x;
}
