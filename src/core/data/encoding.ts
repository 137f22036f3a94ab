import { DataError } from './dataError.ts';

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

const signatures: readonly { readonly bytes: readonly number[]; readonly what: string }[] = [
  { bytes: [0x50, 0x4b, 0x03, 0x04], what: 'a ZIP archive or an Excel workbook' },
  { bytes: [0xd0, 0xcf, 0x11, 0xe0], what: 'an old Excel workbook' },
  { bytes: [0x50, 0x41, 0x52, 0x31], what: 'a Parquet file' },
  { bytes: [0x1f, 0x8b], what: 'a gzip archive' },
  { bytes: [0x89, 0x50, 0x4e, 0x47], what: 'a picture' },
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
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const length = Math.min(head.length, 4096);
  const zeros = [0, 0];
  for (let i = 0; i < length; i++) if (head[i] === 0) zeros[i & 1]++;
  const half = length / 2;
  if (zeros[1] > 0.4 * half && zeros[0] < 0.05 * half) return 'utf-16le';
  if (zeros[0] > 0.4 * half && zeros[1] < 0.05 * half) return 'utf-16be';
  if (zeros[0] + zeros[1] > 0) {
    throw new DataError('not-text', 'this is a binary file, not a text table (it contains zero bytes)', { file });
  }
  return 'utf-8';
}

/** Thrown out of a read when the bytes are not valid in the encoding tried; the reader then starts again with another one. */
export class WrongEncoding extends Error {}

/**
 * Text of the bytes, chunk by chunk, with line ends made `\n` (also those of old Macs, when the first chunk has no other) and
 * without byte order mark.
 */
export class LineDecoder {
  private readonly decoder: TextDecoder;
  private held = '';
  private oldMac: boolean | undefined;

  constructor(encoding: Encoding) {
    this.decoder = new TextDecoder(encoding, { fatal: encoding !== 'windows-1252' });
  }

  decode(bytes: Uint8Array | null): string {
    let text: string;
    try {
      text = bytes === null ? this.decoder.decode() : this.decoder.decode(bytes, { stream: true });
    } catch (error) {
      throw new WrongEncoding('invalid bytes', { cause: error });
    }
    text = this.held + text;
    this.held = '';
    if (!text.includes('\r')) return text;
    // A \r at the end may be half of \r\n.
    if (bytes !== null && text.endsWith('\r')) {
      this.held = '\r';
      text = text.slice(0, -1);
    }
    text = text.replaceAll('\r\n', '\n');
    this.oldMac ??= !text.includes('\n') && text.includes('\r');
    return this.oldMac ? text.replaceAll('\r', '\n') : text;
  }
}
