import type { DenseMatrix } from '../base/linalg/matrix.ts';

/**
 * A two-layer network x -> W2' phi(W1 x + b1) + b2. Without `gates` phi is the ReLU; with them neuron j passes
 * w_j . x + b_j on where g_j . x + h_j >= 0 (gated ReLU), (g_j, h_j) being row j of `gates` (h in the last column when `gatesHaveBias`).
 */
export interface TwoLayerNetwork {
  /** m x d */
  readonly W1: DenseMatrix;
  /** m hidden biases (zeros when the model has none). */
  readonly b1: Float64Array;
  /** m x c */
  readonly W2: DenseMatrix;
  /** c output offsets (zeros when the model has none). */
  readonly b2: Float64Array;
  /** m x d gate directions of a gated network. */
  readonly gates?: DenseMatrix;
  /** m gate offsets of a gated network. */
  readonly gateBias?: Float64Array;
}
