import type { Problem } from '../../core/problem/problem.ts';
import { modelTraits } from '../../shared/models.ts';

/**
 * The same problem with its activation patterns searched for, where they were to be listed and the model may search: listing them proves what the search
 * finds, so that solves whose proof nobody reads (thresholds, folds, a first network) need no list.
 */
export function searching(problem: Problem): Problem {
  const listed = problem.arrangements.kind === 'all' && modelTraits(problem.model).patterns === 'free';
  return listed ? { ...problem, arrangements: { kind: 'adaptive', seed: 1 } } : problem;
}
