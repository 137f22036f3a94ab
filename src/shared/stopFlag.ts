import type { Control } from '../core/base/control.ts';

/**
 * How one thread stops what another computes, in the middle of a loop that no message would interrupt. Tasks are numbered from 1; a stop holds for a
 * task and for those before it. A mark goes to the computing thread with its task.
 */
export type StopMark =
  /** One integer that both threads see: every task whose number is at most that has to stop. */
  | { readonly task: number; readonly flag: SharedArrayBuffer }
  /** Without shared memory: an address that the stop takes away, which the computing thread looks up now and then. */
  | { readonly task: number; readonly address: string };

/** The side that stops. */
export interface Stops {
  /** For the next task. */
  begin(): StopMark;
  stop(mark: StopMark): void;
  /** The task is over. */
  end(mark: StopMark): void;
}

export type SharedMark = Extract<StopMark, { readonly flag: SharedArrayBuffer }>;

/** Stops by shared memory. */
export class SharedStops implements Stops {
  private readonly flag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  private last = 0;

  begin(): SharedMark {
    return { task: ++this.last, flag: this.flag };
  }

  stop({ task }: StopMark): void {
    const value = new Int32Array(this.flag);
    if (Atomics.load(value, 0) < task) Atomics.store(value, 0, task);
  }

  end(): void {
    // the flag serves all tasks
  }
}

/** The control of a task, in the thread that computes it. */
export function sharedControl({ task, flag }: SharedMark): Control {
  const value = new Int32Array(flag);
  return { shouldStop: () => Atomics.load(value, 0) >= task, now: () => performance.now() / 1000 };
}
