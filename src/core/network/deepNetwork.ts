import { denseMatrix, type DenseMatrix } from '../base/linalg/matrix.ts';
import { unknownName } from '../base/registry.ts';

/** One parallel branch x -> ((x W1 + b1)_+ . w2)_+ w3, added to one output. */
export interface DeepBranch {
  /** inputs x m1 */
  readonly W1: DenseMatrix;
  readonly b1: Float64Array;
  readonly w2: Float64Array;
  readonly w3: number;
  readonly output: number;
}

/** One chain x -> (x W_1 + b1) W_2 .. W_L, for all outputs (-1) or one of them. */
export interface LinearChain {
  readonly layers: readonly DenseMatrix[];
  readonly b1: Float64Array;
  readonly output: number;
}

/** A three-layer parallel ReLU network (Ergen and Pilanci 2021) or a deep linear one, the bias apart from the weights. */
export type DeepNetwork =
  | {
      readonly kind: 'three-layer';
      readonly inputs: number;
      readonly outputs: number;
      readonly m1: number;
      readonly branches: readonly DeepBranch[];
      /** What the outputs start from. */
      readonly offset: Float64Array;
    }
  | {
      readonly kind: 'linear';
      readonly inputs: number;
      readonly outputs: number;
      readonly depth: number;
      readonly chains: readonly LinearChain[];
      readonly offset: Float64Array;
    };

export type ThreeLayerNetwork = Extract<DeepNetwork, { kind: 'three-layer' }>;
export type LinearNetwork = Extract<DeepNetwork, { kind: 'linear' }>;

/**
 * What belongs to the kind of a network.
 * @throws {ProblemError} for a kind that does not exist
 */
export function byKind<T>(
  network: DeepNetwork,
  cases: { readonly threeLayer: (network: ThreeLayerNetwork) => T; readonly linear: (network: LinearNetwork) => T },
): T {
  switch (network.kind) {
    case 'three-layer':
      return cases.threeLayer(network);
    case 'linear':
      return cases.linear(network);
    default:
      return unknownName('network', (network as { readonly kind: unknown }).kind, ['three-layer', 'linear']);
  }
}

/** Layers in turn, A -> phi(A W + b), no phi after the last. */
export interface LayerStack {
  readonly layers: readonly { readonly W: DenseMatrix; readonly b: Float64Array }[];
  readonly relu: boolean;
}

/** The weights without their last row, and that row: the bias of a network whose last input is a column of ones. */
export function splitBias(W: DenseMatrix, withBias: boolean): { readonly W: DenseMatrix; readonly b: Float64Array } {
  if (!withBias) return { W, b: new Float64Array(W.cols) };
  const cut = (W.rows - 1) * W.cols;
  return { W: denseMatrix(W.rows - 1, W.cols, W.data.slice(0, cut)), b: W.data.slice(cut) };
}

/** The weights with the bias as their last row. */
export function joinBias(W: DenseMatrix, b: Float64Array): DenseMatrix {
  const out = denseMatrix(W.rows + 1, W.cols);
  out.data.set(W.data);
  out.data.set(b, W.data.length);
  return out;
}

/** The same function as one feed-forward stack: parallel parts side by side in the first layer, in blocks on the diagonal behind it. */
export function layerStack(network: DeepNetwork): LayerStack {
  const { inputs, outputs, offset } = network;
  type Parts = { W: DenseMatrix; b?: Float64Array }[][];
  const { parts, relu } = byKind<{ readonly parts: Parts; readonly relu: boolean }>(network, {
    threeLayer: ({ branches }) => ({
      relu: true,
      parts: branches.map(({ W1, b1, w2, w3, output }) => {
        const last = denseMatrix(1, outputs);
        last.data[output] = w3;
        return [{ W: W1, b: b1 }, { W: denseMatrix(w2.length, 1, w2) }, { W: last }];
      }),
    }),
    linear: ({ chains }) => ({
      relu: false,
      parts: chains.map(({ layers, b1, output }) =>
        layers.map((W, l) => {
          if (l === 0) return { W, b: b1 };
          return { W: l < layers.length - 1 || output < 0 ? W : intoColumn(W, output, outputs) };
        }),
      ),
    }),
  });
  if (parts.length === 0) return { layers: [{ W: denseMatrix(inputs, outputs), b: offset }], relu };
  const depth = parts[0].length;
  const layers = Array.from({ length: depth }, (_, l) => {
    const blocks = parts.map((part) => part[l]);
    const [first, last] = [l === 0, l === depth - 1];
    const rows = first ? inputs : sum(blocks.map(({ W }) => W.rows));
    const cols = last ? outputs : sum(blocks.map(({ W }) => W.cols));
    const W = denseMatrix(rows, cols);
    const b = last ? Float64Array.from(offset) : new Float64Array(cols);
    let [row, col] = [0, 0];
    for (const block of blocks) {
      for (let i = 0; i < block.W.rows; i++) {
        for (let j = 0; j < block.W.cols; j++) W.data[(row + i) * cols + col + j] = block.W.data[i * block.W.cols + j];
      }
      if (block.b !== undefined) b.set(block.b, col);
      if (!first) row += block.W.rows;
      if (!last) col += block.W.cols;
    }
    return { W, b };
  });
  return { layers, relu };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function intoColumn(W: DenseMatrix, column: number, columns: number): DenseMatrix {
  const out = denseMatrix(W.rows, columns);
  for (let i = 0; i < W.rows; i++) out.data[i * columns + column] = W.data[i * W.cols];
  return out;
}

/** rows x outputs of the network on inputs without a bias column, part by part. */
export function deepNetworkFit(network: DeepNetwork, X: DenseMatrix): DenseMatrix {
  const { outputs, offset } = network;
  const F = denseMatrix(X.rows, outputs);
  for (let i = 0; i < X.rows; i++) F.data.set(offset, i * outputs);
  byKind(network, {
    threeLayer: ({ branches }) => {
      for (const branch of branches) addBranch(branch, X, F);
    },
    linear: ({ chains }) => {
      for (const chain of chains) addChain(chain, X, F);
    },
  });
  return F;
}

function addBranch({ W1, b1, w2, w3, output }: DeepBranch, X: DenseMatrix, F: DenseMatrix): void {
  const Z = affine(X, W1, b1);
  for (let i = 0; i < X.rows; i++) {
    let h = 0;
    for (let j = 0; j < w2.length; j++) h += Math.max(0, Z.data[i * w2.length + j]) * w2[j];
    F.data[i * F.cols + output] += Math.max(0, h) * w3;
  }
}

function addChain({ layers, b1, output }: LinearChain, X: DenseMatrix, F: DenseMatrix): void {
  let A = X;
  layers.forEach((W, l) => (A = affine(A, W, l === 0 ? b1 : undefined)));
  for (let i = 0; i < X.rows; i++) {
    for (let o = 0; o < A.cols; o++) F.data[i * F.cols + (output < 0 ? o : output)] += A.data[i * A.cols + o];
  }
}

/** A W + b */
function affine(A: DenseMatrix, W: DenseMatrix, b?: Float64Array): DenseMatrix {
  const out = denseMatrix(A.rows, W.cols);
  for (let i = 0; i < A.rows; i++) {
    if (b !== undefined) out.data.set(b, i * W.cols);
    for (let k = 0; k < A.cols; k++) {
      const a = A.data[i * A.cols + k];
      if (a !== 0) for (let j = 0; j < W.cols; j++) out.data[i * W.cols + j] += a * W.data[k * W.cols + j];
    }
  }
  return out;
}
