import { lossOf } from '../core/problem/datafits/losses.ts';
import { text } from './texts.ts';
import type { CrossPointRecord, CrossValidationRecord, EvaluationRecord, MetricRow, RunRecord } from './run.ts';
import { isClassification } from './runView.ts';
import { plainFormat, type VerdictFormat } from './verdict.ts';

/** How the network stands beside the best simple model on the test rows; a tie is a difference within one standard error. */
export type Standing = 'better' | 'tied' | 'worse' | 'unknown';

export function standingOf(evaluation: EvaluationRecord | undefined): Standing {
  if (evaluation === undefined) return 'unknown';
  const { difference, standardError } = evaluation;
  if (Math.abs(difference) <= standardError) return 'tied';
  return difference < 0 ? 'better' : 'worse';
}

/** The score and what it is compared with: "Explains 53 % of the variance on 88 held-out rows; ridge regression: 52 %." */
export function scoreHeadline(run: Omit<RunRecord, 'label'>, format: VerdictFormat = plainFormat): string | undefined {
  const { dataset, metrics, evaluation, resolved } = run;
  const measure = isClassification(run) ? 'accuracy' : 'R²';
  const held = resolved.testRows > 0;
  const value = (model: string | undefined): number | undefined => {
    const row: MetricRow | undefined = metrics.find((metric) => metric.model === model && metric.measure === measure);
    return (held ? row?.test : row?.train) ?? undefined;
  };
  // the network's own scores come first
  const own = value(metrics[0]?.model);
  if (own === undefined) return undefined;
  const rows = held
    ? dataset.test === undefined
      ? format.count(resolved.testRows, 'held-out row')
      : `${format.count(resolved.testRows, 'row')} of ${dataset.test.name}`
    : `the ${format.count(resolved.trainRows, 'training row')} (none were held out)`;
  const what = (share: number): string =>
    isClassification(run)
      ? `Right on ${format.percent(share)} of ${rows}`
      : share > 0
        ? `Explains ${format.percent(share)} of the variance on ${rows}`
        : `Explains nothing of the variance on ${rows} (R² ${Number(share.toPrecision(2))})`;
  const model = evaluation?.baselineModel ?? metrics.find((metric) => metric.model !== 'convex network')?.model;
  const other = value(model);
  return `${what(own)}${other === undefined ? '' : `; ${text(model ?? '')}: ${format.percent(other)}`}.`;
}

/** "mean log loss", "class-weighted share of wrong classes" */
export function meanWords({
  measure,
  classWeighted,
}: Pick<CrossValidationRecord, 'measure' | 'classWeighted'>): string {
  const mean = measure === 'misclassification' ? 'share of wrong classes' : `mean ${text(measure)}`;
  return classWeighted === true ? `class-weighted ${mean}` : mean;
}

/** The standing in one sentence, with the measure that it is judged by. */
export function standingSentence(evaluation: EvaluationRecord): string {
  const { baselineModel, difference, standardError, rows } = evaluation;
  const of = meanWords(evaluation);
  const size = `${signed(difference)} ± ${short(standardError)} in ${of}, paired over ${rows} test rows`;
  switch (standingOf(evaluation)) {
    case 'better':
      return `Better than ${text(baselineModel)} (${size}).`;
    case 'worse':
      return `Worse than ${text(baselineModel)} (${size}).`;
    case 'tied':
    case 'unknown':
      return `Level with ${text(baselineModel)} within chance (${size}).`;
  }
}

/** The point that the rule picks. */
export function chosenPoint({ points, rule, best, oneStandardError }: CrossValidationRecord): CrossPointRecord {
  switch (rule) {
    case 'smallest':
      return points[best];
    case 'one-standard-error':
      return points[oneStandardError];
  }
}

/** How beta was chosen: "Beta chosen by 5-fold cross-validation: mean log loss 0.07 ± 0.02 (smallest of 14 points)." */
export function crossValidationSentence(record: CrossValidationRecord): string {
  const { points, rule, folds } = record;
  const { mean, standardError } = chosenPoint(record);
  const which = rule === 'smallest' ? 'the smallest' : 'the largest beta within one standard error of the smallest';
  const of = meanWords(record);
  return (
    `Beta chosen by ${folds}-fold cross-validation on the training rows: ${of} ${short(mean)} ± ${short(standardError)}, ` +
    `${which} of ${points.length} ${points.length === 1 ? 'point' : 'points'}.`
  );
}

/** "Threshold 0.31 instead of 0.5 (probability): balanced accuracy 0.82 instead of 0.74 on the rows that 5 folds held out." */
export function thresholdSentence({ classes, threshold, loss }: RunRecord['resolved']): string | undefined {
  if (threshold === undefined) return undefined;
  const { at, rule, score, usual, folds } = threshold;
  const probability = lossOf(loss).logLoss === undefined ? undefined : 1 / (1 + Math.exp(-at));
  const where =
    probability === undefined ? `an output above ${short(at)}` : `a probability above ${short(probability)}`;
  const words = { accuracy: 'accuracy', 'balanced-accuracy': 'balanced accuracy', f1: 'F1 of the rarer class' }[rule];
  return `${classes[1]} from ${where} on: ${words} ${short(score)} on the rows that ${folds} folds held out (${short(usual)} at ${probability === undefined ? 0 : 0.5}).`;
}

const short = (value: number): string => String(Number(value.toPrecision(2)));
const signed = (value: number): string => (value > 0 ? `+${short(value)}` : short(value));
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
