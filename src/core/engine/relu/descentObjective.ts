import type { Kernels, RowOperator, RowSpan } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { LocalProblem, NeuronSeed } from './activeNeurons.ts';

/** Rows that descent looks at, with the loss of which goes a share of beta. */
export interface Sample {
  /** The rows themselves, and their places in all the data (null: all of them). */
  readonly X: DenseMatrix;
  readonly order: Int32Array | null;
  readonly beta: number;
}

/** Products of rows and neurons that are held at a time: they stay in a cache. */
const blockEntries = 2 ** 18;

/** Objective and gradient in (w, a, offset), the products with X on the kernels, in blocks of rows. */
export class DescentObjective {
  private readonly operator: RowOperator;
  private readonly m: number;
  private readonly outputs: Int32Array;
  private readonly block: number;
  private readonly T: Float64Array;
  private readonly F: Float64Array;
  private readonly G: Float64Array;
  private readonly sums: Float64Array;
  /** Where T was positive, as `relu` of the kernels writes it. */
  private readonly mask: Uint32Array;

  constructor(
    private readonly problem: LocalProblem,
    private readonly sample: Sample,
    start: readonly NeuronSeed[],
    private readonly kernels: Kernels,
  ) {
    const { rows: n, cols: d } = sample.X;
    const c = problem.datafit.outputs;
    const m = start.length;
    this.m = m;
    this.outputs = Int32Array.from(start, ({ output }) => output);
    this.block = Math.min(n, Math.max(256, 32 * Math.floor(blockEntries / Math.max(1, 32 * m))));
    this.operator = kernels.createRowOperator(sample.X);
    this.T = kernels.alloc(m * this.block);
    this.F = new Float64Array(this.block * c);
    this.G = new Float64Array(this.block * c);
    this.sums = new Float64Array(m * d);
    this.mask = new Uint32Array(m * ((this.block + 31) >>> 5));
  }

  dispose(): void {
    this.operator.dispose();
    this.kernels.free(this.T);
  }

  /** The value at theta, and the gradient there; of the rows of a span with their share of the penalty. */
  evaluate(theta: Float64Array, gradient: Float64Array, span?: RowSpan): number {
    const { m, problem, sample, block } = this;
    const { penalizedCols } = problem;
    const { rows: n, cols: d } = sample.X;
    const { from, to } = span ?? { from: 0, to: n };
    const beta = (sample.beta * (to - from)) / n;
    const inner = m * d;
    gradient.fill(0);
    let value = 0;
    for (let row = from; row < to; row += block)
      value += this.addBlock(theta, gradient, row, Math.min(to, row + block));
    for (let j = 0; j < m; j++) {
      const a = theta[inner + j];
      gradient[inner + j] += beta * a;
      value += 0.5 * beta * a * a;
      for (let k = j * d; k < j * d + penalizedCols; k++) {
        gradient[k] += beta * theta[k];
        value += 0.5 * beta * theta[k] * theta[k];
      }
    }
    return value;
  }

  /** Adds the loss of some rows to the gradient, and returns it. */
  private addBlock(theta: Float64Array, gradient: Float64Array, from: number, to: number): number {
    const { m, T, F, G, mask, sums, outputs, problem, sample, kernels, operator } = this;
    const { datafit } = problem;
    const c = datafit.outputs;
    const inner = m * sample.X.cols;
    const free = inner + m;
    const n = to - from;
    const span = { from, to };
    operator.products(theta, m, T, span);
    for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) F[i * c + o] = problem.offset ? theta[free + o] : 0;
    kernels.relu(m, n, T, mask);
    for (let j = 0, at = 0; j < m; j++) {
      const a = theta[inner + j];
      for (let i = 0, f = outputs[j]; i < n; i++, f += c, at++) F[f] += a * T[at];
    }
    const value = datafit.lossOfRows(F, sample.order, from, n, G);
    for (let j = 0, at = 0; j < m; j++) {
      const a = theta[inner + j];
      let s = 0;
      for (let i = 0, f = outputs[j]; i < n; i++, f += c, at++) {
        s += G[f] * T[at];
        T[at] = a * G[f];
      }
      gradient[inner + j] += s;
    }
    kernels.applyMask(m, n, T, mask);
    operator.sums(T, m, sums, span);
    for (let k = 0; k < inner; k++) gradient[k] += sums[k];
    if (problem.offset) for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) gradient[free + o] += G[i * c + o];
    return value;
  }
}
