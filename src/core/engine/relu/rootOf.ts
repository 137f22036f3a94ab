/** The root of an increasing function that is negative at 0, to four digits. */
export function rootOf(derivative: (x: number) => number): number {
  let low = 0;
  let high = 1;
  for (let k = 0; k < 60 && derivative(high) < 0; k++) {
    low = high;
    high *= 4;
  }
  for (let k = 0; k < 60 && high - low > 1e-4 * high; k++) {
    const middle = low === 0 && k < 30 ? 0.25 * high : 0.5 * (low + high);
    if (derivative(middle) < 0) low = middle;
    else high = middle;
  }
  return 0.5 * (low + high);
}
