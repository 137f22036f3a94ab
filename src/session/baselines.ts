import type { Control } from '../core/base/control.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import { huberRegression, ridgeRegression } from '../core/metrics/baselines.ts';
import { tunedLogistic } from '../core/metrics/tunedLogistic.ts';
import { errorMeasureOf, pairedDifference, rowErrors } from '../core/metrics/rowErrors.ts';
import { type Predictions, scoresOf } from '../core/metrics/scores.ts';
import type { Problem } from '../core/problem/problem.ts';
import type { EvaluationRecord, MetricRow } from '../shared/run.ts';

/** A simple model on the same encoded data, with its outputs on all rows. */
export interface Baseline {
  readonly model: string;
  readonly predictions: Predictions;
}

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
 * Mean or majority, and ridge or logistic regression with a ridge that cross-validation on the training rows chose, where it was not stopped and is not too large; for a loss with a `delta` (on standardised
 * targets) Huber regression as well. Rows count as often as the weights of their classes say.
 */
export function baselinesOf(
  data: PreparedData,
  { delta }: Pick<Problem, 'delta'>,
  classWeights: readonly number[] | undefined,
  control: Control,
): Baseline[] {
  const classes = data.classes.length;
  const n = data.trainRows.length;
  if (classes === 0) {
    let mean = 0;
    for (const row of data.trainRows) mean += data.y[row] / n;
    const base = { target: data.y, outputs: 1, classes, loss: 'squared' as const };
    const ridge = ridgeRegression(data.X, data.y, data.trainRows, control);
    const robust =
      delta === undefined
        ? undefined
        : huberRegression(data.X, data.y, data.trainRows, delta * data.scaling.target.scale, control);
    return [
      ...(robust === undefined
        ? []
        : [{ model: 'Huber regression', predictions: { ...base, prediction: robust.prediction } }]),
      ...(ridge === undefined
        ? []
        : [{ model: 'ridge regression', predictions: { ...base, prediction: ridge.prediction } }]),
      { model: 'mean', predictions: { ...base, prediction: new Float64Array(data.y.length).fill(mean) } },
    ];
  }
  const outputs = classes === 2 ? 1 : classes;
  const loss = classes === 2 ? ('logistic' as const) : ('softmax' as const);
  const base = { target: data.y, outputs, classes, loss, classWeights };
  const labels = { of: data.y, classes, weights: classWeights };
  const logistic = tunedLogistic(data.X, labels, data.trainRows, control);
  const count = new Float64Array(classes);
  for (const row of data.trainRows) count[data.y[row]] += classWeights?.[data.y[row]] ?? 1;
  const total = count.reduce((sum, value) => sum + value, 0);
  // Constant outputs whose probabilities are the shares of the classes.
  const constant =
    classes === 2 ? [Math.log(count[1] / count[0])] : Array.from(count, (value) => Math.log(value / total));
  const prediction = new Float64Array(data.y.length * outputs).map((_, i) => constant[i % outputs]);
  return [
    ...(logistic === undefined
      ? []
      : [{ model: 'logistic regression', predictions: { ...base, prediction: logistic.prediction } }]),
    { model: 'majority class', predictions: { ...base, prediction } },
  ];
}

/** The network beside the simple model with the smallest mean error on the test rows; undefined below two test rows. */
export function evaluationOf(
  predictions: Predictions,
  baselines: readonly Baseline[],
  data: PreparedData,
): EvaluationRecord | undefined {
  const rows = data.testRows;
  if (rows.length < 2) return undefined;
  const measure = errorMeasureOf(predictions);
  /** In the measure of the network: a model that gives probabilities is judged by its classes where the network gives none. */
  const errorsOf = (of: Predictions): Float64Array =>
    rowErrors(measure === 'misclassification' ? { ...of, loss: 'hinge' } : of, rows);
  const mean = (errors: Float64Array): number => errors.reduce((sum, value) => sum + value, 0) / errors.length;
  const own = errorsOf(predictions);
  const [best] = baselines
    .map(({ model, predictions: of }) => ({ model, errors: errorsOf(of) }))
    .sort((a, b) => mean(a.errors) - mean(b.errors));
  const paired = best && pairedDifference(own, best.errors);
  if (paired === undefined) return undefined;
  return {
    measure,
    ...(predictions.classWeights === undefined ? {} : { classWeighted: true }),
    rows: rows.length,
    network: mean(own),
    baseline: mean(best.errors),
    baselineModel: best.model,
    difference: paired.mean,
    standardError: paired.standardError,
  };
}
