import { complementarity } from '../../core/certify/networkResiduals.ts';
import type { PreparedData } from '../../core/data/prepareData.ts';
import { type DenseMatrix, dot, norm2, rowOf, toList, toRows } from '../../core/base/linalg/matrix.ts';
import { prepare, type PreparedProblem } from '../../core/problem/prepare.ts';
import type { Problem } from '../../core/problem/problem.ts';
import { effectiveInputs } from '../../core/problem/effectiveInputs.ts';
import type { Control } from '../../core/base/control.ts';
import { descendThreeLayer } from '../../core/descent/threeLayerDescent.ts';
import { solveThreeLayer, type ThreeLayerSolution } from '../../core/engine/threeLayer/solveThreeLayer.ts';
import {
  decayOfGroupNorm,
  forward,
  groupNorm,
  penalties,
  preActivation,
  type SubNetwork,
} from '../../core/network/threeLayer/subNetwork.ts';
import { encodeBits } from '../../shared/bits.ts';
import type { BranchRecord, ThreeLayerRecord } from '../../shared/depth.ts';
import { weightDecayMessage } from '../../shared/threeLayerWords.ts';
import { boundOverFamily } from '../../shared/verdict.ts';
import { quiet, type TrainingContext } from '../context.ts';
import { functionShape } from '../shape.ts';
import type { Descent, Family, FamilyOptions, Outcome, Posed, Solved } from './family.ts';
import { threeLayerExtras } from './threeLayerExtras.ts';

interface ThreeLayerOutcome extends Outcome {
  readonly full: ThreeLayerSolution;
}

/** Of a run: the trained networks whose tuples stay in play at other betas. */
interface ThreeLayerWarm {
  readonly harvest: readonly (readonly SubNetwork[])[];
}

/** Parallel three-layer ReLU networks. */
export const threeLayer: Family = {
  problemFields: ({ m1, outputPenalty }) => ({ hidden: { m1 }, outputPenalty }),
  drawnGates: false,
  batchNorm: false,
  threshold: (problem, _, control) => ({
    betaMax: solveThreeLayer(problem, prepare(problem), { certifySeconds: 0 }, control).betaMax,
  }),
  solve,
  descent: descentOf,
  extras: threeLayerExtras,
  refine(posed, outcome, below, options, control) {
    const lowest = below.reduce((least, network) => Math.min(least, network.objective), Infinity);
    const harvest = below.map(({ branches }) => branches);
    const again = solve(posed, { ...options, harvest, warm: outcome.solution.warm }, control);
    // a stop leaves at least the best of the given networks, unless it came before they were read
    if (again.solution.objective > lowest) return undefined;
    const { tuples, harvestedTuples } = again.full;
    return { outcome: again, patterns: `${tuples} tuples, ${harvestedTuples} of them from gradient descent` };
  },
};

function solve(posed: Posed, options: FamilyOptions, control: Control): ThreeLayerOutcome {
  const prepared = prepare(posed.problem);
  const harvest = [...keptNetworks(options.warm), ...(options.harvest ?? [])];
  const { timeLimitSeconds, certifySeconds } = options;
  const full = solveThreeLayer(posed.problem, prepared, { timeLimitSeconds, certifySeconds, harvest }, control);
  return outcomeOf(posed, prepared, full, harvest.length > 0 ? { harvest } : undefined);
}

function keptNetworks(warm: unknown): ThreeLayerWarm['harvest'] {
  return typeof warm === 'object' && warm !== null && 'harvest' in warm ? (warm as ThreeLayerWarm).harvest : [];
}

function outcomeOf(
  { problem, data }: Posed,
  prepared: PreparedProblem,
  full: ThreeLayerSolution,
  warm: ThreeLayerWarm | undefined,
): ThreeLayerOutcome {
  const { branches } = full;
  const predict = (X: DenseMatrix): DenseMatrix =>
    forward(effectiveInputs(X, problem.bias), branches, prepared.outputs);
  return {
    full,
    solution: numbersOf(prepared, full, warm),
    active: branches.length,
    predict,
    // one feature per branch: each feeds an output of its own here
    features: (X) =>
      forward(
        effectiveInputs(X, problem.bias),
        branches.map((branch, output) => ({ ...branch, output })),
        branches.length,
      ),
    describe: () => {
      const shape = functionShape(predict, data);
      const deep = recordOf(problem, prepared, data, full);
      const norm = Array.from(full.prices, () => 0);
      for (const branch of deep.branches) if (branch.tuple >= 0) norm[branch.tuple] += branch.norm;
      return {
        fit: predict(data.X),
        neurons: [],
        // tuples in the place of gates: price over beta, norm of their branches
        gates: { count: full.tuples, constraint: Array.from(full.prices), norm },
        ...(shape === undefined ? {} : { shape }),
        deep,
      };
    },
  };
}

