import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { denseMatrix, dot, norm2, rowOf, type DenseMatrix, columnOf } from '../../base/linalg/matrix.ts';
import { svd } from '../../base/linalg/svd.ts';
import { bestDualScale } from '../../problem/datafits/datafit.ts';
import { createDatafit } from '../../problem/datafits/losses.ts';
import { createRng } from '../../base/rng.ts';

/** Rows above which the inner layers are not built (an n x n system is factored). */
export const batchNormLimit = 600;

/**
 * Batch normalisation before the last layer makes the features of arbitrary data orthonormal directions of the targets: with
 * one-hot Y the optimal last hidden feature of class k is y_k / ||y_k|| and its outgoing weight (||y_k|| - beta)_+ (Ergen and
 * Pilanci 2021, "Revealing the structure", batch normalisation). Returns the n x k features and the objective of
 * 1/2 ||F W - Y||^2 + beta sum_k |weight_k|.
 */
export function batchNormForm(
  Y: DenseMatrix,
  beta: number,
): { readonly features: DenseMatrix; readonly weights: Float64Array; readonly objective: number } {
  const features = denseMatrix(Y.rows, Y.cols);
  const weights = new Float64Array(Y.cols);
  let objective = 0;
  for (let k = 0; k < Y.cols; k++) {
    let square = 0;
    for (let i = 0; i < Y.rows; i++) square += Y.data[i * Y.cols + k] ** 2;
    const norm = Math.sqrt(square);
    weights[k] = Math.max(0, norm - beta);
    for (let i = 0; i < Y.rows; i++) features.data[i * Y.cols + k] = norm > 0 ? Y.data[i * Y.cols + k] / norm : 0;
    objective += 0.5 * (norm - weights[k]) ** 2 + beta * weights[k];
  }
  return { features, weights, objective };
}

/** A network with batch normalisation before its last layer, built as the closed form says, and what comes out when it is run. */
export interface BatchNormNetwork {
  /** Neurons of the random first hidden layer; 0 when the inputs themselves reach the targets. */
  readonly hidden: number;
  /** Largest error of the layer before normalisation on the targets, whose entries are 0 and 1. */
  readonly interpolationError: number;
  /** Scale, shift (times sqrt n) and outgoing weight of the normalised neuron of each class; scale^2 + shift^2 = |weight|. */
  readonly neurons: readonly { readonly scale: number; readonly shift: number; readonly weight: number }[];
  /** 1/2 ||F - Y||^2 + beta/2 sum (scale^2 + shift^2 + weight^2), by running the network on its rows. */
  readonly objective: number;
  /**
   * Lower bound for every network, of any depth and width, with batch normalisation before its last layer: normalised and rectified
   * features have norm at most 1, so the dual constraint of V is at most its largest singular value.
   */
  readonly dualBound: number;
  /** Outputs, and features after normalisation and ReLU (of unit outgoing weight), on any effective inputs. */
  readonly run: (X: DenseMatrix) => { readonly outputs: DenseMatrix; readonly features: DenseMatrix };
}

/**
 * Builds the network of the closed form on n x d effective inputs and one-hot Y: inner layers that reach Y (the inputs when their rows are
 * independent, otherwise a random ReLU layer of 2n neurons), then normalisation with scale gamma_k and shift alpha_k that turn class k into
 * y_k / ||y_k||, ReLU, and weight (||y_k|| - beta)_+. The inner layers cost nothing, because normalisation undoes their size. `poll` is
 * called every few milliseconds and may throw.
 */
