import type { Penalty } from './penalty.ts';
import { vectorGroups } from './vectorGroups.ts';

/** Sum of the Euclidean norms of the c columns; exact for networks with penalty 1/2 sum_j (||w_j||^2 + ||a_j||_1^2). */
export const perOutput: Penalty = {
  name: 'per-output',
  joint: false,
  gatedOnly: false,
  decay: { same: true, note: 'Each hidden unit feeds one output only; keep its other outer weights at 0.' },
  block: (features, outputs) => vectorGroups('per-output', features, outputs, outputs),
};
