import Papa from 'papaparse';
import { parseNumber, type DecimalMark } from './cells.ts';
import { markerOf } from './markers.ts';

/** Delimiters that are guessed among; a space stands for any run of spaces and tabs. The later ones only where none of the usual explains the rows. */
export const delimiters = [',', ';', '\t', '|'] as const;
const rareDelimiters = [' ', '^', '~', '}', '\u00a6', '\u00a7', '\x01', '\x02', '\x1e', '\x1f'] as const;

/** Quotation mark of cells: doubled inside a cell, or after a backslash (`\"`); empty: none. */
export const quotes = ['"', "'", '\\"', ''] as const;
export type Quote = (typeof quotes)[number];

/** How a text table is written. */
export interface Dialect {
  /** One character; a space: any run of spaces and tabs. */
  readonly delimiter: string;
  readonly decimal: DecimalMark;
  /** The first row holds the column names. */
  readonly header: boolean;
  /** Left out: double quotation marks, doubled inside cells. */
  readonly quote?: Quote;
}

/** How a text is cut into cells. */
export interface Cut extends Pick<Dialect, 'delimiter' | 'quote'> {
  /** Spaces stand between a delimiter and an opening quotation mark. */
  readonly spaced?: boolean;
}

const rowsLookedAt = 200;
const decimalComma = /^[+-]?(\d+|\d{1,3}(\.\d{3})+)?,\d+(e[+-]?\d+)?$/i;
const decimalPoint = /^[+-]?\d*\.\d+(e[+-]?\d+)?$/i;
const groupedComma = /^[+-]?[1-9]\d{0,2}(,\d{3})+$/;
const groupedPoint = /^[+-]?[1-9]\d{0,2}(\.\d{3})+$/;
const twoGroups = /^[+-]?\d{1,3}(?:(?:,\d{2,3})+,\d{3}(?:\.\d*)?|(\.\d{3}){2,}(?:,\d*)?)$/;
const aroundNumber = /^[^\d+.,-]{1,5}(?=[\d+.,-])|[^\d.,]{1,5}$/g;
const groupMarks = /(?<=\d)[ \u00a0\u202f\u2009'\u2019](?=\d{3})/g;

/** A parser of rows of one dialect, for text whose line ends are `\n`. */
export function rowParser(
  { delimiter, quote = '"' }: Pick<Dialect, 'delimiter' | 'quote'>,
  preview?: number,
): Papa.Parser {
  return new Papa.Parser({
    delimiter,
    newline: '\n',
    ...(preview === undefined ? {} : { preview }),
    ...(quote === ''
      ? { fastMode: true }
      : { quoteChar: quote.slice(-1), ...(quote === '\\"' ? { escapeChar: '\\' } : {}) }),
  });
}

/** Runs of spaces and tabs made one space, none at the ends of lines: what a delimiter of whitespace needs. */
export function collapseSpaces(text: string): string {
  return text
    .replace(/[ \t]+/g, ' ')
    .replace(/(^|\n) /g, '$1')
    .replace(/ \n/g, '\n');
}

/** No spaces between a delimiter and an opening quotation mark. A doubled mark there is one inside a cell. */
export function withoutSpaces(text: string, { delimiter, quote = '"' }: Pick<Dialect, 'delimiter' | 'quote'>): string {
  const mark = quote.slice(-1);
  if (mark === '' || delimiter === ' ' || delimiter === '\t') return text;
  const escaped = delimiter.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return text.replace(new RegExp(`(^|${escaped}) +${mark}(?!${mark})`, 'gm'), `$1${mark}`);
}

/** The text as the parser of rows takes it. */
export function asParsed(text: string, cut: Cut): string {
  if (cut.delimiter === ' ') return collapseSpaces(text);
  return cut.spaced === true ? withoutSpaces(text, cut) : text;
}

interface Sample {
  readonly rows: string[][];
  readonly quoteErrors: number;
}

/** The first rows of a text under one delimiter, blank lines left out. */
function firstRows(text: string, cut: Cut, complete: boolean): Sample {
  const { data, errors } = rowParser(cut, rowsLookedAt).parse(asParsed(text, cut), 0, !complete) as Papa.ParseResult<
    string[]
  >;
  return {
    rows: data.filter((row) => row.length > 1 || row[0].trim() !== ''),
    quoteErrors: errors.filter((error) => error.type === 'Quotes' && (error.row ?? 0) < data.length).length,
  };
}

/** The commonest number of cells and how many rows have it. */
export function commonWidth(rows: readonly (readonly string[])[]): {
  readonly width: number;
  readonly agreeing: number;
} {
  const counts = new Map<number, number>();
  for (const row of rows) counts.set(row.length, (counts.get(row.length) ?? 0) + 1);
  const [width, agreeing] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? [0, 0];
  return { width, agreeing };
}

/**
 * How well a delimiter explains the rows: the share of rows with the commonest number of cells, less the share of cells that
 * still contain another delimiter. 0 when it separates nothing.
 */
function score(rows: readonly string[][]): number {
  const { width, agreeing } = commonWidth(rows);
  if (width < 2) return 0;
  let cells = 0;
  let odd = 0;
  for (const row of rows) {
    for (const cell of row) {
      cells++;
      if (/[;\t|]/.test(cell) || (cell.includes(',') && /\d/.test(cell) && !decimalComma.test(cell.trim()))) odd++;
    }
  }
  return agreeing / rows.length - odd / cells;
}

function guessDelimiter(text: string, complete: boolean, quote: Quote, look: () => void): string {
  let best = 0;
  let delimiter = ',';
  for (const candidate of delimiters) {
    look();
    const value = score(firstRows(text, { delimiter: candidate, quote }, complete).rows);
    if (value > best + 1e-9) {
      best = value;
      delimiter = candidate;
    }
  }
  if (best > 0) return delimiter === '\t' && isSpacedOut(text, complete, quote) ? ' ' : delimiter;
  for (const candidate of rareDelimiters) {
    look();
    const { rows } = firstRows(text, { delimiter: candidate, quote }, complete);
    const { width, agreeing } = commonWidth(rows);
    if (width >= 2 && rows.length >= 3 && agreeing >= 0.9 * rows.length) return candidate;
    if (candidate === ' ' && rows.length > 1 && width >= 2 && agreeing === rows.length && areNumbers(rows.flat()))
      return candidate;
  }
  return delimiter;
}

const areNumbers = (cells: readonly string[]): boolean => cells.every((cell) => !Number.isNaN(parseNumber(cell, '.')));

/** A tab is one more white space: what stands before and after tabs is several numbers with spaces between. */
function isSpacedOut(text: string, complete: boolean, quote: Quote): boolean {
  const { rows } = firstRows(text, { delimiter: '\t', quote }, complete);
  const several = rows.filter((row) =>
    row.some((cell) => /^\s*\S+\s+\S/.test(cell) && areNumbers(cell.trim().split(/\s+/))),
  );
  if (several.length < 0.9 * rows.length) return false;
  const spaced = firstRows(text, { delimiter: ' ', quote }, complete);
  return spaced.quoteErrors === 0 && commonWidth(spaced.rows).agreeing >= 0.9 * spaced.rows.length;
}

/** The quotation mark under which the rows come out whole. */
function guessQuote(text: string, complete: boolean, delimiter: string): Quote {
  const usual = firstRows(text, { delimiter, quote: '"' }, complete);
  const found = commonWidth(usual.rows);
  const swallowed = usual.rows.some((row) => row.some((cell) => cell.split('\n').length > 4));
  const lines = text.split('\n', rowsLookedAt);
  if (lines.length > 1 && lines.filter((line) => /^'.*'(.|$)/.test(line)).length > 0.5 * lines.length) {
    const single = firstRows(text, { delimiter, quote: "'" }, complete);
    const width = commonWidth(single.rows);
    if (single.quoteErrors === 0 && width.agreeing >= 0.9 * single.rows.length) return "'";
  }
  if (usual.quoteErrors === 0 && found.agreeing < usual.rows.length && text.includes("'")) {
    const single = firstRows(text, { delimiter, quote: "'" }, complete);
    const width = commonWidth(single.rows);
    if (single.quoteErrors === 0 && width.width >= 2 && width.agreeing === single.rows.length) return "'";
  }
  if (usual.quoteErrors === 0 && !swallowed && found.agreeing >= 0.9 * usual.rows.length) return '"';
  for (const quote of ['\\"', ''] as const) {
    if (quote === '\\"' && !text.includes('\\"')) continue;
    const other = firstRows(text, { delimiter, quote }, complete);
    const { width, agreeing } = commonWidth(other.rows);
    const better = other.quoteErrors === 0 && width >= 2 && width === found.width && agreeing === other.rows.length;
    if (better && other.rows.length >= 5 && (usual.quoteErrors > 0 || swallowed)) return quote;
  }
  return '"';
}

/** The decimal mark of the rows, and a number that could be meant otherwise where the file does not say. */
interface DecimalGuess {
  readonly decimal: DecimalMark;
  readonly open?: string;
}

/**
 * In a comma-separated file `7,390` is a grouped thousand, not a fraction; between semicolons it is a fraction, as they are used where the comma is the
 * decimal mark; between other delimiters a thousand when all commas stand before three digits.
 */
function guessDecimal(rows: readonly string[][], delimiter: string): DecimalGuess {
  const count = { commas: 0, groupedCommas: 0, points: 0, groupedPoints: 0, twoCommas: 0, twoPoints: 0 };
  let example: string | undefined;
  for (const row of rows) {
    for (const cell of row) {
      if (cell.length > 40) continue;
      const text = cell.trim().replace(aroundNumber, '').replace(groupMarks, '');
      const groups = twoGroups.exec(text);
      if (groups !== null) count[groups[1] === undefined ? 'twoCommas' : 'twoPoints']++;
      else if (groupedComma.test(text)) {
        count.groupedCommas++;
        example ??= text;
      } else if (decimalComma.test(text)) count.commas++;
      else if (groupedPoint.test(text)) {
        count.groupedPoints++;
        example ??= text;
      } else if (decimalPoint.test(text)) count.points++;
    }
  }
  const { commas, groupedCommas, groupedPoints, twoCommas, twoPoints } = count;
  const points = count.points + groupedPoints;
  if (twoPoints > 0 && twoCommas === 0 && count.points === 0) return { decimal: ',' };
  if (delimiter === ',') {
    const isComma = commas > 0 && commas + groupedCommas > 0.2 * rows.length && commas > points;
    return { decimal: isComma ? ',' : '.' };
  }
  if (twoCommas > 0 && commas <= twoCommas) return { decimal: '.' };
  if (commas > 0 || (groupedCommas > 0 && points > 0)) return { decimal: commas + groupedCommas > points ? ',' : '.' };
  const open = example === undefined ? {} : { open: example };
  if (groupedCommas > 0) return { decimal: delimiter === ';' ? ',' : '.', ...open };
  return { decimal: '.', ...(groupedPoints > 0 && count.points === 0 && delimiter === ';' ? open : {}) };
}

/** A dialect with all but the header, how cells are cut, and what is open about numbers. */
export interface GuessedDialect extends Omit<Dialect, 'header'>, Cut {
  /** A number whose mark could be meant for thousands as well as for a fraction. */
  readonly open?: string;
}

/**
 * Guesses the dialect from the first part of a text; `known` fixes what the user has chosen. `complete` says that the text is the whole file. Whether
 * there is a header is left to the layout of the rows. `look` is called between steps and may throw.
 */
export function guessDialect(
  text: string,
  complete: boolean,
  known: Partial<Dialect> = {},
  look: () => void = () => undefined,
): GuessedDialect {
  let quote: Quote = known.quote ?? (/^'[^\n]*'\n'/.test(text) ? "'" : '"');
  const delimiter = known.delimiter ?? guessDelimiter(text, complete, quote, look);
  look();
  const spaced = quote === '"' && areSpaced(text, delimiter, complete);
  if (known.quote === undefined) quote = spaced ? '"' : guessQuote(text, complete, delimiter);
  look();
  const { rows } = firstRows(text, { delimiter, quote, spaced }, complete);
  const guess = known.decimal === undefined ? guessDecimal(rows, delimiter) : { decimal: known.decimal };
  return { delimiter, ...guess, ...(quote === '"' ? {} : { quote }), ...(spaced ? { spaced } : {}) };
}

/** Whether quoted cells come out whole once the spaces before them are gone. */
function areSpaced(text: string, delimiter: string, complete: boolean): boolean {
  const closer = withoutSpaces(text, { delimiter });
  if (closer === text) return false;
  const before = firstRows(text, { delimiter }, complete);
  const after = firstRows(closer, { delimiter }, complete);
  return after.quoteErrors === 0 && commonWidth(after.rows).agreeing >= commonWidth(before.rows).agreeing;
}

const year = /^(1[89]|2[01])\d\d$/;

/** Years above columns of other numbers are names. */
function areYears(rows: readonly (readonly string[])[], decimal: DecimalMark): boolean {
  const at = rows[0].flatMap((cell, j) => (year.test(cell.trim()) ? [j] : []));
  const others = rows[0].filter((cell, j) => !at.includes(j) && !Number.isNaN(parseNumber(cell.trim(), decimal)));
  if (at.length < 2 || others.length > 0) return false;
  const years = at.map((j) => Number(rows[0][j]));
  const steps = years.slice(1).map((value, k) => value - years[k]);
  if (steps[0] === 0 || steps.some((step) => step !== steps[0])) return false;
  const below = rows.slice(1).flatMap((row) => at.map((j) => (row[j] ?? '').trim()));
  return below.filter((cell) => year.test(cell)).length < 0.1 * below.length;
}

/** Columns vote: a word above numbers says header, a number above numbers says none. Without numbers, a first row whose cells recur below is data. */
export function hasHeader(rows: readonly (readonly string[])[], decimal: DecimalMark): boolean {
  const isNumber = (cell: string): boolean => !Number.isNaN(parseNumber(cell, decimal));
  const isGap = (cell: string): boolean => cell === '' || markerOf(cell) !== undefined;
  if (rows.length < 2) return rows.length === 0 || !rows[0].some((cell) => isNumber(cell.trim()));
  if (areYears(rows, decimal)) return true;
  // rows that are the first one again: a repeated header, which repeats whole
  const again = rows.map(
    (row, i) => i > 0 && row.length === rows[0].length && row.every((cell, j) => cell.trim() === rows[0][j].trim()),
  );
  let votes = 0;
  let voters = 0;
  let recurring = 0;
  let texts = 0;
  for (let column = 0; column < rows[0].length; column++) {
    const top = rows[0][column].trim();
    let numeric = 0;
    let present = 0;
    let same = 0;
    for (let i = 1; i < rows.length; i++) {
      const cell = (rows[i][column] ?? '').trim();
      if (again[i] || isGap(cell)) continue;
      present++;
      if (isNumber(cell)) numeric++;
      else if (cell === top) same++;
    }
    if (present === 0) continue;
    if (numeric < 0.8 * present) {
      texts++;
      if (same > 0) recurring++;
      continue;
    }
    voters++;
    if (isNumber(top)) votes--;
    else if (!isGap(top)) votes++;
  }
  if (voters > 0) return votes >= 0;
  return texts < 2 || recurring < 0.5 * texts;
}
