import type { PatternSet } from '../patterns.ts';
import type { DenseMatrix } from '../linalg/matrix.ts';
import type { HessianTerms, MaskedOperator, SymmetricSystem } from './kernels.ts';
import { Operation, ROW_BLOCK, rowMajor, transposed, type WasmContext } from './wasmContext.ts';
import { WasmSymmetricSystem } from './wasmSymmetric.ts';

/** Long sums over rows are cut into segments of this length when there would be too few pieces for several threads. */
const SEGMENT_ROWS = 16384;
const FEW_PIECES = 8;

/** Bit matrices of one list of gates. */
interface Bits {
  /** Word-major, rows are gates: word w of gate k at `byGate + 8 (w m + k)`. */
  byGate: number;
  /** Word-major, rows are data rows: word w (gates 64 w ...) of row r at `byRow + 8 (w n + r)`. */
  byRow: number;
}

/** The masked operator by table lookup (see wasm/lookup.as.ts). The patterns are kept as bits both ways round, the data once. */
export class WasmMaskedOperator implements MaskedOperator {
  readonly rows: number;
  readonly features: number;
  readonly gates: number;
  private readonly X: number;
  private readonly all: Bits;
  private subset: Bits | undefined;
  private subsetCapacity = 0;
  private list = new Int32Array(0);
  private gram = 0;
  private disposed = false;

  constructor(
    private readonly context: WasmContext,
    X: DenseMatrix,
    patterns: PatternSet,
  ) {
    const { heap, exports } = context;
    const n = X.rows;
    const d = X.cols;
    const P = patterns.count;
    if (patterns.rows !== n) throw new RangeError(`the patterns cover ${patterns.rows} rows, the data have ${n}`);
    this.rows = n;
    this.features = d;
    this.gates = P;
    const bits = bitBytes(n, P);
    // Both bit matrices, again for the gates in use, the data, and one vector in and out of each product.
    const needed = (rows: number): number =>
      8 * rows * d + 4 * bitBytes(rows, P) + 16 * P * d + 8 * rows * ((d + 7) >> 3);
    heap.require(needed(n), fitting(heap.bytesAvailable, n, d, P, needed));
    this.X = heap.allocate(8 * n * d);
    heap.f64.set(X.data, this.X / 8);
    this.all = { byGate: heap.allocate(bits), byRow: heap.allocate(bits) };
    context.beginStage(patterns.words.byteLength);
    const source = context.stageRoom(Math.ceil(patterns.words.length / 2));
    heap.i32.set(patterns.words, source / 4);
    exports.importBits(P, patterns.wordsPerPattern, source, this.all.byGate);
    exports.transposeBits(P, n, this.all.byGate, this.all.byRow, context.block);
  }

  forward(V: Float64Array, outputs: number, out: Float64Array, gates?: Int32Array): void {
    const { context, rows: n, features: d } = this;
    const c = outputs;
    const m = gates?.length ?? this.gates;
    const panels = (d + 7) >> 3;
    if (m === 0 || n === 0 || d === 0) {
      out.fill(0, 0, n * c);
      return;
    }
    const bits = this.bitsOf(gates);
    context.beginStage(8 * (m * d * c + n * c * (panels + 1)));
    const v = context.stageIn(V, m * d * c);
    const partial = context.stageRoom(n * c * panels);
    const result = context.stageFor(out, n * c);
    const pieces = c * Math.ceil(n / ROW_BLOCK) * panels;
    context.run(Operation.forward, pieces, lookupWork(n, m, d * c), [n, d, m, c, bits.byRow, this.X, v, partial]);
    for (let o = 0; o < c; o++) {
      context.exports.sumPartials(n, panels, partial + 8 * n * panels * o, result + 8 * o, 8 * c);
    }
    context.stageOut(out, n * c, result);
  }

