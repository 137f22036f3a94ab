import type { DenseMatrix } from '../../base/linalg/matrix.ts';

/** One activation pattern D with its closed cone K = {u : (2D - I) X u >= 0}. */
export interface ConeCell {
  /** +1 where the pattern is on, -1 where it is off. */
  readonly signs: Int8Array;
  /** The rows that are on, but for all-zero ones. */
  readonly on: Int32Array;
  /**
   * The all-on pattern with a free hidden bias: bias and output offset cancel, so any linear function is in reach, without
   * constraint and with the bias coordinate left at 0.
   */
  readonly linear: boolean;
  /** Coordinates that count in the norm: the first q. */
  readonly q: number;
}

/** Makes cells for one X; remembers them by pattern. */
export class CellFactory {
  private readonly known = new Map<string, ConeCell | undefined>();
  private zeros: Uint8Array | undefined;

  constructor(
    readonly X: DenseMatrix,
    readonly penalizedCols: number,
  ) {}

  /** 1 for the rows that are zero. */
  private zeroRows(): Uint8Array {
    if (this.zeros !== undefined) return this.zeros;
    const { rows: n, cols: d, data } = this.X;
    const zeros = new Uint8Array(n);
    for (let i = 0, at = 0; i < n; i++, at += d) {
      let j = 0;
      while (j < d && data[at + j] === 0) j++;
      zeros[i] = j === d ? 1 : 0;
    }
    return (this.zeros = zeros);
  }

  /** Signs of the pattern of a direction: on where x_r'g >= 0. */
  signsOf(g: ArrayLike<number>): Int8Array {
    const { rows: n, cols: d, data } = this.X;
    const signs = new Int8Array(n);
    for (let i = 0, at = 0; i < n; i++, at += d) {
      let s = 0;
      for (let j = 0; j < d; j++) s += data[at + j] * g[j];
      signs[i] = s >= 0 ? 1 : -1;
    }
    return signs;
  }

  /** The cell of a pattern; undefined when no row is on. */
  cell(signs: Int8Array): ConeCell | undefined {
    const key = String.fromCharCode(...packSigns(signs));
    if (this.known.has(key)) return this.known.get(key);
    const zeros = this.zeroRows();
    const on: number[] = [];
    let rows = 0;
    for (let i = 0; i < signs.length; i++) {
      if (zeros[i] !== 0) continue;
      rows++;
      if (signs[i] > 0) on.push(i);
    }
    const q = this.penalizedCols;
    const linear = q < this.X.cols && on.length === rows;
    const cell = on.length === 0 ? undefined : { signs, on: Int32Array.from(on), linear, q };
    this.known.set(key, cell);
    return cell;
  }
}

/** 15 signs to a UTF-16 unit. */
function packSigns(signs: Int8Array): number[] {
  const words: number[] = [];
  for (let i = 0; i < signs.length; i += 15) {
    let word = 0;
    for (let j = i; j < Math.min(i + 15, signs.length); j++) word = (word << 1) | (signs[j] > 0 ? 1 : 0);
    words.push(word);
  }
  return words;
}
