import { withDeadline } from '../../core/base/control.ts';
import { ProblemError } from '../../core/base/problemError.ts';
import { DataError } from '../../core/data/dataError.ts';
import { ReadStopped } from '../../core/data/reader.ts';
import { type CrossValidation, crossValidate } from '../../core/family/crossValidation.ts';
import { errorMeasureOf } from '../../core/metrics/rowErrors.ts';
import type { CrossValidationRecord } from '../../shared/run.ts';
import { chosenPoint } from '../../shared/usefulness.ts';
import { defaultSettings } from '../../shared/settings.ts';
import { cutShort, type StageContext } from '../context.ts';
import type { Draft } from '../draft.ts';
import { type Folded, FoldWatch, foldsOfDraft, patience } from './folds.ts';
import { atBeta } from './solve.ts';

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
 * The cross-validated error along beta of the model of a draft, within the seconds of its stage; `onPoint` is given the curve as it grows. Without
 * points `best` is -1. `notes` say which networks of the folds were judged early.
 */
export async function crossCurve(
  draft: Folded,
  { deps, listener, control, seconds }: StageContext,
  onPoint?: (soFar: CrossValidationRecord) => void,
): Promise<{ readonly record: CrossValidationRecord; readonly notes: readonly string[] }> {
  const { settings, betaMax, data, problem } = draft;
  const { folds: count, rule } = settings.crossValidation ?? defaultSettings.crossValidation!;
  const begin = control.now();
  const limited = withDeadline(control, seconds);
  listener.progress({ stage: 'cross-validation', fraction: 0, message: 'Cross-validation: preparing the folds' });
  await deps.pause();
  const watch = new FoldWatch();
  const { folds, dispose } = foldsOfDraft(
    draft,
    count,
    { deps, listener, control: limited, seconds },
    patience.curve,
    watch,
  );
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
  ).finally(dispose);
  const early = `${watch.unfinished} of the ${watch.solves} networks of the folds were judged as far as they had come in their time.`;
  return { record: recordOf(found), notes: watch.unfinished === 0 ? [] : [early] };
}

/** The draft at the beta that the curve so far says. */
function chosenBy(crossValidation: CrossValidationRecord, draft: Draft): Draft {
  const { problem } = draft;
  // cut short while the error still fell, the curve says only that beta is at most its last point
  const { beta } = chosenPoint(crossValidation);
  const unsettled = crossValidation.end === 'cut short' && crossValidation.best === crossValidation.points.length - 1;
  return { ...draft, crossValidation, problem: atBeta(problem, unsettled ? Math.min(beta, problem.beta) : beta) };
}
