import { type LossName, lossOf } from '../problem/datafits/losses.ts';
import { predictedClass } from './predictedClass.ts';

/** How good predictions are in one measure. */
export interface Score {
  readonly measure: string;
  readonly value: number;
  readonly higherIsBetter: boolean;
}

/** What scores are computed from: predictions are rows x outputs, in original units for regression, raw outputs for classes. */
export interface Predictions {
  /** Target in original units, or class ids. */
  readonly target: ArrayLike<number>;
  readonly prediction: ArrayLike<number>;
  readonly outputs: number;
  /** Number of classes; 0 for regression. Two classes have one output (above zero: the second), more have one each. */
  readonly classes: number;
  /** The loss the outputs were trained with says how they become probabilities. */
  readonly loss: LossName;
  /** How often a row of each class counts in `rowErrors`; left out: once. Scores count every row once. */
  readonly classWeights?: readonly number[] | undefined;
  /** Of the one output of two classes (`predictedClass`); left out: zero. */
  readonly threshold?: number | undefined;
}

/** The measure that paths and comparisons show. */
export function mainMeasure(classes: number): string {
  return classes === 0 ? 'RMSE' : 'accuracy';
}

/** RMSE, MAE and R^2, or accuracy, balanced accuracy and (where outputs are probabilities) log loss, over the given rows. */
export function scoresOf(predictions: Predictions, rows: ArrayLike<number>): Score[] {
  if (rows.length === 0) return [];
  return predictions.classes === 0 ? regressionScores(predictions, rows) : classScores(predictions, rows);
}

/** One score by name; NaN when it does not exist for these predictions. */
export function scoreOf(predictions: Predictions, rows: ArrayLike<number>, measure: string): number {
  return scoresOf(predictions, rows).find((score) => score.measure === measure)?.value ?? NaN;
}

function regressionScores({ target, prediction }: Predictions, rows: ArrayLike<number>): Score[] {
  const n = rows.length;
  // Everything relative to the largest number at hand, so that no square overflows.
  let top = 0;
  for (let k = 0; k < n; k++) top = Math.max(top, Math.abs(target[rows[k]]), Math.abs(prediction[rows[k]]));
  const unit = top > 0 ? top : 1;
  let mean = 0;
  for (let k = 0; k < n; k++) mean += target[rows[k]] / unit / n;
  let squares = 0;
  let absolute = 0;
  let total = 0;
  for (let k = 0; k < n; k++) {
    const y = target[rows[k]] / unit;
    const error = y - prediction[rows[k]] / unit;
    squares += error * error;
    absolute += Math.abs(error);
    total += (y - mean) ** 2;
  }
  return [
    { measure: 'RMSE', value: Math.sqrt(squares / n) * unit, higherIsBetter: false },
    { measure: 'MAE', value: (absolute / n) * unit, higherIsBetter: false },
    // Without any spread among the targets, but for rounding (they are at most 1 here), R^2 is not defined.
    ...(total > n * 1e-28 ? [{ measure: 'R²', value: 1 - squares / total, higherIsBetter: true }] : []),
  ];
}

/** Minus the logarithm of the probability of the true class, null when the loss does not give probabilities. */
export function logLossOfRow({ prediction, outputs, loss }: Predictions, row: number, label: number): number | null {
  return lossOf(loss).logLoss?.(prediction, row, outputs, label) ?? null;
}

function classScores(predictions: Predictions, rows: ArrayLike<number>): Score[] {
  const { target, prediction, outputs, classes, threshold } = predictions;
  const n = rows.length;
  const count = new Float64Array(classes);
  const hit = new Float64Array(classes);
  let hits = 0;
  const { logLoss: logLossOf } = lossOf(predictions.loss);
  let logLoss = 0;
  for (let k = 0; k < n; k++) {
    const row = rows[k];
    const label = target[row];
    count[label]++;
    if (predictedClass(prediction, row, outputs, threshold) === label) {
      hit[label]++;
      hits++;
    }
    if (logLossOf !== undefined) logLoss += logLossOf(prediction, row, outputs, label);
  }
  let balanced = 0;
  let present = 0;
  for (let c = 0; c < classes; c++) {
    if (count[c] === 0) continue;
    present++;
    balanced += hit[c] / count[c];
  }
  return [
    { measure: 'accuracy', value: hits / n, higherIsBetter: true },
    { measure: 'balanced accuracy', value: balanced / present, higherIsBetter: true },
    ...(logLossOf === undefined ? [] : [{ measure: 'log loss', value: logLoss / n, higherIsBetter: false }]),
  ];
}
