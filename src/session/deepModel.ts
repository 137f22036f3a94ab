import { emptyPatterns } from '../core/base/patterns.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import { alignment } from '../core/network/alignment.ts';
import { serialGap } from '../core/engine/linear/nuclear.ts';
import { type LinearSolution, solveLinear } from '../core/engine/linear/solveLinear.ts';
import { svd } from '../core/base/linalg/svd.ts';
import {
  denseMatrix,
  type DenseMatrix,
  dot,
  norm2,
  rowOf,
  toRows,
  withOnesColumn,
} from '../core/base/linalg/matrix.ts';
import type { Predictions } from '../core/metrics/scores.ts';
import { prepare, type PreparedProblem } from '../core/problem/prepare.ts';
import type { ModelName, Problem } from '../core/problem/problem.ts';
import type { Control } from '../core/base/control.ts';
import type { Solution } from '../core/engine/solution/solution.ts';
import {
  solveThreeLayer,
  type ThreeLayerOptions,
  type ThreeLayerSolution,
} from '../core/engine/threeLayer/solveThreeLayer.ts';
import {
  decayOfGroupNorm,
  forward,
  groupNorm,
  preActivation,
  type SubNetwork,
} from '../core/network/threeLayer/subNetwork.ts';
import type { BranchRecord, DeepRecord, LayerRecord, LinearRecord, ThreeLayerRecord } from '../shared/depth.ts';
import { weightDecayMessage } from '../shared/threeLayerWords.ts';
import { encodeBits } from '../shared/bits.ts';
import type { HiddenFeatures } from './structureRecord.ts';

export type DeepModel = Extract<ModelName, 'linear' | 'three-layer'>;

export function isDeep(model: ModelName): model is DeepModel {
  return model === 'linear' || model === 'three-layer';
}

/** A solved three-layer or linear network, in the terms of the session. */
export interface DeepOutcome {
  /** The solve in the common form; its two-layer network is empty. */
  readonly solution: Solution;
  readonly record: DeepRecord;
  /** Outputs on encoded inputs (without the bias column). */
  readonly predict: (X: DenseMatrix) => DenseMatrix;
  /** Last hidden features on encoded inputs. */
  readonly features: HiddenFeatures;
  /** Branches or directions that are not zero. */
  readonly active: number;
}

/** Solves the problem of a deep model at its beta. */
export function solveDeep(
  problem: Problem,
  data: PreparedData,
  options: ThreeLayerOptions,
  control: Control,
): DeepOutcome {
  const prepared = prepare(problem);
  if (problem.model === 'linear') return linearOutcome(problem, prepared, solveLinear(problem, prepared, control));
  const harvest = [...keptNetworks(options.warm), ...(options.harvest ?? [])];
  const solved = solveThreeLayer(problem, prepared, { ...options, harvest }, control);
  return threeLayerOutcome(problem, prepared, data, solved, harvest.length > 0 ? { harvest } : undefined);
}

/** Of a three-layer run: the trained networks whose tuples stay in play at other betas. */
interface ThreeLayerWarm {
  readonly harvest: readonly (readonly SubNetwork[])[];
}

function keptNetworks(warm: unknown): ThreeLayerWarm['harvest'] {
  return typeof warm === 'object' && warm !== null && 'harvest' in warm ? (warm as ThreeLayerWarm).harvest : [];
}

/** Outputs in original units on all rows. */
export function deepPredictions(fit: DenseMatrix, data: PreparedData, problem: Problem): Predictions {
  const { mean, scale } = data.scaling.target;
  return {
    target: data.y,
    prediction: data.task === 'regression' ? fit.data.map((value) => value * scale + mean) : fit.data,
    outputs: fit.cols,
    classes: data.classes.length,
    loss: problem.loss,
  };
}

const effective = (X: DenseMatrix, problem: Problem): DenseMatrix => (problem.bias === 'none' ? X : withOnesColumn(X));

function emptySolution(
  problem: Problem,
  prepared: PreparedProblem,
  part: Omit<
    Solution,
    'gates' | 'patterns' | 'groups' | 'network' | 'datafit' | 'penalty' | 'threads' | 'duplicateGates'
  >,
): Solution {
  const datafit = prepared.datafit.value(part.fit.data);
  const c = prepared.outputs;
  return {
    ...part,
    datafit,
    penalty: (part.objective - datafit) / prepared.beta,
    gates: denseMatrix(0, prepared.X.cols),
    patterns: emptyPatterns(0, prepared.X.rows),
    groups: [],
    duplicateGates: 0,
    network: {
      W1: denseMatrix(0, problem.X.cols),
      b1: new Float64Array(0),
      W2: denseMatrix(0, c),
      b2: new Float64Array(c),
    },
    threads: 1,
  };
}

