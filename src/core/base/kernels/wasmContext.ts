import { KernelsInterrupted } from './kernels.ts';
import { type HelperSetup, MAX_PIECES, type RunPiece, TicketQueue } from './tickets.ts';
import { WasmHeap } from './wasmHeap.ts';

/** Operations of `task` in wasm/module.as.ts; their fields are written by the functions that start them. */
export const Operation = {
  gemm: 0,
  forward: 1,
  adjoint: 2,
  overlap: 3,
  maskFits: 4,
  panel: 5,
  grams: 6,
  layerForward: 7,
  layerBackward: 8,
  changeGrams: 9,
  addBlocks: 10,
} as const;

/** Sizes fixed in the module: rows (or gates) of a masked piece, largest GEMM tile. */
export const ROW_BLOCK = 4096;
const TILE_ROWS = 192;
const TILE_COLS = 512;

export interface WasmExports {
  readonly task: RunPiece;
  scratchBytes(): number;
  heapBase(): number;
  factorBlock(n: number, A: number, strideBytes: number): number;
  solveLowerVector(n: number, L: number, b: number): void;
  solveUpperVector(n: number, L: number, b: number): void;
  solveLowerBlock(n: number, columns: number, L: number, strideBytes: number, B: number): void;
  solveUpperBlock(n: number, columns: number, L: number, strideBytes: number, B: number): void;
  gatherGates(words: number, P: number, m: number, bits: number, list: number, out: number): void;
  transposeBits(m: number, n: number, bits: number, out: number, block: number): void;
  importBits(m: number, wordsPerGate: number, source: number, out: number): void;
  sumPartials(n: number, count: number, partial: number, out: number, outStrideBytes: number): void;
  gemvRows(m: number, n: number, alpha: number, A: number, x: number, beta: number, y: number): void;
  gemvColumns(m: number, n: number, alpha: number, A: number, x: number, beta: number, y: number): void;
  relu(rows: number, cols: number, H: number, mask: number): void;
  applyMask(rows: number, cols: number, G: number, mask: number): void;
  clearLower(n: number, A: number): void;
}

/** Starts helper threads; called once with one set-up per helper. Returns how to end them. */
export type StartHelpers = (setups: readonly HelperSetup[]) => () => void;

/** Multiply-adds (or what takes as long) below which waking another thread does not pay. */
const PARALLEL_WORK = 2e6;
/** Work between two looks at the interrupt. */
const POLL_WORK = 2e7;
const DESCRIPTION_BYTES = 256;
const REALS = 24;

/** A matrix in the module's memory: address, and strides counted in numbers. */
export interface Operand {
  readonly at: number;
  readonly row: number;
  readonly col: number;
}

/** C (m x n) := alpha A diag(w) B + beta C with A m x k and B k x n. */
export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly A: Operand;
  /** Address of k weights. */
  readonly w?: number;
  readonly B: Operand;
  readonly beta: number;
  readonly C: Operand;
  /** Only the entries with row >= column. */
  readonly lower?: boolean;
}

/** A matrix stored row by row without gaps. */
export function rowMajor(at: number, cols: number): Operand {
  return { at, row: cols, col: 1 };
}

/** The transpose of a matrix stored row by row without gaps, `cols` being the columns of what is stored. */
export function transposed(at: number, cols: number): Operand {
  return { at, row: 1, col: cols };
}

/** One instance of the module with its memory: descriptions of operations, staging of ordinary arrays, and the run over pieces. */
export class WasmContext {
  readonly heap: WasmHeap;
  readonly exports: WasmExports;
  readonly threads: number;
  interrupt: (() => boolean) | undefined;
  private readonly description: number;
  private readonly scratch: number;
  private readonly tickets: TicketQueue | undefined;
  private readonly endHelpers: (() => void) | undefined;
  private stage = { at: 0, size: 0, used: 0 };

  constructor(module: WebAssembly.Module, budgetBytes: number, shared: boolean, helpers: number, start?: StartHelpers) {
    this.heap = new WasmHeap(budgetBytes, shared);
    const { memory } = this.heap;
    this.exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as WasmExports;
    this.heap.reserveStart(this.exports.heapBase() >>> 0);
    this.description = this.heap.allocate(DESCRIPTION_BYTES);
    const scratchBytes = this.exports.scratchBytes();
    this.scratch = this.heap.allocate(scratchBytes);
    if (shared && helpers > 0 && start !== undefined) {
      const tickets = new TicketQueue();
      this.tickets = tickets;
      this.endHelpers = start(
        Array.from({ length: helpers }, () => ({
          module,
          memory,
          control: tickets.control,
          description: this.description,
          scratch: this.heap.allocate(scratchBytes),
        })),
      );
      this.threads = helpers + 1;
    } else {
      this.threads = 1;
    }
  }

