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
  if (infinite.test(cell)) return first === 45 ? -Infinity : Infinity;
  return NaN;
}

const datePattern =
  /^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$|^-?\d{1,4}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]m)?$/i;

/** Whether a cell looks like a date or a time of day. */
export function looksLikeDate(cell: string): boolean {
  return datePattern.test(cell);
}

const isoDate =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?(?: ?(?:[Zz]|([+-])(\d{2}):?(\d{2})))?)?$/;
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const millisecondsOfDay = 86_400_000;
/** The calendar repeats after 400 years, which take this many days. */
const daysIn400Years = 146_097;

/**
 * An ISO 8601 date as days since 1970-01-01 (Gregorian calendar throughout); a time of day is the fraction. A zone is taken off, so that all
 * times are UTC; a time without one stands as it is written. NaN for anything else, also for a day that does not exist (2023-02-29).
 */
export function daysOfDate(cell: string): number {
  // most texts are sorted out by their fifth character
  if (cell.charCodeAt(4) !== 45) return NaN;
  const match = isoDate.exec(cell);
  if (match === null) return NaN;
  const [year, month, day, hours, minutes, seconds, zoneHours, zoneMinutes] = [1, 2, 3, 4, 5, 6, 8, 9].map((group) =>
    Number((match[group] as string | undefined) ?? 0),
  );
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  if (month < 1 || month > 12 || day < 1 || day > monthDays[month - 1] + leap) return NaN;
  if (hours > 23 || minutes > 59 || seconds >= 60 || zoneHours > 23 || zoneMinutes > 59) return NaN;
  // years below 100 would be read as 19xx
  const days = Date.UTC(year + 400, month - 1, day) / millisecondsOfDay - daysIn400Years;
  const zone = (match[7] === '-' ? -1 : 1) * (zoneHours * 3600 + zoneMinutes * 60);
  return days + (hours * 3600 + minutes * 60 + seconds - zone) / 86_400;
}
