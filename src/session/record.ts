import type { GlobalBound } from '../core/certify/global/bound.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import type { FileSource } from '../core/data/source.ts';
import type { Table } from '../core/data/table.ts';
import { batchNormalised } from '../core/network/batchNormalised.ts';
import type { OptimalSet } from '../core/certify/optimalSet.ts';
import type { Kernels } from '../core/base/kernels/kernels.ts';
import { prepare } from '../core/problem/prepare.ts';
import type { Problem } from '../core/problem/problem.ts';
import type { Solution } from '../core/engine/solution/solution.ts';
import type { DeepRecord, StructureRecord } from '../shared/depth.ts';
import type {
  CompareRecord,
  DatasetSummary,
  GateRecord,
  GlobalCertificate,
  MetricRow,
  OptimalSetRecord,
  PathRecord,
  RunRecord,
  SolutionSummary,
  TracePoint,
} from '../shared/run.ts';
import type { TrainSettings } from '../shared/settings.ts';
import { describeVerdict } from '../shared/verdict.ts';
import { productVersion } from '../shared/version.ts';
import { activityOf } from './activity.ts';
import { metricRows } from './baselineRows.ts';
import { landscapeOf } from './landscape.ts';
import { type DeepOutcome, deepPredictions } from './deepModel.ts';
import { gateRecord, gatesOfNeurons, neuronRecords } from './neurons.ts';
import { predictionsFrom } from './predictions.ts';
import { deepShape, shapeOf } from './shape.ts';
import { pickRows } from './trainingProblem.ts';

/** All that a record is made of. */
export interface RunParts {
  readonly id: string;
  readonly created: Date;
  readonly source: FileSource;
  readonly sha256: string;
  readonly table: Table;
  readonly data: PreparedData;
  readonly settings: TrainSettings;
  readonly problem: Problem;
  readonly betaMax: number;
  /** Proven upper bound of betaMax where it was searched for. */
  readonly betaMaxUpper?: number;
  readonly solution: Solution;
  /** By `describeSolution`: it stays the same while path and comparison are added. */
  readonly described: SolutionDescription;
  /** The proof over all patterns is still running. */
  readonly proving?: boolean;
  readonly trace: readonly TracePoint[];
  readonly baselines: readonly MetricRow[];
  readonly path?: PathRecord;
  readonly compare?: CompareRecord;
  /** Three-layer and linear networks: the outcome of the solve and what was added to it since. */
  readonly deep?: DeepOutcome;
  readonly deepRecord?: DeepRecord;
  readonly structure?: StructureRecord;
  readonly notes: readonly string[];
}

/** What a record says about the solution alone, from running the network on all rows. */
export type SolutionDescription = Pick<
  RunRecord,
  'neurons' | 'gates' | 'rows' | 'metrics' | 'shape' | 'landscape' | 'batchNorm'
>;

export function describeSolution(
  problem: Problem,
  data: PreparedData,
  solution: Solution,
  deep: DeepOutcome | undefined,
  kernels: Kernels | undefined,
): SolutionDescription {
  const gateOf = gatesOfNeurons(solution);
  const known = gateOf.includes(-1) ? undefined : { patterns: solution.patterns, gateOf };
  const activity = activityOf(solution.network, data.X, data.trainRows, kernels, known);
  const predictions = deep
    ? deepPredictions(deep.predict(data.X), data, problem)
    : predictionsFrom(activity.fit, data, problem.loss);
  const neurons = neuronRecords(solution, data, activity, gateOf);
  const shape = deep ? deepShape(deep.predict, data) : shapeOf(solution.network, data);
  const landscape = deep ? undefined : landscapeOf(problem, data, solution, neurons);
  return {
    neurons,
    gates: deep ? tupleRecord(deep) : gateRecord(solution),
    rows: {
      line: Array.from(data.lines),
      split: Array.from(data.split),
      target: Array.from(data.y),
      prediction: Array.from(predictions.prediction),
      dual: Array.from(solution.dual.data),
    },
    metrics: metricRows('convex network', predictions, data),
    ...(shape === undefined ? {} : { shape }),
    ...(landscape === undefined ? {} : { landscape }),
    ...(data.scaling.batchNorm === true
      ? { batchNorm: { objective: asBatchNormalised(problem, data, solution) } }
      : {}),
  };
}

/** Objective of the network with batch normalisation that a solution stands for, by running it. */
function asBatchNormalised(
  problem: Problem,
  { scaling, X, unwhitened, trainRows }: PreparedData,
  solution: Solution,
): number {
  const prepared = prepare(problem);
  const inputs = pickRows(unwhitened ?? X, trainRows);
  return batchNormalised(solution.network, inputs, scaling.whitening?.matrix, prepared.datafit, prepared.beta, prepared)
    .objective;
}

