/** Multiplications between two looks at whether to stop: about a millisecond. */
const workBetweenPolls = 1e6;

/** After how many rounds of `work` multiplications each a loop asks whether to stop. */
export function everyRows(work: number): number {
  return Math.max(1, Math.floor(workBetweenPolls / Math.max(1, work)));
}

class Interrupted extends Error {}

/** What `work` gives; undefined when it was stopped: it calls `poll` every few milliseconds, which does not come back after a stop. */
export function unlessStopped<T>(shouldStop: () => boolean, work: (poll: () => void) => T): T | undefined {
  const poll = (): void => {
    if (shouldStop()) throw new Interrupted('stopped');
  };
  try {
    return work(poll);
  } catch (error) {
    if (error instanceof Interrupted) return undefined;
    throw error;
  }
}