function threeLayerOutcome(
  problem: Problem,
  prepared: PreparedProblem,
  data: PreparedData,
  s: ThreeLayerSolution,
  warm: ThreeLayerWarm | undefined,
): DeepOutcome {
  const all = effective(data.X, problem);
  const m1 = problem.hidden?.m1 ?? 2;
  const contributions = s.vectors.map((v) => {
    const h = preActivation(prepared.X, v.inner, v.u).map((value) => Math.max(0, value));
    return norm2(h);
  });
  const total = contributions.reduce((a, b) => a + b, 0) || 1;
  const branches: BranchRecord[] = s.vectors.map((v, b) => {
    const d = v.u.length / m1;
    const blocks = Array.from({ length: m1 }, (_, j) => v.u.subarray(j * d, (j + 1) * d));
    const network = s.branches[b];
    return {
      id: b,
      tuple: s.tupleOfBranch[b],
      sign: v.sign,
      output: v.output,
      innerSigns: Array.from(v.inner),
      blocks: blocks.map((block) => Array.from(block)),
      blockNorms: blocks.map((block) => norm2(block)),
      norm: groupNorm(v.u, m1),
      share: contributions[b] / total,
      W1: toRows(network.W1),
      w2: Array.from(network.w2),
      w3: network.w3,
      features: blocks.map((block) => {
        const square = dot(block, block);
        return Array.from(block, (value) => (square > 0 ? (value * value) / square : 0));
      }),
      first: blocks.map((block) =>
        encodeBits(
          Array.from(
            { length: all.rows },
            (_, i) => dot(all.data.subarray(i * all.cols, (i + 1) * all.cols), block) > 0,
          ),
        ),
      ),
      second: encodeBits(Array.from(preActivation(all, v.inner, v.u), (h) => h > 0)),
    };
  });
  const decay = s.vectors.reduce((sum, v) => sum + decayOfGroupNorm(groupNorm(v.u, m1)), 0);
  const record: ThreeLayerRecord = {
    kind: 'three-layer',
    m1,
    regularizer:
      'beta/2 (||w2||² + w3²) with ||W1||_F ≤ 1; the same optimum as beta/3 (||W1||³ + ||w2||³ + |w3|³) without the constraint',
    tuples: s.tuples,
    harvested: s.harvestedTuples,
    prices: Array.from(s.prices),
    branches,
    networkObjective: s.networkObjective,
    weightDecay: {
      value: prepared.datafit.value(s.fit.data) + prepared.beta * decay,
      message: weightDecayMessage,
    },
  };
  return {
    solution: emptySolution(problem, prepared, {
      status: s.status,
      objective: s.objective,
      dualBound: s.dualBound,
      relativeGap: s.relativeGap,
      scope: s.scope,
      ...(s.global === undefined ? {} : { global: s.global }),
      requestedGates: s.tuples,
      gateConstraint: s.prices,
      networkObjective: s.networkObjective.constraint,
      dual: s.dual,
      ...(s.boundDual === undefined ? {} : { boundDual: s.boundDual }),
      fit: s.fit,
      betaMax: s.betaMax,
      kkt: {
        stationarity: Math.max(0, s.prices.reduce((a, b) => Math.max(a, b), 0) - 1),
        cone: 0,
        complementarity: Math.abs(s.relativeGap),
      },
      iterations: s.iterations,
      seconds: s.seconds,
      method: s.method,
      warm,
    }),
    record,
    predict: (X) => forward(effective(X, problem), s.branches, prepared.outputs),
    // one feature per branch: each feeds an output of its own here
    features: (X) =>
      forward(
        effective(X, problem),
        s.branches.map((branch, output) => ({ ...branch, output })),
        s.branches.length,
      ),
    active: s.branches.length,
  };
}

const layerRecords = (layers: readonly DenseMatrix[]): LayerRecord[] =>
  alignment(layers).map((layer) => ({ ...layer, singularValues: [...layer.singularValues] }));

