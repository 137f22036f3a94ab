import type { Stage } from '../draft.ts';
import { familyOf } from '../family/registry.ts';
import { posedOf } from './solve.ts';

/** What belongs to the family beside its solution. */
export const extrasStage: Stage = {
  name: 'extras',
  wanted: ({ problem }) => familyOf(problem.model).extras !== undefined,
  async run(draft, context) {
    const { record, networks } = await familyOf(draft.problem.model).extras!(posedOf(draft), draft.outcome, context);
    return { ...draft, extras: record, networks: [...draft.networks, ...networks] };
  },
};
