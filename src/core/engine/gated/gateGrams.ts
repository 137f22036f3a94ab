import type { RowOperator } from '../../base/kernels/kernels.ts';
import { pairsOf } from '../../base/patterns.ts';
import type { GatedProgram } from './program.ts';

/** Gates that were of use some time ago stay while those of a step are at least this share of all that are kept. */
const leastShare = 0.5;

/** Blocks of pairs of gates as `SymmetricSystem.addBlocks` takes them. */
export interface PairedGates {
  readonly blocks: Float64Array;
  /** Those of a gate with itself, both triangles. */
  readonly own: Float64Array;
}

/**
 * The blocks X' D_i S D_j X for pairs of gates, of d c coordinates each (feature, then output), S being n blocks of c x c. They hold neither sigma nor the prox: while S stays, as with the squared loss,
 * only those of gates that have not been of use before are made.
 */
export class GateGrams {
  private operator: RowOperator | undefined;
  /** In the order in which they came, and the place of each. */
  private readonly places = new Map<number, number>();
  private S: Float64Array = new Float64Array(0);
  /** d x d for pairs of gate and output, gates in that order. */
  private blocks: Float64Array = new Float64Array(0);

  constructor(private readonly program: GatedProgram) {}

  dispose(): void {
    this.operator?.dispose();
    this.operator = undefined;
  }

  /** Pairs whose blocks have to be made for these gates as long as S stays. */
  missing(gates: Int32Array): number {
    const { size } = this.places;
    return pairsOf(size + this.fresh(gates)) - pairsOf(size);
  }

  of(gates: Int32Array, S: Float64Array, c: number): PairedGates {
    this.bring(gates, S, c);
    const { features: d } = this.program;
    const width = d * c;
    const blocks = new Float64Array(pairsOf(gates.length) * width * width);
    const own = new Float64Array(gates.length * width * width);
    const places = Array.from(gates, (gate) => this.places.get(gate)!);
    let at = 0;
    for (const [a, first] of places.entries()) {
      for (let b = 0; b <= a; b++, at += width * width) {
        const target = a === b ? own.subarray(a * width * width) : blocks.subarray(at);
        for (let o = 0; o < c; o++)
          for (let p = 0; p < c; p++)
            this.copy(first * c + o, places[b] * c + p, { target, at: o * width + p, row: c * width, column: c });
      }
    }
    return { blocks, own };
  }

  private fresh(gates: Int32Array): number {
    let count = 0;
    for (const gate of gates) if (!this.places.has(gate)) count++;
    return count;
  }

  /** Makes what is missing. */
  private bring(gates: Int32Array, S: Float64Array, c: number): void {
    const { places } = this;
    const { X, patterns, kernels, features: d } = this.program;
    const same = this.S.length === S.length && S.every((value, k) => value === this.S[k]);
    if (!same || gates.length < leastShare * (places.size + this.fresh(gates))) {
      places.clear();
      this.S = S.slice();
    }
    const before = places.size;
    for (const gate of gates) if (!places.has(gate)) places.set(gate, places.size);
    if (places.size === before) return;
    const { words, wordsPerPattern } = patterns;
    const count = places.size * c;
    const bits = new Uint32Array(count * wordsPerPattern);
    const outputs = Int32Array.from({ length: count }, (_, p) => p % c);
    for (const [gate, place] of places) {
      const pattern = words.subarray(gate * wordsPerPattern, (gate + 1) * wordsPerPattern);
      for (let o = 0; o < c; o++) bits.set(pattern, (place * c + o) * wordsPerPattern);
    }
    const blocks = new Float64Array(pairsOf(count) * d * d);
    blocks.set(this.blocks.subarray(0, pairsOf(before * c) * d * d));
    this.operator ??= kernels.createRowOperator(X);
    this.operator.grams({ bits, count, first: before * c }, S, c, outputs, blocks);
    this.blocks = blocks;
  }

  /** The block of units p and q (gate and output) to its places in a matrix. */
  private copy(p: number, q: number, { target, at, row, column }: Places): void {
    const { blocks, program } = this;
    const { features: d } = program;
    const from = (pairsOf(Math.max(p, q)) + Math.min(p, q)) * d * d;
    for (let j = 0; j < d; j++) {
      for (let k = 0, to = at + j * row; k < d; k++, to += column) {
        // of a unit with itself only the lower triangle is there
        const turned = p < q || (p === q && j < k);
        target[to] = blocks[from + (turned ? k * d + j : j * d + k)];
      }
    }
  }
}

/** Where the entries of a block come to: from `at` on, rows and columns so far from each other. */
interface Places {
  readonly target: Float64Array;
  readonly at: number;
  readonly row: number;
  readonly column: number;
}
