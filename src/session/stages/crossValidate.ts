import { withDeadline } from '../../core/base/control.ts';
import { foldsOf } from '../../core/data/folds.ts';
import { prepareData } from '../../core/data/prepareData.ts';
import { type CrossValidation, crossValidate, type Fold } from '../../core/family/crossValidation.ts';
import { errorMeasureOf, rowErrors } from '../../core/metrics/rowErrors.ts';
import type { CrossValidationRecord } from '../../shared/run.ts';
import { chosenPoint } from '../../shared/usefulness.ts';
import { defaultSettings } from '../../shared/settings.ts';
import { cutShort, quiet, type StageContext } from '../context.ts';
import type { Draft } from '../draft.ts';
import { familyOf } from '../family/registry.ts';
import { predictionsFrom } from '../predictions.ts';
import { trainingProblem } from '../trainingProblem.ts';
import { atBeta, solveOptions } from './solve.ts';

/** Share of the time limit that choosing beta may take, so that the network at it, its proof and the rest have theirs. */
const shareOfLimit = 1 / 3;
/** Relative gap to which folds are solved: errors on rows held out do not depend on more. */
const foldTolerance = 1e-3;
/** The path is not followed below this share of betaMax. */
const floor = 1e-5;

export function wantsCrossValidation({ settings, crossValidation, preview }: Draft): boolean {
  return (
    settings.beta.kind === 'auto' && !preview && (crossValidation === undefined || crossValidation.end === 'cut short')
  );
}

/**
 * Chooses beta by k-fold cross-validation on the training rows. Encoders, gaps, scaling and whitening are fitted on the training rows of each fold;
 * classes are spread evenly over the folds. `show` is given the curve as it grows. Without a single complete point beta stays as it is.
 */
export async function crossValidateStage(
  draft: Draft,
  { deps, listener, control }: StageContext,
  show: (draft: Draft) => void,
): Promise<Draft> {
  const { settings, betaMax } = draft;
  const { folds: count } = settings.crossValidation ?? defaultSettings.crossValidation!;
  const begin = control.now();
  const limited = withDeadline(control, settings.timeLimitSeconds * shareOfLimit);
  listener.progress({ stage: 'cross-validation', fraction: 0, message: 'Cross-validation: preparing the folds' });
  await deps.pause();
  const folds = foldsOfDraft(draft, count, { deps, listener, control: limited });
  const points = Math.max(2, settings.path.points);
  const steps = crossValidate(folds, { betaMax, points, smallest: settings.path.smallest, floor }, limited);
  let shown = 0;
  let found: CrossValidation | undefined;
  for (;;) {
    await deps.pause();
    const step = steps.next();
    found = step.value;
    const k = found.points.length;
    const message = `Cross-validation: ${k} ${k === 1 ? 'point' : 'points'} on ${folds.length} folds`;
    listener.progress({ stage: 'cross-validation', fraction: Math.min(1, k / points), message });
    if (step.done === true) break;
    if (k > shown) {
      shown = k;
      show(chosenBy(found, draft, folds.length, control.now() - begin));
    }
  }
  const chosen = chosenBy(found, draft, folds.length, control.now() - begin);
  const done = `${found.points.length} of ${points} points`;
  const notes = found.end === 'cut short' ? [cutShort('Cross-validation', control, done)] : [];
  return { ...chosen, notes: { ...draft.notes, 'cross-validation': notes } };
}

/** The draft at the beta that the curve so far says. */
function chosenBy(found: CrossValidation, draft: Draft, folds: number, seconds: number): Draft {
  if (found.best < 0) return draft;
  const { data, problem, settings } = draft;
  const { rule } = settings.crossValidation ?? defaultSettings.crossValidation!;
  const crossValidation: CrossValidationRecord = {
    measure: errorMeasureOf({ classes: data.classes.length, loss: problem.loss }),
    rule,
    folds,
    points: found.points,
    best: found.best,
    oneStandardError: found.oneStandardError,
    end: found.end,
    seconds,
  };
  // cut short while the error still fell, the curve says only that beta is at most its last point
  const { beta } = chosenPoint(crossValidation);
  const unsettled = found.end === 'cut short' && found.best === found.points.length - 1;
  return { ...draft, crossValidation, problem: atBeta(problem, unsettled ? Math.min(beta, problem.beta) : beta) };
}

function foldsOfDraft(draft: Draft, count: number, { deps, control }: StageContext): Fold<unknown>[] {
  const { data, settings, loaded } = draft;
  const rows = data.trainRows;
  const classes = data.classes.length === 0 ? undefined : Array.from(rows, (row) => data.y[row]);
  const fold = foldsOf(rows.length, { count, seed: settings.seed, classes });
  const used = Math.max(...fold) + 1;
  const family = familyOf(draft.problem.model);
  const options = { ...solveOptions(draft, deps), timeLimitSeconds: undefined, certifySeconds: 0, warm: undefined };
  const fixed = { ...settings, target: data.target, task: data.task };
  return Array.from({ length: used }, (_, k): Fold<unknown> => {
    // 2 leaves the test rows out of both sides
    const assignment = new Uint8Array(data.split.length).fill(2);
    rows.forEach((row, i) => (assignment[row] = fold[i] === k ? 1 : 0));
    const part = prepareData(loaded.table, { ...fixed, assignment }, control);
    const problem = { ...trainingProblem(part, fixed), tolerance: Math.max(settings.tolerance, foldTolerance) };
    return {
      share: part.trainRows.length / rows.length,
      heldOut: part.testRows.length,
      solve(beta, warm) {
        const posed = { problem: atBeta(problem, beta), data: part, settings: fixed };
        const outcome = family.solve(posed, { ...options, warm }, quiet(control));
        const fit = control.shouldStop() ? undefined : outcome.predict(part.X, () => control.shouldStop());
        if (fit === undefined) return undefined;
        const errors = rowErrors(predictionsFrom(fit, part, problem.loss), part.testRows);
        return {
          error: errors.reduce((sum, value) => sum + value, 0) / errors.length,
          active: outcome.active,
          warm: outcome.solution.warm,
        };
      },
    };
  });
}
