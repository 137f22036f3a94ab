import { markerOf } from './markers.ts';

const wordsOfKinds = new Set([
  ...['true', 'false', 'yes', 'no', 'y', 'n', 't', 'f', 'on', 'off', 'm'],
  ...['ja', 'nein', 'oui', 'non', 'si', 'sí'],
]);
const mostSpellings = 30;

/** A text without regard to case and to how wide its spaces are. */
const plainSpelling = (text: string): string => text.normalize('NFC').replace(/\s+/g, ' ').toLowerCase();

/**
 * For each text of a column the one that stands for it, where texts in use differ in case or kinds of spaces only and are words, or signs of yes, no
 * and the like; single letters otherwise may mean different things. Undefined when nothing is put together.
 */
export function sameSpellings(dictionary: readonly string[], used: Uint8Array): number[] | undefined {
  if (dictionary.length > mostSpellings) return undefined;
  const first = new Map<string, number>();
  let same = false;
  const out = dictionary.map((text, k) => {
    if (used[k] === 0 || markerOf(text) !== undefined) return k;
    const spelling = plainSpelling(text);
    const known = first.get(spelling);
    if (known !== undefined) {
      same = true;
      return known;
    }
    first.set(spelling, k);
    return k;
  });
  const isWord = (word: string): boolean => wordsOfKinds.has(word) || /\p{L}{2}/u.test(word);
  return same && [...first.keys()].every(isWord) ? out : undefined;
}

/** Up to this share of cells that are neither numbers (dates) nor markers a column is one of numbers (dates) with gaps there. */
export const oddShare = 0.05;

/** A column needs more different numbers (or dates) than this for its other texts to be marks of missing values. */
const leastNumbers = 10;
const mostMarks = 3;

/**
 * Texts that stand for "no value" in a column of numbers or dates although nobody else writes them so: up to three that occur again and again among many
 * different values. `counts`: how often each text occurs that is neither a value nor a usual marker; texts that could be values cut off (`10+`, `<5`)
 * are none among numbers.
 */
export function ownMarkers(
  counts: ReadonlyMap<string, number>,
  { values, present, dates }: { readonly values: number; readonly present: number; readonly dates: boolean },
): readonly string[] {
  let cells = 0;
  for (const count of counts.values()) cells += count;
  if (counts.size === 0 || counts.size > mostMarks || values <= leastNumbers) return [];
  if (cells <= oddShare * present || 2 * cells > present) return [];
  const isMark = ([text, count]: [string, number]): boolean => count > 1 && (dates || !/\d/.test(text));
  return [...counts].every(isMark) ? [...counts.keys()] : [];
}
