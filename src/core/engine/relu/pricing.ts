import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { ConeProjector } from '../../base/linalg/nnls.ts';
import type { ConeCell } from './cell.ts';

/**
 * Prices of cells at a dual point v: the largest sign * v'(Xu) over u in the cell with ||u|| <= 1, i.e. the dual constraint of the
 * cell-restricted program. Column `output` of V (n x c) is used.
 */
export class CellPricer {
  /** Where the last price is attained (up to its length), effective inputs. */
  readonly direction: Float64Array;
  private readonly projector: ConeProjector;
  private readonly slope: Float64Array;

  constructor(
    private readonly X: DenseMatrix,
    penalizedCols: number,
  ) {
    this.projector = new ConeProjector(X, penalizedCols);
    this.slope = new Float64Array(X.cols);
    this.direction = new Float64Array(X.cols);
  }

  /** slope := sign X'D v; returns its norm over the penalised columns of the cell, an upper bound of the price when no bias is free. */
  private slopeOf(cell: ConeCell, V: Float64Array, c: number, output: number, sign: number): number {
    const { X, slope } = this;
    const d = X.cols;
    slope.fill(0);
    for (const i of cell.on) {
      const value = sign * V[i * c + output];
      for (let j = 0, at = i * d; j < d; j++) slope[j] += value * X.data[at + j];
    }
    let s = 0;
    for (let j = 0; j < cell.q; j++) s += slope[j] * slope[j];
    return Math.sqrt(s);
  }

  /**
   * The price. Not computed to the end when the unconstrained norm, an upper bound, is at most `threshold`: that norm is returned then,
   * and `direction` is not set.
   */
  price(cell: ConeCell, V: Float64Array, c: number, output: number, sign: number, threshold = 0): number {
    const { X, slope, direction } = this;
    const bound = this.slopeOf(cell, V, c, output, sign);
    if (cell.linear) {
      direction.fill(0);
      for (let j = 0; j < cell.q; j++) direction[j] = slope[j];
      return bound;
    }
    const free = cell.q < X.cols;
    if (!free && bound <= threshold) return bound;
    return this.projector.project(cell.signs, slope, direction);
  }
}
