export type DecimalMark = '.' | ',';

const infinite = /^[+-]?inf(inity)?$/i;
const groupedByComma = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/;
const groupedByDot = /^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$/;
const commaNumber = /^[+-]?(\d+(,\d*)?|,\d+)(e[+-]?\d+)?$/i;

/**
 * The number a trimmed cell stands for; NaN when it is none. Infinite for "inf" and for numbers beyond the range of doubles.
 * Grouped thousands (1,234.5 or, with decimal comma, 1.234,5) are read; hexadecimal and the like are not numbers.
 */
export function parseNumber(cell: string, decimal: DecimalMark): number {
  const first = cell.charCodeAt(0);
  // digits, + - . ,
  if ((first >= 48 && first <= 57) || (first >= 43 && first <= 46)) {
    if (decimal === '.') {
      const value = Number(cell);
      if (value === value) {
        // Number() also takes 0x10, 0b1, 0o7
        const second = cell.charCodeAt(1) | 32;
        return first === 48 && (second === 120 || second === 98 || second === 111) ? NaN : value;
      }
      if (groupedByComma.test(cell)) return Number(cell.replaceAll(',', ''));
    } else {
      if (commaNumber.test(cell)) return Number(cell.replace(',', '.'));
      if (groupedByDot.test(cell)) return Number(cell.replaceAll('.', '').replace(',', '.'));
    }
  }
  if (cell.length <= 9 && infinite.test(cell)) return first === 45 ? -Infinity : Infinity;
  return NaN;
}

const powers = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));

/**
 * The number that the characters `codes` between two positions of a text stand for, where they are digits with at most one decimal mark (its code is
 * `point`) and an exponent; NaN for everything else, which `parseNumber` may know. The same double as `parseNumber` gives: up to 15 digits the
 * quotient of an exact integer and an exact power of ten is rounded once.
 */
export function plainNumber(text: string, codes: Uint8Array, from: number, to: number, point: number): number {
  let i = from;
  const sign = codes[i];
  if (sign === 45 || sign === 43) i++;
  const first = i;
  let mantissa = 0;
  let digit = 0;
  for (; i < to && (digit = codes[i] - 48) >= 0 && digit <= 9; i++) mantissa = mantissa * 10 + digit;
  let digits = i - first;
  let fraction = 0;
  let whole = true;
  if (i < to && codes[i] === point) {
    whole = false;
    const start = ++i;
    for (; i < to && (digit = codes[i] - 48) >= 0 && digit <= 9; i++) mantissa = mantissa * 10 + digit;
    fraction = i - start;
    digits += fraction;
  }
  if (digits === 0) return NaN;
  if (i < to) {
    if ((codes[i] | 32) !== 101 || point !== 46) return NaN;
    return finiteOrNaN(Number(text.slice(from, to)));
  }
  if (digits > 15) {
    if (whole || point !== 46) return NaN;
    const long = digits > mostLongDigits ? NaN : longDecimal(codes, first, digits, fraction);
    if (long !== long) return finiteOrNaN(Number(text.slice(from, to)));
    return sign === 45 ? -long : long;
  }
  const value = fraction === 0 ? mantissa : mantissa / powers[fraction];
  return sign === 45 ? -value : value;
}

/** Digits that `longDecimal` takes at most. */
const mostLongDigits = 19;
/** Splits a double into halves whose products are exact (Dekker 1971). */
const splitter = 2 ** 27 + 1;
const oneDouble = new Float64Array(1);
const itsWords = new Uint32Array(oneDouble.buffer);
/** Where the words of a double are: the one with the exponent. */
const upper = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/**
 * The double nearest to M / 10^fraction, M the integer of 16 to 19 digits from `first` on with one decimal mark among them; NaN where this cannot tell which
 * that is. M is the exact sum of two doubles, and so is its quotient but for some 2^-100 of it (Dekker 1971): which double is nearest is known unless
 * it lies that close to the middle of two.
 */
