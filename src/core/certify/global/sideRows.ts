import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';

/** The cone at each level of a search: coordinates that it resolves, and generators. */
export interface LevelCones {
  readonly resolved: Int32Array;
  readonly size: Int32Array;
}

/**
 * The gain or loss rows of a hinge sum in a search over cones: their products with the vertices, and per level the rows that still
 * change sign within the cone. A cone resolves the first m coordinates; of the others it knows a length rho only, so that the product of
 * row i with a direction is its product s with the resolved part, give or take c_i rho, c_i the norm of the rest of the row. Two masks per row, one
 * bit per generator of the cone: whether the product can be positive there, and negative.
 */
export class SideRows {
  /** Rows in all. */
  readonly total: number;
  /** Undecided rows per level. */
  readonly count: Int32Array;
  /** Per level, over the undecided rows: their sum (all coordinates), and the sum of their c_i. */
  readonly undecidedSum: Float64Array;
  readonly undecidedNorm: Float64Array;
  /** Per level: upper bound of lambda_max(sum_i v_i v_i' / c_i) over the undecided rows, v_i what is past coordinate m. */
  readonly spread: Float64Array;
  /** The sum of c_i for which `spread` was computed. */
  private readonly spreadAt: Float64Array;
  private readonly n: number;
  private readonly d: number;
  private readonly products: Float64Array;
  private readonly ids: Int32Array;
  private readonly positive: Int32Array;
  private readonly negative: Int32Array;
  private readonly tiny: Float64Array;
  /** c_i for m = 0..d: entry m * n + i. */
  private readonly reach: Float64Array;
  /** For m = 0..d: `spread` over all rows, and which part of c_i counts on average when all rows move together (for choosing edges). */
  private readonly fullSpread: Float64Array;
  private readonly typical: Float64Array;

  constructor(
    private readonly rows: DenseMatrix,
    slots: number,
    private readonly cones: LevelCones,
    /** Whether `spread` is wanted. */
    private readonly needsSpread: boolean,
  ) {
    const { rows: n, cols: d, data } = rows;
    const levels = cones.resolved.length;
    this.n = n;
    this.total = n;
    this.d = d;
    this.count = new Int32Array(levels);
    this.undecidedSum = new Float64Array(levels * d);
    this.undecidedNorm = new Float64Array(levels);
    this.spread = new Float64Array(levels);
    this.spreadAt = new Float64Array(levels);
    this.products = new Float64Array(slots * n);
    this.ids = new Int32Array(levels * n);
    this.positive = new Int32Array(levels * n);
    this.negative = new Int32Array(levels * n);
    this.tiny = new Float64Array(n);
    this.reach = new Float64Array((d + 1) * n);
    for (let i = 0; i < n; i++) {
      let rest = 0;
      for (let m = d - 1; m >= 0; m--) {
        rest += data[i * d + m] ** 2;
        this.reach[m * n + i] = Math.sqrt(rest) * (1 + 1e-15 * d);
      }
      this.tiny[i] = 1e-15 * Math.sqrt(rest);
    }
    this.fullSpread = new Float64Array(d + 1).fill(NaN);
    this.fullSpread[d] = 0;
    this.typical = new Float64Array(d + 1).fill(1);
  }

  /** `spread` over all rows when m coordinates are resolved; computed when first asked for, with `typical`. */
  private spreadOfAll(m: number): number {
    if (!Number.isNaN(this.fullSpread[m])) return this.fullSpread[m];
    const { n } = this;
    this.fullSpread[m] = this.spreadOf(
      Int32Array.from({ length: n }, (_, i) => i),
      m,
    );
    let total = 0;
    for (let i = 0; i < n; i++) total += this.reach[m * n + i];
    if (total > 0) this.typical[m] = Math.sqrt(Math.min(1, this.fullSpread[m] / total));
    return this.fullSpread[m];
  }

