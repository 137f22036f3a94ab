import { cellCode, type Column } from './table.ts';

/** What a column of dates becomes, in words. */
export const dateUnit = 'days since 1970-01-01';

/** The date that a number of days stands for, with its time (UTC, to the second) unless that is midnight. */
export function dateOfDays(days: number): string {
  const text = new Date(Math.round(days * 86_400) * 1000).toISOString();
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text.slice(0, 19);
}

/** Columns with a smaller share of dates among their values are not columns of dates. */
const dateShare = 0.9;

/** The column with its dates as numbers, and what is no date as texts; undefined when it does not hold dates. */
export function dateColumn(column: Column, rows: number): Column | undefined {
  const { dates, codes } = column;
  if (dates === null || column.dateOrderOpen === true) return undefined;
  let count = 0;
  for (const days of dates) if (!Number.isNaN(days)) count++;
  const present = rows - column.missing - column.notFinite;
  if (count === 0 || count < dateShare * present) return undefined;
  const dictionary = [...column.dictionary];
  const own = codes?.slice() ?? new Int32Array(rows).fill(cellCode.numeric);
  for (let row = 0; row < rows; row++) {
    if (!Number.isNaN(dates[row])) own[row] = cellCode.numeric;
    else if (own[row] === cellCode.numeric) own[row] = dictionary.push(String(column.numbers[row])) - 1;
  }
  const texts = present - count;
  return {
    ...column,
    numbers: dates,
    codes: texts + column.missing + column.notFinite === 0 ? null : own,
    dictionary,
    texts,
    overflow: column.overflow && texts > 0,
  };
}
