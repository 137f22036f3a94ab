import { emptyPatterns, PatternIndex, patternsOfGates, type PatternSet } from '../../base/patterns.ts';
import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { ProblemError } from '../../base/problemError.ts';
import type { Control, SolverProgress } from '../../base/control.ts';
import { parallelClasses, principalBasis } from './rowSpace.ts';

/** All activation patterns of a data set, each with a direction inside its cell. */
export interface CellList {
  /** P x d, norm 1. */
  readonly directions: DenseMatrix;
  /** P x n */
  readonly patterns: PatternSet;
  readonly rank: number;
  /** Distinct hyperplanes: rows that are zero or parallel to earlier ones are left out. */
  readonly hyperplanes: number;
  /** What the hyperplanes would have in general position: 2 sum_{k < rank} C(hyperplanes - 1, k); never less than the count. */
  readonly predicted: number;
}

/**
 * Number of cells of `hyperplanes` hyperplanes through the origin in general position in R^rank (Cover 1965): 2 sum_{k < r} C(n - 1, k).
 * An upper bound for any position.
 */
export function cellCount(hyperplanes: number, rank: number): number {
  if (hyperplanes === 0 || rank === 0) return 1;
  let sum = 0;
  let binomial = 1;
  for (let k = 0; k < Math.min(rank, hyperplanes); k++) {
    sum += binomial;
    binomial = (binomial * (hyperplanes - 1 - k)) / (k + 1);
  }
  return 2 * sum;
}

/** Rows within this distance of parallel bound the same cells; cells thinner than about this are not told apart. */
const near = 1e-10;

/**
 * All full-dimensional cells {sign(Xu)} of the n hyperplanes x_i'u = 0 (X n x d, effective inputs), in the row space of X. Each direction lies in
 * the closure of one of them, so that the patterns 1[x_i'u >= 0] are all that a convex ReLU program needs. Rank 1 and 2 by sorting; higher rank by
 * recursion: every cell has a facet, which is a cell of the arrangement that the others cut out of one hyperplane; both sides of each such
 * facet are visited and duplicates dropped by their bits.
 * How many there are at most, and how far the list is, is reported.
 * @throws {ProblemError} when there may be more than `limit` cells, before anything is computed, with the number of rows that would fit
 */
export function enumerateCells(X: DenseMatrix, limit: number, control: Control): CellList | undefined {
  const found = hyperplanesOf(X, limit, control);
  if (found === undefined) return undefined;
  const { basis, rows, predicted } = found;
  const rank = basis.rows;
  const begin = control.now();
  const report = (fraction: number): void => control.report?.(listing(predicted, fraction, control.now() - begin));
  const list = rank === 0 ? [new Float64Array(0)] : cells(rows, control, report);
  if (list === undefined) return undefined;
  const directions = denseMatrix(list.length, X.cols);
  list.forEach((z, p) => {
    for (let q = 0; q < rank; q++) {
      for (let k = 0; k < X.cols; k++) directions.data[p * X.cols + k] += z[q] * basis.data[q * X.cols + k];
    }
  });
  const patterns =
    X.rows === 0 ? emptyPatterns(list.length, 0) : patternsOfGates(X, directions, () => control.shouldStop());
  if (control.shouldStop()) return undefined;
  return {
    directions,
    patterns,
    rank,
    hyperplanes: rows.rows,
    predicted,
  };
}

/** What cuts the directions into cells. */
interface Hyperplanes {
  /** Of the row space of X, and the distinct rows in its coordinates. */
  readonly basis: DenseMatrix;
  readonly rows: DenseMatrix;
  /** Cells at most. */
  readonly predicted: number;
}

/**
 * The hyperplanes of the rows of X; undefined when stopped.
 * @throws {ProblemError} when there may be more than `limit` cells, as `enumerateCells`
 */
export function hyperplanesOf(X: DenseMatrix, limit: number, control: Control): Hyperplanes | undefined {
  const basis = principalBasis(X, undefined, () => control.shouldStop());
  if (control.shouldStop()) return undefined;
  if (basis === undefined) {
    throw new ProblemError(`${X.rows} rows of ${X.cols} columns are far too many to list all activation patterns`, {
      field: 'arrangements',
    });
  }
  const rank = basis.rows;
  const coordinates = denseMatrix(X.rows, rank);
  for (let i = 0; i < X.rows; i++) {
    for (let q = 0; q < rank; q++) {
      let s = 0;
      for (let k = 0; k < X.cols; k++) s += X.data[i * X.cols + k] * basis.data[q * X.cols + k];
      coordinates.data[i * rank + q] = s;
    }
  }
  const rows = distinctUnitRows(coordinates);
  const predicted = cellCount(rows.rows, rank);
  if (predicted > limit) {
    let fits = rows.rows;
    while (fits > 1 && cellCount(fits, rank) > limit) fits = fits > 1000 ? Math.floor(fits * 0.99) : fits - 1;
    throw new ProblemError(
      `${rows.rows} distinct rows of rank ${rank} have up to ${predicted.toPrecision(4)} activation patterns, more than ${limit}; ` +
        `about ${fits} rows would fit`,
      { field: 'arrangements' },
    );
  }
  return { basis, rows, predicted };
}

