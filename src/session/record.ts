import { targetIntervals } from '../core/certify/global/targetIntervals.ts';
import { lossOf } from '../core/problem/datafits/losses.ts';
import type { OptimalSet } from '../core/certify/optimalSet.ts';
import type { GlobalBound } from '../core/certify/global/bound.ts';
import type { DeepRecord } from '../shared/depth.ts';
import type {
  DatasetSummary,
  GlobalCertificate,
  OptimalSetRecord,
  ResolvedSettings,
  RunRecord,
  ShapeRecord,
  SolutionSummary,
  StageName,
} from '../shared/run.ts';
import { partCount, partNames } from '../shared/runView.ts';
import { describeVerdict } from '../shared/verdict.ts';
import { productVersion } from '../shared/version.ts';
import { evaluationOf, metricRows } from './baselines.ts';
import type { SolvedDraft } from './draft.ts';
import { pickRows } from './pickRows.ts';
import { predictionsFrom } from './predictions.ts';
import { classWeightsOf } from './trainingProblem.ts';

/** The record of a draft, with the names of the stages that are still missing. */
export function assembleRun(draft: SolvedDraft, missing: readonly StageName[]): RunRecord {
  const {
    data,
    problem,
    settings,
    described,
    outcome,
    baselines = [],
    path,
    crossValidation,
    compare,
    structure,
  } = draft;
  const { solution } = outcome;
  const { neurons, gates, outputOffset, batchNorm, landscape, deep } = described;
  const shape = described.shape && withThreshold(described.shape, draft.threshold?.at);
  const predictions = predictionsFrom(described.fit, data, problem.loss, settings, draft.threshold?.at);
  const evaluation = evaluationOf(predictions, baselines, data);
  const record: Omit<RunRecord, 'label'> = {
    format: 'convexnet-run/1',
    id: draft.id,
    createdAt: draft.created.toISOString(),
    version: productVersion,
    dataset: datasetSummary(draft),
    settings,
    resolved: resolvedSettings(draft),
    scaling: data.scaling,
    solution: solutionSummary(draft),
    trace: draft.trace,
    neurons,
    gates,
    ...(outputOffset === undefined ? {} : { outputOffset }),
    ...(batchNorm === undefined ? {} : { batchNorm }),
    rows: {
      line: Array.from(data.lines),
      split: Array.from(data.split),
      target: Array.from(data.y),
      prediction: Array.from(predictions.prediction),
      dual: Array.from(solution.dual.data),
      ...targetMoves(draft),
    },
    metrics: [
      ...metricRows('convex network', predictions, data),
      ...baselines.flatMap(({ model, predictions: of }) => metricRows(model, of, data)),
    ],
    ...(evaluation === undefined ? {} : { evaluation }),
    ...(crossValidation === undefined ? {} : { crossValidation }),
    ...(path === undefined ? {} : { path }),
    ...(compare === undefined ? {} : { compare }),
    ...(draft.models === undefined ? {} : { models: draft.models }),
    ...(draft.importance === undefined ? {} : { importance: draft.importance }),
    ...(shape === undefined ? {} : { shape }),
    ...(landscape === undefined ? {} : { landscape }),
    ...(deep === undefined ? {} : { deep: { ...deep, ...draft.extras } as DeepRecord }),
    ...(structure === undefined ? {} : { structure }),
    notes: noteOrder.flatMap((name) => draft.notes[name] ?? []),
    ...(missing.length === 0 ? {} : { missing }),
    ...(draft.preview ? { preview: true } : {}),
    revision: draft.revision,
  };
  return { ...record, label: labelOf(record) };
}

/** Decision regions of the threshold that was chosen. */
function withThreshold(shape: ShapeRecord, threshold: number | undefined): ShapeRecord {
  if (shape.kind !== 'surface' || shape.logits === undefined || threshold === undefined) return shape;
  return { ...shape, threshold, value: shape.logits.map((logit) => (logit > threshold ? 1 : 0)) };
}

/** The share of the best that a network may lose while its targets move. */
const shareToLose = 0.01;

/** How far each target may move; nothing where it is not proven, or not a squared loss. */
function targetMoves({ outcome: { solution }, described, data, problem }: SolvedDraft): {
  readonly targetIntervals?: NonNullable<RunRecord['rows']['targetIntervals']>;
} {
  const { objective, global } = solution;
  if (global?.dual === undefined || !lossOf(problem.loss).quadratic || data.task !== 'regression') return {};
  const { lowerBound, dual } = global;
  const fit = pickRows(described.fit, data.trainRows);
  const intervals = targetIntervals(fit, problem.y, dual, { objective, lowerBound }, shareToLose);
  const { scale } = data.scaling.target;
  const lower = intervals.flatMap((interval) => (interval === undefined ? [] : [scale * interval.lower]));
  const upper = intervals.flatMap((interval) => (interval === undefined ? [] : [scale * interval.upper]));
  return lower.length < intervals.length ? {} : { targetIntervals: { share: shareToLose, lower, upper } };
}

