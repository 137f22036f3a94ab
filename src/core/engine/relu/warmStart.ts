import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Threshold } from '../solution/threshold.ts';
import type { SolvedNeuron } from './reluProgram.ts';

/** What a later solve of the same data continues from. */
export interface ReluWarmStart {
  readonly kind: 'relu';
  readonly rows: number;
  readonly cols: number;
  readonly outputs: number;
  readonly neurons: readonly SolvedNeuron[];
  readonly offset: Float64Array;
  /** Over all patterns, when it was computed. */
  readonly betaMax?: Threshold;
}

export function warmStart(warm: unknown, prepared: PreparedProblem): ReluWarmStart | undefined {
  if (typeof warm !== 'object' || warm === null || !('kind' in warm) || warm.kind !== 'relu') return undefined;
  const start = warm as ReluWarmStart;
  const { X, outputs } = prepared;
  return start.rows === X.rows && start.cols === X.cols && start.outputs === outputs ? start : undefined;
}
