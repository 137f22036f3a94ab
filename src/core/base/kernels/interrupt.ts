import { type Kernels, KernelsInterrupted } from './kernels.ts';

/** Runs with the kernels' interrupt set to a stop, and as it was afterwards. */
export function interruptible<T>(kernels: Kernels, shouldStop: () => boolean, work: () => T): T {
  const outer = kernels.interrupt;
  kernels.interrupt = shouldStop;
  try {
    return work();
  } finally {
    kernels.interrupt = outer;
  }
}

/** A look at the interrupt between calls of the kernels. @throws {KernelsInterrupted} as a call would */
export function pollInterrupt({ interrupt }: Kernels): void {
  if (interrupt?.() === true) throw new KernelsInterrupted();
}

/** Runs something; when a kernel call inside it is interrupted by a stop, what `best` makes of it so far counts. */
export function untilInterrupted<T>(work: () => T, best: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KernelsInterrupted) return best();
    throw error;
  }
}

/** As `interruptible`; undefined when the stop came in a kernel call. */
export function unlessStopped<T>(kernels: Kernels, shouldStop: () => boolean, work: () => T): T | undefined {
  return interruptible(kernels, shouldStop, () => untilInterrupted<T | undefined>(work, () => undefined));
}
