import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import { denseMatrix } from '../../base/linalg/matrix.ts';
import type { UnitLines } from './lines.ts';
import type { AtomPoint } from './pairs.ts';

/**
 * A line x_i beside a combination of others: |x_i'u| <= sum_j |factor_j| |x_j'u| + |g'u| with g = x_i - sum_j factor_j x_j, for every u (triangle inequality).
 */
export interface LineTriangle {
  readonly line: number;
  readonly others: Int32Array;
  readonly factors: Float64Array;
}

/** A triangle that a point violates; `gain` says by how much, weighed by what its line carries. */
export interface ViolatedTriangle {
  readonly triangle: LineTriangle;
  readonly gain: number;
}

export interface TriangleSearch {
  /** What each line carries in the sum that is maximised; only lines that carry more than nothing are looked at. */
  readonly loads: ArrayLike<number>;
  /** Lines that may be in triangles, ascending. */
  readonly among: Int32Array;
  readonly shouldStop: () => boolean;
}

/** g of a triangle (d numbers) into `out`. */
export function remainder({ line, others, factors }: LineTriangle, x: Float64Array, out: Float64Array): void {
  const d = out.length;
  for (let k = 0; k < d; k++) out[k] = x[line * d + k];
  for (let m = 0; m < others.length; m++) {
    const at = others[m] * d;
    for (let k = 0; k < d; k++) out[k] -= factors[m] * x[at + k];
  }
}

/**
 * For each line the triangle that the point (second moments U and half-widths a of an atom over tau) violates most, where there is one: by |g'u| <= sqrt(g'U g)
 * in the mean, the half-width of line i is at most
 *     min over factors of sqrt(g'U g) + sum_j |factor_j| a_j,
 * a lasso with the root of the squares (Belloni, Chernozhukov and Wang 2011) in d dimensions, solved by coordinate descent on a growing set of lines. What there is
 * after a stop.
 */
export function violatedTriangles(
  { U, a }: AtomPoint,
  { unit }: UnitLines,
  { loads, among, shouldStop }: TriangleSearch,
): ViolatedTriangle[] {
  const found: ViolatedTriangle[] = [];
  const lasso = new RootLasso(unit.data, unit.cols, U, a, among);
  for (const i of among) {
    if (!(loads[i] > 0) || !(a[i] > 0)) continue;
    if (shouldStop()) break;
    const best = lasso.solve(i);
    if (best === undefined) continue;
    found.push({ triangle: best.triangle, gain: (a[i] - best.value) * loads[i] });
  }
  return found;
}

/** Part of a half-width that a triangle has to take away. */
const leastExcess = 1e-4;

/** Factors below are left out: a triangle holds with any. */
const leastFactor = 1e-3;

/** Length of g over that of its line, at least: where it is less all factors shrink by that part, which costs next to nothing. */
const leastRemainder = 0.02;

/** Rounds in which lines are added, how many at a time, and sweeps over them after each. */
const rounds = 25;
const atATime = 4;
const sweeps = 30;

class RootLasso {
  /** Lines times a root of U, L x d, their squared lengths. */
  private readonly Z: Float64Array;
  private readonly squares: Float64Array;
  private readonly r: Float64Array;
  private readonly factors: Float64Array;

  constructor(
    x: Float64Array,
    private readonly d: number,
    U: Float64Array,
    private readonly a: Float64Array,
    private readonly among: Int32Array,
  ) {
    const L = a.length;
    const { values, vectors } = symmetricEigen(denseMatrix(d, d, U.slice()));
    this.Z = new Float64Array(L * d);
    this.squares = new Float64Array(L);
    for (const i of among) {
      for (let k = 0; k < d; k++) {
        let s = 0;
        for (let l = 0; l < d; l++) s += vectors[k * d + l] * x[i * d + l];
        s *= Math.sqrt(Math.max(values[k], 0));
        this.Z[i * d + k] = s;
        this.squares[i] += s * s;
      }
    }
    this.r = new Float64Array(d);
    this.factors = new Float64Array(L);
  }

