import type { PatternSet } from '../core/arrangement/patterns.ts';

/** Bits as base64: bit r is bit r & 7 of byte r >> 3. */
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

/** The `count` bits behind a base64 text of `encodeBits`. */
export function decodeBits(text: string, count: number): Uint8Array {
  const bytes = atob(text);
  return Uint8Array.from({ length: count }, (_, r) => (bytes.charCodeAt(r >> 3) >> (r & 7)) & 1);
}
