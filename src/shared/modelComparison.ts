import { pairedDifference } from '../core/metrics/rowErrors.ts';
import { type NetworkName, networkNameOf, networkNames } from './networkName.ts';
import type { CrossPointRecord, CrossValidationRecord, RunRecord } from './run.ts';
import { text } from './texts.ts';
import { meanWords } from './usefulness.ts';

/** Models by the same cross-validation of beta on the training rows: same folds, same measure. */
export interface ModelComparisonRecord extends Pick<
  CrossValidationRecord,
  'measure' | 'classWeighted' | 'rule' | 'folds' | 'seconds'
> {
  readonly models: readonly ComparedModel[];
  /** False: a stop left models out, or cut one short. */
  readonly complete: boolean;
}

export interface ComparedModel {
  readonly network: NetworkName;
  /** Layers of a linear network. */
  readonly depth?: number;
  /** Why it cannot be trained on these data; it then has nothing else. */
  readonly refused?: string;
  /** The point of its curve that the rule picks, how many there are, and why there is no further one. */
  readonly point?: CrossPointRecord;
  readonly points?: number;
  readonly end?: CrossValidationRecord['end'];
  readonly betaMax?: number;
  /** The network of all training rows at that beta; left out where a stop came first. */
  readonly trained?: {
    /** Neurons, or directions of a linear network. */
    readonly active: number;
    /** Relative gap that is proven, and over what: all networks of the family, or those with its gates. Left out where nothing is proven. */
    readonly gap?: number;
    readonly over?: 'family' | 'gates';
  };
}

/** Index of the model with the smallest mean error; -1 where none has one. */
export function bestModel({ models }: Pick<ModelComparisonRecord, 'models'>): number {
  let best = -1;
  models.forEach(({ point }, k) => {
    if (point !== undefined && (best < 0 || point.mean < models[best].point!.mean)) best = k;
  });
  return best;
}

/** The model with the smallest mean error of a complete comparison, where it is another one than the run's; undefined elsewhere. */
export function preferredModel({
  models,
  settings,
}: Pick<RunRecord, 'models' | 'settings'>): ComparedModel | undefined {
  if (models?.complete !== true) return undefined;
  const best = models.models[bestModel(models)] as ComparedModel | undefined;
  return best?.network === networkNameOf(settings) ? undefined : best;
}

/**
 * Indices of the other models that are level with the best: all are judged on the same folds, so the difference is taken fold by fold, and is
 * within one standard error of zero. What all models find hard alike says nothing between them.
 */
export function levelModels(record: Pick<ModelComparisonRecord, 'models'>): number[] {
  const best = record.models[bestModel(record)]?.point;
  if (best === undefined) return [];
  return record.models.flatMap(({ point }, k) => {
    if (point === undefined || point === best || point.folds.length !== best.folds.length) return [];
    const paired = pairedDifference(point.folds, best.folds);
    return paired !== undefined && paired.mean <= paired.standardError ? [k] : [];
  });
}

/** "Smallest mean log loss: two-layer ReLU (0.07 ± 0.02); level with it, fold by fold: deep linear." */
export function modelComparisonSentence(record: ModelComparisonRecord): string | undefined {
  const best = bestModel(record);
  if (best < 0) return undefined;
  const { network, point } = record.models[best];
  const name = (k: number): string => text(networkNames[record.models[k].network]);
  const level = levelModels(record).map(name);
  const others = level.length === 0 ? '' : `; level with it, fold by fold: ${level.join(', ')}`;
  const size = `${short(point!.mean)} ± ${short(point!.standardError)}`;
  return `Smallest ${meanWords(record)} of ${record.folds}-fold cross-validation: ${text(networkNames[network])} (${size})${others}.`;
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

/** What is compared, besides the model of the run where that is another one. */
export const comparedNetworks: readonly NetworkName[] = ['relu', 'gated-relu', 'relu-batch-norm', 'linear'];

/** Seconds of the cross-validation, and of the network after it, of each model that is compared, of the time limit of a training. */
export const modelSeconds = (timeLimit: number): number => timeLimit / 5;
