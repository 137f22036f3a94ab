import { batchNormForm, batchNormLimit, batchNormNetwork } from '../core/closedForm/batchNorm.ts';
import { checkedForms } from '../core/closedForm/checkForms.ts';
import { collapseOf } from '../core/closedForm/collapse.ts';
import { rankOneReport, tooManyForBatchNorm } from '../core/closedForm/structure.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import { denseMatrix, type DenseMatrix } from '../core/linalg/matrix.ts';
import { predictedClass } from '../core/metrics/scores.ts';
import { networkFit, preActivations } from '../core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import { prepare, type PreparedProblem } from '../core/problem/prepare.ts';
import type { Problem } from '../core/problem/problem.ts';
import { type Control, withDeadline } from '../core/solver/control.ts';
import { solve } from '../core/solver/solve.ts';
import { evaluateSpline, kinksOf, minimumNormInterpolation, solveSpline } from '../core/spline/lassoSpline.ts';
import type {
  BatchNormRecord,
  ClosedFormRecord,
  CollapseRecord,
  RankOneRecord,
  SplineRecord,
  StructureRecord,
} from '../shared/depth.ts';
import { pickRows } from './trainingProblem.ts';

/** Multiplications of a singular value decomposition above which the closed forms are not looked for. */
const largestDecomposition = 2e8;
/** Seconds for everything here, and for one solve that checks a value. */
const secondsInAll = 6;
const secondsPerSolve = 3;
const curvePoints = 401;
const margin = 0.06;

/** Last hidden features of the trained network on encoded inputs (rows x features); undefined when it has none. */
export type HiddenFeatures = (X: DenseMatrix) => DenseMatrix | undefined;

/**
 * What convex duality says about the training rows (Ergen and Pilanci 2021, "Revealing the structure"): closed forms with a check by
 * the solver, the one-feature spline, class means of the features. Takes a few seconds at most and stops when asked; what was left out
 * is in the notes.
 */
export function structureRecord(
  problem: Problem,
  data: PreparedData,
  features: HiddenFeatures,
  control: Control,
): StructureRecord {
  const limited = withDeadline({ shouldStop: () => control.shouldStop(), now: () => control.now() }, secondsInAll);
  const notes: string[] = [];
  const prepared = prepare(problem);
  const { rows: n, cols: d } = prepared.X;
  const work = n * d * Math.min(n, d) * 4;
  let forms: ClosedFormRecord[] = [];
  let rankOne: RankOneRecord | undefined;
  if (work > largestDecomposition) {
    notes.push(
      `The closed forms were not looked for: ${n} rows by ${d} inputs are too many to decompose in a few seconds.`,
    );
  } else {
    ({ forms, rankOne } = closedForms(problem, data, limited, notes));
  }
  const spline = splineRecord(problem, prepared, data, limited, notes);
  const { collapse, batchNorm } = classMeans(problem, data, features, limited, notes);
  if (limited.shouldStop()) notes.push('The structure of the data was cut short by Stop or its time limit.');
  return {
    forms,
    ...(rankOne === undefined ? {} : { rankOne }),
    ...(spline === undefined ? {} : { spline }),
    ...(batchNorm === undefined ? {} : { batchNorm }),
    ...(collapse.length === 0 ? {} : { collapse }),
    notes,
  };
}

function closedForms(
  problem: Problem,
  data: PreparedData,
  control: Control,
  notes: string[],
): { forms: ClosedFormRecord[]; rankOne?: RankOneRecord } {
  const feature = oneFeature(data) ? Float64Array.from(problem.X.data) : undefined;
  const checked = checkedForms(problem, feature, secondsPerSolve, control);
  notes.push(...checked.notes);
  const forms = checked.forms.map(({ neurons, ...form }): ClosedFormRecord => ({
    ...form,
    ...(neurons === undefined
      ? {}
      : {
          neurons: neurons.map(({ direction, weight }) => ({
            direction: Array.from(direction),
            weight: Array.from(weight),
          })),
        }),
  }));
  const report = rankOneReport(problem, 1);
  if (report === undefined) return { forms };
  return {
    forms,
    rankOne: {
      asPosed: report.asPosed,
      depths: report.networks.map(({ branches, ...network }) => ({
        ...network,
        branches: branches.map(({ side, alignment }) => ({ side, layers: alignment })),
      })),
    },
  };
}

