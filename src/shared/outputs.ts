import type { OutputPenalty } from '../core/problem/problem.ts';
import type { RunRecord } from './run.ts';
import type { NetworkName } from './networkName.ts';

/** What several outputs have to do with each other in the penalty, for lists and facts. */
export const outputPenaltyNames: Record<OutputPenalty, string> = {
  'per-output': 'each output on its own',
  nuclear: 'plain weight decay, shared neurons',
  frobenius: 'one outer weight per gate',
};

/** The penalties that a network with several outputs can have. */
export function outputPenaltiesOf(network: NetworkName): readonly OutputPenalty[] {
  switch (network) {
    case 'gated-relu':
      return ['per-output', 'nuclear', 'frobenius'];
    case 'relu':
    case 'relu-batch-norm':
      return ['per-output', 'nuclear'];
    case 'linear':
    case 'three-layer':
      return [];
  }
}

/** The penalty on network weights that the program is exact for, in one sentence; w are the inner and a the outgoing weights of a neuron. */
export function outputPenaltyWords(model: NetworkName, penalty: OutputPenalty): string {
  const gated = model === 'gated-relu';
  const inner = model === 'relu-batch-norm' ? '‖(scale, shift)‖²' : '‖w‖²';
  switch (penalty) {
    case 'per-output':
      if (model === 'three-layer')
        return 'Every output has branches of its own. Exact for beta/2 · Σ (‖w₂‖² + w₃²) with ‖W₁‖ at most 1 in every branch.';
      return `Every output has ${model === 'linear' ? 'a network' : 'neurons'} of its own. Exact for the network penalty beta/2 · Σ (${inner} + ‖a‖₁²)${
        model === 'linear' ? '' : ', which is weight decay when each neuron feeds one output'
      }.`;
    case 'nuclear':
      return gated
        ? 'Neurons feed all outputs; the program has the nuclear norm of the weights of each gate. Exact for plain weight decay of gated networks, beta/2 · Σ (‖w‖² + ‖a‖₂²).'
        : model === 'linear'
          ? 'The program has the nuclear norm of the map. Exact for plain weight decay of two layers.'
          : `Neurons feed all outputs. Exact for plain weight decay, beta/2 · Σ (${inner} + ‖a‖₂²).`;
    case 'frobenius':
      return 'All neurons of a gate share one outer weight s; the program has the Frobenius norm of the weights of each gate. Exact for beta/2 · Σ over gates (‖W‖² + s²), which is not weight decay of an ordinary network.';
  }
}

/** Whether the neurons of a two-layer network feed all outputs together. */
export function sharesNeurons({ resolved, settings }: Pick<RunRecord, 'resolved' | 'settings'>): boolean {
  const twoLayer = settings.model === 'relu' || settings.model === 'gated-relu';
  return twoLayer && resolved.outputs > 1 && resolved.outputPenalty !== 'per-output';
}
