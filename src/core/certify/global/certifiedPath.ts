import { relativeGap } from '../../problem/gap.ts';

/** A network of a regularisation path, and what is proven at its beta over all networks. */
export interface PathPoint {
  readonly beta: number;
  /** The parts of its objective: datafit + beta * penalty. */
  readonly datafit: number;
  readonly penalty: number;
  /** Proven by a dual point that is feasible over all networks at `beta` (`GlobalBound.lowerBound`); left out where nothing was. */
  readonly lowerBound?: number | undefined;
}

/** One gap that holds for every beta between two proven neighbours of a path. */
export interface PathSegment {
  readonly from: number;
  readonly to: number;
  /** At no beta of the segment is the best network of the path further than this from the best of all, relative to its objective. */
  readonly gap: number;
  /** Where it is that much. */
  readonly at: number;
}

/**
 * Gaps for all beta between the ends of a path, not only at its points. Both sides of weak duality interpolate: the dual maximum M is convex and -l*
 * concave, so that the point (1 - s) V_0 + s V_1 is feasible at (1 - s) beta_0 + s beta_1 and proves at least (1 - s) D_0 + s D_1; and the objective of every
 * network of the path is linear in beta, so that the least of them is concave and linear between crossings. The gap is a quotient of linear functions between
 * those, so its largest value is at an end or at a crossing.
 *
 * @param points in any order, of different beta, two or more of them with a lower bound
 * @throws {RangeError} when there are fewer, or two have the same beta
 */
export function certifiedPath(points: readonly PathPoint[]): {
  readonly segments: readonly PathSegment[];
  readonly gap: number;
} {
  const proven = points
    .flatMap(({ beta, lowerBound }) => (lowerBound === undefined ? [] : [{ beta, lowerBound }]))
    .sort((a, b) => a.beta - b.beta);
  if (proven.length < 2) throw new RangeError('a certified path needs two proven points at least');
  const crossings = crossingsOf(points);
  const segments = proven.slice(1).map((right, k): PathSegment => {
    const left = proven[k];
    const width = right.beta - left.beta;
    if (!(width > 0)) throw new RangeError(`two points of the path have beta ${left.beta}`);
    const bound = (beta: number): number => {
      const s = (beta - left.beta) / width;
      return (1 - s) * left.lowerBound + s * right.lowerBound;
    };
    const inside = crossings.filter((beta) => beta > left.beta && beta < right.beta);
    // a bound may lie above an objective by rounding only
    let [gap, at] = [0, left.beta];
    for (const beta of [left.beta, ...inside, right.beta]) {
      const here = relativeGap(objectiveAlong(points, beta), bound(beta));
      if (here > gap) [gap, at] = [here, beta];
    }
    return { from: left.beta, to: right.beta, gap, at };
  });
  return { segments, gap: Math.max(...segments.map(({ gap }) => gap)) };
}

/** Objective at a beta of the best network of a path. */
export function objectiveAlong(points: readonly PathPoint[], beta: number): number {
  return Math.min(...points.map(({ datafit, penalty }) => datafit + beta * penalty));
}

/** Where two networks of a path are equally good. */
function crossingsOf(points: readonly PathPoint[]): number[] {
  return points.flatMap((a, k) =>
    points.slice(k + 1).flatMap((b) => {
      const beta = (b.datafit - a.datafit) / (a.penalty - b.penalty);
      return Number.isFinite(beta) ? [beta] : [];
    }),
  );
}
