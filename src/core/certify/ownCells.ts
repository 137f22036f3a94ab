import type { Kernels } from '../base/kernels/kernels.ts';
import { denseMatrix, type DenseMatrix, norm2 } from '../base/linalg/matrix.ts';
import { emptyPatterns, type PatternSet } from '../base/patterns.ts';
import { type CellProgram, concluded, dotRow, dualPointOf } from './cells.ts';
import type { ReluCertificate, ReluVector } from './reluCertificate.ts';
import { dualMaximumByRowNorms } from './rowNormBound.ts';

/** Rows that go through the kernels together; a multiple of 32. */
const rowsTogether = 4096;
/** Products below so many roundings are summed again in the order of `patternsOfGates`, which settles on which side a row is. */
const roundings = 2 ** -50;

/** What neurons do on all rows. */
export interface Activations {
  /** One pattern for each neuron: on where x_r'u >= 0, as `patternsOfGates` has it. */
  readonly patterns: PatternSet;
  /** sum_j sign_j (Xu_j)_+ for each output, n x c. */
  readonly fit: Float64Array;
}

interface FedNeuron {
  readonly u: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
}

/** All rows, with what is found out about them. */
interface Rows {
  readonly X: DenseMatrix;
  readonly lengths: Float64Array;
  readonly outputs: number;
  readonly fit: Float64Array;
  readonly words: Uint32Array;
}

/**
 * Patterns and fit of neurons (effective inputs X, n x d, with `norms` for the Euclidean norms of the rows) on one way through the data, with the products of the kernels, without
 * a look for a stop: after one this is what is needed. `patterns` and the products below rounding do not depend on the kernels, the last digits of `fit` do.
 */
export function activationsOf(
  X: DenseMatrix,
  norms: () => Float64Array,
  neurons: readonly FedNeuron[],
  outputs: number,
  kernels: Kernels,
): Activations {
  const { rows: n, cols: d } = X;
  const m = neurons.length;
  const patterns = emptyPatterns(m, n);
  const fit = new Float64Array(n * outputs);
  if (m === 0) return { patterns, fit };
  const rows: Rows = { X, lengths: norms(), outputs, fit, words: patterns.words };
  const U = denseMatrix(m, d);
  neurons.forEach(({ u }, j) => U.data.set(u, j * d));
  const operator = kernels.createRowOperator(X);
  const T = kernels.alloc(m * Math.min(n, rowsTogether));
  try {
    for (let from = 0; from < n; from += rowsTogether) {
      const to = Math.min(n, from + rowsTogether);
      operator.products(U.data, m, T, { from, to });
      neurons.forEach((neuron, j) => {
        const products = T.subarray(j * (to - from), (j + 1) * (to - from));
        activate(products, rows, neuron, from, j * patterns.wordsPerPattern + (from >>> 5));
      });
    }
  } finally {
    kernels.free(T);
    operator.dispose();
  }
  return { patterns, fit };
}

/** Adds the fit of a neuron on rows from `from` on, and sets their bits, given their products with it. */
function activate(
  products: Float64Array,
  { X, lengths, outputs, fit, words }: Rows,
  { u, sign, output }: FedNeuron,
  from: number,
  word: number,
): void {
  const near = roundings * X.cols * norm2(u);
  const half = sign / 2;
  let at = from * outputs + output;
  for (let first = 0, to = word; first < products.length; first += 32, to++) {
    let bits = 0;
    for (let r = first, last = Math.min(products.length, first + 32); r < last; r++, at += outputs) {
      let t = products[r];
      if (Math.abs(t) <= near * lengths[from + r]) t = dotRow(X, from + r, u);
      // without a branch that half of the rows take
      bits |= Number(t >= 0) << (r & 31);
      fit[at] += half * (t + Math.abs(t));
    }
    words[to] = bits;
  }
}

/** A point whose vectors are in the cells of their own directions, with what their activations say. */
export interface OwnCells extends CellProgram {
  readonly vectors: readonly ReluVector[];
  /** Fit of the vectors without the offset (`activationsOf`), n x c; becomes that with it. */
  readonly fit: Float64Array;
  /** `reachOfRows` */
  readonly reach: Float64Array | undefined;
}

/**
 * What `certifyRelu` says of such a point, with every dual constraint bounded by the reach of the rows alone, so that the dual bound holds for all networks: some passes over vectors of
 * as many numbers as there are rows, and none over the data. `betaMax` is no more than infinite: rows say it elsewhere (`betaMaxOverAll`).
 */
export function certifyByReach(claim: OwnCells): ReluCertificate {
  const { datafit, offset, gates, beta, penalizedCols, vectors, fit, reach } = claim;
  const c = datafit.outputs;
  if (offset !== undefined) for (let k = 0; k < fit.length; k++) fit[k] += offset[k % c];
  const point = { fit, penalty: 0, cone: 0 };
  for (const { vector } of vectors) point.penalty += norm2(vector.subarray(0, penalizedCols));
  const dual = dualPointOf(datafit, point.fit, offset !== undefined);
  const top = dualMaximumByRowNorms(reach, dual, c) / beta;
  // the bound is there without any gate, too
  const gateConstraint = new Float64Array(Math.max(1, gates.rows)).fill(top);
  const priced = { dual, gateConstraint, stationarity: Math.max(0, gates.rows > 0 ? top - 1 : 0) };
  // no product is part of the bound
  const certificate = concluded(claim, point, priced, 0, true);
  return { ...certificate, gateConstraint: gateConstraint.subarray(0, gates.rows), betaMax: Infinity };
}
