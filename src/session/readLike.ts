import type { DecimalMark } from '../core/data/cells.ts';
import { columnNamed } from '../core/data/columnNames.ts';
import { profileColumn } from '../core/data/infer.ts';
import type { DialectOptions } from '../core/data/layout.ts';
import { readTable, type ReadOptions } from '../core/data/reader.ts';
import type { RowFormat } from '../core/data/rowSplitter.ts';
import type { FileSource } from '../core/data/source.ts';
import type { ColumnType, Table } from '../core/data/table.ts';
import type { Control } from '../core/base/control.ts';
import type { RunRecord } from '../shared/run.ts';
import type { TrainSettings } from '../shared/settings.ts';

/** How the other file is read where it is not as the training data were. */
export interface ReadAs {
  readonly dialect?: DialectOptions;
  /** By column name. */
  readonly columnTypes?: Readonly<Record<string, ColumnType>>;
}

/** How the first file was read. */
interface Reading {
  readonly header: boolean;
  readonly decimal: DecimalMark;
  readonly delimiter: string;
  readonly format?: RowFormat;
  /** Marks of missing values besides the usual ones. */
  readonly na: readonly string[];
  readonly comment: string | undefined;
  /** What each column was taken for, by name. */
  readonly types: readonly (readonly [string, ColumnType])[];
  /** What a person said of columns. */
  readonly given?: Readonly<Record<string, ColumnType>>;
}

interface LikeRead {
  readonly table: Table;
  readonly contradictions: string[];
}

/**
 * Reads a file as another one was read: its header, decimal mark, markers, types and order of day and month, and its delimiter and quotation marks
 * unless others find the columns. What `given` says of the file goes first.
 */
async function readLike(
  reading: Reading,
  source: FileSource,
  given: ReadAs,
  control: Control,
  options: Pick<ReadOptions, 'maxRows' | 'seed' | 'observer'> = {},
): Promise<LikeRead> {
  const { header, decimal, delimiter, format, na, comment } = reading;
  const mark = given.dialect?.decimal ?? decimal;
  const noted = comment === undefined ? {} : { comment };
  const base: DialectOptions = { header, ...(na.length === 0 ? {} : { na }), ...noted, ...given.dialect };
  // a look at the head says how the file is written, by itself
  const look = await readTable(
    source,
    { headRows: 200, dialect: { ...noted, ...given.dialect, header: base.header } },
    control,
  );
  const found = look.dialect.delimiter;
  const same = found === delimiter;
  const contradictions: string[] = [];
  if (!same && given.dialect?.delimiter === undefined)
    contradictions.push(`The delimiter is ${spoken(found)}; the training data had ${spoken(delimiter)}.`);
  const table = await readTable(
    source,
    {
      ...options,
      dialect: {
        ...(same && format?.quote !== undefined ? { quote: format.quote } : {}),
        ...base,
        delimiter: found,
        decimal: mark,
      },
      columnTypes: { ...typesIn(reading, look), ...given.columnTypes },
    },
    control,
  );
  if (look.dialect.decimal !== mark) {
    contradictions.push(
      `By itself this file looks as if the decimal mark were "${look.dialect.decimal}"; it was read with "${mark}", as the training data were (--decimal reads it otherwise).`,
    );
  }
  return { table, contradictions };
}

/** The types by the names that the columns have in this file. */
function typesIn({ types, given }: Reading, { columns }: Table): Record<string, ColumnType> {
  const out: Record<string, ColumnType> = { ...given };
  for (const [column, type] of types) out[columnNamed(columns, ({ name }) => name, column)?.name ?? column] ??= type;
  return out;
}

const decimalMark = (text: string): DecimalMark => (text === ',' ? ',' : '.');

const dateType = (dayFirst: boolean | undefined): ColumnType =>
  dayFirst === undefined ? 'date' : dayFirst ? 'date-day-first' : 'date-month-first';

/** Reads a file as the training data of a run were read. */
export function readAsRun(run: RunRecord, source: FileSource, given: ReadAs, control: Control): Promise<LikeRead> {
  const { header, decimal, delimiter, format, markers = [] } = run.dataset;
  const { inputs } = run.scaling;
  const categories = new Set(inputs.map(({ category }) => category));
  const types = inputs.flatMap(({ column, category, date, dayFirst }): [string, ColumnType][] => {
    if (date === true) return [[column, dateType(dayFirst)]];
    if (category === undefined) return [[column, 'number']];
    return /^0\d+$/.test(category) ? [[column, 'classes']] : [];
  });
  const comment = run.settings.dialect?.comment;
  const na = [...(run.settings.dialect?.na ?? []), ...markers.filter((text) => !categories.has(text))];
  const reading = { header, decimal: decimalMark(decimal), delimiter, format, na, comment, types };
  return readLike({ ...reading, given: run.settings.columnTypes }, source, given, control);
}

/** Reads a file with test rows as the table was read that is trained on; at most `maxRows` of them, a seeded sample. */
export function readAsTable(
  table: Table,
  source: FileSource,
  { dialect, columnTypes, maxRows, seed }: Pick<TrainSettings, 'dialect' | 'columnTypes' | 'maxRows' | 'seed'>,
  observer: ReadOptions['observer'],
  control: Control,
): Promise<LikeRead> {
  const types = table.columns.flatMap((column): [string, ColumnType][] => {
    if (profileColumn(column, table.rows).date) return [[column.name, dateType(column.dayFirst)]];
    if (column.texts === 0) return [[column.name, 'number']];
    return column.dictionary.some((text) => /^0\d+$/.test(text)) ? [[column.name, 'classes']] : [];
  });
  const { header, delimiter, decimal } = table.dialect;
  const texts = new Set(table.columns.flatMap(({ codes, dictionary }) => (codes === null ? [] : dictionary)));
  const found = table.columns.flatMap(({ markers = [] }) => markers).filter((text) => !texts.has(text));
  const na = [...(dialect?.na ?? []), ...found];
  const { comment } = dialect ?? {};
  const reading = { header, decimal: decimalMark(decimal), delimiter, format: table.format, na, comment, types };
  return readLike({ ...reading, given: columnTypes }, source, {}, control, { maxRows, seed, observer });
}

const spoken = (delimiter: string): string =>
  ({ ',': 'a comma', ';': 'a semicolon', '\t': 'a tab', '|': 'a bar', ' ': 'a space' })[delimiter] ?? `"${delimiter}"`;
