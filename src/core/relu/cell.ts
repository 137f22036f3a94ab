import { type DenseMatrix, norm2 } from '../linalg/matrix.ts';
import { nullBasis } from './nullBasis.ts';
import { coneInterior } from '../linalg/nnls.ts';
import { cellCentre } from './cellCentre.ts';

/**
 * One activation pattern D with its closed cone K = {u : (2D - I) X u >= 0}, prepared for solvers.
 *
 * `A` is X in the coordinates of the cell: X itself as a rule, X N when the cone has no interior and spans only range(N).
 */
export interface ConeCell {
  /** Names the pattern within one solve. */
  readonly id: number;
  /** +1 where the pattern is on, -1 where it is off. */
  readonly signs: Int8Array;
  readonly on: Int32Array;
  /** Rows with a constraint (not all-zero); none when `linear`. */
  readonly coneRows: Int32Array;
  /**
   * The all-on pattern with a free hidden bias: bias and output offset cancel, so any linear function is in reach, without
   * constraint and without bias coordinate.
   */
  readonly linear: boolean;
  readonly A: Float64Array;
  readonly k: number;
  /** Coordinates that count in the norm: the first q. */
  readonly q: number;
  /** The analytic centre of the cone in the unit ball, cell coordinates. */
  readonly interior: Float64Array;
  /** From cell coordinates to d effective inputs. */
  readonly expand: (u: Float64Array) => Float64Array;
}

/** Makes cells for one X; remembers them by pattern. */
export class CellFactory {
  private readonly known = new Map<string, ConeCell | undefined>();
  private readonly zeroRow: Uint8Array;
  private readonly byId: ConeCell[] = [];

  constructor(
    readonly X: DenseMatrix,
    readonly penalizedCols: number,
  ) {
    this.zeroRow = new Uint8Array(X.rows);
    for (let i = 0; i < X.rows; i++) {
      let zero = true;
      for (let j = 0; j < X.cols; j++) zero &&= X.data[i * X.cols + j] === 0;
      this.zeroRow[i] = zero ? 1 : 0;
    }
  }

  /** Signs of the pattern of a direction: on where x_r'g >= 0. */
  signsOf(g: ArrayLike<number>): Int8Array {
    const { rows: n, cols: d, data } = this.X;
    const signs = new Int8Array(n);
    for (let i = 0, at = 0; i < n; i++, at += d) {
      let s = 0;
      for (let j = 0; j < d; j++) s += data[at + j] * g[j];
      signs[i] = s >= 0 ? 1 : -1;
    }
    return signs;
  }

  /**
   * The cell of a pattern; `hint` is a direction inside it when one is known. Undefined when the cell adds nothing: no row is on, or the
   * cone holds only 0.
   */
  cell(signs: Int8Array, hint?: ArrayLike<number>): ConeCell | undefined {
    const key = String.fromCharCode(...packSigns(signs));
    if (this.known.has(key)) return this.known.get(key);
    const made = this.make(signs, hint);
    this.known.set(key, made);
    if (made !== undefined) this.byId.push(made);
    return made;
  }

  private make(signs: Int8Array, hint: ArrayLike<number> | undefined): ConeCell | undefined {
    const { X, penalizedCols: q } = this;
    const { rows: n, cols: d } = X;
    const on: number[] = [];
    const coneRows: number[] = [];
    for (let i = 0; i < n; i++) {
      if (this.zeroRow[i] !== 0) continue;
      coneRows.push(i);
      if (signs[i] > 0) on.push(i);
    }
    if (on.length === 0) return undefined;
    const id = this.byId.length;
    if (q < d && on.length === n) {
      const A = new Float64Array(n * q);
      for (let i = 0; i < n; i++) for (let j = 0; j < q; j++) A[i * q + j] = X.data[i * d + j];
      return {
        id,
        signs,
        on: Int32Array.from(on),
        coneRows: new Int32Array(0),
        linear: true,
        A,
        k: q,
        q,
        interior: new Float64Array(q),
        expand: (u) => {
          const out = new Float64Array(d);
          out.set(u);
          return out;
        },
      };
    }
    // a cone without interior lies in the hyperplanes of some rows: go to coordinates within them until it has one
    let basis: Float64Array | undefined;
    let k = d;
    let A = X.data;
    for (;;) {
      const found = coneInterior({ rows: n, cols: k, data: A }, signs, basis === undefined ? hint : undefined);
      if (found.interior !== undefined) {
        const N = basis;
        const dim = k;
        const inside = found.interior;
        let centre: Float64Array | undefined;
        const cone = {
          signs,
          coneRows: Int32Array.from(N === undefined ? coneRows : coneRows.filter((i) => !isZero(A, i * dim, dim))),
          A,
          k: dim,
          q: N === undefined ? q : dim,
        };
        return {
          ...cone,
          id,
          on: Int32Array.from(on),
          linear: false,
          get interior() {
            return (centre ??= cellCentre(cone, inside));
          },
          expand: N === undefined ? (u) => u.slice() : (u) => combine(N, u, d),
        };
      }
      if (found.equalities.length === 0 || q < d) return undefined;
      const rows = new Float64Array(found.equalities.length * k);
      found.equalities.forEach((i, a) => {
        const size = norm2(A.subarray(i * k, (i + 1) * k));
        for (let j = 0; j < k; j++) rows[a * k + j] = A[i * k + j] / size;
      });
      const inner = nullBasis(rows, Array.from(found.equalities.keys()), k);
      if (inner.dim === 0) return undefined;
      const next = new Float64Array(inner.dim * d);
      for (let m = 0; m < inner.dim; m++) {
        const column = inner.basis.subarray(m * k, (m + 1) * k);
        next.set(basis === undefined ? column : combine(basis, column, d), m * d);
      }
      basis = next;
      k = inner.dim;
      A = new Float64Array(n * k);
      for (let i = 0; i < n; i++) {
        const size = norm2(X.data.subarray(i * d, (i + 1) * d));
        for (let m = 0; m < k; m++) {
          let s = 0;
          for (let j = 0; j < d; j++) s += X.data[i * d + j] * basis[m * d + j];
          // rows that vanish on the subspace have to do so exactly
          A[i * k + m] = Math.abs(s) > 1e-12 * size ? s : 0;
        }
      }
    }
  }
}

function isZero(A: Float64Array, from: number, length: number): boolean {
  for (let j = from; j < from + length; j++) if (A[j] !== 0) return false;
  return true;
}

/** sum_m u_m basis_m for a basis of vectors of length d, one after the other. */
function combine(basis: Float64Array, u: Float64Array, d: number): Float64Array {
  const out = new Float64Array(d);
  for (let m = 0; m < u.length; m++) for (let j = 0; j < d; j++) out[j] += u[m] * basis[m * d + j];
  return out;
}

/** 15 signs to a UTF-16 unit. */
function packSigns(signs: Int8Array): number[] {
  const words: number[] = [];
  for (let i = 0; i < signs.length; i += 15) {
    let word = 0;
    for (let j = i; j < Math.min(i + 15, signs.length); j++) word = (word << 1) | (signs[j] > 0 ? 1 : 0);
    words.push(word);
  }
  return words;
}
