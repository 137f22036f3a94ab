import { parseNumber, type DecimalMark } from './cells.ts';
import { DataError } from './dataError.ts';
import { dateForm } from './dateForms.ts';
import { asParsed, commonWidth, type Cut, type Dialect, guessDialect, hasHeader, rowParser } from './dialect.ts';
import { markerOf } from './markers.ts';
import { numberForm } from './numberForms.ts';

/** What a person fixes about a file; the rest is guessed. */
export interface DialectOptions extends Partial<Dialect> {
  /** Name of the encoding, as `utf-8`, `windows-1251`, `gbk`. */
  readonly encoding?: string;
  /** Lines at the top to pass over. */
  readonly skip?: number;
  /** Lines that begin with it are passed over. */
  readonly comment?: string;
  /** Texts that are missing values besides the usual ones. */
  readonly na?: readonly string[];
}

/** Where in a file the table is. */
export interface Layout {
  readonly dialect: Dialect;
  /** Lines before the first row. */
  readonly skip: number;
  /** Lines of the head that are no rows, with what they are. */
  readonly noData: ReadonlyMap<number, string>;
  /** Rows have one cell more than the header: names of rows in front. */
  readonly rowNames: boolean;
  /** Each line is one quoted cell that holds the row. */
  readonly wholeLines: boolean;
  /** Rows begin and end with the delimiter, as in Markdown. */
  readonly framed: boolean;
  /** Spaces stand between a delimiter and an opening quotation mark. */
  readonly spaced: boolean;
  /** The header begins with a mark of comments as a cell of its own. */
  readonly marked: boolean;
  /** By column of the file: most cells in the head are numbers or dates. */
  readonly numeric: readonly boolean[];
  readonly warnings: readonly string[];
}

