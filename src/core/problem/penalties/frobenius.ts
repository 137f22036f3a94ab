import type { Penalty } from './penalty.ts';
import { vectorGroups } from './vectorGroups.ts';

/** Frobenius norm of the block; exact for gated units with one shared output scale. */
export const frobenius: Penalty = {
  name: 'frobenius',
  joint: true,
  block: (features, outputs) => vectorGroups('frobenius', features, outputs, 1),
};
