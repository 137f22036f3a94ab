import { relativeGap } from '../../problem/gap.ts';
import { dualBoundAt, type DualBound, roundingOfProducts } from '../../certify/dual/bound.ts';
import type { GlobalBound } from '../../certify/global/bound.ts';
import { type DenseMatrix, rowNorms } from '../../base/linalg/matrix.ts';
import { type Frame, presolve } from '../../problem/presolve.ts';
import { prepare, type PreparedProblem } from '../../problem/prepare.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import { couplesOutputs } from '../../problem/penalties/penalties.ts';
import { ProblemError } from '../../base/problemError.ts';
import { createRng, type Rng } from '../../base/rng.ts';
import type { Control, SolveStatus } from '../../base/control.ts';
import type { SolveOptions } from '../solution/solution.ts';
import { allTuples } from './enumerate.ts';
import { generate } from './generate.ts';
import { type BranchFound, certifyFamily, type FamilyCertificate } from './familyCertificate.ts';
import { evaluateBranches, type Polished, polishBranches } from './polish.ts';
import {
  forward,
  groupNorm,
  penalties,
  type SubNetwork,
  type SubVector,
  toCubicForm,
  toSubNetwork,
  toSubVector,
} from '../../network/threeLayer/subNetwork.ts';
import { searchedThreshold, zeroThreshold } from './thresholds.ts';
import { interiorKey, interiorTuple, sampleTuples, TupleSet } from '../../network/threeLayer/tuple.ts';
import { TupleProgram } from './workingSet.ts';

export interface ThreeLayerOptions extends SolveOptions {
  /** Networks whose tuples must be in play (e.g. trained ones): the result is then never worse than any of them. */
  readonly harvest?: readonly (readonly SubNetwork[])[];
}

export interface ThreeLayerSolution {
  readonly status: SolveStatus;
  /** Loss of the network plus beta times the sum of its group norms, by running it. */
  readonly objective: number;
  /** Proven lower bound over the tuples in scope. */
  readonly dualBound: number;
  readonly relativeGap: number;
  readonly scope: 'given-gates' | 'sampled' | 'all-arrangements';
  /** Over all such networks; undefined when it was not asked for. */
  readonly global?: GlobalBound;
  /** Best branch that search found, of any patterns; above beta it would improve the network. */
  readonly bestBranch?: BranchFound;
  readonly branches: readonly SubNetwork[];
  readonly vectors: readonly SubVector[];
  /** Patterns of each branch: index into `tuples`. */
  readonly tupleOfBranch: readonly number[];
  readonly tuples: number;
  /** How many of them the given networks brought in. */
  readonly harvestedTuples: number;
  /** Upper bound of each tuple's price over beta (at most 1 at the optimum). */
  readonly prices: Float64Array;
  readonly networkObjective: { readonly constraint: number; readonly cubic: number };
  /** n x c, v = -gradient of the datafit at the fit. */
  readonly dual: DenseMatrix;
  /** n x c: the dual point that proves `dualBound`. */
  readonly boundDual: DenseMatrix;
  readonly fit: DenseMatrix;
  readonly betaMax: number;
  readonly iterations: number;
  readonly seconds: number;
  readonly method: string;
}

/** Time for the bound over all networks when nothing else is said. */
const certifySecondsDefault = 5;

/**
 * Parallel three-layer ReLU networks as a convex program with a group l1 penalty over tuples (Ergen and Pilanci 2021, "Global
 * Optimality Beyond Two Layers"): working set of tuples, pricing by projections on their cones, interior point master program.
 * The regulariser is beta/2 sum (||w2||^2 + w3^2) with ||W1||_F <= 1, equally the cubic form beta/3 sum of cubed norms.
 * @throws {ProblemError} when m1 or the number of tuples is beyond what fits
 */
export function solveThreeLayer(
  problem: Problem,
  prepared: PreparedProblem,
  options: ThreeLayerOptions,
  control: Control,
): ThreeLayerSolution {
  const { problem: inside, frame } = presolve(problem);
  if (frame === undefined) return solveInFrame(problem, prepared, options, control);
  const harvest = options.harvest?.map((network) =>
    network.map((branch) => ({ ...branch, w3: branch.w3 * frame.scale })),
  );
  const solution = solveInFrame(inside, prepare(inside), { ...options, ...(harvest && { harvest }) }, control);
  return restore(solution, prepared, frame);
}

