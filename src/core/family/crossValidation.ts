import type { Control } from '../base/control.ts';

/** One part of the rows held out of training, as a problem of its own. */
export interface Fold<Warm> {
  /** Training rows of the fold over training rows of all: beta is of a sum over rows, so the fold's is beta times this. */
  readonly share: number;
  /** Rows held out. */
  readonly heldOut: number;
  /**
   * Trains on the fold's rows at `beta` from `warm`. Gives the mean error on the rows held out, the number of neurons, and what to start the next
   * beta from; undefined when cut short.
   */
  solve(beta: number, warm: Warm | undefined): FoldFit<Warm> | undefined;
}

export interface FoldFit<Warm> {
  readonly error: number;
  readonly active: number;
  readonly warm: Warm;
}

/** The cross-validated error at one beta. */
export interface CrossPoint {
  readonly beta: number;
  /** Mean over all rows, each held out once. */
  readonly mean: number;
  /** Standard error of the mean, from the spread over the folds. */
  readonly standardError: number;
  /** Mean error of each fold. */
  readonly folds: readonly number[];
  /** Neurons, mean over the folds. */
  readonly active: number;
}

/** Why there is no further point. */
export type CrossEnd = 'risen' | 'smallest' | 'cut short';

export interface CrossValidation {
  readonly points: readonly CrossPoint[];
  /** Index of the smallest mean error; -1 without points. */
  readonly best: number;
  /** Index of the largest beta whose mean is within one standard error of the smallest. */
  readonly oneStandardError: number;
  readonly end: CrossEnd;
}

export interface CrossOptions {
  readonly betaMax: number;
  /** Points from betaMax to `smallest` times it, evenly on a log scale; below it the path goes on in the same steps while the error still falls. */
  readonly points: number;
  readonly smallest: number;
  /** Nothing below this times betaMax is tried. */
  readonly floor: number;
}

/** So many points in a row beyond one standard error above the best, and the error is said to have risen. */
const patience = 3;

/**
 * k-fold cross-validation of beta (Stone 1974; one-standard-error rule: Breiman et al. 1984): all folds go down the same grid in step, each from
 * its own last solution, so that the curve grows point by point. It ends where the error has clearly risen, at the end of the grid once the
 * error no longer falls, or where the control says stop, with the points that all folds have.
 */
export function* crossValidate<Warm>(
  folds: readonly Fold<Warm>[],
  options: CrossOptions,
  control: Control,
): Generator<CrossValidation, CrossValidation, undefined> {
  const warm: (Warm | undefined)[] = folds.map(() => undefined);
  const points: CrossPoint[] = [];
  const step = options.points > 1 ? options.smallest ** (1 / (options.points - 1)) : options.smallest;
  for (let k = 0; ; k++) {
    const end = endOf(points, k, step, options);
    if (end !== undefined) return chosen(points, end);
    const beta = options.betaMax * step ** k;
    const fits: FoldFit<Warm>[] = [];
    for (const [f, fold] of folds.entries()) {
      const fit = control.shouldStop() ? undefined : fold.solve(beta * fold.share, warm[f]);
      if (fit === undefined) return chosen(points, 'cut short');
      warm[f] = fit.warm;
      fits.push(fit);
      yield chosen(points, 'cut short');
    }
    points.push(pointOf(beta, folds, fits));
    yield chosen(points, 'cut short');
  }
}

function endOf(points: readonly CrossPoint[], next: number, step: number, options: CrossOptions): CrossEnd | undefined {
  const { best } = chosen(points, 'cut short');
  if (best < 0) return undefined;
  const limit = points[best].mean + points[best].standardError;
  const last = points.slice(-patience);
  if (last.length === patience && points.length - 1 - best >= patience && last.every(({ mean }) => mean > limit)) {
    return 'risen';
  }
  if (next < options.points) return undefined;
  const falling = best === points.length - 1;
  return falling && step ** next >= options.floor ? undefined : 'smallest';
}

function pointOf<Warm>(beta: number, folds: readonly Fold<Warm>[], fits: readonly FoldFit<Warm>[]): CrossPoint {
  const rows = folds.reduce((sum, fold) => sum + fold.heldOut, 0);
  const mean = folds.reduce((sum, fold, f) => sum + (fold.heldOut * fits[f].error) / rows, 0);
  const spread = folds.reduce((sum, fold, f) => sum + (fold.heldOut * (fits[f].error - mean) ** 2) / rows, 0);
  return {
    beta,
    mean,
    standardError: folds.length > 1 ? Math.sqrt(spread / (folds.length - 1)) : 0,
    folds: fits.map(({ error }) => error),
    active: fits.reduce((sum, { active }) => sum + active / fits.length, 0),
  };
}

function chosen(points: readonly CrossPoint[], end: CrossEnd): CrossValidation {
  let best = -1;
  points.forEach(({ mean }, k) => {
    if (best < 0 || mean < points[best].mean) best = k;
  });
  const limit = best < 0 ? 0 : points[best].mean + points[best].standardError;
  const oneStandardError = points.findIndex(({ mean }) => mean <= limit);
  return { points: [...points], best, oneStandardError, end };
}
