import { DataError } from './dataError.ts';

/** Name of an encoding as `TextDecoder` knows it, or utf-32le and utf-32be. */
export type Encoding = string;

/** The encoding that a person names, in lower case; undefined when it is not known. */
export function knownEncoding(name: string): Encoding | undefined {
  const lower = name.trim().toLowerCase();
  if (lower === 'utf-32le' || lower === 'utf-32be') return lower;
  try {
    return new TextDecoder(lower).encoding;
  } catch {
    return undefined;
  }
}

const signatures: readonly { readonly bytes: readonly number[]; readonly what: string }[] = [
  { bytes: [0x50, 0x4b, 0x03, 0x04], what: 'a ZIP archive or an Excel workbook' },
  { bytes: [0xd0, 0xcf, 0x11, 0xe0], what: 'an old Excel workbook' },
  { bytes: [0x50, 0x41, 0x52, 0x31], what: 'a Parquet file' },
  { bytes: [0x1f, 0x8b], what: 'a gzip archive' },
  { bytes: [0x89, 0x50, 0x4e, 0x47], what: 'a picture' },
  { bytes: [0x37, 0x7a, 0xbc, 0xaf], what: 'a 7-Zip archive' },
  { bytes: [0x42, 0x5a, 0x68], what: 'a bzip2 archive' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a], what: 'an xz archive' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], what: 'a Zstandard archive' },
  { bytes: [0x41, 0x52, 0x52, 0x4f, 0x57, 0x31], what: 'a Feather file (Arrow)' },
  { bytes: [0x89, 0x48, 0x44, 0x46], what: 'an HDF5 file' },
  { bytes: [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], what: 'an array of NumPy' },
  { bytes: [0x53, 0x51, 0x4c, 0x69, 0x74, 0x65], what: 'a database of SQLite' },
  { bytes: [0x24, 0x46, 0x4c, 0x32], what: 'a file of SPSS' },
  { bytes: [0x80, 0x04, 0x95], what: 'a pickle of Python' },
  { bytes: [0x25, 0x50, 0x44, 0x46], what: 'a PDF document' },
];

/**
 * The encoding of a file from its first bytes: by byte order mark, else UTF-16 when every second byte is mostly zero, else
 * UTF-8. (Windows-1252 is what a caller falls back to when UTF-8 turns out to be invalid.) Throws for files that are no text.
 */
export function sniffEncoding(head: Uint8Array, file: string): Encoding {
  for (const { bytes, what } of signatures) {
    if (bytes.every((byte, i) => head[i] === byte)) {
      throw new DataError('not-text', `this is ${what}, not a text table; save it as CSV first`, { file });
    }
  }
  if (head[0] === 0xff && head[1] === 0xfe && head[2] === 0 && head[3] === 0) return 'utf-32le';
  if (head[0] === 0 && head[1] === 0 && head[2] === 0xfe && head[3] === 0xff) return 'utf-32be';
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  // zero bytes at the end are the rest of a write that was cut off
  let length = Math.min(head.length, 4096);
  while (length > 0 && head[length - 1] === 0 && head[length - 2] === 0 && head[length - 3] === 0) length--;
  const zeros = [0, 0];
  for (let i = 0; i < length; i++) if (head[i] === 0) zeros[i & 1]++;
  const half = length / 2;
  if (zeros[1] > 0.4 * half && zeros[0] < 0.05 * half) return 'utf-16le';
  if (zeros[0] > 0.4 * half && zeros[1] < 0.05 * half) return 'utf-16be';
  // a few zero bytes are damage (a cut-off write), not another kind of file
  if (zeros[0] + zeros[1] > 0.02 * length) {
    throw new DataError('not-text', 'this is a binary file, not a text table (it contains zero bytes)', { file });
  }
  return 'utf-8';
}

