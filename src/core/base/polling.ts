/** Multiplications between two looks at whether to stop: about a millisecond. */
const workBetweenPolls = 1e6;

/** After how many rounds of `work` multiplications each a loop asks whether to stop. */
export function everyRows(work: number): number {
  return Math.max(1, Math.floor(workBetweenPolls / Math.max(1, work)));
}
