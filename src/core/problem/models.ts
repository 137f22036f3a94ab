import { namedEntry, namesOf } from '../base/registry.ts';
import type { OutputPenalty } from './penalties/penalties.ts';

/** What a model is to the mathematics; its words and records are in `src/shared/models.ts`. */
export interface ModelStructure {
  /** Activation patterns: it has none; its neurons have gates of their own, which define it; they may be fixed beforehand or searched for. */
  readonly patterns: 'none' | 'own' | 'free';
  /** What its activation patterns belong to. */
  readonly gate: 'gate' | 'tuple';
  /** The size that it has besides its data: width of the first hidden layer, or the number of layers. */
  readonly size: 'm1' | 'depth' | null;
  /** The penalty of several outputs where a problem names none: weight decay of a linear network is the nuclear norm, ReLU programs group by output. */
  readonly usualPenalty: OutputPenalty;
}

const models = {
  'gated-relu': { patterns: 'own', gate: 'gate', size: null, usualPenalty: 'per-output' },
  relu: { patterns: 'free', gate: 'gate', size: null, usualPenalty: 'per-output' },
  linear: { patterns: 'none', gate: 'gate', size: 'depth', usualPenalty: 'nuclear' },
  'three-layer': { patterns: 'free', gate: 'tuple', size: 'm1', usualPenalty: 'per-output' },
} as const satisfies Record<string, ModelStructure>;

export type ModelName = keyof typeof models;

export const modelNames = namesOf(models);

/**
 * A model by its name.
 * @throws {ProblemError} naming the models there are, when it is none of them
 */
export function modelOf(name: ModelName): ModelStructure {
  return namedEntry<ModelName, ModelStructure>(models, name, 'model');
}
