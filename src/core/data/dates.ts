import { cellCode, type Column } from './table.ts';

/** What a column of dates becomes, in words. */
export const dateUnit = 'days since 1970-01-01';

/** What dates may say besides how many days they are: the place in the week, and in the year. */
export const dateParts = ['weekday', 'season'] as const;
export type DatePart = (typeof dateParts)[number];

export const waves = ['sine', 'cosine'] as const;

/** A place in a period as a wave over days: sine and cosine together say which place it is, and neighbours are close over the end of the period. */
export interface DateWave {
  readonly part: DatePart;
  readonly wave: (typeof waves)[number];
}

/** Days of a period; the year is the mean one of the Gregorian calendar. */
const periods: Readonly<Record<DatePart, number>> = { weekday: 7, season: 365.2425 };

/** sin or cos of 2 pi days / period, days counted from 1970-01-01. */
export function waveOfDays(days: number, { part, wave }: DateWave): number {
  // whole periods are taken off first: they would cost digits of the angle
  const angle = 2 * Math.PI * ((days / periods[part]) % 1);
  return wave === 'sine' ? Math.sin(angle) : Math.cos(angle);
}

/** "sine of 2 pi days / 7" */
export const waveWords = ({ part, wave }: DateWave): string => `${wave} of 2 pi days / ${periods[part]}`;

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
