import type { Kernels, RowOperator } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { createRng } from '../../base/rng.ts';
import { type Ascended, type AscentOptions, ascendTogether } from './batchAscent.ts';

/** From so many rows on ascents look at so many of them first, drawn with replacement. */
export const manyRows = 20_000;
/** Rows of the samples, each of which leads to the next and the last to all rows; those a fourth of all rows does not exceed are left out, but the first. */
const samples = [8192, 131_072] as const;
const least = 4;
/** The best of a sample, which then go on with more rows; of a large one, which values of all rows are near, only those not below this share of the values of interest. */
const goOn = 16;
const promising = 0.85;

/** Numbers of the products of directions with rows that are made at a time. */
const productsTogether = 2 ** 18;

/** Ascents of directions on the rows of X, as `ascendTogether`; where rows are many samples of them show the way. Values are exact in the end. */
export class Ascents {
  /** Places of the rows of each sample. */
  private readonly orders: readonly Int32Array[];

  /** `operator` makes products with X. */
  constructor(
    private readonly kernels: Kernels,
    private readonly X: DenseMatrix,
    private readonly operator: RowOperator,
  ) {
    const sizes = X.rows < manyRows ? [] : samples.filter((size, k) => k === 0 || least * size <= X.rows);
    this.orders = sizes.map((size, k) => {
      const rng = createRng(1 + k).fork('rows of ascents');
      return Int32Array.from({ length: size }, () => rng.integer(X.rows)).sort();
    });
  }

  climb(
    v: Float64Array,
    starts: DenseMatrix,
    options: AscentOptions,
    shouldStop: () => boolean,
  ): Ascended[] | undefined {
    const { kernels, X } = this;
    let from = starts;
    for (const [k, order] of this.orders.entries()) {
      // each row of a sample stands for so many
      const share = v.length / order.length;
      const weights = Float64Array.from(order, (i) => share * v[i]);
      const tops = ascendTogether({ kernels, X, order }, weights, from, options, shouldStop);
      if (tops === undefined) return undefined;
      const good = tops.filter(({ value }, place) => k === 0 || place === 0 || value >= promising * options.above);
      from = denseMatrix(Math.min(goOn, good.length), starts.cols);
      for (let row = 0; row < from.rows; row++) from.data.set(good[row].direction, row * starts.cols);
    }
    const tops = ascendTogether({ kernels, X, order: null }, v, from, options, shouldStop);
    return tops === undefined ? undefined : this.exactly(v, tops, options.sign);
  }

  /** The same directions with their values in double precision. */
  private exactly(v: Float64Array, tops: readonly Ascended[], sign: 1 | -1): Ascended[] {
    const { X, operator } = this;
    const U = new Float64Array(tops.length * X.cols);
    tops.forEach(({ direction }, k) => U.set(direction, k * X.cols));
    const values = new Float64Array(tops.length);
    const block = Math.max(1, Math.floor(productsTogether / Math.max(1, tops.length)));
    const T = new Float64Array(tops.length * Math.min(block, X.rows));
    for (let from = 0; from < X.rows && tops.length > 0; from += block) {
      const to = Math.min(X.rows, from + block);
      operator.products(U, tops.length, T, { from, to });
      for (let k = 0, at = 0; k < tops.length; k++)
        for (let i = from; i < to; i++, at++) if (T[at] > 0) values[k] += sign * v[i] * T[at];
    }
    return tops
      .map(({ direction, starts }, k) => ({ value: values[k], direction, starts }))
      .filter(({ value }) => value > 0)
      .sort((a, b) => b.value - a.value);
  }
}
