import { type CurvaturePair, descentDirection } from '../../base/linalg/limitedMemory.ts';

/** Pairs of steps and changes of the gradient that are kept. */
const memory = 12;
/** Sufficient decrease, and factor of a step that had none. */
const armijo = 1e-4;
const shorter = 0.3;
const maxTrials = 12;
/** Smallest curvature s'y, relative to the lengths, of a pair that is kept. */
const curvature = 1e-8;
/** Steps over which the gain is averaged. */
const gainWindow = 6;

export interface SmoothOptions {
  readonly maxSteps: number;
  /** The run ends when a step gains less than this, relative to the value, on average over the last few. */
  readonly smallGain: number;
  readonly shouldStop: () => boolean;
}

/**
 * Minimises f by limited-memory BFGS steps with backtracking (Liu and Nocedal 1989), from x, which always holds the best point so far. `f` returns the
 * value at x and writes the gradient. Where the gradient jumps (kinks) pairs without curvature are left out. Returns the number of steps.
 */
export function minimizeSmooth(
  f: (x: Float64Array, gradient: Float64Array) => number,
  x: Float64Array,
  { maxSteps, smallGain, shouldStop }: SmoothOptions,
  onStep?: (value: number, steps: number) => void,
): number {
  const size = x.length;
  let gradient = new Float64Array(size);
  let next = new Float64Array(size);
  const trial = new Float64Array(size);
  const direction = new Float64Array(size);
  const pairs: CurvaturePair[] = [];
  let value = f(x, gradient);
  const values = [value];
  let steps = 0;
  while (steps < maxSteps && !shouldStop()) {
    descentDirection(gradient, pairs, direction);
    let slope = dotOf(gradient, direction);
    if (!(slope < 0)) {
      pairs.length = 0;
      descentDirection(gradient, pairs, direction);
      slope = dotOf(gradient, direction);
      if (!(slope < 0)) break;
    }
    // without curvature yet: a step that changes x by a tenth of its length
    let step = pairs.length > 0 ? 1 : (0.1 * Math.sqrt(dotOf(x, x) + 1e-12)) / Math.sqrt(-slope);
    let found = Infinity;
    let trials = 0;
    for (; trials < maxTrials; trials++) {
      for (let i = 0; i < size; i++) trial[i] = x[i] + step * direction[i];
      found = f(trial, next);
      if (found <= value + armijo * step * slope) break;
      step *= shorter;
      if (shouldStop()) return steps;
    }
    if (trials === maxTrials) {
      if (pairs.length === 0) break;
      pairs.length = 0;
      continue;
    }
    const s = new Float64Array(size);
    const y = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      s[i] = trial[i] - x[i];
      y[i] = next[i] - gradient[i];
    }
    const sy = dotOf(s, y);
    if (sy > curvature * Math.sqrt(dotOf(s, s) * dotOf(y, y))) {
      pairs.push({ s, y, rho: 1 / sy });
      if (pairs.length > memory) pairs.shift();
    }
    x.set(trial);
    [gradient, next] = [next, gradient];
    value = found;
    values.push(value);
    steps++;
    onStep?.(value, steps);
    if (steps >= gainWindow) {
      const gain = values[values.length - 1 - gainWindow] - value;
      if (gain <= gainWindow * smallGain * Math.abs(value)) break;
    }
  }
  return steps;
}

export interface AnnealOptions {
  /** Steps of the whole fall, and the part of it that is taken: from step `from` up to step `to`. */
  readonly steps: number;
  readonly from: number;
  readonly to: number;
  /** Length of the first steps, relative to the root mean square of x. */
  readonly firstStep: number;
  /** Values are those of samples, which do not compare: x ends as the last point. */
  readonly noisy?: boolean;
  readonly shouldStop: () => boolean;
}

/** Decay of the means of gradients and of their squares, and what is added to the roots of these. */
const decay = [0.9, 0.99] as const;
const floor = 1e-12;

/**
 * Lowers f by steps scaled with the running means of gradients and their squares (Kingma and Ba 2015) whose length falls to zero by half a cosine. Kinks
 * do not stop them, and the first steps leave narrow local minima. In place from x, which ends as the best point seen; returns the number of steps. When `f`
 * throws, x holds the best point, too.
 */
export function anneal(
  f: (x: Float64Array, gradient: Float64Array, step: number) => number,
  x: Float64Array,
  { steps, from, to, firstStep, noisy = false, shouldStop }: AnnealOptions,
  onStep?: (value: number, steps: number) => void,
): number {
  const size = x.length;
  const point = x.slice();
  const gradient = new Float64Array(size);
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  const length = firstStep * Math.sqrt(dotOf(x, x) / Math.max(1, size));
  let best = Infinity;
  for (let step = 0; step <= to - from; step++) {
    const value = f(point, gradient, step);
    if (noisy) x.set(point);
    else if (value < best) {
      best = value;
      x.set(point);
      onStep?.(value, step);
    }
    if (step === to - from || shouldStop()) return step;
    const rate = (length * 0.5 * (1 + Math.cos((Math.PI * (from + step)) / steps))) / (1 - decay[0] ** (step + 1));
    const correction = 1 / (1 - decay[1] ** (step + 1));
    for (let i = 0; i < size; i++) {
      const g = gradient[i];
      mean[i] = decay[0] * mean[i] + (1 - decay[0]) * g;
      square[i] = decay[1] * square[i] + (1 - decay[1]) * g * g;
      point[i] -= (rate * mean[i]) / (Math.sqrt(square[i] * correction) + floor);
    }
  }
  return to - from;
}

function dotOf(a: Float64Array, b: Float64Array): number {
  let s = 0;
  for (let i = 0; i < a.length; i++) s += a[i] * b[i];
  return s;
}
