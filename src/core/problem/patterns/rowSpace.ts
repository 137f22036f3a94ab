import { type DenseMatrix, denseMatrix, norm2, rowNorms } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import { largest, smallest } from '../../base/extremes.ts';
import { everyRows } from '../../base/polling.ts';

/** Largest rank for which coordinates are rotated and reduced; beyond it only norm bounds are of use. */
export const largestRank = 200;

/**
 * Orthonormal rows that span the rows of A, principal axes (weights |w|, 1 without) first. Undefined when the rank may be beyond `largestRank` or
 * the rotation would take more than about a second: nothing that needs it is feasible at such sizes. Undefined as well when stopped.
 */
export function principalBasis(
  A: DenseMatrix,
  w?: Float64Array,
  shouldStop: () => boolean = () => false,
): DenseMatrix | undefined {
  const { rows: n, cols: d } = A;
  if (n === 0) return denseMatrix(0, d);
  const least = Math.min(n, d);
  if (least > largestRank || n * d * least > 5e8) return undefined;
  const span = n < d ? spanOfRows(A, shouldStop) : undefined;
  if (shouldStop()) return undefined;
  const B = span === undefined ? A : timesTransposed(A, span, shouldStop);
  if (B === undefined) return undefined;
  const q = B.cols;
  const poll = everyRows(q * q);
  const C = denseMatrix(q, q);
  for (let i = 0; i < n; i++) {
    if (i % poll === 0 && shouldStop()) return undefined;
    for (let k = 0; k < q; k++) {
      const s = (w === undefined ? 1 : Math.abs(w[i])) * B.data[i * q + k];
      for (let l = 0; l < q; l++) C.data[k * q + l] += s * B.data[i * q + l];
    }
  }
  const eigen = symmetricEigen(C);
  const top = eigen.values[q - 1];
  const keep: number[] = [];
  for (let k = q - 1; k >= 0; k--) if (eigen.values[k] > 1e-15 * q * top) keep.push(k);
  const out = denseMatrix(keep.length, d);
  const rowPoll = everyRows(q * d);
  for (const [row, k] of keep.entries()) {
    if (row % rowPoll === 0 && shouldStop()) return undefined;
    for (let l = 0; l < q; l++) {
      const e = eigen.vectors[k * q + l];
      if (span === undefined) out.data[row * d + l] = e;
      else for (let j = 0; j < d; j++) out.data[row * d + j] += e * span.data[l * d + j];
    }
  }
  return out;
}

/** A B'; undefined when stopped. */
function timesTransposed(A: DenseMatrix, B: DenseMatrix, shouldStop: () => boolean): DenseMatrix | undefined {
  const out = denseMatrix(A.rows, B.rows);
  const poll = everyRows(A.cols * B.rows);
  for (let i = 0; i < A.rows; i++) {
    if (i % poll === 0 && shouldStop()) return undefined;
    for (let j = 0; j < B.rows; j++) {
      let s = 0;
      for (let k = 0; k < A.cols; k++) s += A.data[i * A.cols + k] * B.data[j * A.cols + k];
      out.data[i * B.rows + j] = s;
    }
  }
  return out;
}

/** Orthonormal basis of the row space by Gram-Schmidt with pivoting on the longest remainder, twice through; of a part of it when stopped. */
function spanOfRows(A: DenseMatrix, shouldStop: () => boolean): DenseMatrix {
  const { rows: n, cols: d } = A;
  const rest = A.data.slice();
  const basis: Float64Array[] = [];
  let first = 0;
  while (!shouldStop()) {
    let best = 0;
    let pivot = -1;
    for (let i = 0; i < n; i++) {
      let s = 0;
      for (let k = 0; k < d; k++) s += rest[i * d + k] ** 2;
      if (s > best) [best, pivot] = [s, i];
    }
    if (basis.length === 0) first = best;
    if (pivot < 0 || best <= 1e-26 * first || basis.length === Math.min(n, d)) break;
    const row = rest.slice(pivot * d, (pivot + 1) * d);
    for (const b of basis) {
      let s = 0;
      for (let k = 0; k < d; k++) s += b[k] * row[k];
      for (let k = 0; k < d; k++) row[k] -= s * b[k];
    }
    const length = norm2(row);
    for (let k = 0; k < d; k++) row[k] /= length;
    basis.push(row);
    for (let i = 0; i < n; i++) {
      let s = 0;
      for (let k = 0; k < d; k++) s += row[k] * rest[i * d + k];
      for (let k = 0; k < d; k++) rest[i * d + k] -= s * row[k];
    }
  }
  const out = denseMatrix(basis.length, d);
  basis.forEach((row, i) => out.data.set(row, i * d));
  return out;
}

/** A row of a class of parallel rows: its sign and distance (both scaled to norm 1) to the first of the class. */
export interface ParallelRow {
  readonly row: number;
  readonly sign: 1 | -1;
  readonly distance: number;
}

