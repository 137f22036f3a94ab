import { createRng, shuffle } from '../base/rng.ts';

export interface FoldOptions {
  /** Number of folds, at least two; fewer where there are not enough rows, groups or rows of the commonest class. */
  readonly count: number;
  readonly seed: number;
  /** Class id of each row: every fold gets its share of every class. */
  readonly classes?: ArrayLike<number>;
  /** Group of each row: rows of one group stay in one fold. Goes before `classes`. */
  readonly groups?: ArrayLike<number>;
  /** The rows are ordered in time: folds are runs of neighbouring rows. */
  readonly ordered?: boolean;
}

/**
 * The fold, 0 to count - 1, of each of `rows` rows, seeded. Folds differ in size by one row (with groups: as little as the groups allow,
 * largest first). With `ordered` they are contiguous and nothing is drawn.
 */
export function foldsOf(rows: number, { count, seed, classes, groups, ordered }: FoldOptions): Int32Array {
  const folds = new Int32Array(rows);
  if (groups !== undefined) return foldsOfGroups(folds, groups, count, seed);
  const k = Math.max(1, Math.min(count, rows));
  if (ordered === true) return folds.map((_, row) => Math.min(k - 1, Math.floor((row * k) / rows)));
  const rng = createRng(seed).fork('folds');
  const order = Array.from({ length: rows }, (_, row) => row);
  shuffle(order, rng);
  // dealt out class by class, going on where the last class ended, so that totals are even as well
  if (classes !== undefined) order.sort((a, b) => classes[a] - classes[b]);
  order.forEach((row, i) => (folds[row] = i % k));
  return folds;
}

function foldsOfGroups(folds: Int32Array, groups: ArrayLike<number>, count: number, seed: number): Int32Array {
  const rng = createRng(seed).fork('folds');
  const members = new Map<number, number[]>();
  for (let row = 0; row < folds.length; row++) {
    const rows = members.get(groups[row]);
    if (rows === undefined) members.set(groups[row], [row]);
    else rows.push(row);
  }
  const order = [...members.values()];
  shuffle(order, rng);
  order.sort((a, b) => b.length - a.length);
  const size = new Float64Array(Math.max(1, Math.min(count, order.length)));
  for (const rows of order) {
    const fold = size.indexOf(Math.min(...size));
    size[fold] += rows.length;
    for (const row of rows) folds[row] = fold;
  }
  return folds;
}