  adjoint(xi: Float64Array, outputs: number, out: Float64Array, gates?: Int32Array): void {
    const { context, rows: n, features: d } = this;
    const c = outputs;
    const m = gates?.length ?? this.gates;
    const size = m * d * c;
    if (size === 0 || n === 0) {
      out.fill(0, 0, size);
      return;
    }
    const bits = this.bitsOf(gates);
    const together = ((d + 7) >> 3) * c * Math.ceil(m / ROW_BLOCK);
    const segmentRows = together < FEW_PIECES ? Math.min(n, SEGMENT_ROWS) : n;
    const segments = Math.ceil(n / segmentRows);
    context.beginStage(8 * (n * c + size * (segments === 1 ? 1 : segments + 1)));
    const x = context.stageIn(xi, n * c);
    const result = context.stageFor(out, size);
    const partial = segments === 1 ? result : context.stageRoom(size * segments);
    context.run(Operation.adjoint, segments * together, lookupWork(m, n, d * c), [
      n,
      d,
      m,
      c,
      bits.byGate,
      this.X,
      x,
      partial,
      segmentRows,
    ]);
    if (segments > 1) context.exports.sumPartials(size, segments, partial, result, 8);
    context.stageOut(out, size, result);
  }

  fits(W: Float64Array, outputs: number, out: Float64Array, gates: Int32Array): void {
    const { context, rows: n, features: d } = this;
    const c = outputs;
    const m = gates.length;
    if (m === 0 || n === 0) return;
    const bits = this.bitsOf(gates);
    context.beginStage(8 * (m * d * c + m * n * c));
    const w = context.stageIn(W, m * d * c);
    const result = context.stageFor(out, m * n * c);
    for (let o = 0; o < c; o++) {
      const A = { at: w + 8 * o, row: d * c, col: c };
      const C = { at: result + 8 * o, row: n * c, col: c };
      context.gemm({ m, n, k: d, alpha: 1, A, B: transposed(this.X, d), beta: 0, C });
    }
    context.run(Operation.maskFits, m * c, m * n * c, [n, m, c, bits.byGate, result]);
    context.stageOut(out, m * n * c, result);
  }

  hessian(terms: HessianTerms, H: SymmetricSystem): void {
    const { context, rows: n, features: d } = this;
    const { outputs: c, sigma, gates, a, b, q, outputOf } = terms;
    const N = n * c;
    if (H.order !== N) throw new RangeError(`the Hessian has order ${N}, not ${H.order}`);
    if (!(H instanceof WasmSymmetricSystem)) throw new TypeError('the system belongs to other kernels');
    const m = gates.length;
    const matrix = H.address;
    if (this.gram === 0) {
      this.gram = context.heap.allocate(8 * n * n, 'the Gram matrix of the rows');
      const [A, B, C] = [rowMajor(this.X, d), transposed(this.X, d), rowMajor(this.gram, n)];
      context.gemm({ m: n, n, k: d, alpha: 1, A, B, beta: 0, C, lower: true });
    }
    // Blocks between different outputs stay zero.
    if (c > 1 || m === 0) H.clear();
    const rank = b.length;
    const length = outputOf === undefined ? N : n;
    const bits = this.bitsOf(gates);
    context.beginStage(8 * (m * c + rank * (length + 1)));
    if (m > 0) {
      const weights = context.stageIn(a, m * c);
      const work = lookupWork(n, m, n * c) / 2;
      context.run(
        Operation.overlap,
        c * ((n + 7) >> 3),
        work,
        [n, m, c, bits.byRow, bits.byGate, weights, this.gram, matrix],
        [sigma],
      );
    }
    if (rank > 0) {
      if (outputOf === undefined) {
        const w = context.stageIn(b, rank);
        const Q = context.stageIn(q, rank * N);
        const [A, B, C] = [transposed(Q, N), rowMajor(Q, N), rowMajor(matrix, N)];
        context.gemm({ m: N, n: N, k: rank, alpha: sigma, A, w, B, beta: 1, C, lower: true });
      } else {
        this.rankByOutput(terms, outputOf, matrix);
      }
    }
    H.addDiagonal(terms.diagonal);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    const { heap } = this.context;
    for (const at of [this.X, this.all.byGate, this.all.byRow]) heap.release(at);
    if (this.subset !== undefined) {
      heap.release(this.subset.byGate);
      heap.release(this.subset.byRow);
    }
    if (this.gram !== 0) heap.release(this.gram);
  }

