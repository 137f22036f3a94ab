import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { type DenseMatrix, rowOf } from '../../base/linalg/matrix.ts';
import { largestEigen, symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import { parallelClasses } from '../../problem/patterns/rowSpace.ts';

/** Two rows (from 0) that break a condition, and by how much. */
export interface OffendingPair {
  readonly rows: readonly [number, number];
  /** The inner product or inverse Gram entry that has the wrong sign. */
  readonly value: number;
  /** The same scaled to [-1, 1] (cosine). */
  readonly cosine: number;
}

/** What kind of data this is, for the limit points of gradient flow on a separable two-class problem. */
export interface SeparabilityReport {
  readonly rows: number;
  readonly positives: number;
  readonly negatives: number;
  /** x_i.x_j > 0 within a class and <= 0 across (Phuong and Lampert 2021). */
  readonly orthogonalSeparable: boolean;
  readonly orthogonalOffenders: readonly OffendingPair[];
  readonly spikeFree: boolean;
  /** Why not, or by which test. */
  readonly spikeFreeReason: string;
  readonly spikeFreeOffenders: readonly OffendingPair[];
  /** Rows in the same direction with different labels, and zero rows: no network without bias separates these. */
  readonly conflicts: readonly { readonly rows: readonly number[]; readonly reason: string }[];
  readonly theorem: 'orthogonal-separable' | 'spike-free' | 'none';
  readonly consequence: string;
}

/** How many offending pairs are kept, worst first. */
const shownPairs = 10;

/** Directions closer than this are the same. */
const near = 1e-10;

/**
 * Checks the conditions under which more is known than for general data. X is n x d (effective inputs), y holds -1/+1.
 *
 * Spike-free means {(Xu)_+ : ||u|| <= 1} = {Xz : ||z|| <= 1} with Xz >= 0 (Ergen and Pilanci 2020). Exact test: leave out zero rows and
 * all but one of the rows in each direction (that changes neither side). If the rest is linearly dependent the data are not spike-free:
 * across the hyperplane of one row the map D X jumps by e_j x_j', which would have to stay in the range of X, hence e_j in the range for
 * every j. If they are independent, spike-free is equivalent to (XX')^-1 having no positive entry off the diagonal: with Xu = q - p,
 * q, p >= 0 disjoint, the shortest z with Xz = q must not be longer than u for any scaling, i.e. q'(XX')^-1 p <= 0.
 */
export function separabilityReport(X: DenseMatrix, y: Float64Array): SeparabilityReport {
  const n = X.rows;
  const d = X.cols;
  const norms = Float64Array.from({ length: n }, (_, i) => Math.hypot(...rowOf(X, i)));
  const pairs: OffendingPair[] = [];
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let s = 0;
      for (let k = 0; k < d; k++) s += X.data[i * d + k] * X.data[j * d + k];
      gram[i * n + j] = gram[j * n + i] = s;
      const scale = norms[i] * norms[j];
      const cosine = scale > 0 ? s / scale : 0;
      // Rounding of an inner product that is zero must not count against orthogonality of opposite labels.
      const bad = y[i] === y[j] ? !(s > 0) : cosine > 1e-14 * d;
      if (bad) pairs.push({ rows: [j, i], value: s, cosine });
    }
    gram[i * n + i] = norms[i] * norms[i];
    if (pairs.length > 4096) keepWorst(pairs);
  }
  const orthogonalOffenders = keepWorst(pairs);
  let positives = 0;
  for (const label of y) if (label > 0) positives++;

  const { classes } = parallelClasses(X, near);
  const conflicts: { rows: number[]; reason: string }[] = [];
  const zero = Array.from({ length: n }, (_, i) => i).filter((i) => norms[i] === 0);
  if (zero.length > 0) {
    conflicts.push({
      rows: zero,
      reason: `${name(zero)} zero: a network without bias is 0 there, so no margin is possible`,
    });
  }
  const representatives: number[] = [];
  for (const group of classes) {
    for (const sign of [1, -1]) {
      const rows = group.filter((entry) => entry.sign === sign).map((entry) => entry.row);
      if (rows.length === 0) continue;
      representatives.push(rows[0]);
      const first = rows.find((row) => y[row] !== y[rows[0]]);
      if (first !== undefined) {
        conflicts.push({
          rows,
          reason: `${name([rows[0], first])} in the same direction but have different labels: no network without bias separates them`,
        });
      }
    }
  }
  const spike = spikeTest(gram, n, norms, representatives);
  const orthogonalSeparable = orthogonalOffenders.length === 0 && zero.length === 0;
  const theorem = orthogonalSeparable ? 'orthogonal-separable' : spike.spikeFree ? 'spike-free' : 'none';
  return {
    rows: n,
    positives,
    negatives: n - positives,
    orthogonalSeparable,
    orthogonalOffenders,
    spikeFree: spike.spikeFree,
    spikeFreeReason: spike.reason,
    spikeFreeOffenders: spike.offenders,
    conflicts,
    theorem,
    consequence: consequences[theorem],
  };
}

