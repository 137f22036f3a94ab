import { type DenseMatrix, denseMatrix, rowOf } from '../base/linalg/matrix.ts';
import { rowProducts } from '../base/linalg/rowProducts.ts';
import type { Datafit } from '../problem/datafits/datafit.ts';
import type { OutputPenalty } from '../problem/penalties/penalties.ts';
import { type BiasMode, biasOf } from '../problem/problem.ts';
import { namedEntry } from '../base/registry.ts';
import type { TwoLayerNetwork } from './network.ts';

/** Fits (n x c) of a network on inputs X (n x d, without a column of ones). Gated units pass w_j . x + b_j on where their gate is on. */
export function networkFit(network: TwoLayerNetwork, X: DenseMatrix): DenseMatrix;
/** Undefined when given up, which is asked after every neuron. */
export function networkFit(
  network: TwoLayerNetwork,
  X: DenseMatrix,
  giveUp: (() => boolean) | undefined,
): DenseMatrix | undefined;
export function networkFit(network: TwoLayerNetwork, X: DenseMatrix, giveUp?: () => boolean): DenseMatrix | undefined {
  const { W1, b1, W2, b2, gates, gateBias } = network;
  const { rows: n, cols: d } = X;
  const c = b2.length;
  if (W1.rows > 0 && W1.cols !== d) throw new RangeError(`the network takes ${W1.cols} inputs, the data have ${d}`);
  const out = denseMatrix(n, c);
  for (let r = 0; r < n; r++) for (let o = 0; o < c; o++) out.data[r * c + o] = b2[o];
  const [h, gate] = [new Float64Array(n), new Float64Array(n)];
  for (let j = 0; j < W1.rows; j++) {
    if (giveUp?.() === true) return undefined;
    rowProducts(X, rowOf(W1, j), h);
    if (gates !== undefined) rowProducts(X, rowOf(gates, j), gate);
    const offset = gateBias?.[j] ?? 0;
    for (let r = 0; r < n; r++) {
      const value = h[r] + b1[j];
      if (gates === undefined ? value <= 0 : gate[r] + offset < 0) continue;
      for (let o = 0; o < c; o++) out.data[r * c + o] += value * W2.data[j * c + o];
    }
  }
  return out;
}

/** Hidden pre-activations x_r . w_j + b_j, n x m. */
export function preActivations(network: TwoLayerNetwork, X: DenseMatrix): DenseMatrix {
  const { W1, b1 } = network;
  const out = denseMatrix(X.rows, W1.rows);
  const h = new Float64Array(X.rows);
  for (let j = 0; j < W1.rows; j++) {
    rowProducts(X, rowOf(W1, j), h);
    for (let r = 0; r < X.rows; r++) out.data[r * W1.rows + j] = h[r] + b1[j];
  }
  return out;
}

/** The squared size of a neuron's outgoing weights from the sum of their sizes and of their squares; or that of all neurons behind one gate together. */
const outerSizes: Readonly<
  Record<OutputPenalty, { readonly perUnit: boolean; readonly ofNeuron: (sizes: number, squares: number) => number }>
> = {
  'per-output': { perUnit: false, ofNeuron: (sizes) => sizes * sizes },
  nuclear: { perUnit: false, ofNeuron: (_, squares) => squares },
  frobenius: { perUnit: true, ofNeuron: (_, squares) => squares },
};

/**
 * Half the squared size of the weights, in the form the output penalty stands for (a_j is the outgoing vector of neuron j):
 * - `per-output`: 1/2 sum_j (||w_j||^2 + ||a_j||_1^2);
 * - `nuclear`: 1/2 sum_j (||w_j||^2 + ||a_j||_2^2), plain weight decay;
 * - `frobenius`: 1/2 sum over units (||W||_F^2 + sigma_max(A)^2), a unit being all neurons behind one gate (each ReLU neuron is its own).
 * With one output they agree. A regularised bias counts as part of w_j, a free one does not; output offsets never count.
 */
