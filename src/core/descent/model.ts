/**
 * What a descent needs to know about a network on its data: all parameters in one flat vector, the loss summed over any rows with
 * its gradient, and the penalty. Implementations own their work space, so one model serves one descent at a time.
 */
export interface TrainableModel {
  /** Number of parameters. */
  readonly size: number;
  /** Data rows. */
  readonly rows: number;
  /** Rough floating-point operations of one row, forward and backward: tells how many rows fit between two stop checks. */
  readonly flopsPerRow: number;
  /**
   * Loss summed over the rows `order[start .. start + count)` (or rows `start .. start + count` without `order`); its gradient
   * is added to `gradient` unless that is null.
   */
  addLoss(
    theta: Float64Array,
    order: Int32Array | null,
    start: number,
    count: number,
    gradient: Float64Array | null,
  ): number;
  /** The penalty, and its gradient times `factor` added to `gradient` unless that is null. */
  addPenalty(theta: Float64Array, factor: number, gradient: Float64Array | null): number;
  /** A zeroed parameter vector where the kernels use it in place, and its return. */
  vector(): Float64Array;
  release(vector: Float64Array): void;
  /** Gives the work space back. */
  dispose(): void;
}
