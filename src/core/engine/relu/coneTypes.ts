import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import type { ConeCell } from './cell.ts';

/** One group of the program: the vectors u of a cell that feed one output with one sign. */
export interface ConeGroup {
  readonly cell: ConeCell;
  readonly output: number;
  readonly sign: 1 | -1;
}

/** min over u_g in K_g and the offset of  l(sum_g sign_g D_g X u_g + offset) + beta sum_g ||u_g||. */
export interface ConeProgram {
  /** n x d effective inputs, row-major. */
  readonly X: DenseMatrix;
  /** Columns in the norm: d, or d - 1 with a free bias. */
  readonly penalizedCols: number;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly groups: readonly ConeGroup[];
  /** A free constant per output is added to the fit. */
  readonly offset: boolean;
  readonly kernels?: Kernels | undefined;
}

/** Where to start: what an earlier call returned, or as much of it as there is. */
export interface ConeStart {
  /** One vector per group; zero where undefined. */
  readonly vectors: readonly (Float64Array | undefined)[];
  readonly offset: Float64Array;
  /** n x c, inside the domain of the conjugate; minus the gradient at the fit of the vectors when left out. */
  readonly V?: Float64Array;
  /** Of an earlier call on nearly the same program. */
  readonly sigma?: number;
}

export interface ConeProgramResult {
  /** Inside the cones up to rounding, d numbers per group, exactly zero where a group is not needed. */
  readonly vectors: readonly Float64Array[];
  /** Rows on whose hyperplane each vector lies with a multiplier. */
  readonly tight: readonly Int32Array[];
  readonly offset: Float64Array;
  /** n x c */
  readonly fit: Float64Array;
  readonly objective: number;
  /** The dual point at the end, n x c. */
  readonly V: Float64Array;
  readonly sigma: number;
  readonly iterations: number;
  /** Relative duality gap as the method saw it. */
  readonly gap: number;
  readonly stopped: boolean;
}

export type OnStep = (objective: number, active: number, iterations: number) => void;