  /** Adds the rank-one terms that belong to one output each, output by output. */
  private rankByOutput({ outputs: c, sigma, b, q }: HessianTerms, outputOf: Int32Array, matrix: number): void {
    const { context, rows: n } = this;
    const weights = context.stageRoom(b.length);
    const Q = context.stageRoom(b.length * n);
    const { f64 } = context.heap;
    for (let o = 0; o < c; o++) {
      let k = 0;
      for (let t = 0; t < b.length; t++) {
        if (outputOf[t] !== o) continue;
        f64[weights / 8 + k] = b[t];
        f64.set(q.subarray(t * n, (t + 1) * n), Q / 8 + k * n);
        k++;
      }
      if (k === 0) continue;
      const C = { at: matrix + 8 * o * (n * c + 1), row: n * c * c, col: c };
      const [A, B] = [transposed(Q, n), rowMajor(Q, n)];
      context.gemm({ m: n, n, k, alpha: sigma, A, w: weights, B, beta: 1, C, lower: true });
    }
  }

  /** Bits of the listed gates, kept for as long as the list stays the same. */
  private bitsOf(gates: Int32Array | undefined): Bits {
    if (gates === undefined) return this.all;
    const { context, rows: n, gates: P } = this;
    const m = gates.length;
    if (this.subset !== undefined && sameList(this.list, gates)) return this.subset;
    for (let k = 0; k < m; k++) {
      if (!(gates[k] >= 0 && gates[k] < P)) throw new RangeError(`there is no gate ${gates[k]} among ${P}`);
    }
    const { heap, exports } = context;
    if (this.subset === undefined || this.subsetCapacity < m) {
      if (this.subset !== undefined) {
        heap.release(this.subset.byGate);
        heap.release(this.subset.byRow);
        this.subset = undefined;
      }
      // A list may repeat gates, so it can be longer than there are gates.
      const capacity = Math.max(P, m);
      this.subset = { byGate: heap.allocate(bitBytes(n, capacity)), byRow: heap.allocate(bitBytes(n, capacity)) };
      this.subsetCapacity = capacity;
    }
    context.beginStage(4 * m);
    const at = context.stageRoom((m + 1) >> 1);
    heap.i32.set(gates, at / 4);
    exports.gatherGates((n + 63) >> 6, P, m, this.all.byGate, at, this.subset.byGate);
    exports.transposeBits(m, n, this.subset.byGate, this.subset.byRow, context.block);
    this.list = gates.slice();
    return this.subset;
  }
}

/** Bytes of a bit matrix in whichever of its two forms is larger. */
function bitBytes(n: number, P: number): number {
  return 8 * Math.max(Math.ceil(n / 64) * P, Math.ceil(P / 64) * n);
}

/** Vector additions of a lookup product, in multiply-adds of the same time. */
function lookupWork(rows: number, k: number, width: number): number {
  return ((rows + 256) * k * width) / 8;
}

function sameList(x: Int32Array, y: Int32Array): boolean {
  if (x.length !== y.length) return false;
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}

function fitting(bytes: number, n: number, d: number, P: number, needed: (rows: number) => number): string {
  let low = 0;
  for (let high = n; low < high;) {
    const middle = Math.ceil((low + high) / 2);
    if (needed(middle) <= bytes) low = middle;
    else high = middle - 1;
  }
  return `with ${d} features and ${P} gates, ${low} rows would fit`;
}
