import type { PreparedData } from '../core/data/prepareData.ts';
import { denseMatrix, type DenseMatrix, norm2, rowOf } from '../core/base/linalg/matrix.ts';
import { mainMeasure, scoreOf } from '../core/metrics/scores.ts';
import { compareGradient, type GradientResult, type RivalLayer } from '../core/descent/train.ts';
import { prepare } from '../core/problem/prepare.ts';
import type { Problem } from '../core/problem/problem.ts';
import { ProblemError } from '../core/problem/problemError.ts';
import { type Control, withDeadline } from '../core/base/control.ts';
import type { Solution } from '../core/engine/solution/solution.ts';
import type { CompareRecord, GradientRun } from '../shared/run.ts';
import type { TrainSettings } from '../shared/settings.ts';
import { activityOf } from './activity.ts';
import { predictionsFrom } from './predictions.ts';
import type { SessionDeps, SessionListener } from './session.ts';
import { pickRows } from './trainingProblem.ts';

/** The gates behind non-zero groups. */
function activeGates(solution: Solution): DenseMatrix {
  const used = [...new Set(solution.groups.filter(({ vector }) => norm2(vector) > 0).map(({ gate }) => gate))].sort(
    (a, b) => a - b,
  );
  const gates = denseMatrix(used.length, solution.gates.cols);
  used.forEach((gate, i) => gates.data.set(rowOf(solution.gates, gate), i * gates.cols));
  return gates;
}

/** The hidden layer that gradient descent trains: with batch normalisation it sees the inputs before whitening. */
function rivalLayer(
  { model }: Problem,
  data: PreparedData,
  solution: Solution,
  { batchNorm }: TrainSettings,
): RivalLayer {
  if (model !== 'relu') return { kind: 'gated', gates: activeGates(solution) };
  const width = solution.network.W1.rows;
  if (batchNorm !== true) return { kind: 'relu', width };
  return { kind: 'batch-norm', width, inputs: pickRows(data.unwhitened ?? data.X, data.trainRows) };
}

/**
 * Gradient descent on the non-convex objective of the same problem: as many hidden units (gated: the same active gates) as the
 * convex solution has, the same penalty, every optimiser with every seed, within the time limit of a run. Gives a sentence
 * instead when there is nothing to compare.
 */
export async function compareWithDescent(
  problem: Problem,
  data: PreparedData,
  solution: Solution,
  settings: TrainSettings,
  deps: SessionDeps,
  listener: SessionListener,
  control: Control,
  onRun: (partial: CompareRecord) => void,
): Promise<CompareRecord | string> {
  const width = solution.network.W1.rows;
  if (width === 0) {
    return 'No comparison with gradient descent: the zero network is optimal at this beta, so there is no width to give it.';
  }
  const { optimizers, seeds, epochs, batchSize } = settings.compare;
  const total = optimizers.length * seeds;
  const limited = withDeadline(control, settings.timeLimitSeconds);
  const hidden = rivalLayer(problem, data, solution, settings);
  const measure = mainMeasure(data.classes.length);
  const prepared = prepare(problem);
  const runs: GradientRun[] = [];
  const record = (complete: boolean): CompareRecord => ({
    measure,
    width: hidden.kind === 'gated' ? hidden.gates.rows : width,
    convexObjective: solution.objective,
    lowerBound:
      problem.model === 'gated-relu'
        ? solution.dualBound
        : solution.global !== undefined && solution.global.proof !== 'none'
          ? solution.global.lowerBound
          : null,
    runs: [...runs],
    complete,
  });
  const keep = (result: GradientResult): void => {
    const fit = activityOf(result.network, data.X, data.trainRows, deps.kernels).fit;
    const predictions = predictionsFrom(fit, data, problem.loss);
    runs.push({
      optimizer: result.rule,
      seed: result.seed,
      learningRate: result.learningRate,
      epochs: result.curve.epochs,
      seconds: result.curve.seconds,
      objective: result.curve.objective,
      final: result.final,
      merged: result.merged,
      excess: (result.merged - solution.objective) / Math.max(Math.abs(solution.objective), Number.MIN_VALUE),
      active: result.active,
      train: scoreOf(predictions, data.trainRows, measure),
      test: data.testRows.length > 0 ? scoreOf(predictions, data.testRows, measure) : null,
      diverged: result.diverged,
    });
  };
  const list = Array.from({ length: seeds }, (_, k) => settings.seed + k);
  let cancelled = false;
  try {
    for (const rule of optimizers) {
      listener.progress({
        stage: 'compare',
        fraction: runs.length / total,
        message: `Gradient descent: ${rule}, run ${runs.length + 1} of ${total}`,
      });
      await deps.pause();
      if (limited.shouldStop()) break;
      const watched: Control = { shouldStop: () => limited.shouldStop(), now: () => limited.now() };
      compareGradient(
        prepared,
        hidden,
        { rules: [rule], seeds: list, epochs, batchSize, kernels: deps.kernels },
        watched,
        (result) => {
          cancelled ||= result.cancelled;
          keep(result);
          listener.progress({
            stage: 'compare',
            fraction: runs.length / total,
            message: `Gradient descent: ${rule}, ${runs.length} of ${total} runs done`,
          });
        },
      );
      if (runs.length > 0) onRun(record(false));
    }
  } catch (error) {
    if (error instanceof ProblemError) return `No comparison with gradient descent: ${error.message}.`;
    throw error;
  }
  if (runs.length === 0) return 'No comparison with gradient descent: it was stopped before the first run ended.';
  return record(runs.length === total && !cancelled);
}
