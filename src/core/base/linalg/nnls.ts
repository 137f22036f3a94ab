import type { DenseMatrix } from './matrix.ts';
import { rowProducts } from './rowProducts.ts';

/** Multiplications between two looks for a stop. */
const pollWork = 4e6;
/** Rows violated by at least this part of the largest violation are looked at before all rows are looked at again; by the second where they would be more than so many. */
const candidateShares = [0.2, 0.8] as const;
const mostCandidates = 20_000;

/**
 * Projections onto polyhedral cones {u : s_r x_r'u >= 0 for all rows r of X}, one non-negative least squares problem each (Moreau 1962):
 *     max_{u in K, ||u|| <= 1} g'u = min_{rho >= 0} ||g + X'S rho||,   attained at the projection p = g + X'S rho of g.
 * Active set method of Lawson and Hanson (1974, ch. 23) with an orthonormal basis of the rows in the set; O(nd) per change of the
 * set, of which there are about as many as rows are tight at the answer. Work space is allocated once.
 *
 * With `penalizedCols` = d - 1 the last coordinate b of u is free, i.e. only the others count in the norm. Then the maximum is that
 * of g'u over ||u_1..d-1|| <= 1, found by the proximal point method in b (Rockafellar 1976), each step being one projection.
 */
export class ConeProjector {
  /** Multipliers rho of the last call, n numbers, zero outside the tight rows; they belong to unscaled rows. */
  readonly multipliers: Float64Array;
  /** Tight rows of the last call (those that carry a multiplier): `tightRows[0..tightCount)`. */
  readonly tightRows: Int32Array;
  tightCount = 0;
  /** Asked every few million multiplications: a stop ends the iterations, which leaves the value returned an upper bound. */
  shouldStop: (() => boolean) | undefined;
  private readonly n: number;
  private readonly d: number;
  private readonly free: boolean;
  /** Rows count with norm 1 (one over what they have, 0 for zero rows); with a free bias the last column is stretched first. */
  private readonly inverse: Float64Array;
  private readonly stretch: number;
  /** Scale of all columns but the last in the current metric. */
  private weight = 1;
  private readonly target: Float64Array;
  private readonly residual: Float64Array;
  /** The residual with weight and stretch applied: its product with a row is that of the weighted row. */
  private readonly probe: Float64Array;
  private readonly Q: Float64Array;
  private readonly R: Float64Array;
  private readonly work: Float64Array;
  private readonly coefficients: Float64Array;
  private readonly fresh: Float64Array;
  private readonly state: Uint8Array;
  private readonly products: Float64Array;
  private readonly candidates: Int32Array;
  private asked = 0;

  constructor(
    private readonly X: DenseMatrix,
    readonly penalizedCols: number = X.cols,
  ) {
    const { rows: n, cols: d } = X;
    this.n = n;
    this.d = d;
    this.free = penalizedCols < d;
    this.inverse = new Float64Array(n);
    let mean = 0;
    for (let i = 0; i < n * d; i++) mean += X.data[i] * X.data[i];
    this.stretch = this.free ? 30 * Math.sqrt(mean / n) || 1 : 1;
    for (let i = 0; i < n; i++) {
      let s = 0;
      for (let k = 0; k < d; k++) {
        const value = X.data[i * d + k] * (k === d - 1 ? this.stretch : 1);
        s += value * value;
      }
      if (s > 0) this.inverse[i] = 1 / Math.sqrt(s);
    }
    this.multipliers = new Float64Array(n);
    this.tightRows = new Int32Array(d + 1);
    this.target = new Float64Array(d);
    this.residual = new Float64Array(d);
    this.probe = new Float64Array(d);
    this.Q = new Float64Array((d + 1) * d);
    this.R = new Float64Array((d + 1) * (d + 1));
    this.work = new Float64Array(d);
    this.coefficients = new Float64Array(d + 1);
    this.fresh = new Float64Array(d + 1);
    this.state = new Uint8Array(n);
    this.products = new Float64Array(n);
    this.candidates = new Int32Array(n);
  }

