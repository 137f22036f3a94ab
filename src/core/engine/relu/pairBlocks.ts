import type { Kernels, RowOperator } from '../../base/kernels/kernels.ts';
import type { Neuron } from './activeNeurons.ts';

/** The loss counts as curved as it was when the entries of its Hessian have changed by no more than this share, in sum: Newton's method then gains a hundredfold by a step instead of doubling its digits. */
const sameCurvature = 1e-2;
/** Rows that have come or gone are so much dearer than rows of blocks made anew; and so often is a block changed before it is. */
const dear = 3;
const mostChanges = 100;

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
    const { n, c } = this;
    const m = neurons.length;
    const words = (n + 31) >>> 5;
    const bits = bitsOf(neurons, n);
    const outputs = Int32Array.from(neurons, ({ output }) => output);
    const before = this.carry(neurons, words);
    const changed = before === undefined ? Infinity : differences(before, bits);
    const few = dear * changed * m < (n * m * m) / 8;
    // what a stop would leave
    this.neurons = [];
    if (before === undefined || !few || ++this.changes > mostChanges || !near(H, this.H)) {
      this.resize(m);
      this.H = H.slice();
      this.changes = 0;
      operator.grams(bits, m, H, c, outputs, this.blocks);
    } else if (changed > 0) operator.changeGrams({ before, after: bits }, m, this.H, c, outputs, this.blocks);
    this.neurons = [...neurons];
    this.bits = bits;
    return this.blocks;
  }

  dispose(): void {
    this.kernels.free(this.blocks);
    this.neurons = [];
  }

  private resize(m: number): void {
    const { d, kernels } = this;
    const size = ((m * (m + 1)) / 2) * d * d;
    if (this.blocks.length === size) return;
    kernels.free(this.blocks);
    this.blocks = kernels.alloc(size);
  }

  /** Brings the blocks of the neurons that are still there to their new places, those of new ones being of no rows; what rows they are of. Undefined where that is not worth it. */
  private carry(neurons: readonly Neuron[], words: number): Uint32Array | undefined {
    const { d, blocks, neurons: old, bits } = this;
    if (neurons.length === old.length && neurons.every((neuron, j) => neuron === old[j])) return bits;
    const from = neurons.map((neuron) => old.indexOf(neuron));
    const known = from.filter((j) => j >= 0);
    if (2 * known.length < neurons.length || known.some((j, k) => k > 0 && j < known[k - 1])) return undefined;
    const kept = blocks.slice();
    this.resize(neurons.length);
    const before = new Uint32Array(neurons.length * words);
    let to = 0;
    for (const [a, i] of from.entries()) {
      if (i >= 0) before.set(bits.subarray(i * words, (i + 1) * words), a * words);
      for (let b = 0; b <= a; b++, to += d * d) {
        const j = from[b];
        if (i < 0 || j < 0) this.blocks.fill(0, to, to + d * d);
        else {
          const at = ((i * (i + 1)) / 2 + j) * d * d;
          this.blocks.set(kept.subarray(at, at + d * d), to);
        }
      }
    }
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

function differences(before: Uint32Array, after: Uint32Array): number {
  let count = 0;
  for (let k = 0; k < after.length; k++) for (let x = before[k] ^ after[k]; x !== 0; x &= x - 1) count++;
  return count;
}

function near(H: Float64Array, other: Float64Array): boolean {
  let [change, size] = [0, 0];
  for (let k = 0; k < H.length; k++) {
    change += Math.abs(H[k] - other[k]);
    size += Math.abs(other[k]);
  }
  return change <= sameCurvature * size;
}
