import { prepareData } from '../../core/data/prepareData.ts';
import { DataError } from '../../core/data/dataError.ts';
import { ReadStopped } from '../../core/data/reader.ts';
import { ProblemError } from '../../core/base/problemError.ts';
import { errorMeasureOf } from '../../core/metrics/rowErrors.ts';
import {
  type ComparedModel,
  comparedNetworks,
  type ModelComparisonRecord,
  modelSeconds,
} from '../../shared/modelComparison.ts';
import { modelTraits } from '../../shared/models.ts';
import { type NetworkName, networkNameOf, networkSettings } from '../../shared/networkName.ts';
import type { CrossValidationRecord, SolutionSummary } from '../../shared/run.ts';
import { chosenPoint } from '../../shared/usefulness.ts';
import { defaultSettings, memoryBytesOf, type TrainSettings } from '../../shared/settings.ts';
import { gapOverFamily } from '../../shared/verdict.ts';
import { cutShort, quiet, type StageContext, type TrainingContext } from '../context.ts';
import type { Stage } from '../draft.ts';
import { familyOf } from '../family/registry.ts';
import { findBetaMax, trainingProblem } from '../trainingProblem.ts';
import { crossCurve, leastRows } from './crossValidate.ts';
import type { Folded } from './folds.ts';
import { atBeta, solveOptions } from './solve.ts';

/** What a run knows of its own model already. */
export interface OwnModel {
  readonly crossValidation?: CrossValidationRecord;
  readonly beta: number;
  readonly active: number;
  readonly solution: Parameters<typeof gapOverFamily>[0]['solution'] & Pick<SolutionSummary, 'relativeGap'>;
}

interface Comparison {
  readonly record: ModelComparisonRecord;
  readonly notes: readonly string[];
}

/** Other models by the same cross-validation of beta, where that is asked for. It does not depend on beta, so a complete one stays. */
export const modelsStage: Stage = {
  name: 'models',
  wanted: ({ settings, models }) => settings.compareModels === true && models?.complete !== true,
  async run(draft, context, show) {
    const { crossValidation, outcome, problem } = draft;
    const own = { crossValidation, beta: problem.beta, active: outcome.active, solution: outcome.solution };
    const { record, notes } = await compareModels(draft, own, context, (models) => show({ ...draft, models }));
    return { ...draft, models: record, notes: { ...draft.notes, models: notes } };
  },
};

/**
 * ReLU networks with and without batch normalisation, gated and linear ones, and the run's own model, each with the beta that cross-validation on the
 * training rows picks: the same folds, loss and measure, each within a share of the time limit. At its beta each is then trained on all training rows and
 * proven as far as its time goes. What the run has of its own model is taken over. `show` is told whenever a model is done.
 */
export async function compareModels(
  base: Folded,
  own: OwnModel,
  training: TrainingContext,
  show: (soFar: ModelComparisonRecord) => void,
): Promise<Comparison> {
  const { data, problem, settings } = base;
  const context: StageContext = { ...training, seconds: modelSeconds(settings.timeLimitSeconds) };
  const begin = context.control.now();
  const { folds, rule } = settings.crossValidation ?? defaultSettings.crossValidation!;
  const ownName = networkNameOf(settings);
  const names = [ownName, ...comparedNetworks.filter((name) => name !== ownName)];
  const models: ComparedModel[] = [];
  const notes: string[] = [];
  let usedFolds = Math.min(folds, data.trainRows.length);
  const soFar = (complete: boolean): ModelComparisonRecord => ({
    measure: errorMeasureOf({ classes: data.classes.length, loss: problem.loss }),
    ...(problem.weights === undefined ? {} : { classWeighted: true }),
    rule,
    folds: usedFolds,
    models: [...models],
    complete,
    seconds: context.control.now() - begin,
  });
  if (data.trainRows.length < leastRows) {
    const why = `it needs ${leastRows} training rows, and there are ${data.trainRows.length}`;
    return { record: soFar(true), notes: [`Models were not compared: ${why}.`] };
  }
  for (const [k, name] of names.entries()) {
    const told = tellingOf(name, k / names.length, context);
    const result = await comparedModel(base, name, name === ownName ? own : undefined, told);
    if (result === undefined) break;
    usedFolds = result.folds ?? usedFolds;
    models.push(result.model);
    notes.push(...result.notes.map((note) => `${name}: ${note}`));
    if (models.length < names.length) show(soFar(false));
  }
  const complete = models.length === names.length && !context.control.shouldStop();
  const done = `${models.length} of ${names.length} models`;
  if (!complete) notes.unshift(cutShort('The comparison of models', context.control, done));
  return { record: soFar(complete), notes };
}

