/** Where the cells of one row lie in a text. Reused from row to row: what is kept of it must be copied. */
export class RowSpans {
  text = '';
  /** The characters of `text`, as bytes: those beyond Latin-1 stand as 255. */
  codes = new Uint8Array(0);
  count = 0;
  starts = new Int32Array(64);
  ends = new Int32Array(64);
  /** Cells whose text is not a stretch of `text`: those with doubled quotation marks. */
  readonly unescaped = new Map<number, string>();

  cell(j: number): string {
    return this.unescaped.get(j) ?? this.text.slice(this.starts[j], this.ends[j]);
  }

  cells(): string[] {
    return Array.from({ length: this.count }, (_, j) => this.cell(j));
  }

  push(start: number, end: number): void {
    if (this.count === this.starts.length) this.grow();
    this.starts[this.count] = start;
    this.ends[this.count++] = end;
  }

  grow(): void {
    const larger = (from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const to = new Int32Array(2 * from.length);
      to.set(from);
      return to;
    };
    this.starts = larger(this.starts);
    this.ends = larger(this.ends);
  }
}

const newline = 10;
/** What `rowEnd` answers where there is none: the text ends inside the row, or quotation marks are not as they should be. */
const unfinished = -1;
const malformed = -2;

const encoder = new TextEncoder();

/** Finds rows and cells of a delimited text in which `\n` ends rows and cells may be quoted, quotation marks doubled. */
export class SpanScanner {
  readonly row = new RowSpans();
  private text = '';
  private codes = new Uint8Array(0);
  private nextQuote = -1;
  /** Whether there is a quotation mark in the row whose end was found last. */
  quoted = false;
  private readonly delimiter: number;
  private readonly quote: number;

  constructor(
    delimiter: string,
    private readonly quoteText: string,
  ) {
    this.delimiter = delimiter.charCodeAt(0);
    this.quote = quoteText === '' ? -1 : quoteText.charCodeAt(0);
  }

  start(text: string): void {
    this.text = text;
    this.row.text = text;
    if (this.codes.length < text.length) this.codes = this.row.codes = new Uint8Array(text.length + (text.length >> 2));
    const { written } = encoder.encodeInto(text, this.codes);
    if (written === text.length) return this.startQuotes();
    for (let i = 0; i < text.length; i++) this.codes[i] = Math.min(255, text.charCodeAt(i));
    this.startQuotes();
  }

  private startQuotes(): void {
    this.nextQuote = this.quote < 0 ? Infinity : this.quoteFrom(0);
  }

  /** Position of the `\n` that ends the row at `start`. Rows have to be asked for in order. */
  rowEnd(start: number): number {
    const { text, codes } = this;
    const end = text.indexOf('\n', start);
    if (end < 0) return unfinished;
    if (this.nextQuote < start) this.nextQuote = this.quoteFrom(start);
    this.quoted = this.nextQuote < end;
    if (!this.quoted) return end;
    // cell by cell; a quotation mark counts at the start of a cell only
    for (let i = start; ;) {
      if (codes[i] === this.quote) {
        i = this.closing(i);
        if (i < 0) return i;
        const c = codes[++i];
        if (i >= text.length) return unfinished;
        if (c === newline) return i;
        if (c !== this.delimiter) return malformed;
        i++;
        continue;
      }
      for (; i < text.length; i++) {
        const c = codes[i];
        if (c === newline) return i;
        if (c === this.delimiter) break;
      }
      if (i++ >= text.length) return unfinished;
    }
  }

  /** Splits the row between `start` and its line end at `end` (which `rowEnd` gave); answers the number of line ends inside its cells. */
  split(start: number, end: number, quoted: boolean): number {
    if (!quoted) {
      this.splitLine(start);
      return 0;
    }
    const { text, codes, row, delimiter } = this;
    row.count = 0;
    if (row.unescaped.size > 0) row.unescaped.clear();
    let lines = 0;
    for (let i = start; ;) {
      if (codes[i] === this.quote) {
        const close = this.closing(i);
        const inner = text.slice(i + 1, close);
        if (inner.includes(this.quoteText)) {
          row.unescaped.set(row.count, inner.replaceAll(this.quoteText + this.quoteText, this.quoteText));
        }
        for (let at = inner.indexOf('\n'); at >= 0; at = inner.indexOf('\n', at + 1)) lines++;
        row.push(i + 1, close);
        i = close + 1;
      } else {
        const from = i;
        while (i < end && codes[i] !== delimiter) i++;
        row.push(from, i);
      }
      if (i >= end) return lines;
      i++;
    }
  }

  /**
   * Where the text has no quotation mark from `start` on: the position behind all its rows but the last `kept` (and what follows the last line end), so that
   * each line up to there is a row; -1 where it has marks, or no more rows than that.
   */
  plainUpTo(start: number, kept: number): number {
    const { text } = this;
    if (this.nextQuote < start) this.nextQuote = this.quoteFrom(start);
    if (this.nextQuote !== Infinity) return -1;
    let end = text.length;
    for (let k = 0; k <= kept; k++) {
      end = text.lastIndexOf('\n', end - 1);
      if (end < start) return -1;
      // a line end at the very beginning has none before it
      if (end === 0 && k < kept) return -1;
    }
    return end + 1;
  }

  /** Splits the line that begins at `start`, in which there are no quotation marks, in one pass; answers the position of the line end. */
  splitLine(start: number): number {
    const { codes, row, delimiter } = this;
    if (row.unescaped.size > 0) row.unescaped.clear();
    let { starts, ends } = row;
    let count = 0;
    let from = start;
    for (let i = start; ; i++) {
      const code = codes[i];
      if (code !== delimiter && code !== newline) continue;
      starts[count] = from;
      ends[count++] = i;
      from = i + 1;
      if (code === newline) {
        row.count = count;
        return i;
      }
      if (count === starts.length) {
        row.grow();
        ({ starts, ends } = row);
      }
    }
  }

  private quoteFrom(at: number): number {
    const found = this.text.indexOf(this.quoteText, at);
    return found < 0 ? Infinity : found;
  }

  /** The mark that closes the cell opened at `open`. */
  private closing(open: number): number {
    const { text, quoteText } = this;
    for (let at = open + 1; ;) {
      const close = text.indexOf(quoteText, at);
      if (close < 0) return unfinished;
      if (text.charCodeAt(close + 1) !== this.quote) return close;
      at = close + 2;
    }
  }
}
