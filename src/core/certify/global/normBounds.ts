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

/** sum_i w_i and an upper bound of lambda_max(sum_i w_i x_i x_i'), w_i the norms of the rows and x_i the rows scaled to norm 1. */
function weightedSpread(m: DenseMatrix, shouldStop: () => boolean): { mass: number; spread: number } {
  const { rows: n, cols: r, data } = m;
  let mass = 0;
  if (n === 0) return { mass, spread: 0 };
  let exact = r <= largestBound && n * r * r <= 2e8;
  const C = denseMatrix(exact ? r : 0, exact ? r : 0);
  const poll = everyRows(r * r);
  for (let i = 0; i < n; i++) {
    const row = data.subarray(i * r, (i + 1) * r);
    const w = length(row);
    mass += w;
    if (i % poll === 0 && shouldStop()) exact = false;
    if (w === 0 || !exact) continue;
    for (let k = 0; k < r; k++) {
      const s = row[k] / w;
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
