import type { RunRecord, StageName } from '../../shared/run.ts';
import { baselinesOf } from '../baselines.ts';
import { type TrainingContext, TrainStopped } from '../context.ts';
import type { Draft, SolvedDraft, Stage } from '../draft.ts';
import { searching } from '../family/searching.ts';
import { assembleRun } from '../record.ts';
import { classWeightsOf } from '../trainingProblem.ts';
import { TrainingClock } from './clock.ts';
import { compareStage } from './compare.ts';
import { crossValidateStage, wantsCrossValidation } from './crossValidate.ts';
import { extrasStage } from './extras.ts';
import { importanceStage } from './importance.ts';
import { modelsStage } from './models.ts';
import { pathStage } from './path.ts';
import { pathProofStage } from './pathProof.ts';
import { refineStage } from './refine.ts';
import { solveStage } from './solve.ts';
import { structureStage } from './structure.ts';
import { thresholdStage } from './threshold.ts';

/** What follows the solve, in this order, whatever the family. */
const stages: readonly Stage[] = [
  thresholdStage,
  pathStage,
  structureStage,
  extrasStage,
  compareStage,
  refineStage,
  importanceStage,
  modelsStage,
  pathProofStage,
];

/** How a run ended: its last record, and what of it serves the next beta. */
export interface Finished {
  readonly run: RunRecord;
  readonly draft: SolvedDraft;
}

/**
 * Runs a draft through solve and stages, showing the record whenever there is more of it. Every record names the stages that are still missing;
 * after a stop those stay named, in one record more, at the end.
 */
export async function runStages(
  start: Draft,
  training: TrainingContext,
  finish: (draft: SolvedDraft) => Promise<SolvedDraft>,
): Promise<Finished> {
  let revision = start.revision;
  let last: RunRecord | undefined;
  const show = (draft: SolvedDraft, missing: readonly StageName[]): RunRecord => {
    last = assembleRun({ ...draft, revision: revision++ }, missing);
    training.listener.record(last);
    return last;
  };
  const clock = new TrainingClock(training.control, start.settings.timeLimitSeconds);
  const toCome = (draft: Draft, from: number): StageName[] =>
    draft.preview
      ? []
      : stages
          .slice(from)
          .filter((stage) => stage.wanted(draft))
          .map(({ name }) => name);

  let chosen: Draft;
  if (!wantsCrossValidation(start)) {
    chosen = withBaselines(start, training, clock);
    if (chosen.baselines === undefined) throw new TrainStopped('Stopped before the solve began.');
  } else {
    // a network to look at while beta is being chosen
    const first = await firstNetwork(start, training);
    const still = (draft: SolvedDraft): StageName[] => ['cross-validation', 'solve', 'proof', ...toCome(draft, 0)];
    show(first, still(first));
    const ready = withBaselines(start, training, clock);
    const { baselines } = ready;
    if (baselines !== first.baselines) show({ ...first, baselines }, still(first));
    const seconds = clock.secondsFor('cross-validation', ['solve', ...toCome(start, 0)]);
    const context = { ...training, seconds };
    chosen = await crossValidateStage({ ...ready, warm: first.warm, betaMax: first.betaMax }, context, (growing) => {
      const { crossValidation } = growing;
      show({ ...first, baselines, crossValidation }, still(first));
    });
    if (!training.control.shouldStop()) {
      const rough = await firstNetwork(chosen, training);
      show({ ...rough, notes: chosen.notes }, ['solve', 'proof', ...toCome(rough, 0)]);
      chosen = { ...chosen, warm: rough.warm, begun: { seconds: rough.outcome.solution.seconds, trace: rough.trace } };
    }
  }
  const context = { ...training, seconds: clock.secondsFor('solve', toCome(chosen, 0)) };
  let draft = await solveStage(chosen, context, (early) => show(early, ['proof', ...toCome(early, 0)]));
  clock.leaveOut(draft.times.proof ?? 0);
  const stopped: StageName[] = training.control.shouldStop() && !draft.preview ? ['solve'] : [];
  // records of many rows take their time: after a stop there is one more, at the end
  if (stopped.length === 0) show(draft, toCome(draft, 0));
  for (const [k, stage] of (draft.preview ? [] : stages).entries()) {
    if (!stage.wanted(draft)) continue;
    const rest = (now: SolvedDraft): StageName[] => [...stopped, ...toCome(now, k + 1)];
    const seconds = clock.secondsFor(stage.name, toCome(draft, k + 1));
    draft = await stage.run(draft, { ...training, seconds }, (partial) =>
      show(partial, [...stopped, stage.name, ...toCome(partial, k + 1)]),
    );
    if (training.control.shouldStop()) stopped.push(stage.name);
    else show(draft, rest(draft));
  }
  draft = await finish(draft);
  return { run: show(draft, stopped), draft };
}

/** With the simple models that the network is compared with, fitted where they were not yet; without them after a stop. */
function withBaselines(draft: Draft, { control, listener }: TrainingContext, clock: TrainingClock): Draft {
  if (draft.baselines !== undefined || control.shouldStop()) return draft;
  const { data, problem, settings } = draft;
  listener.progress({ stage: 'preparing', fraction: null, message: 'Fitting simple models to compare with' });
  const begin = control.now();
  const baselines = baselinesOf(data, problem, classWeightsOf(data, settings), control);
  clock.leaveOut(control.now() - begin);
  return control.shouldStop() ? draft : { ...draft, baselines };
}

/** Relative gap and seconds of a network that is shown before it is solved to tolerance. */
const roughTolerance = 1e-3;
const roughSeconds = 2;

/** A network near the optimum, soon: what it lacks in precision the record says by its gap. */
async function firstNetwork(draft: Draft, training: TrainingContext): Promise<SolvedDraft> {
  const { settings, problem, notes } = draft;
  const quick: Draft = {
    ...draft,
    preview: true,
    problem: { ...searching(problem), tolerance: Math.max(roughTolerance, problem.tolerance) },
  };
  const seconds = Math.min(roughSeconds, settings.timeLimitSeconds);
  const solved = await solveStage(quick, { ...training, seconds }, () => undefined);
  return { ...solved, problem, notes, preview: draft.preview };
}
