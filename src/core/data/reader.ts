import type { Control } from '../base/control.ts';
import { fileErrorWords } from '../base/fileErrors.ts';
import { DataError } from './dataError.ts';
import {
  guessOldEncoding,
  knownEncoding,
  LineDecoder,
  sniffEncoding,
  WrongEncoding,
  type Encoding,
} from './encoding.ts';
import { type DialectOptions, findLayout } from './layout.ts';
import { rowFormat, RowSplitter } from './rowSplitter.ts';
import type { FileSource } from './source.ts';
import type { ColumnType, Table } from './table.ts';
import { TableBuilder } from './tableBuilder.ts';

export interface ReadOptions {
  /** What the user fixed; the rest is guessed. */
  readonly dialect?: DialectOptions;
  /** By column name: what the user says that it is. */
  readonly columnTypes?: Readonly<Record<string, ColumnType>>;
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

/** Of a piece, its bytes, its text and its character codes are read one after the other: together they fit into a cache. */
const pieceBytes = 1 << 16;
/** Text looked at to guess the dialect. */
const headCharacters = 1 << 18;

/** Where rows are longer than that, so many of them, within bounds. */
const headLines = 5;
const mostHeadCharacters = 1 << 24;

function linesEnd(text: string): number {
  let at = -1;
  for (let k = 0; k < headLines; k++) {
    at = text.indexOf('\n', at + 1);
    if (at < 0) return -1;
  }
  return at + 1;
}

const hasLines = (text: string): boolean => text.length >= mostHeadCharacters || linesEnd(text) >= 0;

function headLength(text: string): number {
  const end = linesEnd(text);
  return end < 0 ? Math.min(text.length, mostHeadCharacters) : Math.max(headCharacters, end);
}

/** Pieces of at most a quarter of a megabyte, whatever the source hands out, so that a stop is noticed and nothing blocks for long. */
async function* pieces(source: FileSource): AsyncIterable<Uint8Array> {
  for await (const chunk of source.read()) {
    for (let at = 0; at < chunk.length; at += pieceBytes) yield chunk.subarray(at, at + pieceBytes);
  }
}

/** Text of a file piece by piece, with its encoding found out from the first one. */
export async function* readText(
  source: FileSource,
  encoding: Encoding,
  seen?: (bytes: Uint8Array) => void,
): AsyncGenerator<{
  readonly text: string;
  readonly encoding: Encoding;
  readonly last: boolean;
  readonly zeros: number;
}> {
  let decoder: LineDecoder | undefined;
  let found: Encoding = encoding === 'auto' ? 'utf-8' : encoding;
  let head = new Uint8Array(0);
  for await (const piece of pieces(source)) {
    seen?.(piece);
    if (decoder !== undefined) {
      yield { text: decoder.decode(piece), encoding: found, last: false, zeros: decoder.zeros };
      continue;
    }
    const joined = new Uint8Array(head.length + piece.length);
    joined.set(head);
    joined.set(piece, head.length);
    head = joined;
    if (head.length < 4096) continue;
    if (encoding === 'auto') found = sniffEncoding(head, source.name);
    decoder = new LineDecoder(found);
    yield { text: decoder.decode(head), encoding: found, last: false, zeros: decoder.zeros };
  }
  let tail = '';
  if (decoder === undefined) {
    if (encoding === 'auto') found = sniffEncoding(head, source.name);
    decoder = new LineDecoder(found);
    tail = decoder.decode(head);
  }
  const text = tail + decoder.decode(null);
  yield { text, encoding: found, last: true, zeros: decoder.zeros };
}

/**
 * Reads a delimited text file into columns, streaming. Encoding, delimiter, decimal mark and header are guessed unless given.
 * Throws `DataError` for what cannot be a table, and `ReadStopped` when the control says so.
 */
export async function readTable(source: FileSource, options: ReadOptions, control: Control): Promise<Table> {
  const asked = options.dialect?.encoding;
  const encoding = asked === undefined ? 'auto' : knownEncoding(asked);
  if (encoding === undefined) {
    throw new DataError(
      'settings',
      `there is no encoding "${asked}" (utf-8, utf-16le, windows-1252, windows-1251, gbk, shift_jis, ...)`,
      {
        file: source.name,
      },
    );
  }
  try {
    return await readAs(source, encoding, false, options, control);
  } catch (error) {
    if (!(error instanceof WrongEncoding)) throw error;
    if (encoding !== 'auto') {
      throw new DataError(
        'unreadable',
        `the bytes are not all valid in ${encoding}; name another encoding (--encoding)`,
        {
          file: source.name,
        },
      );
    }
    return await readAs(source, guessOldEncoding(error.bytes), true, options, control);
  }
}

async function readAs(
  source: FileSource,
  encoding: Encoding,
  guessed: boolean,
  options: ReadOptions,
  control: Control,
): Promise<Table> {
  const file = source.name;
  const builder = new TableBuilder(file, options);
  options.observer?.start();
  let bytes = 0;
  let found: Encoding = 'utf-8';
  let zeros = 0;
  let head = '';
  let splitter: RowSplitter | undefined;
  let going = true;
  const look = (): void => {
    if (control.shouldStop()) throw new ReadStopped('stopped while reading');
  };
  try {
    for await (const piece of readText(source, encoding, (chunk) => {
      bytes += chunk.length;
      options.observer?.bytes(chunk);
    })) {
      look();
      options.progress?.(bytes);
      ({ encoding: found, zeros } = piece);
      if (splitter === undefined) {
        head += piece.text;
        if (!piece.last && (head.length < headCharacters || !hasLines(head))) continue;
        if (head.trim() === '') {
          if (!piece.last) continue;
          throw new DataError('empty-file', 'the file is empty', { file });
        }
        const layout = findLayout(
          head.slice(0, headLength(head)),
          piece.last && head.length <= headLength(head),
          options.dialect ?? {},
          file,
          look,
        );
        look();
        builder.start(layout);
        splitter = new RowSplitter(rowFormat(layout), file);
        going = splitter.push(head, piece.last, builder);
        head = '';
      } else {
        going = splitter.push(piece.text, piece.last, builder);
      }
      if (!going) break;
    }
  } catch (error) {
    if (error instanceof DataError || error instanceof WrongEncoding || error instanceof ReadStopped) throw error;
    throw new DataError('unreadable', `the file cannot be read: ${fileErrorWords(error)}`, { file });
  }
  if (guessed) {
    const names: Record<string, string> = {
      'windows-1252': 'Windows-1252 (Western European)',
      'windows-1251': 'Windows-1251 (Cyrillic)',
      gbk: 'GBK (simplified Chinese)',
    };
    builder.warnings.push(
      `The file is not valid UTF-8; it was read as ${names[encoding] ?? encoding}. Another encoding: --encoding NAME.`,
    );
  }
  if (zeros > 0) builder.warnings.push(`${zeros === 1 ? 'A zero byte was' : `${zeros} zero bytes were`} passed over.`);
  return builder.finish(found, bytes, going);
}
