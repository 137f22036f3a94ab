import { dot } from './matrix.ts';

/** A differentiable function of `size` variables: its value, and `gradient` := its gradient. */
export interface SmoothFunction {
  readonly size: number;
  evaluate(x: Float64Array, gradient: Float64Array): number;
}

/** Pairs of steps and changes of the gradient that are remembered. */
const memory = 20;

/** A step and what it did to the gradient. */
export interface Remembered {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly product: number;
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
  kept: Remembered[] = [],
): Float64Array {
  let x = start;
  let gradient = new Float64Array(f.size);
  const p = new Float64Array(f.size);
  let value = f.evaluate(x, gradient);
  for (let iteration = 0; iteration < iterations; iteration++) {
    direction(kept, gradient, p);
    if (kept.length === 0) scale(p, 0.1 * Math.sqrt(dot(x, x) / Math.max(dot(p, p), Number.MIN_VALUE)));
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
    const step = next.map((v, e) => v - x[e]);
    const change = nextGradient.map((v, e) => v - gradient[e]);
    const product = dot(step, change);
    if (product > 1e-12 * dot(change, change)) {
      kept.push({ step, change, product });
      if (kept.length > memory) kept.shift();
    }
    [x, gradient, value] = [next, nextGradient, below];
    if (!visit(x, value, iteration)) return x;
  }
  return x;
}

/** p := minus the approximate inverse Hessian times the gradient (two-loop recursion). */
function direction(kept: readonly Remembered[], gradient: Float64Array, p: Float64Array): void {
  for (let e = 0; e < p.length; e++) p[e] = -gradient[e];
  const parts: number[] = [];
  for (let m = kept.length - 1; m >= 0; m--) {
    const { step, change, product } = kept[m];
    parts[m] = dot(step, p) / product;
    for (let e = 0; e < p.length; e++) p[e] -= parts[m] * change[e];
  }
  if (kept.length > 0) {
    const { change, product } = kept[kept.length - 1];
    scale(p, product / dot(change, change));
  }
  kept.forEach(({ step, change, product }, m) => {
    const rest = parts[m] - dot(change, p) / product;
    for (let e = 0; e < p.length; e++) p[e] += rest * step[e];
  });
}

function scale(p: Float64Array, factor: number): void {
  for (let e = 0; e < p.length; e++) p[e] *= factor;
}
