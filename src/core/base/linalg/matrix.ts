/** A real matrix stored row by row in one buffer: entry (i, j) is `data[i * cols + j]`. */
export interface DenseMatrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float64Array;
}

/** A rows x cols matrix over `data` (not copied); zeros when `data` is left out. */
export function denseMatrix(rows: number, cols: number, data?: Float64Array): DenseMatrix {
  const buffer = data ?? new Float64Array(rows * cols);
  if (buffer.length !== rows * cols) {
    throw new RangeError(`a ${rows} x ${cols} matrix needs ${rows * cols} numbers, not ${buffer.length}`);
  }
  return { rows, cols, data: buffer };
}

/** A matrix from an array of equally long rows. */
export function fromRows(rows: readonly (readonly number[])[], cols: number = rows[0]?.length ?? 0): DenseMatrix {
  const m = denseMatrix(rows.length, cols);
  rows.forEach((row, i) => {
    if (row.length !== cols) throw new RangeError(`row ${i + 1} has ${row.length} numbers, not ${cols}`);
    m.data.set(row, i * cols);
  });
  return m;
}

/** The rows as plain arrays, for JSON. */
export function toRows(m: DenseMatrix): number[][] {
  const { rows, cols, data } = m;
  const out: number[][] = [];
  // without views, which cost more than short rows do
  for (let i = 0, at = 0; i < rows; i++) {
    const row: number[] = [];
    for (let k = 0; k < cols; k++, at++) row.push(data[at]);
    out.push(row);
  }
  return out;
}

/** A plain list of numbers; `Array.from` goes through an iterator and takes four times as long. */
export function toList(values: ArrayLike<number>): number[] {
  const out: number[] = [];
  for (let k = 0; k < values.length; k++) out.push(values[k]);
  return out;
}

/** Row i, as a view on the matrix. */
export function rowOf(m: DenseMatrix, i: number): Float64Array {
  return m.data.subarray(i * m.cols, (i + 1) * m.cols);
}

/** Rows `from` up to, but without, `to`, as a view on the matrix. */
export function rowsOf({ cols, data }: DenseMatrix, from: number, to: number): DenseMatrix {
  return { rows: to - from, cols, data: data.subarray(from * cols, to * cols) };
}

/** Euclidean norm of every row. */
export function rowNorms({ rows, cols, data }: DenseMatrix): Float64Array {
  const out = new Float64Array(rows);
  for (let i = 0, at = 0; i < rows; i++) {
    let s = 0;
    for (let k = 0; k < cols; k++, at++) s += data[at] * data[at];
    out[i] = Math.sqrt(s);
  }
  return out;
}

/** Column k of numbers stored row by row, `cols` to a row. */
export function columnOf(data: ArrayLike<number>, cols: number, k: number): Float64Array {
  const out = new Float64Array(data.length / cols);
  for (let i = 0, at = k; i < out.length; i++, at += cols) out[i] = data[at];
  return out;
}

/** The matrix with a column of ones appended (the regularised bias), in an array that is given or a new one. */
export function withOnesColumn(m: DenseMatrix, place?: Float64Array): DenseMatrix {
  const out = denseMatrix(m.rows, m.cols + 1, place);
  // without views, which cost more than short rows do
  for (let i = 0, from = 0, to = 0; i < m.rows; i++) {
    for (let k = 0; k < m.cols; k++) out.data[to++] = m.data[from++];
    out.data[to++] = 1;
  }
  return out;
}

/** x'y of two vectors of the same length. */
export function dot(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += x[i] * y[i];
  return s;
}

/** Euclidean norm. */
export function norm2(x: ArrayLike<number>): number {
  return Math.sqrt(dot(x, x));
}

/**
 * The power of two at the size of the largest entry (1 when all are zero): dividing by it is exact, and squares then stay in range.
 * @throws {RangeError} when an entry is not finite
 */
export function unitOf(data: Float64Array): number {
  let largest = 0;
  for (const value of data) {
    const size = Math.abs(value);
    if (!(size < Infinity)) throw new RangeError('the matrix has an entry that is not finite');
    if (size > largest) largest = size;
  }
  return largest === 0 ? 1 : 2 ** Math.max(-1022, Math.floor(Math.log2(largest)));
}
