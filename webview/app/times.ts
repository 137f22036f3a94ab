import type { RunRecord } from '../../src/shared/run.ts';
import { formatSeconds } from '../ui/format.ts';

/** How long the network itself took, which is what other ways of training compare with; null where only the sum is known. */
export function networkSeconds(run: RunRecord): number | null {
  const { times } = run.solution;
  if (times !== undefined) return times.final;
  return run.solution.global === undefined ? run.solution.seconds : null;
}

/** "found in 1.1 s, proven in 10 s"; where the record has only the sum, that. */
export function timeWords({ solution }: Pick<RunRecord, 'solution'>): string {
  const { times } = solution;
  if (times === undefined) {
    return `${formatSeconds(solution.seconds)} ${solution.global === undefined ? 'in all' : 'with its proof'}`;
  }
  const proof = times.proof === undefined ? '' : `, proof ${formatSeconds(times.proof)}`;
  return `found in ${formatSeconds(times.found)}, final at ${formatSeconds(times.final)}${proof}`;
}

/** The same in two lines: a number, and what it is. */
export function timeTile(run: RunRecord): { readonly value: string; readonly words: string } {
  const { solution } = run;
  const { times } = run.solution;
  if (times === undefined) {
    return {
      value: formatSeconds(solution.seconds),
      words: solution.global === undefined ? 'to solve' : 'to solve, proof included',
    };
  }
  return {
    value: formatSeconds(times.found),
    words:
      times.proof === undefined
        ? `to find, ${formatSeconds(times.final)} to the last digit`
        : `to find, ${formatSeconds(times.final)} to the last digit, ${formatSeconds(times.proof)} on the proof`,
  };
}
