import type { Penalty } from './penalty.ts';
import { vectorGroups } from './vectorGroups.ts';

/** Frobenius norm of the block; exact for gated units with one shared output scale. */
export const frobenius: Penalty = {
  name: 'frobenius',
  joint: true,
  gatedOnly: true,
  decay: {
    same: false,
    note: 'The units behind one gate share a single outer weight (Frobenius blocks), so plain weight decay is not this penalty.',
  },
  block: (features, outputs) => vectorGroups('frobenius', features, outputs, 1),
};