export function assembleRun(parts: RunParts): RunRecord {
  const { data, problem, solution, settings, described } = parts;
  const offsets = Array.from(solution.network.b2);
  const { shape, landscape } = described;
  const record: Omit<RunRecord, 'label'> = {
    format: 'convexnet-run/1',
    id: parts.id,
    createdAt: parts.created.toISOString(),
    version: productVersion,
    dataset: datasetSummary(parts),
    settings,
    resolved: {
      target: data.target,
      task: data.task,
      loss: problem.loss,
      outputPenalty: problem.outputPenalty,
      classes: data.classes,
      beta: problem.beta,
      betaMax: parts.betaMax,
      ...(parts.betaMaxUpper === undefined ? {} : { betaMaxUpper: parts.betaMaxUpper }),
      trainRows: data.trainRows.length,
      testRows: data.testRows.length,
      inputs: data.scaling.inputs.length,
      outputs: problem.outputs,
    },
    scaling: data.scaling,
    solution: { ...solutionSummary(solution, problem.beta), ...(parts.proving === true ? { proving: true } : {}) },
    trace: parts.trace,
    neurons: described.neurons,
    ...(offsets.some((b) => b !== 0) ? { outputOffset: offsets } : {}),
    gates: described.gates,
    ...(described.batchNorm === undefined ? {} : { batchNorm: described.batchNorm }),
    rows: described.rows,
    metrics: [...described.metrics, ...parts.baselines],
    ...(parts.path === undefined ? {} : { path: parts.path }),
    ...(parts.compare === undefined ? {} : { compare: parts.compare }),
    ...(shape === undefined ? {} : { shape }),
    ...(landscape === undefined ? {} : { landscape }),
    ...(parts.deepRecord === undefined ? {} : { deep: parts.deepRecord }),
    ...(parts.structure === undefined ? {} : { structure: parts.structure }),
    notes: [...parts.notes],
  };
  return { ...record, label: labelOf(parts, describeVerdict(record).word) };
}

/** The tuples of a three-layer network in the place of gates: price over beta, norm of its branches. */
function tupleRecord({ record, solution }: DeepOutcome): GateRecord {
  if (record.kind === 'linear') return { count: 0, requested: 0, duplicates: 0, constraint: [], norm: [], onCount: [] };
  const norm = record.prices.map(() => 0);
  for (const branch of record.branches) if (branch.tuple >= 0) norm[branch.tuple] += branch.norm;
  return {
    count: record.tuples,
    requested: record.tuples,
    duplicates: 0,
    constraint: Array.from(solution.gateConstraint),
    norm,
    onCount: norm.map(() => 0),
  };
}

/** Four significant digits, without a needless exponent. */
function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** "iris.csv: species, beta 0.12, 9 neurons, proven optimal" */
function labelOf({ source, data, problem, solution, deep }: RunParts, verdict: string): string {
  const m = deep?.active ?? solution.network.W1.rows;
  const unit = deep === undefined ? 'neuron' : deep.record.kind === 'linear' ? 'direction' : 'branch';
  const units = m === 1 ? unit : unit === 'branch' ? 'branches' : `${unit}s`;
  return (
    `${source.name}: ${data.target}, beta ${short(problem.beta)}, ${m} ${units}, ` +
    `${verdict.charAt(0).toLowerCase()}${verdict.slice(1)}`
  );
}

function datasetSummary({ source, sha256, table, data }: RunParts): DatasetSummary {
  const outside = table.rowsInFile - table.ragged.count - table.rows;
  return {
    uri: source.uri,
    name: source.name,
    bytes: table.bytes,
    sha256,
    encoding: table.encoding,
    delimiter: table.dialect.delimiter,
    decimal: table.dialect.decimal,
    header: table.dialect.header,
    rowsTotal: table.rowsInFile,
    rowsUsed: data.y.length,
    dropped: [
      ...(outside > 0 ? [{ reason: 'not in the seeded sample of rows', count: outside, lines: [] }] : []),
      ...data.dropped,
    ],
    columns: data.columns,
    warnings: data.warnings,
  };
}

function solutionSummary(solution: Solution, beta: number): SolutionSummary {
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
    method: solution.method,
    threads: solution.threads,
  };
}

function optimalSetRecord({ scope, directions }: OptimalSet): OptimalSetRecord {
  return { scope, ...(directions === undefined ? {} : { directions }) };
}

/** The bound as the record has it: dual constraints over beta. */
function globalCertificate(bound: GlobalBound, beta: number): GlobalCertificate {
  const { lowerBound, relativeGap, proof, maxDualConstraint, searchEstimate } = bound;
  const { dualPointShrink, cells, worstDirection, worstOuter, reason } = bound;
  return {
    lowerBound,
    relativeGap,
    proof,
    maxDualConstraint: maxDualConstraint / beta,
    searchEstimate: searchEstimate / beta,
    ...(dualPointShrink === undefined ? {} : { dualPointShrink }),
    ...(cells === undefined ? {} : { cells }),
    ...(worstDirection === undefined ? {} : { worstDirection: Array.from(worstDirection) }),
    ...(worstOuter === undefined || worstOuter.length === 1 ? {} : { worstOuter: Array.from(worstOuter) }),
    reason,
  };
}
