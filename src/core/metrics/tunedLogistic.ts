import type { Control } from '../base/control.ts';
import type { DenseMatrix } from '../base/linalg/matrix.ts';
import { foldsOf } from '../data/folds.ts';
import { type ClassLabels, type LinearBaseline, logisticRegression } from './baselines.ts';
import { rowErrors } from './rowErrors.ts';

/**
 * Ridges that are tried, from the largest on, for a loss summed over rows of columns of deviation 1; then half a decade to either side of the best. Small
 * ridges take many times longer, and once the loss on rows held out has risen so many times in a row they only fit more noise.
 */
const decades = [3, 2, 1, 0, -1, -2];
const rises = 2;
const halfDecade = 0.5;
/** Folds, and fewer where rows times columns exceed this. */
const folds = 5;
const fewFolds = 3;
const manyEntries = 1e5;
/** A gain of a step relative to the objective that ends the fit of a fold. */
const foldAccuracy = 1e-6;

/**
 * Logistic regression with the ridge of the smallest cross-validated log loss on the training rows (stratified folds): what ridge regression has
 * in its generalised cross-validation. Without enough rows of each class for folds, ridge 1. Undefined when stopped or too large.
 */
export function tunedLogistic(
  X: DenseMatrix,
  labels: ClassLabels,
  trainRows: Int32Array,
  control: Control,
): LinearBaseline | undefined {
  const { of, classes, weights: classWeights } = labels;
  const own = Array.from(trainRows, (row) => of[row]);
  const count = trainRows.length * X.cols > manyEntries ? fewFolds : folds;
  const fold = foldsOf(trainRows.length, { count, seed: 1, classes: own });
  const parts = Array.from({ length: count }, (_, k) => ({
    train: trainRows.filter((_, i) => fold[i] !== k),
    held: trainRows.filter((_, i) => fold[i] === k),
  }));
  const enough = parts.every(
    ({ train, held }) => held.length > 0 && new Set(Array.from(train, (row) => of[row])).size === new Set(own).size,
  );
  if (!enough) return logisticRegression(X, labels, trainRows, control);
  const loss = classes === 2 ? 'logistic' : 'softmax';
  const outputs = classes === 2 ? 1 : classes;
  /** By fold: where the last fit ended. */
  const ends: Float64Array[] = [];
  /** Log loss summed over the rows held out; undefined when stopped. */
  const score = (ridge: number): number | undefined => {
    let sum = 0;
    for (const [k, { train, held }] of parts.entries()) {
      // the loss is a sum over rows, so the penalty is in proportion to them
      const part = (ridge * train.length) / trainRows.length;
      const fit = logisticRegression(X, labels, train, control, {
        ridge: part,
        accuracy: foldAccuracy,
        start: ends[k],
      });
      if (fit === undefined) return undefined;
      const { prediction } = fit;
      ends[k] = fit.unknowns;
      for (const error of rowErrors({ target: of, prediction, outputs, classes, loss, classWeights }, held))
        sum += error;
    }
    return sum;
  };
  let best = { decade: 0, sum: Infinity };
  /** False when stopped. */
  const tryAll = (list: readonly number[]): boolean => {
    let risen = 0;
    let last = Infinity;
    for (const decade of list) {
      const sum = score(10 ** decade);
      if (sum === undefined) return false;
      if (sum < best.sum) best = { decade, sum };
      risen = sum > last ? risen + 1 : 0;
      last = sum;
      if (risen === rises) break;
    }
    return true;
  };
  if (!tryAll(decades)) return undefined;
  if (!tryAll([best.decade + halfDecade, best.decade - halfDecade])) return undefined;
  return logisticRegression(X, labels, trainRows, control, { ridge: 10 ** best.decade });
}
