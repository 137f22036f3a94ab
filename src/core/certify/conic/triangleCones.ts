import type { UnitLines } from './lines.ts';
import { rootForm, rootSizes } from './rootCones.ts';
import { LinearCone, SecondOrderCones } from './scaledCones.ts';
import { type LineTriangle, remainder } from './triangles.ts';

/** Multipliers of triangles for the bound. */
export interface TriangleMultipliers {
  readonly triangles: readonly LineTriangle[];
  /** >= 0, one for each triangle. */
  readonly weight: Float64Array;
  /** > 0: the size of |g'u| at which its bound by (g'u)^2 / (2 s) + s / 2 is tight. */
  readonly size: Float64Array;
}

export const noTriangles: TriangleMultipliers = {
  triangles: [],
  weight: new Float64Array(0),
  size: new Float64Array(0),
};

/** What is left of a triangle in the Newton matrix once its b is eliminated. */
export interface TriangleReduction {
  readonly triangle: LineTriangle;
  /** g of the triangle. */
  readonly remainder: Float64Array;
  /** On e = a_i - sum |factor_j| a_j, of e with g'U g, of e with tau, and the lower factor (2 x 2, without its zero) of the block on g'U g and tau. */
  readonly excess: number;
  readonly withSquare: number;
  readonly withTau: number;
  readonly root: readonly [number, number, number];
}

/**
 * Triangles of one atom, each with b = |g'u| as a variable: b >= a_i - sum |factor_j| a_j and b^2 <= tau g'U g. The variables b stand one after the other from
 * `at` on, the half-widths from `halfWidths` on.
 */
export class TriangleCones {
  readonly sides: LinearCone;
  readonly upper: SecondOrderCones;
  /** N x d: the g. */
  private readonly G: Float64Array;
  /** Of b with itself, e, g'U g and tau in the Newton matrix. */
  private readonly rows: Float64Array;

  constructor(
    private readonly lines: UnitLines,
    readonly triangles: readonly LineTriangle[],
    private readonly halfWidths: number,
    private readonly at: number,
  ) {
    const N = triangles.length;
    const d = lines.unit.cols;
    this.sides = new LinearCone(N);
    this.upper = new SecondOrderCones(N, 3);
    this.G = new Float64Array(N * d);
    triangles.forEach((triangle, t) => {
      remainder(triangle, lines.unit.data, this.G.subarray(t * d, (t + 1) * d));
    });
    this.rows = new Float64Array(4 * N);
  }

  /** a_i - sum |factor_j| a_j of triangle t at variables y. */
  private excess(y: Float64Array, t: number): number {
    const { halfWidths, triangles } = this;
    const { line, others, factors } = triangles[t];
    let s = y[halfWidths + line];
    for (let m = 0; m < others.length; m++) s -= Math.abs(factors[m]) * y[halfWidths + others[m]];
    return s;
  }

  /** y += value times the gradient of the excess. */
  private addExcess(y: Float64Array, t: number, value: number): void {
    const { halfWidths, triangles } = this;
    const { line, others, factors } = triangles[t];
    y[halfWidths + line] += value;
    for (let m = 0; m < others.length; m++) y[halfWidths + others[m]] -= value * Math.abs(factors[m]);
  }

  /** g'U g of triangle t. */
  private square(U: Float64Array, t: number): number {
    const { G } = this;
    const d = this.lines.unit.cols;
    let square = 0;
    for (let k = 0, at = t * d; k < d; k++) {
      let s = 0;
      for (let l = 0, row = k * d; l < d; l++) s += U[row + l] * G[at + l];
      square += G[at + k] * s;
    }
    return square;
  }

  /** Points of both cones from the variables y, U (d x d) and tau. */
  apply(y: Float64Array, U: Float64Array, tau: number, sides: Float64Array, upper: Float64Array): void {
    for (let t = 0; t < this.triangles.length; t++) {
      const b = y[this.at + t];
      const T = this.square(U, t);
      sides[t] = b - this.excess(y, t);
      upper[3 * t] = tau + T;
      upper[3 * t + 1] = tau - T;
      upper[3 * t + 2] = 2 * b;
    }
  }