const oneFeature = (data: PreparedData): boolean =>
  data.scaling.inputs.length === 1 && data.scaling.inputs[0].category === undefined;

/** Distance of the farthest kink from its nearest point, over the span of the points. */
function farthest(kinks: readonly number[], x: Float64Array): number {
  const sorted = Float64Array.from(x).sort();
  const span = sorted[sorted.length - 1] - sorted[0] || 1;
  let distance = 0;
  for (const at of kinks) {
    let nearest = Infinity;
    for (const t of x) nearest = Math.min(nearest, Math.abs(t - at));
    distance = Math.max(distance, nearest / span);
  }
  return distance;
}

function splineRecord(
  problem: Problem,
  prepared: PreparedProblem,
  data: PreparedData,
  control: Control,
  notes: string[],
): SplineRecord | undefined {
  if (!oneFeature(data) || prepared.outputs !== 1 || problem.X.rows === 0) return undefined;
  if (problem.loss !== 'squared') {
    notes.push(`The spline of one feature is a Lasso for squared loss; this run uses the ${problem.loss} loss.`);
    return undefined;
  }
  const input = data.scaling.inputs[0];
  const target = data.scaling.target;
  const x = Float64Array.from(problem.X.data);
  const y = Float64Array.from(problem.y.data);
  const toX = (t: number): number => t * input.scale + input.mean;
  const toY = (f: number): number => f * target.scale + target.mean;
  const slope = target.scale / input.scale;
  const s = solveSpline(x, y, problem.beta, control);
  const kinks = kinksOf(s).filter(({ change }) => Math.abs(change) > 1e-9 * s.penalty);
  const low = s.knots[0];
  const high = s.knots[s.knots.length - 1];
  const pad = (high - low || 1) * margin;
  const grid = Array.from(
    { length: curvePoints },
    (_, i) => low - pad + ((high - low + 2 * pad) * i) / (curvePoints - 1),
  );
  const inside = control.shouldStop()
    ? null
    : solve(insideTheNorm(problem), { timeLimitSeconds: secondsPerSolve, certifySeconds: 0 }, control);
  const bends =
    inside === null
      ? []
      : Array.from({ length: inside.network.W1.rows }, (_, j) => -inside.network.b1[j] / inside.network.W1.data[j]);
  const inRange = bends.filter((at) => at > low - pad && at < high + pad).sort((a, b) => a - b);
  // corners are drawn where they are
  const at = [...new Set([...grid, ...kinks.map((kink) => kink.at), ...inRange])].sort((a, b) => a - b);
  const regularized =
    inside?.status !== 'optimal'
      ? null
      : {
          y: Array.from(networkFit(inside.network, denseMatrix(at.length, 1, Float64Array.from(at))).data, toY),
          kinks: inRange.map(toX),
          objective: inside.objective,
          kinkDistance: farthest(inRange, x),
        };
  if (inside !== null && regularized === null) {
    notes.push('The fit with the bias inside the norm did not reach its tolerance in time and is left out.');
  }
  const interpolation = minimumNormInterpolation(x, y);
  return {
    feature: input.name,
    beta: problem.beta,
    betaMax: s.betaMax,
    objective: s.objective,
    dualBound: s.dualBound,
    kinks: kinks.map((kink) => ({ at: toX(kink.at), change: kink.change * slope })),
    x: at.map(toX),
    free: at.map((t) => toY(evaluateSpline(s, t))),
    regularized,
    dual: {
      at: Array.from(s.knots, toX),
      right: Array.from(s.dualCurve, (value) => value / problem.beta),
      left: Array.from(s.mirrorCurve, (value) => value / problem.beta),
    },
    interpolation: { norm: interpolation.value * slope, kinks: interpolation.kinks.map(toX) },
    repeated: repeatedAbscissae(x, y),
    points: { x: Array.from(x, toX), y: Array.from(y, toY) },
    kinkDistance: farthest(
      kinks.map((kink) => kink.at),
      x,
    ),
  };
}

/** Two layers with the bias inside the norm, patterns generated by the dual. */
function insideTheNorm({ X, y, outputs, loss, beta, tolerance, outputPenalty }: Problem): Problem {
  return {
    X,
    y,
    outputs,
    loss,
    beta,
    tolerance,
    outputPenalty,
    bias: 'regularized',
    model: 'relu',
    arrangements: { kind: 'adaptive', seed: 1 },
  };
}

