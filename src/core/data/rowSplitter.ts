import type Papa from 'papaparse';
import { DataError } from './dataError.ts';
import { asParsed, type Cut, rowParser } from './dialect.ts';
import { type Layout, unwrapped } from './layout.ts';
import { type RowSpans, SpanScanner } from './rowSpans.ts';

/** A row longer than this is taken for an unclosed quote. */
const longestRow = 1 << 23;

/** How rows are found in the text of a file. */
export interface RowFormat extends Cut {
  /** Lines at the top to pass over. */
  readonly skip?: number;
  /** Each line is one quoted cell that holds the row. */
  readonly wholeLines?: boolean;
  /** Rows begin and end with the delimiter. */
  readonly framed?: boolean;
}

/** Takes the rows of a text in their order. */
export interface RowSink {
  /** A row as texts, and the line it starts on. Answers whether more rows are wanted. */
  row(cells: string[], line: number): boolean;
  /** The same row without a text for each cell, where that is enough: answers false to get it as texts. */
  spans?(row: RowSpans, line: number): boolean;
}

/** So many rows at the end of each piece of text come as texts: the last rows of a file may be totals and notes. */
export const rowsAsTexts = 12;

/**
 * Rows of cells with the line each starts on; the pieces of a text stream go in one by one. Rows that are written plainly are found by a scan of
 * the text; where quotation marks are not as they should be, and for white space as a delimiter, the parser of a library decides.
 */
export class RowSplitter {
  private readonly parser: Papa.Parser;
  private readonly scanner: SpanScanner | undefined;
  private rest = '';
  /** Text after the last line end, where lines are looked at one by one. */
  private raw = '';
  /** Line on which `rest` starts. */
  private line = 1;
  private skipping: number;
  private readonly quote: string;

  constructor(
    private readonly format: RowFormat,
    private readonly file: string,
  ) {
    this.parser = rowParser(format);
    this.skipping = format.skip ?? 0;
    this.quote = format.quote ?? '"';
    const plain =
      format.framed !== true &&
      format.spaced !== true &&
      format.delimiter !== ' ' &&
      format.delimiter.charCodeAt(0) < 128;
    if (plain && this.quote !== '\\"') this.scanner = new SpanScanner(format.delimiter, this.quote);
  }

  /** Hands each complete row to `sink`; blank lines are passed over. Answers false once no more rows are wanted. */
  push(given: string, last: boolean, sink: RowSink): boolean {
    let whole = this.rest + (this.format.wholeLines === true ? this.unwrap(given, last) : given);
    while (this.skipping > 0) {
      const end = whole.indexOf('\n');
      this.rest = whole;
      if (end < 0) return true;
      whole = whole.slice(end + 1);
      this.skipping--;
      this.line++;
    }
    this.rest = whole;
    if (whole.length === 0) return true;
    // a row longer than the piece: nothing to do yet
    if (!last && whole.length < longestRow && !whole.includes('\n')) return true;
    if (this.scanner !== undefined && sink.spans !== undefined) {
      const at = this.scan(this.scanner, whole, sink as Required<RowSink>);
      if (at < 0) return false;
      if (at > 0) this.rest = whole = whole.slice(at);
      if (whole.length === 0) return true;
    }
    whole = asParsed(whole, this.format);
    const { data, errors, meta } = this.parser.parse(whole, 0, !last) as Papa.ParseResult<string[]>;
    const quoted = this.quote !== '' && whole.includes(this.quote.slice(-1));
    const bad = errors.find((error) => error.type === 'Quotes' && (error.row ?? 0) < data.length);
    for (let i = 0; i < data.length; i++) {
      if (bad?.row === i) {
        const text =
          bad.code === 'MissingQuotes'
            ? 'a quotation mark opens here and is never closed (--quote none takes quotation marks as text)'
            : 'text follows a closing quotation mark; double the quotation marks inside quoted cells, or --quote none, single or backslash';
        throw new DataError('quote', text, { file: this.file, line: this.line });
      }
      const cells = data[i];
      const start = this.line++;
      if (quoted) for (const cell of cells) this.line += newlines(cell);
      if (cells.length === 1 && cells[0].trim() === '') continue;
      if (!sink.row(this.shaped(cells), start)) return false;
    }
    this.rest = whole.slice(meta.cursor);
    if (this.rest.length > longestRow) {
      throw new DataError('quote', 'this row does not end; is a quotation mark missing?', {
        file: this.file,
        line: this.line,
      });
    }
    return true;
  }

  /** The rows inside the quoted lines that are whole by now. */
  private unwrap(text: string, last: boolean): string {
    const all = this.raw + text;
    const end = last ? all.length : all.lastIndexOf('\n') + 1;
    this.raw = all.slice(end);
    return unwrapped(all.slice(0, end));
  }

  /** Takes the rows that are written plainly; answers where the others begin, or -1 when no more are wanted. */
  private scan(scanner: SpanScanner, text: string, sink: Required<RowSink>): number {
    scanner.start(text);
    const starts = new Int32Array(rowsAsTexts + 1);
    const quoted = new Uint8Array(rowsAsTexts + 1);
    let waiting = 0;
    let at = 0;
    const { row: spans } = scanner;
    for (const upTo = scanner.plainUpTo(0, rowsAsTexts); at < upTo; at++) {
      at = scanner.splitLine(at);
      const line = this.line++;
      if (spans.count === 1 && spans.cell(0).trim() === '') continue;
      if (!sink.spans(spans, line) && !sink.row(spans.cells(), line)) return -1;
    }
    for (;;) {
      const end = scanner.rowEnd(at);
      if (end < 0) return waiting > 0 ? starts[0] : at;
      quoted[waiting] = scanner.quoted ? 1 : 0;
      starts[waiting++] = at;
      at = end + 1;
      if (waiting <= rowsAsTexts) continue;
      const from = starts[0];
      const line = this.line++;
      this.line += scanner.split(from, starts[1] - 1, quoted[0] === 1);
      starts.copyWithin(0, 1);
      quoted.copyWithin(0, 1);
      waiting--;
      const { row } = scanner;
      if (row.count === 1 && row.cell(0).trim() === '') continue;
      if (!sink.spans(row, line) && !sink.row(row.cells(), line)) return -1;
    }
  }

  private shaped(cells: string[]): string[] {
    const framed = this.format.framed === true && cells.length > 2;
    return framed && cells[0].trim() === '' && cells[cells.length - 1].trim() === '' ? cells.slice(1, -1) : cells;
  }
}

function newlines(cell: string): number {
  let count = 0;
  for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count++;
  return count;
}

/** How the rows of a layout are found. */
export function rowFormat({ dialect, skip, wholeLines, framed, spaced }: Layout): RowFormat {
  const { delimiter, quote } = dialect;
  const shape = { ...(quote === undefined ? {} : { quote }), ...(spaced ? { spaced } : {}) };
  return { delimiter, ...shape, skip, wholeLines, framed };
}
