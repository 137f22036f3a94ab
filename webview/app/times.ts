import type { RunRecord } from '../../src/shared/run.ts';
import { formatSeconds } from '../ui/format.ts';

/** How long a run took, its proof over all networks included where there is one: the record has only the sum. */
export function timeWords({ solution }: RunRecord): string {
  return `${formatSeconds(solution.seconds)} ${solution.global === undefined ? 'in all' : 'with its proof'}`;
}
