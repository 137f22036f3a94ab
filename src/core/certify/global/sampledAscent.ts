import type { DirectionSearch, Kernels } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix, rowOf } from '../../base/linalg/matrix.ts';
import { createRng } from '../../base/rng.ts';
import { type Ascended, type AscentOptions, ascendTogether } from './batchAscent.ts';

/** From so many rows on ascents look at so many of them first, drawn with replacement. */
export const manyRows = 20_000;
const sampled = 8192;
/** The best of those, which then go on with all rows. */
const goOn = 16;

/** Ascents of directions on the rows of X, as `ascendTogether`; where rows are many a sample of them shows the way. */
export class Ascents {
  private readonly search: DirectionSearch;
  private readonly some: { readonly search: DirectionSearch; readonly order: Int32Array } | undefined;

  constructor(kernels: Kernels, X: DenseMatrix) {
    this.search = kernels.createDirectionSearch(X);
    if (X.rows < manyRows) return;
    const rng = createRng(1).fork('rows of ascents');
    const order = Int32Array.from({ length: sampled }, () => rng.integer(X.rows)).sort();
    const rows = denseMatrix(sampled, X.cols);
    order.forEach((i, k) => rows.data.set(rowOf(X, i), k * X.cols));
    this.some = { search: kernels.createDirectionSearch(rows), order };
  }

  dispose(): void {
    this.search.dispose();
    this.some?.search.dispose();
  }

  climb(
    v: Float64Array,
    starts: DenseMatrix,
    options: AscentOptions,
    shouldStop: () => boolean,
  ): Ascended[] | undefined {
    if (this.some === undefined) return ascendTogether(this.search, v, starts, options, shouldStop);
    const { search, order } = this.some;
    const share = v.length / order.length;
    const few = ascendTogether(
      search,
      Float64Array.from(order, (i) => share * v[i]),
      starts,
      options,
      shouldStop,
    );
    if (few === undefined) return undefined;
    const best = denseMatrix(Math.min(goOn, few.length), starts.cols);
    for (let k = 0; k < best.rows; k++) best.data.set(few[k].direction, k * starts.cols);
    return ascendTogether(this.search, v, best, options, shouldStop);
  }
}
