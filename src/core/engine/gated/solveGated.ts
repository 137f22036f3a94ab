import { dualBoundAt } from '../../certify/dual/bound.ts';
import type { GateSet } from '../../base/patterns.ts';
import { certifyGated, type GateBlock } from '../../certify/gatedCertificate.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import { denseMatrix, norm2, rowOf } from '../../base/linalg/matrix.ts';
import { networkObjective } from '../../network/evaluate.ts';
import { relativeGap } from '../../problem/gap.ts';
import type { Problem } from '../../problem/problem.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { ProblemError } from '../../base/problemError.ts';
import { type Control, type SolveStatus, withDeadline } from '../../base/control.ts';
import type { Group, Solution, SolveOptions } from '../solution/solution.ts';
import { solveAccelerated } from './accelerated.ts';
import { gatedNetwork } from './gatedNetwork.ts';
import { type ChosenGates, gatesOf } from './gates.ts';
import { solveNewton } from './newton.ts';
import { solvePrimalDual } from './primalDual.ts';
import {
  type EngineResult,
  type EngineRun,
  type EngineState,
  type GatedProgram,
  gatedProgram,
  untilInterrupted,
} from './program.ts';
import { solveWorkingSet, usesWorkingSet } from './workingSet.ts';

/** What a later solve of the same data continues from. */
interface GatedWarmStart {
  readonly kind: 'gated';
  /** What the gates were made from, by identity, so that the same gates need not be made again. */
  readonly X: Problem['X'];
  readonly bias: Problem['bias'];
  readonly arrangements: Problem['arrangements'];
  readonly chosen: ChosenGates;
  readonly outputs: number;
  readonly beta: number;
  readonly y: Problem['y'];
  readonly loss: Problem['loss'];
  readonly penalty: Problem['outputPenalty'];
  /** As certified, when the certificate was complete. */
  readonly betaMax: number | undefined;
  readonly state: EngineState;
}

/** Newton steps are expensive and few; a problem that needs this many has gone wrong. */
const newtonStepLimit = 500;
const firstOrderLimit = 200_000;
/** Proximal gradient steps before the first Newton step of a solve from scratch: far from the optimum they find the region at less cost. */
const startingSteps = 40;
/** Iterations of the first-order method after Newton has stalled. */
const fallbackLimit = 10_000;
/** Seconds after a stop that the check of the point reached may still take; the bound is what has been judged by then. */
const checkPatience = 0.06;

/**
 * Solves the gated ReLU program on the gates that the problem asks for.
 * @throws {ProblemError} when the problem cannot be solved as it stands
 */