const noteOrder = [
  'cross-validation',
  'solve',
  'threshold',
  'proof',
  'path',
  'structure',
  'extras',
  'compare',
  'refine',
  'importance',
  'models',
  'path-proof',
  'file',
] as const;

function resolvedSettings({
  data,
  problem,
  settings,
  threshold,
  betaMax,
  betaMaxUpper,
}: SolvedDraft): ResolvedSettings {
  const classWeights = classWeightsOf(data, settings);
  return {
    target: data.target,
    task: data.task,
    loss: problem.loss,
    outputPenalty: problem.outputPenalty,
    classes: data.classes,
    ...(classWeights === undefined ? {} : { classWeights }),
    ...(threshold === undefined ? {} : { threshold }),
    beta: problem.beta,
    betaMax,
    ...(betaMaxUpper === undefined ? {} : { betaMaxUpper }),
    trainRows: data.trainRows.length,
    testRows: data.testRows.length,
    inputs: data.scaling.inputs.length,
    outputs: problem.outputs,
  };
}

/** Four significant digits, without a needless exponent. */
function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** "iris.csv: species, beta 0.12, 9 neurons, proven optimal" */
function labelOf(run: Omit<RunRecord, 'label'>): string {
  const { word } = describeVerdict(run);
  const { one, many } = partNames(run);
  const count = partCount(run);
  return (
    `${run.dataset.name}: ${run.resolved.target}, beta ${short(run.resolved.beta)}, ${count} ${count === 1 ? one : many}, ` +
    `${word.charAt(0).toLowerCase()}${word.slice(1)}`
  );
}

function datasetSummary({ source, loaded: { sha256, table, test }, data }: SolvedDraft): DatasetSummary {
  const markers = [...new Set(table.columns.flatMap((column) => column.markers ?? []))];
  const outside = table.rowsInFile - table.ragged.count - (table.test?.from ?? table.rows);
  return {
    uri: source.uri,
    name: source.name,
    bytes: table.bytes,
    sha256,
    encoding: table.encoding,
    delimiter: table.dialect.delimiter,
    decimal: table.dialect.decimal,
    header: table.dialect.header,
    format: table.format,
    ...(markers.length === 0 ? {} : { markers }),
    rowsTotal: table.rowsInFile,
    rowsUsed: data.y.length,
    dropped: [
      ...(outside > 0 ? [{ reason: 'not in the seeded sample of rows', count: outside, lines: [] }] : []),
      ...data.dropped,
    ],
    ...(test === undefined ? {} : { test: test.facts }),
    columns: data.columns,
    warnings: data.warnings,
  };
}

function solutionSummary({ outcome: { solution }, problem: { beta }, times, proving }: SolvedDraft): SolutionSummary {
  const { status, objective, dualBound, relativeGap, datafit, penalty, scope, networkObjective, optimalSet } = solution;
  return {
    status,
    objective,
    dualBound,
    relativeGap,
    datafit,
    penalty,
    scope,
    ...(solution.global === undefined ? {} : { global: globalCertificate(solution.global, beta) }),
    ...(optimalSet === undefined ? {} : { optimalSet: optimalSetRecord(optimalSet) }),
    networkObjective,
    kkt: solution.kkt,
    iterations: solution.iterations,
    seconds: solution.seconds,
    times,
    method: solution.method,
    threads: solution.threads,
    ...(proving ? { proving: true } : {}),
  };
}

function optimalSetRecord({ scope, directions }: OptimalSet): OptimalSetRecord {
  return { scope, ...(directions === undefined ? {} : { directions }) };
}

/** The bound as the record has it: dual constraints over beta. */
function globalCertificate(bound: GlobalBound, beta: number): GlobalCertificate {
  const { lowerBound, relativeGap, proof, maxDualConstraint, searchEstimate } = bound;
  const { searchedBound, dualPointShrink, cells, worstDirection, worstOuter, methods, reason } = bound;
  return {
    lowerBound,
    relativeGap,
    proof,
    maxDualConstraint: maxDualConstraint / beta,
    searchEstimate: searchEstimate / beta,
    ...(searchedBound === undefined ? {} : { searchedBound }),
    ...(dualPointShrink === undefined ? {} : { dualPointShrink }),
    ...(cells === undefined ? {} : { cells }),
    ...(methods === undefined ? {} : { methods }),
    ...(worstDirection === undefined ? {} : { worstDirection: Array.from(worstDirection) }),
    ...(worstOuter === undefined || worstOuter.length === 1 ? {} : { worstOuter: Array.from(worstOuter) }),
    reason,
  };
}
