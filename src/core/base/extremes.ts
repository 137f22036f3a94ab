/** Largest of some numbers, -Infinity of none. Spread over the arguments of `Math.max`, more than some 100,000 would overflow the stack. */
export function largest(values: ArrayLike<number>): number {
  let most = -Infinity;
  for (let k = 0; k < values.length; k++) most = Math.max(most, values[k]);
  return most;
}

/** Smallest of some numbers, Infinity of none. */
export function smallest(values: ArrayLike<number>): number {
  let least = Infinity;
  for (let k = 0; k < values.length; k++) least = Math.min(least, values[k]);
  return least;
}