  /**
   * Projects g (d numbers) onto the cone of `signs` (n entries, +1 or -1) and writes the projection to `p`. Returns
   * min_{rho >= 0} ||g + X'S rho|| over the penalised columns for the multipliers found: an upper bound of the maximum by
   * construction, equal to it up to rounding. Once the bound is at most `enough` it need not get better (where no coordinate is free).
   */
  project(signs: Int8Array, g: ArrayLike<number>, p: Float64Array, enough = 0): number {
    const { d, target } = this;
    this.weight = 1;
    if (!this.free) {
      for (let k = 0; k < d; k++) target[k] = g[k];
      this.tightCount = 0;
      this.solve(signs, enough);
      p.set(this.residual);
      return this.finish(signs, g);
    }
    let b = 0;
    this.tightCount = 0;
    let previous = Infinity;
    for (let round = 0; round < 60; round++) {
      for (let k = 0; k < d - 1; k++) target[k] = g[k];
      target[d - 1] = this.stretch * g[d - 1] + b;
      this.solve(signs);
      const change = Math.abs(this.residual[d - 1] - b);
      b = this.residual[d - 1];
      let size = Math.abs(b);
      for (let k = 0; k < d - 1; k++) size = Math.max(size, Math.abs(this.residual[k]));
      if (change <= 1e-15 * size || (change >= previous && change <= 1e-12 * size)) break;
      previous = change;
    }
    for (let k = 0; k < d - 1; k++) p[k] = this.residual[k];
    p[d - 1] = this.residual[d - 1] * this.stretch;
    return this.finish(signs, g);
  }

  /**
   * Writes to `p` the point of the cone of `signs` that is least in p'M p / 2 - g'p, where M is the identity but for 1 / weight^2 on all coordinates
   * but the last: the projection of g when the weight is 1. No coordinate is free here. The rows of `start` are tried first: those that
   * were tight at a similar g save most of the work. Afterwards `tightRows` holds the rows with a multiplier.
   */
  nearest(signs: Int8Array, g: ArrayLike<number>, p: Float64Array, start: ArrayLike<number> = [], weight = 1): void {
    const { d, target, residual, tightRows } = this;
    this.weight = weight;
    for (let k = 0; k < d; k++) target[k] = k < d - 1 ? weight * g[k] : g[k];
    tightRows.set(start);
    this.tightCount = start.length;
    this.solve(signs);
    for (let k = 0; k < d; k++) p[k] = k < d - 1 ? weight * residual[k] : residual[k];
  }

  /** Active set iterations for `target`; starts from the tight rows left by the previous call of the same `project`. */
  private solve(signs: Int8Array, enough = 0): void {
    const { n, d, target, residual, probe, weight, stretch, state, tightRows, coefficients, fresh, candidates } = this;
    let scale = 0;
    for (let k = 0; k < d; k++) scale += target[k] * target[k];
    scale = Math.sqrt(scale);
    residual.set(target);
    state.fill(0);
    const kept = this.tightCount;
    this.tightCount = 0;
    for (let t = 0; t < kept && this.tightCount < d; t++) {
      // reads ahead of where it writes
      const r = tightRows[t];
      if (this.append(r, signs[r])) state[r] = 1;
    }
    // a warm start must be feasible: rows with negative multipliers leave until none has
    for (;;) {
      this.leastSquares(coefficients);
      const before = this.tightCount;
      this.dropZeros();
      if (this.tightCount === before) break;
    }
    this.computeResidual();
    const tolerance = 1e-14 * scale;
    let norm = this.residualNorm();
    let count = 0;
    /** Rows that depend on those in the basis as it is. */
    const dependent: number[] = [];
    for (let round = 0; round < 10 * (d + n); round++) {
      if (this.tightCount >= d || norm <= enough) break;
      this.asked += (count + 4 * this.tightCount) * d;
      if (this.asked > pollWork) {
        this.asked = 0;
        if (this.shouldStop?.() === true) break;
      }
      for (let k = 0; k < d; k++) probe[k] = (k < d - 1 ? weight : stretch) * residual[k];
      let which = this.worstOf(candidates, count, signs, -tolerance);
      if (which < 0) {
        this.asked += n * d;
        count = this.violated(signs, -tolerance);
        which = this.worstOf(candidates, count, signs, -tolerance);
      }
      if (which < 0) break;
      if (!this.append(which, signs[which])) {
        state[which] = 2;
        dependent.push(which);
        continue;
      }
      coefficients[this.tightCount - 1] = 0;
      state[which] = 1;
      for (;;) {
        this.leastSquares(fresh);
        let step = 1;
        let blocking = -1;
        for (let k = 0; k < this.tightCount; k++) {
          if (fresh[k] > 0) continue;
          const length = coefficients[k] / (coefficients[k] - fresh[k]);
          if (blocking < 0 || length < step) {
            step = length;
            blocking = k;
          }
        }
        if (blocking < 0) {
          for (let k = 0; k < this.tightCount; k++) coefficients[k] = fresh[k];
          break;
        }
        if (!(step >= 0)) step = 0;
        for (let k = 0; k < this.tightCount; k++) coefficients[k] += step * (fresh[k] - coefficients[k]);
        coefficients[blocking] = 0;
        this.dropZeros();
      }
      this.computeResidual();
      const next = this.residualNorm();
      // in exact arithmetic the norm falls strictly; once it does not, the rest is rounding
      if (!(next < norm)) break;
      norm = next;
      for (const i of dependent) state[i] = 0;
      dependent.length = 0;
      if (norm <= 1e-15 * scale) break;
    }
  }

