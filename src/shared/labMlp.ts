import type { UpdateRule } from '../core/descent/optimizer.ts';
import type { MlpOutcome } from '../core/descent/trainMlp.ts';

/** Networks trained side by side: every update rule on every width from every start. */
export interface MlpResult {
  readonly runs: readonly MlpRunRecord[];
  /** Runs that were asked for; fewer are there after a stop. */
  readonly asked: number;
  /** What `loss` is, e.g. "half the sum of squared errors". */
  readonly lossName: string;
  /** Name of the error that `train` and `test` are: share of wrong rows, or RMSE in units of the target. */
  readonly measure: 'error rate' | 'RMSE';
  /** How the runs ended, in a sentence. */
  readonly sentence: string;
}

export interface MlpRunRecord {
  readonly rule: UpdateRule;
  readonly width: number;
  readonly seed: number;
  readonly parameters: number;
  /** For the mean loss; of the flow the largest step in units of the loss. */
  readonly learningRate: number;
  /** Chosen by trial runs, not given. */
  readonly chosen: boolean;
  readonly outcome: MlpOutcome;
  readonly epochs: number;
  /** Of training, evaluation of the curve not counted. */
  readonly seconds: number;
  /** Summed over the training rows; of the best recorded point if the run diverged. */
  readonly loss: number;
  readonly train: number;
  readonly test: number | null;
  /** ||theta_T - theta_0||, and over ||theta_0||. */
  readonly displacement: number;
  readonly relativeDisplacement: number;
  readonly curve: {
    readonly epochs: readonly number[];
    readonly seconds: readonly number[];
    readonly loss: readonly number[];
    /** Error on the test rows; empty: there are none; null: not evaluated, as the run was being stopped. */
    readonly test: readonly (number | null)[];
  };
}

/** Names of the update rules, in the order in which they are offered. */
export const ruleNames: Readonly<Record<UpdateRule, string>> = {
  sgd: 'gradient descent',
  momentum: 'momentum',
  adam: 'Adam',
  flow: 'gradient flow',
};