export function solveGated(
  problem: Problem,
  prepared: PreparedProblem,
  options: SolveOptions,
  control: Control,
): Solution {
  if (prepared.bias === 'free') {
    throw new ProblemError(
      'a free bias makes every gated unit free on its rows, so that the program has no penalty left to balance; use "regularized" or "none"',
      { field: 'bias' },
    );
  }
  const begin = control.now();
  const limited =
    options.timeLimitSeconds === undefined
      ? { ...control, shouldStop: () => control.shouldStop(), now: () => control.now(), expired: () => false }
      : withDeadline(control, options.timeLimitSeconds);
  const kernels = options.kernels ?? createReferenceKernels();
  const chosen = sameGates(options.warm, problem) ?? gatesOf(problem, prepared, limited, kernels);
  const { gateSet, scope, complete } = chosen;
  const program = gatedProgram(prepared, gateSet, kernels);
  let result: EngineResult;
  let engineBetaMax: number | undefined;
  try {
    kernels.interrupt = () => limited.shouldStop();
    const atOnce: EngineResult = {
      ...(startFrom(options.warm, program, gateSet) ?? zeroState(program)),
      status: 'stopped',
      iterations: 0,
      dualBound: -Infinity,
      method: 'stopped before the first step',
    };
    result = untilInterrupted(
      () => {
        engineBetaMax = betaMaxOf(program);
        return runEngine(program, prepared, options, limited, begin, gateSet, engineBetaMax);
      },
      () => atOnce,
    );
  } finally {
    kernels.interrupt = undefined;
    program.operator.dispose();
  }
  const blocks = nonZeroBlocks(program, result.U);
  const giveUp = patience(control);
  giveUp();
  const certificate = certifyGated({
    X: prepared.X,
    patterns: gateSet.patterns,
    datafit: prepared.datafit,
    beta: prepared.beta,
    penalty: prepared.outputPenalty,
    blocks,
    dual: result.V,
    betaMax: knownBetaMax(options.warm, problem, chosen),
    giveUp,
  });
  // with gates missing the bound would be that of another program: only the point 0 is feasible for sure
  const bound = complete
    ? { value: certificate.dualBound, point: certificate.feasibleDual }
    : dualBoundAt(prepared.datafit, certificate.dual, Infinity, certificate.objective);
  const gap = relativeGap(certificate.objective, bound.value);
  const betaMax = certificate.betaMax ?? engineBetaMax ?? betaMaxBound(prepared);
  const network = gatedNetwork(
    blocks,
    gateSet.gates,
    prepared.outputs,
    prepared.outputPenalty,
    prepared.bias !== 'none',
  );
  const warm: GatedWarmStart = {
    kind: 'gated',
    X: problem.X,
    bias: problem.bias,
    arrangements: problem.arrangements,
    chosen,
    outputs: prepared.outputs,
    beta: prepared.beta,
    y: problem.y,
    loss: problem.loss,
    penalty: problem.outputPenalty,
    betaMax: certificate.betaMax,
    state: { U: result.U, V: result.V, isWarm: true },
  };
  return {
    status: statusOf(complete ? result.status : 'stopped', complete && gap <= prepared.tolerance, limited.expired()),
    objective: certificate.objective,
    dualBound: bound.value,
    relativeGap: gap,
    datafit: certificate.datafit,
    penalty: certificate.penalty,
    scope,
    gates: gateSet.gates,
    patterns: gateSet.patterns,
    requestedGates: gateSet.requested,
    duplicateGates: gateSet.removed,
    gateSource: gateSet.source,
    gateConstraint: certificate.gateConstraint,
    groups: groupsOf(program, blocks),
    network,
    // the map keeps the objective: where a stop leaves no time to run the network, that value stands
    networkObjective:
      networkObjective(
        network,
        problem.X,
        prepared.datafit,
        prepared.beta,
        prepared.outputPenalty,
        prepared.bias,
        giveUp,
      ) ?? certificate.objective,
    dual: denseMatrix(prepared.X.rows, prepared.outputs, certificate.dual),
    boundDual: denseMatrix(prepared.X.rows, prepared.outputs, bound.point),
    fit: denseMatrix(prepared.X.rows, prepared.outputs, certificate.fit),
    betaMax,
    kkt: certificate.kkt,
    iterations: result.iterations,
    seconds: control.now() - begin,
    method: result.method,
    threads: kernels.threads,
    warm,
  };
}

function statusOf(status: EngineResult['status'], solved: boolean, expired: boolean): SolveStatus {
  if (solved) return 'optimal';
  switch (status) {
    case 'stopped':
      return expired ? 'time-limit' : 'cancelled';
    case 'optimal':
      // the engine's own gap was met but the recomputed one was not
      return 'numerical-error';
    case 'iteration-limit':
    case 'numerical-error':
      return status;
  }
}