  /** Fills the list of candidates with the rows whose constraint is violated by at least part of the largest violation; returns how many. */
  private violated(signs: Int8Array, least: number): number {
    const { n, X, inverse, probe, state, products, candidates } = this;
    rowProducts(X, probe, products);
    let worst = least;
    for (let i = 0; i < n; i++) {
      const product = state[i] === 0 ? products[i] * inverse[i] * signs[i] : 0;
      products[i] = product;
      if (product < worst) worst = product;
    }
    let count = 0;
    if (!(worst < least)) return 0;
    for (const share of candidateShares) {
      count = 0;
      for (let i = 0; i < n; i++) if (products[i] <= share * worst) candidates[count++] = i;
      if (count <= mostCandidates) break;
    }
    return count;
  }

  /** The candidate with the largest violation beyond `least`, or -1. */
  private worstOf(candidates: Int32Array, count: number, signs: Int8Array, least: number): number {
    const { d, inverse, probe, state } = this;
    const { data } = this.X;
    let worst = least;
    let which = -1;
    for (let t = 0; t < count; t++) {
      const i = candidates[t];
      if (state[i] !== 0) continue;
      let s = 0;
      for (let k = 0, at = i * d; k < d; k++) s += data[at + k] * probe[k];
      s *= inverse[i] * signs[i];
      if (s < worst) {
        worst = s;
        which = i;
      }
    }
    return which;
  }

  private dropZeros(): void {
    const { tightRows, coefficients, state } = this;
    for (let k = this.tightCount - 1; k >= 0; k--) {
      if (coefficients[k] > 0) continue;
      state[tightRows[k]] = 0;
      this.remove(k);
    }
  }

  /** Takes row k out of the basis: its column leaves R, and Givens rotations make R triangular again. */
  private remove(k: number): void {
    const { d, Q, R, tightRows, coefficients } = this;
    const m = this.tightCount;
    const stride = d + 1;
    for (let t = k; t + 1 < m; t++) {
      tightRows[t] = tightRows[t + 1];
      coefficients[t] = coefficients[t + 1];
      for (let l = 0; l <= t + 1; l++) R[t * stride + l] = R[(t + 1) * stride + l];
    }
    for (let l = k; l + 1 < m; l++) {
      const a = R[l * stride + l];
      const b = R[l * stride + l + 1];
      const length = Math.hypot(a, b);
      if (length === 0) continue;
      const [c, s] = [a / length, b / length];
      for (let t = l; t + 1 < m; t++) {
        const x = R[t * stride + l];
        const y = R[t * stride + l + 1];
        R[t * stride + l] = c * x + s * y;
        R[t * stride + l + 1] = c * y - s * x;
      }
      for (let j = 0, x = l * d, y = x + d; j < d; j++, x++, y++) {
        const [p, q] = [Q[x], Q[y]];
        Q[x] = c * p + s * q;
        Q[y] = c * q - s * p;
      }
    }
    this.tightCount = m - 1;
  }

  /** Adds a row to the basis; false when it depends on those that are in. */
  private append(r: number, sign: number): boolean {
    const { d, Q, R, X, weight, stretch, tightCount: m } = this;
    const q = Q.subarray(m * d, (m + 1) * d);
    const factor = sign * this.inverse[r];
    let whole = 0;
    for (let k = 0; k < d; k++) {
      q[k] = factor * X.data[r * d + k] * (k < d - 1 ? weight : stretch);
      whole += q[k] * q[k];
    }
    const column = m * (d + 1);
    for (let l = 0; l < m; l++) R[column + l] = 0;
    for (let pass = 0; pass < 2; pass++) {
      for (let l = 0; l < m; l++) {
        let s = 0;
        for (let k = 0; k < d; k++) s += Q[l * d + k] * q[k];
        R[column + l] += s;
        for (let k = 0; k < d; k++) q[k] -= s * Q[l * d + k];
      }
    }
    let length = 0;
    for (let k = 0; k < d; k++) length += q[k] * q[k];
    length = Math.sqrt(length);
    if (!(length > 1e-11 * Math.sqrt(whole))) return false;
    for (let k = 0; k < d; k++) q[k] /= length;
    R[column + m] = length;
    this.tightRows[m] = r;
    this.tightCount = m + 1;
    return true;
  }

  /** rho over the rows in the basis that minimises ||target + sum rho_k s_k x_k||, sign ignored. */
  private leastSquares(out: Float64Array): void {
    const { d, Q, R, target, tightCount: m } = this;
    for (let l = m - 1; l >= 0; l--) {
      let s = 0;
      for (let k = 0; k < d; k++) s -= Q[l * d + k] * target[k];
      for (let k = l + 1; k < m; k++) s -= R[k * (d + 1) + l] * out[k];
      out[l] = s / R[l * (d + 1) + l];
    }
  }

