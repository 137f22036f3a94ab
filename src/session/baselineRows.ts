import type { PreparedData } from '../core/data/prepareData.ts';
import { logisticRegression, ridgeRegression } from '../core/metrics/baselines.ts';
import { type Predictions, scoresOf } from '../core/metrics/scores.ts';
import type { Control } from '../core/base/control.ts';
import type { MetricRow } from '../shared/run.ts';

/** Scores on the training and the test rows, measure by measure. */
export function metricRows(model: string, predictions: Predictions, data: PreparedData): MetricRow[] {
  const test = scoresOf(predictions, data.testRows);
  return scoresOf(predictions, data.trainRows).map(({ measure, value, higherIsBetter }) => ({
    model,
    measure,
    train: value,
    test: test.find((score) => score.measure === measure)?.value ?? null,
    higherIsBetter,
  }));
}

/**
 * What simple models score on the same encoded data: mean or majority, ridge or logistic regression. A regression that was stopped, or is too
 * large, has no rows.
 */
export function baselineRows(data: PreparedData, control: Control): MetricRow[] {
  const classes = data.classes.length;
  const n = data.trainRows.length;
  if (classes === 0) {
    let mean = 0;
    for (const row of data.trainRows) mean += data.y[row] / n;
    const base = { target: data.y, outputs: 1, classes, loss: 'squared' as const };
    const ridge = ridgeRegression(data.X, data.y, data.trainRows, control);
    return [
      ...(ridge === undefined ? [] : metricRows('ridge regression', { ...base, prediction: ridge.prediction }, data)),
      ...metricRows('mean', { ...base, prediction: new Float64Array(data.y.length).fill(mean) }, data),
    ];
  }
  const outputs = classes === 2 ? 1 : classes;
  const loss = classes === 2 ? ('logistic' as const) : ('softmax' as const);
  const base = { target: data.y, outputs, classes, loss };
  const logistic = logisticRegression(data.X, data.y, classes, data.trainRows, control);
  const count = new Float64Array(classes);
  for (const row of data.trainRows) count[data.y[row]]++;
  // Constant outputs whose probabilities are the shares of the classes.
  const constant = classes === 2 ? [Math.log(count[1] / count[0])] : Array.from(count, (value) => Math.log(value / n));
  const prediction = new Float64Array(data.y.length * outputs).map((_, i) => constant[i % outputs]);
  return [
    ...(logistic === undefined
      ? []
      : metricRows('logistic regression', { ...base, prediction: logistic.prediction }, data)),
    ...metricRows('majority class', { ...base, prediction }, data),
  ];
}
