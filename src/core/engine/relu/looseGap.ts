/** Gaps asked for above this are loose: a search ends well before its largest effort, and kinks are not settled to rounding. */
export const looseAccuracy = 1e-5;
/** Shares of the gap asked for that are tried in turn when the certificate, which judges more strictly, finds more of it left: neurons are settled first. */
export const settledShares: readonly number[] = [1, 0.3, 0.1, 0.01];
/** And then searched for, too. */
export const closerShares: readonly number[] = [0.3, 0.1, 0.01, 0.001];
/** What local residuals and violations of the dual constraint may cost, as shares of the gap. */
const localShare = 0.1;
const violationShare = 0.5;
/** A violation that is still allowed, relative to the root of the gap: with few neurons what it costs is of second order. */
const largestRoot = 0.3;

export interface LooseGoals {
  /** Largest residual of local optimality, over beta. */
  readonly local: number;
  /** Largest violation of the dual constraint, over beta. */
  readonly violation: number;
}

/**
 * How far from optimal the neurons may be left when a relative gap of `accuracy` is enough. Dividing the dual point by 1 + e, where e is the largest violation
 * relative to beta, makes it feasible and costs e times `priced` = beta times the penalty to first order (at the optimum v'fit = beta times the
 * penalty), so that e may be the gap times objective over that.
 */
export function looseGoals(accuracy: number, objective: number, priced: number): LooseGoals {
  const most = largestRoot * Math.sqrt(accuracy);
  const worth = priced > 0 ? Math.min(most, (accuracy * Math.abs(objective)) / priced) : most;
  return { local: localShare * worth, violation: violationShare * worth };
}
