import type { Problem } from '../problem/problem.ts';
import { type Control, uncontrolled } from '../base/control.ts';
import type { Solution, SolveOptions } from './solution/solution.ts';
import { solve } from './solve.ts';

/** One point of a regularisation path. */
export interface PathStep {
  readonly beta: number;
  readonly solution: Solution;
}

/** `count` values of beta from betaMax down to `smallest` * betaMax, evenly spaced on a log scale. */
export function betaGrid(betaMax: number, count: number, smallest: number): number[] {
  if (count === 1) return [betaMax];
  return Array.from({ length: count }, (_, k) => betaMax * smallest ** (k / (count - 1)));
}

/**
 * Solves one problem for many betas as one continued solve: each point starts from the one before. Betas are taken in the
 * order given (from large to small is fastest). Ends early, without a partial point, when the control says stop.
 */
export function* regularizationPath(
  problem: Problem,
  betas: Iterable<number>,
  options: SolveOptions = {},
  control: Control = uncontrolled,
): Generator<PathStep, void, undefined> {
  let warm = options.warm;
  for (const beta of betas) {
    if (control.shouldStop()) return;
    const solution = solve({ ...problem, beta }, { ...options, warm }, control);
    if (solution.status === 'cancelled' || solution.status === 'time-limit') return;
    warm = solution.warm;
    yield { beta, solution };
  }
}
