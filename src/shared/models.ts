import { namedEntry } from '../core/base/registry.ts';
import { type ModelStructure } from '../core/problem/models.ts';
import { type ModelName, modelOf, type OutputPenalty } from '../core/problem/problem.ts';
import type { DeepRecord } from './depth.ts';
import type { RunRecord } from './run.ts';

/** What the words for a family are made from, besides the settings. */
export type FamilyFacts =
  | { readonly kind: 'linear'; readonly layers: readonly unknown[] }
  | { readonly kind: 'three-layer'; readonly harvested?: number };

/** What is known of a model without its mathematics: what its parts are called, what can be asked of it, what its records hold. */
export interface ModelTraits extends ModelStructure {
  /** What the network consists of. */
  readonly part: { readonly one: string; readonly many: string };
  /** What a pattern that a search brought in is called. */
  readonly pattern: 'pattern' | 'tuple';
  /** What its records have in `deep`. */
  readonly deep: DeepRecord['kind'] | null;
  /** What a person can choose between when it has several outputs. */
  readonly penalties: readonly OutputPenalty[];
  /** The penalty on network weights that the program is exact for, in one sentence; `inner` stands for the squared inner weights of a neuron. */
  readonly penaltyWords: Readonly<Record<OutputPenalty, (inner: string) => string>>;
  /** Gradient descent is trained beside it. */
  readonly descent: boolean;
  /** Its penalty is, for one output, weight decay. */
  readonly weightDecay: boolean;
  /** The proof over all of its networks can be written as a file. */
  readonly proofFile: boolean;
  /** The networks that a proof is about. */
  readonly family: (run: Pick<RunRecord, 'settings'> & { readonly deep?: FamilyFacts }) => string;
}

const sharedBlocks = (): string =>
  'All neurons of a gate share one outer weight s; the program has the Frobenius norm of the weights of each gate. Exact for beta/2 · Σ over gates (‖W‖² + s²), which is not weight decay of an ordinary network.';
const ownNeurons = (inner: string): string =>
  `Every output has neurons of its own. Exact for the network penalty beta/2 · Σ (${inner} + ‖a‖₁²), which is weight decay when each neuron feeds one output.`;
const sharedNeurons = (inner: string): string =>
  `Neurons feed all outputs. Exact for plain weight decay, beta/2 · Σ (${inner} + ‖a‖₂²).`;

const neuron = { one: 'neuron', many: 'neurons' } as const;

const models = {
  'gated-relu': {
    ...modelOf('gated-relu'),
    part: neuron,
    pattern: 'pattern',
    deep: null,
    penalties: ['per-output', 'nuclear', 'frobenius'],
    penaltyWords: {
      'per-output': ownNeurons,
      nuclear: () =>
        'Neurons feed all outputs; the program has the nuclear norm of the weights of each gate. Exact for plain weight decay of gated networks, beta/2 · Σ (‖w‖² + ‖a‖₂²).',
      frobenius: sharedBlocks,
    },
    descent: true,
    weightDecay: true,
    proofFile: false,
    family: () => 'all two-layer gated ReLU networks, whatever their gates',
  },
  relu: {
    ...modelOf('relu'),
    part: neuron,
    pattern: 'pattern',
    deep: null,
    penalties: ['per-output', 'nuclear'],
    penaltyWords: { 'per-output': ownNeurons, nuclear: sharedNeurons, frobenius: sharedBlocks },
    descent: true,
    weightDecay: true,
    proofFile: true,
    family: ({ settings }) =>
      settings.batchNorm === true
        ? 'all two-layer ReLU networks with batch normalisation in the hidden layer, of any width'
        : 'all two-layer ReLU networks of any width',
  },
  linear: {
    ...modelOf('linear'),
    part: { one: 'direction', many: 'directions' },
    pattern: 'pattern',
    deep: 'linear',
    penalties: [],
    penaltyWords: {
      'per-output': (inner) =>
        `Every output has a network of its own. Exact for the network penalty beta/2 · Σ (${inner} + ‖a‖₁²).`,
      nuclear: () => 'The program has the nuclear norm of the map. Exact for plain weight decay of two layers.',
      frobenius: sharedBlocks,
    },
    descent: false,
    weightDecay: true,
    proofFile: false,
    family: ({ settings, deep }) =>
      `all linear networks of ${settings.depth} layers${deep?.kind === 'linear' && deep.layers.length > 1 ? ', one per output' : ''}`,
  },
  'three-layer': {
    ...modelOf('three-layer'),
    part: { one: 'branch', many: 'branches' },
    pattern: 'tuple',
    deep: 'three-layer',
    penalties: [],
    penaltyWords: {
      'per-output': () =>
        'Every output has branches of its own. Exact for beta/2 · Σ (‖w₂‖² + w₃²) with ‖W₁‖ at most 1 in every branch.',
      nuclear: sharedNeurons,
      frobenius: sharedBlocks,
    },
    descent: true,
    weightDecay: false,
    proofFile: false,
    family: ({ settings }) =>
      `all parallel three-layer ReLU networks with m1 = ${settings.m1}, of any number of branches`,
  },
} as const satisfies Record<ModelName, ModelTraits>;

/**
 * The traits of a model.
 * @throws {ProblemError} naming the models there are, when it is none of them
 */
export function modelTraits(model: ModelName): ModelTraits {
  return namedEntry<ModelName, ModelTraits>(models, model, 'model');
}
