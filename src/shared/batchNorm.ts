import type { RunRecord } from './run.ts';
import type { BatchNormRecord } from './depth.ts';
import { namedEntry } from '../core/base/registry.ts';
import { biasOf } from '../core/problem/problem.ts';

const penalised = {
  regularized: 'scale² + shift² + outgoing weight²',
  none: 'scale² + outgoing weight²',
  free: 'scale² + outgoing weight², the shift free',
} as const;

/** The network with batch normalisation that a run is about, and which penalty its program is exact for; undefined without. */
export function batchNormWords({ settings }: Pick<RunRecord, 'settings'>): string | undefined {
  if (settings.batchNorm !== true) return undefined;
  const shifted = biasOf(settings.bias).column;
  const paid = namedEntry(penalised, settings.bias, 'bias');
  return (
    `Every hidden neuron is (scale · (w·x − mean) / deviation${shifted ? ' + shift' : ''})₊, mean and deviation of w·x over the training rows. ` +
    `The program is exact for the penalty beta/2 · Σ (${paid}); the weights w cost nothing, because normalisation undoes their length.`
  );
}

/** Why classes are without a neuron in the batch-normalised closed form; empty when each has one. */
export function idleClassWords({ neurons }: Pick<BatchNormRecord, 'neurons'>): string {
  const idle = neurons.filter(({ weight }) => weight === 0).length;
  if (idle === 0) return '';
  const threshold = 'beta is not below the square root of the class size';
  return idle === neurons.length
    ? `The zero network is optimal here: for every class ${threshold}.`
    : `${idle} of ${neurons.length} classes have no neuron: ${threshold} there.`;
}
