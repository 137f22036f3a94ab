import type { PreparedData } from '../core/data/prepareData.ts';
import { mainMeasure, scoreOf } from '../core/metrics/scores.ts';
import type { Problem } from '../core/problem/problem.ts';
import { type Control, withDeadline } from '../core/base/control.ts';
import { betaGrid, regularizationPath } from '../core/engine/path.ts';
import type { PathPoint, PathRecord } from '../shared/run.ts';
import { memoryBytesOf, type TrainSettings } from '../shared/settings.ts';
import { predictionsOf } from './predictions.ts';
import type { SessionDeps, SessionListener } from './session.ts';

/**
 * The regularisation path: solves from betaMax downwards, each from the last solution, within the time limit of a run. Incomplete
 * when stopped; the points that are there are solved to tolerance.
 */
export async function tracePath(
  problem: Problem,
  data: PreparedData,
  betaMax: number,
  settings: TrainSettings,
  deps: SessionDeps,
  listener: SessionListener,
  control: Control,
): Promise<PathRecord> {
  const { points: count, smallest } = settings.path;
  const limited = withDeadline(control, settings.timeLimitSeconds);
  const measure = mainMeasure(data.classes.length);
  const points: PathPoint[] = [];
  const steps = regularizationPath(
    problem,
    betaGrid(betaMax, count, smallest),
    { certifySeconds: 0, threads: deps.threads, kernels: deps.kernels, memoryBytes: memoryBytesOf(settings) },
    { shouldStop: () => limited.shouldStop(), now: () => limited.now() },
  );
  for (;;) {
    const k = points.length;
    listener.progress({
      stage: 'path',
      fraction: k / count,
      message: `Path: point ${Math.min(k + 1, count)} of ${count}`,
    });
    await deps.pause();
    const step = steps.next();
    if (step.done === true) break;
    const { beta, solution } = step.value;
    const predictions = predictionsOf(solution.network, data, problem.loss, () => limited.shouldStop());
    if (predictions === undefined) break;
    points.push({
      beta,
      objective: solution.objective,
      relativeGap: solution.relativeGap,
      active: solution.network.W1.rows,
      norm: solution.penalty,
      train: scoreOf(predictions, data.trainRows, measure),
      test: data.testRows.length > 0 ? scoreOf(predictions, data.testRows, measure) : null,
      seconds: solution.seconds,
    });
  }
  return { betaMax, measure, points, complete: points.length === count };
}
