import { withDeadline } from '../../core/base/control.ts';
import type { PathSegment } from '../../core/certify/global/certifiedPath.ts';
import type { PathPoint, PathRecord } from '../../shared/run.ts';
import { pathProofOf } from '../../shared/pathProof.ts';
import { boundOverFamily, searchesPatterns } from '../../shared/verdict.ts';
import { quiet } from '../context.ts';
import type { SolvedDraft, Stage } from '../draft.ts';
import { familyOf } from '../family/registry.ts';
import { atBeta, posedOf, solveOptions } from './solve.ts';

/** Share of the time of a proof that all points of the path get together, and a single one of them at most. */
const shares = { all: 0.5, one: 0.15 } as const;

/**
 * Bounds over all networks at points of the path, which together hold for every beta between (`certifiedPath`): the ends first, then always the middle of
 * the segment whose gap is largest, until all are proven or the time is up.
 */
export const pathProofStage: Stage = {
  name: 'path-proof',
  wanted: ({ path, settings }) =>
    path !== undefined &&
    path.points.length > 1 &&
    path.proofSeconds === undefined &&
    settings.certifySeconds > 0 &&
    searchesPatterns({ settings }),
  async run(draft, { deps, listener, control }, show) {
    const { settings, problem } = draft;
    const path = draft.path!;
    const family = familyOf(problem.model);
    const seconds = shares.all * settings.certifySeconds;
    const began = control.now();
    const limited = withDeadline(control, seconds);
    const options = { ...solveOptions(draft, deps), certifySeconds: shares.one * settings.certifySeconds };
    const points = [...path.points];
    const withPoints = (): SolvedDraft => ({ ...draft, path: { ...path, points: [...points] } });
    for (let next = nextOf(points); next !== undefined && !limited.shouldStop(); next = nextOf(points)) {
      const { beta } = points[next];
      listener.progress({
        stage: 'path-proof',
        fraction: Math.min(1, (control.now() - began) / seconds),
        message: `Path: proving point ${next + 1} of ${points.length}`,
      });
      await deps.pause();
      const warm = draft.pathWarm?.[next] ?? draft.warm;
      const posed = { ...posedOf(draft), problem: atBeta(problem, beta) };
      const { solution } = family.solve(posed, { ...options, warm }, quiet(limited));
      const bound = boundOverFamily({ solution });
      // cut off before there was one
      if (!(bound > -Infinity)) break;
      points[next] = { ...points[next], lowerBound: Math.min(bound, points[next].objective) };
      show(withPoints());
    }
    if (control.shouldStop()) return withPoints();
    const proven: PathRecord = { ...path, points, proofSeconds: control.now() - began };
    return { ...draft, path: proven };
  },
};

/** The point that a bound is wanted at next: an end, or the middle of the loosest segment that has points inside. */
function nextOf(points: readonly PathPoint[]): number | undefined {
  const last = points.length - 1;
  if (points[last].lowerBound === undefined) return last;
  if (points[0].lowerBound === undefined) return 0;
  const proof = pathProofOf({ points });
  const open = (proof?.segments ?? []).flatMap(({ from, to, gap }: PathSegment) => {
    const inside = points.flatMap(({ beta }, k) => (beta > from && beta < to ? [k] : []));
    return inside.length === 0 || gap < enough ? [] : [{ gap, middle: inside[inside.length >> 1] }];
  });
  if (open.length === 0) return undefined;
  return open.reduce((a, b) => (b.gap > a.gap ? b : a)).middle;
}

/** A relative gap at which a segment needs no further point. */
const enough = 1e-4;
