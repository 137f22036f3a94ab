import { dot } from './matrix.ts';

/** A differentiable function of `size` variables: its value, and `gradient` := its gradient. */
export interface SmoothFunction {
  readonly size: number;
  evaluate(x: Float64Array, gradient: Float64Array): number;
}

/** Pairs of steps and changes of the gradient that are remembered. */
const memory = 20;

/** A step, what it did to the gradient, and 1 over their product. */
export interface CurvaturePair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

/**
 * Minimises by limited-memory BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithm 7.5) with steps halved until they descend enough. The first step is a tenth of the
 * length of x, unless steps are `kept` from a function that is much the same; those made are added there. `visit` is told every new point and ends the run by answering false; the function was evaluated there last. Answers the last
 * point: also where no step descends any more, or after `iterations`.
 */
export function minimizeByMemory(
  f: SmoothFunction,
  start: Float64Array,
  iterations: number,
  visit: (x: Float64Array, value: number, iteration: number) => boolean,
  kept: CurvaturePair[] = [],
): Float64Array {
  let x = start;
  let gradient = new Float64Array(f.size);
  const p = new Float64Array(f.size);
  let value = f.evaluate(x, gradient);
  for (let iteration = 0; iteration < iterations; iteration++) {
    descentDirection(gradient, kept, p);
    if (kept.length === 0) {
      const length = 0.1 * Math.sqrt(dot(x, x) / Math.max(dot(p, p), Number.MIN_VALUE));
      for (let e = 0; e < p.length; e++) p[e] *= length;
    }
    const slope = dot(gradient, p);
    if (!(slope < 0)) return x;
    const next = new Float64Array(f.size);
    const nextGradient = new Float64Array(f.size);
    let below = Infinity;
    for (let length = 1; length > 1e-8; length *= 0.4) {
      for (let e = 0; e < p.length; e++) next[e] = x[e] + length * p[e];
      below = f.evaluate(next, nextGradient);
      if (below <= value + 1e-4 * length * slope) break;
    }
    if (!(below < value)) {
      f.evaluate(x, gradient);
      return x;
    }
    const s = next.map((v, e) => v - x[e]);
    const y = nextGradient.map((v, e) => v - gradient[e]);
    const product = dot(s, y);
    if (product > 1e-12 * dot(y, y)) {
      kept.push({ s, y, rho: 1 / product });
      if (kept.length > memory) kept.shift();
    }
    [x, gradient, value] = [next, nextGradient, below];
    if (!visit(x, value, iteration)) return x;
  }
  return x;
}

/** direction := minus the inverse curvature times the gradient, by the two-loop recursion (Nocedal 1980). */
export function descentDirection(
  gradient: Float64Array,
  pairs: readonly CurvaturePair[],
  direction: Float64Array,
): void {
  for (let i = 0; i < gradient.length; i++) direction[i] = -gradient[i];
  const alphas = new Float64Array(pairs.length);
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, rho } = pairs[k];
    const alpha = (alphas[k] = rho * dot(s, direction));
    for (let i = 0; i < direction.length; i++) direction[i] -= alpha * y[i];
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < direction.length; i++) direction[i] *= scale;
  }
  for (let k = 0; k < pairs.length; k++) {
    const { s, y, rho } = pairs[k];
    const beta = alphas[k] - rho * dot(y, direction);
    for (let i = 0; i < direction.length; i++) direction[i] += beta * s[i];
  }
}
