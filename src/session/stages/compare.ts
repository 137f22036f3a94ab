import { mainMeasure, scoreOf } from '../../core/metrics/scores.ts';
import { ProblemError } from '../../core/base/problemError.ts';
import { withDeadline } from '../../core/base/control.ts';
import type { CompareRecord, GradientRun } from '../../shared/run.ts';
import { cutShort, type StageContext } from '../context.ts';
import type { Show, SolvedDraft, Stage } from '../draft.ts';
import type { Descent, DescentRun, TrainedNetwork } from '../family/family.ts';
import { familyOf } from '../family/registry.ts';
import { predictionsFrom } from '../predictions.ts';
import { posedOf } from './solve.ts';

/**
 * Gradient descent on the non-convex objective of the same problem: the size of the convex solution, the same penalty, every optimiser with every
 * seed, within the time limit of a run. A note instead when there is nothing to compare.
 */
export const compareStage: Stage = {
  name: 'compare',
  wanted: ({ settings }) => settings.compare.enabled,
  async run(draft, context, show) {
    await context.deps.pause();
    const without = (why: string): SolvedDraft => ({
      ...draft,
      notes: { ...draft.notes, compare: [`No comparison with gradient descent: ${why}.`] },
    });
    const early = 'it was stopped before the first run ended';
    if (context.control.shouldStop()) return without(early);
    const descent = familyOf(draft.problem.model).descent(posedOf(draft), draft.outcome, context);
    if (typeof descent === 'string') return without(descent);
    try {
      const compared = await descend(draft, descent, context, show);
      if (compared !== undefined) return compared;
      return without(context.control.shouldStop() ? early : 'the time limit ended it before the first run was over');
    } catch (error) {
      if (error instanceof ProblemError) return without(error.message);
      throw error;
    }
  },
};

/** Undefined when it was stopped before the first run ended. */
async function descend(
  draft: SolvedDraft,
  descent: Descent,
  { deps, listener, control, seconds }: StageContext,
  show: Show,
): Promise<SolvedDraft | undefined> {
  const { settings, outcome } = draft;
  const { optimizers, seeds } = settings.compare;
  const total = optimizers.length * seeds;
  const limited = withDeadline(control, seconds);
  const runs: GradientRun[] = [];
  const networks: TrainedNetwork[] = [...draft.networks];
  let cancelled = false;
  const say = (message: string): void =>
    listener.progress({ stage: 'compare', fraction: runs.length / total, message: `Gradient descent: ${message}` });
  const drafted = (complete: boolean): SolvedDraft => {
    const compare: CompareRecord = {
      measure: mainMeasure(draft.data.classes.length),
      width: descent.width,
      convexObjective: outcome.solution.objective,
      lowerBound: descent.lowerBound,
      runs: [...runs],
      complete,
    };
    return { ...draft, compare, networks: [...networks] };
  };
  const list = Array.from({ length: seeds }, (_, k) => settings.seed + k);
  for (const rule of optimizers) {
    say(`${rule}, run ${runs.length + 1} of ${total}`);
    await deps.pause();
    if (limited.shouldStop()) break;
    await descent.train(rule, list, limited, (run) => {
      cancelled ||= run.cancelled;
      if (run.network !== undefined) networks.push(run.network);
      runs.push(runRecord(run, draft));
      say(`${rule}, ${runs.length} of ${total} runs done`);
    });
    if (runs.length > 0 && runs.length < total) show(drafted(false));
  }
  if (runs.length === 0) return undefined;
  const complete = runs.length === total && !cancelled;
  const notes = complete ? [] : [cutShort('The comparison', control, `${runs.length} of ${total} runs`)];
  return { ...drafted(complete), notes: { ...draft.notes, compare: notes } };
}

function runRecord(run: DescentRun, { data, problem, outcome, settings }: SolvedDraft): GradientRun {
  const measure = mainMeasure(data.classes.length);
  const predictions = predictionsFrom(run.fit, data, problem.loss, settings);
  const { optimizer, seed, learningRate, epochs, seconds, objective, final, merged, active, diverged } = run;
  return {
    optimizer,
    seed,
    learningRate,
    epochs,
    seconds,
    objective,
    final,
    merged,
    excess: excessOf(merged, outcome.solution.objective),
    active,
    train: scoreOf(predictions, data.trainRows, measure),
    test: data.testRows.length > 0 ? scoreOf(predictions, data.testRows, measure) : null,
    diverged,
  };
}

/** How far a network of gradient descent is above the convex objective, relative to that. */
export function excessOf(merged: number, objective: number): number {
  return (merged - objective) / Math.max(Math.abs(objective), Number.MIN_VALUE);
}
