import * as v from 'valibot';
import type { RunRecord } from '../shared/run.ts';
import { partCount } from '../shared/runView.ts';
import { boundOverFamily, describeVerdict } from '../shared/verdict.ts';
import type { SolverName } from './studyFile.ts';

const number = v.pipe(v.number(), v.finite());
const maybe = v.nullable(number);
const text = v.nullable(v.string());

/**
 * The figures of one task, in the order of the table; null where there is none. Objectives are sums over rows (sum-half convention) on
 * standardised data.
 */
const figureEntries = {
  /** How strong the claim is: proven, bounded, searched, gates, stopped; of gradient descent there is none. */
  verdict: text,
  status: text,
  /** Of the network; for gradient descent, after its neurons are merged and balanced. */
  objective: maybe,
  /** Proven lower bound over all networks of the family. */
  lowerBound: maybe,
  /** (objective - lowerBound) / |objective| */
  gapOverAll: maybe,
  /** Relative duality gap of the convex program. */
  relativeGap: maybe,
  beta: maybe,
  betaMax: maybe,
  datafit: maybe,
  penalty: maybe,
  /** Neurons, branches or directions that are not zero. */
  neurons: maybe,
  /** The score of `train` and `test`. */
  measure: text,
  train: maybe,
  test: maybe,
  /** The best simple model on the test rows, and the error that `testError` and `baselineError` are. */
  baseline: text,
  errorMeasure: text,
  testError: maybe,
  baselineError: maybe,
  /** Gradient descent: (objective - objective of the convex program) / |the latter|. */
  excess: maybe,
  learningRate: maybe,
  target: text,
  loss: text,
  trainRows: maybe,
  testRows: maybe,
  inputs: maybe,
  outputs: maybe,
  /** Seconds of the solver, its proof included; of the whole task; and of processor time in it. */
  solveSeconds: maybe,
  taskSeconds: maybe,
  processorSeconds: maybe,
  version: text,
} as const;

const figuresSchema = v.object(figureEntries);
export type Figures = v.InferOutput<typeof figuresSchema>;
export type FigureName = keyof Figures;
export const figureNames = Object.keys(figureEntries) as FigureName[];
/** Those that differ from one run of the same task to the next. */
export const timeFigures: readonly FigureName[] = ['solveSeconds', 'taskSeconds', 'processorSeconds'];

/** What a task leaves behind: figures, or why it cannot be run. */
export const resultSchema = v.variant('outcome', [
  v.object({
    format: v.literal('convexnet-result/1'),
    key: v.string(),
    outcome: v.literal('done'),
    figures: figuresSchema,
  }),
  v.object({
    format: v.literal('convexnet-result/1'),
    key: v.string(),
    outcome: v.literal('refused'),
    reason: v.string(),
  }),
]);
export type TaskResult = v.InferOutput<typeof resultSchema>;

export interface TaskTimes {
  readonly taskSeconds: number;
  readonly processorSeconds: number;
}

const finite = (value: number | null | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** The result of a task from the record of its run. */
export function resultOf(key: string, solver: SolverName, run: RunRecord, times: TaskTimes): TaskResult {
  const common = { format: 'convexnet-result/1', key } as const;
  if (solver === 'convex') return { ...common, outcome: 'done', figures: convexFigures(run, times) };
  const [descent] = run.compare?.runs ?? [];
  if (descent === undefined) {
    const reason = run.notes.find((note) => note.includes('gradient descent')) ?? 'there is no gradient descent for it';
    return { ...common, outcome: 'refused', reason };
  }
  const lowerBound = finite(run.compare?.lowerBound);
  const figures: Figures = {
    ...convexFigures(run, times),
    verdict: null,
    status: descent.diverged ? 'diverged' : run.compare?.complete === true ? 'ended' : 'cut short',
    objective: finite(descent.merged),
    lowerBound,
    gapOverAll: lowerBound === null ? null : gapOf(descent.merged, lowerBound),
    relativeGap: null,
    datafit: null,
    penalty: null,
    neurons: descent.active,
    measure: run.compare?.measure ?? null,
    train: finite(descent.train),
    test: finite(descent.test),
    testError: null,
    excess: finite(descent.excess),
    learningRate: finite(descent.learningRate),
    solveSeconds: finite(descent.seconds.at(-1)),
  };
  return { ...common, outcome: 'done', figures };
}

function gapOf(objective: number, lowerBound: number): number | null {
  return finite((objective - lowerBound) / Math.max(Math.abs(objective), Number.MIN_VALUE));
}

function convexFigures(run: RunRecord, times: TaskTimes): Figures {
  const { solution, resolved, evaluation, metrics } = run;
  const score = metrics.find(({ model }) => model === 'convex network');
  const lowerBound = finite(boundOverFamily(run));
  return {
    verdict: describeVerdict(run).strength,
    status: solution.status,
    objective: finite(solution.objective),
    lowerBound,
    gapOverAll: lowerBound === null ? null : gapOf(solution.objective, lowerBound),
    relativeGap: finite(solution.relativeGap),
    beta: finite(resolved.beta),
    betaMax: finite(resolved.betaMax),
    datafit: finite(solution.datafit),
    penalty: finite(solution.penalty),
    neurons: partCount(run),
    measure: score?.measure ?? null,
    train: finite(score?.train),
    test: finite(score?.test),
    baseline: evaluation?.baselineModel ?? null,
    errorMeasure: evaluation?.measure ?? null,
    testError: finite(evaluation?.network),
    baselineError: finite(evaluation?.baseline),
    excess: null,
    learningRate: null,
    target: resolved.target,
    loss: resolved.loss,
    trainRows: resolved.trainRows,
    testRows: resolved.testRows,
    inputs: resolved.inputs,
    outputs: resolved.outputs,
    solveSeconds: finite(solution.seconds),
    taskSeconds: finite(times.taskSeconds),
    processorSeconds: finite(times.processorSeconds),
    version: run.version,
  };
}
