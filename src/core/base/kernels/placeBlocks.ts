import { pairsOf } from '../patterns.ts';
import type { BlockPlace } from './kernels.ts';

/** The lower triangle of A (order x order) += the blocks of all pairs of places, as `SymmetricSystem.addBlocks` says. */
export function placeBlocks(
  A: Float64Array,
  order: number,
  blocks: Float64Array,
  own: Float64Array,
  d: number,
  places: readonly BlockPlace[],
): void {
  const size = d * d;
  places.forEach((first, a) => {
    for (let b = 0; b <= a; b++) {
      const second = places[b];
      const from = b === a ? a * size : (pairsOf(a) + b) * size;
      const block = (b === a ? own : blocks).subarray(from, from + size);
      const turned = first.basis === undefined ? block : timesBlock(first.basis, block, d);
      const sign = first.sign * second.sign;
      for (let x = 0; x < first.dim; x++) {
        const row = (first.from + x) * order + second.from;
        const end = b === a ? x + 1 : second.dim;
        for (let y = 0; y < end; y++) A[row + y] += sign * entry(turned, x * d, second.basis, y, d);
      }
    }
  });
}

/** Z B for Z of rows of d numbers. */
function timesBlock(Z: Float64Array, B: Float64Array, d: number): Float64Array {
  const out = new Float64Array(Z.length);
  for (let at = 0; at < Z.length; at += d) {
    for (let k = 0; k < d; k++) {
      const z = Z[at + k];
      for (let j = 0; j < d; j++) out[at + j] += z * B[k * d + j];
    }
  }
  return out;
}

/** The row of `turned` from `at` on times row y of Z, or its number y. */
function entry(turned: Float64Array, at: number, Z: Float64Array | undefined, y: number, d: number): number {
  if (Z === undefined) return turned[at + y];
  let s = 0;
  for (let j = 0; j < d; j++) s += turned[at + j] * Z[y * d + j];
  return s;
}
