import type { DenseMatrix } from '../base/linalg/matrix.ts';

export type LossName = 'squared' | 'logistic' | 'softmax' | 'hinge';
export type ModelName = 'gated-relu' | 'relu' | 'linear' | 'three-layer';
export type BiasMode = 'none' | 'regularized' | 'free';
export type OutputPenalty = 'per-output' | 'frobenius' | 'nuclear';

export type Arrangements =
  | {
      readonly kind: 'given';
      /** P x d gate vectors: gate i is on at row r where x_r . g_i >= 0 */ readonly gates: DenseMatrix;
    }
  | { readonly kind: 'sampled'; readonly count: number; readonly seed: number }
  | { readonly kind: 'adaptive'; readonly seed: number }
  | { readonly kind: 'all' };

/**
 * A training problem: min over networks of loss(f(X), y) + beta * penalty, in the sum-half convention
 * (squared loss is half the sum of squares; every loss is summed over rows, never averaged).
 */
export interface Problem {
  /** n x d, without the bias column. */
  readonly X: DenseMatrix;
  /** n x c targets for squared loss; n x 1 of -1/+1 for logistic and hinge; n x 1 of class ids 0..c-1 for softmax. */
  readonly y: DenseMatrix;
  /** Number of outputs of the network, c. */
  readonly outputs: number;
  readonly model: ModelName;
  readonly loss: LossName;
  readonly beta: number;
  readonly arrangements: Arrangements;
  readonly outputPenalty: OutputPenalty;
  readonly bias: BiasMode;
  /** First hidden width of a three-layer sub-network. */
  readonly hidden?: { readonly m1: number };
  /** Number of layers of a deep linear network. */
  readonly depth?: number;
  /** Relative duality gap asked for. */
  readonly tolerance: number;
}
