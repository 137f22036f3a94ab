import { columnNamed } from './columnNames.ts';
import { DataError } from './dataError.ts';
import type { Feature } from './chooseColumns.ts';
import type { ColumnProfile } from './infer.ts';
import { plainText } from './plainText.ts';
import { cellCode, type Column, type Table } from './table.ts';

/** The rows of a second file behind those of a table. */
export interface TestPart {
  readonly file: string;
  /** The first row that comes from it. */
  readonly from: number;
  /** Columns of the table that it does not have. */
  readonly absent: ReadonlySet<string>;
  readonly ragged: Table['ragged'];
}

/**
 * A table with the rows of another one behind its own, which are to test on. Columns are matched by name, without regard to case where that is
 * unambiguous; columns that only the test rows have are left out, cells of those that they lack are missing. Texts that differ from one of the table in
 * case only are that one.
 */
export function withTestRows(table: Table, test: Table): Table {
  const rows = table.rows + test.rows;
  const absent = new Set<string>();
  const columns = table.columns.map((column) => {
    const other = columnNamed(test.columns, ({ name }) => name, column.name);
    if (other === undefined) absent.add(column.name);
    return joined(column, table.rows, other, test.rows);
  });
  const lines = new Int32Array(rows);
  lines.set(table.lines.subarray(0, table.rows));
  lines.set(test.lines.subarray(0, test.rows), table.rows);
  const warnings = [...table.warnings, ...test.warnings.map((text) => `${test.file}: ${text}`)];
  return {
    ...table,
    columns,
    lines,
    rows,
    warnings,
    test: { file: test.file, from: table.rows, absent, ragged: test.ragged },
  };
}

function joined(column: Column, rows: number, other: Column | undefined, more: number): Column {
  const numbers = new Float64Array(rows + more).fill(NaN, rows);
  numbers.set(column.numbers.subarray(0, rows));
  if (other !== undefined) numbers.set(other.numbers.subarray(0, more), rows);
  const { codes, dictionary } = joinedCodes(column, rows, other, more);
  return {
    ...column,
    numbers,
    dates: joinedDates(column, rows, other, more),
    codes,
    dictionary,
    texts: column.texts + (other?.texts ?? 0),
    missing: column.missing + (other?.missing ?? more),
    notFinite: column.notFinite + (other?.notFinite ?? 0),
    overflow: column.overflow || other?.overflow === true,
  };
}

function joinedDates(column: Column, rows: number, other: Column | undefined, more: number): Float64Array | null {
  if (column.dates === null && (other?.dates ?? null) === null) return null;
  const dates = new Float64Array(rows + more).fill(NaN);
  if (column.dates !== null) dates.set(column.dates.subarray(0, rows));
  if (other?.dates) dates.set(other.dates.subarray(0, more), rows);
  return dates;
}

function joinedCodes(
  column: Column,
  rows: number,
  other: Column | undefined,
  more: number,
): Pick<Column, 'codes' | 'dictionary'> {
  if (column.codes === null && other !== undefined && other.codes === null)
    return { codes: null, dictionary: column.dictionary };
  const codes = new Int32Array(rows + more).fill(cellCode.numeric);
  if (column.codes !== null) codes.set(column.codes.subarray(0, rows));
  if (other === undefined) {
    codes.fill(cellCode.missing, rows);
    return { codes, dictionary: column.dictionary };
  }
  if (other.codes === null) return { codes, dictionary: column.dictionary };
  const dictionary = [...column.dictionary];
  const known = new Map(dictionary.map((text, code) => [text, code]));
  const alike = new Map<string, number | undefined>();
  dictionary.forEach((text, code) => {
    const plain = text.toLowerCase();
    alike.set(plain, alike.has(plain) ? undefined : code);
  });
  const codeOf = other.dictionary.map((text) => {
    const found = known.get(text) ?? alike.get(text.toLowerCase());
    return found ?? dictionary.push(text) - 1;
  });
  for (let row = 0; row < more; row++) {
    const code = other.codes[row];
    codes[rows + row] = code >= 0 ? codeOf[code] : code;
  }
  return { codes, dictionary };
}

/** @throws {DataError} where the file with the test rows lacks a column that the network needs */
export function checkTestColumns({ test }: Table, target: ColumnProfile, features: readonly Feature[]): void {
  if (test === undefined) return;
  const names = [target, ...features.map(({ profile }) => profile)].map(({ column }) => column.name);
  const lacking = names.filter((name) => test.absent.has(name));
  if (lacking.length === 0) return;
  const listed = lacking.slice(0, 8).map((name) => `"${plainText(name)}"`);
  throw new DataError(
    'unknown-column',
    `the file with the test rows has no column ${listed.join(', ')}${lacking.length > 8 ? ', ...' : ''}${lacking[0] === target.column.name ? ', which is predicted' : ' (--exclude leaves a column out)'}`,
    { file: test.file },
  );
}
