import { oneColumn } from './columnNames.ts';
import { DataError } from './dataError.ts';
import { foldsOf } from './folds.ts';
import type { ColumnProfile } from './infer.ts';
import { cellLabel, type Column, hasValue, placeOfRow, type Table } from './table.ts';

/** How the rows to hold out are found: drawn; named by a column; the last ones by a column; whole groups of a column, drawn. */
export const splitWays = ['random', 'column', 'time', 'groups'] as const;
export type SplitWay = (typeof splitWays)[number];

/** A way that needs a column, and the column. */
export interface ColumnSplit {
  readonly by: Exclude<SplitWay, 'random'>;
  readonly profile: ColumnProfile;
}

/** What rows have to do with each other, for folds: the group of each used row, or its place in time. */
export interface RowOrder {
  readonly by: 'groups' | 'time';
  readonly of: Float64Array;
}

const trainWords = ['train', 'training', 'fit', 'dev'];
const testWords = ['test', 'testing', 'holdout', 'hold-out', 'valid', 'validation'];

/**
 * The column that a way of splitting asks for; undefined where rows are drawn.
 * @throws {DataError} when the way needs a column and none is named, or there is no such column
 */
export function columnSplit(
  table: Table,
  profiles: readonly ColumnProfile[],
  target: ColumnProfile,
  split: { readonly by: SplitWay; readonly column: string } | undefined,
): ColumnSplit | undefined {
  if (split === undefined || split.by === 'random') return undefined;
  const { by, column } = split;
  const place = { file: table.file };
  if (column === '') throw new DataError('settings', `a split by ${by} needs the column (--split-column)`, place);
  const profile = oneColumn(table, profiles, column, 'column that splits the rows');
  if (profile === target && by !== 'time') {
    throw new DataError('settings', 'the target cannot say which rows are held out', { ...place, columnName: column });
  }
  return { by, profile };
}

/** Whether the column says only how rows are split, so that it is no feature: of a time it may be one. */
export const isOnlySplit = ({ by }: ColumnSplit): boolean => by !== 'time';

/**
 * Which of the used rows are held out (1) and which train (0), and what folds must keep. By time: the last share of the rows; by groups: as
 * close to the share as whole groups get, in a seeded order.
 * @throws {DataError} naming the line of a cell that says nothing
 */
export function splitByColumn(
  table: Table,
  rows: readonly number[],
  { by, profile: { column, date } }: ColumnSplit,
  { testFraction, seed }: { readonly testFraction: number; readonly seed: number },
): { readonly split: Uint8Array; readonly order?: RowOrder } {
  const wrong = (row: number, message: string): DataError =>
    new DataError('settings', message, {
      ...placeOfRow(table, row),
      column: column.index + 1,
      columnName: column.name,
    });
  const missing = rows.find((row) => !hasValue(column, row));
  if (missing !== undefined) throw wrong(missing, 'this row has no value in the column that splits the rows');
  switch (by) {
    case 'column':
      return {
        split: checked(
          rows.map((row) => sideOf(column, row, wrong)),
          table,
        ),
      };
    case 'time': {
      const numbers = date ? (column.dates ?? column.numbers) : column.numbers;
      const bad = rows.find((row) => !Number.isFinite(numbers[row]));
      if (bad !== undefined) throw wrong(bad, 'a split by time needs dates or numbers in its column');
      const of = Float64Array.from(rows, (row) => numbers[row]);
      const sorted = Array.from(of.keys()).sort((a, b) => of[a] - of[b] || a - b);
      const held = Math.min(Math.round(testFraction * rows.length), rows.length - 2);
      const split = new Uint8Array(rows.length);
      for (const i of sorted.slice(rows.length - held)) split[i] = 1;
      return { split, order: { by, of } };
    }
    case 'groups': {
      const ids = new Map<string, number>();
      const of = Float64Array.from(rows, (row) => {
        const label = cellLabel(column, row) ?? '';
        if (!ids.has(label)) ids.set(label, ids.size);
        return ids.get(label)!;
      });
      return { split: heldGroups(of, ids.size, testFraction, seed), order: { by, of } };
    }
  }
}

function sideOf(column: Column, row: number, wrong: (row: number, message: string) => DataError): number {
  const text = (cellLabel(column, row) ?? '').trim().toLowerCase();
  if (trainWords.includes(text) || text === '0' || text === 'false') return 0;
  if (testWords.includes(text) || text === '1' || text === 'true') return 1;
  throw wrong(row, `"${text.slice(0, 40)}" says neither train nor test (words such as train and test, or 0 and 1)`);
}

function checked(sides: readonly number[], table: Table): Uint8Array {
  const train = sides.filter((side) => side === 0).length;
  if (train >= 2) return Uint8Array.from(sides);
  throw new DataError('too-few-rows', `the split leaves ${train} rows to train on; at least two are needed`, {
    file: table.file,
  });
}

/** Whole groups, in a seeded order, while each brings the share held out closer to the one wanted. */
function heldGroups(of: Float64Array, groups: number, testFraction: number, seed: number): Uint8Array {
  const split = new Uint8Array(of.length);
  if (groups < 2) return split;
  const size = new Float64Array(groups);
  for (const group of of) size[group]++;
  // the fold of each group, with as many folds as groups, is a seeded order of them
  const place = foldsOf(groups, { count: groups, seed });
  const order = Array.from({ length: groups }, (_, group) => group).sort((a, b) => place[a] - place[b]);
  const wanted = testFraction * of.length;
  let held = 0;
  const taken = new Set<number>();
  for (const group of order) {
    if (taken.size === groups - 1 || of.length - held - size[group] < 2) continue;
    if (Math.abs(held + size[group] - wanted) >= Math.abs(held - wanted)) continue;
    held += size[group];
    taken.add(group);
  }
  return split.map((_, row) => (taken.has(of[row]) ? 1 : 0));
}
