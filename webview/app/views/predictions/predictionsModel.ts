import { calibration, precisionRecall, rocCurve, type ThresholdCurve } from '../../../../src/core/metrics/curves.ts';
import { probabilityOfClass, scoreOfClass } from '../../../../src/core/metrics/probabilities.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import type { ChartSpec, SeriesSpec } from '../../../charts/spec.ts';
import { formatCount, formatLine, formatNumber, formatPercent } from '../../../ui/format.ts';
import { isClassification } from '../../runData.ts';

/** The rows that pictures of scores are of: those held out, or the training rows where none are. */
export function judgedSplit({ resolved }: Pick<RunRecord, 'resolved'>): 0 | 1 {
  return resolved.testRows > 0 ? 1 : 0;
}

export const judgedWords = (run: RunRecord): string => (judgedSplit(run) === 1 ? 'test rows' : 'training rows');

const rowsOf = (run: RunRecord, split: number): number[] =>
  run.rows.split.flatMap((s, row) => (s === split ? [row] : []));

/** Rows of a regression by what was predicted and what is true; on the line both are the same. */
export function actualChart(run: RunRecord): {
  readonly spec: ChartSpec;
  readonly rows: Readonly<Record<string, readonly number[]>>;
} {
  const rows: Record<string, readonly number[]> = { train: rowsOf(run, 0), test: rowsOf(run, 1) };
  const { prediction, target, line } = run.rows;
  let low = Infinity;
  let high = -Infinity;
  for (const value of [...prediction, ...target]) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const series: SeriesSpec[] = (['train', 'test'] as const).map((id) => ({
    id,
    label: id === 'train' ? 'training rows' : 'test rows',
    kind: 'points',
    x: rows[id].map((row) => prediction[row]),
    y: rows[id].map((row) => target[row]),
    tone: id === 'train' ? 'training' : 'test',
    mark: id === 'train' ? 'circle' : 'diamond',
    hollow: id === 'test',
    describe: (i) =>
      `line ${formatLine(line[rows[id][i]])}, off by ${formatNumber(target[rows[id][i]] - prediction[rows[id][i]])}`,
  }));
  return {
    rows,
    spec: {
      id: 'predicted-actual',
      title: 'Predicted and actual',
      summary: 'Every row by its prediction and its target: on the line both are equal.',
      action: 'Enter or click opens the row below.',
      x: { label: `predicted ${run.resolved.target}` },
      y: { label: run.resolved.target },
      height: 320,
      series: [
        ...series.filter(({ x }) => x.length > 0),
        { id: 'equal', label: 'equal', kind: 'line', x: [low, high], y: [low, high], tone: 'muted', dash: [4, 4] },
      ],
      empty: 'There are no rows.',
    },
  };
}

/** Scores for a class, and which rows are of it. */
interface Ranked {
  readonly score: readonly number[];
  readonly positive: readonly boolean[];
}

export function rankedBy(run: RunRecord, label: number): Ranked {
  const rows = rowsOf(run, judgedSplit(run));
  const of = predictionsOf(run);
  return {
    score: rows.map((row) => scoreOfClass(of, row, label)),
    positive: rows.map((row) => run.rows.target[row] === label),
  };
}

const predictionsOf = (run: RunRecord): Parameters<typeof scoreOfClass>[0] => ({
  prediction: run.rows.prediction,
  outputs: run.resolved.outputs,
  loss: run.resolved.loss,
});

/** Whether the outputs stand for probabilities. */
export function hasProbabilities(run: RunRecord): boolean {
  return (
    isClassification(run) && run.rows.line.length > 0 && probabilityOfClass(predictionsOf(run), 0, 0) !== undefined
  );
}

/** The threshold that predictions of two classes use, on the score of `label`; several classes have none. */
export function usedThreshold(run: RunRecord): number | undefined {
  if (run.resolved.classes.length !== 2 || run.resolved.outputs !== 1) return undefined;
  const at = run.resolved.threshold?.at ?? 0;
  return hasProbabilities(run) ? 1 / (1 + Math.exp(-at)) : at;
}

/** The last point of a curve whose threshold is not below the given one. */
const pointAt = ({ threshold }: ThresholdCurve, at: number): number =>
  threshold.reduce((last, value, i) => (value >= at ? i : last), 0);

