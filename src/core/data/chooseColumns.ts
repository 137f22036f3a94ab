import { DataError } from './dataError.ts';
import { dateUnit } from './dates.ts';
import { classLimit, inferTarget, type ColumnProfile, type Task } from './infer.ts';
import { namedColumns, oneColumn } from './columnNames.ts';
import { plainText } from './plainText.ts';
import type { PrepareOptions } from './prepareData.ts';
import { cellCode, cellLabel, placeOfRow, type Table } from './table.ts';

export interface Feature {
  readonly profile: ColumnProfile;
  readonly encoding: 'number' | 'indicators';
}

export function chooseTarget(table: Table, profiles: readonly ColumnProfile[], name: string): ColumnProfile {
  if (name !== '') return oneColumn(table, profiles, name, 'target');
  const found = inferTarget(profiles);
  if (found === undefined) {
    throw new DataError('bad-target', 'no column can be a target: all are constant, empty or free text', {
      file: table.file,
    });
  }
  return found;
}

export function chooseTask(table: Table, target: ColumnProfile, wanted: Task | 'auto'): Task {
  const { column } = target;
  const place = { file: table.file, column: column.index + 1, columnName: column.name };
  if (target.kind === 'constant') {
    if (target.missing === table.rows) throw new DataError('bad-target', 'the target has no values', place);
    const isText = column.texts > 0;
    throw new DataError(
      isText || wanted === 'binary' || wanted === 'multiclass' ? 'one-class' : 'constant-target',
      isText || wanted === 'binary' || wanted === 'multiclass'
        ? `the target has one class only (${target.note}): there is nothing to tell apart`
        : `the target is ${target.note}: there is nothing to learn`,
      place,
    );
  }
  if (target.date && wanted !== 'auto' && wanted !== 'regression') {
    throw new DataError('bad-target', `the target holds dates (${dateUnit}), which cannot be classes`, place);
  }
  const task = wanted === 'auto' ? target.task : wanted;
  const numeric = column.texts === 0 || target.bad !== null;
  if (task === 'regression') {
    if (numeric) {
      if (target.bad !== null) throw badCell(table, target);
      return task;
    }
    const row = column.codes!.findIndex((code) => code >= 0 || code === cellCode.overflow);
    throw new DataError(
      'not-a-number',
      `"${cellLabel(column, row) ?? ''}" is not a number, and regression needs a numeric target (${column.texts} such cells)`,
      { ...place, ...placeOfRow(table, row) },
    );
  }
  if (target.distinct > classLimit) {
    const count = column.overflow ? `more than ${column.dictionary.length}` : target.distinct;
    throw new DataError(
      'too-many-classes',
      numeric && target.bad === null
        ? `the target has ${count} distinct numbers, too many for classes (at most ${classLimit}); train a regression instead`
        : `the target has ${count} distinct texts: this is not a class label (at most ${classLimit} classes)`,
      place,
    );
  }
  if (task === 'binary' && target.distinct !== 2) {
    throw new DataError('class-count', `the target has ${target.distinct} distinct values, not two`, place);
  }
  return task ?? 'multiclass';
}

function badCell(table: Table, profile: ColumnProfile): DataError {
  const { column } = profile;
  const { row, count, text } = profile.bad!;
  return new DataError(
    'not-a-number',
    `"${text.slice(0, 60)}" is not ${profile.date ? 'a date (YYYY-MM-DD) in a column of dates' : 'a number in a column of numbers'} (${count} such ${count === 1 ? 'cell' : 'cells'} in ` +
      `${table.rows} rows); correct it, leave it empty, or leave the column out (--exclude)`,
    { ...placeOfRow(table, row), column: column.index + 1, columnName: column.name },
  );
}

/** One error of all columns with cells that fit nothing. */
function badCells(table: Table, profiles: readonly ColumnProfile[]): DataError {
  const [first, ...others] = profiles;
  const error = badCell(table, first);
  if (others.length === 0) return error;
  const also = others.slice(0, 8).map(({ column, bad }) => {
    const { row, count, text } = bad!;
    return `"${plainText(column.name)}" (line ${table.lines[row]}: "${plainText(text.slice(0, 40))}", ${count} such ${count === 1 ? 'cell' : 'cells'})`;
  });
  return new DataError(
    'not-a-number',
    `${error.text}; the same in ${also.join(', ')}${others.length > 8 ? `, and ${others.length - 8} more columns` : ''}`,
    { file: error.file, line: error.line, column: error.column, columnName: error.columnName },
  );
}

export function chooseFeatures(
  table: Table,
  profiles: readonly ColumnProfile[],
  target: ColumnProfile,
  { features: names, columnTypes = {} }: Pick<PrepareOptions, 'features' | 'columnTypes'>,
  warnings: string[],
): Feature[] {
  const leftOut = new Set(
    Object.entries(columnTypes)
      .filter(([, type]) => type === 'leave-out')
      .flatMap(([name]) => namedColumns(table, profiles, [name], 'column to leave out')),
  );
  const chosen =
    names.length === 0
      ? profiles.filter((profile) => profile.suggested && profile !== target && !leftOut.has(profile))
      : namedColumns(table, profiles, names, 'feature').filter((profile) => !leftOut.has(profile));
  const bad = chosen.filter((profile) => profile.bad !== null && profile !== target);
  if (target.bad !== null && target.task === 'regression') bad.unshift(target);
  if (bad.length > 0) throw badCells(table, bad);
  const out: Feature[] = [];
  for (const profile of chosen) {
    if (profile === target) {
      throw new DataError('settings', 'the target cannot be a feature as well', {
        file: table.file,
        columnName: profile.column.name,
      });
    }
    if (profile.kind === 'constant') {
      warnings.push(`"${profile.column.name}" is left out: ${profile.note}.`);
      continue;
    }
    out.push({ profile, encoding: profile.column.texts > 0 ? 'indicators' : 'number' });
  }
  if (out.length === 0) {
    const reasons = profiles
      .filter((profile) => profile !== target)
      .slice(0, 8)
      .map(({ column, note }) => `"${plainText(column.name)}" (${plainText(note === '' ? 'not chosen' : note)})`);
    throw new DataError(
      'no-features',
      `no feature is left beside the target "${plainText(target.column.name)}": ${reasons.length === 0 ? 'there is no other column' : reasons.join(', ')}; choose features (--features) or give types (--type)`,
      { file: table.file },
    );
  }
  return out;
}