/** Thrown out of a read when the bytes are not valid in the encoding tried; the reader then starts again with another one. */
export class WrongEncoding extends Error {
  constructor(
    /** The bytes among which the invalid ones are. */
    readonly bytes: Uint8Array,
    options?: ErrorOptions,
  ) {
    super('invalid bytes', options);
  }
}

/**
 * The encoding of bytes that are not UTF-8: GBK when all bytes above 127 pair up, mostly into common Chinese characters; Windows-1251 when they come
 * in runs as the letters of Cyrillic words do; else Windows-1252.
 */
export function guessOldEncoding(bytes: Uint8Array): Encoding {
  let pairs = 0;
  let common = 0;
  let broken = 0;
  for (let i = 0; i < bytes.length - 1; i++) {
    if (bytes[i] < 0x80) continue;
    const next = bytes[i + 1];
    if (bytes[i] < 0x81 || bytes[i] > 0xfe || next < 0x40 || next === 0x7f || next === 0xff) broken++;
    else {
      pairs++;
      if (bytes[i] >= 0xb0 && bytes[i] <= 0xd7 && next >= 0xa1) common++;
    }
    i++;
  }
  if (pairs > 0 && broken === 0 && common >= 0.7 * pairs) return 'gbk';
  let runs = 0;
  let inRuns = 0;
  let letters = 0;
  let high = 0;
  let before = false;
  for (const byte of bytes) {
    const now = byte >= 0x80;
    if (now) {
      high++;
      if (byte >= 0xc0) letters++;
      if (!before) runs++;
      inRuns++;
    }
    before = now;
  }
  return high > 0 && letters >= 0.9 * high && inRuns >= 2.5 * runs ? 'windows-1251' : 'windows-1252';
}

/** UTF-32 by four bytes at a time. */
class Utf32Decoder {
  private rest: number[] = [];

  constructor(private readonly littleEndian: boolean) {}

  decode(bytes?: Uint8Array): string {
    const own = bytes === undefined ? this.rest : [...this.rest, ...bytes];
    const whole = own.length - (own.length % 4);
    this.rest = own.slice(whole);
    const parts: string[] = [];
    for (let i = 0; i < whole; i += 4) {
      const [a, b, c, d] = this.littleEndian ? [own[i + 3], own[i + 2], own[i + 1], own[i]] : own.slice(i, i + 4);
      const point = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
      if (point > 0x10ffff) throw new RangeError('no character');
      if (point !== 0xfeff) parts.push(String.fromCodePoint(point));
    }
    return parts.join('');
  }
}

/**
 * Text of the bytes, chunk by chunk, with every line end (`\r\n`, `\n`, `\r`, mixed as they may be) made `\n`, without byte order mark, zero
 * characters and the end mark of old systems (Ctrl-Z).
 */
export class LineDecoder {
  private readonly decoder: { decode(bytes?: Uint8Array, options?: { stream?: boolean }): string };
  private held = '';
  /** Zero characters that were taken out. */
  zeros = 0;

  constructor(encoding: Encoding) {
    this.decoder = encoding.startsWith('utf-32')
      ? new Utf32Decoder(encoding === 'utf-32le')
      : new TextDecoder(encoding, { fatal: encoding !== 'windows-1252' });
  }

  decode(bytes: Uint8Array | null): string {
    let text: string;
    try {
      text = bytes === null ? this.decoder.decode() : this.decoder.decode(bytes, { stream: true });
    } catch (error) {
      throw new WrongEncoding(bytes ?? new Uint8Array(0), { cause: error });
    }
    text = this.held + text;
    this.held = '';
    if (text.includes('\0')) {
      const clean = text.replaceAll('\0', '');
      this.zeros += text.length - clean.length;
      text = clean;
    }
    if (text.includes('\x1a')) text = text.replace(/^\x1a+$/gm, '');
    if (!text.includes('\r')) return text;
    // A \r at the end may be half of \r\n.
    if (bytes !== null && text.endsWith('\r')) {
      this.held = '\r';
      text = text.slice(0, -1);
    }
    return text.replace(/\r\n?/g, '\n');
  }
}
