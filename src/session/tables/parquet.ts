import { DataError } from '../../core/data/dataError.ts';
import type { Unpacking } from '../../platform/platform.ts';
import { cellText, lineOf } from './rowsToText.ts';

/** Rows that are decoded at once. */
const rowsAtOnce = 8192;

/**
 * The rows of a Parquet file as lines of comma-separated text under a line of names. Pages may be uncompressed or compressed by Snappy, gzip or Brotli.
 * @throws {DataError} for others, and for what is no Parquet file
 */
export async function* parquetLines(
  bytes: Uint8Array,
  file: string,
  compressors: Unpacking['pages'],
): AsyncGenerator<string> {
  const { parquetMetadata, parquetReadObjects } = await import('hyparquet/src/index.js');
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  try {
    const metadata = parquetMetadata(buffer);
    const names = metadata.schema.length > 0 ? topNames(metadata.schema) : [];
    yield lineOf(names);
    const rows = Number(metadata.num_rows);
    for (let from = 0; from < rows; from += rowsAtOnce) {
      const part = await parquetReadObjects({
        file: buffer,
        metadata,
        rowStart: from,
        rowEnd: Math.min(rows, from + rowsAtOnce),
        compressors,
      });
      for (const row of part) yield lineOf(names.map((name) => cellText(row[name])));
    }
  } catch (error) {
    throw new DataError('not-text', `this Parquet file cannot be read (${(error as Error).message})`, { file });
  }
}

/** Names of the columns: the children of the root of a schema, which lists its elements depth first. */
function topNames(schema: readonly { readonly name: string; readonly num_children?: number }[]): string[] {
  const names: string[] = [];
  const pass = (at: number): number => {
    let next = at + 1;
    for (let k = schema[at].num_children ?? 0; k > 0; k--) next = pass(next);
    return next;
  };
  for (let at = 1; at < schema.length;) {
    names.push(schema[at].name);
    at = pass(at);
  }
  return names;
}
