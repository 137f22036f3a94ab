import { solveAccelerated } from './accelerated.ts';
import { solveNewton } from './newton.ts';
import { solvePrimalDual } from './primalDual.ts';
import type { EngineResult, EngineRun, EngineState, GatedProgram } from './program.ts';
import { solveWorkingSet, usesWorkingSet } from './workingSet.ts';

/** Newton steps are expensive and few; a problem that needs this many has gone wrong. */
const newtonStepLimit = 500;
const firstOrderLimit = 200_000;
/** Proximal gradient steps before the first Newton step of a solve from scratch: far from the optimum they find the region at less cost. */
const startingSteps = 40;
/** Iterations of the first-order method after Newton has stalled. */
const fallbackLimit = 10_000;
/** What an engine is to do. */
export interface EngineTask {
  readonly start: EngineState;
  /** As `betaMaxOf` computes it. */
  readonly betaMax: number;
  readonly firstOrderOnly: boolean;
  readonly run: Omit<EngineRun, 'maxIterations'>;
}

/**
 * The engine on the program: Newton, and the first-order method where Newton stalls or where that is asked for; nothing where the zero network is
 * optimal.
 */
export function runEngine(program: GatedProgram, { start, betaMax, firstOrderOnly, run }: EngineTask): EngineResult {
  const { datafit, beta } = program;
  const zero = zeroState(program);
  // sums in another order give another last digit: betaMax as reported must count as betaMax
  if (beta >= betaMax * (1 - 1e-12)) {
    return {
      ...zero,
      status: 'optimal',
      iterations: 0,
      dualBound: datafit.dualValue(zero.V),
      method: 'zero network (beta is at least betaMax)',
    };
  }
  const firstOrder = (from: EngineState, maxIterations: number): EngineResult =>
    (datafit.smooth ? solveAccelerated : solvePrimalDual)(program, from, { ...run, maxIterations });
  if (firstOrderOnly) return firstOrder(start, firstOrderLimit);
  const newton = newtonFrom(start, program, { ...run, maxIterations: newtonStepLimit });
  if (newton.status === 'optimal' || newton.status === 'stopped') return newton;
  // so ill-conditioned that Newton steps stall: the first-order method goes on from there, slowly but without linear systems
  const after = firstOrder(newton, fallbackLimit);
  return {
    ...after,
    V: after.dualBound >= newton.dualBound ? after.V : newton.V,
    iterations: newton.iterations + after.iterations,
    method: `${newton.method}, then ${after.method}`,
  };
}

function newtonFrom(start: EngineState, program: GatedProgram, run: EngineRun): EngineResult {
  if (usesWorkingSet(program)) return solveWorkingSet(program, start, run);
  const all = Int32Array.from({ length: program.gates }, (_, k) => k);
  if (start.isWarm || !program.datafit.smooth) return solveNewton(program, start, all, run);
  const near = solveAccelerated(program, start, { ...run, maxIterations: startingSteps, report: () => undefined });
  if (near.status !== 'iteration-limit') return near;
  // still far away: the long first proximal steps of a warm start would not pay
  const newton = solveNewton(program, { ...near, isWarm: false }, all, run);
  return { ...newton, method: `${newton.method} after ${startingSteps} proximal gradient steps` };
}

/** The zero network is optimal exactly when the dual point of the zero fit is feasible: from this beta on. */
export function betaMaxOf(program: GatedProgram): number {
  const { features: d, outputs: c, gates: P, penalty, operator } = program;
  const T = new Float64Array(P * d * c);
  operator.adjoint(zeroState(program).V, c, T);
  return penalty.dualNorms(T, P, new Float64Array(P * penalty.groups));
}

/** The zero network with the dual point that belongs to it. */
export function zeroState({ datafit, gates, features, outputs, rows }: GatedProgram): EngineState {
  const V = new Float64Array(rows * outputs);
  datafit.dualPoint(new Float64Array(rows * outputs), V);
  return { U: new Float64Array(gates * features * outputs), V, isWarm: false };
}
