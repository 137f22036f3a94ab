import Papa from 'papaparse';
import type { Control } from '../base/control.ts';
import { createRng } from '../base/rng.ts';
import { DataError } from './dataError.ts';
import { guessDialect, type Dialect } from './dialect.ts';
import { LineDecoder, sniffEncoding, WrongEncoding, type Encoding } from './encoding.ts';
import type { FileSource } from './source.ts';
import { ColumnBuilder, columnNames, type Table } from './table.ts';

export interface ReadOptions {
  /** What the user fixed; the rest is guessed. */
  readonly dialect?: Partial<Dialect>;
  /** Keep at most this many rows, a seeded sample of all (0: all). Memory is then bounded whatever the file's size. */
  readonly maxRows?: number;
  readonly seed?: number;
  /** Stop after this many rows: a look at the head of the file. The table is then marked incomplete. */
  readonly headRows?: number;
  /** Sees every byte once, in order (hashing). A second call of `start` means that reading began anew. */
  readonly observer?: { start(): void; bytes(chunk: Uint8Array): void };
  readonly progress?: (bytes: number) => void;
}

/** Raised when the user stops while a file is being read or encoded. */
export class ReadStopped extends Error {
  override readonly name = 'ReadStopped';
}

const pieceBytes = 1 << 20;
/** Text looked at to guess the dialect. */
const headCharacters = 1 << 18;
/** A row longer than this is taken for an unclosed quote. */
const longestRow = 1 << 23;

/** Rows of cells with the line each starts on; the pieces of a text stream go in one by one. */
export class RowSplitter {
  private readonly parser: Papa.Parser;
  private rest = '';
  /** Line on which `rest` starts. */
  private line = 1;

  constructor(
    delimiter: string,
    private readonly file: string,
  ) {
    this.parser = new Papa.Parser({ delimiter, newline: '\n', quoteChar: '"' });
  }

