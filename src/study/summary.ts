import { largest, smallest } from '../core/base/extremes.ts';
import { median } from '../core/base/median.ts';
import type { Cell } from './axes.ts';
import { type FigureName, timeFigures } from './result.ts';
import type { StudyTable } from './table.ts';

/** Figures that a median is taken of. */
export const summarised = [
  'objective',
  'lowerBound',
  'gapOverAll',
  'relativeGap',
  'beta',
  'neurons',
  'train',
  'test',
  'testError',
  'baselineError',
  'excess',
  ...timeFigures,
] as const satisfies readonly FigureName[];

/** Columns over whose values medians are taken, where a study has them: draws of chance rather than choices. */
export const drawColumns = ['seed', 'fold'] as const;

export interface Spread {
  readonly count: number;
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Median (mean of the middle two for an even count) and range of numbers; undefined without any. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return { count: values.length, median: median(values), least: smallest(values), most: largest(values) };
}

/**
 * One row for all tasks that differ in seed and fold only: how many there are, and median, least and most of every figure over them.
 * @param own columns that tell tasks apart
 */
export function summaryOf(table: StudyTable, own: readonly string[]): StudyTable {
  const draws: readonly string[] = drawColumns;
  const kept = own.filter((name) => !draws.includes(name));
  const at = (name: string): number => table.columns.indexOf(name);
  const keptAt = kept.map(at);
  const outcomeAt = at('outcome');
  const groups = new Map<string, (readonly Cell[])[]>();
  for (const row of table.rows) {
    const key = JSON.stringify(keptAt.map((k) => row[k]));
    const known = groups.get(key);
    if (known) known.push(row);
    else groups.set(key, [row]);
  }
  const rows = [...groups.values()].map((members): Cell[] => {
    const done = members.filter((row) => row[outcomeAt] === 'done');
    return [
      ...keptAt.map((k) => members[0][k]),
      done.length,
      members.length - done.length,
      ...summarised.flatMap((name): Cell[] => {
        const spread = spreadOf(
          done.flatMap((row) => (typeof row[at(name)] === 'number' ? [row[at(name)] as number] : [])),
        );
        return spread === undefined ? [null, null, null] : [spread.median, spread.least, spread.most];
      }),
    ];
  });
  const figures = summarised.flatMap((name) => [`${name} median`, `${name} least`, `${name} most`]);
  return { columns: [...kept, 'tasks', 'refused', ...figures], rows };
}
