import Papa from 'papaparse';
import { parseNumber, type DecimalMark } from './cells.ts';
import { markerOf } from './markers.ts';

/** Delimiters that are guessed among; a space stands for any run of spaces and tabs. The later ones only where none of the usual explains the rows. */
export const delimiters = [',', ';', '\t', '|'] as const;
const rareDelimiters = [' ', '^', '~', '}', '\x01', '\x1f'] as const;

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

const rowsLookedAt = 200;
const decimalComma = /^[+-]?(\d+|\d{1,3}(\.\d{3})+)?,\d+(e[+-]?\d+)?$/i;
const decimalPoint = /^[+-]?\d*\.\d+(e[+-]?\d+)?$/i;
const groupedComma = /^[+-]?[1-9]\d{0,2}(,\d{3})+$/;

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

interface Sample {
  readonly rows: string[][];
  readonly quoteErrors: number;
}

/** The first rows of a text under one delimiter, blank lines left out. */
function firstRows(text: string, dialect: Pick<Dialect, 'delimiter' | 'quote'>, complete: boolean): Sample {
  const parser = rowParser(dialect, rowsLookedAt);
  const input = dialect.delimiter === ' ' ? collapseSpaces(text) : text;
  const { data, errors } = parser.parse(input, 0, !complete) as Papa.ParseResult<string[]>;
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

function guessDelimiter(text: string, complete: boolean, quote: Quote): string {
  let best = 0;
  let delimiter = ',';
  for (const candidate of delimiters) {
    const value = score(firstRows(text, { delimiter: candidate, quote }, complete).rows);
    if (value > best + 1e-9) {
      best = value;
      delimiter = candidate;
    }
  }
  if (best > 0) return delimiter;
  for (const candidate of rareDelimiters) {
    const { rows } = firstRows(text, { delimiter: candidate, quote }, complete);
    const { width, agreeing } = commonWidth(rows);
    if (width >= 2 && rows.length >= 3 && agreeing >= 0.9 * rows.length) return candidate;
  }
  return delimiter;
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

/** The decimal mark of the rows. In a comma-separated file `7,390` is a grouped thousand, not a fraction. */
function guessDecimal(rows: readonly string[][], delimiter: string): DecimalMark {
  let commas = 0;
  let grouped = 0;
  let points = 0;
  for (const row of rows) {
    for (const cell of row) {
      const text = cell.trim();
      if (text.length > 40) continue;
      if (groupedComma.test(text)) grouped++;
      else if (decimalComma.test(text)) commas++;
      else if (decimalPoint.test(text)) points++;
    }
  }
  if (delimiter === ',') return commas > 0 && commas + grouped > 0.2 * rows.length && commas > points ? ',' : '.';
  return commas + grouped > points ? ',' : '.';
}

/**
 * Guesses the dialect from the first part of a text; `known` fixes what the user has chosen. `complete` says that the text is the whole file. Whether
 * there is a header is left to the layout of the rows.
 */
export function guessDialect(text: string, complete: boolean, known: Partial<Dialect> = {}): Omit<Dialect, 'header'> {
  let quote: Quote = known.quote ?? (/^'[^\n]*'\n'/.test(text) ? "'" : '"');
  const delimiter = known.delimiter ?? guessDelimiter(text, complete, quote);
  if (known.quote === undefined) quote = guessQuote(text, complete, delimiter);
  const { rows } = firstRows(text, { delimiter, quote }, complete);
  const decimal = known.decimal ?? guessDecimal(rows, delimiter);
  return { delimiter, decimal, ...(quote === '"' ? {} : { quote }) };
}

/** Columns vote: a word above numbers says header, a number above numbers says none. Without numbers, a first row whose cells recur below is data. */
export function hasHeader(rows: readonly (readonly string[])[], decimal: DecimalMark): boolean {
  const isNumber = (cell: string): boolean => !Number.isNaN(parseNumber(cell, decimal));
  const isGap = (cell: string): boolean => cell === '' || markerOf(cell) !== undefined;
  if (rows.length < 2) return rows.length === 0 || !rows[0].some((cell) => isNumber(cell.trim()));
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
      if (isGap(cell)) continue;
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
  // a repeated header repeats whole
  const repeats = rows.some(
    (row, i) => i > 0 && row.length === rows[0].length && row.every((cell, j) => cell.trim() === rows[0][j].trim()),
  );
  return repeats || texts < 2 || recurring < 0.5 * texts;
}
