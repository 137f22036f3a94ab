import type { DenseMatrix } from '../base/linalg/matrix.ts';
import { type LossName, lossOf } from './datafits/losses.ts';
import { type OutputPenalty, penaltyOf } from './penalties/penalties.ts';
import { type ModelName, modelOf } from './models.ts';
import { namedEntry, namesOf } from '../base/registry.ts';

export { modelNames, modelOf } from './models.ts';
export type { LossName, ModelName, OutputPenalty };

/** What a bias mode does with the hidden biases. */
export interface BiasTraits {
  /** Neurons have one: effective inputs end with a column of ones. */
  readonly column: boolean;
  /** It counts as a weight in the penalty. */
  readonly counted: boolean;
  /** It costs nothing, and an output offset comes with it. */
  readonly free: boolean;
}

const biases = {
  none: { column: false, counted: false, free: false },
  regularized: { column: true, counted: true, free: false },
  free: { column: true, counted: false, free: true },
} as const satisfies Record<string, BiasTraits>;

export type BiasMode = keyof typeof biases;

export const biasModes = namesOf(biases);

/**
 * What a bias mode means.
 * @throws {ProblemError} naming the modes there are, when it is none of them
 */
export function biasOf(mode: BiasMode): BiasTraits {
  return namedEntry(biases, mode, 'bias');
}

/**
 * Checks that the loss, penalty, bias and model of a problem are some that there are.
 * @throws {ProblemError} on the field that is wrong
 */
export function checkNames({ loss, outputPenalty, bias, model }: Problem): void {
  lossOf(loss);
  penaltyOf(outputPenalty);
  biasOf(bias);
  modelOf(model);
}

/** Gates that are drawn when nobody says how many. */
export const defaultGateCount = 200;

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
  /** n x c targets for squared and Huber loss; n x c of -1/+1 for logistic and hinge; n x 1 of class ids 0..c-1 for softmax. */
  readonly y: DenseMatrix;
  /** Number of outputs of the network, c. */
  readonly outputs: number;
  readonly model: ModelName;
  readonly loss: LossName;
  /** Huber loss: the size of residual from which on it is linear, in the units of y. */
  readonly delta?: number | undefined;
  /** n positive numbers: the loss of row i counts so many times. Left out: all are 1. */
  readonly weights?: Float64Array | undefined;
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
