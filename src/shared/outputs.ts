import { namedEntry } from '../core/base/registry.ts';
import { couplesOutputs, type OutputPenalty } from '../core/problem/penalties/penalties.ts';
import { modelTraits } from './models.ts';
import type { RunRecord } from './run.ts';
import { type NetworkName, networkSettings } from './networkName.ts';

/** What several outputs have to do with each other in the penalty, for lists and facts. */
export const outputPenaltyNames: Record<OutputPenalty, string> = {
  'per-output': 'each output on its own',
  nuclear: 'plain weight decay, shared neurons',
  frobenius: 'one outer weight per gate',
};

/**
 * The penalties that a network with several outputs can have.
 * @throws {ProblemError} when there is no such network
 */
export function outputPenaltiesOf(network: NetworkName): readonly OutputPenalty[] {
  return modelTraits(networkSettings(network).model).penalties;
}

/**
 * The penalty on network weights that the program is exact for, in one sentence; w are the inner and a the outgoing weights of a neuron.
 * @throws {ProblemError} when there is no such network or penalty
 */
export function outputPenaltyWords(network: NetworkName, penalty: OutputPenalty): string {
  const { model, batchNorm } = networkSettings(network);
  const words = namedEntry(modelTraits(model).penaltyWords, penalty, 'outputPenalty');
  return words(batchNorm ? '‖(scale, shift)‖²' : '‖w‖²');
}

/** Whether the neurons of a two-layer network feed all outputs together. */
export function sharesNeurons({ resolved, settings }: Pick<RunRecord, 'resolved' | 'settings'>): boolean {
  return modelTraits(settings.model).deep === null && couplesOutputs(resolved.outputPenalty, resolved.outputs);
}