function runEngine(
  program: GatedProgram,
  prepared: PreparedProblem,
  options: SolveOptions,
  control: Control,
  begin: number,
  gateSet: GateSet,
  betaMax: number,
): EngineResult {
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
  const start = startFrom(options.warm, program, gateSet) ?? zero;
  const run = {
    tolerance: prepared.tolerance,
    maxIterations: newtonStepLimit,
    shouldStop: () => control.shouldStop(),
    report: (iteration: number, objective: number, dualBound: number, active: number, phase: string): void => {
      control.report?.({ iteration, seconds: control.now() - begin, objective, dualBound, active, phase });
    },
  };
  const firstOrder = (from: EngineState, maxIterations: number): EngineResult =>
    (datafit.smooth ? solveAccelerated : solvePrimalDual)(program, from, { ...run, maxIterations });
  if (options.engine === 'first-order') return firstOrder(start, firstOrderLimit);
  const newton = newtonFrom(start, program, run);
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
function betaMaxOf(program: GatedProgram): number {
  const { features: d, outputs: c, gates: P, penalty, operator } = program;
  const T = new Float64Array(P * d * c);
  operator.adjoint(zeroState(program).V, c, T);
  return penalty.dualNorms(T, P, new Float64Array(P * penalty.groups));
}

/** An upper bound of betaMax that needs no gates, for runs stopped before anything else is known: sum of ||v_r|| ||x_r|| at the zero fit. */
function betaMaxBound({ X, datafit, outputs: c }: PreparedProblem): number {
  const V = new Float64Array(X.rows * c);
  datafit.dualPoint(new Float64Array(V.length), V);
  let sum = 0;
  for (let r = 0; r < X.rows; r++) sum += norm2(V.subarray(r * c, (r + 1) * c)) * norm2(rowOf(X, r));
  return sum;
}

/** betaMax of an earlier certificate on the same gates, targets and loss. */
function knownBetaMax(warm: unknown, problem: Problem, chosen: ChosenGates): number | undefined {
  if (!isGatedWarmStart(warm) || warm.chosen !== chosen || warm.penalty !== problem.outputPenalty) return undefined;
  return warm.y === problem.y && warm.loss === problem.loss ? warm.betaMax : undefined;
}

/** Says, some time after a stop, that nothing more should be begun. A time limit alone is no reason to hurry. */
function patience(control: Control): () => boolean {
  let end = Infinity;
  return () => {
    if (end === Infinity && control.shouldStop()) end = control.now() + checkPatience;
    return control.now() > end;
  };
}

/** The zero network with the dual point that belongs to it. */
function zeroState({ datafit, gates, features, outputs, rows }: GatedProgram): EngineState {
  const V = new Float64Array(rows * outputs);
  datafit.dualPoint(new Float64Array(rows * outputs), V);
  return { U: new Float64Array(gates * features * outputs), V, isWarm: false };
}

/** The gates of an earlier solve when they were asked for in the same way on the same inputs. */
function sameGates(warm: unknown, problem: Problem): ChosenGates | undefined {
  if (!isGatedWarmStart(warm) || warm.X !== problem.X || warm.bias !== problem.bias || !warm.chosen.complete)
    return undefined;
  const [a, b] = [warm.arrangements, problem.arrangements];
  const same = a.kind === 'given' || b.kind === 'given' ? a === b : JSON.stringify(a) === JSON.stringify(b);
  return same ? warm.chosen : undefined;
}

/** The state of an earlier solve, carried over by activation pattern. */
function startFrom(warm: unknown, program: GatedProgram, gateSet: GateSet): EngineState | undefined {
  if (!isGatedWarmStart(warm)) return undefined;
  const { features: d, outputs: c, rows: n, gates: P } = program;
  if (warm.outputs !== c || warm.chosen.gateSet.gates.cols !== d || warm.state.V.length !== n * c) return undefined;
  if (warm.chosen.gateSet.patterns.rows !== n) return undefined;
  const U = new Float64Array(P * d * c);
  const size = d * c;
  const words = gateSet.patterns.wordsPerPattern;
  const key = (set: GateSet, p: number): string => set.patterns.words.subarray(p * words, (p + 1) * words).join();
  if (warm.chosen.gateSet === gateSet) U.set(warm.state.U);
  else {
    const where = new Map<string, number>();
    for (let p = 0; p < P; p++) where.set(key(gateSet, p), p);
    for (let p = 0; p < warm.chosen.gateSet.patterns.count; p++) {
      const block = warm.state.U.subarray(p * size, (p + 1) * size);
      if (block.every((u) => u === 0)) continue;
      const to = where.get(key(warm.chosen.gateSet, p));
      if (to !== undefined) U.set(block, to * size);
    }
  }
  const V = warm.state.V.slice();
  // the dual point moves roughly in proportion to beta: so scaled it is feasible again and keeps the active gates active;
  // enlarged it could leave the domain of losses that have one
  const ratio = program.beta / warm.beta;
  if (ratio < 1 || program.datafit.quadratic) for (let i = 0; i < V.length; i++) V[i] *= ratio;
  return { U, V, isWarm: true };
}

function isGatedWarmStart(warm: unknown): warm is GatedWarmStart {
  return typeof warm === 'object' && warm !== null && (warm as { kind?: unknown }).kind === 'gated';
}

function nonZeroBlocks(program: GatedProgram, U: Float64Array): GateBlock[] {
  const size = program.features * program.outputs;
  const blocks: GateBlock[] = [];
  for (let gate = 0; gate < program.gates; gate++) {
    const vector = U.slice(gate * size, (gate + 1) * size);
    if (vector.some((u) => u !== 0)) blocks.push({ gate, vector });
  }
  return blocks;
}

/** Non-zero groups as the solution lists them: per output, or whole blocks. */
function groupsOf(program: GatedProgram, blocks: readonly GateBlock[]): Group[] {
  const { features: d, outputs: c, penalty } = program;
  if (c === 1) return blocks.map(({ gate, vector }) => ({ gate, output: 0, sign: 1, vector }));
  if (penalty.groups !== c) {
    return blocks.map(({ gate, vector }) => ({ gate, output: -1, sign: 1, vector }));
  }
  return blocks.flatMap(({ gate, vector }) =>
    Array.from({ length: c }, (_, output): Group => {
      const column = Float64Array.from({ length: d }, (_, k) => vector[k * c + output]);
      return { gate, output, sign: 1, vector: column };
    }).filter(({ vector: column }) => column.some((u) => u !== 0)),
  );
}
