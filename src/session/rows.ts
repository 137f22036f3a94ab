import { largest } from '../core/base/extremes.ts';
import { DataError } from '../core/data/dataError.ts';
import { readText } from '../core/data/reader.ts';
import { RowSplitter } from '../core/data/rowSplitter.ts';
import type { FileSource } from '../core/data/source.ts';
import type { DatasetSummary } from '../shared/run.ts';

export interface OriginalRow {
  /** Index into `RunRecord.rows`. */
  readonly index: number;
  /** Line in the file, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

export interface OriginalRows {
  readonly header: readonly string[];
  readonly rows: readonly OriginalRow[];
}

/**
 * Cells, as they stand in the file, of the rows that start on the given lines, by streaming the file up to the last of them.
 * Throws a `DataError` when the file has no row there any more.
 */
export async function readLines(
  source: FileSource,
  dataset: Pick<DatasetSummary, 'encoding' | 'delimiter' | 'format'>,
  lines: readonly number[],
): Promise<ReadonlyMap<number, readonly string[]>> {
  const wanted = new Set(lines);
  const last = largest(lines);
  const found = new Map<number, readonly string[]>();
  const splitter = new RowSplitter(dataset.format ?? { delimiter: dataset.delimiter }, source.name);
  for await (const piece of readText(source, dataset.encoding)) {
    const going = splitter.push(piece.text, piece.last, {
      row: (cells, line) => {
        if (wanted.has(line)) found.set(line, cells);
        return line < last;
      },
      spans: (_, line) => line < last && !wanted.has(line),
    });
    if (!going) break;
  }
  const gone = lines.find((line) => !found.has(line));
  if (gone !== undefined) {
    throw new DataError('unreadable', 'no row starts here any more: the file has changed since the run', {
      file: source.name,
      line: gone,
    });
  }
  return found;
}
