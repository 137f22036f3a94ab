import { pairsOf } from '../patterns.ts';
import type { BlockPlace, SymmetricSystem } from './kernels.ts';
import { type Operand, Operation, rowMajor, transposed, type WasmContext } from './wasmContext.ts';

/** Columns factored at a time, and columns after which the rest of the matrix is updated. */
const BLOCK = 64;
const OUTER = 256;
/** Rows of a panel solved by one piece. */
const PANEL_ROWS = 128;

export class WasmSymmetricSystem implements SymmetricSystem {
  /** Where the matrix is. */
  readonly address: number;
  private disposed = false;

  constructor(
    private readonly context: WasmContext,
    readonly order: number,
  ) {
    const { heap } = context;
    const fits = Math.floor(Math.sqrt(heap.bytesAvailable / 8));
    this.address = heap.allocate(8 * order * order, `a symmetric matrix of order ${fits} would fit`);
  }

  get matrix(): Float64Array {
    return this.context.heap.viewAt(this.address, this.order * this.order);
  }

  clear(): void {
    this.context.exports.clearLower(this.order, this.address);
  }

  addDiagonal(s: Float64Array | number): void {
    const { f64 } = this.context.heap;
    for (let i = 0, at = this.address / 8; i < this.order; i++, at += this.order + 1) {
      f64[at] += typeof s === 'number' ? s : s[i];
    }
  }

  addProduct(trans: boolean, k: number, alpha: number, A: Float64Array, w?: Float64Array): void {
    const { context, order: n } = this;
    if (n === 0 || k === 0) return;
    context.beginStage(8 * (n * k + k));
    const at = context.stageIn(A, n * k);
    const weights = w === undefined ? undefined : context.stageIn(w, k);
    const A1 = trans ? transposed(at, n) : rowMajor(at, k);
    const B = trans ? rowMajor(at, n) : transposed(at, k);
    const C = rowMajor(this.address, n);
    context.gemm({ m: n, n, k, alpha, A: A1, w: weights, B, beta: 1, C, lower: true });
  }

  addBlocks(blocks: Float64Array, own: Float64Array, d: number, places: readonly BlockPlace[]): void {
    const { context, order: n, address } = this;
    const { heap } = context;
    const m = places.length;
    const pairs = pairsOf(m);
    if (pairs === 0 || d === 0) return;
    const numbers = places.reduce((sum, { basis }) => sum + (basis?.length ?? 0), 0);
    context.beginStage(8 * ((pairs + m) * d * d + numbers + 8 * m + 2 * m));
    const [b, o] = [context.stageIn(blocks, pairs * d * d), context.stageIn(own, m * d * d)];
    const table = context.stageRoom(2 * m);
    places.forEach(({ from, dim, sign, basis }, a) => {
      const Z = basis === undefined ? 0 : context.stageIn(basis, dim * d);
      heap.i32.set([from, dim, sign, Z], table / 4 + 4 * a);
    });
    context.run(Operation.addBlocks, pairs, 2 * pairs * d ** 3, [n, d, address, b, o, table]);
  }

  /**
   * Right-looking in two levels: blocks of 64 columns within panels of 256, so that the matrix behind the panel passes through the cache
   * only once per 256 columns.
   */
  factor(): boolean {
    const { order: n } = this;
    for (let start = 0; start < n; start += OUTER) {
      const end = Math.min(n, start + OUTER);
      for (let k = start; k < end; k += BLOCK) {
        const next = Math.min(k + BLOCK, end);
        if (this.context.exports.factorBlock(next - k, this.entry(k, k), 8 * n) === 0) return false;
        if (next === n) return true;
        const rows = n - next;
        const width = next - k;
        this.context.run(Operation.panel, Math.ceil(rows / PANEL_ROWS), (rows * width * width) / 2, [
          rows,
          PANEL_ROWS,
          width,
          this.entry(k, k),
          this.entry(next, k),
          n,
        ]);
        this.update(next, end, k, next);
      }
      this.update(end, n, start, end);
    }
    return true;
  }

  solve(B: Float64Array, columns = 1): void {
    this.substitute(B, columns, true, true);
  }

  solveLower(B: Float64Array, columns = 1): void {
    this.substitute(B, columns, true, false);
  }

  solveUpper(B: Float64Array, columns = 1): void {
    this.substitute(B, columns, false, true);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.context.heap.release(this.address);
  }

  private entry(i: number, j: number): number {
    return this.address + 8 * (i * this.order + j);
  }

  /** Columns [from, to) from the diagonal down -= what the factor's columns [first, last) contribute. */
  private update(from: number, to: number, first: number, last: number): void {
    const n = this.order;
    const panel = this.entry(from, first);
    const [A, B, C] = [rowMajor(panel, n), transposed(panel, n), rowMajor(this.entry(from, from), n)];
    const k = last - first;
    this.context.gemm({ m: n - from, n: to - from, k, alpha: -1, A, B, beta: 1, C, lower: true });
  }

  private substitute(B: Float64Array, columns: number, lower: boolean, upper: boolean): void {
    const { context, order: n } = this;
    const { exports } = context;
    if (n === 0 || columns === 0) return;
    context.beginStage(8 * n * columns);
    const b = context.stageIn(B, n * columns);
    if (columns === 1) {
      if (lower) exports.solveLowerVector(n, this.address, b);
      if (upper) exports.solveUpperVector(n, this.address, b);
    } else {
      if (lower) this.lowerColumns(b, columns);
      if (upper) this.upperColumns(b, columns);
    }
    context.stageOut(B, n * columns, b);
  }

  /** In two levels, as the factor: what is behind a panel is updated by it in pieces that threads share. */
  private lowerColumns(b: number, columns: number): void {
    const { order: n } = this;
    for (let start = 0; start < n; start += OUTER) {
      const end = Math.min(n, start + OUTER);
      for (let k = start; k < end; k += BLOCK) {
        const next = Math.min(k + BLOCK, end);
        this.context.exports.solveLowerBlock(next - k, columns, this.entry(k, k), 8 * n, b + 8 * k * columns);
        this.subtract(rowMajor(this.entry(next, k), n), b, columns, { from: next, to: end, first: k, last: next });
      }
      this.subtract(rowMajor(this.entry(end, start), n), b, columns, { from: end, to: n, first: start, last: end });
    }
  }

  private upperColumns(b: number, columns: number): void {
    const { order: n } = this;
    for (let start = Math.floor((n - 1) / OUTER) * OUTER; start >= 0; start -= OUTER) {
      const end = Math.min(n, start + OUTER);
      for (let k = start + Math.floor((end - start - 1) / BLOCK) * BLOCK; k >= start; k -= BLOCK) {
        const next = Math.min(k + BLOCK, end);
        this.context.exports.solveUpperBlock(next - k, columns, this.entry(k, k), 8 * n, b + 8 * k * columns);
        this.subtract(transposed(this.entry(k, start), n), b, columns, { from: start, to: k, first: k, last: next });
      }
      this.subtract(transposed(this.entry(start, 0), n), b, columns, { from: 0, to: start, first: start, last: end });
    }
  }

  /** Rows [from, to) of B -= the part A of the factor times its rows [first, last). */
  private subtract(
    A: Operand,
    b: number,
    columns: number,
    { from, to, first, last }: Readonly<Record<'from' | 'to' | 'first' | 'last', number>>,
  ): void {
    const [B, C] = [rowMajor(b + 8 * first * columns, columns), rowMajor(b + 8 * from * columns, columns)];
    this.context.gemm({ m: to - from, n: columns, k: last - first, alpha: -1, A, B, beta: 1, C });
  }
}