function repeatedAbscissae(x: Float64Array, y: Float64Array): SplineRecord['repeated'] {
  const seen = new Map<number, { count: number; first: number; differs: boolean }>();
  x.forEach((at, i) => {
    const entry = seen.get(at);
    if (entry === undefined) seen.set(at, { count: 1, first: y[i], differs: false });
    else {
      entry.count++;
      entry.differs ||= y[i] !== entry.first;
    }
  });
  const several = [...seen.values()].filter(({ count }) => count > 1);
  return { abscissae: several.length, conflicting: several.filter(({ differs }) => differs).length };
}

/**
 * Geometry of the class means: of the inputs, of the trained network's last hidden features, and of the network of the closed form with
 * batch normalisation, which is built on the training rows and run on the others as well.
 */
function classMeans(
  problem: Problem,
  data: PreparedData,
  features: HiddenFeatures,
  control: Control,
  notes: string[],
): { collapse: CollapseRecord[]; batchNorm?: BatchNormRecord } {
  const k = data.classes.length;
  if (k < 2) return { collapse: [] };
  const labelsOf = (rows: Int32Array): Float64Array => Float64Array.from(rows, (row) => data.y[row]);
  const labels = labelsOf(data.trainRows);
  const X = pickRows(data.X, data.trainRows);
  const record = (source: CollapseRecord['source'], F: DenseMatrix, of = labels): CollapseRecord => {
    const { cosines, simplexCosine, deviation, withinOverBetween } = collapseOf(F, of, k);
    return {
      source,
      features: F.cols,
      classes: data.classes,
      cosines,
      simplexCosine,
      deviation,
      withinOverBetween: Number.isFinite(withinOverBetween) ? withinOverBetween : null,
    };
  };
  const collapse = [record('inputs', X)];
  const hidden = features(X);
  if (hidden !== undefined && hidden.cols > 0) collapse.push(record('network', hidden));
  if (X.rows > batchNormLimit) {
    notes.push(tooManyForBatchNorm(X.rows));
    return { collapse };
  }
  if (control.shouldStop()) return { collapse };
  const Y = denseMatrix(labels.length, k);
  labels.forEach((label, i) => (Y.data[i * k + label] = 1));
  const { run, ...network } = batchNormNetwork(X, Y, problem.beta, 1);
  const train = run(X);
  collapse.push(record('batch-norm', train.features));
  const accuracy = (outputs: DenseMatrix, of: Float64Array): number => {
    let right = 0;
    of.forEach((label, i) => {
      if (predictedClass(outputs.data, i, k) === label) right++;
    });
    return right / of.length;
  };
  let testAccuracy: number | null = null;
  if (data.testRows.length > 0) {
    const test = run(pickRows(data.X, data.testRows));
    const testLabels = labelsOf(data.testRows);
    testAccuracy = accuracy(test.outputs, testLabels);
    if (new Set(testLabels).size === k) collapse.push(record('batch-norm-test', test.features, testLabels));
  }
  const batchNorm: BatchNormRecord = {
    ...network,
    formula: batchNormForm(Y, problem.beta).objective,
    trainAccuracy: accuracy(train.outputs, labels),
    testAccuracy,
  };
  return { collapse, batchNorm };
}

/** Activations of the hidden layer of a two-layer network, each times the norm of its outgoing weights. */
export function hiddenFeatures(network: TwoLayerNetwork): HiddenFeatures {
  return (X) => {
    const F = preActivations(network, X);
    const { cols: m } = F;
    const c = network.W2.cols;
    const on =
      network.gates === undefined
        ? F.data
        : preActivations(
            { ...network, W1: network.gates, b1: network.gateBias ?? new Float64Array(network.gates.rows) },
            X,
          ).data;
    const out = denseMatrix(F.rows, m);
    for (let j = 0; j < m; j++) {
      let square = 0;
      for (let o = 0; o < c; o++) square += network.W2.data[j * c + o] ** 2;
      const scale = Math.sqrt(square);
      for (let i = 0; i < F.rows; i++) if (on[i * m + j] >= 0) out.data[i * m + j] = F.data[i * m + j] * scale;
    }
    return out;
  };
}
