import type { Control } from '../core/base/control.ts';
import { DataError } from '../core/data/dataError.ts';
import { dateOfDays } from '../core/data/dates.ts';
import { type ColumnProfile, inferTarget, profileTable } from '../core/data/infer.ts';
import { readTable, ReadStopped } from '../core/data/reader.ts';
import type { FileSource } from '../core/data/source.ts';
import { cellLabel, hasValue, type Table } from '../core/data/table.ts';
import {
  type ColumnSummary,
  type DataPreview,
  type PreviewColumn,
  previewColumns,
  type PreviewNotice,
  type ReadChoices,
} from '../shared/preview.ts';
import { TrainStopped } from './context.ts';

/** Rows of the first look, and of the sample of the whole file. */
const headRows = 500;
const sampleRows = 20_000;
const bins = 24;
const topValues = 5;
const linesListed = 5;

/**
 * Looks at a data file: `part` gets the first rows at once (unless they are all), then shares of the file as it is read; the answer is of a seeded
 * sample of all rows.
 * @throws {TrainStopped} when stopped
 */
export async function previewFile(
  source: FileSource,
  choices: ReadChoices,
  part: (data: DataPreview | null, fraction: number) => void,
  control: Control,
): Promise<DataPreview> {
  const poll = (): void => {
    if (control.shouldStop()) throw new ReadStopped('stopped');
  };
  try {
    const size = (await source.stat())?.size ?? source.size;
    const head = await readTable(source, { ...choices, headRows }, control);
    const first = previewOf(head, size, poll);
    if (head.complete) return first;
    part(first, 0);
    const table = await readTable(
      source,
      { ...choices, maxRows: sampleRows, progress: (bytes) => part(null, size > 0 ? Math.min(1, bytes / size) : 0) },
      control,
    );
    return previewOf(table, size, poll);
  } catch (error) {
    if (error instanceof ReadStopped) throw new TrainStopped('Stopped before the file was read.');
    throw error;
  }
}

function previewOf(table: Table, size: number, poll: () => void): DataPreview {
  const profiles = profileTable(table, poll);
  const target = inferTarget(profiles);
  if (target === undefined) throw new DataError('bad-target', 'no column has values', { file: table.file });
  const estimate = Math.round((table.rows * size) / Math.max(1, table.bytesOfRows));
  const shown = profiles.slice(0, previewColumns);
  return {
    encoding: table.encoding,
    delimiter: table.dialect.delimiter,
    decimal: table.dialect.decimal,
    header: table.dialect.header,
    rows: table.rows,
    rowsInFile: table.complete ? table.rowsInFile : Math.max(table.rows, estimate),
    complete: table.complete,
    target: target.column.name,
    columns: shown.map((profile) => {
      poll();
      return columnOf(table, profile);
    }),
    columnsInFile: profiles.length,
    notices: noticesOf(table, profiles),
  };
}

function columnOf(table: Table, profile: ColumnProfile): PreviewColumn {
  const { column, kind, date, distinct, missing, suggested, note, task, taskUnclear, bad } = profile;
  const odd =
    bad === null ? '' : `${bad.count} ${bad.count === 1 ? 'cell is' : 'cells are'} no ${date ? 'date' : 'number'}`;
  return {
    name: column.name,
    kind,
    date,
    distinct,
    missing,
    suggested: suggested && bad === null,
    note: [note, odd].filter((text) => text !== '').join('; '),
    task: bad === null ? task : null,
    taskUnclear,
    summary: summaryOf(table, profile),
  };
}

/** Bins for columns of more than a few numbers, else the commonest values. */
export function summaryOf(table: Table, { column, date, distinct }: ColumnProfile): ColumnSummary {
  if (column.texts === 0 && distinct > topValues) {
    let [least, most] = [Infinity, -Infinity];
    for (const value of column.numbers) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
    const counts = new Array<number>(bins).fill(0);
    const width = most / bins - least / bins;
    for (let row = 0; row < table.rows; row++) {
      if (!hasValue(column, row)) continue;
      const bin = Math.floor((column.numbers[row] - least) / width);
      counts[Math.max(0, Math.min(bins - 1, Number.isFinite(bin) ? bin : 0))]++;
    }
    const words = (value: number): string => (date ? dateOfDays(value) : String(Number(value.toPrecision(6))));
    return { kind: 'bins', least: words(least), most: words(most), counts };
  }
  const counts = new Map<string, number>();
  let present = 0;
  for (let row = 0; row < table.rows; row++) {
    if (!hasValue(column, row)) continue;
    present++;
    const label = date ? dateOfDays(column.numbers[row]) : cellLabel(column, row);
    if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const values = [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, topValues)
    .map(([label, count]) => ({ label: label.slice(0, 80), count }));
  return { kind: 'top', values, others: values.reduce((left, { count }) => left - count, present) };
}

function noticesOf(table: Table, profiles: readonly ColumnProfile[]): PreviewNotice[] {
  const leftOut = table.noData.map(({ reason, count, lines }) => ({
    text: `${count === 1 ? 'One row is' : `${count} rows are`} not data and left out: ${reason}.`,
    lines: lines.slice(0, linesListed),
  }));
  const { ragged } = table;
  const wrong =
    ragged.count === 0
      ? []
      : [
          {
            text: `${ragged.count === 1 ? 'One row has' : `${ragged.count} rows have`} a wrong number of cells and ${ragged.count === 1 ? 'is' : 'are'} left out.`,
            lines: ragged.lines.slice(0, linesListed),
          },
        ];
  const bad = profiles
    .filter((profile) => profile.bad !== null)
    .map(({ column, bad, date }) => ({
      text: `"${column.name}": "${bad!.text.slice(0, 40)}" is no ${date ? 'date' : 'number'} (${bad!.count} such ${bad!.count === 1 ? 'cell' : 'cells'}); set its type, or leave it out.`,
      lines: [table.lines[bad!.row]],
    }));
  const words = table.warnings.filter((text) => !text.includes('not data and left out'));
  return [...bad, ...wrong, ...leftOut, ...words.map((text) => ({ text, lines: [] }))];
}