  dispose(): void {
    this.tickets?.quit();
    this.endHelpers?.();
  }

  /** Some scratch memory for the caller between operations. */
  get block(): number {
    return this.scratch;
  }

  /**
   * Runs all pieces of the operation; `work` is the total of multiply-adds. How the operation is cut into pieces never
   * depends on the number of threads.
   */
  run(operation: number, pieces: number, work: number, ints: readonly number[], reals: readonly number[] = []): void {
    const { i32, f64 } = this.heap;
    const at = this.description;
    for (let k = 0; k < ints.length; k++) i32[(at >> 2) + k] = ints[k];
    for (let k = 0; k < reals.length; k++) f64[(at >> 3) + REALS + k] = reals[k];
    const polled = work > POLL_WORK ? this.interrupt : undefined;
    if (this.tickets !== undefined && pieces > 1 && pieces <= MAX_PIECES && work >= PARALLEL_WORK) {
      if (!this.tickets.run(operation, pieces, this.exports.task, at, this.scratch, polled))
        throw new KernelsInterrupted();
      return;
    }
    const { task } = this.exports;
    const between = Math.ceil((POLL_WORK * pieces) / Math.max(work, 1));
    for (let piece = 0; piece < pieces; piece++) {
      task(operation, at, piece, this.scratch);
      if (polled !== undefined && piece % between === 0 && polled()) throw new KernelsInterrupted();
    }
  }

  /** C := alpha A diag(w) B + beta C. */
  gemm({ m, n, k, alpha, A, w, B, beta, C, lower }: Product): void {
    if (m === 0 || n === 0) return;
    // Tiles of long sums are smaller, so that no piece takes long.
    const long = k > 4096;
    const tileRows = long ? 96 : TILE_ROWS;
    const tileCols = long ? 128 : TILE_COLS;
    const across = Math.ceil(n / tileCols);
    const pieces = across * Math.ceil(m / tileRows);
    this.run(
      Operation.gemm,
      pieces,
      m * n * (k + 1) * (lower === true ? 0.5 : 1),
      // prettier-ignore
      [m, n, k, A.at, A.row, A.col, B.at, B.row, B.col, 0, w ?? 0, C.at, C.row, C.col, lower === true ? 1 : 0, tileRows, tileCols, across],
      [alpha, beta],
    );
  }

  /** Starts staging: what was staged before is forgotten, and `bytes` are available in all. */
  beginStage(bytes: number): void {
    const size = bytes + 64 * 16;
    if (this.stage.size < size) {
      if (this.stage.size > 0) this.heap.release(this.stage.at);
      this.stage = { at: 0, size: 0, used: 0 };
      this.stage = { at: this.heap.allocate(size), size, used: 0 };
    }
    this.stage.used = 0;
  }

  /** Room for `length` doubles in the stage. */
  stageRoom(length: number): number {
    const at = this.stage.at + this.stage.used;
    this.stage.used += Math.ceil((length * 8) / 64) * 64;
    if (this.stage.used > this.stage.size) throw new RangeError('the stage is too small');
    return at;
  }

  /** Address of the first `length` numbers of the array: its own when it lives in this memory, else that of a copy on the stage. */
  stageIn(array: Float64Array, length: number): number {
    const own = this.heap.addressOf(array);
    if (own >= 0) return own;
    const at = this.stageRoom(length);
    this.heap.f64.set(array.length === length ? array : array.subarray(0, length), at / 8);
    return at;
  }

  /** Address to write `length` results to, which `stageOut` brings to the array. */
  stageFor(array: Float64Array, length: number): number {
    const own = this.heap.addressOf(array);
    return own >= 0 ? own : this.stageRoom(length);
  }

  stageOut(array: Float64Array, length: number, at: number): void {
    if (this.heap.addressOf(array) >= 0) return;
    array.set(this.heap.f64.subarray(at / 8, at / 8 + length));
  }
}
