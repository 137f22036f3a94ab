import { patternsByProduct } from '../core/problem/patterns/patternProducts.ts';
import { emptyPatterns, type PatternSet, patternsOfGates } from '../core/base/patterns.ts';
import { createReferenceKernels } from '../core/base/kernels/reference.ts';
import type { Kernels } from '../core/base/kernels/kernels.ts';
import { denseMatrix, type DenseMatrix, withOnesColumn } from '../core/base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import { pickRows } from './pickRows.ts';

/** What the m neurons of a two-layer network do on n rows. */
export interface Activity {
  /** m patterns: a ReLU neuron is on where its pre-activation is > 0, a gated one where its gate value is >= 0. */
  readonly on: PatternSet;
  /** Sum of the squared activations of each neuron over the rows asked for. */
  readonly energy: Float64Array;
  /** n x c outputs. */
  readonly fit: DenseMatrix;
}

/** Rows handled at a time. */
const blockRows = 512;

/** Patterns of gates over the listed rows that are known already, and the one that each neuron of a gated network has. */
export interface KnownGates {
  readonly patterns: PatternSet;
  readonly gateOf: Int32Array;
}

/**
 * Runs a network on X (n x d, without a column of ones), with the energy over the listed rows (ascending). On fast kernels 500 neurons on 10,000 x 100
 * take less than a tenth of a second, so that a record can be made while somebody waits for a stop.
 */
export function activityOf(
  network: TwoLayerNetwork,
  X: DenseMatrix,
  rows: Int32Array,
  kernels: Kernels = createReferenceKernels(),
  known?: KnownGates,
): Activity {
  const { W1, b1, W2, b2, gates, gateBias } = network;
  const [m, c] = [W1.rows, W2.cols];
  const { rows: n, cols: d } = X;
  const on =
    gates === undefined ? emptyPatterns(m, n) : patternsOnAll(withOffsets(gates, gateBias), X, rows, kernels, known);
  const counted = new Uint8Array(n);
  for (const row of rows) counted[row] = 1;
  const energy = new Float64Array(m);
  const fit = denseMatrix(n, c);
  for (let r = 0; r < n; r++) for (let o = 0; o < c; o++) fit.data[r * c + o] = b2[o];
  const { words, wordsPerPattern } = on;
  const H = kernels.alloc(m * Math.min(n, blockRows));
  try {
    for (let start = 0; start < n && m > 0; start += blockRows) {
      const height = Math.min(blockRows, n - start);
      const block = X.data.subarray(start * d, (start + height) * d);
      const activations = H.subarray(0, m * height);
      kernels.gemm(false, true, m, height, d, 1, W1.data, block, 0, activations);
      for (let j = 0, at = 0; j < m; j++) {
        const bias = b1[j];
        let sum = 0;
        for (let i = 0; i < height; i++, at++) {
          const r = start + i;
          const word = j * wordsPerPattern + (r >> 5);
          const h = activations[at] + bias;
          if (gates === undefined) words[word] |= Number(h > 0) << (r & 31);
          // without a branch: a pattern is as good as random
          const value = ((words[word] >>> (r & 31)) & 1) === 1 ? h : 0;
          activations[at] = value;
          sum += counted[r] * value * value;
        }
        energy[j] += sum;
      }
      const outputs = fit.data.subarray(start * c, (start + height) * c);
      kernels.gemm(true, false, height, c, m, 1, activations, W2.data, 1, outputs);
    }
  } finally {
    kernels.free(H);
  }
  return { on, energy, fit };
}

/** Patterns of the gates over all rows of X, where `known` says them over the listed ones. */
function patternsOnAll(
  gates: DenseMatrix,
  X: DenseMatrix,
  rows: Int32Array,
  kernels: Kernels,
  known: KnownGates | undefined,
): PatternSet {
  if (known === undefined) return gatePatterns(gates, X, kernels);
  const { patterns, gateOf } = known;
  const out = emptyPatterns(gates.rows, X.rows);
  const copy = (from: PatternSet, gate: number, j: number, to: Int32Array): void => {
    const [source, target] = [gate * from.wordsPerPattern, j * out.wordsPerPattern];
    for (let k = 0; k < to.length; k++)
      out.words[target + (to[k] >> 5)] |= ((from.words[source + (k >> 5)] >>> (k & 31)) & 1) << (to[k] & 31);
  };
  const listed = new Uint8Array(X.rows);
  for (const row of rows) listed[row] = 1;
  const others = Int32Array.from(listed.keys()).filter((row) => listed[row] === 0);
  const left = others.length > 0 ? gatePatterns(gates, pickRows(X, others), kernels) : undefined;
  for (let j = 0; j < gates.rows; j++) {
    copy(patterns, gateOf[j], j, rows);
    if (left) copy(left, j, j, others);
  }
  return out;
}

/** Patterns of gates over X (n x d); gates of width d + 1 have an offset last. */
function gatePatterns(gates: DenseMatrix, X: DenseMatrix, kernels: Kernels | undefined): PatternSet {
  const effective = gates.cols > X.cols ? withOnesColumn(X) : X;
  const fast = kernels && patternsByProduct(effective, gates, kernels, () => false);
  return fast ?? patternsOfGates(effective, gates);
}

function withOffsets(gates: DenseMatrix, offsets: Float64Array | undefined): DenseMatrix {
  if (offsets === undefined) return gates;
  const wide = denseMatrix(gates.rows, gates.cols + 1);
  for (let j = 0; j < gates.rows; j++) {
    wide.data.set(gates.data.subarray(j * gates.cols, (j + 1) * gates.cols), j * wide.cols);
    wide.data[j * wide.cols + gates.cols] = offsets[j];
  }
  return wide;
}
