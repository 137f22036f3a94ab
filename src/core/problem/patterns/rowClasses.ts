import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { everyRows } from '../../base/polling.ts';
import { someWithin } from './rowSpace.ts';

/**
 * Rows of X grouped by the hyperplane x'u = 0 they define: rows that are multiples of each other (duplicates, opposite points) share
 * one kink. Row r of class k is scale[r] * direction_k. All-zero rows belong to no class.
 */
export interface RowClasses {
  readonly count: number;
  /** Row k alone is class k, for all rows. */
  readonly plain: boolean;
  /** The unit vector of class k, a copy. */
  readonly direction: (k: number) => Float64Array;
  /** Members of class k: rows[start[k]..start[k + 1]). */
  readonly start: Int32Array;
  readonly rows: Int32Array;
  /** n numbers, negative for rows opposite to their class. */
  readonly scale: Float64Array;
  /** n class indices, -1 for zero rows. */
  readonly classOf: Int32Array;
}

/** Distance of unit vectors below which they are one, and of the generic coordinate along which they are sorted. */
const same = 1e-13;
const near = 1e-12;

/** Classes in the order of their first rows. */
export function classifyRows(X: DenseMatrix, poll: () => void = () => undefined): RowClasses {
  const { rows: n, cols: d, data } = X;
  const scale = new Float64Array(n);
  const keys = new Float64Array(n);
  const generic = Float64Array.from({ length: d }, (_, j) => Math.sin(1.7 * j + 0.9));
  let used = 0;
  const look = everyRows(d);
  for (let i = 0, at = 0; i < n; i++, at += d) {
    if (i % look === look - 1) poll();
    let size = 0;
    for (let j = 0; j < d; j++) size += data[at + j] * data[at + j];
    size = Math.sqrt(size);
    if (!(size > 0)) continue;
    used++;
    // sign of the first entry that is not negligible
    let sign = 1;
    for (let j = 0; j < d; j++) {
      if (Math.abs(data[at + j]) > 1e-9 * size) {
        sign = data[at + j] > 0 ? 1 : -1;
        break;
      }
    }
    scale[i] = sign * size;
    let s = 0;
    for (let j = 0; j < d; j++) s += data[at + j] * generic[j];
    keys[i] = s / scale[i];
  }
  const first = firstOfEach(X, scale, keys, used, poll);
  poll();
  const classOf = new Int32Array(n).fill(-1);
  let count = 0;
  for (let i = 0; i < n; i++) if (scale[i] !== 0) classOf[i] = first[i] === i ? count++ : classOf[first[i]];
  const start = new Int32Array(count + 1);
  for (let i = 0; i < n; i++) {
    const k = classOf[i];
    if (k < 0) continue;
    start[k + 1]++;
  }
  for (let k = 0; k < count; k++) start[k + 1] += start[k];
  const rows = new Int32Array(used);
  const next = start.slice(0, count);
  for (let i = 0; i < n; i++) if (classOf[i] >= 0) rows[next[classOf[i]]++] = i;
  const direction = (k: number): Float64Array => {
    const i = rows[start[k]];
    const out = new Float64Array(d);
    for (let j = 0, at = i * d; j < d; j++) out[j] = data[at + j] / scale[i];
    return out;
  };
  return { count, plain: count === n, direction, start, rows, scale, classOf };
}

/** Rows that are not zero and have a key within a distance of that of another one. */
function nearRows(keys: Float64Array, scale: Float64Array, used: number, distance: number, poll: () => void): number[] {
  const sorted = new Float64Array(used);
  for (let i = 0, at = 0; i < keys.length; i++) if (scale[i] !== 0) sorted[at++] = keys[i];
  if (!someWithin(sorted, distance, poll)) return [];
  const close = new Set<number>();
  for (let k = 1; k < used; k++) if (sorted[k] - sorted[k - 1] <= distance) close.add(sorted[k - 1]).add(sorted[k]);
  const rows: number[] = [];
  for (let i = 0; i < keys.length; i++) if (scale[i] !== 0 && close.has(keys[i])) rows.push(i);
  return rows;
}

/** The first row on the hyperplane of each row. */
function firstOfEach(
  { rows: n, cols: d, data }: DenseMatrix,
  scale: Float64Array,
  keys: Float64Array,
  used: number,
  poll: () => void,
): Int32Array {
  const first = new Int32Array(n);
  for (let i = 0; i < n; i++) first[i] = i;
  const order = nearRows(keys, scale, used, near * Math.sqrt(d), poll);
  order.sort((a, b) => keys[a] - keys[b] || a - b);
  for (const i of order) first[i] = -1;
  const alike = (i: number, k: number): boolean => {
    for (let j = 0; j < d; j++)
      if (Math.abs(data[i * d + j] / scale[i] - data[k * d + j] / scale[k]) > same) return false;
    return true;
  };
  // neighbours along the generic coordinate are compared in full
  for (let a = 0; a < order.length; a++) {
    const i = order[a];
    if (first[i] >= 0) continue;
    const mine = [i];
    let least = i;
    first[i] = i;
    for (let b = a + 1; b < order.length && keys[order[b]] - keys[i] <= near * Math.sqrt(d); b++) {
      const k = order[b];
      if (first[k] >= 0 || !alike(i, k)) continue;
      first[k] = i;
      mine.push(k);
      least = Math.min(least, k);
    }
    if (mine.length > 1) for (const k of mine) first[k] = least;
  }
  return first;
}
