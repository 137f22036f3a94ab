import { denseMatrix, dot, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { coneInterior } from '../../base/linalg/nnls.ts';
import { numericalRank, svd } from '../../base/linalg/svd.ts';
import { ProblemError } from '../../base/problemError.ts';
import { buildTuple, TupleSet } from '../../network/threeLayer/tuple.ts';

/** Number of cells of n hyperplanes through the origin in general position in rank r: 2 sum_{k<r} C(n-1, k). */
export function genericCells(n: number, rank: number): number {
  let sum = 0;
  let binomial = 1;
  for (let k = 0; k < rank && k < n; k++) {
    sum += binomial;
    binomial = (binomial * (n - 1 - k)) / (k + 1);
  }
  return 2 * sum;
}

/**
 * Upper bound of the number of tuples for m1 inner neurons: at most P(n, r)^m1 first-layer patterns, and given one of them at most
 * P(n, r m1) second-layer patterns, for each choice of how many inner signs are negative.
 */
export function tupleBound(n: number, rank: number, m1: number): number {
  return Math.max(1, m1 - 1) * genericCells(n, rank) ** m1 * genericCells(n, Math.min(n, rank * m1));
}

interface Cell {
  readonly signs: Int8Array;
  readonly interior: Float64Array;
}

/** All full-dimensional cells of the rows of Z inside the cone `base . u > 0`, by depth-first search with an interior point each. */
function cellsInside(Z: DenseMatrix, base: DenseMatrix, start: Float64Array, shouldStop: () => boolean): Cell[] {
  const p = Z.cols;
  const rows: Int32Array = Int32Array.from(
    Array.from({ length: Z.rows }, (_, i) => i).filter((i) => rowOf(Z, i).some((z) => z !== 0)),
  );
  const stack = denseMatrix(base.rows + rows.length, p);
  stack.data.set(base.data);
  rows.forEach((i, k) => stack.data.set(rowOf(Z, i), (base.rows + k) * p));
  const out: Cell[] = [];
  const signs = new Int8Array(base.rows + rows.length).fill(1);
  const visit = (depth: number, interior: Float64Array): void => {
    if (shouldStop()) return;
    if (depth === rows.length) {
      const full = new Int8Array(Z.rows).fill(1);
      rows.forEach((i, k) => (full[i] = signs[base.rows + k]));
      out.push({ signs: full, interior });
      return;
    }
    const used = base.rows + depth + 1;
    const view: DenseMatrix = { rows: used, cols: p, data: stack.data.subarray(0, used * p) };
    const z = dot(rowOf(Z, rows[depth]), interior);
    for (const sign of [1, -1] as const) {
      signs[used - 1] = sign;
      const { interior: point } = coneInterior(view, signs.subarray(0, used), sign * z > 0 ? interior : undefined);
      if (point) visit(depth + 1, Float64Array.from(point));
    }
  };
  visit(0, start);
  return out;
}

/** Sign vectors with a pluses first, then minuses; all-plus only for m1 = 1 (it reduces to two layers otherwise). */
function innerSigns(m1: number): Int8Array[] {
  if (m1 === 1) return [Int8Array.of(1)];
  return Array.from({ length: m1 - 1 }, (_, k) => Int8Array.from({ length: m1 }, (__, j) => (j <= k ? 1 : -1)));
}

/**
 * Every tuple with a full-dimensional cone (up to the order of inner neurons of equal sign).
 * @throws {ProblemError} when the bound on their number is above `limit`, naming the bound
 */
export function allTuples(X: DenseMatrix, m1: number, limit: number, shouldStop: () => boolean): TupleSet {
  const rank = numericalRank(svd(X).s, 1e-12);
  const bound = tupleBound(X.rows, rank, m1);
  if (bound > limit) {
    throw new ProblemError(
      `all tuples of ${X.rows} rows of rank ${rank} with m1 = ${m1} could be ${bound.toExponential(1)}, more than ${limit}; sample them or use adaptive arrangements`,
      { field: 'arrangements' },
    );
  }
  const d = X.cols;
  const empty = denseMatrix(0, d);
  const cells = cellsInside(
    X,
    empty,
    Float64Array.from({ length: d }, (_, k) => Math.sin(1 + 3 * k)),
    shouldStop,
  );
  const set = new TupleSet();
  for (const inner of innerSigns(m1)) {
    const choose = (j: number, chosen: number[]): void => {
      if (shouldStop()) return;
      if (j < m1) {
        // neurons of equal sign may be listed in any order: take them non-decreasing
        const from = j > 0 && inner[j] === inner[j - 1] ? chosen[j - 1] : 0;
        for (let k = from; k < cells.length; k++) choose(j + 1, [...chosen, k]);
        return;
      }
      const p = m1 * d;
      const base: Float64Array[] = [];
      const start = new Float64Array(p);
      chosen.forEach((cell, block) => {
        start.set(cells[cell].interior, block * d);
        for (let i = 0; i < X.rows; i++) {
          const row = new Float64Array(p);
          for (let k = 0; k < d; k++) row[block * d + k] = cells[cell].signs[i] * X.data[i * d + k];
          if (row.some((value) => value !== 0)) base.push(row);
        }
      });
      const baseMatrix = denseMatrix(base.length, p);
      base.forEach((row, i) => baseMatrix.data.set(row, i * p));
      const Z = denseMatrix(X.rows, p);
      for (let i = 0; i < X.rows; i++) {
        chosen.forEach((cell, block) => {
          if (cells[cell].signs[i] > 0) {
            for (let k = 0; k < d; k++) Z.data[i * p + block * d + k] = inner[block] * X.data[i * d + k];
          }
        });
      }
      const first = chosen.map((cell) => Uint8Array.from(cells[cell].signs, (s) => (s > 0 ? 1 : 0)));
      for (const second of cellsInside(Z, baseMatrix, start, shouldStop)) {
        set.add(
          buildTuple(
            X,
            inner,
            first,
            Uint8Array.from(second.signs, (s) => (s > 0 ? 1 : 0)),
            second.interior,
          ),
        );
      }
    };
    choose(0, []);
  }
  return set;
}
