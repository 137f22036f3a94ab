import { mainMeasure, scoreOf } from '../../core/metrics/scores.ts';
import { type Control, withDeadline } from '../../core/base/control.ts';
import { betaGrid, pathOf } from '../../core/engine/path.ts';
import type { PathPoint, PathRecord } from '../../shared/run.ts';
import { boundOverFamily } from '../../shared/verdict.ts';
import { cutShort, quiet } from '../context.ts';
import type { SolvedDraft, Stage } from '../draft.ts';
import { familyOf } from '../family/registry.ts';
import { predictionsFrom } from '../predictions.ts';
import { atBeta, posedOf, solveOptions } from './solve.ts';

/** Relative gap of the points: a curve needs no more, and the last digits take most of the time. */
const pathTolerance = 1e-4;

/**
 * The regularisation path: solves from betaMax downwards, each from the last solution, within the time limit of a run. Incomplete when stopped;
 * the points that are there are solved to `pathTolerance` (or the tolerance asked for, where that is larger). It does not depend on beta, so a complete one stays.
 */
export const pathStage: Stage = {
  name: 'path',
  wanted: ({ path, settings }) => path?.complete !== true && settings.path.points > 0,
  async run(draft, { deps, listener, control, seconds: limit }) {
    const { data, settings, betaMax, problem } = draft;
    const { points: count } = settings.path;
    const loose = { ...problem, tolerance: Math.max(pathTolerance, problem.tolerance) };
    // down to the beta that was chosen, where that lies below
    const smallest =
      settings.beta.kind === 'auto' ? Math.min(settings.path.smallest, problem.beta / betaMax) : settings.path.smallest;
    const limited = withDeadline(control, limit);
    const measure = mainMeasure(data.classes.length);
    const points: PathPoint[] = [];
    const pathWarm: unknown[] = [];
    const family = familyOf(problem.model);
    const options = { ...solveOptions(draft, deps), certifySeconds: 0 };
    const solveAt = (beta: number, warm: unknown): ReturnType<typeof step> =>
      step(family.solve({ ...posedOf(draft), problem: atBeta(loose, beta) }, { ...options, warm }, quiet(limited)));
    const steps = pathOf(betaGrid(betaMax, count, smallest), solveAt, limited);
    for (;;) {
      const k = points.length;
      const message = `Path: point ${Math.min(k + 1, count)} of ${count}`;
      listener.progress({ stage: 'path', fraction: k / count, message });
      await deps.pause();
      const next = steps.next();
      if (next.done === true) break;
      const { beta, solution: outcome } = next.value;
      const fit = outcome.predict(data.X, () => limited.shouldStop());
      if (fit === undefined) break;
      const predictions = predictionsFrom(fit, data, problem.loss, settings);
      const { objective, relativeGap, penalty, seconds, warm } = outcome.solution;
      const bound = boundOverFamily(outcome);
      pathWarm.push(warm);
      points.push({
        beta,
        objective,
        relativeGap,
        active: outcome.active,
        norm: penalty,
        train: scoreOf(predictions, data.trainRows, measure),
        test: data.testRows.length > 0 ? scoreOf(predictions, data.testRows, measure) : null,
        seconds,
        ...(bound === -Infinity ? {} : { lowerBound: Math.min(bound, objective) }),
      });
    }
    const path = { betaMax, measure, points, complete: points.length === count };
    return { ...draft, path, pathWarm, notes: { ...draft.notes, path: notesOf(path, draft, control) } };
  },
};

/** An outcome as a step of a path. */
function step<O extends SolvedDraft['outcome']>(outcome: O): O & Pick<O['solution'], 'status' | 'warm'> {
  return { ...outcome, status: outcome.solution.status, warm: outcome.solution.warm };
}

function notesOf({ points, complete }: PathRecord, { settings }: SolvedDraft, control: Control): string[] {
  const loose = points.filter((point) => point.relativeGap > Math.max(pathTolerance, settings.tolerance)).length;
  return [
    ...(complete
      ? []
      : [cutShort('The regularisation path', control, `${points.length} of ${settings.path.points} points`)]),
    ...(loose === 0
      ? []
      : [`${loose} of the ${points.length} points of the path did not reach the tolerance; see their gaps.`]),
  ];
}
