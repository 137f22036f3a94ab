import { createRng } from '../base/rng.ts';
import { parseNumber } from './cells.ts';
import { ColumnBuilder } from './columnBuilder.ts';
import { DataError } from './dataError.ts';
import { type Encoding } from './encoding.ts';
import { isRule, type Layout } from './layout.ts';
import { columnWarnings } from './columnWords.ts';
import { markerOf } from './markers.ts';
import { plainText } from './plainText.ts';
import type { ReadOptions } from './reader.ts';
import type { RowSpans } from './rowSpans.ts';
import { rowFormat, rowsAsTexts, type RowSink } from './rowSplitter.ts';
import { type Column, columnNames, type Table } from './table.ts';

const linesListed = 20;
/** Rows with a wrong number of cells whose lines are kept. */
const raggedKept = 100_000;
/** Up to this share of rows with a wrong number of cells, or one in a small file, are left out; more are an error. */
const raggedShare = 0.01;
const smallFile = 20;
const sums =
  'totals?|totaux|sum|summe|gesamt|gesamtsumme|insgesamt|somme|suma|totale|averages?|mean|mittelwert|durchschnitt|moyenne|\u0438\u0442\u043e\u0433\u043e|\u5408\u8ba1';
const totalWord = new RegExp(`^(?:grand |sub)?-?(?:${sums}):?$`, 'iu');
/** In a column of numbers: more words, and others may follow. */
const totalStart = new RegExp(
  `^(?:grand |sub)?-?(?:${sums}|avg|median|min|minimum|max|maximum|count|std|stdev|stddev|variance|media|promedio)(?![\\p{L}\\p{N}_])`,
  'iu',
);
/** Above this share of rows with one cell the delimiter is wrong rather than that there are titles. */
const titleShare = 0.2;
const digits = /^[+-]?[\d.,]*\d[\d.,]*$/;
const commentStart = /^(#|\/\/|%)/;

const shownDelimiter = (delimiter: string): string => plainText(JSON.stringify(delimiter));
const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** All cells of a column are different texts. */
const namesInFront = (column: Column, rows: number): boolean =>
  column.texts === rows && column.dictionary.length === rows;

/** Rows into columns: header, names, rows that are no data, ragged rows, sampling. */
export class TableBuilder implements RowSink {
  readonly warnings: string[] = [];
  private layout!: Layout;
  private columns: ColumnBuilder[] | undefined;
  private header: readonly string[] = [];
  private firstName = '';
  /** The header or the mark of comments begins with a digit. */
  private digitsMatter = false;
  private headerLine = 1;
  private lines = new Int32Array(1024);
  private kept = 0;
  private total = 0;
  private readonly ragged: { line: number; cells: number }[] = [];
  private raggedCount = 0;
  private readonly noData = new Map<string, { count: number; lines: number[] }>();
  private tail: { cells: string[]; line: number }[] = [];
  /** Lines of rows with one cell where there should be several. */
  private readonly titles: number[] = [];
  private characters = 0;
  private readonly comment: string | undefined;
  /** After this line no row needs a look at what the head of the file told. */
  private lastNoData = 0;
  private readonly random;
  private readonly limit: number;

  constructor(
    private readonly file: string,
    private readonly options: ReadOptions,
  ) {
    this.random = createRng(options.seed ?? 1).fork('rows');
    this.limit = options.maxRows ?? 0;
    this.comment = options.dialect?.comment;
  }

  start(layout: Layout): void {
    this.layout = layout;
    this.warnings.push(...layout.warnings);
    for (const line of layout.noData.keys()) this.lastNoData = Math.max(this.lastNoData, line);
  }

  /** Takes a row; answers false when no more are wanted. */
  row(cells: string[], line: number): boolean {
    const reason = this.layout.noData.get(line);
    if (reason !== undefined) return this.leave(reason, line);
    if (this.comment !== undefined && cells[0].startsWith(this.comment)) return this.leave('comments', line);
    if (this.columns === undefined) {
      if (cells.every((cell) => cell.trim() === '')) return this.leave('empty rows', line);
      this.startColumns(cells, line);
      if (this.layout.dialect.header) return true;
    }
    if (this.isHeaderAgain(cells)) return this.leave('the header repeated', line);
    if (this.isComment(cells)) return this.leave('comments', line);
    this.tail.push({ cells, line });
    if (this.tail.length <= rowsAsTexts) return true;
    const next = this.tail.shift()!;
    return this.keep(next.cells, next.line);
  }

  /** The same for a row of data with all its cells. */
  spans(row: RowSpans, line: number): boolean {
    const { columns, layout } = this;
    if (columns === undefined || line <= this.lastNoData || this.options.headRows !== undefined) return false;
    const width = columns.length;
    if (row.count !== width) return false;
    const { text, codes, starts, ends } = row;
    if (!isDigit(codes[starts[0]])) {
      const first = row.cell(0);
      if (layout.numeric[0] && (commentStart.test(first) || isRule(first))) return false;
      if (this.comment !== undefined && first.startsWith(this.comment)) return false;
      if (first.trim() === '') {
        let j = 1;
        while (j < width && row.cell(j).trim() === '') j++;
        if (j === width) return false;
      } else if (layout.numeric[0] && row.cell(1).trim() === '') return false;
      if (layout.dialect.header && first.trim().toLowerCase() === this.firstName) return false;
    } else if (this.digitsMatter) return false;
    if (this.tail.length > 0) {
      for (const held of this.tail) this.keep(held.cells, held.line);
      this.tail.length = 0;
    }
    this.total++;
    const at = this.place(line);
    if (at < 0) return true;
    for (let j = 0; j < width; j++) {
      const own = row.unescaped.size > 0 ? row.unescaped.get(j) : undefined;
      if (own === undefined) columns[j].span(at, text, codes, starts[j], ends[j]);
      else columns[j].set(at, own);
    }
    return true;
  }

  finish(encoding: Encoding, bytes: number, complete: boolean): Table {
    const place = { file: this.file };
    if (this.columns === undefined) throw new DataError('empty-file', 'the file is empty', place);
    const { headRows } = this.options;
    const enough = headRows !== undefined && this.kept >= headRows;
    const reasons = complete ? this.footers() : [];
    for (const [k, { cells, line }] of enough ? [] : this.tail.entries()) {
      const reason = reasons[k];
      if (reason !== undefined) this.leave(reason, line);
      else if (!this.keep(cells, line)) break;
    }
    this.checkRagged();
    if (this.total === 0) {
      throw new DataError('no-rows', 'there is a header but no data row below it', { ...place, line: this.headerLine });
    }
    let lines = this.lines.slice(0, this.kept);
    const inOrder = lines;
    const finished = this.columns.map((column) => column.finish(this.kept));
    for (const { column, notes } of finished) {
      this.warnings.push(...columnWarnings(column, notes, (row) => inOrder[row]));
    }
    for (const [reason, { count, lines: where }] of this.noData) {
      this.warnings.push(
        `${count === 1 ? 'One row is' : `${count} rows are`} not data and left out: ${reason} (line ${where.slice(0, 5).join(', ')}${count > 5 ? ', ...' : ''}).`,
      );
    }
    let columns = finished.map(({ column }) => column);
    if (complete && namesInFront(columns[0], this.kept) && columns.length >= 3 * this.kept + 10) {
      this.warnings.push(
        `There are ${this.kept} rows and ${columns.length} columns, and the first cell of each row is a name: are rows and columns exchanged? ` +
          'A table has one row for each case and one column for each quantity.',
      );
    }
    const sampled = this.kept < this.total - this.raggedCount && complete;
    if (sampled) {
      // Back into the order of the file.
      const order = Uint32Array.from(lines, (_, i) => i).sort((a, b) => inOrder[a] - inOrder[b]);
      columns = columns.map((column) => ({
        ...column,
        numbers: Float64Array.from(order, (i) => column.numbers[i]),
        dates: column.dates === null ? null : Float64Array.from(order, (i) => column.dates![i]),
        codes: column.codes === null ? null : Int32Array.from(order, (i) => column.codes![i]),
      }));
      lines = Int32Array.from(order, (i) => inOrder[i]);
    }
    return {
      file: this.file,
      encoding,
      dialect: this.layout.dialect,
      format: rowFormat(this.layout),
      columns,
      lines,
      rows: this.kept,
      rowsInFile: this.total,
      noData: [...this.noData].map(([reason, entry]) => ({ reason, ...entry })),
      ragged: { count: this.raggedCount, lines: this.ragged.map(({ line }) => line) },
      sampled,
      bytes,
      bytesOfRows: this.characters * (encoding.startsWith('utf-16') ? 2 : encoding.startsWith('utf-32') ? 4 : 1),
      complete,
      warnings: this.warnings,
    };
  }

  private leave(reason: string, line: number): true {
    let entry = this.noData.get(reason);
    if (entry === undefined) this.noData.set(reason, (entry = { count: 0, lines: [] }));
    entry.count++;
    if (entry.lines.length < linesListed) entry.lines.push(line);
    return true;
  }

  private startColumns(row: readonly string[], line: number): void {
    const { dialect, rowNames, marked } = this.layout;
    const cells = marked ? row.slice(1) : row;
    this.header = cells;
    this.firstName = cells[0].trim().toLowerCase();
    this.digitsMatter =
      isDigit((this.comment ?? '').charCodeAt(0)) || (dialect.header && isDigit(this.firstName.charCodeAt(0)));
    // a mark of comments before the names, as numerical programs write it
    const given = dialect.header
      ? cells.map((cell, j) => (j === 0 ? cell.replace(/^\s*(#|%|\/\/)\s*(?=\p{L})(?!of\b)/u, '') : cell))
      : cells;
    const names = !dialect.header
      ? cells.map((_, index) => `column ${index + 1}`)
      : columnNames(rowNames ? ['', ...given] : given, rowNames ? [] : this.warnings);
    if (rowNames) names[0] = names.includes('row name') ? 'column 1' : 'row name';
    if (names.length < 2) {
      const text =
        'there is only one column; training needs a target and at least one feature (name the delimiter: --delimiter, also space or any character)';
      throw new DataError('one-column', text, { file: this.file, line });
    }
    this.headerLine = line;
    // a megabyte of room for all columns together, at least a few rows
    const room = Math.max(8, Math.min(1024, Math.floor((1 << 17) / names.length)));
    const markers = this.options.dialect?.na;
    const na = markers === undefined || markers.length === 0 ? undefined : new Set(markers.map((text) => text.trim()));
    const { columnTypes } = this.options;
    this.columns = names.map((name, index) => {
      const unnamed = dialect.header && ((rowNames && index === 0) || (!rowNames && given[index].trim() === ''));
      const type = columnTypes !== undefined && Object.hasOwn(columnTypes, name) ? columnTypes[name] : undefined;
      return new ColumnBuilder(name, index, {
        decimal: dialect.decimal,
        room,
        ...(na === undefined ? {} : { na }),
        ...(type === undefined ? {} : { type }),
        ...(unnamed ? { unnamed } : {}),
      });
    });
    if (!dialect.header)
      this.warnings.push('No header row was found: the columns are called "column 1", "column 2", ...');
  }

  private isHeaderAgain(cells: readonly string[]): boolean {
    const { header } = this;
    const same = (cell: string, j: number): boolean => cell.trim().toLowerCase() === header[j].trim().toLowerCase();
    return this.layout.dialect.header && cells.length === header.length && same(cells[0], 0) && cells.every(same);
  }

  /** A row that begins with a mark of comments in a column of numbers, and has no numbers where others have them. */
  private isComment(cells: readonly string[]): boolean {
    const { numeric, dialect } = this.layout;
    if (!numeric[0] || !commentStart.test(cells[0])) return false;
    const isValue = (cell: string, j: number): boolean =>
      j > 0 && numeric[j] && cell.trim() !== '' && !Number.isNaN(parseNumber(cell.trim(), dialect.decimal));
    return cells.length !== numeric.length || (markerOf(cells[0].trim()) === undefined && !cells.some(isValue));
  }

  /** Title of a group: the one cell of the row that is filled is a text in a column of numbers, or the only cell of the row. */
  private isTitle(cells: readonly string[]): boolean {
    const { numeric } = this.layout;
    const text = cells[0].trim();
    if (cells.length === 1) return numeric.length > 2 && text !== '' && !digits.test(text);
    if (text === '' || /^[+-]?[\d.,]/.test(text)) return false;
    if (cells.length !== numeric.length || !numeric[0] || cells[1].trim() !== '') return false;
    return cells.every((cell, j) => j === 0 || cell.trim() === '');
  }

  /** What a row at the end of the file is, when it is no data. */
  private footer(cells: readonly string[]): string | undefined {
    const columns = this.columns!;
    const at = cells.findIndex((cell) => cell.trim() !== '');
    if (at < 0) return 'empty rows';
    const first = cells[at].trim();
    const among = this.layout.numeric[at] ?? false;
    // in a column of texts it may be one of them
    if (among ? totalStart.test(first) : totalWord.test(first) && columns[at]?.has(first) !== true)
      return 'totals at the end';
    const short = cells.length !== columns.length && (columns.length > 2 || this.layout.numeric[0]);
    if (short && !digits.test(cells[0].trim())) return 'a note at the end';
    return this.isTitle(cells) ? 'a note at the end' : undefined;
  }

  /** Row by row what the rows at the end are that are no data: all from some row on. */
  private footers(): (string | undefined)[] {
    const out = this.tail.map(({ cells }) => this.footer(cells));
    const last = out.lastIndexOf(undefined);
    return out.map((reason, k) => (k > last ? reason : undefined));
  }

  private keep(cells: string[], line: number): boolean {
    const columns = this.columns!;
    const width = columns.length;
    if (cells.every((cell) => cell.trim() === '')) return this.leave('empty rows', line);
    if (this.isTitle(cells)) {
      if (cells.length < width) this.titles.push(line);
      return this.leave('titles of groups', line);
    }
    if (this.layout.numeric[0] && cells.every(isRule)) return this.leave('ruled lines', line);
    this.total++;
    if (this.options.headRows !== undefined) for (const cell of cells) this.characters += cell.length + 1;
    // A delimiter at the very end of a row opens no further cell.
    if (cells.length !== width && !(cells.length === width + 1 && cells[width].trim() === '')) {
      this.raggedCount++;
      if (this.ragged.length < raggedKept) this.ragged.push({ line, cells: cells.length });
      return true;
    }
    const at = this.place(line);
    if (at < 0) return true;
    for (let j = 0; j < width; j++) columns[j].set(at, cells[j]);
    return this.options.headRows === undefined || this.kept < this.options.headRows;
  }

  /** Where a row goes, or -1 where the sample leaves it out. */
  private place(line: number): number {
    let at = this.kept;
    if (this.limit > 0 && this.kept >= this.limit) {
      // Reservoir sampling (Vitter, algorithm R): each row of the file ends up in the sample with the same probability.
      at = this.random.integer(this.total - this.raggedCount);
      if (at >= this.limit) return -1;
    } else {
      this.kept++;
    }
    if (at >= this.lines.length) {
      const lines = new Int32Array(this.lines.length * 2);
      lines.set(this.lines);
      this.lines = lines;
    }
    this.lines[at] = line;
    return at;
  }

  private checkRagged(): void {
    if (this.titles.length > Math.max(1, titleShare * (this.total + this.titles.length))) {
      this.ragged.unshift(...this.titles.slice(0, linesListed).map((line) => ({ line, cells: 1 })));
      this.raggedCount += this.titles.length;
      this.total += this.titles.length;
    }
    const count = this.raggedCount;
    if (count === 0 || count <= raggedShare * this.total || (count === 1 && this.total >= smallFile)) return;
    const [first] = this.ragged;
    const width = this.columns!.length;
    const widths = [...new Set(this.ragged.map(({ cells }) => cells))];
    const { dialect } = this.layout;
    const many = widths.length === 1 && first.cells === width + 1;
    const listed = this.ragged.slice(0, 5).map(({ line }) => line);
    throw new DataError(
      'ragged-row',
      `${first.cells} ${first.cells === 1 ? 'cell' : 'cells'} where the ${dialect.header ? 'header' : 'first row'} ` +
        `has ${width} (${count} of ${this.total} rows are like that: ${widths.slice(0, 3).join(', ')}${widths.length > 3 ? ', ...' : ''} cells, ` +
        `lines ${listed.join(', ')}${count > 5 ? ', ...' : ''}); ` +
        (many
          ? `does a cell hold the delimiter ${shownDelimiter(dialect.delimiter)} without quotation marks, or are others used (--quote, --delimiter)?`
          : `is the delimiter ${shownDelimiter(dialect.delimiter)} right (--delimiter), or are there lines above the table (--skip)?`),
      { file: this.file, line: first.line },
    );
  }
}
