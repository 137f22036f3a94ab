// Kernels on rectified products: scores of many candidate neurons at once, and the ReLU of a layer with its mask.
import { GEMM_SCRATCH, gemmBlock } from './gemm.as';

/** Directions of a piece at most, and data rows at a time. */
export const DIRECTIONS = 64;
const ROWS = 256;
export const NEURON_SCRATCH: usize = GEMM_SCRATCH + <usize>(ROWS * DIRECTIONS * 8);

/** scores[k] := v'(X u_k)_+ and gradients[k] := X'(v on the rows where X u_k > 0) for `count` <= DIRECTIONS rows u_k of U. */
export function searchPiece(n: i32, d: i32, X: usize, v: usize, U: usize, count: i32, scores: usize, gradients: usize, scratch: usize): void {
  const Z = scratch + GEMM_SCRATCH;
  const row = <usize>d * 8;
  const zRow = <usize>count * 8;
  memory.fill(scores, 0, <usize>count * 8);
  memory.fill(gradients, 0, <usize>count * row);
  for (let r = 0; r < n; r += ROWS) {
    const rows = min(ROWS, n - r);
    memory.fill(Z, 0, <usize>rows * zRow);
    gemmBlock(rows, count, d, X, row, 8, U, 8, row, 1, 0, Z, zRow, 8, false, 0, scratch);
    let z = Z;
    for (let i = 0; i < rows; i++) {
      const vi = load<f64>(v);
      const weight = f64x2.splat(vi);
      v += 8;
      let s = scores;
      let k = 0;
      for (; k + 1 < count; k += 2) {
        const x = v128.load(z);
        const on = f64x2.gt(x, f64x2.splat(0));
        v128.store(s, f64x2.add(v128.load(s), f64x2.mul(weight, v128.and(x, on))));
        v128.store(z, v128.and(weight, on));
        z += 16;
        s += 16;
      }
      if (k < count) {
        const x = load<f64>(z);
        const on = x > 0;
        store<f64>(s, load<f64>(s) + vi * (on ? x : 0));
        store<f64>(z, on ? vi : 0);
        z += 8;
      }
    }
    // At most TILE_COLS columns at a time fit the scratch of a tile.
    for (let j = 0; j < d; j += 512) {
      gemmBlock(count, min(512, d - j), rows, Z, 8, zRow, X + <usize>j * 8, row, 8, 1, 0, gradients + <usize>j * 8, row, 8, false, 0, scratch);
    }
    X += <usize>rows * row;
  }
}

/** One row of H := max(H, 0) with its mask bits (32 to a word). */
export function reluRow(cols: i32, h: usize, mask: usize): void {
  for (let j = 0; j < cols; j += 32) {
    let bits: u32 = 0;
    const end = min(32, cols - j);
    let b = 0;
    for (; b + 1 < end; b += 2) {
      const x = v128.load(h);
      const on = f64x2.gt(x, f64x2.splat(0));
      v128.store(h, v128.and(x, on));
      bits |= <u32>i64x2.bitmask(on) << b;
      h += 16;
    }
    if (b < end) {
      const x = load<f64>(h);
      if (x > 0) bits |= <u32>1 << b;
      else store<f64>(h, 0);
      h += 8;
    }
    store<u32>(mask, bits);
    mask += 4;
  }
}

/** One row of G := G where the mask is 1, else 0. */
export function maskRow(cols: i32, g: usize, mask: usize): void {
  for (let j = 0; j < cols; j += 32) {
    let bits = load<u32>(mask);
    mask += 4;
    const end = min(32, cols - j);
    for (let b = 0; b < end; b++) {
      store<u64>(g, load<u64>(g) & (0 - <u64>(bits & 1)));
      bits >>= 1;
      g += 8;
    }
  }
}
