import type { Dialect } from './dialect.ts';
import type { Encoding } from './encoding.ts';
import type { RowFormat } from './rowSplitter.ts';
import type { TestPart } from './testRows.ts';

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
  /** The header has no name for it. */
  readonly unnamed?: boolean;
  /** Codes with leading zeros, such as 007, read as numbers. */
  readonly leadingZeros?: boolean;
  /** All dates could also be read with day and month exchanged; such columns are not used unless a type is given. */
  readonly dateOrderOpen?: boolean;
  /** Where exchanging day and month would give other dates: which of them comes first. */
  readonly dayFirst?: boolean;
  /** Texts that were found to be marks of missing values in this column only. */
  readonly markers?: readonly string[];
}

/** What a person says that a column is. */
export const columnTypes = ['number', 'classes', 'date', 'date-day-first', 'date-month-first', 'leave-out'] as const;
export type ColumnType = (typeof columnTypes)[number];

/** What the reader made of a column that a person should know of. */
export interface ColumnNotes {
  /** Cells that fit nothing else in their column and were taken as missing. */
  readonly odd: { readonly count: number; readonly rows: readonly number[]; readonly text: string } | null;
  /** What was taken off or put otherwise to read numbers. */
  readonly how: readonly string[];
  /** Texts often used for missing values that are classes here. */
  readonly kept: readonly string[];
  /** Texts taken as missing in a column of texts. */
  readonly gaps: readonly string[];
  /** Spellings put together, as yes and YES. */
  readonly folded: boolean;
  /** Integers too long for a number, kept as texts. */
  readonly tooLong: boolean;
  /** Few integers of one width with zeros in front, such as 007, kept as they are written. */
  readonly padded: boolean;
}

/** A text table in memory, column by column. */
export interface Table {
  readonly file: string;
  readonly encoding: Encoding;
  readonly dialect: Dialect;
  /** How its rows are found in the text. */
  readonly format: RowFormat;
  readonly columns: readonly Column[];
  /** Line in the file, from 1, on which each row starts. */
  readonly lines: Int32Array;
  readonly rows: number;
  /** Data rows in the file: more than `rows` when a sample was taken or rows were ragged. */
  readonly rowsInFile: number;
  /** Rows of the file that are no data, by reason: repeated headers, units, totals, footers. Not counted in `rowsInFile`. */
  readonly noData: readonly { readonly reason: string; readonly count: number; readonly lines: readonly number[] }[];
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
  /** Where its last rows come from a second file, to test on. */
  readonly test?: TestPart;
}

/** File and line of a row. */
export function placeOfRow(
  { file, lines, test }: Table,
  row: number,
): { readonly file: string; readonly line: number } {
  return { file: test !== undefined && row >= test.from ? test.file : file, line: lines[row] };
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

/** Unique, non-empty column names: empty ones become "column 3", repeated ones "x (2)". Says what was changed. */
export function columnNames(cells: readonly string[], warnings: string[]): string[] {
  const taken = new Set<string>();
  const wanted = new Set(cells.map((cell) => cell.trim()));
  /** By name: the number to try next, so that a name that occurs n times takes n steps. */
  const next = new Map<string, number>();
  /** By name: the first and the last that another one took its place in, and how many. */
  const changed = new Map<string, { first: string; last: string; column: number; count: number }>();
  const names = cells.map((cell, index) => {
    const given = cell.trim();
    const base = given === '' ? `column ${index + 1}` : given;
    let name = base;
    let k = next.get(base) ?? 2;
    for (; taken.has(name) || (name !== given && wanted.has(name)); k++) name = `${base} (${k})`;
    next.set(base, k);
    taken.add(name);
    if (name !== given) {
      const before = changed.get(given);
      if (before === undefined) changed.set(given, { first: name, last: name, column: index + 1, count: 1 });
      else {
        before.last = name;
        before.count++;
      }
    }
    return name;
  });
  for (const [given, { first, last, column, count }] of [...changed].slice(0, namesListed)) {
    const called = count === 1 ? `column ${column} is called "${first}"` : `the later ones are called "${first}" to "${last}"`; // prettier-ignore
    if (given !== '')
      warnings.push(`The column name "${given}" occurs ${count === 1 ? 'twice' : `${count + 1} times`}; ${called}.`);
    else if (count === 1) warnings.push(`Column ${column} has no name; it is called "${first}".`);
    else warnings.push(`${count} columns have no name; they are called "${first}" to "${last}".`);
  }
  if (changed.size > namesListed) warnings.push(`${changed.size - namesListed} more column names occur several times.`);
  return names;
}

/** So many names that occur several times are told. */
const namesListed = 20;
