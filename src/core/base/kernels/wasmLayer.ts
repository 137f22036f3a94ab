import type { DenseMatrix } from '../linalg/matrix.ts';
import type { ReluLayer } from './kernels.ts';
import { Operation, type WasmContext } from './wasmContext.ts';

/** Neurons of a strip, which have one output; rows that go together. */
const STRIP = 8;
const GROUP = 4;
/** Rows of a piece are a multiple of this, and pieces at most so many: their sums are added in the end. */
const PIECE_ROWS = 64;
const PIECES = 16;

/** A layer in the memory of the kernels: `wasm/layer.as.ts` says how what it holds is laid out. */
export class WasmReluLayer implements ReluLayer {
  /** Place of each neuron among those of the strips: neurons are put in the order of their outputs, each output's filled up to whole strips. */
  private readonly places: Int32Array;
  /** Neurons of the last `forward`, and the strips that they are in. */
  private neurons = 0;
  private strips = 0;
  /** Features, padded. */
  private readonly width: number;
  /** Addresses, in one range of memory that begins with the rows. */
  private readonly at: Readonly<Record<'X' | 'W' | 'a' | 'outputs' | 'on' | 'F' | 'sums', number>>;
  private readonly padded: number;
  private rows = 0;
  private disposed = false;

  constructor(
    private readonly context: WasmContext,
    capacity: number,
    private readonly d: number,
    outputOf: Int32Array,
    private readonly c: number,
  ) {
    this.width = roundUp(d, GROUP);
    this.padded = roundUp(capacity, GROUP);
    const { places, outputs } = inStrips(outputOf, c);
    this.places = places;
    const strips = outputs.length;
    const { width, padded } = this;
    const { heap } = context;
    const pieces = Math.min(PIECES, Math.ceil(padded / PIECE_ROWS));
    const sizes = {
      X: 4 * padded * width,
      W: 4 * strips * STRIP * d,
      a: 4 * strips * STRIP,
      outputs: 4 * strips,
      on: strips * padded,
      F: 8 * padded * c,
      sums: 8 * strips * STRIP * width * (pieces + 1),
    };
    const line = (bytes: number): number => roundUp(bytes, 64);
    let next = heap.allocate(Object.values(sizes).reduce((sum, size) => sum + line(size), 0));
    const take = (size: number): number => (next += line(size)) - line(size);
    this.at = {
      X: take(sizes.X),
      W: take(sizes.W),
      a: take(sizes.a),
      outputs: take(sizes.outputs),
      on: take(sizes.on),
      F: take(sizes.F),
      sums: take(sizes.sums),
    };
    heap.i32.set(outputs, this.at.outputs / 4);
  }

  load(X: DenseMatrix, order: Int32Array | null, from: number, count: number): void {
    const { d, width, at } = this;
    const { f32 } = this.context.heap;
    this.rows = count;
    const { data } = X;
    for (let i = 0, to = at.X / 4; i < count; i++, to += width) {
      const row = (order === null ? from + i : order[from + i]) * d;
      for (let k = 0; k < d; k++) f32[to + k] = data[row + k];
    }
  }

  forward(W: Float64Array, a: Float64Array, F: Float64Array, m = this.places.length): void {
    const { d, c, at, places, rows } = this;
    const { f32, f64 } = this.context.heap;
    this.useFirst(m);
    for (let j = 0; j < m; j++) {
      const place = places[j];
      const lane = place % STRIP;
      f32[at.a / 4 + place] = a[j];
      for (let k = 0, to = at.W / 4 + (place - lane) * d + lane; k < d; k++, to += STRIP) f32[to] = W[j * d + k];
    }
    const [from, to] = [at.F / 8, at.F / 8 + rows * c];
    f64.fill(0, from, to);
    this.run(Operation.layerForward);
    F.set(f64.subarray(from, to));
  }

  backward(G: Float64Array, sums: Float64Array): void {
    const { d, c, at, places, neurons: m, rows, strips, width, context } = this;
    const { f64 } = context.heap;
    f64.set(G.length === rows * c ? G : G.subarray(0, rows * c), at.F / 8);
    const pieces = this.run(Operation.layerBackward);
    const size = strips * STRIP * width;
    let all = at.sums;
    if (pieces !== 1) {
      all += 8 * pieces * size;
      context.exports.sumPartials(size, pieces, at.sums, all, 8);
    }
    for (let j = 0; j < m; j++) {
      const lane = places[j] % STRIP;
      for (let k = 0, from = all / 8 + (places[j] - lane) * width + lane; k < d; k++, from += STRIP)
        sums[j * d + k] = f64[from];
    }
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.context.heap.release(this.at.X);
  }

  /** Sets what strips hold beside the first m neurons to zero, where it may be something else. */
  private useFirst(m: number): void {
    const { at, d, places } = this;
    if (m === this.neurons) return;
    let last = -1;
    for (let j = 0; j < m; j++) last = Math.max(last, places[j]);
    this.neurons = m;
    this.strips = Math.ceil((last + 1) / STRIP);
    this.context.heap.f32.fill(0, at.W / 4, at.W / 4 + this.strips * STRIP * d);
  }

  /** Runs it on pieces of the rows; how many these are. */
  private run(operation: number): number {
    const { context, d, c, at, strips, width, rows, padded } = this;
    const perPiece = Math.max(PIECE_ROWS, roundUp(Math.ceil(rows / PIECES), PIECE_ROWS));
    const pieces = Math.ceil(rows / perPiece);
    // products of single precision take half the time, what else is done with a product as much as some features
    const work = (rows * strips * STRIP * (d + 8)) / 2;
    // prettier-ignore
    const ints = [rows, d, width, strips, perPiece, at.X, at.W, at.a, at.outputs, at.on, padded, at.F, c, at.sums];
    context.run(operation, pieces, work, ints);
    return pieces;
  }
}

function roundUp(x: number, unit: number): number {
  return unit * Math.ceil(x / unit);
}

/** Places of neurons in strips of one output each, and the outputs of the strips. */
function inStrips(outputOf: Int32Array, c: number): { readonly places: Int32Array; readonly outputs: Int32Array } {
  const places = new Int32Array(outputOf.length);
  const outputs: number[] = [];
  for (let o = 0; o < c; o++) {
    let place = STRIP * outputs.length;
    for (let j = 0; j < outputOf.length; j++) if (outputOf[j] === o) places[j] = place++;
    while (STRIP * outputs.length < place) outputs.push(o);
  }
  return { places, outputs: Int32Array.from(outputs) };
}
