import type { DenseMatrix } from '../base/linalg/matrix.ts';
import { type LossName, lossOf } from './datafits/losses.ts';
import { type OutputPenalty, penaltyOf } from './penalties/penalties.ts';
import { unknownName } from '../base/registry.ts';

export type { LossName, OutputPenalty };

export const modelNames = ['gated-relu', 'relu', 'linear', 'three-layer'] as const;
export type ModelName = (typeof modelNames)[number];

export const biasModes = ['none', 'regularized', 'free'] as const;
export type BiasMode = (typeof biasModes)[number];

/**
 * Checks that the loss, penalty, bias and model of a problem are some that there are.
 * @throws {ProblemError} on the field that is wrong
 */
export function checkNames({ loss, outputPenalty, bias, model }: Problem): void {
  lossOf(loss);
  penaltyOf(outputPenalty);
  if (!biasModes.includes(bias)) unknownName('bias', bias, biasModes);
  if (!modelNames.includes(model)) unknownName('model', model, modelNames);
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
