import {
  certifiedPath,
  objectiveAlong,
  type PathPoint,
  type PathSegment,
} from '../core/certify/global/certifiedPath.ts';
import type { PathRecord } from './run.ts';

/** What is proven for all beta between two ends of a path. */
export interface PathProof {
  readonly segments: readonly PathSegment[];
  /** The largest of their gaps. */
  readonly gap: number;
  readonly from: number;
  readonly to: number;
  /** Objective of the best network of the path at a beta. */
  objectiveAt(beta: number): number;
}

/** The certificate that the proven points of a path make together; undefined where fewer than two were proven. */
export function pathProofOf(path: Pick<PathRecord, 'points'>): PathProof | undefined {
  const points = path.points.map(({ beta, objective, norm, lowerBound }): PathPoint => ({
    beta,
    datafit: objective - beta * norm,
    penalty: norm,
    lowerBound,
  }));
  if (points.filter(({ lowerBound }) => lowerBound !== undefined).length < 2) return undefined;
  const { segments, gap } = certifiedPath(points);
  return {
    segments,
    gap,
    from: segments[0].from,
    to: segments[segments.length - 1].to,
    objectiveAt: (beta) => objectiveAlong(points, beta),
  };
}
