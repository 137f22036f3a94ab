import { countWord } from './texts.ts';

/** "1 row", "2 rows": a count that is put into a sentence always goes through here. */
export function plural(count: number, word: string, many?: string): string {
  return `${count} ${countWord(count, word, many)}`;
}
