import { withDeadline } from '../../core/base/control.ts';
import { ProblemError } from '../../core/base/problemError.ts';
import { DataError } from '../../core/data/dataError.ts';
import { ReadStopped } from '../../core/data/reader.ts';
import { foldsOf } from '../../core/data/folds.ts';
import { prepareData, type PreparedData } from '../../core/data/prepareData.ts';
import { type CrossValidation, crossValidate, type Fold, type FoldFit } from '../../core/family/crossValidation.ts';
import { errorMeasureOf, rowErrors } from '../../core/metrics/rowErrors.ts';
import type { DenseMatrix } from '../../core/base/linalg/matrix.ts';
import type { Problem } from '../../core/problem/problem.ts';
import type { CrossValidationRecord } from '../../shared/run.ts';
import { chosenPoint } from '../../shared/usefulness.ts';
import { defaultSettings } from '../../shared/settings.ts';
import { cutShort, quiet, type StageContext } from '../context.ts';
import type { Draft } from '../draft.ts';
import { familyOf } from '../family/registry.ts';
import { searching } from '../family/searching.ts';
import { predictionsFrom } from '../predictions.ts';
import { trainingProblem } from '../trainingProblem.ts';
import { atBeta, solveOptions } from './solve.ts';

/** Share of the time limit that choosing beta may take, so that the network at it, its proof and the rest have theirs. */
export const shareOfLimit = 1 / 5;
/** Relative gap to which folds are solved: errors on rows held out vary between folds by far more than what is left then. */
const foldTolerance = 1e-2;
/** A fold's solve at one beta may take so many times its even part of the time; the network reached then is judged as it is. */
const patience = 0.25;
/** Fewer rows than this say nothing about rows held out. */
export const leastRows = 10;
/** The path is not followed below this share of betaMax. */
const floor = 1e-5;

export function wantsCrossValidation({ settings, crossValidation, preview }: Draft): boolean {
  return (
    settings.beta.kind === 'auto' && !preview && (crossValidation === undefined || crossValidation.end === 'cut short')
  );
}

/**
 * Chooses beta by k-fold cross-validation on the training rows. Encoders, gaps, scaling and whitening are fitted on the training rows of each fold;
 * classes are spread evenly over the folds. `show` is given the curve as it grows. Where there are too few rows, where a fold cannot be trained on, or
 * without a single complete point, beta stays as it is, with a note.
 */
export async function crossValidateStage(
  draft: Draft,
  context: StageContext,
  show: (draft: Draft) => void,
): Promise<Draft> {
  const { data } = draft;
  const without = (why: string): Draft => ({
    ...draft,
    notes: { ...draft.notes, 'cross-validation': [`Beta was not chosen by cross-validation: ${why}.`] },
  });
  if (data.trainRows.length < leastRows) {
    return without(`it needs ${leastRows} training rows, and there are ${data.trainRows.length}`);
  }
  try {
    return await choose(draft, context, show);
  } catch (error) {
    // a fold may lack what all rows have: a class, a column that is not constant
    if (error instanceof ReadStopped) return without('the time limit came before its folds were prepared');
    if (!(error instanceof DataError || error instanceof ProblemError)) throw error;
    return without(`on the rows of a fold, ${error.message}`);
  }
}

async function choose(draft: Draft, context: StageContext, show: (draft: Draft) => void): Promise<Draft> {
  const { control } = context;
  const { record, notes } = await crossCurve(draft, context, (soFar) => show(chosenBy(soFar, draft)));
  const chosen = record.best < 0 ? draft : chosenBy(record, draft);
  const done = `${record.points.length} ${record.points.length === 1 ? 'point' : 'points'}`;
  const cut = record.end === 'cut short' ? [cutShort('Cross-validation', control, done)] : [];
  return { ...chosen, notes: { ...draft.notes, 'cross-validation': [...cut, ...notes] } };
}

/**
 * The cross-validated error along beta of the model of a draft, within its share of the time limit; `onPoint` is given the curve as it grows. Without
 * points `best` is -1. `notes` say which networks of the folds were judged early.
 */
export async function crossCurve(
  draft: Folded,
  { deps, listener, control }: StageContext,
  onPoint?: (soFar: CrossValidationRecord) => void,
): Promise<{ readonly record: CrossValidationRecord; readonly notes: readonly string[] }> {
  const { settings, betaMax, data, problem } = draft;
  const { folds: count, rule } = settings.crossValidation ?? defaultSettings.crossValidation!;
  const begin = control.now();
  const limited = withDeadline(control, settings.timeLimitSeconds * shareOfLimit);
  listener.progress({ stage: 'cross-validation', fraction: 0, message: 'Cross-validation: preparing the folds' });
  await deps.pause();
  const watch = new FoldWatch();
  const folds = foldsOfDraft(draft, count, { deps, listener, control: limited }, watch);
  const points = settings.path.points < 2 ? defaultSettings.path.points : settings.path.points;
  const recordOf = (found: CrossValidation): CrossValidationRecord => ({
    measure: errorMeasureOf({ classes: data.classes.length, loss: problem.loss }),
    ...(problem.weights === undefined ? {} : { classWeighted: true }),
    rule,
    folds: folds.length,
    points: found.points,
    best: found.best,
    oneStandardError: found.oneStandardError,
    end: found.end,
    seconds: control.now() - begin,
  });
  const found = await crossValidate(
    folds,
    { betaMax, points, smallest: settings.path.smallest, floor, rule },
    limited,
    onPoint && ((soFar) => onPoint(recordOf(soFar))),
  );
  const early = `${watch.unfinished} of the ${watch.solves} networks of the folds were judged as far as they had come in their time.`;
  return { record: recordOf(found), notes: watch.unfinished === 0 ? [] : [early] };
}

