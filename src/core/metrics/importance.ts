import { rootSumSquares } from '../base/rootSumSquares.ts';
import { denseMatrix, type DenseMatrix } from '../base/linalg/matrix.ts';
import { type Rng, shuffle } from '../base/rng.ts';

/** A model, the rows that it is judged on, and which inputs belong to which column. */
export interface JudgedModel {
  /** n x d */
  readonly X: DenseMatrix;
  /** Outputs of any rows x d; undefined when given up. */
  readonly predict: (X: DenseMatrix) => DenseMatrix | undefined;
  /** Error of outputs on the rows of X; smaller is better. */
  readonly error: (fit: DenseMatrix) => number;
}

/** What the error gains when a column is shuffled. */
export interface Importance {
  readonly mean: number;
  /** Standard deviation over the shuffles. */
  readonly deviation: number;
}

/**
 * Permutation importance (Breiman 2001; Fisher, Rudin and Dominici 2019): by how much the error grows, on average over `repeats` shuffles, when the inputs of
 * one column change rows, all of them together. Exactly 0 for a column that the model does not look at. Undefined when given up.
 */
export function permutationImportance(
  { X, predict, error }: JudgedModel,
  inputs: readonly number[],
  repeats: number,
  rng: Rng,
): Importance | undefined {
  const fit = predict(X);
  if (fit === undefined) return undefined;
  const before = error(fit);
  const gains: number[] = [];
  const order = Int32Array.from({ length: X.rows }, (_, i) => i);
  for (let round = 0; round < repeats; round++) {
    shuffle(order, rng);
    const shuffled = predict(withInputs(X, inputs, (row, k) => X.data[order[row] * X.cols + k]));
    if (shuffled === undefined) return undefined;
    const gain = error(shuffled) - before;
    // sums in another order differ by this much
    gains.push(Math.abs(gain) <= X.rows * 2 ** -52 * Math.abs(before) ? 0 : gain);
  }
  const mean = gains.reduce((sum, gain) => sum + gain / repeats, 0);
  const apart = gains.map((gain) => gain - mean);
  return { mean, deviation: repeats > 1 ? rootSumSquares(apart) / Math.sqrt(repeats - 1) : 0 };
}

/**
 * Partial dependence (Friedman 2001): the mean of `summary` (one number per output of a row) over the rows when the inputs of one column have the given
 * values in all of them. Undefined when given up.
 */
export function partialDependence(
  { X, predict }: Pick<JudgedModel, 'X' | 'predict'>,
  inputs: readonly number[],
  values: readonly number[],
  summary: (fit: DenseMatrix, row: number) => readonly number[],
): number[] | undefined {
  const fit = predict(withInputs(X, inputs, (_, __, place) => values[place]));
  if (fit === undefined) return undefined;
  const sums: number[] = [];
  for (let row = 0; row < X.rows; row++)
    summary(fit, row).forEach((value, o) => (sums[o] = (sums[o] ?? 0) + value / X.rows));
  return sums;
}

/** X with other values of some inputs; `value` of a row, an input, and its place among those. */
function withInputs(
  X: DenseMatrix,
  inputs: readonly number[],
  value: (row: number, input: number, place: number) => number,
): DenseMatrix {
  const out = denseMatrix(X.rows, X.cols, X.data.slice());
  for (let row = 0; row < X.rows; row++)
    inputs.forEach((k, place) => (out.data[row * X.cols + k] = value(row, k, place)));
  return out;
}
