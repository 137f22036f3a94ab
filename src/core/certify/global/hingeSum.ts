import { type DenseMatrix, denseMatrix, rowNorms } from '../../base/linalg/matrix.ts';
import { everyRows } from '../../base/polling.ts';
import { parallelClasses, principalBasis, withoutParallels } from '../../problem/patterns/rowSpace.ts';

/**
 * The function whose maximum the dual constraint bounds, in few coordinates:
 *     h(z) = linear'z + sum_i (gain_i'z)_+ - sum_j (loss_j'z)_+ ,
 * to be maximised over the unit ball of the first `penalized` coordinates. Any positively homogeneous sum of hinges has this form:
 * rows with a positive weight are in `gain`, with a negative weight in `loss` (weights folded in), and the part that is linear,
 * which opposite rows leave behind, in `linear`.
 */
export interface HingeSum {
  /** r */
  readonly dim: number;
  /** r, or r - 1 when the last coordinate is a free bias. */
  readonly penalized: number;
  readonly linear: Float64Array;
  readonly gain: DenseMatrix;
  readonly loss: DenseMatrix;
  /** A bound of |z_r| relative to the norm of the others within which a free bias has its best value; 0 without one. */
  readonly biasRange: number;
  /** Lipschitz constant: sum of the norms of all rows (a free bias counted with its range). */
  readonly size: number;
  /**
   * What |h| may differ from the original on the unit sphere: rows merged or projected, rotation, and the rounding of any evaluation
   * by sums of products in double precision. Add it to a computed bound to make it a proven one.
   */
  readonly slack: number;
  /** The direction on the columns of X that belongs to z. */
  direction(z: ArrayLike<number>): Float64Array;
}

/** -h. */
export function negated(h: HingeSum): HingeSum {
  return { ...h, linear: h.linear.map((x) => -x), gain: h.loss, loss: h.gain };
}

/** h(z), and h only: the rounding error is within `slack` for unit z. */
export function evaluateHinges(h: HingeSum, z: ArrayLike<number>): number {
  const r = h.dim;
  let value = 0;
  for (let k = 0; k < r; k++) value += h.linear[k] * z[k];
  return value + positiveSum(h.gain, z) - positiveSum(h.loss, z);
}

/** sum_i (row_i'z)_+ */
export function positiveSum(rows: DenseMatrix, z: ArrayLike<number>): number {
  const { rows: n, cols: d, data } = rows;
  let sum = 0;
  for (let i = 0, at = 0; i < n; i++, at += d) {
    let t = 0;
    for (let k = 0; k < d; k++) t += data[at + k] * z[k];
    if (t > 0) sum += t;
  }
  return sum;
}

const epsilon = 2 ** -52;

/**
 * Brings u -> sum_i v_i (x_i'u)_+ (X n x d) into the coordinates of the row space of X, rotated to the principal axes of the rows weighted by
 * |v|. Rows with v = 0 are dropped and parallel rows merged. With a free bias (`penalizedCols` = d - 1, the last column of ones) sum v
 * must be 0 up to rounding; the remainder is charged to the slack. A stop leaves out the rotation, which no bound depends on.
 */
export function hingeSum(
  X: DenseMatrix,
  v: ArrayLike<number>,
  penalizedCols: number,
  shouldStop: () => boolean = () => false,
): HingeSum {
  const { rows: n, cols: d } = X;
  const free = penalizedCols < d;
  const width = penalizedCols;
  const used: number[] = [];
  for (let i = 0; i < n; i++) if (v[i] !== 0) used.push(i);
  const m = used.length;

  // centred rows (only with a free bias, which absorbs the shift)
  const centre = new Float64Array(width);
  if (free && m > 0) {
    let mass = 0;
    for (const i of used) {
      mass += Math.abs(v[i]);
      for (let k = 0; k < width; k++) centre[k] += Math.abs(v[i]) * X.data[i * d + k];
    }
    for (let k = 0; k < width; k++) centre[k] /= mass;
  }
  const rows = denseMatrix(m, width);
  const weights = new Float64Array(m);
  for (let a = 0, to = 0; a < m; a++) {
    weights[a] = v[used[a]];
    for (let k = 0, from = used[a] * d; k < width; k++) rows.data[to++] = X.data[from++] - centre[k];
  }

  const rotated = rotate(rows, weights, shouldStop);
  const basis = rotated?.basis;
  const r = basis?.rows ?? width;
  const dim = r + (free ? 1 : 0);
  const coordinates = rotated?.coordinates ?? rows.data;
  const z = denseMatrix(m, dim, free ? undefined : coordinates);
  let size = 0;
  let range = 0;
  const norms = rowNorms(rows);
  for (let i = 0; i < m; i++) {
    range = Math.max(range, norms[i]);
    if (!free) continue;
    for (let k = 0; k < r; k++) z.data[i * dim + k] = coordinates[i * r + k];
    z.data[i * dim + r] = 1;
  }
  range *= 1 + 1e-9;
  let mass = 0;
  let imbalance = 0;
  for (let i = 0; i < m; i++) {
    mass += Math.abs(weights[i]);
    imbalance += weights[i];
    size += Math.abs(weights[i]) * (norms[i] + (free ? range : 0));
  }
  // an imbalance within rounding of sum v = 0 changes h by at most |sum v| |b|, |b| <= range
  let slack = (rotated?.residual ?? 0) + 20 * (n + d + 8) * epsilon * size;
  if (free) {
    if (Math.abs(imbalance) > 1e-9 * mass) throw new RangeError('with a free bias the dual must sum to zero');
    slack += 2 * Math.abs(imbalance) * range;
  }
  const merged = mergeParallel(z, weights);
  slack += merged.change;
  return {
    dim,
    penalized: r,
    ...merged,
    biasRange: range,
    size,
    slack,
    direction(coordinates) {
      const u = new Float64Array(d);
      for (let q = 0; q < r; q++) {
        if (basis === undefined) u[q] = coordinates[q];
        else for (let k = 0; k < width; k++) u[k] += coordinates[q] * basis.data[q * width + k];
      }
      if (free) {
        u[width] = coordinates[r];
        for (let k = 0; k < width; k++) u[width] -= u[k] * centre[k];
      }
      return u;
    },
  };
}