const foreign: readonly { readonly test: RegExp; readonly what: string }[] = [
  {
    test: /^\s*<\?xml\b(?!(?:[^<]|<!--)*<(!doctype html|html))/i,
    what: 'XML; save the table as CSV first',
  },
  { test: /^%%MatrixMarket\b/i, what: 'a matrix of Matrix Market; write all columns as CSV first' },
  {
    test: /^\s*<(!doctype|html|head|body|table|div|meta|script|\?xml)\b/i,
    what: 'a web page (HTML), perhaps of a sign-in or an error; download the data themselves',
  },
  {
    test: /^version https:\/\/git-lfs\.github\.com\/spec\//,
    what: 'a pointer of Git LFS, not the data; fetch them with "git lfs pull"',
  },
  { test: /^\s*(%[^\n]*\n\s*)*@relation\b/i, what: 'an ARFF file (Weka); save it as CSV first' },
  { test: /^\s*\{\s*"[^\n]*\}\s*(\n\s*\{|$)/, what: 'JSON Lines, one record a line; save it as CSV first' },
  { test: /^\s*(\[\s*[[{"]|\{\s*"[^"\n]*"\s*:)/, what: 'JSON; save it as CSV first' },
  { test: /^\s*\{\s*"[^"\n]*"\s*:/, what: 'JSON; save it as CSV first' },
  { test: /^\s*\[[^\n]*\]\s*\n\s*\[[^\n]*\]\s*(\n|$)/, what: 'JSON, one list a line; save it as CSV first' },
  { test: /^\s*insert\s+into\s/i, what: 'a script of SQL; export the table as CSV' },
  { test: /^\{\\rtf/, what: 'a text document (RTF)' },
  {
    test: /^[+-]?[\d.]+( \d+:[^\s:]+)+ *\n[+-]?[\d.]+( \d+:[^\s:]+)+/,
    what: 'a sparse file of LIBSVM; write all columns as CSV first',
  },
  { test: /^%PDF-/, what: 'a PDF document' },
];

interface Line {
  readonly cells: readonly string[];
  readonly line: number;
}

const linesLookedAt = 400;
const topRows = 200;
const unitCell = /^(\[.*\]|\(.*\)|<.*>|[%\u00b0\u00b5\u03a9$\u20ac]|-|)$/;
const commentMarks = ['#', '%', '//'];

/** A cell of a ruled line, as under the header of a table drawn with characters. */
export const isRule = (cell: string): boolean => /^(:?-{2,}:?|:-+:?|[=_*+]{3,}|\+?-[-+]+)$/.test(cell.trim());

/**
 * Finds the table in the first part of a text: `sep=` lines, titles and comments above, several header rows, units, row names, frames.
 * `look` is called between steps and may throw.
 * @throws {DataError} for texts of another kind, which it names
 */
export function findLayout(
  head: string,
  complete: boolean,
  known: DialectOptions,
  file: string,
  look: () => void = () => undefined,
): Layout {
  for (const { test, what } of foreign) {
    if (test.test(head)) throw new DataError('not-text', `this is ${what}`, { file });
  }
  const warnings: string[] = [];
  const lines = head.split('\n', linesLookedAt);
  const noData = new Map<number, string>();
  let skip = Math.min(known.skip ?? 0, lines.length);
  let given: Partial<Dialect> = known;
  const separator = /^"?sep=(.)"?\s*$/i.exec(lines[skip] ?? '');
  if (separator !== null) {
    given = { delimiter: separator[1], ...known };
    skip++;
  }
  const comment = known.comment;
  if (comment === undefined) {
    const marked = leadingComments(lines, skip);
    if (marked.count > 0) {
      skip += marked.count;
      warnings.push(
        `${marked.count === 1 ? 'One line' : `${marked.count} lines`} at the top that ${marked.count === 1 ? 'begins' : 'begin'} with "${marked.mark}" ${marked.count === 1 ? 'was' : 'were'} taken for comments (--comment, --skip).`,
      );
    }
  } else {
    while (skip < lines.length && lines[skip].startsWith(comment)) skip++;
  }
  let text = lines.length < linesLookedAt ? lines.slice(skip).join('\n') : head.split('\n').slice(skip).join('\n');
  const wholeLines = known.quote === undefined && areWholeLines(lines.slice(skip));
  if (wholeLines) {
    text = unwrapped(text);
    warnings.push('Every line is one quoted cell; the rows inside were read.');
  }
  const { open, spaced = false, ...found } = guessDialect(text, complete, given, look);
  look();
  if (open !== undefined) warnings.push(openNumbers(open, found.decimal));
  let rows = rowsOf(text, { ...found, spaced }, complete, skip).filter(
    ({ cells }) => comment === undefined || !cells[0].startsWith(comment),
  );
  const framed =
    found.delimiter === '|' &&
    rows.length > 1 &&
    rows.every(({ cells }) => cells.length > 2 && cells[0].trim() === '' && cells[cells.length - 1].trim() === '');
  if (framed) rows = rows.map(({ cells, line }) => ({ cells: cells.slice(1, -1), line }));
  for (const { cells, line } of rows.slice(0, 3)) if (cells.every(isRule)) noData.set(line, 'ruled lines');
  rows = rows.filter(({ line }) => !noData.has(line));
  look();
  const top = findTop(rows, found.decimal, known.header);
  look();
  for (const { line, reason } of top.noData) noData.set(line, reason);
  const body = rows.slice(top.first + (top.header ? 1 : 0)).filter(({ line }) => !noData.has(line));
  const { width, agreeing } = commonWidth(body.map(({ cells }) => cells));
  const named = rows[top.first]?.cells ?? [];
  const marked = top.header && named.length === width + 1 && commentMarks.includes(named[0].trim());
  const headerRow = marked ? named.slice(1) : named;
  const rowNames =
    top.header &&
    headerRow.length >= 1 &&
    width === headerRow.length + 1 &&
    agreeing >= 0.9 * body.length &&
    body.some(({ cells }) => cells.length === width && cells[width - 1].trim() !== '') &&
    areNames(body.filter(({ cells }) => cells.length === width).map(({ cells }) => cells));
  if (rowNames)
    warnings.push(
      `${body.length < linesLookedAt / 2 ? 'The' : 'All'} rows have one cell more than the header: names of rows in front, which get a column of their own.`,
    );
  if (found.quote === '')
    warnings.push('Quotation marks do not pair up; they were read as part of the texts (--quote).');
  if (found.quote === "'") warnings.push('Cells are quoted with single quotation marks.');
  return {
    dialect: { ...found, header: top.header },
    skip,
    noData,
    rowNames,
    wholeLines,
    framed,
    spaced,
    marked,
    numeric: numericColumns(
      body.map(({ cells }) => cells),
      width,
      found.decimal,
    ),
    warnings,
  };
}

/** Names of rows are all different, and no cell is half of a text that was cut at a delimiter inside. */
function areNames(rows: readonly (readonly string[])[]): boolean {
  const isHalf = (cell: string): boolean => /^["'`\u201c\u2018\u00ab][^"'`\u201d\u2019\u00bb]*$|\\$/.test(cell.trim());
  return new Set(rows.map(([first]) => first.trim())).size === rows.length && !rows.some((row) => row.some(isHalf));
}

function openNumbers(example: string, decimal: DecimalMark): string {
  const mark = /[.,]/.exec(example)![0];
  const plain = example.replace(/[.,]/g, '');
  return mark === decimal
    ? `Numbers such as ${example} were read as ${example.replace(',', '.')}; if "${mark}" groups thousands there (${plain}): --decimal ${mark === ',' ? '.' : ','}`
    : `Numbers such as ${example} were read as ${plain}, "${mark}" grouping thousands; if it is the decimal mark: --decimal ${mark}`;
}

/** Lines at the top that begin with a mark of comments, unless the last of them holds the names (it then has as many cells as the rows). */
function leadingComments(lines: readonly string[], from: number): { readonly mark: string; readonly count: number } {
  for (const mark of commentMarks) {
    let count = 0;
    while (lines[from + count]?.startsWith(mark) === true) count++;
    if (count === 0) continue;
    const parts = (line: string): number => line.split(/[,;\t|]|\s+/).length;
    const next = lines[from + count] ?? '';
    const last = lines[from + count - 1].slice(mark.length).trim();
    const nextNumbers = next.split(/[,;\t|]|\s+/).filter((cell) => cell !== '' && Number.isFinite(Number(cell))).length;
    if (parts(last) === parts(next.trim()) && nextNumbers > 0 && parts(last) > 1) count--;
    return { mark, count };
  }
  return { mark: '', count: 0 };
}

/** All lines, but perhaps the first, are one quoted cell with several cells inside, perhaps with a delimiter at the end. */
function areWholeLines(lines: readonly string[]): boolean {
  const some = lines.filter((line) => line.trim() !== '').slice(0, 100);
  const isWhole = (line: string): boolean => {
    const inner = wholeLine.exec(line)?.[1].replaceAll('""', '');
    return inner !== undefined && !inner.includes('"') && /[,;\t|]/.test(inner);
  };
  return (
    some.length >= 2 &&
    some.slice(1).every(isWhole) &&
    (isWhole(some[0]) || (some.length > 2 && !some[0].includes('"')))
  );
}

const wholeLine = /^"(.+)"[;,\t]*[ \t]*$/;

/** The rows inside lines that are one quoted cell. */
export function unwrapped(text: string): string {
  return text.replace(new RegExp(wholeLine, 'gm'), (_, inner: string) => inner.replaceAll('""', '"'));
}

function rowsOf(text: string, cut: Cut, complete: boolean, skip: number): Line[] {
  const { data } = rowParser(cut, linesLookedAt).parse(asParsed(text, cut), 0, !complete) as { data: string[][] };
  let line = skip + 1;
  const out: Line[] = [];
  for (const cells of data) {
    if (cells.some((cell) => cell.trim() !== '')) out.push({ cells, line });
    line++;
    for (const cell of cells) line += cell.split('\n').length - 1;
  }
  return out;
}

function isNumeric(cell: string, decimal: DecimalMark): boolean {
  return (
    !Number.isNaN(parseNumber(cell, decimal)) || numberForm(cell, decimal) !== undefined || dateForm(cell) !== undefined
  );
}

function numericColumns(rows: readonly (readonly string[])[], width: number, decimal: DecimalMark): boolean[] {
  return Array.from({ length: width }, (_, j) => {
    let numbers = 0;
    let present = 0;
    for (const row of rows) {
      const cell = (row[j] ?? '').trim();
      if (row.length !== width || cell === '' || markerOf(cell) !== undefined) continue;
      present++;
      if (isNumeric(cell, decimal)) numbers++;
    }
    return present > 0 && numbers >= 0.8 * present;
  });
}

interface Top {
  /** Index of the header row, or of the first row of data. */
  readonly first: number;
  readonly header: boolean;
  readonly noData: readonly { readonly line: number; readonly reason: string }[];
}

/** The header row, and what stands around it: titles above it, units below it. */
function findTop(rows: readonly Line[], decimal: DecimalMark, header: boolean | undefined): Top {
  const noData: { line: number; reason: string }[] = [];
  const several = rows.filter(({ cells }) => cells.length > 1);
  const { width } = commonWidth((several.length > 2 ? several : rows).map(({ cells }) => cells));
  let first = 0;
  const short = (cells: readonly string[]): boolean => cells.length < width && cells.length !== width - 1;
  const full = rows
    .slice(0, topRows)
    .findIndex(
      ({ cells }) =>
        cells.length === width && cells.every((cell) => cell.trim() !== '' && !isNumeric(cell.trim(), decimal)),
    );
  // cells that are empty to the end of the row, above a row of names that are all there
  const sparse = (cells: readonly string[]): boolean =>
    first < full && cells[width - 1]?.trim() === '' && 2 * cells.filter((cell) => cell.trim() !== '').length <= width;
  const title = (cells: readonly string[]): boolean =>
    short(cells) || sparse(cells) || (width > 2 && cells.filter((cell) => cell.trim() !== '').length === 1);
  while (first < Math.min(rows.length - 2, topRows) && title(rows[first].cells) && rows.length - first > 2) first++;
  // a row shorter by one may be a header before rows with names; above another candidate it is a title
  const numeric = numericColumns(
    rows.slice(first + 1).map(({ cells }) => cells),
    width,
    decimal,
  );
  const count = numeric.filter((yes) => yes).length;
  const isText = ({ cells }: Line): boolean =>
    cells.length === width &&
    count > 0 &&
    cells.every((cell, j) => !numeric[j] || !isNumeric(cell.trim(), decimal)) &&
    cells.some(
      (cell, j) =>
        numeric[j] && cell.trim() !== '' && (markerOf(cell.trim()) === undefined || unitCell.test(cell.trim())),
    );
  // the first whole row of texts: rows of other widths, and rows before an empty line, are titles above it
  const whole = rows.slice(first, first + topRows).findIndex(isText);
  const above = rows.slice(first, first + whole);
  const gap = whole > 0 && rows[first + whole].line > rows[first + whole - 1].line + 1;
  if (whole > 0 && (gap || above.every(({ cells }) => cells.length !== width))) first += whole;
  let end = first;
  while (end < Math.min(rows.length - 1, first + topRows) && isText(rows[end])) end++;
  let names = first;
  if (header !== false && end - first > 1) {
    const gaps = ({ cells }: Line): number => cells.filter((cell) => cell.trim() === '').length;
    const units = ({ cells }: Line): boolean => cells.every((cell) => unitCell.test(cell.trim()));
    const candidates = rows.slice(first, end).map((row, i) => ({ i: first + i, gaps: gaps(row), units: units(row) }));
    const best = candidates.filter(({ units }) => !units).sort((a, b) => a.gaps - b.gaps || a.i - b.i)[0];
    if (best !== undefined) {
      const below = candidates.filter(({ i }) => i > best.i);
      // one odd row below a header is a row of data with bad cells, unless it looks like units or there are several columns of numbers
      if (best.i > first || below.every(({ units }) => units) || count > 1) {
        names = best.i;
        for (const { i } of below)
          noData.push({ line: rows[i].line, reason: 'a row of units or further names below the header' });
      }
    }
  }
  for (let i = 0; i < names; i++) noData.push({ line: rows[i].line, reason: 'titles above the header' });
  const body = rows.slice(names).filter(({ line }) => !noData.some((other) => other.line === line));
  return { first: names, header: header ?? hasHeader(body.map(({ cells }) => cells).slice(0, 200), decimal), noData };
}