  /** Calls `row(cells, line)` for each complete row; blank lines are passed over. Stops when it answers false. */
  push(text: string, last: boolean, row: (cells: string[], line: number) => boolean): boolean {
    const whole = this.rest + text;
    if (whole.length === 0) return true;
    const { data, errors, meta } = this.parser.parse(whole, 0, !last) as Papa.ParseResult<string[]>;
    const quoted = whole.includes('"');
    const bad = errors.find((error) => error.type === 'Quotes' && (error.row ?? 0) < data.length);
    for (let i = 0; i < data.length; i++) {
      if (bad?.row === i) {
        const text =
          bad.code === 'MissingQuotes'
            ? 'a quotation mark opens here and is never closed'
            : 'text follows a closing quotation mark; double the quotation marks inside quoted cells';
        throw new DataError('quote', text, { file: this.file, line: this.line });
      }
      const cells = data[i];
      const start = this.line++;
      if (quoted) for (const cell of cells) this.line += newlines(cell);
      if (cells.length === 1 && cells[0].trim() === '') continue;
      if (!row(cells, start)) return false;
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
}

function newlines(cell: string): number {
  let count = 0;
  for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count++;
  return count;
}

/** Pieces of at most 1 MB, whatever the source hands out, so that a stop is noticed and nothing blocks for long. */
async function* pieces(source: FileSource): AsyncIterable<Uint8Array> {
  for await (const chunk of source.read()) {
    for (let at = 0; at < chunk.length; at += pieceBytes) yield chunk.subarray(at, at + pieceBytes);
  }
}

/** Text of a file piece by piece, with its encoding found out from the first one. */
export async function* readText(
  source: FileSource,
  encoding: Encoding | 'auto',
  seen?: (bytes: Uint8Array) => void,
): AsyncGenerator<{ readonly text: string; readonly encoding: Encoding; readonly last: boolean }> {
  let decoder: LineDecoder | undefined;
  let found: Encoding = encoding === 'auto' ? 'utf-8' : encoding;
  let head = new Uint8Array(0);
  for await (const piece of pieces(source)) {
    seen?.(piece);
    if (decoder !== undefined) {
      yield { text: decoder.decode(piece), encoding: found, last: false };
      continue;
    }
    const joined = new Uint8Array(head.length + piece.length);
    joined.set(head);
    joined.set(piece, head.length);
    head = joined;
    if (head.length < 4096) continue;
    if (encoding === 'auto') found = sniffEncoding(head, source.name);
    decoder = new LineDecoder(found);
    yield { text: decoder.decode(head), encoding: found, last: false };
  }
  let tail = '';
  if (decoder === undefined) {
    if (encoding === 'auto') found = sniffEncoding(head, source.name);
    decoder = new LineDecoder(found);
    tail = decoder.decode(head);
  }
  yield { text: tail + decoder.decode(null), encoding: found, last: true };
}

/**
 * Reads a delimited text file into columns, streaming. Encoding, delimiter, decimal mark and header are guessed unless given.
 * Throws `DataError` for what cannot be a table, and `ReadStopped` when the control says so.
 */
export async function readTable(source: FileSource, options: ReadOptions, control: Control): Promise<Table> {
  try {
    return await readAs(source, 'auto', options, control);
  } catch (error) {
    if (!(error instanceof WrongEncoding)) throw error;
    return await readAs(source, 'windows-1252', options, control);
  }
}

async function readAs(
  source: FileSource,
  encoding: Encoding | 'auto',
  options: ReadOptions,
  control: Control,
): Promise<Table> {
  const file = source.name;
  const builder = new TableBuilder(file, options);
  options.observer?.start();
  let bytes = 0;
  let found: Encoding = 'utf-8';
  let head = '';
  let splitter: RowSplitter | undefined;
  let going = true;
  const row = (cells: string[], line: number): boolean => builder.row(cells, line);
  try {
    for await (const piece of readText(source, encoding, (chunk) => {
      bytes += chunk.length;
      options.observer?.bytes(chunk);
    })) {
      if (control.shouldStop()) throw new ReadStopped('stopped while reading');
      options.progress?.(bytes);
      found = piece.encoding;
      if (splitter === undefined) {
        head += piece.text;
        if (head.length < headCharacters && !piece.last) continue;
        if (head.trim() === '') {
          if (!piece.last) continue;
          throw new DataError('empty-file', 'the file is empty', { file });
        }
        const dialect = guessDialect(
          head.slice(0, headCharacters),
          piece.last && head.length <= headCharacters,
          options.dialect,
        );
        builder.start(dialect);
        splitter = new RowSplitter(dialect.delimiter, file);
        going = splitter.push(head, piece.last, row);
        head = '';
      } else {
        going = splitter.push(piece.text, piece.last, row);
      }
      if (!going) break;
    }
  } catch (error) {
    if (error instanceof DataError || error instanceof WrongEncoding || error instanceof ReadStopped) throw error;
    throw new DataError('unreadable', `the file cannot be read (${(error as Error).message})`, { file });
  }
  if (encoding === 'windows-1252') {
    builder.warnings.push('The file is not valid UTF-8; it was read as Windows-1252 (Western European).');
  }
  return builder.finish(found, bytes, going);
}

/** Rows into columns: header, names, ragged rows, sampling. */
class TableBuilder {
  readonly warnings: string[] = [];
  private dialect!: Dialect;
  private columns: ColumnBuilder[] | undefined;
  private headerLine = 1;
  private lines = new Int32Array(1024);
  private kept = 0;
  private total = 0;
  private readonly ragged: { line: number; cells: number }[] = [];
  private raggedCount = 0;
  private characters = 0;
  private readonly random;
  private readonly limit: number;

  constructor(
    private readonly file: string,
    private readonly options: ReadOptions,
  ) {
    this.random = createRng(options.seed ?? 1).fork('rows');
    this.limit = options.maxRows ?? 0;
  }

  start(dialect: Dialect): void {
    this.dialect = dialect;
  }

  row(cells: string[], line: number): boolean {
    if (this.columns === undefined) {
      const names = this.dialect.header
        ? columnNames(cells, this.warnings)
        : cells.map((_, index) => `column ${index + 1}`);
      if (names.length < 2) {
        const text =
          'there is only one column; training needs a target and at least one feature (is the delimiter a comma, semicolon, tab or bar?)';
        throw new DataError('one-column', text, { file: this.file, line });
      }
      this.headerLine = line;
      // a megabyte of room for all columns together, at least a few rows
      const room = Math.max(8, Math.min(1024, Math.floor((1 << 17) / names.length)));
      this.columns = names.map((name, index) => new ColumnBuilder(name, index, this.dialect.decimal, room));
      if (this.dialect.header) return true;
      this.warnings.push('No header row was found: the columns are called "column 1", "column 2", ...');
    }
    const width = this.columns.length;
    this.total++;
    if (this.options.headRows !== undefined) for (const cell of cells) this.characters += cell.length + 1;
    // A delimiter at the very end of a row opens no further cell.
    if (cells.length !== width && !(cells.length === width + 1 && cells[width].trim() === '')) {
      this.raggedCount++;
      if (this.ragged.length < 20) this.ragged.push({ line, cells: cells.length });
      return true;
    }
    let at = this.kept;
    if (this.limit > 0 && this.kept >= this.limit) {
      // Reservoir sampling (Vitter, algorithm R): each row of the file ends up in the sample with the same probability.
      at = this.random.integer(this.total - this.raggedCount);
      if (at >= this.limit) return true;
    } else {
      this.kept++;
    }
    if (at >= this.lines.length) {
      const lines = new Int32Array(this.lines.length * 2);
      lines.set(this.lines);
      this.lines = lines;
    }
    this.lines[at] = line;
    for (let j = 0; j < width; j++) this.columns[j].set(at, cells[j]);
    return this.options.headRows === undefined || this.kept < this.options.headRows;
  }

  finish(encoding: Encoding, bytes: number, complete: boolean): Table {
    const place = { file: this.file };
    if (this.columns === undefined) throw new DataError('empty-file', 'the file is empty', place);
    const width = this.columns.length;
    if (this.raggedCount > 0 && this.raggedCount > 0.01 * this.total) {
      const first = this.ragged[0];
      throw new DataError(
        'ragged-row',
        `${first.cells} ${first.cells === 1 ? 'cell' : 'cells'} where the ${this.dialect.header ? 'header' : 'first row'} ` +
          `has ${width} (${this.raggedCount} of ${this.total} rows are like that)`,
        { ...place, line: first.line },
      );
    }
    if (this.total === 0) {
      throw new DataError('no-rows', 'there is a header but no data row below it', { ...place, line: this.headerLine });
    }
    let columns = this.columns.map((column) => column.finish(this.kept));
    let lines = this.lines.slice(0, this.kept);
    const sampled = this.kept < this.total - this.raggedCount && complete;
    if (sampled) {
      // Back into the order of the file.
      const order = Uint32Array.from(lines, (_, i) => i).sort((a, b) => lines[a] - lines[b]);
      columns = columns.map((column) => ({
        ...column,
        numbers: Float64Array.from(order, (i) => column.numbers[i]),
        dates: column.dates === null ? null : Float64Array.from(order, (i) => column.dates![i]),
        codes: column.codes === null ? null : Int32Array.from(order, (i) => column.codes![i]),
      }));
      lines = Int32Array.from(order, (i) => lines[i]);
    }
    return {
      file: this.file,
      encoding,
      dialect: this.dialect,
      columns,
      lines,
      rows: this.kept,
      rowsInFile: this.total,
      ragged: { count: this.raggedCount, lines: this.ragged.map(({ line }) => line) },
      sampled,
      bytes,
      bytesOfRows: this.characters * (encoding.startsWith('utf-16') ? 2 : 1),
      complete,
      warnings: this.warnings,
    };
  }
}
