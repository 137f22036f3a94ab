import type { Kernels, RowOperator, RowSpan } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { LocalProblem, NeuronSeed } from './activeNeurons.ts';

/** Rows that descent looks at, with the loss of which goes a share of beta. */
export interface Sample {
  /** The rows themselves, or all the data where only the places of the rows are held (`gathered`). */
  readonly X: DenseMatrix;
  /** Places of the rows in all the data (null: all of them). */
  readonly order: Int32Array | null;
  readonly gathered?: boolean;
  readonly beta: number;
}

/** How many rows a sample has. */
export function rowsOf({ X, order, gathered = false }: Sample): number {
  return gathered && order !== null ? order.length : X.rows;
}

/** Products of rows and neurons that are held at a time: they stay in a cache. */
const blockEntries = 2 ** 18;

/** Objective and gradient in (w, a, offset), the products with X on the kernels, in blocks of rows. */
export class DescentObjective {
  /** Products with the rows of the sample; where these are gathered, they come to `rows` a block at a time. */
  private readonly operator: RowOperator | undefined;
  private readonly rows: Float64Array | undefined;
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
    const n = rowsOf(sample);
    const d = sample.X.cols;
    const c = problem.datafit.outputs;
    const m = start.length;
    this.m = m;
    this.outputs = Int32Array.from(start, ({ output }) => output);
    this.block = Math.min(n, Math.max(256, 32 * Math.floor(blockEntries / Math.max(1, 32 * m))));
    if (sample.gathered === true) this.rows = kernels.alloc(this.block * d);
    else this.operator = kernels.createRowOperator(sample.X);
    this.T = kernels.alloc(m * this.block);
    this.F = new Float64Array(this.block * c);
    this.G = new Float64Array(this.block * c);
    this.sums = new Float64Array(m * d);
    this.mask = new Uint32Array(m * ((this.block + 31) >>> 5));
  }

  dispose(): void {
    this.operator?.dispose();
    if (this.rows !== undefined) this.kernels.free(this.rows);
    this.kernels.free(this.T);
  }

  /** The value at theta, and the gradient there; of the rows of a span with their share of the penalty. */
  evaluate(theta: Float64Array, gradient: Float64Array, span?: RowSpan): number {
    const { m, problem, sample, block } = this;
    const { penalizedCols } = problem;
    const n = rowsOf(sample);
    const d = sample.X.cols;
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
    const { m, T, F, G, mask, sums, outputs, problem, sample, kernels } = this;
    const { datafit } = problem;
    const c = datafit.outputs;
    const inner = m * sample.X.cols;
    const free = inner + m;
    const n = to - from;
    this.products(theta, from, to);
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
    this.sumUp(from, to);
    for (let k = 0; k < inner; k++) gradient[k] += sums[k];
    if (problem.offset) for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) gradient[free + o] += G[i * c + o];
    return value;
  }

  /** T := products of neurons and rows. */
  private products(theta: Float64Array, from: number, to: number): void {
    const { m, T, sample, rows, kernels } = this;
    const { cols: d, data } = sample.X;
    if (rows === undefined) {
      this.operator!.products(theta, m, T, { from, to });
      return;
    }
    for (let i = from, at = 0; i < to; i++) {
      for (let k = 0, row = sample.order![i] * d; k < d; k++) rows[at++] = data[row++];
    }
    kernels.gemm(false, true, m, to - from, d, 1, theta, rows, 0, T);
  }

  /** sums := T times the rows. */
  private sumUp(from: number, to: number): void {
    const { m, T, sample, sums, rows, kernels } = this;
    if (rows === undefined) this.operator!.sums(T, m, sums, { from, to });
    else kernels.gemm(false, false, m, sample.X.cols, to - from, 1, T, rows, 0, sums);
  }
}
