import type { Control } from '../../base/control.ts';

/** The beta from which on the zero network is optimal over all patterns: attained by a direction, and proven from above. */
export interface Threshold {
  readonly value: number;
  readonly upper: number;
}

/** Part of the time for the proof that may go into the threshold. */
const share = 0.1;

/**
 * The threshold as known before, raised by what a program needs, and bracketed closer by `bracket` (within its seconds, not below `atLeast`) when there are
 * `seconds` for a proof and the bracket is open.
 */
export function closerThreshold(
  known: Threshold,
  atLeast: number,
  seconds: number,
  bracket: (seconds: number, atLeast: number) => Threshold,
  control: Control,
): Threshold {
  const value = Math.max(known.value, atLeast);
  const from = { value, upper: Math.max(value, known.upper) };
  if (!(seconds > 0) || from.upper <= value * (1 + 1e-9) || control.shouldStop()) return from;
  const closer = bracket(seconds * share, value);
  return {
    value: Math.max(value, closer.value),
    upper: Math.max(value, closer.value, Math.min(from.upper, closer.upper)),
  };
}
