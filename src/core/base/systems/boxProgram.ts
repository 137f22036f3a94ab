import type { Kernels } from '../kernels/kernels.ts';
import { PositiveSystem } from './positiveSystem.ts';

/** Sweeps of coordinate descent before Newton steps, where nothing else is asked for. */
const sweeps = 30;
/** Sweeps in a row without a bound reached or left after which Newton steps are quicker. */
const settledSweeps = 2;
/** Relative size of a gradient that is rounding. */
const rounding = 1e-12;
/** Ridge relative to the diagonal: dependent constraints stay solvable. */
const ridge = 1e-13;

export interface BoxOptions {
  /** Sweeps of coordinate descent at most. */
  readonly maxSweeps?: number;
  /** Newton steps at most. */
  readonly maxSteps: number;
  readonly kernels?: Kernels | undefined;
  readonly shouldStop: () => boolean;
}

/** Bounds of every variable. */
export interface Box {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/**
 * Minimises  1/2 k'Qk + p'k  over low <= k <= high for a positive semidefinite Q (dense, symmetric), in place from `k`: coordinate descent finds most of
 * the active bounds, at most `maxSteps` projected Newton steps on the free variables (Bertsekas 1982) the rest. Returns the gradient p + Qk.
 */
export function minimizeInBox(
  Q: Float64Array,
  p: Float64Array,
  { low, high }: Box,
  k: Float64Array,
  { maxSweeps = sweeps, maxSteps, kernels, shouldStop }: BoxOptions,
): Float64Array {
  const size = p.length;
  for (let c = 0; c < size; c++) k[c] = Math.min(high[c], Math.max(low[c], k[c]));
  const z = gradientAt(Q, p, k);
  let scale = 0;
  for (let c = 0; c < size; c++) scale = Math.max(scale, Math.abs(p[c]), Math.abs(z[c]));
  let settled = 0;
  for (let sweep = 0; sweep < maxSweeps && settled < settledSweeps && !shouldStop(); sweep++) {
    let moved = 0;
    let switched = false;
    for (let c = 0; c < size; c++) {
      const diagonal = Q[c * size + c];
      if (!(diagonal > 0)) continue;
      const next = Math.min(high[c], Math.max(low[c], k[c] - z[c] / diagonal));
      const change = next - k[c];
      if (change === 0) continue;
      if (k[c] === low[c] || k[c] === high[c] || next === low[c] || next === high[c]) switched = true;
      k[c] = next;
      moved = Math.max(moved, Math.abs(change) * diagonal);
      for (let e = 0, at = c * size; e < size; e++) z[e] += change * Q[at + e];
    }
    if (moved <= rounding * scale) break;
    settled = switched ? 0 : settled + 1;
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
    if (worst <= rounding * scale || !stepOnFree(Q, z, free, { low, high }, k, { kernels, shouldStop })) break;
  }
  return gradientAt(Q, p, k);
}

/** A Newton step on the free variables, shortened until the objective falls within the box; false when it does not. */
function stepOnFree(
  Q: Float64Array,
  z: Float64Array,
  free: readonly number[],
  { low, high }: Box,
  k: Float64Array,
  { kernels, shouldStop }: Pick<BoxOptions, 'kernels' | 'shouldStop'>,
): boolean {
  const size = z.length;
  const m = free.length;
  const system = new PositiveSystem(m, kernels);
  const A = system.matrix;
  const step = new Float64Array(m);
  for (let a = 0; a < m; a++) {
    for (let b = 0; b <= a; b++) A[a * m + b] = Q[free[a] * size + free[b]];
    A[a * m + a] *= 1 + ridge;
    step[a] = -z[free[a]];
  }
  const factored = system.factor(shouldStop);
  if (factored) system.solve(step);
  system.dispose();
  if (!factored) return false;
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