/** Progress of a list, beside which nothing is known yet. */
function listing(predicted: number, fraction: number, seconds: number): SolverProgress {
  const none = { iteration: NaN, objective: NaN, dualBound: NaN, active: NaN };
  return { ...none, seconds, fraction, phase: `Listing up to ${predicted} activation patterns` };
}

/** One unit row per class of parallel rows. */
function distinctUnitRows(Z: DenseMatrix): DenseMatrix {
  const r = Z.cols;
  const { classes, unit } = parallelClasses(Z, near);
  const out = denseMatrix(classes.length, r);
  classes.forEach(([{ row }], i) => out.data.set(unit.subarray(row * r, (row + 1) * r), i * r));
  return out;
}

/** A direction inside every cell of unit rows of full rank, no two parallel; undefined when stopped. `onShare` is told which share is done. */
function cells(rows: DenseMatrix, control: Control, onShare?: (share: number) => void): Float64Array[] | undefined {
  const { rows: n, cols: r, data } = rows;
  if (r === 1) return [Float64Array.of(1), Float64Array.of(-1)];
  if (r === 2) return arcs(rows);
  const words = Math.ceil(n / 32);
  const index = new PatternIndex(words);
  const out: Float64Array[] = [];
  const u = new Float64Array(r);
  const bits = new Uint32Array(words);
  const t = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    if (control.shouldStop()) return undefined;
    onShare?.(i / n);
    const normal = data.subarray(i * r, (i + 1) * r);
    const complement = orthogonalComplement(normal);
    const inside = denseMatrix(n - 1, r - 1);
    for (let j = 0, at = 0; j < n; j++) {
      if (j === i) continue;
      for (let q = 0; q < r - 1; q++) {
        let s = 0;
        for (let k = 0; k < r; k++) s += complement[q * r + k] * data[j * r + k];
        inside.data[at * (r - 1) + q] = s;
      }
      at++;
    }
    const facets = n === 1 ? [] : cells(distinctUnitRows(inside), control);
    if (facets === undefined) return undefined;
    for (const z of facets) {
      u.fill(0);
      for (let q = 0; q < r - 1; q++) for (let k = 0; k < r; k++) u[k] += z[q] * complement[q * r + k];
      // a step off the facet that crosses no other hyperplane: rows and normal have norm 1
      let clearance = Infinity;
      for (let j = 0; j < n; j++) {
        let s = 0;
        for (let k = 0; k < r; k++) s += data[j * r + k] * u[k];
        t[j] = s;
        if (j !== i) clearance = Math.min(clearance, Math.abs(s));
      }
      for (const side of [1, -1]) {
        bits.fill(0);
        for (let j = 0; j < n; j++) if (j === i ? side > 0 : t[j] > 0) bits[j >> 5] |= 1 << (j & 31);
        if (!index.add(bits).isNew) continue;
        const inner = new Float64Array(r);
        const step = side * 0.5 * Math.min(clearance, 1);
        const length = Math.hypot(1, step);
        for (let k = 0; k < r; k++) inner[k] = (u[k] + step * normal[k]) / length;
        out.push(inner);
      }
    }
  }
  return out;
}

/** The middles of the arcs that lines through the origin cut the circle into. */
function arcs(rows: DenseMatrix): Float64Array[] {
  const angles = Float64Array.from({ length: rows.rows }, (_, i) => {
    const angle = Math.atan2(rows.data[2 * i + 1], rows.data[2 * i]) + Math.PI / 2;
    return angle - Math.PI * Math.floor(angle / Math.PI);
  }).sort();
  const out: Float64Array[] = [];
  for (let k = 0; k < angles.length; k++) {
    const next = k + 1 < angles.length ? angles[k + 1] : angles[0] + Math.PI;
    const middle = (angles[k] + next) / 2;
    out.push(
      Float64Array.of(Math.cos(middle), Math.sin(middle)),
      Float64Array.of(-Math.cos(middle), -Math.sin(middle)),
    );
  }
  return out;
}

/** Orthonormal basis (r - 1 rows of r) of the complement of a unit vector: the other columns of a Householder reflection. */
function orthogonalComplement(x: Float64Array): Float64Array {
  const r = x.length;
  const v = x.slice();
  v[0] += v[0] >= 0 ? 1 : -1;
  let vv = 0;
  for (let k = 0; k < r; k++) vv += v[k] * v[k];
  const out = new Float64Array((r - 1) * r);
  for (let q = 1; q < r; q++) {
    for (let k = 0; k < r; k++) out[(q - 1) * r + k] = (k === q ? 1 : 0) - (2 * v[q] * v[k]) / vv;
  }
  return out;
}