function curveSeries(run: RunRecord, curve: ThresholdCurve, id: string, step: boolean): SeriesSpec[] {
  const describe = (i: number): string =>
    Number.isFinite(curve.threshold[i]) ? `threshold ${formatNumber(curve.threshold[i])}` : 'no row is called positive';
  const used = usedThreshold(run);
  const here = used === undefined ? undefined : pointAt(curve, used);
  return [
    { id, label: 'network', kind: step ? 'line-points' : 'line', x: curve.x, y: curve.y, tone: 'network', describe },
    ...(here === undefined
      ? []
      : [
          {
            id: 'used',
            label: `threshold ${formatNumber(used)}, as used`,
            kind: 'points' as const,
            x: [curve.x[here]],
            y: [curve.y[here]],
            tone: 'good' as const,
            mark: 'square' as const,
          },
        ]),
  ];
}

export function rocChart(run: RunRecord, label: number): ChartSpec {
  const { score, positive } = rankedBy(run, label);
  const curve = rocCurve(score, positive);
  const name = run.resolved.classes[label];
  return {
    id: 'roc',
    title: 'ROC',
    summary:
      curve === undefined
        ? `There are no two kinds of ${judgedWords(run)} to tell apart.`
        : `Area ${formatNumber(curve.area, 3)}: how often a row of “${name}” ranks above another, on the ${judgedWords(run)}. The diagonal is chance.`,
    x: { label: 'share of the others called so', min: 0, max: 1 },
    y: { label: `share of “${name}” found`, min: 0, max: 1.02 },
    height: 300,
    series:
      curve === undefined
        ? []
        : [
            ...curveSeries(run, curve, 'roc', false),
            { id: 'chance', label: 'chance', kind: 'line', x: [0, 1], y: [0, 1], tone: 'muted', dash: [4, 4] },
          ],
    empty: 'Only one kind of row.',
  };
}

export function precisionRecallChart(run: RunRecord, label: number): ChartSpec {
  const { score, positive } = rankedBy(run, label);
  const curve = precisionRecall(score, positive);
  const name = run.resolved.classes[label];
  const share = positive.filter((yes) => yes).length / Math.max(1, positive.length);
  return {
    id: 'precision-recall',
    title: 'Precision and recall',
    summary:
      curve === undefined
        ? `No ${judgedWords(run)} are of this class.`
        : `Average precision ${formatNumber(curve.area, 3)}; chance is the share of “${name}”, ${formatPercent(share)}.`,
    x: { label: `share of “${name}” found (recall)`, min: 0, max: 1 },
    y: { label: 'share of finds that are right', min: 0, max: 1.02 },
    height: 300,
    series: curve === undefined ? [] : curveSeries(run, curve, 'precision', true),
    guides: curve === undefined ? [] : [{ axis: 'y', value: share, label: 'chance', tone: 'muted', dash: [4, 4] }],
    empty: 'No row of this class.',
  };
}

export function calibrationChart(run: RunRecord, label: number): ChartSpec {
  const { score, positive } = rankedBy(run, label);
  const bins = calibration(score, positive);
  return {
    id: 'calibration',
    title: 'Calibration',
    summary: `Of the ${judgedWords(run)} that get a probability of about p, a share of p should be “${run.resolved.classes[label]}”: the diagonal. The band is one standard error.`,
    x: { label: 'mean predicted probability', min: 0, max: 1 },
    y: { label: 'observed share', min: 0, max: 1.02 },
    height: 300,
    series: [
      {
        id: 'band',
        label: 'one standard error',
        kind: 'band',
        x: bins.map(({ predicted }) => predicted),
        y: bins.map(({ observed, standardError }) => Math.max(0, observed - standardError)),
        upper: bins.map(({ observed, standardError }) => Math.min(1, observed + standardError)),
        tone: 'network',
      },
      {
        id: 'observed',
        label: 'observed',
        kind: 'line-points',
        x: bins.map(({ predicted }) => predicted),
        y: bins.map(({ observed }) => observed),
        tone: 'network',
        describe: (i) => formatCount(bins[i].rows, 'row'),
      },
      { id: 'ideal', label: 'calibrated', kind: 'line', x: [0, 1], y: [0, 1], tone: 'muted', dash: [4, 4] },
    ],
    empty: 'There are no rows.',
  };
}

/** "setosa" or "12.3": what the outputs of a row say. */
export function predictionWords(run: RunRecord, outputs: readonly number[], label: number): string {
  if (!isClassification(run)) return formatNumber(outputs[0], 6);
  const { classes, loss } = run.resolved;
  const probability = probabilityOfClass({ prediction: outputs, outputs: outputs.length, loss }, 0, label);
  return `${classes[label]}${probability === undefined ? '' : ` (${formatPercent(probability)})`}`;
}
