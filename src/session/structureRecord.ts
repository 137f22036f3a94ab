import { batchNormForm, batchNormLimit, batchNormNetwork } from '../core/theory/closedForm/batchNorm.ts';
import { checkedForms } from '../core/theory/closedForm/checkForms.ts';
import { collapseOf } from '../core/theory/closedForm/collapse.ts';
import type { BranchTraining } from '../core/theory/closedForm/deepBranches.ts';
import { oneHotTargets } from '../core/theory/closedForm/detect.ts';
import {
  normalisedBeta,
  rankOneReport,
  tooManyForBatchNorm,
  weightedRows,
} from '../core/theory/closedForm/structure.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import { denseMatrix, type DenseMatrix } from '../core/base/linalg/matrix.ts';
import { predictedClass } from '../core/metrics/predictedClass.ts';
import { networkFit } from '../core/network/evaluate.ts';
import { prepare } from '../core/problem/prepare.ts';
import type { Problem } from '../core/problem/problem.ts';
import { type Control, withDeadline } from '../core/base/control.ts';
import { unlessStopped } from '../core/base/polling.ts';
import { evaluateSpline } from '../core/theory/spline/lassoSpline.ts';
import {
  farthest,
  noSpline,
  type RegularizedFit,
  regularizedFit,
  type SplineReport,
  splineReports,
} from '../core/theory/spline/report.ts';
import type {
  BatchNormRecord,
  BranchTrainingRecord,
  ClosedFormRecord,
  CollapseRecord,
  RankOneRecord,
  SplineRecord,
  StructureRecord,
} from '../shared/depth.ts';
import type { TrainSettings } from '../shared/settings.ts';
import { pickRows } from './pickRows.ts';

/** Multiplications of a singular value decomposition above which the closed forms are not looked for. */
const largestDecomposition = 2e8;
/** Seconds for everything here, and for one solve that checks a value. */
const secondsInAll = 6;
const secondsPerSolve = 3;
const curvePoints = 401;
const margin = 0.06;
/** Classes whose splines are kept. */
const shownOutputs = 12;

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
  settings: Pick<TrainSettings, 'seed' | 'compare'>,
  control: Control,
): StructureRecord {
  const limited = withDeadline({ shouldStop: () => control.shouldStop(), now: () => control.now() }, secondsInAll);
  const notes: string[] = [];
  const prepared = prepare(problem);
  const { rows: n, cols: d } = prepared.X;
  const work = n * d * Math.min(n, d) * 4;
  let forms: ClosedFormRecord[] = [];
  let rankOne: RankOneRecord | undefined;
  if (problem.weights !== undefined) notes.push(`The closed forms were not looked for: ${weightedRows}.`);
  else if (work > largestDecomposition) {
    notes.push(
      `The closed forms were not looked for: ${n} rows by ${d} inputs are too many to decompose in a few seconds.`,
    );
  } else {
    ({ forms, rankOne } = closedForms(problem, data, settings, limited, notes));
  }
  const splines = splineRecords(problem, data, limited, notes);
  const { collapse, batchNorm } = classMeans(problem, data, features, limited, notes);
  if (limited.shouldStop()) notes.push('The structure of the data was cut short by Stop or its time limit.');
  return {
    forms,
    ...(rankOne === undefined ? {} : { rankOne }),
    ...(splines === undefined ? {} : { splines }),
    ...(batchNorm === undefined ? {} : { batchNorm }),
    ...(collapse.length === 0 ? {} : { collapse }),
    notes,
  };
}

function closedForms(
  problem: Problem,
  data: PreparedData,
  settings: Pick<TrainSettings, 'seed' | 'compare'>,
  control: Control,
  notes: string[],
): { forms: ClosedFormRecord[]; rankOne?: RankOneRecord } {
  const feature = oneFeature(data) ? Float64Array.from(problem.X.data) : undefined;
  const checked = checkedForms(problem, feature, secondsPerSolve, control);
  notes.push(...checked.notes);
  const oneHot = oneHotTargets(prepare(problem));
  const forms = checked.forms.map(({ neurons, ...form }): ClosedFormRecord => ({
    ...form,
    ...(form.id === 'batch-norm' && oneHot !== undefined
      ? { objective: batchNormForm(oneHot, normalisedBeta(problem, data.scaling.batchNorm === true)).objective }
      : {}),
    ...(neurons === undefined
      ? {}
      : {
          neurons: neurons.map(({ direction, weight }) => ({
            direction: Array.from(direction),
            weight: Array.from(weight),
          })),
        }),
  }));
  const report = rankOneReport(problem, settings.seed, settings.compare.enabled ? settings.compare.epochs : 0, control);
  if (report === undefined) return { forms };
  return {
    forms,
    rankOne: {
      asPosed: report.asPosed,
      depths: report.networks.map(({ branches, ...network }) => {
        const found = report.trainings.find(({ depth }) => depth === network.depth);
        return {
          ...network,
          branches: branches.map(({ side, alignment }) => ({ side, layers: alignment })),
          ...(found === undefined ? {} : { training: trainingRecord(found) }),
        };
      }),
    },
  };
}

function trainingRecord({
  width,
  started,
  branches,
  points,
  final,
  learningRate,
}: BranchTraining): BranchTrainingRecord {
  return { width, started, branches, points, final, learningRate };
}

