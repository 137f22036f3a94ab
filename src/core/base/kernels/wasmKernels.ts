import type { DenseMatrix } from '../linalg/matrix.ts';
import { differentBits, pairsOf, type PatternSet } from '../patterns.ts';
import type {
  Kernels,
  MaskedOperator,
  PatternBits,
  ReluLayer,
  RowOperator,
  RowSpan,
  SymmetricSystem,
} from './kernels.ts';
import { reference } from './reference.ts';
import { baseModule, relaxedModule, unsharedModule } from './wasm/modules.generated.ts';
import { Operation, rowMajor, type StartHelpers, transposed, WasmContext } from './wasmContext.ts';
import { WasmReluLayer } from './wasmLayer.ts';
import { WasmMaskedOperator } from './wasmMasked.ts';
import { WasmSymmetricSystem } from './wasmSymmetric.ts';

export interface WasmKernelOptions {
  /** Memory that the kernels may use in all; at most (and by default) just under 4 GiB. Only what is needed is taken from the system. */
  readonly budgetBytes?: number;
  /** Helper threads besides the caller (needs shared memory and `startHelpers`). */
  readonly helpers?: number;
  readonly startHelpers?: StartHelpers;
  /** False: without shared memory, as where SharedArrayBuffer is missing. */
  readonly shared?: boolean;
  /** False: without the relaxed-SIMD build, which uses fused multiply-adds in dense products and so rounds differently. */
  readonly relaxed?: boolean;
}

/** Below this many multiply-adds the plain code is done before a call has been prepared. */
const SMALL_WORK = 2000;

/** The kernels in WebAssembly SIMD; undefined where the runtime has none. */
export function createWasmKernels(options: WasmKernelOptions = {}): Kernels | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  const shared = options.shared ?? typeof SharedArrayBuffer !== 'undefined';
  const relaxedBytes = shared && options.relaxed !== false ? decode(relaxedModule) : undefined;
  const relaxed = relaxedBytes !== undefined && WebAssembly.validate(relaxedBytes);
  const bytes = relaxed ? relaxedBytes : decode(shared ? baseModule : unsharedModule);
  if (!WebAssembly.validate(bytes)) return undefined;
  const budget = options.budgetBytes ?? 2 ** 32;
  const context = new WasmContext(
    new WebAssembly.Module(bytes),
    budget,
    shared,
    options.helpers ?? 0,
    options.startHelpers,
  );
  return new WasmKernels(context, relaxed);
}

/* oxlint-disable max-params -- the parameters of gemm, gemv and syrk are those of BLAS, in its order: who knows one knows the other */
class WasmKernels implements Kernels {
  readonly name: Kernels['name'];
  readonly threads: number;
  private readonly heap: WasmContext['heap'];
  private readonly exports: WasmContext['exports'];
  /** Bytes that the context itself takes. */
  private readonly fixed: number;
  /** Address of each array given out; -1 for those outside the heap. */
  private readonly arrays = new Map<Float64Array, number>();
  private readonly data: SharedData;
  private ordinary = 0;

  constructor(
    private readonly context: WasmContext,
    relaxed: boolean,
  ) {
    this.name = relaxed ? 'wasm-relaxed-simd' : 'wasm-simd';
    this.threads = context.threads;
    this.heap = context.heap;
    this.exports = context.exports;
    this.fixed = context.heap.bytesInUse;
    this.data = new SharedData(context.heap);
  }

  get bytesInUse(): number {
    return this.heap.bytesInUse - this.fixed + this.ordinary;
  }

  get budgetBytes(): number {
    return this.heap.budgetBytes - this.fixed;
  }

  set budgetBytes(bytes: number) {
    this.heap.budgetBytes = bytes + this.fixed;
  }

  get interrupt(): (() => boolean) | undefined {
    return this.context.interrupt;
  }

  set interrupt(stop: (() => boolean) | undefined) {
    this.context.interrupt = stop;
  }

  alloc(length: number): Float64Array {
    const { heap, arrays } = this;
    if (!heap.shared) {
      // A view on unshared memory would be lost when the memory grows.
      this.ordinary += 8 * length;
      const array = new Float64Array(length);
      arrays.set(array, -1);
      return array;
    }
    const at = heap.allocate(8 * length);
    const array = heap.viewAt(at, length);
    arrays.set(array, at);
    return array;
  }

  free(array: Float64Array): void {
    const at = this.arrays.get(array);
    if (at === undefined) return;
    this.arrays.delete(array);
    if (at < 0) this.ordinary -= array.byteLength;
    else this.heap.release(at);
  }

  createMaskedOperator(X: DenseMatrix, patterns: PatternSet): MaskedOperator {
    return new WasmMaskedOperator(this.context, X, patterns);
  }

  createSymmetricSystem(order: number): SymmetricSystem {
    return new WasmSymmetricSystem(this.context, order);
  }

