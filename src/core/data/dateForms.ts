import { daysOfDate } from './cells.ts';

/** Days since 1970-01-01 of a date; where day and month could be exchanged, under both orders (NaN where there is no such day). */
export interface DateForm {
  readonly dayFirst: number;
  readonly monthFirst: number;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const time =
  '(?:[ T,]+(\\d{1,2}):(\\d{2})(?::(\\d{2}(?:\\.\\d+)?))?(?: ?([AaPp])\\.?[Mm]\\.?)?(?: ?(?:GMT|UTC|Z|[+-]\\d{2}:?(?:\\d{2})?))?)?$';
const yearFirst = new RegExp(`^(\\d{4})[/.-](\\d{1,2})[/.-](\\d{1,2})${time}`);
const yearLast = new RegExp(`^(\\d{1,2})[/.-](\\d{1,2})[/.-](\\d{4}|\\d{2})${time}`);
const named = new RegExp(`^(?:[A-Za-z]{3,9},? )?(\\d{1,2})[ .-]+([A-Za-z]{3,9})[.,]?[ -](\\d{4}|\\d{2})${time}`);
const namedFirst = new RegExp(`^(?:[A-Za-z]{3,9},? )?([A-Za-z]{3,9})\\.? (\\d{1,2}),? (\\d{4})${time}`);
const monthOfYear = /^(\d{4})[-/](\d{1,2})$/;
const monthAndYear = /^([A-Za-z]{3,9})[- ](\d{4}|\d{2})$/;
/** Forms of dates that are written as one of those below: what is matched whole, and the other way to write it. */
const usualForms: readonly (readonly [RegExp, string])[] = [
  [/^(\d{4})(\d{2})(\d{2})T(\d{2}):?(\d{2}):?(\d{2})?Z?$/, '$1-$2-$3 $4:$5:$6'],
  [/^(\d{4})\s?\u5e74\s?(\d{1,2})\s?\u6708\s?(\d{1,2})\s?\u65e5?$/, '$1/$2/$3'],
  [/^[A-Za-z]{3},? ([A-Za-z]{3}) +(\d{1,2}) (\d{2}:\d{2}:\d{2})(?: [A-Z]{3,4})? (\d{4})$/, '$2 $1 $4 $3'],
  [/^(\d{1,2})([A-Za-z]{3})(\d{4})$/, '$1 $2 $3'],
  [/^(\d{1,2})([A-Za-z]{3})(\d{4}):(\d{2}:.*)$/, '$1 $2 $3 $4'],
  [/^(\d{1,2})\/([A-Za-z]{3})\/(\d{4}):(\d{2}:\S+( [+-]\d{4})?)$/, '$1 $2 $3 $4'],
  [/^(\d{1,2})[\/-](\d{4})$/, '$2-$1'],
  [/^(\d{4})[Mm](\d{1,2})$/, '$1-$2'],
  [/^(\d{4})[- ]([A-Za-z]{3,9})$/, '$2 $1'],
  [/^(.*:\d{2}),(\d+)$/, '$1.$2'],
  [/^(\d{4})[-\/ ]?[Qq]([1-4])$/, '$1-Q$2'],
  [/^[Qq]([1-4])[-\/ ]?(\d{4})$/, '$2-Q$1'],
];
const quarter = /^(\d{4})-Q([1-4])$/;
const zoneAtEnd = /([+-]\d{2}):?(\d{2})?$/;

const fullYear = (text: string): number => {
  const year = Number(text);
  return text.length === 4 ? year : year + (year < 70 ? 2000 : 1900);
};
const two = (value: number): string => String(value).padStart(2, '0');

function monthNumber(name: string): number {
  return months.indexOf(name.slice(0, 3).toLowerCase()) + 1;
}

/** Days of a year, month and day with the time in `match` from group `at` on. */
function days(year: number, month: number, day: number, match: RegExpExecArray, at: number): number {
  const date = daysOfDate(`${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`);
  const [h, m, s, half] = [0, 1, 2, 3].map((k) => match[at + k] as string | undefined);
  if (h === undefined) return date;
  let hours = Number(h);
  if (half !== undefined) {
    if (hours < 1 || hours > 12) return NaN;
    hours = (hours % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
  }
  const [minutes, seconds] = [Number(m), Number(s ?? 0)];
  if (hours > 23 || minutes > 59 || seconds >= 60) return NaN;
  const zone = zoneAtEnd.exec(match[0].slice(match[0].indexOf(':')));
  const shift =
    zone === null
      ? 0
      : Number(zone[1]) * 60 + Math.sign(Number(`${zone[1]}1`)) * Number((zone[2] as string | undefined) ?? 0);
  return date + (hours * 3600 + minutes * 60 + seconds - shift * 60) / 86_400;
}

const both = (value: number): DateForm | undefined =>
  Number.isNaN(value) ? undefined : { dayFirst: value, monthFirst: value };

/**
 * A date in one of the usual forms: ISO 8601, year first with other separators, day or month first, with the month's name, a quarter or month of a year (its
 * first day). Undefined for anything else, also for days that do not exist.
 */
export function dateForm(given: string): DateForm | undefined {
  if (given.length < 6 || given.length > 40) return undefined;
  const plain = daysOfDate(given);
  if (!Number.isNaN(plain)) return both(plain);
  const cell = usualForm(given);
  const inQuarter = quarter.exec(cell);
  if (inQuarter !== null) return both(daysOfDate(`${inQuarter[1]}-${two(3 * Number(inQuarter[2]) - 2)}-01`));
  const iso = daysOfDate(cell);
  if (!Number.isNaN(iso)) return { dayFirst: iso, monthFirst: iso };
  const first = cell.charCodeAt(0);
  if (first >= 48 && first <= 57) {
    let match = yearFirst.exec(cell);
    if (match !== null) return both(days(Number(match[1]), Number(match[2]), Number(match[3]), match, 4));
    match = yearLast.exec(cell);
    if (match !== null) {
      const [a, b, year] = [Number(match[1]), Number(match[2]), fullYear(match[3])];
      const form = { dayFirst: days(year, b, a, match, 4), monthFirst: days(year, a, b, match, 4) };
      return Number.isNaN(form.dayFirst) && Number.isNaN(form.monthFirst) ? undefined : form;
    }
    match = monthOfYear.exec(cell);
    if (match !== null) return both(daysOfDate(`${match[1]}-${match[2].padStart(2, '0')}-01`));
  }
  if (!/[A-Za-z]{3}/.test(cell)) return undefined;
  let match = named.exec(cell);
  if (match !== null) return both(days(fullYear(match[3]), monthNumber(match[2]), Number(match[1]), match, 4));
  match = namedFirst.exec(cell);
  if (match !== null) return both(days(fullYear(match[3]), monthNumber(match[1]), Number(match[2]), match, 4));
  match = monthAndYear.exec(cell);
  if (match !== null) return both(daysOfDate(`${fullYear(match[2])}-${two(monthNumber(match[1]))}-01`));
  return undefined;
}

/** A text as one of the usual forms would have it. */
function usualForm(cell: string): string {
  const found = usualForms.find(([form]) => form.test(cell));
  return found === undefined ? cell : cell.replace(found[0], found[1]).replace(/:$/, '');
}

/** Days of a date written as the number 20190131; NaN for any other number. */
export function daysOfCompact(value: number): number {
  if (!Number.isInteger(value) || value < 19_000_101 || value > 21_001_231) return NaN;
  const text = String(value);
  return daysOfDate(`${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`);
}