/** Norms of the rows of Z, and a number for each that rows parallel to it within `near` share within `reach`. */
function keyed(Z: DenseMatrix, near: number): { norms: Float64Array; key: Float64Array; reach: number } {
  const { rows: n, cols: r, data } = Z;
  const norms = rowNorms(Z);
  const key = new Float64Array(n);
  const probe = Float64Array.from({ length: r }, (_, k) => Math.sin(1.3 + 2.7 * k) + 0.1);
  for (let i = 0, at = 0; i < n; i++) {
    let projection = 0;
    for (let k = 0; k < r; k++, at++) projection += probe[k] * (data[at] / norms[i]);
    key[i] = norms[i] > 0 ? Math.abs(projection) : 0;
  }
  // the projection has norm below 1.1 sqrt(r): keys of parallel rows differ by less than that times their distance
  return { norms, key, reach: near * 1.1 * Math.sqrt(r) + 1e-15 };
}

/** Whether two of the numbers are within a distance; sorts them. Sorting numbers alone takes a tenth of the time of sorting rows by them. */
export function someWithin(numbers: Float64Array, distance: number, poll: () => void = () => undefined): boolean {
  sortInParts(numbers, poll);
  for (let k = 1; k < numbers.length; k++) if (numbers[k] - numbers[k - 1] <= distance) return true;
  return false;
}

/** Numbers that are sorted without a look for a stop, about. */
const sortedAtOnce = 32_768;

/** Sorts numbers, many of them by parts of their range, one after the other. */
function sortInParts(numbers: Float64Array, poll: () => void): void {
  const parts = Math.ceil(numbers.length / sortedAtOnce);
  const [least, most] = [smallest(numbers), largest(numbers)];
  if (parts < 2 || !(most > least)) {
    numbers.sort();
    return;
  }
  const perPart = parts / (most - least);
  const partOf = (value: number): number => Math.min(parts - 1, Math.floor((value - least) * perPart));
  const next = new Int32Array(parts + 1);
  for (let k = 0; k < numbers.length; k++) next[partOf(numbers[k]) + 1]++;
  for (let part = 0; part < parts; part++) next[part + 1] += next[part];
  poll();
  const unsorted = numbers.slice();
  for (let k = 0; k < unsorted.length; k++) numbers[next[partOf(unsorted[k])]++] = unsorted[k];
  // each has moved its beginning to its end
  for (let part = 0; part < parts; part++) {
    poll();
    numbers.subarray(part === 0 ? 0 : next[part - 1], next[part]).sort();
  }
}

/** Rows of Z that are not zero, where it takes no more than their keys to see that no two of them are parallel within `near`; undefined otherwise. */
export function withoutParallels(Z: DenseMatrix, near: number): Int32Array | undefined {
  const { norms, key, reach } = keyed(Z, near);
  const rows = new Int32Array(Z.rows);
  let count = 0;
  for (let i = 0; i < Z.rows; i++) if (norms[i] > 0) rows[count++] = i;
  const used = rows.subarray(0, count);
  const keys = new Float64Array(count);
  for (let k = 0; k < count; k++) keys[k] = key[used[k]];
  return someWithin(keys, reach) ? undefined : used;
}

/**
 * Groups the non-zero rows of Z that are parallel or opposite within `near` (distance of the rows scaled to norm 1), in order of first
 * appearance. O(n log n) by sorting on a fixed projection.
 */
export function parallelClasses(
  Z: DenseMatrix,
  near: number,
): { classes: ParallelRow[][]; unit: Float64Array; norms: Float64Array } {
  const { rows: n, cols: r } = Z;
  const { norms, key, reach } = keyed(Z, near);
  const unit = new Float64Array(n * r);
  const order: number[] = [];
  for (let i = 0; i < n; i++) {
    if (norms[i] === 0) continue;
    order.push(i);
    for (let k = i * r; k < (i + 1) * r; k++) unit[k] = Z.data[k] / norms[i];
  }
  order.sort((i, j) => key[i] - key[j] || i - j);
  const taken = new Uint8Array(n);
  const classes: ParallelRow[][] = [];
  for (let a = 0; a < order.length; a++) {
    const i = order[a];
    if (taken[i] !== 0) continue;
    const members: ParallelRow[] = [{ row: i, sign: 1, distance: 0 }];
    for (let b = a + 1; b < order.length && key[order[b]] - key[i] <= reach; b++) {
      const j = order[b];
      if (taken[j] !== 0) continue;
      let same = 0;
      let opposite = 0;
      for (let k = 0; k < r; k++) {
        same += (unit[i * r + k] - unit[j * r + k]) ** 2;
        opposite += (unit[i * r + k] + unit[j * r + k]) ** 2;
      }
      const distance = Math.sqrt(Math.min(same, opposite));
      if (distance > near) continue;
      taken[j] = 1;
      members.push({ row: j, sign: same <= opposite ? 1 : -1, distance });
    }
    classes.push(members);
  }
  classes.sort((a, b) => a[0].row - b[0].row);
  return { classes, unit, norms };
}
