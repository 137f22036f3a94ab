import type { Control } from '../../core/base/control.ts';
import type { StopMark, Stops } from '../../shared/stopFlag.ts';

/** Between two looks at an address: one takes some tenths of a millisecond. */
const lookEverySeconds = 0.04;

/**
 * Stops without shared memory, which a page has only where it is isolated from other origins. A computing worker takes no message, but it may load a
 * script, which happens at once: each task has an empty script of its own, whose address a stop takes away.
 */
export class AddressStops implements Stops {
  private last = 0;
  private readonly addresses = new Map<number, string>();

  begin(): StopMark {
    const address = URL.createObjectURL(new Blob([''], { type: 'text/javascript' }));
    this.addresses.set(++this.last, address);
    return { task: this.last, address };
  }

  stop({ task }: StopMark): void {
    for (const earlier of [...this.addresses.keys()]) if (earlier <= task) this.forget(earlier);
  }

  end({ task }: StopMark): void {
    this.forget(task);
  }

  private forget(task: number): void {
    const address = this.addresses.get(task);
    if (address !== undefined) URL.revokeObjectURL(address);
    this.addresses.delete(task);
  }
}

/** The control of a task, in the worker that computes it; `load` runs the script at an address and throws where there is none. */
export function addressControl(address: string, load: (address: string) => void): Control {
  const now = (): number => performance.now() / 1000;
  let lookedAt = -Infinity;
  let stopped = false;
  return {
    now,
    shouldStop: () => {
      if (stopped || now() - lookedAt < lookEverySeconds) return stopped;
      try {
        load(address);
      } catch {
        stopped = true;
      }
      lookedAt = now();
      return stopped;
    },
  };
}