export function batchNormNetwork(
  X: DenseMatrix,
  Y: DenseMatrix,
  beta: number,
  seed: number,
  poll: () => void = () => undefined,
): BatchNormNetwork {
  const n = X.rows;
  const k = Y.cols;
  let lift = (inputs: DenseMatrix): DenseMatrix => inputs;
  let hidden = 0;
  let solution = n <= X.cols ? reach(X, Y, poll) : undefined;
  if (solution === undefined || solution.error > 1e-6) {
    hidden = 2 * n;
    lift = randomLayer(X, hidden, seed, poll);
    solution = reach(lift(X), Y, poll);
  }
  const { W, error } = solution;
  const z = multiply(lift(X), W);
  const means = new Float64Array(k);
  const spreads = new Float64Array(k);
  for (let c = 0; c < k; c++) {
    const column = columnOf(z.data, k, c);
    means[c] = column.reduce((a, b) => a + b, 0) / n;
    spreads[c] = norm2(column.map((value) => value - means[c]));
  }
  const root = Math.sqrt(n);
  const unit = Array.from({ length: k }, (_, c) => {
    const count = Y.data.reduce((sum, value, at) => (at % k === c ? sum + value : sum), 0);
    const norm = Math.sqrt(count);
    // y / ||y|| = gamma (y - mean) / ||y - mean|| + alpha 1 / sqrt n, gamma^2 + alpha^2 = 1
    const alpha = norm / root;
    return { gamma: Math.sqrt(Math.max(0, 1 - alpha * alpha)), alpha, weight: Math.max(0, norm - beta) };
  });
  const run: BatchNormNetwork['run'] = (inputs) => {
    const pre = multiply(lift(inputs), W);
    const features = denseMatrix(inputs.rows, k);
    const outputs = denseMatrix(inputs.rows, k);
    for (let i = 0; i < inputs.rows; i++) {
      for (let c = 0; c < k; c++) {
        const normalised = spreads[c] > 0 ? (pre.data[i * k + c] - means[c]) / spreads[c] : 0;
        const feature = Math.max(0, unit[c].gamma * normalised + unit[c].alpha / root);
        features.data[i * k + c] = feature;
        outputs.data[i * k + c] = feature * unit[c].weight;
      }
    }
    return { outputs, features };
  };
  // scale and shift share the norm sqrt(weight) with the outgoing weight
  const neurons = unit.map(({ gamma, alpha, weight }) => ({
    scale: gamma * Math.sqrt(weight),
    shift: alpha * Math.sqrt(weight),
    weight: Math.sqrt(weight),
  }));
  const { outputs } = run(X);
  const datafit = createDatafit('squared', Y, k);
  const penalty = neurons.reduce((sum, { scale, shift, weight }) => sum + scale ** 2 + shift ** 2 + weight ** 2, 0);
  const V = denseMatrix(n, k);
  datafit.dualPoint(outputs.data, V.data);
  const constraint = svd(V).s[0] ?? 0;
  const t = bestDualScale(datafit, V.data, constraint > 0 ? beta / constraint : 1);
  return {
    hidden,
    interpolationError: error,
    neurons,
    objective: datafit.value(outputs.data) + 0.5 * beta * penalty,
    dualBound: datafit.dualValue(V.data.map((value) => t * value)),
    run,
  };
}

/** The least W with A W = Y, and its largest error after two steps of refinement. */
function reach(A: DenseMatrix, Y: DenseMatrix, poll: () => void): { readonly W: DenseMatrix; readonly error: number } {
  const n = A.rows;
  const gram = new Float64Array(n * n);
  let trace = 0;
  for (let i = 0; i < n; i++) {
    poll();
    for (let j = 0; j <= i; j++) gram[i * n + j] = gram[j * n + i] = dot(rowOf(A, i), rowOf(A, j));
    trace += gram[i * n + i];
  }
  const factor = Float64Array.from(gram);
  // dependent rows: a small ridge keeps the factor, and the error says that the targets are not reached
  for (let i = 0; i < n; i++) factor[i * n + i] += 1e-13 * trace;
  const W = denseMatrix(A.cols, Y.cols);
  const solvable = factorSpd(factor, n, () => (poll(), false));
  let error = Infinity;
  for (let round = 0; round < 3; round++) {
    const rest = multiply(A, W);
    error = 0;
    for (let i = 0; i < rest.data.length; i++) {
      rest.data[i] = Y.data[i] - rest.data[i];
      error = Math.max(error, Math.abs(rest.data[i]));
    }
    if (!solvable) break;
    for (let c = 0; c < Y.cols; c++) {
      poll();
      const column = columnOf(rest.data, Y.cols, c);
      solveSpd(factor, n, column);
      for (let i = 0; i < n; i++) {
        const row = rowOf(A, i);
        for (let j = 0; j < A.cols; j++) W.data[j * Y.cols + c] += column[i] * row[j];
      }
    }
  }
  const last = multiply(A, W);
  error = 0;
  for (let i = 0; i < last.data.length; i++) error = Math.max(error, Math.abs(last.data[i] - Y.data[i]));
  return { W, error };
}

/** Random ReLU features with biases, of the size of the inputs. */
function randomLayer(
  X: DenseMatrix,
  width: number,
  seed: number,
  poll: () => void,
): (inputs: DenseMatrix) => DenseMatrix {
  const rng = createRng(seed).fork('batch-norm');
  const d = X.cols;
  const size = norm2(X.data) / Math.sqrt(X.rows) || 1;
  const directions = denseMatrix(width, d);
  for (let j = 0; j < directions.data.length; j++) directions.data[j] = rng.normal() / size;
  const offsets = Float64Array.from({ length: width }, () => rng.normal());
  return (inputs) => {
    const out = denseMatrix(inputs.rows, width);
    for (let i = 0; i < inputs.rows; i++) {
      poll();
      for (let j = 0; j < width; j++) {
        out.data[i * width + j] = Math.max(0, dot(rowOf(inputs, i), rowOf(directions, j)) + offsets[j]);
      }
    }
    return out;
  };
}

function multiply(A: DenseMatrix, B: DenseMatrix): DenseMatrix {
  const out = denseMatrix(A.rows, B.cols);
  for (let i = 0; i < A.rows; i++) {
    for (let j = 0; j < A.cols; j++) {
      const a = A.data[i * A.cols + j];
      if (a === 0) continue;
      for (let c = 0; c < B.cols; c++) out.data[i * B.cols + c] += a * B.data[j * B.cols + c];
    }
  }
  return out;
}
