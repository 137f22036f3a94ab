import { solveLinear } from '../../engine/linear/solveLinear.ts';
import { prepare } from '../../problem/prepare.ts';
import { modelOf, type Problem } from '../../problem/problem.ts';
import type { Control, SolveStatus } from '../../base/control.ts';
import { solve } from '../../engine/solve.ts';
import { type ClosedFormReport, detectClosedForms } from './detect.ts';

/** A closed form with the general solver's optimum of the same problem beside it. */
export interface CheckedForm extends Omit<ClosedFormReport, 'check' | 'reduced'> {
  readonly solverObjective?: number;
  /** Relative difference of the two. */
  readonly difference?: number;
}

/** Relative difference; 0 for equal values. */
export function relativeDifference(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), 1e-300);
}

function optimum(problem: Problem, seconds: number, control: Control): { status: SolveStatus; objective: number } {
  return modelOf(problem.model).patterns === 'none'
    ? solveLinear(problem, prepare(problem), control)
    : solve(problem, { timeLimitSeconds: seconds, certifySeconds: 0 }, control);
}

/**
 * The closed forms of a problem (see `detectClosedForms`), those that apply with a check by the solver that takes at most
 * `secondsPerSolve`; `notes` names the values that stand unchecked.
 */
export function checkedForms(
  problem: Problem,
  feature: Float64Array | undefined,
  secondsPerSolve: number,
  control: Control,
): { readonly forms: readonly CheckedForm[]; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const forms = detectClosedForms(problem, feature, control).map(({ check, reduced, ...report }): CheckedForm => {
    if (check === undefined || control.shouldStop()) return report;
    let objective = report.objective;
    if (reduced !== undefined) {
      const small = optimum(reduced, secondsPerSolve, control);
      if (small.status === 'optimal') objective = small.objective;
    }
    if (objective === undefined) return report;
    const { status, objective: solverObjective } = optimum(check, secondsPerSolve, control);
    if (status !== 'optimal') {
      notes.push(`${report.title}: the solver did not reach its tolerance in time, so the value stands unchecked.`);
      return { ...report, objective };
    }
    return { ...report, objective, solverObjective, difference: relativeDifference(objective, solverObjective) };
  });
  return { forms, notes };
}
