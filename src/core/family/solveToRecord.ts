import { toRows } from '../base/linalg/matrix.ts';
import { type LinearSolution, solveLinear } from '../engine/linear/solveLinear.ts';
import { prepare } from '../problem/prepare.ts';
import type { ModelName, Problem } from '../problem/problem.ts';
import { namedEntry } from '../base/registry.ts';
import { resultFormat, resultRecord, checkedResult, globalRecord, columnsOf } from './resultFile.ts';
import { solveThreeLayer, type ThreeLayerSolution } from '../engine/threeLayer/solveThreeLayer.ts';
import type { Control, SolveStatus } from '../base/control.ts';
import { refuseTooLarge } from '../engine/solution/memoryBudget.ts';
import type { Solution, SolveOptions } from '../engine/solution/solution.ts';
import { solve } from '../engine/solve.ts';

interface Solved {
  readonly status: SolveStatus;
  readonly record: Record<string, unknown>;
  /** Of two-layer networks. */
  readonly solution?: Solution;
}

type Solver = (problem: Problem, options: SolveOptions, control: Control) => Solved;

/**
 * Solves a problem of any model and writes its result file (`convexnet-result/1`).
 * @throws {ProblemError} when the problem itself is wrong or too large
 */
export function solveToRecord(problem: Problem, options: SolveOptions, control: Control): Solved {
  refuseTooLarge(problem, options.memoryBytes);
  return namedEntry(solvers, problem.model, 'model')(problem, options, control);
}

const twoLayer: Solver = (problem, options, control) => {
  const solution = solve(problem, options, control);
  return { status: solution.status, record: resultRecord(solution), solution };
};

const solvers: Readonly<Record<ModelName, Solver>> = {
  'gated-relu': twoLayer,
  relu: twoLayer,
  linear: (problem, _, control) => {
    const solution = solveLinear(problem, prepare(problem), control);
    return { status: solution.status, record: linearRecord(solution) };
  },
  'three-layer': (problem, options, control) => {
    const solution = solveThreeLayer(problem, prepare(problem), options, control);
    return { status: solution.status, record: threeLayerRecord(solution) };
  },
};

/** Result of a linear network: `network.layers` W_1 .. W_L, or `networks` when there is one per output. */
function linearRecord(s: LinearSolution): Record<string, unknown> {
  const chains = s.networks.map(({ layers, output }) => ({
    ...(output < 0 ? {} : { output }),
    layers: layers.map((W) => toRows(W)),
  }));
  return checkedResult({
    format: resultFormat,
    status: s.status,
    objective: s.objective,
    dualBound: s.dualBound,
    relativeGap: s.relativeGap,
    scope: 'all-arrangements',
    penaltyKind: s.penalty,
    network: chains.length === 1 && s.networks[0].output < 0 ? chains[0] : { networks: chains },
    networkObjective: s.objective,
    map: toRows(s.map),
    alignment: s.alignment,
    fit: columnsOf(s.fit),
    ...(s.boundDual === undefined ? {} : { dual: columnsOf(s.boundDual) }),
    betaMax: s.betaMax,
    iterations: s.iterations,
    seconds: s.seconds,
    method: s.method,
  });
}

/** Result of a three-layer network: `network.subnetworks` with W1 (d x m1), w2, w3; groups are the non-zero blocks u_j. */
function threeLayerRecord(s: ThreeLayerSolution): Record<string, unknown> {
  return checkedResult({
    format: resultFormat,
    status: s.status,
    objective: s.objective,
    dualBound: s.dualBound,
    relativeGap: s.relativeGap,
    scope: s.scope,
    ...(s.global === undefined ? {} : { global: globalRecord(s.global, s.fit.cols) }),
    regularizer:
      'beta/2 (||w2||^2 + w3^2) with ||W1||_F <= 1, equal to the cubic penalty beta/3 (||W1||^3 + ||w2||^3 + |w3|^3) at its best scaling',
    groups: s.vectors.map(({ u, inner, sign, output }, b) => ({
      tuple: s.tupleOfBranch[b],
      output,
      sign,
      innerSigns: Array.from(inner),
      vectors: Array.from(inner, (_, j) =>
        Array.from(u.subarray((j * u.length) / inner.length, ((j + 1) * u.length) / inner.length)),
      ),
    })),
    network: {
      subnetworks: s.branches.map(({ W1, w2, w3, output }) => ({ W1: toRows(W1), w2: Array.from(w2), w3, output })),
    },
    networkObjective: s.networkObjective.constraint,
    networkObjectiveCubic: s.networkObjective.cubic,
    tuples: s.tuples,
    fit: columnsOf(s.fit),
    ...(s.boundDual === undefined ? {} : { dual: columnsOf(s.boundDual) }),
    betaMax: s.betaMax,
    iterations: s.iterations,
    seconds: s.seconds,
    method: s.method,
  });
}
