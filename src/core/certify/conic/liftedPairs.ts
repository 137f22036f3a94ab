import type { UnitLines } from './lines.ts';
import type { LinePair } from './pairs.ts';
import { LinearCone } from './scaledCones.ts';
import { lowerFactor, SemidefiniteTriples } from './semidefiniteTriples.ts';

/** Multipliers of lifted pairs for the bound. */
export interface PairMultipliers {
  readonly pairs: readonly LinePair[];
  /** Six numbers for each pair, a lower triangle l row by row: (1, a_i, a_j) l l' (1, a_i, a_j)' >= 0. */
  readonly root: Float64Array;
  /** One number in [-1, 1] for each pair, of a_i a_j >= turn x_i'u u'x_j. */
  readonly turn: Float64Array;
}

/** Numbers of a pair that the shape gives: x_i'U x_j, x_i'U x_i, x_j'U x_j and tau. */
export const pairMoments = 4;

/** What is left of a pair in the Newton matrix once its A is eliminated. */
export interface PairReduction {
  /** On a_i, a_j: entries ii, ij, jj. */
  readonly halfWidths: Float64Array;
  /** Of a_i with the moments, then of a_j. */
  readonly between: Float64Array;
  /** Lower factor (4 x 4) of the block on the moments. */
  readonly root: Float64Array;
}

/**
 * Pairs of lines of one atom with the product A of their half-widths as a variable: [tau a_i a_j; a_i T_ii A; a_j A T_jj] psd and A >= |T_ij| for T = X U X'
 * (true for a = |Xu|, A = a_i a_j). The variables A stand one after the other from `at` on, the half-widths from `halfWidths` on.
 */
export class LiftedPairs {
  readonly psd: SemidefiniteTriples;
  /** A - T_ij of all pairs, then A + T_ij. */
  readonly sides: LinearCone;
  /** For each pair the Newton matrix of A with A, a_i, a_j and the moments. */
  private readonly rows: Float64Array;
  private readonly moments: Float64Array;

  constructor(
    private readonly lines: UnitLines,
    readonly pairs: readonly LinePair[],
    private readonly halfWidths: number,
    private readonly at: number,
  ) {
    const N = pairs.length;
    this.psd = new SemidefiniteTriples(N);
    this.sides = new LinearCone(2 * N);
    this.rows = new Float64Array(7 * N);
    this.moments = new Float64Array(N);
  }

  /** T_ij of all pairs from X U. */
  private products(XU: Float64Array): Float64Array {
    const { pairs, moments } = this;
    const { cols: d, data: x } = this.lines.unit;
    for (let p = 0; p < pairs.length; p++) {
      const [i, j] = [pairs[p].i * d, pairs[p].j * d];
      let s = 0;
      for (let k = 0; k < d; k++) s += x[j + k] * XU[i + k];
      moments[p] = s;
    }
    return moments;
  }

  /** Points of both cones from the variables y, X U, the squares T_ii of all lines, and tau. */
  apply(
    y: Float64Array,
    XU: Float64Array,
    squares: ArrayLike<number>,
    tau: number,
    psd: Float64Array,
    sides: Float64Array,
  ): void {
    const { pairs, at, halfWidths } = this;
    const N = pairs.length;
    const T = this.products(XU);
    for (let p = 0, m = 0; p < N; p++, m += 9) {
      const { i, j } = pairs[p];
      psd[m] = tau;
      psd[m + 1] = psd[m + 3] = y[halfWidths + i];
      psd[m + 2] = psd[m + 6] = y[halfWidths + j];
      psd[m + 4] = squares[i];
      psd[m + 8] = squares[j];
      psd[m + 5] = psd[m + 7] = y[at + p];
      sides[p] = y[at + p] - T[p];
      sides[N + p] = y[at + p] + T[p];
    }
  }