  createRowOperator(X: DenseMatrix): RowOperator {
    return new WasmRowOperator(this.context, X, this.data);
  }

  createReluLayer(capacity: number, d: number, outputOf: Int32Array, c: number): ReluLayer {
    return new WasmReluLayer(this.context, capacity, d, outputOf, c);
  }

  gemm(
    transA: boolean,
    transB: boolean,
    m: number,
    n: number,
    k: number,
    alpha: number,
    A: Float64Array,
    B: Float64Array,
    beta: number,
    C: Float64Array,
  ): void {
    const { context } = this;
    if (m * n * k < SMALL_WORK) {
      reference.gemm(transA, transB, m, n, k, alpha, A, B, beta, C);
      return;
    }
    context.beginStage(8 * (m * k + k * n + m * n));
    const a = context.stageIn(A, m * k);
    const b = context.stageIn(B, k * n);
    const c = beta === 0 ? context.stageFor(C, m * n) : context.stageIn(C, m * n);
    const left = transA ? transposed(a, m) : rowMajor(a, k);
    const right = transB ? transposed(b, k) : rowMajor(b, n);
    context.gemm({ m, n, k, alpha, A: left, B: right, beta, C: rowMajor(c, n) });
    context.stageOut(C, m * n, c);
  }

  gemv(
    trans: boolean,
    m: number,
    n: number,
    alpha: number,
    A: Float64Array,
    x: Float64Array,
    beta: number,
    y: Float64Array,
  ): void {
    const { context, heap, exports } = this;
    const a = heap.addressOf(A);
    if (a < 0) {
      // Copying A would take longer than the product.
      reference.gemv(trans, m, n, alpha, A, x, beta, y);
      return;
    }
    const [inputs, outputs] = trans ? [m, n] : [n, m];
    context.beginStage(8 * (inputs + outputs));
    const xAt = context.stageIn(x, inputs);
    const yAt = context.stageIn(y, outputs);
    if (trans) exports.gemvColumns(m, n, alpha, a, xAt, beta, yAt);
    else exports.gemvRows(m, n, alpha, a, xAt, beta, yAt);
    context.stageOut(y, outputs, yAt);
  }

  syrk(trans: boolean, n: number, k: number, alpha: number, A: Float64Array, beta: number, C: Float64Array): void {
    const { context } = this;
    if (n * n * k < SMALL_WORK) {
      reference.syrk(trans, n, k, alpha, A, beta, C);
      return;
    }
    context.beginStage(8 * (n * k + n * n));
    const a = context.stageIn(A, n * k);
    const c = context.stageIn(C, n * n);
    const left = trans ? transposed(a, n) : rowMajor(a, k);
    const right = trans ? rowMajor(a, n) : transposed(a, k);
    context.gemm({ m: n, n, k, alpha, A: left, B: right, beta, C: rowMajor(c, n), lower: true });
    context.stageOut(C, n * n, c);
  }

  relu(rows: number, cols: number, H: Float64Array, mask: Uint32Array): void {
    const { context, heap, exports } = this;
    const h = heap.addressOf(H);
    if (h < 0) {
      reference.relu(rows, cols, H, mask);
      return;
    }
    const words = rows * ((cols + 31) >>> 5);
    const own = heap.addressOf(mask);
    context.beginStage(4 * words);
    const bits = own >= 0 ? own : context.stageRoom((words + 1) >> 1);
    exports.relu(rows, cols, h, bits);
    if (own < 0) mask.set(heap.i32.subarray(bits / 4, bits / 4 + words));
  }

  applyMask(rows: number, cols: number, G: Float64Array, mask: Uint32Array): void {
    const { context, heap, exports } = this;
    const g = heap.addressOf(G);
    if (g < 0) {
      reference.applyMask(rows, cols, G, mask);
      return;
    }
    const words = rows * ((cols + 31) >>> 5);
    context.beginStage(4 * words);
    let bits = heap.addressOf(mask);
    if (bits < 0) {
      bits = context.stageRoom((words + 1) >> 1);
      heap.i32.set(mask.subarray(0, words), bits / 4);
    }
    exports.applyMask(rows, cols, g, bits);
  }

  dispose(): void {
    this.context.dispose();
  }
}

/** Data matrices on the heap: those that live there, and copies of others, one for all handles on the same matrix, which must not change while there is one. */
class SharedData {
  private readonly held = new Map<Float64Array, { readonly at: number; users: number }>();

  constructor(private readonly heap: WasmContext['heap']) {}

  /** Address of the matrix or its copy. */
  take(data: Float64Array): number {
    const own = this.heap.addressOf(data);
    if (own >= 0) return own;
    let copy = this.held.get(data);
    if (copy === undefined) {
      copy = { at: this.heap.allocate(data.byteLength), users: 0 };
      this.heap.f64.set(data, copy.at / 8);
      this.held.set(data, copy);
    }
    copy.users++;
    return copy.at;
  }

