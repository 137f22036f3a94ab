/** The penalty of a gated program: a sum of norms over the blocks U_i (d x c, row-major) of the gates. */
export interface BlockPenalty {
  readonly kind: string;
  /** Acts on singular values rather than on groups of entries: the derivative of its prox is no matrix of a few columns. */
  readonly spectral: boolean;
  readonly features: number;
  readonly outputs: number;
  /** Groups per block: c when outputs stand alone, else 1. */
  readonly groups: number;
  /** Penalty of `blocks` blocks. */
  value(U: Float64Array, blocks: number): number;
  /** U := argmin_U t * penalty(U) + ||U - W||^2 / 2; sizes (blocks x groups) receives the dual norms of W. Returns penalty(U). */
  prox(W: Float64Array, blocks: number, t: number, U: Float64Array, sizes: Float64Array): number;
  /** sizes (blocks x groups) := dual norm of each group of T. Returns the largest. */
  dualNorms(T: Float64Array, blocks: number, sizes: Float64Array): number;
  /**
   * H := (generalised derivative of the prox of threshold t at W) H, for one block: `W` and `H` start at `offset`.
   */
  proxDerivative(W: Float64Array, t: number, H: Float64Array, offset: number): void;
}

/** A penalty: what it does to several outputs, and its norm of the blocks of a gated program. With one output all are the same norm. */
export interface Penalty {
  readonly name: string;
  /** Couples the outputs: neurons feed several of them, and the program does not decouple whatever the loss. */
  readonly joint: boolean;
  /** With several outputs it stands for units with gates of their own, and for no network of plain neurons. */
  readonly gatedOnly: boolean;
  /** How it stands to the weight decay of other frameworks with several outputs: the same objective or not, and what has to be known about it. */
  readonly decay: { readonly same: boolean; readonly note: string | null };
  /** The norm of d x c blocks. */
  block(features: number, outputs: number): BlockPenalty;
}
