import { lossOf } from '../core/problem/datafits/losses.ts';
import { namedEntry, namesOf } from '../core/base/registry.ts';
import type { ModelName } from '../core/problem/problem.ts';
import type { TrainSettings } from './settings.ts';

/** Bounds of the sizes that some models have: first hidden width of a branch, number of layers. */
export const sizeBounds = { m1: { least: 1, most: 16 }, depth: { least: 2, most: 64 } } as const;

/** What a person chooses between: the models, and the ReLU network with batch normalisation as one of its own. */
export type NetworkName = keyof typeof networks;

interface Network {
  readonly model: ModelName;
  readonly batchNorm: boolean;
}

const networks = {
  'gated-relu': { model: 'gated-relu', batchNorm: false },
  relu: { model: 'relu', batchNorm: false },
  'relu-batch-norm': { model: 'relu', batchNorm: true },
  linear: { model: 'linear', batchNorm: false },
  'three-layer': { model: 'three-layer', batchNorm: false },
} as const satisfies Record<ModelName | 'relu-batch-norm', Network>;

/** What each is called. */
export const networkNames: Readonly<Record<NetworkName, string>> = {
  relu: 'two-layer ReLU',
  'relu-batch-norm': 'two-layer ReLU, batch normalisation',
  'gated-relu': 'two-layer gated ReLU',
  'three-layer': 'parallel three-layer ReLU',
  linear: 'deep linear',
};

/** The network that settings ask for. */
export function networkNameOf({ model, batchNorm }: Pick<TrainSettings, 'model' | 'batchNorm'>): NetworkName {
  const normalised = (name: NetworkName): boolean => networks[name].model === model && networks[name].batchNorm;
  return (batchNorm === true ? namesOf(networks).find(normalised) : undefined) ?? model;
}

/**
 * The settings that ask for a network.
 * @throws {ProblemError} when there is no such network
 */
export function networkSettings(name: NetworkName): Network {
  return namedEntry<NetworkName, Network>(networks, name, 'model');
}

/** Whether a linear network may have so many layers with a loss: more than two need the squared one, which `auto` means for them. */
export function depthAllowed(depth: number, loss: TrainSettings['loss']): boolean {
  return depth <= 2 || loss === 'auto' || lossOf(loss).quadratic;
}