  private spreadOf(ids: Int32Array, m: number): number {
    const { n, d, reach } = this;
    const size = d - m;
    const C = denseMatrix(size, size);
    let trace = 0;
    for (let e = 0; e < ids.length; e++) {
      const i = ids[e];
      const c = reach[m * n + i];
      if (c === 0) continue;
      trace += c;
      const x = this.rows.data.subarray(i * d + m, (i + 1) * d);
      for (let k = 0; k < size; k++) {
        const s = x[k] / c;
        for (let l = 0; l < size; l++) C.data[k * size + l] += s * x[l];
      }
    }
    return Math.max(0, symmetricEigen(C).values[size - 1]) + 1e-12 * size * trace;
  }

  /** Computes `spread` for the undecided rows of a level when they have become clearly fewer; whether it fell. */
  tightenSpread(level: number, m: number): boolean {
    const W = this.undecidedNorm[level];
    const before = this.spread[level];
    if (W === 0 || W > 0.7 * this.spreadAt[level] || W <= 1e-3 * before) return false;
    const from = level * this.n;
    const now = this.spreadOf(this.ids.subarray(from, from + this.count[level]), m);
    this.spreadAt[level] = W;
    this.spread[level] = Math.min(before, now);
    return now < before;
  }

  /** Level 0 holds all rows, undecided. */
  all(): void {
    this.count[0] = this.n;
    for (let i = 0; i < this.n; i++) this.ids[i] = i;
  }

  /**
   * Decides the undecided rows of `from` at the generators (slots) of the cone of level `to` and writes the rest to that level; those that are on
   * all over are added to the level's part of `slope`. `radii` are the rho of the generators.
   */
  decide(from: number, to: number, cone: Int32Array, radii: Float64Array, slope: Float64Array): void {
    const m = this.cones.resolved[to];
    const generators = this.cones.size[to];
    const { n, d, ids, positive, negative, products, tiny, reach } = this;
    const x = this.rows.data;
    const source = from * n;
    const target = to * n;
    const count = this.count[from];
    const sum = to * d;
    this.undecidedSum.fill(0, sum, sum + d);
    let norm = 0;
    let kept = 0;
    for (let e = 0; e < count; e++) {
      const i = ids[source + e];
      const c = reach[m * n + i];
      let plus = 0;
      let minus = 0;
      for (let k = 0; k < generators; k++) {
        const t = products[cone[k] * n + i];
        const width = c * radii[k];
        if (t + width > tiny[i]) plus |= 1 << k;
        if (t - width < -tiny[i]) minus |= 1 << k;
      }
      if (plus === 0) continue;
      if (minus === 0) {
        for (let j = 0; j < d; j++) slope[to * d + j] += x[i * d + j];
        continue;
      }
      ids[target + kept] = i;
      positive[target + kept] = plus;
      negative[target + kept] = minus;
      kept++;
      norm += c;
      if (m < d) for (let j = m; j < d; j++) this.undecidedSum[sum + j] += x[i * d + j];
    }
    this.count[to] = kept;
    this.undecidedNorm[to] = norm;
    this.spread[to] = this.needsSpread ? this.spreadOfAll(m) : 0;
    this.spreadAt[to] = Infinity;
  }

