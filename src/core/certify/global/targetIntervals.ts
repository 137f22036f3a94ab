import type { DenseMatrix } from '../../base/linalg/matrix.ts';

/** How far a target may move: y + lower .. y + upper. */
export interface TargetInterval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * For each row and output of a regression, the interval in which its target may move, all others fixed, while the network as it stands provably stays within
 * `share` of the best of all networks: a target changes the objective of the network to P + r t + t^2 / 2 (r = y - f) and what the stored dual point proves,
 * which stays feasible, to D + v t, and P(t) <= (1 + share) D(t) is a quadratic inequality. Undefined where the network is not that close as it is.
 * Half squared loss only. The interval is what is proven: a target outside of it may do no harm.
 *
 * @param fit n x c fits of the network, `targets` the same shape
 * @param dual n x c dual point that is feasible over all networks and proves `lowerBound` (`GlobalBound.dual`)
 */
export function targetIntervals(
  fit: DenseMatrix,
  targets: DenseMatrix,
  dual: ArrayLike<number>,
  proven: { readonly objective: number; readonly lowerBound: number },
  share: number,
): readonly (TargetInterval | undefined)[] {
  if (!(share > 0)) throw new RangeError(`the share must be positive, not ${share}`);
  if (fit.data.length !== targets.data.length || dual.length !== targets.data.length) {
    throw new RangeError(`${fit.data.length} fits, ${targets.data.length} targets and ${dual.length} dual values`);
  }
  const excess = proven.objective - (1 + share) * proven.lowerBound;
  return Array.from(targets.data, (y, k) => {
    if (!(excess <= 0)) return undefined;
    // t^2 / 2 + slope t + excess <= 0; the root that cancels from the product of both
    const slope = y - fit.data[k] - (1 + share) * dual[k];
    const root = Math.sqrt(slope * slope - 2 * excess);
    const far = slope > 0 ? -slope - root : -slope + root;
    const near = far === 0 ? 0 : (2 * excess) / far;
    return { lower: Math.min(far, near), upper: Math.max(far, near) };
  });
}