function numbersOf(prepared: PreparedProblem, s: ThreeLayerSolution, warm: ThreeLayerWarm | undefined): Solved {
  const { X, datafit, beta, outputs } = prepared;
  const loss = datafit.value(s.fit.data);
  const paid = s.branches.reduce((sum, branch) => sum + penalties(branch).constraint, 0);
  return {
    status: s.status,
    objective: s.objective,
    dualBound: s.dualBound,
    relativeGap: s.relativeGap,
    datafit: loss,
    penalty: (s.objective - loss) / beta,
    scope: s.scope,
    ...(s.global === undefined ? {} : { global: s.global }),
    networkObjective: s.networkObjective.constraint,
    dual: s.dual,
    betaMax: s.betaMax,
    // by running the weights; residuals of the cones of tuples are nobody's
    kkt: { complementarity: complementarity(forward(X, s.branches, outputs), datafit, beta, paid) },
    iterations: s.iterations,
    seconds: s.seconds,
    method: s.method,
    threads: 1,
    warm,
  };
}

function recordOf(
  problem: Problem,
  prepared: PreparedProblem,
  data: PreparedData,
  s: ThreeLayerSolution,
): ThreeLayerRecord {
  const m1 = problem.hidden?.m1 ?? 2;
  const decay = s.vectors.reduce((sum, v) => sum + decayOfGroupNorm(groupNorm(v.u, m1)), 0);
  return {
    kind: 'three-layer',
    m1,
    regularizer:
      'beta/2 (||w2||² + w3²) with ||W1||_F ≤ 1; the same optimum as beta/3 (||W1||³ + ||w2||³ + |w3|³) without the constraint',
    tuples: s.tuples,
    harvested: s.harvestedTuples,
    prices: Array.from(s.prices),
    branches: branchRecords(prepared, effectiveInputs(data.X, problem.bias), m1, s),
    networkObjective: s.networkObjective,
    weightDecay: {
      value: prepared.datafit.value(s.fit.data) + prepared.beta * decay,
      message: weightDecayMessage,
    },
  };
}

function branchRecords(prepared: PreparedProblem, all: DenseMatrix, m1: number, s: ThreeLayerSolution): BranchRecord[] {
  const sizes = s.vectors.map((v) => norm2(preActivation(prepared.X, v.inner, v.u).map((h) => Math.max(0, h))));
  const total = sizes.reduce((a, b) => a + b, 0) || 1;
  return s.vectors.map((v, b) => {
    const d = v.u.length / m1;
    const blocks = Array.from({ length: m1 }, (_, j) => v.u.subarray(j * d, (j + 1) * d));
    const network = s.branches[b];
    return {
      id: b,
      tuple: s.tupleOfBranch[b],
      sign: v.sign,
      output: v.output,
      innerSigns: Array.from(v.inner),
      blocks: blocks.map(toList),
      blockNorms: blocks.map((block) => norm2(block)),
      norm: groupNorm(v.u, m1),
      share: sizes[b] / total,
      W1: toRows(network.W1),
      w2: Array.from(network.w2),
      w3: network.w3,
      features: blocks.map((block) => {
        const square = dot(block, block);
        return toList(block.map((value) => (square > 0 ? (value * value) / square : 0)));
      }),
      first: blocks.map((block) =>
        encodeBits(Array.from({ length: all.rows }, (_, i) => dot(rowOf(all, i), block) > 0)),
      ),
      second: encodeBits(Array.from(preActivation(all, v.inner, v.u), (h) => h > 0)),
    };
  });
}

/** A branch counts from this outer weight on. */
const activeOuter = 1e-3;

/** Gradient descent on the same architecture and cubic penalty, one seed after the other. */
function descentOf(posed: Posed, { solution, active }: Outcome, { deps }: TrainingContext): Descent | string {
  if (active === 0) return 'the zero network is optimal at this beta';
  const { problem, data, settings } = posed;
  const prepared = prepare(problem);
  const bound = boundOverFamily({ solution });
  const width = Math.max(2, active);
  const X = effectiveInputs(data.X, problem.bias);
  return {
    width,
    lowerBound: bound === -Infinity ? null : bound,
    async train(rule, seeds, control, onRun) {
      for (const seed of seeds) {
        await deps.pause();
        if (control.shouldStop()) return;
        const { epochs } = settings.compare;
        const m1 = problem.hidden?.m1 ?? 2;
        const run = descendThreeLayer(prepared, { m1, K: width, seed, rule, epochs }, quiet(control));
        const { branches, learningRate, seconds, objective, final, merged, cancelled } = run;
        onRun({
          optimizer: rule,
          seed,
          learningRate,
          epochs: run.epochs,
          seconds,
          objective,
          final,
          merged,
          cancelled,
          active: branches.filter(({ w3 }) => Math.abs(w3) > activeOuter).length,
          diverged: false,
          fit: forward(X, branches, problem.outputs),
          network: { objective: merged, branches },
        });
      }
    },
  };
}