/** The context of one model, whose progress is that of the comparison. */
function tellingOf(
  name: NetworkName,
  fraction: number,
  { deps, listener, control, seconds }: StageContext,
): StageContext {
  return {
    deps,
    control,
    seconds,
    listener: {
      progress: ({ message }) => listener.progress({ stage: 'models', fraction, message: `${name}: ${message}` }),
      record: () => undefined,
    },
  };
}

/** Undefined when a stop came before its curve had a point. */
async function comparedModel(
  base: Folded,
  name: NetworkName,
  own: OwnModel | undefined,
  context: StageContext,
): Promise<{ readonly model: ComparedModel; readonly folds?: number; readonly notes: readonly string[] } | undefined> {
  const { deps, control } = context;
  const deep = (model: TrainSettings['model']): boolean => modelTraits(model).size === 'depth';
  const depth = deep(base.settings.model) ? base.settings.depth : 2;
  const named = { network: name, ...(deep(networkSettings(name).model) ? { depth } : {}) };
  try {
    const part = own === undefined ? variantOf(base, { ...networkSettings(name), depth }, context) : base;
    if (part === undefined) return undefined;
    const { record: curve, notes } =
      own?.crossValidation === undefined || own.crossValidation.best < 0
        ? await crossCurve(part, context)
        : { record: own.crossValidation, notes: [] };
    if (curve.best < 0) {
      if (control.shouldStop()) return undefined;
      return { model: { ...named, refused: 'the time limit came before its first point' }, notes };
    }
    const point = chosenPoint(curve);
    const { points, end, folds } = curve;
    const judged = { ...named, point, points: points.length, end, betaMax: part.betaMax };
    const found = own?.beta === point.beta ? own : await trainedAt(part, point.beta, context);
    if (found === undefined || (control.shouldStop() && own?.beta !== point.beta))
      return { model: judged, folds, notes };
    return { model: { ...judged, trained: trainedRecord(part.settings, found) }, folds, notes };
  } catch (error) {
    if (error instanceof ReadStopped) return undefined;
    if (!(error instanceof DataError || error instanceof ProblemError)) throw error;
    await deps.pause();
    return { model: { ...named, refused: error.message }, notes: [] };
  }
}

/** The same data and loss for another model; undefined when stopped. */
function variantOf(
  base: Folded,
  model: Pick<TrainSettings, 'model' | 'depth' | 'batchNorm'>,
  { deps: { kernels }, control }: TrainingContext,
): Folded | undefined {
  const { data, loaded, problem, preview } = base;
  const { penalties } = modelTraits(model.model);
  const settings: TrainSettings = {
    ...base.settings,
    ...model,
    loss: problem.loss,
    target: data.target,
    task: data.task,
    outputPenalty: penalties.includes(base.settings.outputPenalty) ? base.settings.outputPenalty : 'per-output',
  };
  const same = (settings.batchNorm === true) === (base.settings.batchNorm === true);
  const own = same ? data : prepareData(loaded.table, settings, control);
  const posed = trainingProblem(own, settings);
  const found = findBetaMax(posed, { kernels, memoryBytes: memoryBytesOf(settings) }, control);
  return found && { data: own, settings, loaded, problem: posed, betaMax: found.betaMax, preview };
}

/** Its network of all training rows at beta, solved and proven within a share of the time. */
async function trainedAt(part: Folded, beta: number, context: StageContext): Promise<OwnModel | undefined> {
  const { deps, listener, control } = context;
  const { problem, data, settings } = part;
  listener.progress({ stage: 'models', fraction: null, message: 'training on all training rows' });
  await deps.pause();
  if (control.shouldStop()) return undefined;
  const { solution, active } = familyOf(problem.model).solve(
    { problem: atBeta(problem, beta), data, settings },
    {
      ...solveOptions({ settings, warm: undefined, preview: false }, deps),
      timeLimitSeconds: context.seconds,
    },
    quiet(control),
  );
  return { beta, active, solution };
}

function trainedRecord(
  { model }: TrainSettings,
  { active, solution }: OwnModel,
): NonNullable<ComparedModel['trained']> {
  const gap = gapOverFamily({ solution });
  if (gap !== undefined) return { active, gap, over: 'family' };
  const { relativeGap } = solution;
  // a gated network is defined by its gates: the program on them is the whole problem
  if (modelTraits(model).patterns === 'own' && Number.isFinite(relativeGap))
    return { active, gap: Math.max(0, relativeGap), over: 'gates' };
  return { active };
}