/** A solution found in a frame (`presolve`), in the units of the problem. */
function restore(solution: ThreeLayerSolution, prepared: PreparedProblem, { scale }: Frame): ThreeLayerSolution {
  const { global, bestBranch } = solution;
  const vectors = solution.vectors.map((vector) => ({ ...vector, u: vector.u.map((x) => x / scale) }));
  const branches = vectors.map(toSubNetwork);
  return {
    ...solution,
    ...(global === undefined
      ? {}
      : {
          global: {
            ...global,
            maxDualConstraint: scale * global.maxDualConstraint,
            searchEstimate: scale * global.searchEstimate,
          },
        }),
    ...(bestBranch === undefined ? {} : { bestBranch: { ...bestBranch, value: scale * bestBranch.value } }),
    vectors,
    branches,
    networkObjective: objectivesOf(prepared, branches),
    betaMax: scale * solution.betaMax,
  };
}

/** Objective of the branches in the constraint and in the cubic form, by running them. */
function objectivesOf(
  { X, datafit, beta, outputs }: PreparedProblem,
  branches: readonly SubNetwork[],
): ThreeLayerSolution['networkObjective'] {
  const loss = datafit.value(forward(X, branches, outputs).data);
  let [constraint, cubic] = [0, 0];
  for (const branch of branches) {
    constraint += penalties(branch).constraint;
    cubic += penalties(toCubicForm(branch)).cubic;
  }
  return { constraint: loss + beta * constraint, cubic: loss + beta * cubic };
}

function solveInFrame(
  problem: Problem,
  prepared: PreparedProblem,
  options: ThreeLayerOptions,
  control: Control,
): ThreeLayerSolution {
  const m1 = problem.hidden?.m1 ?? 2;
  checkSetting(prepared, m1);
  const { X, datafit, beta, outputs } = prepared;
  const started = control.now();
  const rng = createRng('seed' in problem.arrangements ? problem.arrangements.seed : 1);
  const stop = (): boolean =>
    control.shouldStop() ||
    (options.timeLimitSeconds !== undefined && control.now() - started > options.timeLimitSeconds);
  const limited: Control = { shouldStop: stop, now: () => control.now(), report: control.report?.bind(control) };

  const { kind } = problem.arrangements;
  const pool = tuplesInPlay(problem, X, m1, rng, stop);
  const before = pool.list.length;
  const known = harvested(prepared, m1, options.harvest ?? [], pool, rng.fork('harvest'));
  const harvestedTuples = pool.list.length - before;
  const program = new TupleProgram(prepared, m1, limited, started);
  const trained = train({ problem, prepared, m1, known, rng, program, pool, control: limited }, control);
  const { network: cleaned, twoLayerBetaMax } = trained;
  let { status } = trained;

  const n = X.rows;
  const dual = new Float64Array(n * outputs);
  datafit.dualPoint(cleaned.fit.data, dual);
  // The bound is that of the dual point, shortened by the largest proven price over the tuples in scope.
  const prices = program.pricesAt(pool.list, dual, status === 'optimal');
  const top = prices.reduce((a, b) => Math.max(a, b), 0);
  const rounding = roundingOfProducts(rowNorms(X), dual, outputs, n + m1 * X.cols + 8);
  const proven = dualBoundAt(datafit, dual, (top + rounding) / beta, cleaned.objective);
  const gap = relativeGap(cleaned.objective, proven.value);
  const exact = kind === 'all' && status === 'optimal';
  // the solver's own gap was met, but it is the one recomputed here that counts
  if (status === 'optimal' && gap > prepared.tolerance) {
    status = stop() ? stopStatus(control) : 'numerical-error';
  }
  const betaMax = Math.max(
    zeroThreshold(prepared, pool.list, m1, outputs, stop),
    kind === 'adaptive' ? searchedThreshold(prepared, m1, twoLayerBetaMax, rng, stop) : 0,
  );
  const seconds = options.certifySeconds ?? certifySecondsDefault;
  let family: Partial<FamilyCertificate> = {};
  if (exact) family = { global: pricedBound(cleaned.objective, proven, top) };
  else if (seconds > 0) {
    control.report?.({
      iteration: program.newtonSteps,
      seconds: control.now() - started,
      objective: cleaned.objective,
      dualBound: 0,
      active: cleaned.vectors.length,
      phase: 'proving a bound over all three-layer networks',
      proving: true,
    });
    family = certifyFamily(prepared, m1, cleaned, seconds, rng.fork('better branch'), control);
  }
  const branches = cleaned.vectors.map(toSubNetwork);
  return {
    status,
    objective: cleaned.objective,
    dualBound: proven.value,
    relativeGap: gap,
    scope: kind === 'all' ? 'all-arrangements' : kind === 'sampled' ? 'sampled' : 'given-gates',
    ...family,
    branches,
    vectors: cleaned.vectors,
    tupleOfBranch: cleaned.vectors.map(({ inner, u, tuple }) =>
      pool.indexOf(tuple?.key ?? interiorKey(X, inner, u, rng.fork('tuple of branch'))),
    ),
    tuples: pool.list.length,
    harvestedTuples,
    prices: prices.map((price) => price / beta),
    networkObjective: objectivesOf(prepared, branches),
    dual: { rows: n, cols: outputs, data: dual },
    boundDual: { rows: n, cols: outputs, data: proven.point },
    fit: cleaned.fit,
    betaMax,
    iterations: program.newtonSteps,
    seconds: control.now() - started,
    method: `working set of ${pool.list.length} tuples, interior point master, cone pricing`,
  };
}

