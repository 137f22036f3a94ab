export type DecimalMark = '.' | ',';

const missingMarkers = new Set(['', 'na', 'n/a', '#n/a', '<na>', 'nan', '-nan', 'null', '?', '-']);

/** Whether a trimmed cell stands for "no value": empty, NA, N/A, NaN, null, ? or - (in any case). */
export function isMissing(cell: string): boolean {
  return cell.length === 0 || (cell.length < 6 && missingMarkers.has(cell.toLowerCase()));
}

const infinite = /^[+-]?inf(inity)?$/i;
const groupedByComma = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/;
const groupedByDot = /^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$/;
const commaNumber = /^[+-]?(\d+,?\d*|,\d+)(e[+-]?\d+)?$/i;

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
  /^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$|^\d{1,2}:\d{2}(:\d{2})?$/;

/** Whether a cell looks like a date or a time of day. */
export function looksLikeDate(cell: string): boolean {
  return datePattern.test(cell);
}
