import { relativeGap } from '../../problem/gap.ts';

/** A network of a regularisation path, and what is proven at its beta over all networks. */
export interface PathPoint {
  readonly beta: number;
  /** The parts of its objective: datafit + beta * penalty. */
  readonly datafit: number;
  readonly penalty: number;
  /** Proven by a dual point that is feasible over all networks at `beta` (`GlobalBound.lowerBound`). */
  readonly lowerBound: number;
}

/** One gap that holds for every beta between two neighbours of a path. */
export interface PathSegment {
  readonly from: number;
  readonly to: number;
  /** At no beta of the segment is the better of the two networks further than this from the best, relative to its objective. */
  readonly gap: number;
  /** Where it is that much. */
  readonly at: number;
}

/**
 * Gaps for all beta between the ends of a path, not only at its points. Both sides of weak duality interpolate: the dual maximum M is convex and -l*
 * concave, so that the point (1 - s) V_0 + s V_1 is feasible at (1 - s) beta_0 + s beta_1 and proves at least (1 - s) D_0 + s D_1; and the objectives of the two
 * networks are linear in beta. The gap is a quotient of linear functions between the ends and the beta at which the networks are equally good,
 * so its largest value is at one of these three.
 *
 * @param points two or more, in any order, of different beta
 * @throws {RangeError} when there are fewer, or two have the same beta
 */
export function certifiedPath(points: readonly PathPoint[]): {
  readonly segments: readonly PathSegment[];
  readonly gap: number;
} {
  if (points.length < 2) throw new RangeError('a certified path needs two points at least');
  const sorted = [...points].sort((a, b) => a.beta - b.beta);
  const segments = sorted.slice(1).map((right, k) => segmentBetween(sorted[k], right));
  return { segments, gap: Math.max(...segments.map(({ gap }) => gap)) };
}

function segmentBetween(left: PathPoint, right: PathPoint): PathSegment {
  const width = right.beta - left.beta;
  if (!(width > 0)) throw new RangeError(`two points of the path have beta ${left.beta}`);
  const objective = (beta: number): number =>
    Math.min(left.datafit + beta * left.penalty, right.datafit + beta * right.penalty);
  const bound = (beta: number): number => {
    const s = (beta - left.beta) / width;
    return (1 - s) * left.lowerBound + s * right.lowerBound;
  };
  const candidates = [left.beta, right.beta];
  const crossing = (right.datafit - left.datafit) / (left.penalty - right.penalty);
  if (crossing > left.beta && crossing < right.beta) candidates.push(crossing);
  let [gap, at] = [-Infinity, left.beta];
  for (const beta of candidates) {
    const here = relativeGap(objective(beta), bound(beta));
    if (here > gap) [gap, at] = [here, beta];
  }
  // a bound may lie above an objective by rounding only
  return { from: left.beta, to: right.beta, gap: Math.max(0, gap), at };
}
