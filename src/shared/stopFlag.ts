import type { Control } from '../core/base/control.ts';

/**
 * How one thread stops what another computes: one integer that both see, so that a stop arrives in the middle of a loop that no message would
 * interrupt. Tasks are numbered from 1; every task whose number is at most that of the flag has to stop.
 */
export type StopFlag = SharedArrayBuffer;

export function createStopFlag(): StopFlag {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** Stops a task and those before it. */
export function stopTask(flag: StopFlag, task: number): void {
  const value = new Int32Array(flag);
  if (Atomics.load(value, 0) < task) Atomics.store(value, 0, task);
}

/** The control of a task, in the thread that computes it. */
export function taskControl(flag: StopFlag, task: number): Control {
  const value = new Int32Array(flag);
  return { shouldStop: () => Atomics.load(value, 0) >= task, now: () => performance.now() / 1000 };
}