function checkSetting({ datafit, bias, outputs, outputPenalty }: PreparedProblem, m1: number): void {
  if (!Number.isInteger(m1) || m1 < 1 || m1 > 16) {
    throw new ProblemError(`must be a whole number from 1 to 16, not ${m1}`, { field: 'hidden.m1' });
  }
  if (!datafit.smooth)
    throw new ProblemError(`three-layer networks need a smooth loss, not ${datafit.name}`, { field: 'loss' });
  if (biasOf(bias).free) {
    throw new ProblemError('three-layer networks know the biases "none" and "regularized"', { field: 'bias' });
  }
  if (couplesOutputs(outputPenalty, outputs)) {
    throw new ProblemError('three-layer networks with several outputs are solved per output', {
      field: 'outputPenalty',
    });
  }
}

/** The tuples that the problem asks for; none yet where they are generated. */
function tuplesInPlay({ arrangements }: Problem, X: DenseMatrix, m1: number, rng: Rng, stop: () => boolean): TupleSet {
  if (arrangements.kind === 'all') return allTuples(X, m1, 2_000_000, stop);
  if (arrangements.kind === 'given')
    throw new ProblemError('give no gates: three-layer tuples are sampled, harvested or generated', { field: 'gates' });
  const pool = new TupleSet();
  if (arrangements.kind === 'sampled') {
    sampleTuples(X, m1, arrangements.count, rng.fork('tuples'), pool, stop);
  }
  return pool;
}

const stopStatus = (control: Control): SolveStatus => (control.shouldStop() ? 'cancelled' : 'time-limit');

/** The best network over the tuples in play (generated on the way for adaptive arrangements). `control` is the one without time limit. */
function train(
  setting: Parameters<typeof generate>[0],
  control: Control,
): { readonly network: Polished; readonly status: SolveStatus; readonly twoLayerBetaMax: number } {
  const { problem, prepared, m1, known, program, pool, control: limited } = setting;
  if (problem.arrangements.kind === 'adaptive') {
    const { network, twoLayerBetaMax, closed } = generate(setting);
    const status = limited.shouldStop() ? stopStatus(control) : closed ? 'optimal' : 'iteration-limit';
    return { network, status, twoLayerBetaMax };
  }
  const { ended, interior } = program.optimizeOver(pool.list);
  // Finishing touches only on a finished solve: a stop is answered at once.
  const own =
    ended === 'optimal' ? polishBranches(prepared, m1, interior, control) : evaluateBranches(prepared, m1, interior);
  return {
    network: known !== undefined && known.objective < own.objective ? known : own,
    status: ended === 'cancelled' ? stopStatus(control) : ended,
    twoLayerBetaMax: 0,
  };
}
/** The networks given beforehand: their tuples go to the pool; the best of them at its best scaling is returned. */
function harvested(
  prepared: PreparedProblem,
  m1: number,
  networks: readonly (readonly SubNetwork[])[],
  pool: TupleSet,
  rng: Rng,
): Polished | undefined {
  let best: Polished | undefined;
  for (const network of networks) {
    const vectors = network.map(toSubVector).filter(({ u }) => groupNorm(u, m1) > 0);
    for (const { u, inner } of vectors) pool.add(interiorTuple(prepared.X, inner, u, rng));
    const own = evaluateBranches(prepared, m1, vectors);
    if (best === undefined || own.objective < best.objective) best = own;
  }
  return best;
}

/** With every tuple in the program and priced, its bound is that of all networks. */
function pricedBound(objective: number, { value, point }: DualBound, top: number): GlobalBound {
  return {
    lowerBound: value,
    relativeGap: relativeGap(objective, value),
    dual: point,
    proof: 'exact',
    maxDualConstraint: top,
    searchEstimate: top,
    reason: 'Every tuple of patterns was priced.',
  };
}
