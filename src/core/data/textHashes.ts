/** Where texts of a dictionary are found by the characters of a text, without making a string of them. Open addressing over FNV-1a. */
export class TextHashes {
  /** Index into the dictionary plus one, or 0. */
  private slots = new Int32Array(0);
  private count = 0;

  /** Index of the text between two positions, or -1. Characters beyond Latin-1 stand as 255 in `codes`, so texts with that are never found. */
  find(codes: Uint8Array, from: number, to: number, dictionary: readonly string[]): number {
    const { slots } = this;
    if (slots.length === 0) return -1;
    let hash = seed;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ codes[i], prime);
    const mask = slots.length - 1;
    for (let at = (hash ^ (hash >>> 15)) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const text = dictionary[slots[at] - 1];
      if (text.length !== to - from) continue;
      let k = 0;
      while (k < text.length && text.charCodeAt(k) === codes[from + k] && codes[from + k] !== 255) k++;
      if (k === text.length) return slots[at] - 1;
    }
    return -1;
  }

  /** Makes text `index` of the dictionary known; once for each. */
  add(index: number, dictionary: readonly string[]): void {
    if (2 * (this.count + 1) > this.slots.length) {
      const old = this.slots;
      this.slots = new Int32Array(Math.max(16, 2 * old.length));
      for (const entry of old) if (entry !== 0) this.put(entry, dictionary);
    }
    this.count++;
    this.put(index + 1, dictionary);
  }

  private put(entry: number, dictionary: readonly string[]): void {
    const text = dictionary[entry - 1];
    let hash = seed;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ Math.min(255, text.charCodeAt(i)), prime);
    const mask = this.slots.length - 1;
    let at = (hash ^ (hash >>> 15)) & mask;
    while (this.slots[at] !== 0) at = (at + 1) & mask;
    this.slots[at] = entry;
  }
}

const seed = 0x811c9dc5 | 0;
const prime = 0x01000193;

/** A flat copy of a string that shares no memory with the text it was cut from. */
export function ownText(text: string): string {
  return text.length < 13 ? text : (JSON.parse(JSON.stringify(text)) as string);
}
