/** Rows that one pass looks at: `order[start .. start + count)`, or `start .. start + count` without `order`. */
export interface Rows {
  order: Int32Array | null;
  start: number;
  count: number;
}

/** What a layer is wired to, once for all passes; every array has room for a block of rows (row-major, one row per data row). */
export interface Wires {
  /** rows x inputs. */
  input: Float64Array;
  /** rows x outputs; the same array as `input` for a layer in place. */
  readonly output: Float64Array;
  /** rows x outputs: the derivative of what is minimised in the output, during `backward`. */
  readonly signal: Float64Array;
  /** rows x inputs: where `backward` writes the derivative in the input; null when nobody asks. The same array as `signal` for a layer in place. */
  readonly back: Float64Array | null;
}

/**
 * One layer of a network that descent trains: what it computes, and its derivative. A layer reads its own parameters only, from index 0 of the
 * array it is given. Work space is made once; passes allocate nothing.
 */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** Number of parameters. */
  readonly size: number;
  /** The output takes the place of the input, and the derivative in the input that of the one in the output. */
  readonly inPlace: boolean;
  /** What depends on the parameters alone; comes before the passes with these parameters. */
  readonly begin?: (theta: Float64Array) => void;
  forward(theta: Float64Array, wires: Wires, rows: Rows): void;
  /** After `forward` on the same rows: adds the derivative in the parameters to `gradient` unless that is null, and writes `wires.back`. */
  backward(theta: Float64Array, wires: Wires, rows: Rows, gradient: Float64Array | null): void;
  dispose(): void;
}

/** For layers without work space. */
export const nothingToDispose = (): void => undefined;
