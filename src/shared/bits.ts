import type { PatternSet } from '../core/base/patterns.ts';

/** The one packing of rows on and off in records: bit r is bit r & 7 of byte r >> 3, as base64. */
export function encodeBits(bits: ArrayLike<number | boolean>): string {
  const bytes = new Uint8Array((bits.length + 7) >> 3);
  for (let r = 0; r < bits.length; r++) if (bits[r]) bytes[r >> 3] |= 1 << (r & 7);
  return base64(bytes);
}

/** Pattern p of a set, as `encodeBits` does it. */
export function encodePattern({ rows, words, wordsPerPattern }: PatternSet, p: number): string {
  const bytes = new Uint8Array((rows + 7) >> 3);
  for (let k = 0; k < bytes.length; k++) bytes[k] = words[p * wordsPerPattern + (k >> 2)] >>> (8 * (k & 3));
  return base64(bytes);
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** The first `count` bits, one byte each. */
export function decodeBits(text: string, count: number): Uint8Array {
  const bytes = atob(text);
  const bits = new Uint8Array(count);
  for (let r = 0; r < count; r++) bits[r] = (bytes.charCodeAt(r >> 3) >> (r & 7)) & 1;
  return bits;
}

/** One bit, without decoding the others: four characters of base64 hold three bytes. */
export function bitAt(text: string, r: number): boolean {
  const byte = r >> 3;
  const block = Math.floor(byte / 3);
  const bytes = atob(text.slice(block * 4, block * 4 + 4));
  return ((bytes.charCodeAt(byte - block * 3) >> (r & 7)) & 1) === 1;
}

/** The bits at the listed rows, in their order. */
export function selectBits(text: string, rows: ArrayLike<number>): string {
  const bytes = atob(text);
  return encodeBits(Uint8Array.from(rows, (r) => (bytes.charCodeAt(r >> 3) >> (r & 7)) & 1));
}