function linearOutcome(problem: Problem, prepared: PreparedProblem, s: LinearSolution): DeepOutcome {
  const depth = problem.depth ?? 2;
  const { X, targets, outputs } = prepared;
  const leastSquares = s.map.cols === 0 ? new Float64Array(0) : leastSquaresSingularValues(X, targets);
  const rank = svd(s.map).s.filter((value, _, list) => value > 1e-9 * (list[0] || 1)).length;
  const jump = depth === 2 || outputs > 1 || problem.loss !== 'squared' ? null : jumpBelow(problem, s.betaMax);
  const record: LinearRecord = {
    kind: 'linear',
    depth,
    penalty: s.penalty,
    layers: s.networks.map(({ layers }) => layerRecords(layers)),
    map: toRows(s.map),
    rankPath: [],
    threshold: {
      betaMax: s.betaMax,
      jump,
      message:
        depth === 2
          ? 'Two layers: the map shrinks continuously to zero as beta reaches its threshold.'
          : jump === null
            ? `${depth} layers: the map drops to zero at the threshold.`
            : `${depth} layers: just below the threshold the map has norm ${jump.toPrecision(4)}; at it the map jumps to zero.`,
    },
    gap: problem.loss === 'squared' ? [2, 3, 4, 5].map((L) => ({ depth: L, ...pick(serialGap(leastSquares, L)) })) : [],
  };
  return {
    solution: emptySolution(problem, prepared, {
      status: s.status,
      objective: s.objective,
      dualBound: s.dualBound,
      relativeGap: s.relativeGap,
      scope: 'all-arrangements',
      global: {
        lowerBound: s.dualBound,
        relativeGap: s.relativeGap,
        proof: 'exact',
        maxDualConstraint: prepared.beta,
        searchEstimate: prepared.beta,
        reason: `${s.penalty}: ${s.method}`,
      },
      requestedGates: 0,
      gateConstraint: new Float64Array(0),
      networkObjective: s.objective,
      dual: s.dual,
      ...(s.boundDual === undefined ? {} : { boundDual: s.boundDual }),
      fit: s.fit,
      betaMax: s.betaMax,
      kkt: { stationarity: 0, cone: 0, complementarity: Math.abs(s.relativeGap) },
      iterations: s.iterations,
      seconds: s.seconds,
      method: s.method,
      warm: undefined,
    }),
    record,
    predict: (inputs) => product(effective(inputs, problem), s.map),
    features: (inputs) =>
      s.networks.reduce<DenseMatrix | undefined>((all, { layers }) => {
        const hidden = layers.slice(0, -1).reduce(product, effective(inputs, problem));
        return all === undefined ? hidden : beside(all, hidden);
      }, undefined),
    active: rank,
  };
}

function product(A: DenseMatrix, B: DenseMatrix): DenseMatrix {
  const out = denseMatrix(A.rows, B.cols);
  for (let i = 0; i < A.rows; i++) {
    for (let j = 0; j < A.cols; j++) {
      const a = A.data[i * A.cols + j];
      for (let k = 0; k < B.cols; k++) out.data[i * B.cols + k] += a * B.data[j * B.cols + k];
    }
  }
  return out;
}

function beside(A: DenseMatrix, B: DenseMatrix): DenseMatrix {
  const out = denseMatrix(A.rows, A.cols + B.cols);
  for (let i = 0; i < A.rows; i++) {
    out.data.set(rowOf(A, i), i * out.cols);
    out.data.set(rowOf(B, i), i * out.cols + A.cols);
  }
  return out;
}

const pick = ({ primal, dual }: { primal: number; dual: number }): { primal: number; dual: number } => ({
  primal,
  dual,
});

/** Singular values of X^+ Y. */
function leastSquaresSingularValues(X: DenseMatrix, Y: DenseMatrix): Float64Array {
  const { U, s } = svd(X);
  const rank = s.filter((value) => value > 1e-10 * (s[0] || 1)).length;
  const map = denseMatrix(rank, Y.cols);
  for (let a = 0; a < rank; a++) {
    for (let k = 0; k < Y.cols; k++) {
      let sum = 0;
      for (let i = 0; i < X.rows; i++) sum += U.data[i * s.length + a] * Y.data[i * Y.cols + k];
      map.data[a * Y.cols + k] = sum / s[a];
    }
  }
  return svd(map).s;
}

/** Norm of the map just below the threshold. */
function jumpBelow(problem: Problem, betaMax: number): number {
  const below = { ...problem, beta: betaMax * (1 - 1e-9) };
  return norm2(solveLinear(below, prepare(below), { shouldStop: () => false, now: () => 0 }).map.data);
}