const oneFeature = (data: PreparedData): boolean =>
  data.scaling.inputs.length === 1 && data.scaling.inputs[0].category === undefined;

/** The splines of one feature, one per output, in original units. */
function splineRecords(
  problem: Problem,
  data: PreparedData,
  control: Control,
  notes: string[],
): readonly SplineRecord[] | undefined {
  if (!oneFeature(data) || problem.X.rows === 0) return undefined;
  const refusal = noSpline(problem);
  if (refusal !== undefined) {
    notes.push(refusal);
    return undefined;
  }
  const x = Float64Array.from(problem.X.data);
  const reports = splineReports(problem, x, control);
  if (reports.length > shownOutputs) notes.push(`Splines of the first ${shownOutputs} of ${reports.length} classes.`);
  const inside = control.shouldStop() ? null : regularizedFit(problem, secondsPerSolve, control);
  if (inside?.optimal === false) {
    notes.push('The fit with the bias inside the norm did not reach its tolerance in time and is left out.');
  }
  const regularized = inside?.optimal === true ? inside : null;
  return reports.slice(0, shownOutputs).map((report) => splineRecord(problem, data, x, report, regularized));
}

function splineRecord(
  { y, beta, outputs }: Problem,
  { scaling, classes }: PreparedData,
  x: Float64Array,
  { output, loss, solution: s, kinks, kinkDistance, interpolation, repeated }: SplineReport,
  inside: RegularizedFit | null,
): SplineRecord {
  const input = scaling.inputs[0];
  const { target } = scaling;
  const unit = input.scale / (scaling.whitening?.matrix[0][0] ?? 1);
  const toX = (t: number): number => t * unit + input.mean;
  const toY = (f: number): number => f * target.scale + target.mean;
  const slope = target.scale / unit;
  const low = s.knots[0];
  const high = s.knots[s.knots.length - 1];
  const pad = (high - low || 1) * margin;
  const grid = Array.from(
    { length: curvePoints },
    (_, i) => low - pad + ((high - low + 2 * pad) * i) / (curvePoints - 1),
  );
  const bends = inside?.kinksOf(output).filter((at) => at > low - pad && at < high + pad) ?? [];
  // corners are drawn where they are
  const at = [...new Set([...grid, ...kinks.map((kink) => kink.at), ...bends])].sort((a, b) => a - b);
  const insideFit =
    inside === null ? undefined : networkFit(inside.network, denseMatrix(at.length, 1, Float64Array.from(at)));
  return {
    feature: input.name,
    loss,
    output: classes.length === 0 ? null : (classes[outputs === 1 ? 1 : output] ?? String(output + 1)),
    beta,
    betaMax: s.betaMax,
    objective: s.objective,
    dualBound: s.dualBound,
    kinks: kinks.map((kink) => ({ at: toX(kink.at), change: kink.change * slope })),
    x: at.map(toX),
    free: at.map((t) => toY(evaluateSpline(s, t))),
    regularized:
      inside === null || insideFit === undefined
        ? null
        : {
            y: at.map((_, i) => toY(insideFit.data[i * outputs + output])),
            kinks: bends.map(toX),
            objective: inside.objective,
            kinkDistance: farthest(bends, x),
          },
    dual: {
      at: Array.from(s.knots, toX),
      right: Array.from(s.dualCurve, (value) => value / beta),
      left: Array.from(s.mirrorCurve, (value) => value / beta),
    },
    interpolation:
      interpolation === null ? null : { norm: interpolation.value * slope, kinks: interpolation.kinks.map(toX) },
    repeated,
    points: { x: Array.from(x, toX), y: Array.from(x, (_, i) => toY(y.data[i * outputs + output])) },
    kinkDistance,
  };
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
  if (control.shouldStop() || problem.weights !== undefined) return { collapse };
  const Y = denseMatrix(labels.length, k);
  labels.forEach((label, i) => (Y.data[i * k + label] = 1));
  const beta = normalisedBeta(problem, data.scaling.batchNorm === true);
  const built = unlessStopped(
    () => control.shouldStop(),
    (poll) => {
      const { run, ...network } = batchNormNetwork(X, Y, beta, 1, poll);
      const test = data.testRows.length === 0 ? undefined : run(pickRows(data.X, data.testRows));
      return { network, train: run(X), test };
    },
  );
  if (built === undefined) return { collapse };
  const { network, train, test } = built;
  collapse.push(record('batch-norm', train.features));
  const accuracy = (outputs: DenseMatrix, of: Float64Array): number => {
    let right = 0;
    of.forEach((label, i) => {
      if (predictedClass(outputs.data, i, k) === label) right++;
    });
    return right / of.length;
  };
  let testAccuracy: number | null = null;
  if (test !== undefined) {
    const testLabels = labelsOf(data.testRows);
    testAccuracy = accuracy(test.outputs, testLabels);
    if (new Set(testLabels).size === k) collapse.push(record('batch-norm-test', test.features, testLabels));
  }
  const batchNorm: BatchNormRecord = {
    ...network,
    beta,
    formula: batchNormForm(Y, beta).objective,
    trainAccuracy: accuracy(train.outputs, labels),
    testAccuracy,
  };
  return { collapse, batchNorm };
}