  /** The adjoint of `apply`: adds factor times it to the variables in `out`, and to U (d x d) what is due to it as a full matrix; answers what is due to tau. */
  adjoint(sides: Float64Array, upper: Float64Array, factor: number, out: Float64Array, U: Float64Array): number {
    let tau = 0;
    for (let t = 0; t < this.triangles.length; t++) {
      tau += upper[3 * t] + upper[3 * t + 1];
      out[this.at + t] += factor * (sides[t] + 2 * upper[3 * t + 2]);
      this.addExcess(out, t, -factor * sides[t]);
      this.addSquare(U, t, upper[3 * t] - upper[3 * t + 1]);
    }
    return tau;
  }

  /** U += value g g'. */
  private addSquare(U: Float64Array, t: number, value: number): void {
    const { G } = this;
    const d = this.lines.unit.cols;
    if (value === 0) return;
    for (let k = 0, at = t * d; k < d; k++) {
      const s = value * G[at + k];
      for (let l = 0, row = k * d; l < d; l++) U[row + l] += s * G[at + l];
    }
  }

  /** Newton matrix of every triangle at the present scaling with b eliminated, one after the other. */
  reduce(visit: (reduction: TriangleReduction) => void): void {
    const { triangles, sides, upper, rows, G } = this;
    const d = this.lines.unit.cols;
    triangles.forEach((triangle, t) => {
      const w = sides.z[t] / sides.s[t];
      const K = rootForm(upper, t);
      const h = w + K.aa;
      rows.set([h, -w, K.aT, K.at], 4 * t);
      const TT = Math.max(0, K.TT - (K.aT * K.aT) / h);
      const tT = K.tT - (K.at * K.aT) / h;
      const tt = K.tt - (K.at * K.at) / h;
      const first = Math.sqrt(TT);
      const between = first > 0 ? tT / first : 0;
      visit({
        triangle,
        remainder: G.subarray(t * d, (t + 1) * d),
        excess: (w * K.aa) / h,
        withSquare: (w * K.aT) / h,
        withTau: (w * K.at) / h,
        root: [first, between, Math.sqrt(Math.max(0, tt - between * between))],
      });
    });
  }

  /** Takes b on the right-hand side y over to a, and puts what it adds to U into U (d x d) and to tau into the answer. */
  reduceRight(y: Float64Array, U: Float64Array): number {
    const { rows, at } = this;
    let tau = 0;
    for (let t = 0; t < this.triangles.length; t++) {
      const value = y[at + t] / rows[4 * t];
      this.addExcess(y, t, -rows[4 * t + 1] * value);
      this.addSquare(U, t, -rows[4 * t + 2] * value);
      tau -= rows[4 * t + 3] * value;
    }
    return tau;
  }

  /** b := what is left on the right-hand side once a, U and tau are known, over its own entry. */
  solve(y: Float64Array, U: Float64Array, tau: number): void {
    const { rows, at } = this;
    for (let t = 0; t < this.triangles.length; t++) {
      const [own, e, T, s] = rows.subarray(4 * t, 4 * t + 4);
      y[at + t] = (y[at + t] - e * this.excess(y, t) - T * this.square(U, t) - s * tau) / own;
    }
  }

  /**
   * b of the triangles from `first` on in the middle of where the cones let it be. Answers how much room it has, for each of those triangles, over the largest there could
   * be; negative where there is none.
   */
  start(y: Float64Array, U: Float64Array, tau: number, first = 0): Float64Array {
    const room = new Float64Array(this.triangles.length - first);
    for (let t = first; t < this.triangles.length; t++) {
      const high = Math.sqrt(tau * this.square(U, t));
      const low = Math.max(this.excess(y, t), -high);
      y[this.at + t] = (low + high) / 2;
      room[t - first] = (high - low) / (2 * high);
    }
    return room;
  }

  /** Dual points of the first triangles as they were, of the others mu over the primal points. */
  resume(sides: Float64Array, upper: Float64Array, mu: number): void {
    this.sides.centre(mu);
    this.upper.centre(mu);
    this.sides.z.set(sides);
    this.upper.z.set(upper);
  }

  multipliers(): TriangleMultipliers {
    return { triangles: this.triangles, weight: this.sides.z.slice(), size: rootSizes(this.upper) };
  }
}
