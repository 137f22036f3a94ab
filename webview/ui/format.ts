/**
 * Numbers, times and sizes as people read them, through `Intl`: dates in the editor's language; numbers with a point in every language, as
 * in the files that they go into.
 */
import { countWord, text } from '../../src/shared/texts.ts';

const locale = typeof document === 'undefined' ? 'en' : document.documentElement.lang || navigator.language;
const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(key: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  let format = formats.get(key);
  if (!format) {
    // Four digits stay together: a year is not a thousand and some.
    format = new Intl.NumberFormat('en', { ...options, useGrouping: 'min2' });
    formats.set(key, format);
  }
  return format;
}

const superscripts: Record<string, string> = {
  '-': '⁻',
  0: '⁰',
  1: '¹',
  2: '²',
  3: '³',
  4: '⁴',
  5: '⁵',
  6: '⁶',
  7: '⁷',
  8: '⁸',
  9: '⁹',
};

/** `digits` significant digits; powers of ten outside 1e-4 .. 1e7; words for what is not a number. */
export function formatNumber(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) {
    let exponent = Math.floor(Math.log10(size));
    let mantissa = value / 10 ** exponent;
    if (Math.abs(mantissa) >= 10 - 5 * 10 ** -digits) {
      exponent += 1;
      mantissa /= 10;
    }
    const head = formatNumber(mantissa, Math.min(digits, 3));
    const power = `10${[...String(exponent)].map((c) => superscripts[c]).join('')}`;
    return head === '1' ? power : head === '−1' ? `−${power}` : `${head}\u2009×\u2009${power}`;
  }
  const shown = numberFormat(`s${digits}`, { maximumSignificantDigits: digits }).format(value);
  return shown.replace('-', '−');
}

/** A line of a file as editors write it: a name, not a quantity. */
export const formatLine = (line: number): string => String(line);

/** Whole numbers with thousands separators from five digits on. */
export function formatInteger(value: number): string {
  return numberFormat('i', { maximumFractionDigits: 0 }).format(value).replace('-', '−');
}

/** "1 row", "12,345 rows". */
export function formatCount(value: number, one: string, many?: string): string {
  return `${formatInteger(value)} ${countWord(value, one, many)}`;
}

/** 0.123 as "12.3 %". */
export function formatPercent(share: number | null, digits = 3): string {
  if (share === null || Number.isNaN(share)) return '–';
  const percent = share * 100;
  return `${formatNumber(percent, digits)}\u00a0%`;
}

export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds === 0) return '0';
  if (seconds < 0.001) return '<\u20091\u00a0ms';
  if (seconds < 1) return `${formatNumber(seconds * 1000, 3)}\u00a0ms`;
  if (seconds < 120) return `${formatNumber(seconds, 3)}\u00a0s`;
  const minutes = Math.floor(seconds / 60);
  return `${formatInteger(minutes)}\u00a0min ${formatInteger(Math.round(seconds - 60 * minutes))}\u00a0s`;
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${formatNumber(value, 3)}\u00a0${text(units[unit])}`;
}

/** Made when it is first needed: it takes as long as a picture. */
let dates: Intl.DateTimeFormat | undefined;

/** Date and time of a run, short. */
export function formatDate(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  dates ??= new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  return dates.format(date);
}

/** A relative gap; what is below the rounding of doubles is not given as a number. */
export function formatGap(gap: number): string {
  return gap <= 1e-15 ? '<\u200910⁻¹⁵' : formatNumber(gap, 2);
}

/** Full double precision, dot as decimal mark: for tooltips and files, not for reading. */
export function exactNumber(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '' : String(value);
}

/** Sentences of a record, with its powers of ten written as everywhere else here: "4.9e-10" as 4.9 × 10⁻¹⁰. */
export function typeset(sentence: string): string {
  return sentence.replace(/(?<![\w.])-?\d+(?:\.\d+)?e[-+]?\d+(?!\w)/gi, (text) =>
    formatNumber(Number(text), text.replace(/e.*$/i, '').replace(/[-.]/g, '').length),
  );
}

/** A long name by its beginning and its end, where names of one file often differ; whole characters stay whole. */
export function shortName(name: string, most = 44): string {
  if (name.length <= most) return name;
  const characters = [...new Intl.Segmenter(locale, { granularity: 'grapheme' }).segment(name)].map(
    (one) => one.segment,
  );
  if (characters.length <= most) return name;
  const end = Math.floor((most - 1) / 2);
  return `${characters.slice(0, most - 1 - end).join('')}…${characters.slice(-end).join('')}`;
}
