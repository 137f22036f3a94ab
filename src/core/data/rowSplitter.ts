import type Papa from 'papaparse';
import { DataError } from './dataError.ts';
import { collapseSpaces, type Dialect, rowParser } from './dialect.ts';
import type { Layout } from './layout.ts';

/** A row longer than this is taken for an unclosed quote. */
const longestRow = 1 << 23;

/** How rows are found in the text of a file. */
export interface RowFormat extends Pick<Dialect, 'delimiter' | 'quote'> {
  /** Lines at the top to pass over. */
  readonly skip?: number;
  /** Each line is one quoted cell that holds the row. */
  readonly wholeLines?: boolean;
  /** Rows begin and end with the delimiter. */
  readonly framed?: boolean;
}

/** Rows of cells with the line each starts on; the pieces of a text stream go in one by one. */
export class RowSplitter {
  private readonly parser: Papa.Parser;
  private rest = '';
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
  }

  /** Calls `row(cells, line)` for each complete row; blank lines are passed over. Stops when it answers false. */
  push(text: string, last: boolean, row: (cells: string[], line: number) => boolean): boolean {
    let whole = this.rest + text;
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
    if (this.format.delimiter === ' ') whole = collapseSpaces(whole);
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
      if (!row(this.shaped(cells), start)) return false;
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

  private shaped(cells: string[]): string[] {
    let out = cells;
    if (this.format.wholeLines === true && cells.length === 1) {
      out = (rowParser(this.format, 1).parse(cells[0], 0, false) as Papa.ParseResult<string[]>).data[0] ?? cells;
    }
    if (this.format.framed === true && out.length > 2 && out[0].trim() === '' && out[out.length - 1].trim() === '') {
      out = out.slice(1, -1);
    }
    return out;
  }
}

function newlines(cell: string): number {
  let count = 0;
  for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count++;
  return count;
}

/** How the rows of a layout are found. */
export function rowFormat({ dialect, skip, wholeLines, framed }: Layout): RowFormat {
  const { delimiter, quote } = dialect;
  return { delimiter, ...(quote === undefined ? {} : { quote }), skip, wholeLines, framed };
}
