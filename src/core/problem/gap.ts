/**
 * How far an objective is from what is proven, (objective - bound) / |objective|, from the two numbers that are shown: the only place where a
 * gap is computed. 0 when both are the same; the smallest positive number stands in for an objective of 0. A bound above the objective gives a
 * negative gap, so that it cannot hide: bounds are rounded down and never above the objective (`certify/dual/bound.ts`).
 */
export function relativeGap(objective: number, bound: number): number {
  return objective === bound ? 0 : (objective - bound) / Math.max(Math.abs(objective), Number.MIN_VALUE);
}

/** Whether a gap that was written down is that of the numbers beside it, up to rounding. */
export function gapMatches(gap: number, objective: number, bound: number): boolean {
  const own = relativeGap(objective, bound);
  return gap === own || Math.abs(gap - own) <= 1e-12 * Math.max(1, Math.abs(own));
}
