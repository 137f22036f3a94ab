import type { Problem } from '../problem/problem.ts';
import { type Control, uncontrolled } from '../base/control.ts';
import type { Solution, SolveOptions } from './solution/solution.ts';
import { solve } from './solve.ts';

/** One point of a regularisation path. */
export interface PathStep<S = Solution> {
  readonly beta: number;
  readonly solution: S;
}

/** `count` values of beta from betaMax down to `smallest` * betaMax, evenly spaced on a log scale. */
export function betaGrid(betaMax: number, count: number, smallest: number): number[] {
  if (count === 1) return [betaMax];
  return Array.from({ length: count }, (_, k) => betaMax * smallest ** (k / (count - 1)));
}

/**
 * Solves for many betas as one continued solve: each point starts from the one before. Betas are taken in the order given (from large to small
 * is fastest). Ends early, without a partial point, when the control says stop.
 */
export function* pathOf<S extends Pick<Solution, 'status' | 'warm'>>(
  betas: Iterable<number>,
  solveAt: (beta: number, warm: unknown) => S,
  control: Control,
  warm?: unknown,
): Generator<PathStep<S>, void, undefined> {
  for (const beta of betas) {
    if (control.shouldStop()) return;
    const solution = solveAt(beta, warm);
    if (solution.status === 'cancelled' || solution.status === 'time-limit') return;
    ({ warm } = solution);
    yield { beta, solution };
  }
}

/** The path of a two-layer problem. */
export function regularizationPath(
  problem: Problem,
  betas: Iterable<number>,
  options: SolveOptions = {},
  control: Control = uncontrolled,
): Generator<PathStep, void, undefined> {
  const solveAt = (beta: number, warm: unknown): Solution => solve({ ...problem, beta }, { ...options, warm }, control);
  return pathOf(betas, solveAt, control, options.warm);
}
