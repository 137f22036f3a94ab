import type { Kernels, RowOperator } from '../../base/kernels/kernels.ts';
import { differentBits, pairsOf } from '../../base/patterns.ts';
import type { Neuron } from './activeNeurons.ts';

/** The loss counts as curved as it was when the entries of its Hessian have changed by no more than this share, in sum: Newton's method then gains a hundredfold by a step instead of doubling its digits. */
const sameCurvature = 1e-2;
/** Rows that have come or gone are so much dearer than rows of blocks made anew; and so often are blocks changed before they are. */
const dear = 3;
const mostChanges = 100;
/** Neurons that there is room for beside those there are. */
const spare = 8;

/** The blocks X' D_a H D_b X, d x d each, of the pairs b <= a of some neurons as `RowOperator.grams` lays them out, D the rows on which a neuron is. */
export class PairBlocks {
  private neurons: readonly Neuron[] = [];
  private bits: Uint32Array = new Uint32Array(0);
  private H = new Float64Array(0);
  private changes = 0;
  private blocks: Float64Array;

  constructor(
    private readonly n: number,
    private readonly d: number,
    private readonly c: number,
    private readonly kernels: Kernels,
  ) {
    this.blocks = kernels.alloc(0);
  }

  /**
   * Those of the neurons, not to be changed, at the Hessian H of the loss (n blocks of c x c) or one near it. From one step of Newton's method to the next few rows come and go: blocks are
   * changed by these. They are valid until the next call.
   */
  of(neurons: readonly Neuron[], H: Float64Array, operator: RowOperator): Float64Array {
    const { n, c, neurons: old } = this;
    const m = neurons.length;
    const bits = bitsOf(neurons, n);
    const outputs = Int32Array.from(neurons, ({ output }) => output);
    // a stop in the midst leaves nothing that is of any neurons
    this.neurons = [];
    const before = near(H, this.H) && this.changes < mostChanges ? this.carry(old, neurons) : undefined;
    const changed = before === undefined ? Infinity : differentBits(before, bits);
    if (before === undefined || dear * changed * m >= (n * m * m) / 8) {
      this.reserve(m, 0);
      this.H = H.slice();
      this.changes = 0;
      operator.grams({ bits, count: m }, H, c, outputs, this.blocks);
    } else if (changed > 0) {
      this.changes++;
      operator.changeGrams({ before, after: bits }, m, this.H, c, outputs, this.blocks);
    }
    this.neurons = [...neurons];
    this.bits = bits;
    return this.blocks;
  }

  dispose(): void {
    this.kernels.free(this.blocks);
    this.neurons = [];
  }

  /** Room for the blocks of m neurons, those of the first `used` kept; some more than they need, as neurons come one after another. */
  private reserve(m: number, used: number): void {
    const { d, kernels, blocks } = this;
    if (blocks.length >= pairsOf(m) * d * d) return;
    const kept = used > 0 ? blocks.slice(0, pairsOf(used) * d * d) : undefined;
    kernels.free(blocks);
    this.blocks = kernels.alloc(pairsOf(m + spare) * d * d);
    if (kept !== undefined) this.blocks.set(kept);
  }

  /**
   * Brings the blocks of the neurons that are still there to their new places, those of new ones, which come after them, being of no rows; what rows they are of. Undefined where
   * that is not worth it.
   */
  private carry(old: readonly Neuron[], neurons: readonly Neuron[]): Uint32Array | undefined {
    const { n, d, bits } = this;
    const words = (n + 31) >>> 5;
    const m = neurons.length;
    if (m === old.length && neurons.every((neuron, j) => neuron === old[j])) return bits;
    const from = neurons.map((neuron) => old.indexOf(neuron));
    const known = from.filter((j) => j >= 0).length;
    const ordered = from.every((j, a) => (a < known ? j >= a && (a === 0 || j > from[a - 1]) : j < 0));
    if (2 * known < m || !ordered) return undefined;
    const size = d * d;
    const { blocks } = this;
    const before = new Uint32Array(m * words);
    // no block moves up: in this order none is overwritten before it has moved
    for (let a = 0, to = 0; a < known; a++) {
      const i = from[a];
      before.set(bits.subarray(i * words, (i + 1) * words), a * words);
      for (let b = 0; b <= a; b++, to += size) {
        const at = (pairsOf(i) + from[b]) * size;
        if (at !== to) blocks.copyWithin(to, at, at + size);
      }
    }
    this.reserve(m, known);
    this.blocks.fill(0, pairsOf(known) * size, pairsOf(m) * size);
    return before;
  }
}

/** The rows on which each neuron is, as bits. */
export function bitsOf(neurons: readonly Neuron[], n: number): Uint32Array {
  const words = (n + 31) >>> 5;
  const bits = new Uint32Array(neurons.length * words);
  neurons.forEach(({ on }, j) => {
    for (const i of on) bits[j * words + (i >>> 5)] |= 1 << (i & 31);
  });
  return bits;
}

function near(H: Float64Array, other: Float64Array): boolean {
  let [change, size] = [0, 0];
  for (let k = 0; k < H.length; k++) {
    change += Math.abs(H[k] - other[k]);
    size += Math.abs(other[k]);
  }
  return change <= sameCurvature * size;
}