  /** The least value for line i and its triangle; undefined where that is about the half-width. */
  solve(i: number): { readonly value: number; readonly triangle: LineTriangle } | undefined {
    const { Z, d, a, r, factors } = this;
    r.set(Z.subarray(i * d, (i + 1) * d));
    const active: number[] = [];
    for (let round = 0; round < rounds; round++) {
      if (!this.grow(i, active)) break;
      this.descend(active);
    }
    // g must not vanish: the cone that bounds |g'u| would have no inside
    const own = this.squares[i];
    if (lengthSquared(r) < leastRemainder * leastRemainder * own) {
      for (const j of active) factors[j] *= 1 - leastRemainder;
      for (let k = 0; k < d; k++) r[k] += leastRemainder * (Z[i * d + k] - r[k]);
    }
    let value = Math.sqrt(lengthSquared(r));
    for (const j of active) value += Math.abs(factors[j]) * a[j];
    const used = active.filter((j) => Math.abs(factors[j]) > leastFactor).sort((p, q) => p - q);
    const triangle = {
      line: i,
      others: Int32Array.from(used),
      factors: Float64Array.from(used, (j) => factors[j]),
    };
    for (const j of active) factors[j] = 0;
    return used.length > 0 && value < a[i] * (1 - leastExcess) ? { value, triangle } : undefined;
  }

  /** Adds the lines along which the value falls fastest; false when there are none. */
  private grow(i: number, active: number[]): boolean {
    const { Z, d, a, r, among } = this;
    const length = Math.sqrt(lengthSquared(r));
    const slopes = new Float64Array(atATime);
    const lines = new Int32Array(atATime).fill(-1);
    for (const j of among) {
      if (j === i) continue;
      let s = 0;
      for (let k = 0, at = j * d; k < d; k++) s += Z[at + k] * r[k];
      const slope = (Math.abs(s) - a[j] * length) / Math.sqrt(this.squares[j]);
      if (!(slope > 1e-6 * length) || slope <= slopes[atATime - 1] || active.includes(j)) continue;
      let at = atATime - 1;
      for (; at > 0 && slopes[at - 1] < slope; at--) {
        slopes[at] = slopes[at - 1];
        lines[at] = lines[at - 1];
      }
      slopes[at] = slope;
      lines[at] = j;
    }
    for (const j of lines) if (j >= 0) active.push(j);
    return lines[0] >= 0;
  }

  /** Coordinate descent over the active lines: each factor to its minimiser. */
  private descend(active: readonly number[]): void {
    const { Z, d, a, r, factors, squares } = this;
    for (let sweep = 0; sweep < sweeps; sweep++) {
      let change = 0;
      for (const j of active) {
        const [before, square, own] = [factors[j], squares[j], a[j]];
        let b = 0;
        for (let k = 0, at = j * d; k < d; k++) b += Z[at + k] * r[k];
        b += before * square;
        // |r + (before - t) z|^2 = square (t - b / square)^2 + across
        const across = Math.max(0, lengthSquared(r) + before * (2 * b - before * square) - (b * b) / square);
        let t = 0;
        if (own * own < square) {
          const shift = (own * Math.sqrt(across)) / Math.sqrt(square * (square - own * own));
          t = Math.sign(b) * Math.max(0, Math.abs(b) / square - shift);
        }
        if (t === before) continue;
        for (let k = 0, at = j * d; k < d; k++) r[k] += (before - t) * Z[at + k];
        factors[j] = t;
        change = Math.max(change, Math.abs(t - before));
      }
      if (change < 1e-3 * leastFactor) break;
    }
  }
}

function lengthSquared(r: Float64Array): number {
  let s = 0;
  for (let k = 0; k < r.length; k++) s += r[k] * r[k];
  return s;
}

/** The kept triangles of every atom and the violated ones that gain most over all atoms, `most` in all. */
export function selectTriangles(
  kept: readonly (readonly LineTriangle[])[],
  violated: readonly (readonly ViolatedTriangle[])[],
  most: number,
): readonly (readonly LineTriangle[])[] {
  const triangles = kept.map((list) => [...list]);
  const count = kept.reduce((sum, list) => sum + list.length, 0);
  const all = violated.flatMap((list, atom) => list.map(({ triangle, gain }) => ({ triangle, gain, atom })));
  all.sort((p, q) => q.gain - p.gain);
  for (const { triangle, atom } of all.slice(0, Math.max(0, most - count))) triangles[atom].push(triangle);
  return triangles;
}
