import { DataError } from '../../core/data/dataError.ts';
import type { FileSource } from '../../core/data/source.ts';
import type { Unpacking } from '../../platform/platform.ts';
import { excelLines } from './excel.ts';
import { jsonLinesText, looksLikeJsonLines } from './jsonLines.ts';
import { parquetLines } from './parquet.ts';
import { linesAsBytes } from './rowsToText.ts';

const headBytes = 1 << 16;
/** Workbooks and Parquet files are read whole. */
const mostWholeBytes = 1 << 30;

const starts = (head: Uint8Array, ...bytes: readonly number[]): boolean => bytes.every((byte, i) => head[i] === byte);

/**
 * The same file as a text table: gzip is unpacked as it is read; of Parquet, Excel workbooks and JSON Lines the rows come as comma-separated text. What it
 * is follows from the first bytes, whatever the name says. Other files come as they are.
 */
export function tableSource(source: FileSource, unpacking: Unpacking): FileSource {
  return {
    uri: source.uri,
    name: source.name,
    size: source.size,
    stat: () => source.stat(),
    read: () => readAsText(source, unpacking),
  };
}

async function* readAsText(source: FileSource, unpacking: Unpacking): AsyncGenerator<Uint8Array> {
  const head = await headOf(source.read());
  if (starts(head, 0x1f, 0x8b)) {
    const inner = { ...source, name: source.name.replace(/\.gz$/i, ''), read: () => unpacked(source, unpacking) };
    yield* readAsText(inner, unpacking);
  } else if (starts(head, 0x50, 0x41, 0x52, 0x31)) {
    yield* linesAsBytes(parquetLines(await whole(source), source.name, unpacking.pages));
  } else if (starts(head, 0x50, 0x4b, 0x03, 0x04)) {
    yield* linesAsBytes(excelLines(await whole(source), source.name));
  } else if (looksLikeJsonLines(head)) {
    yield* linesAsBytes(jsonLinesText(() => source.read(), source.name));
  } else yield* source.read();
}

/** One after the other, in one array. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function headOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length >= headBytes) break;
  }
  return joined(parts).subarray(0, headBytes);
}

async function whole(source: FileSource): Promise<Uint8Array> {
  if (source.size > mostWholeBytes) {
    throw new DataError(
      'unreadable',
      'the file is larger than 1 GiB, too large to be read whole; save the table as CSV',
      {
        file: source.name,
      },
    );
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of source.read()) parts.push(chunk);
  return joined(parts);
}

async function* unpacked(source: FileSource, unpacking: Unpacking): AsyncGenerator<Uint8Array> {
  try {
    yield* unpacking.gunzip(source.read());
  } catch (error) {
    throw new DataError('unreadable', `the gzip archive cannot be unpacked (${(error as Error).message})`, {
      file: source.name,
    });
  }
}
