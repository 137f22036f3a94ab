import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { largestEigen, symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import type { HingeSum } from './hingeSum.ts';
import { everyRows } from '../../base/polling.ts';

/** Larger matrices are bounded by their traces. */
const largestBound = 600;
/** Squarings, after which the bound of the largest eigenvalue is off by a factor of at most r^(1/64), and what rounding may do to it, relative. */
const squarings = 5;
const powerRounding = 1e-9;

/**
 * A proven upper bound of max h over the unit ball without any search, the best of:
 *   - ||linear|| + sum_i ||gain_i||;
 *   - from (t)_+ = t / 2 + |t| / 2 and Cauchy-Schwarz, with w_i = ||gain_i|| and unit rows x_i = gain_i / w_i:
 *     ||linear + (sum gain - sum loss) / 2|| + sqrt(sum_i w_i * lambda_max(sum_i w_i x_i x_i')) / 2.
 * With a free bias: sum of all row norms about the centre (pair gains with losses, (a)_+ - (b)_+ <= |a - b|). A stop makes the bound looser, not wrong.
 */
export function normBound(h: HingeSum, shouldStop: () => boolean = () => false): number {
  const r = h.dim;
  if (r > h.penalized) return rowNorms(h.gain, r - 1) + rowNorms(h.loss, r - 1) + h.slack;
  const plain = length(h.linear) + rowNorms(h.gain, r);
  const middle = h.linear.slice();
  for (let i = 0; i < h.gain.rows; i++) for (let k = 0; k < r; k++) middle[k] += h.gain.data[i * r + k] / 2;
  for (let i = 0; i < h.loss.rows; i++) for (let k = 0; k < r; k++) middle[k] -= h.loss.data[i * r + k] / 2;
  const { mass, spread } = weightedSpread(h.gain, shouldStop);
  const quadratic = length(middle) + Math.sqrt(mass * spread) / 2;
  return Math.min(plain, quadratic) * (1 + 1e-12) + h.slack;
}

function length(x: ArrayLike<number>): number {
  let s = 0;
  for (let k = 0; k < x.length; k++) s += x[k] * x[k];
  return Math.sqrt(s);
}

function rowNorms(m: DenseMatrix, columns: number): number {
  let total = 0;
  for (let i = 0; i < m.rows; i++) total += length(m.data.subarray(i * m.cols, i * m.cols + columns));
  return total;
}

/**
 * As `normBound`, of |v'(Xu)_+| for X (n x d) itself, both signs: nothing is copied, which many rows ask for, and rows that are parallel stay apart. With a
 * free bias (`penalizedCols` = d - 1) v must sum to zero; what rounding leaves of the sum is charged. Infinity after a stop on the way to norms.
 */
export function normBoundOfRows(
  X: DenseMatrix,
  v: Float64Array,
  penalizedCols: number,
  shouldStop: () => boolean = () => false,
): number {
  const { rows: n, cols: d, data } = X;
  const free = penalizedCols < d;
  const [sum, centre] = [new Float64Array(d), new Float64Array(d)];
  let [mass, imbalance] = [0, 0];
  const look = everyRows(d);
  for (let i = 0, at = 0; i < n; i++) {
    if (i % look === look - 1 && shouldStop()) return Infinity;
    mass += Math.abs(v[i]);
    imbalance += v[i];
    for (let k = 0; k < d; k++, at++) {
      sum[k] += v[i] * data[at];
      centre[k] += Math.abs(v[i]) * data[at];
    }
  }
  if (mass === 0) return 0;
  for (let k = 0; k < d; k++) centre[k] = free ? centre[k] / mass : 0;
  const sizes = [0, 0];
  let range = 0;
  for (let i = 0, at = 0; i < n; i++, at += d) {
    if (i % look === look - 1 && shouldStop()) return Infinity;
    let s = 0;
    for (let k = 0; k < penalizedCols; k++) s += (data[at + k] - centre[k]) ** 2;
    range = Math.max(range, Math.sqrt(s));
    sizes[v[i] > 0 ? 0 : 1] += Math.abs(v[i]) * Math.sqrt(s);
  }
  const slack = 20 * (n + d + 8) * 2 ** -52 * (sizes[0] + sizes[1] + (free ? mass * range : 0));
  if (free) return sizes[0] + sizes[1] + slack + 2 * Math.abs(imbalance) * range;
  const bounds = ([1, -1] as const).map((sign, k) => {
    const { mass: weight, spread } = weightedSpread(X, shouldStop, (i) => Math.max(0, sign * v[i]), manyRowsWork);
    return Math.min(sizes[k], length(sum) / 2 + Math.sqrt(weight * spread) / 2);
  });
  return Math.max(...bounds) * (1 + 1e-12) + slack;
}

/** Multiplications that the spread of rows may take. */
const mostWork = 2e8;
const manyRowsWork = 2e9;

/** sum_i w_i and an upper bound of lambda_max(sum_i w_i x_i x_i'), w_i the norms of the rows, times factors where these are given, and x_i the rows scaled to norm 1. */
function weightedSpread(
  m: DenseMatrix,
  shouldStop: () => boolean,
  factor: (i: number) => number = () => 1,
  most = mostWork,
): { mass: number; spread: number } {
  const { rows: n, cols: r, data } = m;
  let mass = 0;
  if (n === 0) return { mass, spread: 0 };
  let exact = r <= largestBound && n * r * r <= most;
  const C = denseMatrix(exact ? r : 0, exact ? r : 0);
  const poll = everyRows(r * r);
  for (let i = 0; i < n; i++) {
    const f = factor(i);
    if (i % poll === 0 && shouldStop()) exact = false;
    if (f === 0) continue;
    const row = data.subarray(i * r, (i + 1) * r);
    const w = length(row);
    mass += f * w;
    if (w === 0 || !exact) continue;
    for (let k = 0; k < r; k++) {
      const s = (f * row[k]) / w;
      for (let l = 0; l < r; l++) C.data[k * r + l] += s * row[l];
    }
  }
  // the trace is the bound where an eigenvalue would cost too much
  if (!exact || shouldStop()) return { mass, spread: mass };
  if (r > largestEigen) return { mass, spread: Math.min(mass, eigenvalueBound(C, shouldStop) ?? mass) };
  const values = symmetricEigen(C).values;
  return { mass, spread: Math.max(0, values[r - 1]) + 1e-12 * r * mass };
}

/** lambda_max(C) <= ||C^k||_F^(1/k) with k = 32, for a positive semidefinite matrix, which is lost; undefined when stopped or where numbers leave their range. */
function eigenvalueBound({ rows: r, data }: DenseMatrix, shouldStop: () => boolean): number | undefined {
  const poll = everyRows(r * r);
  let [power, next]: Float64Array[] = [data, new Float64Array(r * r)];
  let logarithm = 0;
  for (let k = 0; k <= squarings; k++) {
    const size = length(power);
    // squares that overflow or vanish say nothing
    if (!(size > 0 && size < Infinity)) return undefined;
    logarithm += Math.log(size) / 2 ** k;
    if (k === squarings) break;
    for (let i = 0; i < r * r; i++) power[i] /= size;
    next.fill(0);
    for (let i = 0; i < r; i++) {
      if (i % poll === 0 && shouldStop()) return undefined;
      for (let l = 0; l < r; l++) {
        const factor = power[i * r + l];
        if (factor !== 0) for (let j = 0; j < r; j++) next[i * r + j] += factor * power[l * r + j];
      }
    }
    [power, next] = [next, power];
  }
  return Math.exp(logarithm) * (1 + powerRounding);
}
