import type { RunRecord } from '../../../../src/shared/run.ts';
import { predictedClass } from '../../runData.ts';

/** Linear interpolation in an ascending grid; the ends continue flat. */
export function curveAt(x: readonly number[], y: readonly number[], at: number): number {
  if (x.length === 0) return NaN;
  if (at <= x[0]) return y[0];
  const last = x.length - 1;
  if (at >= x[last]) return y[last];
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle] <= at) low = middle;
    else high = middle;
  }
  const t = (at - x[low]) / (x[high] - x[low] || 1);
  return y[low] + t * (y[high] - y[low]);
}

/** Predictions and residuals (target - prediction, original units) of one split of a regression. */
export function residuals(
  run: RunRecord,
  split: number,
): { readonly rows: readonly number[]; readonly predicted: readonly number[]; readonly residual: readonly number[] } {
  const rows: number[] = [];
  for (let row = 0; row < run.rows.line.length; row++) if (run.rows.split[row] === split) rows.push(row);
  const predicted = rows.map((row) => run.rows.prediction[row * run.resolved.outputs]);
  return { rows, predicted, residual: rows.map((row, i) => run.rows.target[row] - predicted[i]) };
}

export interface Confusion {
  /** classes x classes, row-major: true class by predicted class. */
  readonly counts: Float64Array;
  readonly total: number;
  readonly correct: number;
}

export function confusion(run: RunRecord, split: number): Confusion {
  const k = run.resolved.classes.length;
  const counts = new Float64Array(k * k);
  let total = 0;
  let correct = 0;
  for (let row = 0; row < run.rows.line.length; row++) {
    if (run.rows.split[row] !== split) continue;
    const truth = run.rows.target[row];
    const guess = predictedClass(run, row);
    counts[truth * k + guess] += 1;
    total += 1;
    if (truth === guess) correct += 1;
  }
  return { counts, total, correct };
}
