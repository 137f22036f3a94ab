import { manyRows } from '../certify/global/sampledAscent.ts';
import { biasOf, type ModelName, type Problem } from '../problem/problem.ts';
import { couplesOutputs } from '../problem/penalties/penalties.ts';
import { unlessStopped } from '../base/polling.ts';
import { namedEntry } from '../base/registry.ts';
import { presolve } from '../problem/presolve.ts';
import { prepare, type PreparedProblem, withInputsAt } from '../problem/prepare.ts';
import { ProblemError } from '../base/problemError.ts';
import { refuseRelu } from './relu/refuse.ts';
import { solveRelu } from './relu/solveRelu.ts';
import { solveShared } from './sharedRelu/solveShared.ts';
import { type Control, uncontrolled } from '../base/control.ts';
import { solveGated } from './gated/solveGated.ts';
import { restore } from './restore.ts';
import { refuseTooLarge, withinKernelMemory } from './solution/memoryBudget.ts';
import type { Solution, SolveOptions } from './solution/solution.ts';

/**
 * Solves the convex program of a problem and returns the network it stands for, with objective, dual bound and optimality
 * residuals recomputed from the data. A stop or a time limit gives the best feasible point so far and says so in `status`.
 * @throws {ProblemError} when the problem itself is wrong or too large
 */
export function solve(problem: Problem, options: SolveOptions = {}, control: Control = uncontrolled): Solution {
  refuseTooLarge(problem, options.memoryBytes);
  const shouldStop = (): boolean => control.shouldStop();
  const prepared = prepare(problem, shouldStop);
  const presolved = unlessStopped(shouldStop, (poll) => presolve(problem, poll));
  // what an earlier solve left is in other units
  if (presolved === undefined) return solveInFrame(problem, prepared, { ...options, warm: undefined }, control);
  const { problem: inside, frame } = presolved;
  if (frame === undefined) return solveInFrame(problem, prepared, options, control);
  const { onSolved } = options;
  const back = (solution: Solution): Solution => restore(solution, problem, prepared, frame, shouldStop);
  const told = onSolved && { onSolved: (solution: Solution) => onSolved(back(solution)) };
  return back(solveInFrame(inside, prepare(inside, shouldStop), { ...options, ...told }, control));
}

function solveInFrame(problem: Problem, prepared: PreparedProblem, options: SolveOptions, control: Control): Solution {
  const engine = namedEntry(engines, problem.model, 'model');
  if (engine === null)
    throw new ProblemError(`the model "${problem.model}" has no two-layer network`, { field: 'model' });
  return withinKernelMemory(() =>
    inKernelMemory(problem, prepared, options, control, (placed) => engine(problem, placed, options, control)),
  );
}

/** Runs with the inputs of many rows, where they have a bias column, in the memory of the kernels, which then need no copy. */
function inKernelMemory<T>(
  problem: Problem,
  prepared: PreparedProblem,
  { kernels }: SolveOptions,
  control: Control,
  work: (placed: PreparedProblem) => T,
): T {
  const { X, bias } = problem;
  if (kernels === undefined || X.rows < manyRows || !biasOf(bias).column || control.shouldStop()) return work(prepared);
  const place = kernels.alloc(X.rows * (X.cols + 1));
  try {
    const placed = unlessStopped(
      () => control.shouldStop(),
      (poll) => withInputsAt(problem, prepared, place, poll),
    );
    return work(placed ?? prepared);
  } finally {
    kernels.free(place);
  }
}

type Engine = (problem: Problem, prepared: PreparedProblem, options: SolveOptions, control: Control) => Solution;

const reluEngine: Engine = (problem, prepared, options, control) => {
  refuseRelu(problem, prepared);
  const engine = couplesOutputs(prepared.outputPenalty, prepared.outputs) ? solveShared : solveRelu;
  return engine(problem, prepared, options, control);
};

/** Engines of two-layer networks; null: the model has none. */
const engines: Readonly<Record<ModelName, Engine | null>> = {
  'gated-relu': solveGated,
  relu: reluEngine,
  linear: null,
  'three-layer': null,
};