function longDecimal(codes: Uint8Array, first: number, digits: number, fraction: number): number {
  let high = 0;
  let low = 0;
  let at = first;
  for (let k = 0; k < digits; at++) {
    const digit = codes[at] - 48;
    if (digit < 0 || digit > 9) continue; // the decimal mark
    if (k++ < digits - 9) high = high * 10 + digit;
    else low = low * 10 + digit;
  }
  // then high * 10^9 = (high * 5^9) * 2^9 is a double
  if (high >= 4294967296) return NaN;
  const top = high * 1e9;
  const sum = top + low;
  const rest = low - (sum - top);
  const power = powers[fraction];
  const quotient = sum / power;
  const product = quotient * power;
  const a = splitter * quotient;
  const aHigh = a - (a - quotient);
  const aLow = quotient - aHigh;
  const b = splitter * power;
  const bHigh = b - (b - power);
  const bLow = power - bHigh;
  const error = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  const correction = (sum - product - error + rest) / power;
  const value = quotient + correction;
  const off = Math.abs(correction - (value - quotient));
  oneDouble[0] = value;
  // below a power of two doubles lie twice as close
  if (itsWords[1 - upper] === 0 && (itsWords[upper] & 0xfffff) === 0) return NaN;
  itsWords[upper] &= 0x7ff00000;
  itsWords[1 - upper] = 0;
  const half = oneDouble[0] * 2 ** -53;
  return off < half * (1 - 1e-9) ? value : NaN;
}

const finiteOrNaN = (value: number): number => (value - value === 0 ? value : NaN);

const datePattern =
  /^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$|^-?\d{1,4}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]m)?$/i;

/** Dates by the week or day of the year, and lengths of time in words. */
const otherTimes =
  /^(\d{4}-?W\d{2}(-?\d)?|\d{4}-\d{3}|P(\d+[YMWD])*(T(\d+(\.\d+)?[HMS])+)?|(\d+(\.\d+)? ?(years?|months?|weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|[dhms]),? ?)+(\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?)$/i;
/** Months of a year as several languages begin them. */
const monthWord =
  /^(?=.*\b(18|19|20)\d\d\b).*\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|gen|fev|fév|mär|mrz|avr|abr|mai|mag|juin|giu|lug|aoû|ago|set|okt|ott|out|déc|dez|dic)[a-z]*\b/i;
const monthAndDay = /^(\d{1,2})-(\d{1,2})$/;

/** A month and a day in either order; 20-29 is a range. */
function isMonthAndDay(cell: string): boolean {
  const match = monthAndDay.exec(cell);
  if (match === null) return false;
  const [less, more] = [Number(match[1]), Number(match[2])].sort((a, b) => a - b);
  return less >= 1 && less <= 12 && more <= 31;
}

/** Whether a cell looks like a date, a time of day or a length of time. */
export function looksLikeDate(cell: string): boolean {
  return (
    cell.length <= 40 &&
    (datePattern.test(cell) || otherTimes.test(cell) || isMonthAndDay(cell) || monthWord.test(cell))
  );
}

const isoDate =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?(?: ?(?:[Zz]|([+-])(\d{2}):?(\d{2})))?)?$/;
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const millisecondsOfDay = 86_400_000;
/** The calendar repeats after 400 years, which take this many days. */
const daysIn400Years = 146_097;

/** YYYY-MM-DD as days since 1970-01-01, else NaN. */
function plainDay(cell: string): number {
  const year = digitsAt(cell, 0, 4);
  const month = digitsAt(cell, 5, 2);
  const day = digitsAt(cell, 8, 2);
  if (cell.charCodeAt(7) !== 45 || year < 0 || month < 1 || month > 12 || day < 1) return NaN;
  return day > daysOfMonth(year, month) ? NaN : dayNumber(year, month, day);
}

/** A number of so many digits, or -1. */
function digitsAt(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = 10 * value + digit;
  }
  return value;
}

function daysOfMonth(year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  return monthDays[month - 1] + leap;
}

// years below 100 would be read as 19xx
const dayNumber = (year: number, month: number, day: number): number =>
  Date.UTC(year + 400, month - 1, day) / millisecondsOfDay - daysIn400Years;

/**
 * An ISO 8601 date as days since 1970-01-01 (Gregorian calendar throughout); a time of day is the fraction. A zone is taken off, so that all
 * times are UTC; a time without one stands as it is written. NaN for anything else, also for a day that does not exist (2023-02-29).
 */
export function daysOfDate(cell: string): number {
  // most texts are sorted out by their fifth character
  if (cell.charCodeAt(4) !== 45) return NaN;
  if (cell.length === 10) return plainDay(cell);
  const match = isoDate.exec(cell);
  if (match === null) return NaN;
  const [year, month, day, hours, minutes, seconds, zoneHours, zoneMinutes] = [1, 2, 3, 4, 5, 6, 8, 9].map((group) =>
    Number((match[group] as string | undefined) ?? 0),
  );
  if (month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return NaN;
  if (hours > 23 || minutes > 59 || seconds >= 60 || zoneHours > 23 || zoneMinutes > 59) return NaN;
  const days = dayNumber(year, month, day);
  const zone = (match[7] === '-' ? -1 : 1) * (zoneHours * 3600 + zoneMinutes * 60);
  return days + (hours * 3600 + minutes * 60 + seconds - zone) / 86_400;
}
