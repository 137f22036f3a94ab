import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { CellList } from '../../problem/patterns/enumerate.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import type { BiasMode } from '../../problem/problem.ts';
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
  /** All patterns of the rows X, where they were listed. */
  readonly listed?: { readonly X: DenseMatrix; readonly bias: BiasMode; readonly cells: CellList };
}

/** The patterns that an earlier solve of the same rows listed. */
export function listedCells(warm: ReluWarmStart | undefined, X: DenseMatrix, bias: BiasMode): CellList | undefined {
  const listed = warm?.listed;
  return listed?.X === X && listed.bias === bias ? listed.cells : undefined;
}

export function warmStart(warm: unknown, prepared: PreparedProblem): ReluWarmStart | undefined {
  if (typeof warm !== 'object' || warm === null || !('kind' in warm) || warm.kind !== 'relu') return undefined;
  const start = warm as ReluWarmStart;
  const { X, outputs } = prepared;
  return start.rows === X.rows && start.cols === X.cols && start.outputs === outputs ? start : undefined;
}