export function networkPenalty(network: TwoLayerNetwork, kind: OutputPenalty, bias: BiasMode): number {
  const { W1, b1, W2, gates, gateBias } = network;
  const d = W1.cols;
  const c = W2.cols;
  const { free } = biasOf(bias);
  const { perUnit, ofNeuron } = namedEntry(outerSizes, kind, 'outputPenalty');
  const inner = (j: number): number => {
    let s = free ? 0 : b1[j] * b1[j];
    for (let k = 0; k < d; k++) s += W1.data[j * d + k] * W1.data[j * d + k];
    return s;
  };
  let total = 0;
  if (!perUnit || gates === undefined || c === 1) {
    for (let j = 0; j < W1.rows; j++) {
      let one = 0;
      let two = 0;
      for (let o = 0; o < c; o++) {
        one += Math.abs(W2.data[j * c + o]);
        two += W2.data[j * c + o] * W2.data[j * c + o];
      }
      total += inner(j) + ofNeuron(one, two);
    }
    return total / 2;
  }
  const units = new Map<string, number[]>();
  for (let j = 0; j < W1.rows; j++) {
    const key = `${gates.data.subarray(j * d, (j + 1) * d).join()};${gateBias?.[j] ?? 0}`;
    const unit = units.get(key);
    if (unit === undefined) units.set(key, [j]);
    else unit.push(j);
  }
  for (const unit of units.values()) {
    for (const j of unit) total += inner(j);
    total += largestSquaredSingularValue(W2, unit);
  }
  return total / 2;
}

/** sigma_max^2 of the listed rows of W2 (k x c), by power iteration on A'A from its largest column. */
function largestSquaredSingularValue(W2: DenseMatrix, rows: readonly number[]): number {
  const c = W2.cols;
  const gram = new Float64Array(c * c);
  for (const j of rows) {
    for (let a = 0; a < c; a++) {
      for (let b = 0; b < c; b++) gram[a * c + b] += W2.data[j * c + a] * W2.data[j * c + b];
    }
  }
  let value = 0;
  // every start vector e_k: the largest eigenvalue is reached from at least one of them
  for (let k = 0; k < c; k++) {
    let x = new Float64Array(c);
    x[k] = 1;
    let size = 0;
    for (let round = 0; round < 200; round++) {
      const y = new Float64Array(c);
      for (let a = 0; a < c; a++) for (let b = 0; b < c; b++) y[a] += gram[a * c + b] * x[b];
      const next = Math.sqrt(y.reduce((s, t) => s + t * t, 0));
      if (next === 0) break;
      x = y.map((t) => t / next);
      const done = Math.abs(next - size) <= 1e-15 * next;
      size = next;
      if (done) break;
    }
    value = Math.max(value, size);
  }
  return value;
}

/** The non-convex objective l(f(X)) + beta * penalty of a network, by running it. X without the column of ones. */
export function networkObjective(
  network: TwoLayerNetwork,
  X: DenseMatrix,
  datafit: Datafit,
  beta: number,
  kind: OutputPenalty,
  bias: BiasMode,
): number {
  return datafit.value(networkFit(network, X).data) + beta * networkPenalty(network, kind, bias);
}

/** What a network's objective is that of; X without the column of ones. */
export interface NetworkProgram {
  readonly X: DenseMatrix;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly outputPenalty: OutputPenalty;
  readonly bias: BiasMode;
}

/** `networkObjective`, or undefined when given up, which is asked after every neuron. */
export function networkObjectiveUnless(
  giveUp: () => boolean,
  network: TwoLayerNetwork,
  { X, datafit, beta, outputPenalty, bias }: NetworkProgram,
): number | undefined {
  const fit = networkFit(network, X, giveUp);
  return fit === undefined ? undefined : datafit.value(fit.data) + beta * networkPenalty(network, outputPenalty, bias);
}
