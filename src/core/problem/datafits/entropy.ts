/** p ln p with its limit at 0. */
export function entropy(p: number): number {
  return p > 0 ? p * Math.log(p) : 0;
}

/** (1 - p) ln(1 - p) without cancellation: 1 - p is exact above one half, and the logarithm knows small p. */
export function complementEntropy(p: number): number {
  return p >= 0.5 ? entropy(1 - p) : (1 - p) * Math.log1p(-p);
}
