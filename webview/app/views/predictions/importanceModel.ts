import type { FeatureImportance, ImportanceRecord, RunRecord } from '../../../../src/shared/run.ts';
import { meanWords } from '../../../../src/shared/usefulness.ts';
import type { ChartSpec } from '../../../charts/spec.ts';
import { formatCount, formatNumber } from '../../../ui/format.ts';
import { isClassification } from '../../runData.ts';
import { hasProbabilities } from './predictionsModel.ts';

/** "What the mean log loss on 60 test rows gains when a column is shuffled, …" */
export function importanceWords(importance: ImportanceRecord): string {
  const rows = formatCount(importance.rows, importance.split === 1 ? 'test row' : 'training row');
  const cut = importance.complete ? '' : ' The time limit left columns out.';
  return (
    `What the ${meanWords(importance)} on ${rows} gains when a column is shuffled, mean of ${importance.repeats} shuffles; ` +
    `0 where the network does not look at it.${cut}`
  );
}

/** Name, gain and its deviation, most important first. */
export function importanceRows({ features }: ImportanceRecord): string[][] {
  return features.map(({ column, mean, deviation }) => [column, formatNumber(mean), formatNumber(deviation, 2)]);
}

/** What a curve of partial dependence is of. */
export function effectNames(run: RunRecord): readonly string[] {
  const { classes, target } = run.resolved;
  if (!isClassification(run)) return [`mean predicted ${target}`];
  const what = hasProbabilities(run) ? 'mean probability' : 'mean output';
  return (classes.length === 2 ? classes.slice(1) : classes).map((name) => `${what} of ${name}`);
}

/** Columns with a curve. */
export const withEffect = ({ features }: ImportanceRecord): readonly FeatureImportance[] =>
  features.filter(({ effect }) => effect !== undefined);

/** Partial dependence on a column of numbers; undefined for categories. */
export function effectChart(run: RunRecord, { column, effect }: FeatureImportance): ChartSpec | undefined {
  if (effect === undefined || effect.at.some((value) => typeof value === 'string')) return undefined;
  const names = effectNames(run);
  return {
    id: 'partial-dependence',
    title: `Partial dependence on ${column}`,
    summary:
      'The mean over the rows of what the network says when this column has the same value in all of them and the others stay.',
    x: { label: column },
    y: { label: names.length === 1 ? names[0] : hasProbabilities(run) ? 'mean probability' : 'mean output' },
    height: 260,
    series: names.slice(0, 6).map((label, o) => ({
      id: `effect-${o}`,
      label,
      kind: 'line-points',
      x: effect.at as readonly number[],
      y: effect.value.map((values) => values[o]),
      tone: names.length === 1 ? 'network' : (o as 0 | 1 | 2 | 3 | 4 | 5),
    })),
  };
}
