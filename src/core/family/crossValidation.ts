import { rootSumSquares } from '../base/rootSumSquares.ts';
import type { Control } from '../base/control.ts';

/** One part of the rows held out of training, as a problem of its own. */
export interface Fold<Warm> {
  /** Training rows of the fold over training rows of all, each as often as it counts: beta is of a sum over rows, so the fold's is beta times this. */
  readonly share: number;
  /** Rows held out. */
  readonly heldOut: number;
  /**
   * Trains on the fold's rows at `beta` from `warm`. Gives the mean error on the rows held out, the number of neurons, and what to start the next
   * beta from; undefined when cut short.
   */
  solve(beta: number, warm: Warm | undefined): FoldFit<Warm> | undefined | Promise<FoldFit<Warm> | undefined>;
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

/** What is picked: the beta of the smallest error, or the largest whose error is within one standard error of it. */
export type CrossRule = 'smallest' | 'one-standard-error';

/** Why the curve goes no further down. */
export type CrossEnd = 'risen' | 'smallest' | 'cut short';

export interface CrossValidation {
  /** From large to small beta; denser around the one that is picked. */
  readonly points: readonly CrossPoint[];
  /** Index of the smallest mean error; -1 without points. */
  readonly best: number;
  /** Index of the largest beta whose mean is within one standard error of the smallest. */
  readonly oneStandardError: number;
  readonly end: CrossEnd;
}

export interface CrossOptions {
  readonly betaMax: number;
  /** Points from betaMax to `smallest` times it, evenly on a log scale; below it the grid goes on in the same steps while the error still falls. */
  readonly points: number;
  readonly smallest: number;
  /** Nothing below this times betaMax is tried. */
  readonly floor: number;
  readonly rule: CrossRule;
}

/** A coarse step takes beta to no less than this times itself. */
const coarsest = 0.3;
/** The error has risen when a coarse point lies so many standard errors above the best, or two in a row one. */
const clearRise = 2;

/**
 * k-fold cross-validation of beta (Stone 1974; one-standard-error rule: Breiman et al. 1984). All folds go down every second, fourth, ... point
 * of the grid together, each from its own last solution, until the error has clearly risen, or the grid ends and the error no longer falls; then the
 * gaps around the point that the rule picks are halved until its neighbours on the grid are known. `onPoint` is given the curve whenever it has
 * another point. Cut short by the control, the result has the points that all folds have. betaMax itself, where the network is zero or nearly, is
 * tried only when the points next to it ask for it.
 */
export async function crossValidate<Warm>(
  folds: readonly Fold<Warm>[],
  options: CrossOptions,
  control: Control,
  onPoint?: (soFar: CrossValidation) => void,
): Promise<CrossValidation> {
  const curve = new Curve(folds, options, control);
  const measured = async (k: number): Promise<boolean> => {
    const complete = await curve.measure(k);
    if (complete) onPoint?.(curve.found('cut short'));
    return complete;
  };
  const stride = strideOf(curve.step);
  let end: CrossEnd | undefined;
  for (let k = stride; ; k += stride) {
    end = curve.endBefore(k);
    if (end !== undefined) break;
    if (!(await measured(k))) return curve.found('cut short');
  }
  for (let gap = stride / 2; gap >= 1; gap /= 2) {
    // the pick may move to a new point, whose neighbours are then wanted
    for (;;) {
      const next = curve.neighbours(gap).find((k) => !curve.has(k));
      if (next === undefined) break;
      if (!(await measured(next))) return curve.found('cut short');
    }
  }
  return curve.found(end);
}

/** The largest power of two of grid steps that is no coarser than `coarsest`. */
function strideOf(step: number): number {
  let stride = 1;
  while (step ** (2 * stride) >= coarsest) stride *= 2;
  return stride;
}

/** The points so far, by their place on the grid. */
class Curve<Warm> {
  readonly step: number;
  private readonly points = new Map<number, { readonly point: CrossPoint; readonly warm: readonly Warm[] }>();

  constructor(
    private readonly folds: readonly Fold<Warm>[],
    private readonly options: CrossOptions,
    private readonly control: Control,
  ) {
    const { points, smallest } = options;
    this.step = points > 1 ? smallest ** (1 / (points - 1)) : smallest;
  }

  has(k: number): boolean {
    return this.points.has(k);
  }

  /** Trains all folds at a point of the grid, from the nearest one above; false when cut short. */
  async measure(k: number): Promise<boolean> {
    const { folds, control, options } = this;
    const beta = options.betaMax * this.step ** k;
    const above = Math.max(...[...this.points.keys()].filter((other) => other < k));
    const start = this.points.get(above)?.warm;
    const fits = await Promise.all(
      folds.map(async (fold, f) =>
        control.shouldStop() ? undefined : await fold.solve(beta * fold.share, start?.[f]),
      ),
    );
    const complete = fits.filter((fit) => fit !== undefined);
    if (complete.length < folds.length) return false;
    this.points.set(k, { point: pointOf(beta, folds, complete), warm: complete.map(({ warm }) => warm) });
    return true;
  }

  /** Why the coarse curve ends before point k of the grid; undefined when it goes on. */
  endBefore(k: number): CrossEnd | undefined {
    const { points, best } = this.found('cut short');
    if (best < 0) return undefined;
    const { mean, standardError } = points[best];
    const after = points.slice(best + 1).slice(-2);
    const above = (point: CrossPoint, errors: number): boolean => point.mean > mean + errors * standardError;
    if (after.some((point) => above(point, clearRise)) || (after.length === 2 && after.every((p) => above(p, 1)))) {
      return 'risen';
    }
    if (k <= this.options.points - 1) return undefined;
    const falling = best === points.length - 1;
    return falling && this.step ** k >= this.options.floor ? undefined : 'smallest';
  }

  /** The places `gap` next to the one that is picked, on the grid. */
  neighbours(gap: number): number[] {
    const places = [...this.points.keys()].sort((a, b) => a - b);
    const { best, oneStandardError } = this.found('cut short');
    const picked = places[this.options.rule === 'smallest' ? best : oneStandardError];
    // beyond the last coarse point nothing is wanted
    const last = Math.max(...places);
    return [picked - gap, picked + gap].filter((k) => k >= 0 && k <= last);
  }

  found(end: CrossEnd): CrossValidation {
    const points = [...this.points].sort(([a], [b]) => a - b).map(([, { point }]) => point);
    let best = -1;
    points.forEach(({ mean }, k) => {
      if (best < 0 || mean < points[best].mean) best = k;
    });
    const limit = best < 0 ? 0 : points[best].mean + points[best].standardError;
    const oneStandardError = points.findIndex(({ mean }) => mean <= limit);
    return { points, best, oneStandardError, end };
  }
}

function pointOf<Warm>(beta: number, folds: readonly Fold<Warm>[], fits: readonly FoldFit<Warm>[]): CrossPoint {
  const rows = folds.reduce((sum, fold) => sum + fold.heldOut, 0);
  const mean = folds.reduce((sum, fold, f) => sum + (fold.heldOut * fits[f].error) / rows, 0);
  const apart = folds.map((fold, f) => Math.sqrt(fold.heldOut / rows) * (fits[f].error - mean));
  return {
    beta,
    mean,
    standardError: folds.length > 1 ? rootSumSquares(apart) / Math.sqrt(folds.length - 1) : 0,
    folds: fits.map(({ error }) => error),
    active: fits.reduce((sum, { active }) => sum + active / fits.length, 0),
  };
}
