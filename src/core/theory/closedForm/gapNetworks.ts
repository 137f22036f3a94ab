import { denseMatrix, dot, norm2, type DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import { numericalRank, svd, type Svd } from '../../base/linalg/svd.ts';

/**
 * Linear networks of one depth with several outputs that fit as least squares does, built and run: inner layers W_1 .. W_{L-2} of Frobenius norm
 * at most 1, cost (||W_{L-1}||_F^2 + ||W_L||_F^2) / 2 summed over branches (Ergen and Pilanci 2021, "Revealing the structure").
 */
export interface GapNetworks {
  /** Cost of one serial network, and of parallel branches of rank one, one per singular direction of the map. */
  readonly serial: number;
  readonly parallel: number;
  readonly branches: number;
  /** <V, X Z> for V with ||X'V||_2 <= 1: no network of this kind that fits so costs less. */
  readonly dual: number;
  /** Largest distance of either network's outputs from the least squares fit, over the largest entry of the fit. */
  readonly fitError: number;
  /** Largest Frobenius norm of an inner layer: at most 1. */
  readonly innerNorm: number;
}

/** Builds and runs both networks for n x d inputs (with their decomposition) and n x c targets, L >= 2 layers. */
export function gapNetworks(X: DenseMatrix, Y: DenseMatrix, layers: number, inputs: Svd = svd(X)): GapNetworks {
  const rank = numericalRank(inputs.s, 1e-10);
  const k = inputs.s.length;
  // least squares map Z = V diag(1/s) U'Y = P diag(sigma) Q'
  const Z = denseMatrix(X.cols, Y.cols);
  for (let a = 0; a < rank; a++) {
    for (let o = 0; o < Y.cols; o++) {
      let along = 0;
      for (let i = 0; i < X.rows; i++) along += inputs.U.data[i * k + a] * Y.data[i * Y.cols + o];
      for (let j = 0; j < X.cols; j++) Z.data[j * Y.cols + o] += (inputs.V.data[j * k + a] * along) / inputs.s[a];
    }
  }
  const fit = product(X, Z);
  const serial = serialLayers(Z, layers);
  const parallel = parallelLayers(Z, layers);
  const run = [serial, ...parallel].map((chain) => chain.reduce(product, X));
  const sum = denseMatrix(X.rows, Y.cols);
  for (const part of run.slice(1)) part.data.forEach((value, at) => (sum.data[at] += value));
  let [largest, error] = [0, 0];
  fit.data.forEach((value, at) => {
    largest = Math.max(largest, Math.abs(value));
    error = Math.max(error, Math.abs(run[0].data[at] - value), Math.abs(sum.data[at] - value));
  });
  // V = (X^+)' P Q'
  const target = svd(Z);
  const r = numericalRank(target.s, 1e-12);
  const inner = denseMatrix(X.cols, Y.cols);
  for (let t = 0; t < r; t++) {
    for (let j = 0; j < X.cols; j++) {
      const p = target.U.data[j * target.s.length + t];
      for (let o = 0; o < Y.cols; o++) inner.data[j * Y.cols + o] += p * target.V.data[o * target.s.length + t];
    }
  }
  const V = denseMatrix(X.rows, Y.cols);
  for (let a = 0; a < rank; a++) {
    for (let o = 0; o < Y.cols; o++) {
      let along = 0;
      for (let j = 0; j < X.cols; j++) along += inputs.V.data[j * k + a] * inner.data[j * Y.cols + o];
      for (let i = 0; i < X.rows; i++) V.data[i * Y.cols + o] += (inputs.U.data[i * k + a] * along) / inputs.s[a];
    }
  }
  const constraint = svd(product(transpose(X), V)).s[0] ?? 0;
  const chains = [serial, ...parallel];
  return {
    serial: outerCost(serial),
    parallel: parallel.reduce((total, chain) => total + outerCost(chain), 0),
    branches: parallel.length,
    dual: dot(V.data, fit.data) / Math.max(1, constraint),
    fitError: largest > 0 ? error / largest : 0,
    innerNorm: Math.max(0, ...chains.flatMap((chain) => chain.slice(0, -2).map(({ data }) => norm2(data)))),
  };
}

/** Loss plus beta times the cost of the parallel network with the map Z (d x c), by running its branches. */
export function parallelObjective(
  X: DenseMatrix,
  Z: DenseMatrix,
  layers: number,
  datafit: Datafit,
  beta: number,
): number {
  const F = denseMatrix(X.rows, Z.cols);
  let cost = 0;
  for (const chain of parallelLayers(Z, layers)) {
    cost += outerCost(chain);
    chain.reduce(product, X).data.forEach((value, at) => (F.data[at] += value));
  }
  return datafit.value(F.data) + beta * cost;
}

const outerCost = (chain: readonly DenseMatrix[]): number =>
  0.5 * chain.slice(-2).reduce((total, { data }) => total + dot(data, data), 0);

/** One branch per singular direction of Z: unit inner layers, the singular value shared by the last two. */
function parallelLayers(Z: DenseMatrix, layers: number): DenseMatrix[][] {
  const { U, s, V } = svd(Z);
  const k = s.length;
  return Array.from({ length: numericalRank(s, 1e-12) }, (_, t) => {
    const root = Math.sqrt(s[t]);
    const left = layers === 2 ? root : 1;
    const first = denseMatrix(
      Z.rows,
      1,
      Float64Array.from({ length: Z.rows }, (__, j) => left * U.data[j * k + t]),
    );
    const middle = Array.from({ length: layers - 2 }, (__, l) =>
      denseMatrix(1, 1, Float64Array.of(l === layers - 3 ? root : 1)),
    );
    const last = denseMatrix(
      1,
      Z.cols,
      Float64Array.from({ length: Z.cols }, (__, o) => root * V.data[o * k + t]),
    );
    return [first, ...middle, last];
  });
}

/** One chain: inner layers with singular values proportional to sigma^(1/L) and Frobenius norm 1, the rest shared by the last two. */
function serialLayers(Z: DenseMatrix, layers: number): DenseMatrix[] {
  const { U, s, V } = svd(Z);
  const k = s.length;
  const rank = numericalRank(s, 1e-12);
  const roots = Array.from({ length: rank }, (_, t) => s[t] ** (1 / layers));
  const scale = norm2(roots) || 1;
  const inner = roots.map((root) => root / scale);
  const outer = inner.map((g, t) => Math.sqrt(s[t] / g ** (layers - 2)));
  return Array.from({ length: layers }, (_, l) => {
    const values = l < layers - 2 ? inner : outer;
    const W = denseMatrix(l === 0 ? Z.rows : rank, l === layers - 1 ? Z.cols : rank);
    values.forEach((value, t) => {
      if (l === 0) for (let j = 0; j < Z.rows; j++) W.data[j * rank + t] = value * U.data[j * k + t];
      else if (l < layers - 1) W.data[t * rank + t] = value;
      else for (let o = 0; o < Z.cols; o++) W.data[t * Z.cols + o] = value * V.data[o * k + t];
    });
    return W;
  });
}

function product(A: DenseMatrix, B: DenseMatrix): DenseMatrix {
  const out = denseMatrix(A.rows, B.cols);
  for (let i = 0; i < A.rows; i++) {
    for (let k = 0; k < A.cols; k++) {
      const a = A.data[i * A.cols + k];
      if (a !== 0) for (let j = 0; j < B.cols; j++) out.data[i * B.cols + j] += a * B.data[k * B.cols + j];
    }
  }
  return out;
}

function transpose(A: DenseMatrix): DenseMatrix {
  const out = denseMatrix(A.cols, A.rows);
  for (let i = 0; i < A.rows; i++) for (let j = 0; j < A.cols; j++) out.data[j * A.rows + i] = A.data[i * A.cols + j];
  return out;
}
