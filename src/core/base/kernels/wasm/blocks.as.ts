// Blocks of pairs at their places in a symmetric matrix, in other coordinates there.
import { GEMM_SCRATCH, gemmBlock } from './gemm.as';

/** Rows and columns of what is between the two products of a block. */
const ROWS = 64;
const COLS = 512;
export const BLOCK_SCRATCH: usize = GEMM_SCRATCH + <usize>(ROWS * COLS * 8);

/** C (m x n, m rows of `cRow` bytes) += alpha A B for B of k x n in tiles of columns; with `lower`, entries (i, j) with i + diagonal >= j. */
function product(
  m: i32, n: i32, k: i32, a: usize, aRow: usize, b: usize, bRow: usize, bCol: usize, alpha: f64, c: usize, cRow: usize, lower: bool, diagonal: i32,
  scratch: usize,
): void {
  for (let j = 0; j < n; j += COLS) {
    gemmBlock(
      m, min(COLS, n - j), k, a, aRow, 8, b + <usize>j * bCol, bRow, bCol, alpha, 0, c + <usize>j * 8, cRow, 8, lower, diagonal - j, scratch,
    );
  }
}

/** A += Z_a B Z_b' at the places of a and b, each four integers: first coordinate, their number, sign, and where Z is (0: all d as they are). `own`: a = b, lower triangle. */
export function placeBlock(d: i32, order: i32, A: usize, B: usize, a: usize, b: usize, own: bool, scratch: usize): void {
  const dimA = load<i32>(a, 4), dimB = load<i32>(b, 4);
  const zA = load<usize>(a, 12), zB = load<usize>(b, 12);
  const sign = <f64>(load<i32>(a, 8) * load<i32>(b, 8));
  const row = <usize>d * 8, aRow = <usize>order * 8;
  let to = A + <usize>load<i32>(a) * aRow + <usize>load<i32>(b) * 8;
  if (zA == 0 && zB == 0) {
    for (let x = 0; x < d; x++) {
      const end = own ? x + 1 : d;
      for (let y = 0; y < end; y++) {
        const at = to + <usize>y * 8;
        store<f64>(at, load<f64>(at) + sign * load<f64>(B + <usize>y * 8));
      }
      to += aRow;
      B += row;
    }
  } else if (zB == 0) {
    product(dimA, d, d, zA, row, B, row, 8, sign, to, aRow, own, 0, scratch);
  } else if (zA == 0) {
    product(d, dimB, d, B, row, zB, 8, row, sign, to, aRow, own, 0, scratch);
  } else {
    const T = scratch + GEMM_SCRATCH;
    for (let i = 0; i < dimA; i += ROWS) {
      const rows = min(ROWS, dimA - i);
      for (let j = 0; j < d; j += COLS) {
        const cols = min(COLS, d - j);
        const width = <usize>cols * 8;
        memory.fill(T, 0, <usize>rows * width);
        gemmBlock(rows, cols, d, zA + <usize>i * row, row, 8, B + <usize>j * 8, row, 8, 1, 0, T, width, 8, false, 0, scratch);
        product(rows, dimB, cols, T, width, zB + <usize>j * 8, 8, row, sign, to + <usize>i * aRow, aRow, own, i, scratch);
      }
    }
  }
}