/** Coordinates (row by row) in the principal basis of the rows, and the weighted sum of what is outside its span. Undefined when stopped. */
function rotate(
  rows: DenseMatrix,
  weights: Float64Array,
  shouldStop: () => boolean,
): { basis: DenseMatrix; coordinates: Float64Array; residual: number } | undefined {
  const { rows: m, cols: width } = rows;
  const basis = principalBasis(rows, weights, shouldStop);
  if (basis === undefined) return undefined;
  const r = basis.rows;
  const coordinates = new Float64Array(m * r);
  const rest = new Float64Array(width);
  const poll = everyRows(2 * r * width);
  let residual = 0;
  for (let i = 0; i < m; i++) {
    if (i % poll === 0 && shouldStop()) return undefined;
    rest.set(rows.data.subarray(i * width, (i + 1) * width));
    for (let q = 0; q < r; q++) {
      let s = 0;
      for (let k = 0; k < width; k++) s += basis.data[q * width + k] * rows.data[i * width + k];
      coordinates[i * r + q] = s;
      for (let k = 0; k < width; k++) rest[k] -= s * basis.data[q * width + k];
    }
    let left = 0;
    for (let k = 0; k < width; k++) left += rest[k] * rest[k];
    residual += Math.abs(weights[i]) * Math.sqrt(left);
  }
  return { basis, coordinates, residual };
}

/** Distance of rows scaled to norm 1 below which they are parallel. */
const sameLine = 1e-13;

/**
 * Parallel rows act as one: p (y'z)_+ + q (-y'z)_+ = (p + q) (y'z)_+ - q y'z. Rows within 1e-13 of parallel are merged, and what
 * that changes is charged.
 */
function mergeParallel(
  Z: DenseMatrix,
  w: Float64Array,
): { linear: Float64Array; gain: DenseMatrix; loss: DenseMatrix; change: number } {
  const r = Z.cols;
  const linear = new Float64Array(r);
  const alone = withoutParallels(Z, sameLine);
  if (alone !== undefined) {
    const scaled = (side: 1 | -1): DenseMatrix => {
      const mine = alone.filter((i) => side * w[i] > 0);
      const out = denseMatrix(mine.length, r);
      let at = 0;
      for (const i of mine) for (let k = 0, from = i * r; k < r; k++) out.data[at++] = Math.abs(w[i]) * Z.data[from++];
      return out;
    };
    return { linear, gain: scaled(1), loss: scaled(-1), change: 0 };
  }
  const { classes, unit, norms } = parallelClasses(Z, sameLine);
  const totals = new Float64Array(classes.length);
  let change = 0;
  classes.forEach((members, e) => {
    const first = members[0].row;
    let along = 0;
    let against = 0;
    for (const { row, sign, distance } of members) {
      const weight = w[row] * norms[row];
      change += Math.abs(weight) * distance;
      if (sign > 0) along += weight;
      else against += weight;
    }
    totals[e] = along + against;
    for (let k = 0; k < r; k++) linear[k] -= against * unit[first * r + k];
  });
  const pack = (side: 1 | -1): DenseMatrix => {
    const out = denseMatrix(
      totals.reduce((count, total) => count + (side * total > 0 ? 1 : 0), 0),
      r,
    );
    let at = 0;
    classes.forEach((members, e) => {
      if (!(side * totals[e] > 0)) return;
      const first = members[0].row;
      const alone = members.length === 1;
      const size = Math.abs(alone ? w[first] : totals[e]);
      const from = alone ? Z.data : unit;
      for (let k = 0; k < r; k++) out.data[at++] = size * from[first * r + k];
    });
    return out;
  };
  return { linear, gain: pack(1), loss: pack(-1), change };
}
