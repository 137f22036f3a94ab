import type { DirectionSearch, Kernels } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix, rowOf } from '../../base/linalg/matrix.ts';
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

/** A sample of the rows, each of which stands for `share`. */
interface Level {
  readonly search: DirectionSearch;
  readonly order: Int32Array;
  readonly rows: Float64Array;
}

/** Ascents of directions on the rows of X, as `ascendTogether`; where rows are many samples of them show the way. */
export class Ascents {
  private readonly search: DirectionSearch;
  private readonly levels: readonly Level[];

  constructor(
    private readonly kernels: Kernels,
    X: DenseMatrix,
  ) {
    this.search = kernels.createDirectionSearch(X);
    const sizes = X.rows < manyRows ? [] : samples.filter((size, k) => k === 0 || least * size <= X.rows);
    this.levels = sizes.map((size, k) => {
      const rng = createRng(1 + k).fork('rows of ascents');
      const order = Int32Array.from({ length: size }, () => rng.integer(X.rows)).sort();
      const rows = kernels.alloc(size * X.cols);
      order.forEach((i, at) => rows.set(rowOf(X, i), at * X.cols));
      return { search: kernels.createDirectionSearch({ rows: size, cols: X.cols, data: rows }), order, rows };
    });
  }

  dispose(): void {
    this.search.dispose();
    for (const { search, rows } of this.levels) {
      search.dispose();
      this.kernels.free(rows);
    }
  }

  climb(
    v: Float64Array,
    starts: DenseMatrix,
    options: AscentOptions,
    shouldStop: () => boolean,
  ): Ascended[] | undefined {
    let from = starts;
    for (const [k, { search, order }] of this.levels.entries()) {
      const share = v.length / order.length;
      const weights = Float64Array.from(order, (i) => share * v[i]);
      const tops = ascendTogether(search, weights, from, options, shouldStop);
      if (tops === undefined) return undefined;
      const good = tops.filter(({ value }, place) => k === 0 || place === 0 || value >= promising * options.above);
      from = denseMatrix(Math.min(goOn, good.length), starts.cols);
      for (let row = 0; row < from.rows; row++) from.data.set(good[row].direction, row * starts.cols);
    }
    return ascendTogether(this.search, v, from, options, shouldStop);
  }
}
