import { emptyPatterns, type PatternSet } from '../../../../src/core/base/patterns.ts';
import { type DenseMatrix, denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import type { Rng } from '../../../../src/core/base/rng.ts';

export function normals(rng: Rng, length: number): Float64Array {
  return Float64Array.from({ length }, () => rng.normal());
}

export function randomMatrix(rng: Rng, rows: number, cols: number): DenseMatrix {
  return denseMatrix(rows, cols, normals(rng, rows * cols));
}

/** Patterns with each bit on with the given probability. */
export function randomPatterns(rng: Rng, count: number, rows: number, density = 0.5): PatternSet {
  const patterns = emptyPatterns(count, rows);
  for (let p = 0; p < count; p++) {
    for (let r = 0; r < rows; r++) {
      if (rng.uniform() < density) patterns.words[p * patterns.wordsPerPattern + (r >> 5)] |= 1 << (r & 31);
    }
  }
  return patterns;
}

/** Largest difference, relative to the largest entry of `want` (or to 1 when that is smaller). */
export function difference(got: Float64Array, want: Float64Array): number {
  let most = 0;
  let scale = 1;
  for (let i = 0; i < want.length; i++) {
    // written so that a NaN counts as a difference
    if (!(Math.abs(got[i] - want[i]) <= most)) most = Math.abs(got[i] - want[i]);
    scale = Math.max(scale, Math.abs(want[i]));
  }
  return got.length === want.length ? most / scale : Infinity;
}