const consequences = {
  'orthogonal-separable':
    'Every stationary (KKT) point of the max-margin problem is globally optimal: gradient flow that separates the data converges in direction to the ' +
    'two hard-margin support vector machines of the classes.',
  'spike-free':
    'The dual constraint is settled by two non-negative least squares problems and the convex program needs one pattern per sign; stationary points ' +
    'need not be global, so the certificate of the run decides.',
  none: 'No theorem guarantees a global limit: gradient flow may stop at a stationary point that is not optimal, so the certificate of the run decides.',
} as const;

function keepWorst(pairs: OffendingPair[]): OffendingPair[] {
  pairs.sort((a, b) => Math.abs(b.cosine) - Math.abs(a.cosine));
  pairs.length = Math.min(pairs.length, shownPairs);
  return pairs;
}

function name(rows: readonly number[]): string {
  const shown = rows.slice(0, 6).map((row) => String(row + 1));
  const more = rows.length > 6 ? ` and ${rows.length - 6} more` : '';
  return rows.length === 1 ? `row ${shown[0]} is` : `rows ${shown.join(', ')}${more} are`;
}

function spikeTest(
  gram: Float64Array,
  n: number,
  norms: Float64Array,
  rows: readonly number[],
): { spikeFree: boolean; reason: string; offenders: OffendingPair[] } {
  const k = rows.length;
  if (k === 0) return { spikeFree: true, reason: 'there are no non-zero rows', offenders: [] };
  // Cosines: scaling a row by a positive number changes no sign of the inverse.
  const cosines = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) {
      cosines[i * k + j] = i === j ? 1 : gram[rows[i] * n + rows[j]] / (norms[rows[i]] * norms[rows[j]]);
    }
  }
  const smallest = k > largestEigen ? NaN : symmetricEigen({ rows: k, cols: k, data: cosines }).values[0];
  const factor = cosines.slice();
  factorSpd(factor, k);
  let pivot = Infinity;
  for (let i = 0; i < k; i++) pivot = Math.min(pivot, factor[i * k + i] > 1e50 ? 0 : factor[i * k + i] ** 2);
  // Beyond `largestEigen` rows the pivots stand in for the smallest eigenvalue.
  if (!((Number.isNaN(smallest) ? pivot : smallest) > 1e-12 * k)) {
    return {
      spikeFree: false,
      reason: `the ${k} different row directions are linearly dependent`,
      offenders: [],
    };
  }
  const column = new Float64Array(k);
  const inverse = new Float64Array(k * k);
  for (let j = 0; j < k; j++) {
    column.fill(0);
    column[j] = 1;
    solveSpd(factor, k, column);
    for (let i = 0; i < k; i++) inverse[i * k + j] = column[i];
  }
  const offenders: OffendingPair[] = [];
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < i; j++) {
      const cosine = inverse[i * k + j] / Math.sqrt(inverse[i * k + i] * inverse[j * k + j]);
      if (cosine > 1e-10) {
        const value = inverse[i * k + j] / (norms[rows[i]] * norms[rows[j]]);
        offenders.push({ rows: [rows[j], rows[i]], value, cosine });
      }
    }
    if (offenders.length > 4096) keepWorst(offenders);
  }
  keepWorst(offenders);
  return {
    spikeFree: offenders.length === 0,
    reason:
      offenders.length === 0
        ? 'the inverse Gram matrix of the row directions has no positive entry off its diagonal'
        : 'the inverse Gram matrix of the row directions has positive entries off its diagonal',
    offenders,
  };
}
