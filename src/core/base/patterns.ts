import { type DenseMatrix, rowOf, rowsOf } from './linalg/matrix.ts';
import { rowProducts } from './linalg/rowProducts.ts';

/** 0/1 activation patterns of gates over the rows of a data set, one bit per row. */
export interface PatternSet {
  /** P */
  readonly count: number;
  /** n */
  readonly rows: number;
  /** 32-bit words per pattern; bits past the last row are zero. */
  readonly wordsPerPattern: number;
  /** Pattern p: row r is bit `r & 31` of `words[p * wordsPerPattern + (r >> 5)]`. */
  readonly words: Uint32Array;
}

/** An all-zero set of `count` patterns over `rows` rows. */
export function emptyPatterns(count: number, rows: number): PatternSet {
  const wordsPerPattern = Math.ceil(rows / 32);
  return { count, rows, wordsPerPattern, words: new Uint32Array(count * wordsPerPattern) };
}

/** Whether pattern p is on at row r. */
export function isOn(patterns: PatternSet, p: number, r: number): boolean {
  return ((patterns.words[p * patterns.wordsPerPattern + (r >> 5)] >>> (r & 31)) & 1) === 1;
}

/** Bits of a word that are 1. */
function bitsOn(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Number of rows pattern p is on for. */
export function onCount(patterns: PatternSet, p: number): number {
  let total = 0;
  for (let w = p * patterns.wordsPerPattern; w < (p + 1) * patterns.wordsPerPattern; w++)
    total += bitsOn(patterns.words[w]);
  return total;
}

/** How many bits differ in two arrays of words of one length. */
export function differentBits(one: Uint32Array, other: Uint32Array): number {
  let total = 0;
  for (let w = 0; w < one.length; w++) total += bitsOn(one[w] ^ other[w]);
  return total;
}

/** How many pairs b <= a there are of so many; the pair (a, b) is number pairsOf(a) + b. */
export function pairsOf(count: number): number {
  return (count * (count + 1)) / 2;
}

/** Row indices pattern p is on for, ascending. */
export function onRows(patterns: PatternSet, p: number): Int32Array {
  const out = new Int32Array(onCount(patterns, p));
  let k = 0;
  const offset = p * patterns.wordsPerPattern;
  for (let w = 0; w < patterns.wordsPerPattern; w++) {
    let x = patterns.words[offset + w];
    while (x !== 0) {
      const lowest = x & -x;
      out[k++] = (w << 5) + 31 - Math.clz32(lowest);
      x ^= lowest;
    }
  }
  return out;
}

/**
 * Patterns of gate vectors: gate p is on at row r where x_r . g_p >= 0 (so a zero product counts as on). X is n x d, gates P x d. Those that
 * a stop cuts off stay zero.
 */
export function patternsOfGates(
  X: DenseMatrix,
  gates: DenseMatrix,
  shouldStop: () => boolean = () => false,
): PatternSet {
  const patterns = emptyPatterns(gates.rows, X.rows);
  const { wordsPerPattern, words } = patterns;
  const products = new Float64Array(Math.min(X.rows, rowsTogether));
  for (let p = 0; p < gates.rows && !shouldStop(); p += gatesTogether) {
    const last = Math.min(gates.rows, p + gatesTogether);
    for (let r = 0; r < X.rows; r += rowsTogether) {
      const rows = rowsOf(X, r, Math.min(X.rows, r + rowsTogether));
      for (let q = p; q < last; q++) {
        const from = q * wordsPerPattern + (r >> 5);
        setPattern(rows, rowOf(gates, q), products, words.subarray(from, from + Math.ceil(rows.rows / 32)));
      }
    }
  }
  return patterns;
}

/** Gates that go through the rows together, without a look for a stop, a block of rows after the other (a multiple of 32), which stays in a cache. */
const gatesTogether = 64;
const rowsTogether = 2048;

/** Sets the bits of the rows that gate g is on for, in words that are zero. */
function setPattern(X: DenseMatrix, g: Float64Array, products: Float64Array, words: Uint32Array): void {
  rowProducts(X, g, products);
  for (let r = 0; r < X.rows; r++) if (products[r] >= 0) words[r >> 5] |= 1 << (r & 31);
}

/** Gate vectors with their patterns, duplicates and all-zero patterns removed; the first gate of each pattern is kept, in order. */
export interface GateSet {
  /** P x d */
  readonly gates: DenseMatrix;
  readonly patterns: PatternSet;
  /** Gates handed in. */
  readonly requested: number;
  /** How many of them were duplicates or all zero. */
  readonly removed: number;
  /** For each gate handed in, its index here, or -1 when it is on for no row. */
  readonly indexOf: Int32Array;
  /** For each gate kept, its index among those handed in. */
  readonly source: Int32Array;
}

/**
 * Removes duplicates (by hashing the bits) and patterns that no row activates. When stopped, the gates not yet looked at count as
 * removed. `computed`: the patterns of all gates, where they are known already.
 */
export function distinctGates(
  X: DenseMatrix,
  gates: DenseMatrix,
  shouldStop: () => boolean = () => false,
  computed?: PatternSet,
): GateSet {
  const wordsPerPattern = Math.ceil(X.rows / 32);
  const index = new PatternIndex(wordsPerPattern);
  const indexOf = new Int32Array(gates.rows).fill(-1);
  const kept: number[] = [];
  const products = new Float64Array(X.rows);
  let words: Uint32Array = new Uint32Array(wordsPerPattern);
  for (let p = 0; p < gates.rows && !shouldStop(); p++) {
    if (computed !== undefined) words = computed.words.subarray(p * wordsPerPattern, (p + 1) * wordsPerPattern);
    else setPattern(X, rowOf(gates, p), products, words.fill(0));
    if (words.every((word) => word === 0)) continue;
    const { id, isNew } = index.add(words);
    if (isNew) kept.push(p);
    indexOf[p] = id;
  }
  const patterns = emptyPatterns(kept.length, X.rows);
  const data = new Float64Array(kept.length * gates.cols);
  kept.forEach((p, k) => {
    data.set(rowOf(gates, p), k * gates.cols);
    patterns.words.set(index.pattern(k), k * wordsPerPattern);
  });
  return {
    gates: { rows: kept.length, cols: gates.cols, data },
    patterns,
    requested: gates.rows,
    removed: gates.rows - kept.length,
    indexOf,
    source: Int32Array.from(kept),
  };
}

/** Patterns seen so far, numbered in order of arrival. */
export class PatternIndex {
  private readonly buckets = new Map<number, number[]>();
  private readonly stored: Uint32Array[] = [];

  constructor(private readonly wordsPerPattern: number) {}

  get size(): number {
    return this.stored.length;
  }

  /** The number of a pattern; a new one is copied and gets the next number. */
  add(words: Uint32Array): { readonly id: number; readonly isNew: boolean } {
    const known = this.find(words);
    if (known >= 0) return { id: known, isNew: false };
    const key = hashWords(words);
    const bucket = this.buckets.get(key);
    if (bucket === undefined) this.buckets.set(key, [this.stored.length]);
    else bucket.push(this.stored.length);
    this.stored.push(words.slice(0, this.wordsPerPattern));
    return { id: this.stored.length - 1, isNew: true };
  }

  /** The words of a pattern by its number; not to be changed. */
  pattern(id: number): Uint32Array {
    return this.stored[id];
  }

  /** The number of a pattern, or -1. */
  find(words: Uint32Array): number {
    for (const id of this.buckets.get(hashWords(words)) ?? []) {
      const other = this.stored[id];
      let w = 0;
      while (w < other.length && other[w] === words[w]) w++;
      if (w === other.length) return id;
    }
    return -1;
  }
}

/** FNV-1a over 32-bit words, finished so that low bits depend on all. */
function hashWords(words: Uint32Array): number {
  let h = 0x811c9dc5;
  for (let w = 0; w < words.length; w++) {
    h = Math.imul(h ^ words[w], 0x01000193);
    h ^= h >>> 15;
  }
  return h >>> 0;
}
