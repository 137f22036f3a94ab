import type { Kernels } from '../base/kernels/kernels.ts';
import { denseMatrix, type DenseMatrix, norm2 } from '../base/linalg/matrix.ts';
import { emptyPatterns, type PatternSet } from '../base/patterns.ts';
import { type CellProgram, concluded, dotRow, dualPointOf, placeNothing } from './cells.ts';
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

/**
 * Patterns and fit of neurons (effective inputs X, n x d, with the Euclidean norms of the rows) on one way through the data, with the products of the kernels, without
 * a look for a stop: after one this is what is needed. `patterns` and the products below rounding do not depend on the kernels, the last digits of `fit` do.
 */
export function activationsOf(
  X: DenseMatrix,
  norms: Float64Array,
  neurons: readonly { readonly u: Float64Array; readonly sign: 1 | -1; readonly output: number }[],
  outputs: number,
  kernels: Kernels,
): Activations {
  const { rows: n, cols: d } = X;
  const m = neurons.length;
  const patterns = emptyPatterns(m, n);
  const fit = new Float64Array(n * outputs);
  if (m === 0) return { patterns, fit };
  const U = denseMatrix(m, d);
  neurons.forEach(({ u }, j) => U.data.set(u, j * d));
  const operator = kernels.createRowOperator(X);
  const T = kernels.alloc(m * Math.min(n, rowsTogether));
  try {
    for (let from = 0; from < n; from += rowsTogether) {
      const to = Math.min(n, from + rowsTogether);
      operator.products(U.data, m, T, { from, to });
      neurons.forEach(({ u, sign, output }, j) => {
        const near = roundings * d * norm2(u);
        const word = j * patterns.wordsPerPattern;
        let bits = 0;
        for (let r = from, at = j * (to - from), f = from * outputs + output; r < to; r++, at++, f += outputs) {
          let t = T[at];
          if (Math.abs(t) <= near * norms[r]) t = dotRow(X, r, u);
          if (t >= 0) {
            bits |= 1 << (r & 31);
            fit[f] += sign * t;
          }
          if ((r & 31) === 31 || r === n - 1) {
            patterns.words[word + (r >>> 5)] = bits;
            bits = 0;
          }
        }
      });
    }
  } finally {
    kernels.free(T);
    operator.dispose();
  }
  return { patterns, fit };
}

/** A point whose vectors are in the cells of their own directions, with what their activations say. */
export interface OwnCells extends CellProgram {
  readonly vectors: readonly ReluVector[];
  /** Fit of the vectors without the offset (`activationsOf`), n x c. */
  readonly fit: Float64Array;
  /** Euclidean norms of the rows, and `reachOfRows`. */
  readonly norms: Float64Array;
  readonly reach: Float64Array | undefined;
}

/**
 * What `certifyRelu` says of such a point, with every dual constraint bounded by the reach of the rows alone, so that the dual bound holds for all networks: some passes over vectors of
 * as many numbers as there are rows, and none over the data. `betaMax` is no more than infinite: rows say it elsewhere (`betaMaxOverAll`).
 */
export function certifyByReach(claim: OwnCells): ReluCertificate {
  const { X, datafit, offset, gates, beta, penalizedCols, vectors, fit, norms, reach } = claim;
  const c = datafit.outputs;
  const point = placeNothing(claim);
  for (let k = 0; k < fit.length; k++) point.fit[k] += fit[k];
  for (const { vector } of vectors) point.penalty += norm2(vector.subarray(0, penalizedCols));
  const dual = dualPointOf(datafit, point.fit, offset !== undefined);
  const top = dualMaximumByRowNorms(reach, dual, c) / beta;
  // the bound is there without any gate, too
  const gateConstraint = new Float64Array(Math.max(1, gates.rows)).fill(top);
  const priced = { dual, gateConstraint, stationarity: Math.max(0, gates.rows > 0 ? top - 1 : 0) };
  const certificate = concluded(claim, point, priced, X.rows + X.cols + 8, norms);
  return { ...certificate, gateConstraint: gateConstraint.subarray(0, gates.rows), betaMax: Infinity };
}
