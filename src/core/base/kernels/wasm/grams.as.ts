// Weighted Gram matrices of the rows that two patterns share: the blocks of a Newton system of rectified neurons.
import { axpy } from './cholesky.as';
import { GEMM_SCRATCH, gemmBlock } from './gemm.as';

/** Rows gathered at a time are so many that they stay in the L2 cache, but never more than GATHERED. */
const GATHERED = 256;
const GATHER_BYTES: usize = 192 * 1024;
/** Scratch: that of a product, weights, gathered rows. */
const WEIGHTS: usize = GEMM_SCRATCH;
const ROWS: usize = WEIGHTS + <usize>GATHERED * 8;
export const GRAM_SCRATCH: usize = ROWS + GATHER_BYTES;
/** Columns that a tile of a product takes. */
const COLS = 512;

/** out (d x d, row-major) += alpha * sum over the rows r with both bits of w_r x_r x_r'; w has a stride in bytes. With `lower`, only the lower triangle. */
export function gramPiece(
  n: i32, d: i32, X: usize, first: usize, second: usize, w: usize, wStride: usize, out: usize, lower: bool, scratch: usize,
): void {
  const row = <usize>d * 8;
  const limit = max(1, min(GATHERED, <i32>(GATHER_BYTES / row)));
  const words = (n + 31) >> 5;
  memory.fill(out, 0, <usize>d * row);
  let k = 0;
  for (let word = 0; word < words; word++) {
    let bits = load<u32>(first + <usize>word * 4) & load<u32>(second + <usize>word * 4);
    while (bits != 0) {
      const r = <usize>((word << 5) + <i32>ctz(bits));
      bits &= bits - 1;
      memory.copy(scratch + ROWS + <usize>k * row, X + r * row, row);
      store<f64>(scratch + WEIGHTS + <usize>k * 8, load<f64>(w + r * wStride));
      if (++k == limit) {
        flush(k, d, row, out, lower, scratch);
        k = 0;
      }
    }
  }
  if (k > 0) flush(k, d, row, out, lower, scratch);
}

/** out (d x d) += the sum over the rows with both new bits of w_r x_r x_r' less that over the rows with both old ones. */
export function changePiece(
  n: i32, d: i32, X: usize, oldFirst: usize, oldSecond: usize, first: usize, second: usize, w: usize, wStride: usize, out: usize,
): void {
  const row = <usize>d * 8;
  const words = (n + 31) >> 5;
  for (let word = 0; word < words; word++) {
    const at = <usize>word * 4;
    const both = load<u32>(first + at) & load<u32>(second + at);
    let bits = both ^ (load<u32>(oldFirst + at) & load<u32>(oldSecond + at));
    while (bits != 0) {
      const bit = <i32>ctz(bits);
      bits &= bits - 1;
      const r = <usize>((word << 5) + bit);
      const weight = load<f64>(w + r * wStride);
      const x = X + r * row;
      const f = ((both >> bit) & 1) != 0 ? weight : -weight;
      let o = out;
      for (let k = 0; k < d; k++) {
        axpy(d, f * load<f64>(x + <usize>k * 8), x, o);
        o += row;
      }
    }
  }
}

function flush(k: i32, d: i32, row: usize, out: usize, lower: bool, scratch: usize): void {
  const P = scratch + ROWS;
  for (let j = 0; j < d; j += COLS) {
    gemmBlock(
      d, min(COLS, d - j), k, P, 8, row, P + <usize>j * 8, row, 8, 1, scratch + WEIGHTS, out + <usize>j * 8, row, 8, lower, -j, scratch,
    );
  }
}
