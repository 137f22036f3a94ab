import { lossOf } from '../core/problem/datafits/losses.ts';
import type { ModelName } from '../core/problem/problem.ts';
import type { TrainSettings } from './settings.ts';

/** Bounds of the sizes that some models have: first hidden width of a branch, number of layers. */
export const sizeBounds = { m1: { least: 1, most: 16 }, depth: { least: 2, most: 64 } } as const;

/** What a person chooses between: the models, and the ReLU network with batch normalisation as one of its own. */
export type NetworkName = ModelName | 'relu-batch-norm';

/** The network that settings ask for. */
export function networkNameOf({ model, batchNorm }: Pick<TrainSettings, 'model' | 'batchNorm'>): NetworkName {
  return model === 'relu' && batchNorm === true ? 'relu-batch-norm' : model;
}

/** The settings that ask for a network. */
export function networkSettings(name: NetworkName): { readonly model: ModelName; readonly batchNorm: boolean } {
  return name === 'relu-batch-norm' ? { model: 'relu', batchNorm: true } : { model: name, batchNorm: false };
}

/** Whether a linear network may have so many layers with a loss: more than two need the squared one, which `auto` means for them. */
export function depthAllowed(depth: number, loss: TrainSettings['loss']): boolean {
  return depth <= 2 || loss === 'auto' || lossOf(loss).quadratic;
}
