import type { DenseMatrix } from '../../base/linalg/matrix.ts';

/**
 * Rows of X grouped by the hyperplane x'u = 0 they define: rows that are multiples of each other (duplicates, opposite points) share
 * one kink. Row r of class k is scale[r] * direction_k. All-zero rows belong to no class.
 */
export interface RowClasses {
  readonly count: number;
  /** count x d unit vectors. */
  readonly directions: Float64Array;
  /** Members of class k: rows[start[k]..start[k + 1]). */
  readonly start: Int32Array;
  readonly rows: Int32Array;
  /** n numbers, negative for rows opposite to their class. */
  readonly scale: Float64Array;
  /** n class indices, -1 for zero rows. */
  readonly classOf: Int32Array;
}

export function classifyRows(X: DenseMatrix): RowClasses {
  const { rows: n, cols: d, data } = X;
  const unit = new Float64Array(n * d);
  const scale = new Float64Array(n);
  const classOf = new Int32Array(n).fill(-1);
  const order: number[] = [];
  for (let i = 0; i < n; i++) {
    let size = 0;
    for (let j = 0; j < d; j++) size += data[i * d + j] * data[i * d + j];
    size = Math.sqrt(size);
    if (!(size > 0)) continue;
    // sign of the first entry that is not negligible
    let sign = 1;
    for (let j = 0; j < d; j++) {
      if (Math.abs(data[i * d + j]) > 1e-9 * size) {
        sign = data[i * d + j] > 0 ? 1 : -1;
        break;
      }
    }
    scale[i] = sign * size;
    for (let j = 0; j < d; j++) unit[i * d + j] = data[i * d + j] / scale[i];
    order.push(i);
  }
  // neighbours along one generic coordinate are compared in full
  const key = (i: number): number => {
    let s = 0;
    for (let j = 0; j < d; j++) s += unit[i * d + j] * Math.sin(1.7 * j + 0.9);
    return s;
  };
  const keys = new Float64Array(n);
  for (const i of order) keys[i] = key(i);
  order.sort((a, b) => keys[a] - keys[b] || a - b);
  const members: number[][] = [];
  for (let a = 0; a < order.length; a++) {
    const i = order[a];
    if (classOf[i] >= 0) continue;
    const mine = [i];
    classOf[i] = members.length;
    for (let b = a + 1; b < order.length && keys[order[b]] - keys[i] <= 1e-12 * Math.sqrt(d); b++) {
      const k = order[b];
      if (classOf[k] >= 0) continue;
      let gap = 0;
      for (let j = 0; j < d; j++) gap = Math.max(gap, Math.abs(unit[i * d + j] - unit[k * d + j]));
      if (gap > 1e-13) continue;
      classOf[k] = members.length;
      mine.push(k);
    }
    members.push(mine);
  }
  const count = members.length;
  const directions = new Float64Array(count * d);
  const start = new Int32Array(count + 1);
  const rows = new Int32Array(order.length);
  let at = 0;
  members.forEach((mine, k) => {
    start[k] = at;
    directions.set(unit.subarray(mine[0] * d, (mine[0] + 1) * d), k * d);
    for (const i of mine.sort((a, b) => a - b)) rows[at++] = i;
  });
  start[count] = at;
  return { count, directions, start, rows, scale, classOf };
}