  /** The next level from this one, its generator at `position` replaced by the vertex in `slot` with radius `rho`. */
  inherit(level: number, position: number, slot: number, rho: number, slope: Float64Array): void {
    const m = this.cones.resolved[level];
    const { n, d, ids, positive, negative, products, tiny, reach } = this;
    const x = this.rows.data;
    const from = level * n;
    const to = from + n;
    const bit = 1 << position;
    const keep = ~bit;
    const base = slot * n;
    const count = this.count[level];
    const sum = (level + 1) * d;
    if (m < d) this.undecidedSum.copyWithin(sum, sum - d, sum);
    let left = this.undecidedNorm[level];
    let kept = 0;
    for (let e = from; e < from + count; e++) {
      const i = ids[e];
      const t = products[base + i];
      const width = reach[m * n + i] * rho;
      let plus = positive[e] & keep;
      let minus = negative[e] & keep;
      if (t + width > tiny[i]) plus |= bit;
      if (t - width < -tiny[i]) minus |= bit;
      if (plus === 0 || minus === 0) {
        if (minus === 0) for (let j = 0; j < d; j++) slope[sum + j] += x[i * d + j];
        if (m < d) {
          for (let j = m; j < d; j++) this.undecidedSum[sum + j] -= x[i * d + j];
          // terms only ever leave this sum: rounding stays on the safe side
          left -= reach[m * n + i] * (1 - 1e-12);
        }
        continue;
      }
      ids[to + kept] = i;
      positive[to + kept] = plus;
      negative[to + kept] = minus;
      kept++;
    }
    this.count[level + 1] = kept;
    this.undecidedNorm[level + 1] = Math.max(0, left);
    this.spread[level + 1] = this.spread[level];
    this.spreadAt[level + 1] = Math.min(this.spreadAt[level], this.undecidedNorm[0]);
  }

  /** Products of the level's undecided rows with the resolved part u of a vertex, kept for the slot; returns the sum of the positive ones. */
  multiply(level: number, slot: number, u: Float64Array, m: number): number {
    const { n, d, ids, products } = this;
    const x = this.rows.data;
    let sum = 0;
    for (let e = level * n, end = e + this.count[level]; e < end; e++) {
      const i = ids[e];
      let t = 0;
      for (let j = 0, at = i * d; j < m; j++) t += x[at + j] * u[j];
      products[slot * n + i] = t;
      if (t > 0) sum += t;
    }
    return sum;
  }

  /** Sum of the positive products of the level's undecided rows with z (all coordinates). */
  activeSum(level: number, z: Float64Array): number {
    const { n, d, ids } = this;
    const x = this.rows.data;
    let sum = 0;
    for (let e = level * n, end = e + this.count[level]; e < end; e++) {
      let t = 0;
      for (let j = 0, at = ids[e] * d; j < d; j++) t += x[at + j] * z[j];
      if (t > 0) sum += t;
    }
    return sum;
  }

  /** Adds the undecided rows that are on at z (all coordinates) to zeta; returns the sum of their products. */
  addActive(level: number, z: Float64Array, zeta: Float64Array): number {
    const { n, d, ids } = this;
    const x = this.rows.data;
    let sum = 0;
    for (let e = level * n, end = e + this.count[level]; e < end; e++) {
      const at = ids[e] * d;
      let t = 0;
      for (let j = 0; j < d; j++) t += x[at + j] * z[j];
      if (t <= 0) continue;
      sum += t;
      for (let j = 0; j < d; j++) zeta[j] += x[at + j];
    }
    return sum;
  }

  /**
   * out[offset..] := weight times the products of the undecided rows at a slot; when m < d twice, shifted up and down by what the other
   * coordinates typically add. Returns the sum of their sizes.
   */
  scaledProducts(level: number, slot: number, rho: number, weight: number, out: Float64Array, offset: number): number {
    const m = this.cones.resolved[level];
    const { n, ids, products, reach } = this;
    const from = level * n;
    const count = this.count[level];
    let sum = 0;
    if (m === this.d) {
      for (let e = 0; e < count; e++) {
        const t = weight * products[slot * n + ids[from + e]];
        out[offset + e] = t;
        sum += Math.abs(t);
      }
      return sum;
    }
    const factor = this.typical[m] * rho;
    for (let e = 0; e < count; e++) {
      const i = ids[from + e];
      const t = products[slot * n + i];
      const shift = factor * reach[m * n + i];
      const up = weight * (t + shift);
      const down = weight * (t - shift);
      out[offset + e] = up;
      out[offset + count + e] = down;
      sum += Math.abs(up) + Math.abs(down);
    }
    return sum;
  }
}
