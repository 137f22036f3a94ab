import { linearResiduals } from '../../core/certify/networkResiduals.ts';
import { denseMatrix, type DenseMatrix, norm2, rowOf, toRows } from '../../core/base/linalg/matrix.ts';
import { alignment } from '../../core/network/alignment.ts';
import { trainChain } from '../../core/descent/chainModel.ts';
import { gapNetworks, parallelObjective } from '../../core/theory/closedForm/gapNetworks.ts';
import { serialGap, solveNuclear } from '../../core/engine/linear/nuclear.ts';
import { type LinearSolution, solveLinear } from '../../core/engine/linear/solveLinear.ts';
import { svd, type Svd, svdUnlessStopped } from '../../core/base/linalg/svd.ts';
import { prepare, type PreparedProblem } from '../../core/problem/prepare.ts';
import type { Problem } from '../../core/problem/problem.ts';
import { effectiveInputs } from '../../core/problem/effectiveInputs.ts';
import { type Control, withDeadline } from '../../core/base/control.ts';
import { betaGrid } from '../../core/engine/path.ts';
import type { LayerRecord, LinearRecord } from '../../shared/depth.ts';
import { quiet, type StageContext, type TrainingContext } from '../context.ts';
import { functionShape } from '../shape.ts';
import type { Extras, Family, Outcome, Posed, Solved } from './family.ts';

interface LinearOutcome extends Outcome {
  readonly full: LinearSolution;
  /** Of the effective inputs; undefined when stopped. */
  readonly inputs: () => Svd | undefined;
  /** What is recorded when it is solved. */
  readonly record: () => LinearRecord;
}

/** Deep linear networks; `X` of the program may have the ones column of a regularised bias. */
export const linear: Family = {
  problemFields: ({ depth, outputPenalty }) => ({
    depth,
    // weight decay of a linear network with several outputs is the nuclear norm of its map
    outputPenalty: depth === 2 ? 'nuclear' : outputPenalty,
  }),
  // deeper ones have a theory for squared loss alone
  autoLoss: ({ depth }) => (depth > 2 ? 'squared' : undefined),
  drawnGates: false,
  batchNorm: false,
  threshold: (problem, _, control) => ({ betaMax: solveLinear(problem, prepare(problem), control).betaMax }),
  solve(posed, { timeLimitSeconds = Infinity }, control): LinearOutcome {
    const prepared = prepare(posed.problem);
    const full = solveLinear(posed.problem, prepared, withDeadline(control, timeLimitSeconds));
    const late = full.status === 'cancelled' && !control.shouldStop();
    return outcomeOf(posed, prepared, late ? { ...full, status: 'time-limit' } : full, control);
  },
  descent: (_, { active }) =>
    active === 0
      ? 'the zero network is optimal at this beta'
      : 'that of a linear network is the training of its layers in the Layers view',
  extras: (posed, outcome, context) => extrasOf(posed, outcome as LinearOutcome, context),
};

function outcomeOf(
  { problem, data }: Posed,
  prepared: PreparedProblem,
  full: LinearSolution,
  control: Control,
): LinearOutcome {
  const inputs = once(() => svdUnlessStopped(prepared.X, () => control.shouldStop()));
  const record = once(() => recordOf(problem, prepared, full, inputs, control));
  const predict = (X: DenseMatrix): DenseMatrix => product(effectiveInputs(X, problem.bias), full.map);
  const values = svd(full.map).s;
  return {
    full,
    inputs,
    record,
    solution: numbersOf(problem, prepared, full),
    active: values.filter((value) => value > 1e-9 * (values[0] || 1)).length,
    predict,
    features: (X) =>
      full.networks.reduce<DenseMatrix | undefined>((all, { layers }) => {
        const hidden = layers.slice(0, -1).reduce(product, effectiveInputs(X, problem.bias));
        return all === undefined ? hidden : beside(all, hidden);
      }, undefined),
    describe: () => {
      const shape = functionShape(predict, data);
      return {
        fit: predict(data.X),
        neurons: [],
        gates: { count: 0, constraint: [], norm: [] },
        ...(shape === undefined ? {} : { shape }),
        deep: record(),
      };
    },
  };
}

function numbersOf(problem: Problem, prepared: PreparedProblem, s: LinearSolution): Solved {
  const datafit = prepared.datafit.value(s.fit.data);
  const { beta, X } = prepared;
  return {
    status: s.status,
    objective: s.objective,
    dualBound: s.dualBound,
    relativeGap: s.relativeGap,
    datafit,
    penalty: (s.objective - datafit) / beta,
    scope: 'all-arrangements',
    global: {
      lowerBound: s.dualBound,
      relativeGap: s.relativeGap,
      proof: 'exact',
      maxDualConstraint: beta,
      searchEstimate: beta,
      reason: `${s.penalty}: ${s.method}`,
    },
    networkObjective: s.objective,
    dual: s.dual,
    betaMax: s.betaMax,
    kkt: linearResiduals(X, s.networks, problem.depth ?? 2, prepared.datafit, beta),
    iterations: s.iterations,
    seconds: s.seconds,
    method: s.method,
    threads: 1,
    warm: undefined,
  };
}

