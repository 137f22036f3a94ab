import { type DecimalMark, parseNumber } from './cells.ts';

/** A number in a form that needs something taken off. */
export interface NumberForm {
  readonly value: number;
  /** What stands for a quantity of another kind where it differs from cell to cell: a currency, a percent sign, a unit; else empty. */
  readonly unit: string;
  /** What was done to read it, in words. */
  readonly how: string;
}

const longest = 60;
const signs = '[+\\-\\u2212\\u2010-\\u2013\\ufe63\\uff0d]?';
const currency =
  '[$\\u20ac\\u00a3\\u00a5\\u20b9\\u20bd\\u20a9\\u20ba\\u20bf]|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|RUB|AUD|CAD|SEK|NOK|DKK|PLN|BRL)';
const before = new RegExp(`^(${signs}) ?(${currency}) ?(${signs}[\\d.,].*)$`);
const after =
  /^(.*\d[.,]?)(?: ?(%|‰|[$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9\u20ba]|["\u2032\u2033]|\u00b0[CF]?|(?:kg|mg|cm|mm|km|ml|ms|min|kWh|kW|Hz|mph|lbs?|oz|ft|in|EUR|USD|CHF|GBP|g|m|s|h|l|L|V|A|W|K|C|F))| +([A-Za-z\u00b5\u03a9][\w\u00b2\u00b3/.\u00b7^-]{0,14}))$/;
/** Most texts are sorted out by their first character. */
const startsLikeOne = /^(?:[^A-Za-z_]|[A-Z]{3} ?[\d.,+-])/;
const guard = /^(?:="(.*)"|'(?=[+-]?[\d.,])(.*))$/;
const indian = /^[+-]?\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d*)?$/;
const parentheses = /^\((.*)\)$/;
const minusBehind = /^([\d.,]*\d)-$/;
/** 1.5×10^3 */
const tenToThe = /^([+-]?[\d.,]+) ?(?:[\u00d7x*\u00b7]) ?10(?:\^|\*\*)([+-]?\d{1,3})$/;
/** Digits of full width, Arabic and Persian ones, each from its zero. */
const otherDigits = /[\uff10-\uff19\u0660-\u0669\u06f0-\u06f9]/g;
const zeros = [0xff10, 0x0660, 0x06f0];
const otherMinus = /^[\u2212\u2010-\u2013\ufe63\uff0d]/;
const grouped = /^[+-]?\d{1,3}(?:(?:[ \u00a0\u202f\u2009]\d{3})+|(?:['\u2019]\d{3})+)(?:[.,]\d*)?$/;
const fortran = /^([+-]?(?:\d+\.?\d*|\.\d+))[dD]([+-]?\d{1,3})$/;

/**
 * The number that a trimmed cell stands for that is not one as it is written: with a currency, a percent sign (38 % is 38) or a unit, grouped by
 * spaces, apostrophes or lakhs, negative in parentheses, with a minus of typography, an exponent of Fortran, or as ="14.0". Undefined for anything else.
 */
export function numberForm(cell: string, decimal: DecimalMark): NumberForm | undefined {
  if (cell.length > longest || !startsLikeOne.test(cell)) return undefined;
  let text = cell.replace(otherDigits, (digit) => {
    const code = digit.charCodeAt(0);
    return String(code - zeros.find((zero) => code >= zero && code <= zero + 9)!);
  });
  if (!/\d/.test(text)) return undefined;
  const how: string[] = text === cell ? [] : ['digits of another script'];
  let unit = '';
  let sign = 1;
  const power10 = tenToThe.exec(text);
  if (power10 !== null) {
    text = `${power10[1]}e${power10[2]}`;
    how.push('powers of ten written out');
  }
  const guarded = guard.exec(text);
  if (guarded !== null) {
    text = ((guarded[1] as string | undefined) ?? guarded[2]).trim();
    how.push('the guard of a text cell taken off');
  }
  const negative = parentheses.exec(text);
  if (negative !== null) {
    text = negative[1].trim();
    sign = -1;
    how.push('parentheses read as minus');
  }
  const behind = minusBehind.exec(text);
  if (behind !== null) {
    text = `-${behind[1]}`;
    how.push('minus after the number');
  }
  const prefixed = before.exec(text);
  if (prefixed !== null) {
    text = prefixed[1] + prefixed[3];
    unit = prefixed[2];
  } else {
    const suffixed = after.exec(text);
    // the mark of an exponent is no unit
    if (suffixed !== null) {
      unit = suffixed[2] ?? suffixed[3];
      text = suffixed[1].trim();
    }
  }
  if (unit !== '') how.push(`"${unit}" taken off`);
  if (otherMinus.test(text)) {
    text = `-${text.slice(1).trim()}`;
    how.push('typographic minus');
  }
  if (grouped.test(text)) {
    text = text.replace(/[ \u00a0\u202f\u2009'\u2019]/g, '');
    how.push('thousands grouped');
  }
  if (decimal === '.' && indian.test(text)) {
    text = text.replaceAll(',', '');
    how.push('lakhs grouped');
  }
  const power = fortran.exec(text);
  if (power !== null) {
    text = `${power[1]}e${power[2]}`;
    how.push('exponents with D');
  }
  if (how.length === 0) return undefined;
  const value = sign * parseNumber(text, decimal);
  return Number.isFinite(value) ? { value, unit, how: how.join(', ') } : undefined;
}
