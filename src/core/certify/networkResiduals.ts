import { denseMatrix, type DenseMatrix, dot, norm2 } from '../base/linalg/matrix.ts';
import { symmetricEigen } from '../base/linalg/symmetricEigen.ts';
import type { Datafit } from '../problem/datafits/datafit.ts';

/** One serial linear network W_1 .. W_L on effective inputs, for one output or (-1) for all of them. */
export interface Chain {
  readonly layers: readonly DenseMatrix[];
  readonly output: number;
}

/**
 * How far V = -gradient of the datafit at the fit (n x c) and the fit are from paying for each other, <V, F> = beta * penalty, relative to the
 * objective: zero exactly at optima of programs whose penalty is positively homogeneous of degree 1 in the fit's parameters. The values come
 * from running the network; no solver is asked.
 */
export function complementarity(fit: DenseMatrix, datafit: Datafit, beta: number, penalty: number): number {
  const V = new Float64Array(fit.data.length);
  datafit.dualPoint(fit.data, V);
  const objective = datafit.value(fit.data) + beta * penalty;
  return Math.abs(dot(V, fit.data) - beta * penalty) / Math.max(Math.abs(objective), Number.MIN_VALUE);
}

/**
 * Residuals of linear networks with beta/2 times the sum of squared weights, from their weights alone. `stationarity`: largest over layers of
 * ||A_l' V B_l' - beta W_l|| / (beta ||W_l||) with A_l the layer's inputs, B_l the layers above it, V = -gradient of the datafit; with two
 * layers also the excess over 1 of the spectral norm of X'V over beta, the dual constraint (Ergen and Pilanci 2021, "Revealing the structure").
 * Zero networks of more layers are stationary whatever the data, so they have none. `complementarity` belongs to the two-layer program only.
 */
export function linearResiduals(
  X: DenseMatrix,
  chains: readonly Chain[],
  depth: number,
  datafit: Datafit,
  beta: number,
): { readonly stationarity?: number; readonly complementarity?: number } {
  const c = datafit.outputs;
  const fit = denseMatrix(X.rows, c);
  const inputs = chains.map(({ layers }) =>
    layers.reduce<DenseMatrix[]>((all, W) => [...all, product(all[all.length - 1], W)], [X]),
  );
  chains.forEach(({ layers, output }, k) => {
    const values = inputs[k][layers.length];
    for (let i = 0; i < X.rows; i++)
      for (let o = 0; o < values.cols; o++)
        fit.data[i * c + (output < 0 ? o : output)] += values.data[i * values.cols + o];
  });
  const V = denseMatrix(X.rows, c);
  datafit.dualPoint(fit.data, V.data);

  let stationarity = 0;
  let square = 0;
  chains.forEach(({ layers, output }, k) => {
    let above = output < 0 ? V : column(V, output);
    for (let l = layers.length - 1; l >= 0; l--) {
      const W = layers[l];
      const wanted = product(transposed(inputs[k][l]), above);
      const difference = wanted.data.map((value, i) => value - beta * W.data[i]);
      stationarity = Math.max(stationarity, norm2(difference) / (beta * norm2(W.data)));
      square += dot(W.data, W.data);
      above = product(above, transposed(W));
    }
  });
  if (depth > 2) return chains.length === 0 ? {} : { stationarity };
  const shared = chains.every(({ output }) => output < 0);
  const price = shared && c > 1 ? spectralNorm(product(transposed(X), V)) : largestColumn(product(transposed(X), V));
  return {
    stationarity: Math.max(stationarity, price / beta - 1),
    complementarity: complementarity(fit, datafit, beta, 0.5 * square),
  };
}

function product(A: DenseMatrix, B: DenseMatrix): DenseMatrix {
  const out = denseMatrix(A.rows, B.cols);
  for (let i = 0; i < A.rows; i++) {
    for (let j = 0; j < A.cols; j++) {
      const a = A.data[i * A.cols + j];
      if (a !== 0) for (let k = 0; k < B.cols; k++) out.data[i * B.cols + k] += a * B.data[j * B.cols + k];
    }
  }
  return out;
}

function transposed(A: DenseMatrix): DenseMatrix {
  const out = denseMatrix(A.cols, A.rows);
  for (let i = 0; i < A.rows; i++) for (let j = 0; j < A.cols; j++) out.data[j * A.rows + i] = A.data[i * A.cols + j];
  return out;
}

function column(A: DenseMatrix, k: number): DenseMatrix {
  return denseMatrix(
    A.rows,
    1,
    Float64Array.from({ length: A.rows }, (_, i) => A.data[i * A.cols + k]),
  );
}

const largestColumn = (A: DenseMatrix): number =>
  Math.max(...Array.from({ length: A.cols }, (_, k) => norm2(column(A, k).data)));

function spectralNorm(A: DenseMatrix): number {
  const gram = A.cols <= A.rows ? product(transposed(A), A) : product(A, transposed(A));
  return Math.sqrt(Math.max(0, symmetricEigen(gram).values[gram.rows - 1]));
}