/** How the solves of the folds went. */
class FoldWatch {
  solves = 0;
  /** Ended by their own time limit. */
  unfinished = 0;
}

/** The draft at the beta that the curve so far says. */
function chosenBy(crossValidation: CrossValidationRecord, draft: Draft): Draft {
  const { problem } = draft;
  // cut short while the error still fell, the curve says only that beta is at most its last point
  const { beta } = chosenPoint(crossValidation);
  const unsettled = crossValidation.end === 'cut short' && crossValidation.best === crossValidation.points.length - 1;
  return { ...draft, crossValidation, problem: atBeta(problem, unsettled ? Math.min(beta, problem.beta) : beta) };
}

/** The fold of each training row: drawn, stratified; whole groups; or runs in time. */
function foldsOfRows({ trainRows, order }: PreparedData, count: number, seed: number, classes?: number[]): Int32Array {
  const { length } = trainRows;
  if (order === undefined) return foldsOf(length, { count, seed, classes });
  const of = Array.from(trainRows, (row) => order.of[row]);
  if (order.by === 'groups') return foldsOf(length, { count, seed, groups: of });
  const runs = foldsOf(length, { count, seed, ordered: true });
  const folds = new Int32Array(length);
  Array.from(of.keys())
    .sort((a, b) => of[a] - of[b] || a - b)
    .forEach((row, place) => (folds[row] = runs[place]));
  return folds;
}

/** A fold with the outputs on the rows that it holds out. */
export interface HeldFold extends Fold<unknown> {
  /** Rows of the data that are held out. */
  readonly rows: Int32Array;
  solve(
    beta: number,
    warm: unknown,
  ): Promise<(FoldFit<unknown> & { /** On all rows, encoded targets. */ readonly fit: DenseMatrix }) | undefined>;
}

/** What folds are made of. */
export type Folded = Pick<Draft, 'data' | 'settings' | 'loaded' | 'problem' | 'betaMax' | 'preview'>;

/** The parts of the training rows, each with its own preparation of the data. */
export function foldsOfDraft(
  draft: Folded,
  count: number,
  { deps, listener, control }: StageContext,
  watch = new FoldWatch(),
): HeldFold[] {
  const { data, settings, loaded } = draft;
  const rows = data.trainRows;
  const classes = data.classes.length === 0 ? undefined : Array.from(rows, (row) => data.y[row]);
  const fold = foldsOfRows(data, count, settings.seed, classes);
  const used = Math.max(...fold) + 1;
  const family = familyOf(draft.problem.model);
  const timeLimitSeconds = (patience * settings.timeLimitSeconds * shareOfLimit) / used;
  const options = { ...solveOptions({ ...draft, warm: undefined }, deps), timeLimitSeconds, certifySeconds: 0 };
  const fixed = { ...settings, target: data.target, task: data.task };
  return Array.from({ length: used }, (_, k): HeldFold => {
    // 2 leaves the test rows out of both sides
    const assignment = new Uint8Array(data.split.length).fill(2);
    rows.forEach((row, i) => (assignment[row] = fold[i] === k ? 1 : 0));
    const part = prepareData(loaded.table, { ...fixed, assignment }, control);
    const problem = {
      ...searching(trainingProblem(part, fixed)),
      tolerance: Math.max(settings.tolerance, foldTolerance),
    };
    const share = weightOf(problem) / weightOf(draft.problem);
    return {
      share,
      heldOut: part.testRows.length,
      rows: part.testRows,
      async solve(beta, warm) {
        const relative = Number((beta / share / draft.betaMax).toPrecision(2));
        const message = `Cross-validation: fold ${k + 1} of ${used} at ${relative} of beta max`;
        listener.progress({ stage: 'cross-validation', fraction: null, message });
        await deps.pause();
        if (control.shouldStop()) return undefined;
        const posed = { problem: atBeta(problem, beta), data: part, settings: fixed };
        const outcome = family.solve(posed, { ...options, warm }, quiet(control));
        const fit = control.shouldStop() ? undefined : outcome.predict(part.X, () => control.shouldStop());
        if (fit === undefined) return undefined;
        watch.solves++;
        if (outcome.solution.status === 'time-limit') watch.unfinished++;
        const errors = rowErrors(predictionsFrom(fit, part, problem.loss, fixed), part.testRows);
        return {
          error: errors.reduce((sum, value) => sum + value, 0) / errors.length,
          active: outcome.active,
          fit,
          warm: outcome.solution.warm,
        };
      },
    };
  });
}

/** Rows, each as often as it counts. */
function weightOf({ y, weights }: Problem): number {
  return weights === undefined ? y.rows : weights.reduce((sum, weight) => sum + weight, 0);
}
