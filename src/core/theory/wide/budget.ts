import { KernelMemoryError } from '../../base/kernels/kernels.ts';
import { type MlpShape, layersOf } from '../../descent/mlp.ts';
import { ProblemError } from '../../base/problemError.ts';
import { tangentKernelBytes } from './tangentKernel.ts';

/** Memory a width study may take, and the rows a kernel may have, unless the caller says otherwise. */
export const defaultBudgetBytes = 2 * 2 ** 30;
export const defaultKernelRows = 500;

/** Bytes that training and the kernels of one network take: about seven parameter vectors and the work space of one kernel. */
export function trainingBytes(shape: MlpShape, rows: number): number {
  return 7 * 8 * layersOf(shape).size + tangentKernelBytes(shape, rows);
}

/** The shape with every hidden layer of the given width. */
export function withWidth(shape: MlpShape, width: number): MlpShape {
  return { ...shape, hidden: shape.hidden.map(() => width) };
}

/**
 * Refuses widths beyond the budget before anything is allocated; `bytesOf`: what one network takes.
 * @throws {KernelMemoryError} saying the largest width that fits
 */
export function checkWidths(
  shape: MlpShape,
  widths: readonly number[],
  rows: number,
  budgetBytes: number,
  bytesOf: (shape: MlpShape, rows: number) => number = trainingBytes,
): void {
  const widest = Math.max(...widths);
  const needed = bytesOf(withWidth(shape, widest), rows);
  if (needed <= budgetBytes) return;
  let low = 0;
  let high = widest;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (bytesOf(withWidth(shape, middle), rows) <= budgetBytes) low = middle;
    else high = middle;
  }
  throw new KernelMemoryError(
    needed,
    budgetBytes,
    low > 0
      ? `width ${widest} is too large, width ${low} fits on ${rows} rows`
      : `not even width 1 fits on ${rows} rows; take fewer rows`,
  );
}

/** Refuses kernels on more rows than the limit and says how to get a sample. */
export function checkKernelRows(rows: number, limit: number): void {
  if (rows <= limit) return;
  const megabytes = Math.round((8 * rows * rows) / 2 ** 20);
  throw new ProblemError(
    `a kernel on ${rows} rows would have ${rows} x ${rows} entries (${megabytes} MiB) and cubic cost; the limit is ${limit} rows. ` +
      `Take a seeded sample of the rows (maxRows=${limit}, with its seed) or raise the limit`,
    { field: 'X' },
  );
}
