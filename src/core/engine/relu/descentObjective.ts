import type { Kernels, ReluLayer, RowSpan } from '../../base/kernels/kernels.ts';
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

/** Rows of a large sample that are looked at together. */
const mostRows = 4096;

/** Objective and gradient in (w, a, offset), the passes over the rows on the kernels, in single precision. */
export class DescentObjective {
  private readonly layer: ReluLayer;
  private readonly m: number;
  private readonly block: number;
  private readonly F: Float64Array;
  private readonly G: Float64Array;
  private readonly sums: Float64Array;
  /** Rows that the layer holds, when they are all there are. */
  private readonly whole: boolean;

  constructor(
    private readonly problem: LocalProblem,
    private readonly sample: Sample,
    start: readonly NeuronSeed[],
    kernels: Kernels,
  ) {
    const n = rowsOf(sample);
    const d = sample.X.cols;
    const c = problem.datafit.outputs;
    this.m = start.length;
    this.whole = sample.gathered !== true;
    this.block = this.whole ? n : Math.min(n, mostRows);
    this.layer = kernels.createReluLayer(
      this.block,
      d,
      Int32Array.from(start, ({ output }) => output),
      c,
    );
    if (this.whole) this.layer.load(sample.X, null, 0, n);
    this.F = new Float64Array(this.block * c);
    this.G = new Float64Array(this.block * c);
    this.sums = new Float64Array(this.m * d);
  }

  dispose(): void {
    this.layer.dispose();
  }

  /** The value at theta, and the gradient there; of the rows of a span, where they are gathered, with their share of the penalty. */
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
    const { m, F, G, sums, problem, sample, layer, whole } = this;
    const { datafit } = problem;
    const c = datafit.outputs;
    const d = sample.X.cols;
    const inner = m * d;
    const free = inner + m;
    const n = to - from;
    if (!whole) layer.load(sample.X, sample.order, from, n);
    layer.forward(theta, theta.subarray(inner, free), F);
    if (problem.offset) for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) F[i * c + o] += theta[free + o];
    const value = datafit.lossOfRows(F, sample.order, from, n, G);
    layer.backward(G, sums);
    for (let j = 0; j < m; j++) {
      const a = theta[inner + j];
      let along = 0;
      // where a neuron is on its activation is w'x: the slope in a is that of the sum in w
      for (let k = j * d; k < (j + 1) * d; k++) {
        along += theta[k] * sums[k];
        gradient[k] += a * sums[k];
      }
      gradient[inner + j] += along;
    }
    if (problem.offset) for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) gradient[free + o] += G[i * c + o];
    return value;
  }
}
