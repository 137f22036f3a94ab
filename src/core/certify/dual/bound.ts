import { bestDualScale, type Datafit } from '../../problem/datafits/datafit.ts';

/** Unit roundoff of doubles, times two. */
const epsilon = 2 ** -52;

/** A proven lower bound of the objective, and the dual point that proves it. */
export interface DualBound {
  readonly value: number;
  /**
   * n x c: within the domain of the conjugate, with every dual constraint at most beta (and sums of 0 where the bias is free), so that
   * -l*(-point) is at most every objective: `value` is that number rounded down.
   */
  readonly point: Float64Array;
}

/**
 * The best lower bound that a dual point V gives by weak duality: V shortened until its dual constraint M(V), at most `constraint` times beta, is
 * met, and the best length below that. V must lie in the domain (`Datafit.projectDual`, `Datafit.balanceDual` with a free bias). Never above
 * `objective`, which is a bound as much as anything below it: where the two meet, the last digits of the computed objective are not better known.
 *
 * @param constraint upper bound of M(V) / beta; its own rounding is the caller's affair (`roundingOfProducts`)
 * @param quick without a search for that length: as near to V itself as the constraint allows
 */
export function dualBoundAt(
  datafit: Datafit,
  V: Float64Array,
  constraint: number,
  objective = Infinity,
  quick = false,
): DualBound {
  // the margin pays for the rounding of the scaled entries
  const limit = constraint > 0 ? (1 / constraint) * (1 - 4 * epsilon) : Infinity;
  const point = new Float64Array(V.length);
  let bound = -Infinity;
  if (limit > 0 && !Number.isNaN(constraint)) {
    const t = quick ? Math.min(1, limit) : bestDualScale(datafit, V, limit);
    for (let i = 0; i < V.length; i++) point[i] = t * V[i];
    bound = datafit.dualBelow(point);
  }
  if (quick && bound > 0) return { value: Math.min(bound, objective), point };
  // V = 0 is feasible always, and gives the infimum of the loss
  const nothing = new Float64Array(V.length);
  const least = datafit.dualBelow(nothing);
  return bound > least
    ? { value: Math.min(bound, objective), point }
    : { value: Math.min(least, objective), point: nothing };
}

/**
 * What a computed product X'D v may be off by, as a vector: each entry sums at most n terms, of error (n - 1) u relative to the sum of their sizes
 * (Higham 2002, 4.2), and a norm over d of them adds d + 2 roundings more; sum_i |v_i| ||x_i|| bounds the norm of the sums of sizes, for every
 * pattern D and every direction.
 *
 * @param terms longest chain of additions, n for a plain loop
 */
export function roundingOfProducts(
  rowNorms: ArrayLike<number>,
  V: ArrayLike<number>,
  outputs: number,
  terms: number,
): number {
  let size = 0;
  for (let i = 0; i < rowNorms.length; i++) {
    let squares = 0;
    for (let o = 0; o < outputs; o++) squares += V[i * outputs + o] ** 2;
    size += Math.sqrt(squares) * rowNorms[i];
  }
  return terms * epsilon * size;
}
