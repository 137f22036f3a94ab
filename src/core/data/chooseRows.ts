import type { Feature } from './chooseColumns.ts';
import { DataError } from './dataError.ts';
import type { ColumnProfile } from './infer.ts';
import { cellCode, cellLabel, hasValue, type Column, type Table } from './table.ts';

const linesListed = 20;
/** Share of rows with a target that may be lost to gaps in features before gaps are filled instead. */
const lossShare = 0.05;

/** Row left out: counted by reason, first lines listed. */
export class Drops {
  private readonly reasons = new Map<string, { count: number; lines: number[] }>();

  constructor(private readonly table: Table) {}

  add(reason: string, count: number, lines: readonly number[]): void {
    this.reasons.set(reason, { count, lines: lines.slice(0, linesListed) });
  }

  row(why: string, row: number): void {
    const { test } = this.table;
    const reason = test !== undefined && row >= test.from ? `${test.file}: ${why}` : why;
    let entry = this.reasons.get(reason);
    if (entry === undefined) this.reasons.set(reason, (entry = { count: 0, lines: [] }));
    entry.count++;
    if (entry.lines.length < linesListed) entry.lines.push(this.table.lines[row]);
  }

  list(): { reason: string; count: number; lines: number[] }[] {
    return [...this.reasons].map(([reason, entry]) => ({ reason, ...entry }));
  }
}

/** Row by row the first feature without a value, -1 where there is none. */
export function firstGaps(table: Table, features: readonly Feature[]): Int32Array {
  const gapOf = new Int32Array(table.rows).fill(-1);
  features.forEach(({ profile: { column } }, k) => {
    if (column.codes === null) return;
    for (let row = 0; row < table.rows; row++) if (gapOf[row] < 0 && !hasValue(column, row)) gapOf[row] = k;
  });
  return gapOf;
}

/** Fill gaps when leaving their rows out would lose too many, or a class, or nearly all; said when there are any. */
export function chooseMissing(
  table: Table,
  target: ColumnProfile,
  gapOf: Int32Array,
  warnings: string[],
): 'drop' | 'impute' {
  let usable = 0;
  let gaps = 0;
  for (let row = 0; row < table.rows; row++) {
    if (!hasValue(target.column, row)) continue;
    usable++;
    if (gapOf[row] >= 0) gaps++;
  }
  if (gaps <= lossShare * usable) return 'drop';
  warnings.push(
    `${gaps} of ${usable} rows have gaps in the features: gaps are filled (median, or commonest category, of the training rows). ` +
      '--missing drop, or the setting, leaves such rows out instead.',
  );
  return 'impute';
}

/** Rows with a target and, unless gaps are filled, with all features. */
export function usableRows(
  table: Table,
  target: ColumnProfile,
  features: readonly Feature[],
  gapOf: Int32Array | undefined,
  drops: Drops,
): number[] {
  const rows: number[] = [];
  for (let row = 0; row < table.rows; row++) {
    if (!hasValue(target.column, row)) {
      drops.row(whyEmpty(target.column, row, 'target '), row);
      continue;
    }
    const gap = gapOf === undefined ? -1 : gapOf[row];
    if (gap < 0) rows.push(row);
    else drops.row(whyEmpty(features[gap].profile.column, row, ''), row);
  }
  return rows;
}

function whyEmpty(column: Column, row: number, prefix: string): string {
  return column.codes?.[row] === cellCode.notFinite
    ? `${prefix}"${column.name}" is infinite`
    : `${prefix}"${column.name}" is missing`;
}

/**
 * The rows of some classes of the target.
 * @throws {DataError} for a class that no row has
 */
export function rowsOfClasses(
  table: Table,
  { column }: ColumnProfile,
  rows: readonly number[],
  classes: readonly string[],
  drops: Drops,
): number[] {
  const found = new Set(rows.map((row) => cellLabel(column, row)!));
  const unknown = classes.find((name) => !found.has(name));
  if (unknown !== undefined) {
    const names = [...found].sort(byCodePoint);
    const shown = names
      .slice(0, 8)
      .map((name) => `"${name}"`)
      .join(', ');
    throw new DataError(
      'settings',
      `the target "${column.name}" has no class "${unknown}"; it has ${shown}${names.length > 8 ? ` and ${names.length - 8} more` : ''}`,
      { file: table.file },
    );
  }
  return rows.filter((row) => {
    const kept = classes.includes(cellLabel(column, row)!);
    if (!kept) drops.row('another class', row);
    return kept;
  });
}

export function readClasses(
  table: Table,
  target: ColumnProfile,
  rows: readonly number[],
): { y: Float64Array; classes: readonly string[] } {
  const { column } = target;
  const labels = rows.map((row) => cellLabel(column, row)!);
  const numeric = column.texts === 0;
  const classes = [...new Set(labels)].sort(numeric ? (a, b) => Number(a) - Number(b) : byCodePoint);
  if (classes.length < 2) {
    throw new DataError(
      'one-class',
      `the target has one class only ("${classes[0]}"): there is nothing to tell apart`,
      {
        file: table.file,
        column: column.index + 1,
        columnName: column.name,
      },
    );
  }
  const id = new Map(classes.map((name, k) => [name, k]));
  return { y: Float64Array.from(labels, (label) => id.get(label)!), classes };
}

export function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function reportSingletons(y: Float64Array, classes: readonly string[], warnings: string[]): void {
  const counts = new Int32Array(classes.length);
  if (classes.length > 0) for (const k of y) counts[k]++;
  const single = classes.filter((_, k) => counts[k] === 1);
  if (single.length > 0) {
    const names = single.slice(0, 5).map((name) => `"${name}"`);
    warnings.push(
      `${single.length === 1 ? 'Class' : 'Classes'} ${names.join(', ')}${single.length > 5 ? ', ...' : ''} ` +
        `${single.length === 1 ? 'has' : 'have'} one row only; ${single.length === 1 ? 'it is' : 'they are'} used for training.`,
    );
  }
}
