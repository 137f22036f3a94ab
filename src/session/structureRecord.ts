import { batchNormForm, collapseOf } from '../core/closedForm/collapse.ts';
import { type ClosedFormReport, detectClosedForms } from '../core/closedForm/detect.ts';
import { gateOnEverywhere, spikeFreeTest } from '../core/closedForm/spikeFree.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import { denseMatrix, type DenseMatrix } from '../core/linalg/matrix.ts';
import { networkFit, preActivations } from '../core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import { prepare, type PreparedProblem } from '../core/problem/prepare.ts';
import type { Problem } from '../core/problem/problem.ts';
import { type Control, withDeadline } from '../core/solver/control.ts';
import { solve } from '../core/solver/solve.ts';
import { evaluateSpline, kinksOf, minimumNormInterpolation, solveSpline } from '../core/spline/lassoSpline.ts';
import type { ClosedFormRecord, CollapseRecord, SplineRecord, StructureRecord } from '../shared/depth.ts';
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
  if (work > largestDecomposition) {
    notes.push(
      `The closed forms were not looked for: ${n} rows by ${d} inputs are too many to decompose in a few seconds.`,
    );
  } else {
    forms = closedForms(problem, prepared, data, limited, notes);
  }
  const spline = splineRecord(problem, prepared, data, limited, notes);
  const collapse = collapseRecords(prepared, data, features);
  if (limited.shouldStop()) notes.push('The structure of the data was cut short by Stop or its time limit.');
  return {
    forms,
    ...(spline === undefined ? {} : { spline }),
    ...(collapse.length === 0 ? {} : { collapse }),
    notes,
  };
}

/** Two layers, adaptive patterns: the problem that a closed form of ReLU networks solves. */
function reluTwin(problem: Problem, bias: Problem['bias']): Problem {
  const { X, y, outputs, loss, beta, outputPenalty, tolerance } = problem;
  const penalty = outputs > 1 && outputPenalty === 'nuclear' ? 'per-output' : outputPenalty;
  return {
    X,
    y,
    outputs,
    loss,
    beta,
    tolerance,
    bias,
    outputPenalty: penalty,
    model: 'relu',
    arrangements: { kind: 'adaptive', seed: 1 },
  };
}

const relativeDifference = (a: number, b: number): number =>
  Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), 1e-300);

function closedForms(
  problem: Problem,
  prepared: PreparedProblem,
  data: PreparedData,
  control: Control,
  notes: string[],
): ClosedFormRecord[] {
  const feature = oneFeature(data) ? Float64Array.from(problem.X.data) : undefined;
  const reports = detectClosedForms(prepared, feature, control).map((report) =>
    checked(problem, report, control, notes),
  );
  return [...reports, spikeFreeForm(problem, prepared, control, notes)];
}

function checked(
  problem: Problem,
  { neurons, program, ...report }: ClosedFormReport,
  control: Control,
  notes: string[],
): ClosedFormRecord {
  const record: ClosedFormRecord = {
    ...report,
    ...(program === undefined ? {} : { program }),
    ...(neurons === undefined
      ? {}
      : {
          neurons: neurons.map(({ direction, weight }) => ({
            direction: Array.from(direction),
            weight: Array.from(weight),
          })),
        }),
  };
  if (report.objective === undefined || program === undefined || program.startsWith('batch')) return record;
  const twin = reluTwin(problem, program === 'free biases' ? 'free' : problem.bias);
  return withCheck(record, twin, control, notes);
}

/** Adds the solver's value; says so when it did not get there in time. */
function withCheck(record: ClosedFormRecord, twin: Problem, control: Control, notes: string[]): ClosedFormRecord {
  if (record.objective === undefined || control.shouldStop()) return record;
  const { status, objective } = solve(twin, { timeLimitSeconds: secondsPerSolve, certifySeconds: 0 }, control);
  if (status !== 'optimal') {
    notes.push(`${record.title}: the solver did not reach its tolerance in time, so the value stands unchecked.`);
    return record;
  }
  return { ...record, solverObjective: objective, difference: relativeDifference(record.objective, objective) };
}

/** Spike-free data: one gate that is on everywhere is enough, which is a small program of its own. */
function spikeFreeForm(
  problem: Problem,
  { X, outputs }: PreparedProblem,
  control: Control,
  notes: string[],
): ClosedFormRecord {
  const title = 'Spike-free data: neurons that are on for every row are enough';
  const { spikeFree, reason } = spikeFreeTest(X);
  const base: ClosedFormRecord = { id: 'spike-free', title, applies: spikeFree === true && outputs === 1, reason };
  if (!base.applies || problem.bias === 'free') return base;
  const gates = gateOnEverywhere(X);
  if (gates === undefined || control.shouldStop()) return base;
  const twin = reluTwin(problem, problem.bias);
  const { status, objective } = solve(
    { ...twin, arrangements: { kind: 'given', gates } },
    { timeLimitSeconds: secondsPerSolve, certifySeconds: 0 },
    control,
  );
  if (status !== 'optimal') return base;
  const record = { ...base, objective, program: 'two groups, each linear on all rows' };
  return withCheck(record, twin, control, notes);
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
    : solve(reluTwin(problem, 'regularized'), { timeLimitSeconds: secondsPerSolve, certifySeconds: 0 }, control);
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
    feature: input.column,
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

/** Geometry of the class means: of the inputs, of the trained network's last hidden features, of the batch-normalised closed form. */
function collapseRecords({ beta }: PreparedProblem, data: PreparedData, features: HiddenFeatures): CollapseRecord[] {
  const k = data.classes.length;
  if (k < 2) return [];
  const labels = Float64Array.from(data.trainRows, (row) => data.y[row]);
  const X = pickRows(data.X, data.trainRows);
  const record = (source: CollapseRecord['source'], F: DenseMatrix): CollapseRecord => {
    const { cosines, simplexCosine, deviation, withinOverBetween } = collapseOf(F, labels, k);
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
  const out = [record('inputs', X)];
  const hidden = features(X);
  if (hidden !== undefined && hidden.cols > 0) out.push(record('network', hidden));
  const Y = denseMatrix(labels.length, k);
  labels.forEach((label, i) => (Y.data[i * k + label] = 1));
  out.push(record('batch-norm', batchNormForm(Y, beta).features));
  return out;
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
