import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { minimizeInBox } from '../../base/systems/boxProgram.ts';

/** Rounds after which an ascent ends where it is; each fixes which gaining rows are on. */
const mostRounds = 60;
/** The first rounds solve their box programs roughly, by so many sweeps; rows that are on change a lot there. */
const rough = { rounds: 12, sweeps: 3 } as const;
/** Newton steps of the others. */
const boxSteps = 20;
/** Squared length of a slope, relative to the squares that it is the difference of, that is rounding. */
const rounding = 1e-24;

/** The losing rows of a weight vector, with their inner products and weights. */
interface Losing {
  readonly weights: Float64Array;
  readonly sign: number;
  readonly rows: Int32Array;
  readonly Q: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/**
 * Local maxima of h(u) = sum_i w_i (x_i'u)_+ over ||u|| = 1 from the inner products of the rows alone, for few rows of many columns. h is a difference of convex functions: with
 * the gaining rows (w_i > 0) that are on kept as they are, the best u is along r = sum_on w_i x_i - sum_losing lambda_i x_i of least length over 0 <= lambda_i <= |w_i| (the dual of
 * max g'u - sum |w_i| (x_i'u)_+), a program in a box; rows with 0 < lambda_i < |w_i| lie on their kinks. Then h(r / ||r||) >= ||r||, which never falls from one round to
 * the next (convex-concave procedure: Yuille and Rangarajan 2003), so that after finitely many rounds the rows that are on stay.
 */
export class GramAscent {
  private losing: Losing | undefined;
  private readonly t: Float64Array;
  private readonly s: Float64Array;
  private readonly on: Uint8Array;

  /** X is n x d, `inner` = X X' (n x n, all of it). */
  constructor(
    private readonly X: DenseMatrix,
    private readonly inner: Float64Array,
  ) {
    this.t = new Float64Array(X.rows);
    this.s = new Float64Array(X.rows);
    this.on = new Uint8Array(X.rows);
  }

  /** Climbs from `start` (d numbers); `sign` -1 climbs -h. Undefined when it ends at u = 0; when stopped, where it has come to. */
  climb(
    w: Float64Array,
    start: ArrayLike<number>,
    sign: 1 | -1,
    shouldStop: () => boolean,
  ): { readonly value: number; readonly direction: Float64Array } | undefined {
    const { X, inner, t, s, on } = this;
    const { rows: n, cols: d } = X;
    const { rows, Q, low, high } = this.losingOf(w, sign);
    for (let i = 0, at = 0; i < n; i++, at += d) {
      t[i] = 0;
      for (let j = 0; j < d; j++) t[i] += X.data[at + j] * start[j];
    }
    on.fill(0);
    const lambda = new Float64Array(rows.length);
    const p = new Float64Array(rows.length);
    let exact = false;
    for (let round = 0; round < mostRounds && !shouldStop(); round++) {
      let changed = false;
      for (let i = 0; i < n; i++) {
        const now = sign * w[i] > 0 && t[i] > 0 ? 1 : 0;
        if (now !== on[i]) changed = true;
        on[i] = now;
      }
      if (!changed && exact) break;
      exact ||= !changed || round >= rough.rounds;
      s.fill(0);
      for (let i = 0; i < n; i++) if (on[i] === 1) addRow(inner, i, sign * w[i], s);
      rows.forEach((row, k) => (p[k] = -s[row]));
      const effort = exact ? { maxSteps: boxSteps } : { maxSweeps: rough.sweeps, maxSteps: 0 };
      minimizeInBox(Q, p, { low, high }, lambda, { ...effort, shouldStop });
      t.set(s);
      rows.forEach((row, k) => addRow(inner, row, -lambda[k], t));
    }
    return this.along(w, sign, rows, lambda);
  }

  /** Direction and value of the slope that has been reached. */
  private along(
    w: Float64Array,
    sign: number,
    rows: Int32Array,
    lambda: Float64Array,
  ): { readonly value: number; readonly direction: Float64Array } | undefined {
    const { X, on } = this;
    const { rows: n, cols: d } = X;
    const direction = new Float64Array(d);
    let scale = 0;
    const add = (row: number, weight: number): void => {
      if (weight === 0) return;
      for (let j = 0, at = row * d; j < d; j++) {
        const part = weight * X.data[at + j];
        direction[j] += part;
        scale += part * part;
      }
    };
    for (let i = 0; i < n; i++) if (on[i] === 1) add(i, sign * w[i]);
    rows.forEach((row, k) => add(row, -lambda[k]));
    const squares = direction.reduce((sum, x) => sum + x * x, 0);
    if (!(squares > rounding * scale) || !Number.isFinite(squares)) return undefined;
    const length = Math.sqrt(squares);
    for (let j = 0; j < d; j++) direction[j] /= length;
    let value = 0;
    for (let i = 0, at = 0; i < n; i++, at += d) {
      let product = 0;
      for (let j = 0; j < d; j++) product += X.data[at + j] * direction[j];
      if (product > 0) value += sign * w[i] * product;
    }
    return value > 0 ? { value, direction } : undefined;
  }

  /** Made once for all ascents of the same weights. */
  private losingOf(w: Float64Array, sign: number): Losing {
    const { X, inner } = this;
    const { rows: n } = X;
    const known = this.losing;
    if (known?.sign === sign && known.weights.every((value, i) => value === w[i])) return known;
    const rows = Int32Array.from(w.keys()).filter((i) => sign * w[i] < 0);
    const m = rows.length;
    const Q = new Float64Array(m * m);
    for (let a = 0; a < m; a++) for (let b = 0; b < m; b++) Q[a * m + b] = inner[rows[a] * n + rows[b]];
    const high = Float64Array.from(rows, (row) => Math.abs(w[row]));
    return (this.losing = { weights: w.slice(), sign, rows, Q, low: new Float64Array(m), high });
  }
}

/** out += factor times row i of a symmetric matrix. */
function addRow(inner: Float64Array, i: number, factor: number, out: Float64Array): void {
  if (factor === 0) return;
  const n = out.length;
  for (let j = 0, at = i * n; j < n; j++, at++) out[j] += factor * inner[at];
}
