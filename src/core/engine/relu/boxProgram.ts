import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';

/** Sweeps of coordinate descent before Newton steps, and steps of that at most. */
const sweeps = 30;
const maxSteps = 8;
/** Relative size of a gradient that is rounding. */
const rounding = 1e-14;
/** Ridge relative to the diagonal: dependent constraints stay solvable. */
const ridge = 1e-13;

/**
 * Minimises  1/2 k'Qk + p'k  over low <= k <= high for a positive semidefinite Q (dense, symmetric), in place from `k`: coordinate descent finds most of
 * the active bounds, projected Newton steps on the free variables (Bertsekas 1982) the rest. Returns the gradient p + Qk.
 */
export function minimizeInBox(
  Q: Float64Array,
  p: Float64Array,
  low: Float64Array,
  high: Float64Array,
  k: Float64Array,
  shouldStop: () => boolean,
): Float64Array {
  const size = p.length;
  for (let c = 0; c < size; c++) k[c] = Math.min(high[c], Math.max(low[c], k[c]));
  const z = gradientAt(Q, p, k);
  let scale = 0;
  for (let c = 0; c < size; c++) scale = Math.max(scale, Math.abs(p[c]), Math.abs(z[c]));
  for (let sweep = 0; sweep < sweeps && !shouldStop(); sweep++) {
    let moved = 0;
    for (let c = 0; c < size; c++) {
      const diagonal = Q[c * size + c];
      if (!(diagonal > 0)) continue;
      const next = Math.min(high[c], Math.max(low[c], k[c] - z[c] / diagonal));
      const change = next - k[c];
      if (change === 0) continue;
      k[c] = next;
      moved = Math.max(moved, Math.abs(change) * diagonal);
      for (let e = 0, at = c * size; e < size; e++) z[e] += change * Q[at + e];
    }
    if (moved <= rounding * scale) break;
  }
  for (let step = 0; step < maxSteps && !shouldStop(); step++) {
    z.set(gradientAt(Q, p, k));
    const free: number[] = [];
    let worst = 0;
    for (let c = 0; c < size; c++) {
      if ((k[c] <= low[c] && z[c] >= 0) || (k[c] >= high[c] && z[c] <= 0)) continue;
      free.push(c);
      worst = Math.max(worst, Math.abs(z[c]));
    }
    if (worst <= rounding * scale || !newtonStep({ Q, z, low, high, k }, free, shouldStop)) break;
  }
  return gradientAt(Q, p, k);
}

/** A point of the program: the matrix, the gradient, the box, and the variables. */
interface BoxPoint {
  readonly Q: Float64Array;
  readonly z: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly k: Float64Array;
}

/** A Newton step on the free variables, shortened until the objective falls within the box; false when it does not, and when stopped. */
function newtonStep({ Q, z, low, high, k }: BoxPoint, free: readonly number[], shouldStop: () => boolean): boolean {
  const size = z.length;
  const m = free.length;
  const A = new Float64Array(m * m);
  const step = new Float64Array(m);
  for (let a = 0; a < m; a++) {
    for (let b = 0; b <= a; b++) A[a * m + b] = Q[free[a] * size + free[b]];
    A[a * m + a] *= 1 + ridge;
    step[a] = -z[free[a]];
  }
  if (!factorSpd(A, m, shouldStop)) return false;
  solveSpd(A, m, step);
  const change = new Float64Array(size);
  for (let length = 1; length > 1e-6 && !shouldStop(); length *= 0.4) {
    let linear = 0;
    free.forEach((c, a) => {
      change[c] = Math.min(high[c], Math.max(low[c], k[c] + length * step[a])) - k[c];
      linear += z[c] * change[c];
    });
    let quadratic = 0;
    for (const c of free) {
      if (change[c] === 0) continue;
      let s = 0;
      for (const e of free) s += Q[c * size + e] * change[e];
      quadratic += change[c] * s;
    }
    if (linear + 0.5 * quadratic < 0) {
      for (const c of free) k[c] += change[c];
      return true;
    }
  }
  return false;
}

/** p + Qk */
function gradientAt(Q: Float64Array, p: Float64Array, k: Float64Array): Float64Array {
  const size = p.length;
  const z = p.slice();
  for (let c = 0; c < size; c++) {
    const value = k[c];
    if (value !== 0) for (let e = 0, at = c * size; e < size; e++) z[e] += value * Q[at + e];
  }
  return z;
}
