import { daysOfDate, isMissing, parseNumber, type DecimalMark } from './cells.ts';
import type { Dialect } from './dialect.ts';
import type { Encoding } from './encoding.ts';

/** What `Column.codes` holds for a cell that is no text. */
export const cellCode = { numeric: -1, missing: -2, notFinite: -3, overflow: -4 } as const;

/** Distinct texts of one column that are kept; beyond them only the fact that there are more is known. */
export const dictionaryLimit = 50_000;

/** One column, cell by cell: a number, or the code of a text in the dictionary, or why there is neither. */
export interface Column {
  readonly name: string;
  /** Position in the file, from 0. */
  readonly index: number;
  /** NaN where the cell is not a finite number. */
  readonly numbers: Float64Array;
  /** Days since 1970-01-01 where the text of the cell is a date, else NaN; null when no cell is one. */
  readonly dates: Float64Array | null;
  /** Index into `dictionary` or one of `cellCode`; null when every cell is a number. */
  readonly codes: Int32Array | null;
  readonly dictionary: readonly string[];
  readonly texts: number;
  readonly missing: number;
  readonly notFinite: number;
  /** More distinct texts than `dictionaryLimit`. */
  readonly overflow: boolean;
}

/** A text table in memory, column by column. */
export interface Table {
  readonly file: string;
  readonly encoding: Encoding;
  readonly dialect: Dialect;
  readonly columns: readonly Column[];
  /** Line in the file, from 1, on which each row starts. */
  readonly lines: Int32Array;
  readonly rows: number;
  /** Data rows in the file: more than `rows` when a sample was taken or rows were ragged. */
  readonly rowsInFile: number;
  /** Rows left out because their number of cells was wrong. */
  readonly ragged: { readonly count: number; readonly lines: readonly number[] };
  readonly sampled: boolean;
  /** Bytes read. */
  readonly bytes: number;
  /** About how many bytes the rows that were looked at take. */
  readonly bytesOfRows: number;
  /** False when only the head of the file was looked at. */
  readonly complete: boolean;
  readonly warnings: readonly string[];
}

/** The text of a cell as it goes into class names and categories. */
export function cellLabel(column: Column, row: number): string | null {
  const code = column.codes === null ? cellCode.numeric : column.codes[row];
  if (code === cellCode.numeric) return String(column.numbers[row]);
  return code >= 0 ? column.dictionary[code] : null;
}

/** Whether the cell is a finite number. */
export function isNumericCell(column: Column, row: number): boolean {
  return column.codes === null || column.codes[row] === cellCode.numeric;
}

/** Whether the cell has a usable value, number or text. */
export function hasValue(column: Column, row: number): boolean {
  if (column.codes === null) return true;
  const code = column.codes[row];
  return code >= cellCode.numeric || code === cellCode.overflow;
}

/** Grows column by column while rows come in; cells may also be overwritten (reservoir sampling). */
export class ColumnBuilder {
  private numbers: Float64Array;
  private dates: Float64Array | null = null;
  private codes: Int32Array | null = null;
  private readonly dictionary: string[] = [];
  private readonly lookup = new Map<string, number>();
  private overflow = false;

  constructor(
    readonly name: string,
    readonly index: number,
    private readonly decimal: DecimalMark,
    /** Rows to have room for at once. */
    room = 1024,
  ) {
    this.numbers = new Float64Array(room);
  }

  set(row: number, raw: string): void {
    if (row >= this.numbers.length) this.grow();
    const first = raw.charCodeAt(0);
    const cell = first <= 32 || first > 127 || raw.charCodeAt(raw.length - 1) <= 32 ? raw.trim() : raw;
    const value = parseNumber(cell, this.decimal);
    if (this.dates !== null) this.dates[row] = NaN;
    if (value - value === 0) {
      this.numbers[row] = value;
      if (this.codes !== null) this.codes[row] = cellCode.numeric;
      return;
    }
    this.numbers[row] = NaN;
    this.codes ??= new Int32Array(this.numbers.length).fill(cellCode.numeric);
    this.codes[row] = isMissing(cell)
      ? cellCode.missing
      : value === Infinity || value === -Infinity
        ? cellCode.notFinite
        : this.code(cell);
    const days = daysOfDate(cell);
    if (Number.isNaN(days)) return;
    this.dates ??= new Float64Array(this.numbers.length).fill(NaN);
    this.dates[row] = days;
  }

  finish(rows: number): Column {
    const codes = this.codes?.slice(0, rows) ?? null;
    let texts = 0;
    let missing = 0;
    let notFinite = 0;
    if (codes !== null) {
      for (const code of codes) {
        if (code >= 0 || code === cellCode.overflow) texts++;
        else if (code === cellCode.missing) missing++;
        else if (code === cellCode.notFinite) notFinite++;
      }
    }
    return {
      name: this.name,
      index: this.index,
      numbers: this.numbers.slice(0, rows),
      dates: this.dates?.slice(0, rows) ?? null,
      codes: texts + missing + notFinite === 0 ? null : codes,
      dictionary: this.dictionary,
      texts,
      missing,
      notFinite,
      overflow: this.overflow,
    };
  }

  private code(cell: string): number {
    const known = this.lookup.get(cell);
    if (known !== undefined) return known;
    if (this.dictionary.length >= dictionaryLimit) {
      this.overflow = true;
      return cellCode.overflow;
    }
    // A slice of a chunk keeps the whole chunk alive; a round trip through a copy does not.
    const copy = ownText(cell);
    this.dictionary.push(copy);
    this.lookup.set(copy, this.dictionary.length - 1);
    return this.dictionary.length - 1;
  }

  private grow(): void {
    const size = this.numbers.length * 2;
    const numbers = new Float64Array(size);
    numbers.set(this.numbers);
    this.numbers = numbers;
    if (this.dates !== null) {
      const dates = new Float64Array(size).fill(NaN);
      dates.set(this.dates);
      this.dates = dates;
    }
    if (this.codes !== null) {
      const codes = new Int32Array(size).fill(cellCode.numeric);
      codes.set(this.codes);
      this.codes = codes;
    }
  }
}

/** A flat copy of a string that shares no memory with the text it was cut from. */
function ownText(text: string): string {
  return text.length < 13 ? text : (JSON.parse(JSON.stringify(text)) as string);
}

/** Unique, non-empty column names: empty ones become "column 3", repeated ones "x (2)". Says what was changed. */
export function columnNames(cells: readonly string[], warnings: string[]): string[] {
  const taken = new Set<string>();
  const wanted = new Set(cells.map((cell) => cell.trim()));
  /** By name: the number to try next, so that a name that occurs n times takes n steps. */
  const next = new Map<string, number>();
  const changed: string[] = [];
  const names = cells.map((cell, index) => {
    const given = cell.trim();
    const base = given === '' ? `column ${index + 1}` : given;
    let name = base;
    let k = next.get(base) ?? 2;
    for (; taken.has(name) || (name !== given && wanted.has(name)); k++) name = `${base} (${k})`;
    next.set(base, k);
    taken.add(name);
    if (name !== given && changed.length <= namesListed) {
      changed.push(
        given === ''
          ? `Column ${index + 1} has no name; it is called "${name}".`
          : `The column name "${given}" occurs more than once; column ${index + 1} is called "${name}".`,
      );
    }
    return name;
  });
  warnings.push(...changed.slice(0, namesListed));
  if (changed.length > namesListed)
    warnings.push('More columns have no name of their own and were given one in the same way.');
  return names;
}

/** So many changed names are told one by one. */
const namesListed = 20;
