/** Why a computation ended. Not converging is a status, never an exception. */
export type SolveStatus = 'optimal' | 'iteration-limit' | 'time-limit' | 'cancelled' | 'numerical-error';

/** What proves a bound over all networks: branch and bound over cones of directions, or the conic relaxation. */
export type ProofMethod = 'cones' | 'conic';

/** One immutable snapshot of a running solve. */
export interface SolverProgress {
  readonly iteration: number;
  readonly seconds: number;
  /** Objective of the best feasible point so far (sum-half convention). */
  readonly objective: number;
  /** Best proven lower bound of the same program so far. */
  readonly dualBound: number;
  /** Groups (neurons) that are not zero. */
  readonly active: number;
  /** What the solver is doing, e.g. "Newton step", "pricing". */
  readonly phase: string;
  /** The network is there, and a bound over all networks is being proven. */
  readonly proving?: true;
  /** While proving: the method that `dualBound` comes from. */
  readonly method?: ProofMethod;
  /** Share of the work that is done, where it is known. */
  readonly fraction?: number;
}

/**
 * How a caller watches and stops a computation. Every loop of the core polls `shouldStop` at least every 20 ms of work and
 * then returns the best feasible point it has, so that a stop is answered at once anywhere.
 */
export interface Control {
  shouldStop(): boolean;
  report?(progress: SolverProgress): void;
  /** Seconds since some fixed moment, monotone. Comes from outside because the core knows neither Node nor the DOM. */
  now(): number;
}

/** A control that never stops; the clock defaults to the platform's. */
export const uncontrolled: Control = { shouldStop: () => false, now: () => globalThis.performance.now() / 1000 };

/** The same control with a deadline: stops when either says so. */
export function withDeadline(control: Control, seconds: number): Control & { readonly expired: () => boolean } {
  const end = control.now() + seconds;
  const expired = (): boolean => control.now() >= end;
  return {
    shouldStop: () => control.shouldStop() || expired(),
    report: control.report?.bind(control),
    now: () => control.now(),
    expired,
  };
}