  /** The adjoint of `apply`: adds factor times it to the variables in `out`, and to R (L x d) what is due to X U; answers what is due to tau. */
  adjoint(psd: Float64Array, sides: Float64Array, factor: number, out: Float64Array, R: Float64Array): number {
    const { pairs, at, halfWidths, lines } = this;
    const { cols: d, data: x } = lines.unit;
    const N = pairs.length;
    let tau = 0;
    for (let p = 0, m = 0; p < N; p++, m += 9) {
      const { i, j } = pairs[p];
      tau += psd[m];
      out[halfWidths + i] += factor * (psd[m + 1] + psd[m + 3]);
      out[halfWidths + j] += factor * (psd[m + 2] + psd[m + 6]);
      out[at + p] += factor * (psd[m + 5] + psd[m + 7] + sides[p] + sides[N + p]);
      const cross = sides[N + p] - sides[p];
      for (let k = 0; k < d; k++) {
        R[i * d + k] += cross * x[j * d + k] + psd[m + 4] * x[i * d + k];
        R[j * d + k] += psd[m + 8] * x[j * d + k];
      }
    }
    return tau;
  }

  /** Newton matrix of every pair at the present scaling with A eliminated, one after the other. */
  reduce(visit: (pair: LinePair, reduction: PairReduction) => void): void {
    const { pairs, psd, sides, rows } = this;
    const N = pairs.length;
    const h = new Float64Array(7);
    const corner = new Float64Array(16);
    const reduction = { halfWidths: new Float64Array(3), between: new Float64Array(8), root: corner };
    const { halfWidths, between } = reduction;
    for (let p = 0, m = 0; p < N; p++, m += 9) {
      const Q = psd.Q;
      const [q00, q01, q02, q11, q12, q22] = [Q[m], Q[m + 1], Q[m + 2], Q[m + 4], Q[m + 5], Q[m + 8]];
      const low = sides.z[p] / sides.s[p];
      const high = sides.z[N + p] / sides.s[N + p];
      h[0] = 2 * (q11 * q22 + q12 * q12) + low + high;
      h[1] = 2 * (q01 * q12 + q11 * q02);
      h[2] = 2 * (q01 * q22 + q12 * q02);
      h[3] = high - low;
      h[4] = 2 * q11 * q12;
      h[5] = 2 * q12 * q22;
      h[6] = 2 * q01 * q02;
      rows.set(h, 7 * p);
      halfWidths[0] = 2 * (q00 * q11 + q01 * q01) - (h[1] * h[1]) / h[0];
      halfWidths[1] = 2 * (q00 * q12 + q01 * q02) - (h[1] * h[2]) / h[0];
      halfWidths[2] = 2 * (q00 * q22 + q02 * q02) - (h[2] * h[2]) / h[0];
      between[0] = -(h[1] * h[3]) / h[0];
      between[1] = 2 * q01 * q11 - (h[1] * h[4]) / h[0];
      between[2] = 2 * q02 * q12 - (h[1] * h[5]) / h[0];
      between[3] = 2 * q00 * q01 - (h[1] * h[6]) / h[0];
      between[4] = -(h[2] * h[3]) / h[0];
      between[5] = 2 * q01 * q12 - (h[2] * h[4]) / h[0];
      between[6] = 2 * q02 * q22 - (h[2] * h[5]) / h[0];
      between[7] = 2 * q00 * q02 - (h[2] * h[6]) / h[0];
      corner.fill(0);
      corner[0] = low + high;
      corner[5] = q11 * q11;
      corner[9] = q12 * q12;
      corner[10] = q22 * q22;
      corner[13] = q01 * q01;
      corner[14] = q02 * q02;
      corner[15] = q00 * q00;
      for (let t = 0; t < 4; t++) for (let s = 0; s <= t; s++) corner[4 * t + s] -= (h[3 + t] * h[3 + s]) / h[0];
      factorCorner(corner);
      visit(pairs[p], reduction);
    }
  }

