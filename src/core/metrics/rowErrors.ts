import { rootSumSquares } from '../base/rootSumSquares.ts';
import { lossOf } from '../problem/datafits/losses.ts';
import { logLossOfRow, type Predictions } from './scores.ts';
import { predictedClass } from './predictedClass.ts';

/** What a penalty is chosen by and models are compared in, row by row; smaller is better. */
export type ErrorMeasure = 'squared error' | 'log loss' | 'misclassification';

/** Squared error for numbers, log loss where outputs are probabilities, else whether the class is wrong (hinge and squared loss on classes). */
export function errorMeasureOf({ classes, loss }: Pick<Predictions, 'classes' | 'loss'>): ErrorMeasure {
  if (classes === 0) return 'squared error';
  return lossOf(loss).logLoss === undefined ? 'misclassification' : 'log loss';
}

/**
 * The error of each of the given rows, in original units (squared) or nats; with class weights times that of the row's class over their mean on these
 * rows, so that the mean of the errors is the weighted mean.
 */
export function rowErrors(predictions: Predictions, rows: ArrayLike<number>): Float64Array {
  const { target, classWeights } = predictions;
  const errors = plainErrors(predictions, rows);
  if (classWeights === undefined) return errors;
  let mean = 0;
  for (let k = 0; k < rows.length; k++) mean += classWeights[target[rows[k]]] / rows.length;
  return errors.map((error, k) => (error * classWeights[target[rows[k]]]) / mean);
}

function plainErrors(predictions: Predictions, rows: ArrayLike<number>): Float64Array {
  const { target, prediction, outputs, threshold } = predictions;
  const measure = errorMeasureOf(predictions);
  return Float64Array.from(rows, (row) => {
    switch (measure) {
      case 'squared error':
        return (target[row] - prediction[row]) ** 2;
      case 'log loss':
        return logLossOfRow(predictions, row, target[row])!;
      case 'misclassification':
        return predictedClass(prediction, row, outputs, threshold) === target[row] ? 0 : 1;
    }
  });
}

/** Mean of a difference and its standard error over rows; undefined below two rows. */
export interface PairedDifference {
  readonly mean: number;
  readonly standardError: number;
}

/** Of errors a - b on the same rows: below zero where a is better, beyond chance where |mean| exceeds its standard error by far. */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>): PairedDifference | undefined {
  const n = a.length;
  if (n !== b.length) throw new RangeError(`errors of ${n} and of ${b.length} rows cannot be paired`);
  if (n < 2) return undefined;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += (a[i] - b[i]) / n;
  const apart = Float64Array.from(a, (value, i) => value - b[i] - mean);
  return { mean, standardError: rootSumSquares(apart) / Math.sqrt((n - 1) * n) };
}
