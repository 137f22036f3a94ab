import Papa from 'papaparse';
import { isMissing, parseNumber, type DecimalMark } from './cells.ts';

export const delimiters = [',', ';', '\t', '|'] as const;
export type Delimiter = (typeof delimiters)[number];

/** How a text table is written. */
export interface Dialect {
  readonly delimiter: Delimiter;
  readonly decimal: DecimalMark;
  /** The first row holds the column names. */
  readonly header: boolean;
}

const rowsLookedAt = 200;
const decimalComma = /^[+-]?(\d+|\d{1,3}(\.\d{3})+)?,\d+(e[+-]?\d+)?$/i;
const decimalPoint = /^[+-]?\d*\.\d+(e[+-]?\d+)?$/i;

/** The first rows of a text under one delimiter, blank lines left out. */
function firstRows(text: string, delimiter: Delimiter, complete: boolean): string[][] {
  const parser = new Papa.Parser({ delimiter, newline: '\n', quoteChar: '"', preview: rowsLookedAt });
  const { data } = parser.parse(text, 0, !complete) as { data: string[][] };
  return data.filter((row) => row.length > 1 || row[0].trim() !== '');
}

/**
 * How well a delimiter explains the rows: the share of rows with the commonest number of cells, less the share of cells that
 * still contain another delimiter. 0 when it separates nothing.
 */
function score(rows: readonly string[][]): number {
  const counts = new Map<number, number>();
  for (const row of rows) counts.set(row.length, (counts.get(row.length) ?? 0) + 1);
  const [width, agreeing] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? [0, 0];
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

/**
 * Guesses the dialect from the first part of a text, among comma, semicolon, tab and bar; `known` fixes what the user has
 * chosen. `complete` says that the text is the whole file.
 */
export function guessDialect(text: string, complete: boolean, known: Partial<Dialect> = {}): Dialect {
  let delimiter: Delimiter = known.delimiter ?? ',';
  if (known.delimiter === undefined) {
    let best = 0;
    for (const candidate of delimiters) {
      const value = score(firstRows(text, candidate, complete));
      if (value > best + 1e-9) {
        best = value;
        delimiter = candidate;
      }
    }
  }
  const rows = firstRows(text, delimiter, complete);
  let decimal: DecimalMark = known.decimal ?? '.';
  if (known.decimal === undefined) {
    let commas = 0;
    let points = 0;
    for (const row of rows) {
      for (const cell of row) {
        if (decimalComma.test(cell.trim())) commas++;
        else if (decimalPoint.test(cell.trim())) points++;
      }
    }
    // In a comma-separated file a quoted 1,234 is a grouped thousand rather than a fraction.
    if (commas > points && (delimiter !== ',' || commas > 0.2 * rows.length)) decimal = ',';
  }
  return { delimiter, decimal, header: known.header ?? hasHeader(rows, decimal) };
}

/** Columns vote: a word above numbers says header, a number above numbers says none. Without a vote the first row is a header. */
function hasHeader(rows: readonly string[][], decimal: DecimalMark): boolean {
  if (rows.length < 2)
    return rows.length === 0 || !rows[0].some((cell) => !Number.isNaN(parseNumber(cell.trim(), decimal)));
  let votes = 0;
  for (let column = 0; column < rows[0].length; column++) {
    const top = rows[0][column].trim();
    let numeric = 0;
    let present = 0;
    for (let i = 1; i < rows.length; i++) {
      const cell = (rows[i][column] ?? '').trim();
      if (isMissing(cell)) continue;
      present++;
      if (!Number.isNaN(parseNumber(cell, decimal))) numeric++;
    }
    if (present === 0 || numeric < 0.8 * present) continue;
    if (!Number.isNaN(parseNumber(top, decimal))) votes--;
    else if (!isMissing(top)) votes++;
  }
  return votes >= 0;
}
