import { factorSpd } from '../base/linalg/cholesky.ts';
import { type DenseMatrix, rowsOf } from '../base/linalg/matrix.ts';
import { rowProducts } from '../base/linalg/rowProducts.ts';
import type { ConvexNeuron } from './mapping.ts';

/** Rows whose fits are held at a time. */
const blockOfRows = 1024;
/** Squared sine of the angle of a fit to the span of earlier ones from which inner products tell it apart for certain: their rounding is far below. */
const certain = 1e-8;

/** How far fits are from depending on each other. */
export interface FitDistances {
  /** Distance of each fit from the span of all others. */
  readonly fromOthers: Float64Array;
  /** Norm of the sum of all fits. */
  readonly whole: number;
}

/**
 * Distances between the fits sign (Xu)_+ of neurons of one output, and of a constant where there is an `offset`, from their inner products, which are summed in blocks of
 * rows: a few numbers for each neuron are all that is held. Undefined when the fits are so nearly dependent that inner products, which square their condition, cannot
 * tell, and when stopped. X is n x d (effective inputs).
 */
export function fitDistances(
  X: DenseMatrix,
  neurons: readonly ConvexNeuron[],
  offset: boolean,
  shouldStop: () => boolean,
): FitDistances | undefined {
  const m = neurons.length;
  const size = m + (offset ? 1 : 0);
  const G = fitProducts(X, neurons, offset, shouldStop);
  if (G === undefined) return undefined;
  const lengths = Float64Array.from({ length: size }, (_, j) => Math.sqrt(G[j * size + j]));
  if (lengths.some((length) => !(length > 0))) return undefined;
  let whole = 0;
  for (let j = 0; j < m; j++) {
    whole += G[j * size + j];
    for (let k = 0; k < j; k++) whole += 2 * G[j * size + k];
  }
  for (let j = 0; j < size; j++) for (let k = 0; k <= j; k++) G[j * size + k] /= lengths[j] * lengths[k];
  const scaled = G.slice();
  if (!factorSpd(scaled, size)) return undefined;
  // a pivot of zero has become a huge one
  for (let j = 0; j < size; j++) {
    const squared = scaled[j * size + j] ** 2;
    if (!(squared > certain && squared < 2)) return undefined;
  }
  return {
    fromOthers: spanDistances(scaled, size).map((sine, j) => sine * lengths[j]),
    whole: Math.sqrt(Math.max(0, whole)),
  };
}

/** Inner products of the fits, lower triangle; undefined when stopped. */
function fitProducts(
  X: DenseMatrix,
  neurons: readonly ConvexNeuron[],
  offset: boolean,
  shouldStop: () => boolean,
): Float64Array | undefined {
  const n = X.rows;
  const m = neurons.length;
  const size = m + (offset ? 1 : 0);
  const G = new Float64Array(size * size);
  const T = new Float64Array(size * blockOfRows).fill(1, m * blockOfRows);
  for (let from = 0; from < n; from += blockOfRows) {
    if (shouldStop()) return undefined;
    const count = Math.min(blockOfRows, n - from);
    const block = rowsOf(X, from, from + count);
    neurons.forEach(({ u, sign }, j) => {
      const fit = T.subarray(j * blockOfRows, j * blockOfRows + count);
      rowProducts(block, u, fit);
      for (let i = 0; i < count; i++) fit[i] = fit[i] > 0 ? sign * fit[i] : 0;
    });
    for (let j = 0; j < size; j++) {
      for (let k = 0; k <= j; k++) {
        let s = 0;
        for (let i = 0, a = j * blockOfRows, b = k * blockOfRows; i < count; i++, a++, b++) s += T[a] * T[b];
        G[j * size + k] += s;
      }
    }
  }
  return G;
}

/** One over the roots of the diagonal of (L L')^-1: the sines of the angles between each and all others. */
function spanDistances(L: Float64Array, size: number): Float64Array {
  const squares = new Float64Array(size);
  const column = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    // column k of L^-1, from the top
    for (let i = k; i < size; i++) {
      let s = i === k ? 1 : 0;
      for (let l = k; l < i; l++) s -= L[i * size + l] * column[l];
      column[i] = s / L[i * size + i];
      squares[k] += column[i] * column[i];
    }
  }
  return squares.map((s) => 1 / Math.sqrt(s));
}