  release(data: Float64Array): void {
    const copy = this.held.get(data);
    if (copy === undefined || --copy.users > 0) return;
    this.held.delete(data);
    this.heap.release(copy.at);
  }
}

class WasmRowOperator implements RowOperator {
  readonly rows: number;
  readonly features: number;
  private readonly X: number;
  private disposed = false;

  constructor(
    private readonly context: WasmContext,
    private readonly source: DenseMatrix,
    private readonly data: SharedData,
  ) {
    this.rows = source.rows;
    this.features = source.cols;
    this.X = data.take(source.data);
  }

  products(U: Float64Array, count: number, out: Float64Array, span?: RowSpan): void {
    const { context, features: d } = this;
    const { X, n } = this.part(span);
    context.beginStage(8 * count * (d + n));
    const u = context.stageIn(U, count * d);
    const to = context.stageFor(out, count * n);
    const [A, B, C] = [rowMajor(u, d), transposed(X, d), rowMajor(to, n)];
    if (count === 1) context.exports.gemvRows(n, d, 1, X, u, 0, to);
    else context.gemm({ m: count, n, k: d, alpha: 1, A, B, beta: 0, C });
    context.stageOut(out, count * n, to);
  }

  sums(B: Float64Array, count: number, out: Float64Array, span?: RowSpan): void {
    const { context, features: d } = this;
    const { X, n } = this.part(span);
    context.beginStage(8 * count * (d + n));
    const b = context.stageIn(B, count * n);
    const to = context.stageFor(out, count * d);
    const C = rowMajor(to, d);
    if (count === 1) context.exports.gemvColumns(n, d, 1, X, b, 0, to);
    else context.gemm({ m: count, n: d, k: n, alpha: 1, A: rowMajor(b, n), B: rowMajor(X, d), beta: 0, C });
    context.stageOut(out, count * d, to);
  }

  /** Address and number of the rows in a span. */
  private part(span: RowSpan | undefined): { readonly X: number; readonly n: number } {
    const { X, rows, features } = this;
    return span === undefined ? { X, n: rows } : { X: X + 8 * features * span.from, n: span.to - span.from };
  }

  grams(
    { bits, count, first = 0 }: PatternBits,
    W: Float64Array,
    c: number,
    outputOf: Int32Array,
    out: Float64Array,
  ): void {
    const { rows: n, features: d } = this;
    const work = ((pairsOf(count) - pairsOf(first)) * n * d * d) / 4;
    this.onPairs(Operation.grams, work, [bits], { count, first }, W, c, outputOf, out);
  }

  changeGrams(
    { before, after }: Parameters<RowOperator['changeGrams']>[0],
    count: number,
    W: Float64Array,
    c: number,
    outputOf: Int32Array,
    out: Float64Array,
  ): void {
    const { rows: n, features: d } = this;
    // every word is looked at; a row that changes does in about half of the pairs
    const work = pairsOf(count) * (n / 32) + (differentBits(before, after) * count * d * d) / 2;
    this.onPairs(Operation.changeGrams, work, [after, before], { count, first: 0 }, W, c, outputOf, out);
  }

  /** Runs an operation on all pairs of patterns, of which there are several kinds. */
  private onPairs(
    operation: number,
    work: number,
    patterns: readonly Uint32Array[],
    { count, first }: { readonly count: number; readonly first: number },
    W: Float64Array,
    c: number,
    outputOf: Int32Array,
    all: Float64Array,
  ): void {
    const { context, rows: n, features: d } = this;
    const pairs = pairsOf(count) - pairsOf(first);
    if (pairs === 0) return;
    const { heap } = context;
    const words = count * ((n + 31) >>> 5);
    const weights = n * c * c;
    const out = first === 0 ? all : all.subarray(pairsOf(first) * d * d);
    context.beginStage(8 * (pairs * d * d + weights + patterns.length * ((words + 1) / 2) + count));
    const bits = patterns.map((pattern) => {
      const at = context.stageRoom((words + 1) >> 1);
      heap.i32.set(pattern.subarray(0, words), at / 4);
      return at;
    });
    const outputsAt = context.stageRoom((count + 1) >> 1);
    heap.i32.set(outputOf.subarray(0, count), outputsAt / 4);
    const w = context.stageIn(W, weights);
    const to =
      operation === Operation.grams ? context.stageFor(out, pairs * d * d) : context.stageIn(out, pairs * d * d);
    context.run(operation, pairs, work, [n, d, c, this.X, bits[0], w, outputsAt, to, bits[1] ?? 0, pairsOf(first)]);
    context.stageOut(out, pairs * d * d, to);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.data.release(this.source.data);
  }
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