const layerRecords = (layers: readonly DenseMatrix[]): LayerRecord[] =>
  alignment(layers).map((layer) => ({ ...layer, singularValues: [...layer.singularValues] }));

/** The same value each time, made when it is first asked for. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function recordOf(
  problem: Problem,
  prepared: PreparedProblem,
  s: LinearSolution,
  inputs: LinearOutcome['inputs'],
  control: Control,
): LinearRecord {
  const depth = problem.depth ?? 2;
  const { targets, outputs } = prepared;
  const squared = prepared.datafit.quadratic;
  const decomposition = squared ? inputs() : undefined;
  const leastSquares = decomposition && leastSquaresSingularValues(decomposition, targets);
  const jump = depth === 2 || outputs > 1 || !squared ? null : jumpBelow(problem, s.betaMax, control);
  return {
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
    gap:
      leastSquares === undefined
        ? []
        : [2, 3, 4, 5].map((L) => {
            const { primal, dual } = serialGap(leastSquares, L);
            return { depth: L, primal, dual };
          }),
  };
}

/** Networks of the duality gap, rank path, training of the layers. */
async function extrasOf(posed: Posed, { full, record, inputs }: LinearOutcome, context: StageContext): Promise<Extras> {
  const { problem, settings } = posed;
  const { deps, listener, control, seconds } = context;
  const limited = withDeadline(control, seconds);
  const solved = record();
  const built = await builtNetworks(problem, solved, inputs, context, limited);
  const rankPath = await rankPathOf(problem, full.betaMax, context, limited);
  listener.progress({ stage: 'compare', fraction: null, message: 'Gradient descent on the layers' });
  await deps.pause();
  if (limited.shouldStop()) return { record: { ...built, rankPath }, networks: [] };
  const run = trainChain(
    prepare(problem),
    {
      depth: solved.depth,
      width: Math.min(8, Math.max(2, problem.outputs + 2)),
      seed: settings.seed,
      rule: 'adam',
      epochs: settings.compare.epochs,
      points: 30,
    },
    quiet(limited),
  );
  const training = run.points.map(({ epoch, objective, layers }) => ({ epoch, objective, layers }));
  return { record: { ...built, rankPath, training }, networks: [] };
}

async function rankPathOf(
  problem: Problem,
  betaMax: number,
  { deps }: TrainingContext,
  control: Control,
): Promise<LinearRecord['rankPath']> {
  const rankPath: LinearRecord['rankPath'][number][] = [];
  for (const beta of betaMax > 0 ? betaGrid(betaMax, 24, 0.001) : []) {
    await deps.pause();
    if (control.shouldStop()) break;
    const at = { ...problem, beta };
    const { s } = svd(solveLinear(at, prepare(at), quiet(control)).map);
    rankPath.push({
      beta,
      rank: s.filter((value) => value > 1e-7 * Math.max(s[0], 1e-300)).length,
      singularValues: Array.from(s),
    });
  }
  return rankPath;
}

/** The networks that the duality gap speaks of, built and run. */
async function builtNetworks(
  problem: Problem,
  record: LinearRecord,
  inputs: LinearOutcome['inputs'],
  { deps }: TrainingContext,
  control: Control,
): Promise<Pick<LinearRecord, 'parallel'> & { gap?: LinearRecord['gap'] }> {
  const { X, targets, datafit, beta, outputs, tolerance } = prepare(problem);
  const gap: LinearRecord['gap'][number][] = [];
  for (const point of record.gap) {
    await deps.pause();
    if (control.shouldStop()) return {};
    const { serial, parallel, branches, dual, fitError } = gapNetworks(X, targets, point.depth, inputs());
    gap.push({ ...point, built: { serial, parallel, branches, dual, fitError } });
  }
  if (outputs === 1 || !datafit.quadratic) return { gap };
  await deps.pause();
  const depth = Math.max(3, record.depth);
  const { Z, dualBound } = solveNuclear(X, datafit, beta, tolerance, quiet(control));
  if (control.shouldStop()) return { gap };
  return { gap, parallel: { depth, objective: parallelObjective(X, Z, depth, datafit, beta), dualBound } };
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

/** Singular values of X^+ Y. */
function leastSquaresSingularValues({ U, s }: Svd, Y: DenseMatrix): Float64Array {
  const rank = s.filter((value) => value > 1e-10 * (s[0] || 1)).length;
  const map = denseMatrix(rank, Y.cols);
  for (let a = 0; a < rank; a++) {
    for (let k = 0; k < Y.cols; k++) {
      let sum = 0;
      for (let i = 0; i < Y.rows; i++) sum += U.data[i * s.length + a] * Y.data[i * Y.cols + k];
      map.data[a * Y.cols + k] = sum / s[a];
    }
  }
  return svd(map).s;
}

/** Norm of the map just below the threshold; null when stopped. */
function jumpBelow(problem: Problem, betaMax: number, control: Control): number | null {
  const below = { ...problem, beta: betaMax * (1 - 1e-9) };
  const { status, map } = solveLinear(below, prepare(below), quiet(control));
  return status === 'cancelled' ? null : norm2(map.data);
}