  /** residual := target minus its part in the span of the basis. */
  private computeResidual(): void {
    const { d, Q, residual, target, tightCount: m } = this;
    residual.set(target);
    for (let pass = 0; pass < 2; pass++) {
      for (let l = 0; l < m; l++) {
        let s = 0;
        for (let k = 0; k < d; k++) s += Q[l * d + k] * residual[k];
        for (let k = 0; k < d; k++) residual[k] -= s * Q[l * d + k];
      }
    }
  }

  private residualNorm(): number {
    let s = 0;
    for (let k = 0; k < this.d; k++) s += this.residual[k] * this.residual[k];
    return Math.sqrt(s);
  }

  /** Multipliers in units of the unscaled rows, and the bound they give, summed afresh from the rows. */
  private finish(signs: Int8Array, g: ArrayLike<number>): number {
    const { d, X, multipliers, tightRows, coefficients, work, inverse, penalizedCols } = this;
    multipliers.fill(0);
    for (let k = 0; k < d; k++) work[k] = g[k];
    let longest = 0;
    for (let t = 0; t < this.tightCount; t++) {
      const r = tightRows[t];
      const rho = coefficients[t] * inverse[r];
      multipliers[r] = rho;
      longest = Math.max(longest, 1 / inverse[r]);
      for (let k = 0; k < d; k++) work[k] += rho * signs[r] * X.data[r * d + k];
    }
    let s = 0;
    for (let k = 0; k < penalizedCols; k++) s += work[k] * work[k];
    // a free coordinate must balance to zero; what rounding leaves is paid for by the largest row
    return Math.sqrt(s) + (this.free ? Math.abs(work[d - 1]) * longest : 0);
  }
}

/** Either a point strictly inside a cone (norm 1), or rows on which every point of the cone is zero. */
export type ConeInterior =
  | { readonly interior: Float64Array; readonly equalities?: undefined }
  | { readonly interior?: undefined; readonly equalities: Int32Array };

/**
 * A point strictly inside {u : s_r x_r'u >= 0}; when there is none, the rows of a certificate rho >= 0, sum rho_r s_r x_r = 0, rho not 0 (Gordan's
 * alternative), all of which must vanish on the cone. Zero rows are ignored. `hint` is tried first.
 */
export function coneInterior(X: DenseMatrix, signs: Int8Array, hint?: ArrayLike<number>): ConeInterior {
  const { rows: n, cols: d, data } = X;
  const u = new Float64Array(d);
  const margin = (): number => {
    let length = 0;
    for (let k = 0; k < d; k++) length += u[k] * u[k];
    length = Math.sqrt(length);
    if (!(length > 0)) return -Infinity;
    let smallest = Infinity;
    for (let i = 0, at = 0; i < n; i++, at += d) {
      let s = 0;
      let size = 0;
      for (let k = 0; k < d; k++) {
        s += data[at + k] * u[k];
        size += data[at + k] * data[at + k];
      }
      if (size > 0) smallest = Math.min(smallest, (signs[i] * s) / Math.sqrt(size));
    }
    for (let k = 0; k < d; k++) u[k] /= length;
    return smallest / length;
  };
  if (hint !== undefined) {
    u.set(hint);
    if (margin() > 1e-6) return { interior: u };
  }
  // largest margin: the point nearest to 0 in the convex hull of the signed unit rows, as min ||sum rho_r s_r x_r||^2 + (1 - sum rho)^2
  const lifted = new Float64Array(n * (d + 1));
  for (let i = 0; i < n; i++) {
    let size = 0;
    for (let k = 0; k < d; k++) size += data[i * d + k] * data[i * d + k];
    size = Math.sqrt(size);
    if (!(size > 0)) continue;
    for (let k = 0; k < d; k++) lifted[i * (d + 1) + k] = (signs[i] * data[i * d + k]) / size;
    lifted[i * (d + 1) + d] = 1;
  }
  const projector = new ConeProjector({ rows: n, cols: d + 1, data: lifted });
  const target = new Float64Array(d + 1);
  target[d] = -1;
  const p = new Float64Array(d + 1);
  projector.project(new Int8Array(n).fill(1), target, p);
  // p = sum rho (s x, 1) - e: every lifted row has (s x, 1)'p >= 0, so s x'p_1..d >= -p_d
  for (let k = 0; k < d; k++) u[k] = p[k];
  const best = margin();
  if (best > 1e-11) return { interior: u };
  if (hint !== undefined) {
    u.set(hint);
    if (margin() > 1e-12) return { interior: u };
  }
  return { equalities: projector.tightRows.slice(0, projector.tightCount) };
}
