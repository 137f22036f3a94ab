import { chosenPoint } from '../../../../src/shared/usefulness.ts';
import type { CrossValidationRecord, RunRecord } from '../../../../src/shared/run.ts';
import { type ChartSpec, spansDecades } from '../../../charts/spec.ts';
import { formatNumber } from '../../../ui/format.ts';

const measureNames: Readonly<Record<CrossValidationRecord['measure'], string>> = {
  'squared error': 'Mean squared error',
  'log loss': 'Mean log loss (nats)',
  misclassification: 'Share of wrong classes',
};

/** The cross-validated error along beta: mean, one standard error either way, every fold, and what the rules pick. */
export function crossValidationChart(run: RunRecord, record: CrossValidationRecord): ChartSpec {
  const { points, folds } = record;
  const x = points.map(({ beta }) => beta);
  const chosen = chosenPoint(record);
  const sparse = points[record.oneStandardError];
  const lower = points.map(({ mean, standardError }) => mean - standardError);
  return {
    id: 'cross-validation',
    title: 'Error on rows held out, along beta',
    summary: `Mean over ${folds} folds of the training rows with one standard error either way; no test row was looked at.`,
    x: { label: 'beta', log: true },
    y: {
      label: measureNames[record.measure],
      log: spansDecades([...lower, ...points.flatMap((point) => point.folds)]),
    },
    series: [
      {
        id: 'spread',
        label: 'one standard error',
        kind: 'band',
        x,
        y: lower,
        upper: points.map(({ mean, standardError }) => mean + standardError),
        tone: 'network',
      },
      ...Array.from({ length: folds }, (_, fold) => ({
        id: `fold-${fold}`,
        label: 'single folds',
        group: 'folds',
        kind: 'line' as const,
        x,
        y: points.map((point) => point.folds[fold]),
        tone: 'muted' as const,
        width: 1,
      })),
      {
        id: 'mean',
        label: 'mean over the folds',
        kind: 'line-points',
        x,
        y: points.map(({ mean }) => mean),
        tone: 'network',
        describe: (i) =>
          `± ${formatNumber(points[i].standardError)}, ${formatNumber(points[i].active)} neurons on average`,
      },
    ],
    guides: [
      { axis: 'x', value: chosen.beta, label: 'chosen', tone: 'good' },
      ...(sparse.beta === chosen.beta
        ? []
        : [
            {
              axis: 'x' as const,
              value: sparse.beta,
              label: 'one standard error',
              tone: 'muted' as const,
              dash: [4, 4],
            },
          ]),
      ...(run.resolved.beta === chosen.beta || run.resolved.beta === sparse.beta
        ? []
        : [
            {
              axis: 'x' as const,
              value: run.resolved.beta,
              label: 'this run',
              tone: 'foreground' as const,
              dash: [2, 3],
            },
          ]),
    ],
  };
}
