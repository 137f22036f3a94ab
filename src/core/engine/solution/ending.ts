import { type Control, type SolveStatus, withDeadline } from '../../base/control.ts';
import type { SolveOptions } from './solution.ts';

/** The control with the time limit of a solve; `expired` says whether that is over. */
export function limitedControl(
  { timeLimitSeconds }: SolveOptions,
  control: Control,
): Control & { readonly expired: () => boolean } {
  return timeLimitSeconds === undefined
    ? { ...control, shouldStop: () => control.shouldStop(), now: () => control.now(), expired: () => false }
    : withDeadline(control, timeLimitSeconds);
}

export function statusOf(stopped: boolean, solved: boolean, expired: boolean): SolveStatus {
  if (solved) return 'optimal';
  if (stopped) return expired ? 'time-limit' : 'cancelled';
  return 'iteration-limit';
}