  /** Takes A on the right-hand side y over to a, and puts what it adds to X U into R and to tau into the answer. */
  reduceRight(y: Float64Array, R: Float64Array): number {
    const { pairs, rows, at, halfWidths, lines } = this;
    const { cols: d, data: x } = lines.unit;
    let tau = 0;
    for (let p = 0, m = 0; p < pairs.length; p++, m += 7) {
      const { i, j } = pairs[p];
      const g = y[at + p] / rows[m];
      y[halfWidths + i] -= rows[m + 1] * g;
      y[halfWidths + j] -= rows[m + 2] * g;
      for (let k = 0; k < d; k++) {
        R[i * d + k] -= g * (rows[m + 3] * x[j * d + k] + rows[m + 4] * x[i * d + k]);
        R[j * d + k] -= g * rows[m + 5] * x[j * d + k];
      }
      tau -= rows[m + 6] * g;
    }
    return tau;
  }

  /** A := what is left on the right-hand side once a, X U, squares and tau are known, over its own entry. */
  solve(y: Float64Array, XU: Float64Array, squares: ArrayLike<number>, tau: number): void {
    const { pairs, rows, at, halfWidths } = this;
    const T = this.products(XU);
    for (let p = 0, m = 0; p < pairs.length; p++, m += 7) {
      const { i, j } = pairs[p];
      const known =
        rows[m + 1] * y[halfWidths + i] +
        rows[m + 2] * y[halfWidths + j] +
        rows[m + 3] * T[p] +
        rows[m + 4] * squares[i] +
        rows[m + 5] * squares[j] +
        rows[m + 6] * tau;
      y[at + p] = (y[at + p] - known) / rows[m];
    }
  }

  /**
   * A of the pairs from `first` on in the middle of where the cones let it be, given half-widths whose squares are below tau times the squares. Answers how much
   * room it has on both sides together, for each of those pairs; negative where there is none.
   */
  start(y: Float64Array, XU: Float64Array, squares: ArrayLike<number>, tau: number, first = 0): Float64Array {
    const T = this.products(XU);
    const { at, halfWidths, pairs } = this;
    const room = new Float64Array(pairs.length - first);
    for (let p = first; p < pairs.length; p++) {
      const { i, j } = pairs[p];
      const [a, b] = [y[halfWidths + i], y[halfWidths + j]];
      const root = Math.sqrt((squares[i] - (a * a) / tau) * (squares[j] - (b * b) / tau));
      const low = Math.max(Math.abs(T[p]), (a * b) / tau - root);
      const high = (a * b) / tau + root;
      y[at + p] = (low + high) / 2;
      room[p - first] = high - low;
    }
    return room;
  }

  /** Dual points of the first pairs as they were, of the others mu over the primal points. */
  resume(psd: Float64Array, sides: Float64Array, first: number, mu: number): void {
    const N = this.pairs.length;
    this.psd.centre(mu);
    this.sides.centre(mu);
    this.psd.z.set(psd);
    this.sides.z.set(sides.subarray(0, first));
    this.sides.z.set(sides.subarray(first), N);
  }

  multipliers(): PairMultipliers {
    const { pairs, psd, sides } = this;
    const N = pairs.length;
    const root = new Float64Array(6 * N);
    const l = new Float64Array(9);
    for (let p = 0; p < N; p++) {
      if (!lowerFactor(psd.z, 9 * p, l)) continue;
      root.set([l[0], l[3], l[4], l[6], l[7], l[8]], 6 * p);
    }
    const turn = Float64Array.from({ length: N }, (_, p) => {
      const [low, high] = [sides.z[p], sides.z[N + p]];
      return (low - high) / (low + high);
    });
    return { pairs, root, turn };
  }
}

/** Cholesky factor of a 4 x 4 matrix in place. What rounding has made indefinite is left out: conjugate gradients see the exact matrix. */
function factorCorner(m: Float64Array): void {
  for (let j = 0; j < 4; j++) {
    let s = m[5 * j];
    const least = 1e-14 * s;
    for (let k = 0; k < j; k++) s -= m[4 * j + k] * m[4 * j + k];
    const pivot = s > least ? Math.sqrt(s) : 0;
    m[5 * j] = pivot;
    for (let i = j + 1; i < 4; i++) {
      let value = m[4 * i + j];
      for (let k = 0; k < j; k++) value -= m[4 * i + k] * m[4 * j + k];
      m[4 * i + j] = pivot > 0 ? value / pivot : 0;
    }
  }
}
