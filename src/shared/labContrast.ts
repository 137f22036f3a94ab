/** A wide network trained without regularisation against the convex optimum on the same rows. */
export interface ContrastResult {
  readonly wide: ContrastNetwork & {
    readonly width: number;
    readonly steps: number;
    readonly rate: number;
    readonly diverged: boolean;
    /** ||theta_T - theta_0|| / ||theta_0||. */
    readonly relativeDisplacement: number;
    /** Per neuron, ascending: distance of (w, a) from its start over the size of the start. */
    readonly displacement: readonly number[];
    /** Cosine between each neuron's input weights at the start and at the end, in the same order. */
    readonly cosine: readonly number[];
    readonly curve: { readonly steps: readonly number[]; readonly loss: readonly number[] };
  };
  readonly convex: ContrastNetwork & {
    readonly beta: number;
    readonly betaMax: number;
    readonly objective: number;
    /** Recomputed from the dual point; null: none yet. */
    readonly relativeGap: number | null;
    readonly scope: string;
    /** |output weight| times norm of the input weights per neuron, descending. */
    readonly sizes: readonly number[];
  };
  /** A neuron counts as moved from this relative displacement on. */
  readonly movedFrom: number;
  /** Name of the error that `train` and `test` are: share of wrong rows, or RMSE in units of the target. */
  readonly measure: 'error rate' | 'RMSE';
}

export interface ContrastNetwork {
  /** Neurons that moved (wide) or are not zero (convex). */
  readonly moved: number;
  readonly neurons: number;
  /** sum over neurons of |output weight| times norm of the input weights and bias. */
  readonly norm: number;
  readonly train: number;
  readonly test: number | null;
  /** Half the sum of squared residuals on the training rows. */
  readonly datafit: number;
  readonly seconds: number;
}
