import { dualBoundAt } from '../../certify/dual/bound.ts';
import { certifyGated, type GateBlock, type GatedCertificate } from '../../certify/gatedCertificate.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import { denseMatrix, norm2, rowOf, columnOf } from '../../base/linalg/matrix.ts';
import { networkObjectiveUnless } from '../../network/evaluate.ts';
import { relativeGap } from '../../problem/gap.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { ProblemError } from '../../base/problemError.ts';
import type { Control, SolveStatus } from '../../base/control.ts';
import { limitedControl } from '../solution/ending.ts';
import type { Group, Solution, SolveOptions } from '../solution/solution.ts';
import { betaMaxOf, runEngine, zeroState } from './engine.ts';
import { gatedNetwork } from './gatedNetwork.ts';
import { type ChosenGates, gatesOf } from './gates.ts';
import { untilInterrupted } from '../../base/kernels/interrupt.ts';
import { type EngineResult, type GatedProgram, gatedProgram } from './program.ts';
import { type GatedWarmStart, knownBetaMax, sameGates, startFrom } from './warmStart.ts';

/** Seconds after a stop that the check of the point reached may still take; the bound is what has been judged by then. */
const checkPatience = 0.03;

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
  if (biasOf(prepared.bias).free) {
    throw new ProblemError(
      'a free bias makes every gated unit free on its rows, so that the program has no penalty left to balance; use "regularized" or "none"',
      { field: 'bias' },
    );
  }
  const begin = control.now();
  const limited = limitedControl(options, control);
  const kernels = options.kernels ?? createReferenceKernels();
  const chosen = sameGates(options.warm, problem) ?? gatesOf(problem, prepared, limited, kernels);
  const program = gatedProgram(prepared, chosen.gateSet, kernels);
  const { result, betaMax } = runProgram(program, prepared, options, limited, { chosen, begin });
  const blocks = nonZeroBlocks(program, result.U);
  const giveUp = patience(control);
  giveUp();
  const certificate = certifyGated({
    X: prepared.X,
    patterns: chosen.gateSet.patterns,
    datafit: prepared.datafit,
    beta: prepared.beta,
    penalty: prepared.outputPenalty,
    blocks,
    dual: result.V,
    betaMax: knownBetaMax(options.warm, problem, chosen),
    giveUp,
  });
  const solution = solutionOf(problem, prepared, { chosen, program, blocks, certificate, betaMax, result, giveUp });
  const status = statusOf(
    chosen.complete ? result.status : 'stopped',
    chosen.complete && solution.relativeGap <= prepared.tolerance,
    limited.expired(),
  );
  return { ...solution, status, seconds: control.now() - begin, threads: kernels.threads };
}

/** Runs the engine with the kernels' interrupt set to the control's stop, and frees the operator of the program. */
function runProgram(
  program: GatedProgram,
  prepared: PreparedProblem,
  options: SolveOptions,
  control: Control,
  { chosen, begin }: { readonly chosen: ChosenGates; readonly begin: number },
): { readonly result: EngineResult; readonly betaMax: number | undefined } {
  const { kernels } = program;
  let betaMax: number | undefined;
  const run = {
    tolerance: prepared.tolerance,
    shouldStop: () => control.shouldStop(),
    report: (iteration: number, objective: number, dualBound: number, active: number, phase: string): void => {
      control.report?.({ iteration, seconds: control.now() - begin, objective, dualBound, active, phase });
    },
  };
  try {
    kernels.interrupt = () => control.shouldStop();
    const start = startFrom(options.warm, program, chosen.gateSet) ?? zeroState(program);
    const atOnce: EngineResult = {
      ...start,
      status: 'stopped',
      iterations: 0,
      dualBound: -Infinity,
      method: 'stopped before the first step',
    };
    const result = untilInterrupted(
      () => {
        betaMax = betaMaxOf(program);
        return runEngine(program, { start, betaMax, firstOrderOnly: options.engine === 'first-order', run });
      },
      () => atOnce,
    );
    return { result, betaMax };
  } finally {
    kernels.interrupt = undefined;
    program.operator.dispose();
  }
}

/** What has been found, judged. */
interface Judged {
  readonly chosen: ChosenGates;
  readonly program: GatedProgram;
  readonly blocks: readonly GateBlock[];
  readonly certificate: GatedCertificate;
  readonly betaMax: number | undefined;
  readonly result: EngineResult;
  readonly giveUp: () => boolean;
}

function solutionOf(
  problem: Problem,
  prepared: PreparedProblem,
  { chosen, program, blocks, certificate, betaMax, result, giveUp }: Judged,
): Omit<Solution, 'status' | 'seconds' | 'threads'> {
  const { gateSet, scope, complete } = chosen;
  // with gates missing the bound would be that of another program: only the point 0 is feasible for sure
  const bound = complete
    ? { value: certificate.dualBound, point: certificate.feasibleDual }
    : dualBoundAt(prepared.datafit, certificate.dual, Infinity, certificate.objective);
  const gap = relativeGap(certificate.objective, bound.value);
  const network = gatedNetwork(
    blocks,
    gateSet.gates,
    prepared.outputs,
    prepared.outputPenalty,
    biasOf(prepared.bias).column,
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
    weights: problem.weights,
    loss: problem.loss,
    penalty: problem.outputPenalty,
    betaMax: certificate.betaMax,
    state: { U: result.U, V: result.V, isWarm: true },
  };
  return {
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
    networkObjective: networkObjectiveUnless(giveUp, network, { ...prepared, X: problem.X }) ?? certificate.objective,
    dual: denseMatrix(prepared.X.rows, prepared.outputs, certificate.dual),
    boundDual: denseMatrix(prepared.X.rows, prepared.outputs, bound.point),
    fit: denseMatrix(prepared.X.rows, prepared.outputs, certificate.fit),
    betaMax: certificate.betaMax ?? betaMax ?? betaMaxBound(prepared),
    kkt: certificate.kkt,
    iterations: result.iterations,
    method: result.method,
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

/** An upper bound of betaMax that needs no gates, for runs stopped before anything else is known: sum of ||v_r|| ||x_r|| at the zero fit. */
function betaMaxBound({ X, datafit, outputs: c }: PreparedProblem): number {
  const V = new Float64Array(X.rows * c);
  datafit.dualPoint(new Float64Array(V.length), V);
  let sum = 0;
  for (let r = 0; r < X.rows; r++) sum += norm2(V.subarray(r * c, (r + 1) * c)) * norm2(rowOf(X, r));
  return sum;
}

/** Says, some time after a stop, that nothing more should be begun. A time limit alone is no reason to hurry. */
function patience(control: Control): () => boolean {
  let end = Infinity;
  return () => {
    if (end === Infinity && control.shouldStop()) end = control.now() + checkPatience;
    return control.now() > end;
  };
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
  const { outputs: c, penalty } = program;
  if (c === 1) return blocks.map(({ gate, vector }) => ({ gate, output: 0, sign: 1, vector }));
  if (penalty.groups !== c) {
    return blocks.map(({ gate, vector }) => ({ gate, output: -1, sign: 1, vector }));
  }
  return blocks.flatMap(({ gate, vector }) =>
    Array.from({ length: c }, (_, output): Group => {
      const column = columnOf(vector, c, output);
      return { gate, output, sign: 1, vector: column };
    }).filter(({ vector: column }) => column.some((u) => u !== 0)),
  );
}
