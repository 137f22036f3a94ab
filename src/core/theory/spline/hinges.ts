/** Sums of hinges with knots at given places, and moments of the dual against them: everything in O(n). */

/** S(x_k) = sum_i v_i (x_i - x_k)_+ for all k, from the right in O(n). */
export function rightMoments(x: Float64Array, v: Float64Array): Float64Array {
  const s = new Float64Array(x.length);
  let mass = 0;
  for (let k = x.length - 2; k >= 0; k--) {
    mass += v[k + 1];
    s[k] = s[k + 1] + mass * (x[k + 1] - x[k]);
  }
  return s;
}

/** sum_i v_i (x_k - x_i)_+ for all k. */
export function leftMoments(x: Float64Array, v: Float64Array): Float64Array {
  const s = new Float64Array(x.length);
  let mass = 0;
  for (let k = 1; k < x.length; k++) {
    mass += v[k - 1];
    s[k] = s[k - 1] + mass * (x[k] - x[k - 1]);
  }
  return s;
}

/** Values of sum_k a_k (x_j - x_k)_+ + b_k (x_k - x_j)_+ at all knots, in O(n). */
export function hingeSum(x: Float64Array, right: Float64Array, left: Float64Array): Float64Array {
  const f = new Float64Array(x.length);
  let slope = 0;
  let value = 0;
  for (let j = 1; j < x.length; j++) {
    slope += right[j - 1];
    value += slope * (x[j] - x[j - 1]);
    f[j] += value;
  }
  slope = 0;
  value = 0;
  for (let j = x.length - 2; j >= 0; j--) {
    slope += left[j + 1];
    value += slope * (x[j + 1] - x[j]);
    f[j] += value;
  }
  return f;
}

/** Largest entry in size. */
export function maxAbs(a: Float64Array): number {
  let m = 0;
  for (const value of a) m = Math.max(m, Math.abs(value));
  return m;
}
