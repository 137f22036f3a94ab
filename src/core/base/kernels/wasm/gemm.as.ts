// Dense products: a packed, blocked GEMM (Goto and van de Geijn 2008) around a micro-kernel of 4 rows x 2 vectors. That block
// needs 12 of the 15 SIMD registers V8 can use; larger ones spill.

/** Rows and columns of the micro-kernel. */
const MR = 4;
const NR = 4;
/** Rows of A and length of the sums packed at a time: 96 x 256 doubles stay in the L2 cache. */
const MC = 96;
const KC = 256;
/** Largest tile: columns of B packed at a time. */
export const TILE_ROWS = 192;
export const TILE_COLS = 512;

/** Scratch: micro tile (128 B), packed A, packed B. */
const PACKED_A: usize = 128;
const PACKED_B: usize = PACKED_A + <usize>(MC * KC * 8);
export const GEMM_SCRATCH: usize = PACKED_B + <usize>(KC * TILE_COLS * 8);

@inline
function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(c, f64x2.mul(a, b));
}

// C[4 x 4] += A[4 x k] B[k x 4] for packed A, B. `rows`, `cols` say how much of the tile exists; entries (i, j) with i + diagonal < j are left
// alone. The two unrolled steps are kept in different basic blocks: V8 would otherwise interleave them and run out of registers.
function microKernel(
  k: i32, a: usize, b: usize, c: usize, rowStride: usize, colStride: usize, rows: i32, cols: i32, diagonal: i32, t: usize,
): void {
  let av: v128 = f64x2.splat(0);
  let b0: v128 = av, b1: v128 = av;
  let c00: v128 = av, c01: v128 = av, c10: v128 = av, c11: v128 = av;
  let c20: v128 = av, c21: v128 = av, c30: v128 = av, c31: v128 = av;
  if (k > 0) {
    while (true) {
      b0 = v128.load(b);
      b1 = v128.load(b, 16);
      av = v128.load_splat<f64>(a);
      c00 = madd(av, b0, c00);
      c01 = madd(av, b1, c01);
      av = v128.load_splat<f64>(a, 8);
      c10 = madd(av, b0, c10);
      c11 = madd(av, b1, c11);
      av = v128.load_splat<f64>(a, 16);
      c20 = madd(av, b0, c20);
      c21 = madd(av, b1, c21);
      av = v128.load_splat<f64>(a, 24);
      c30 = madd(av, b0, c30);
      c31 = madd(av, b1, c31);
      if (--k == 0) break;
      b0 = v128.load(b, 32);
      b1 = v128.load(b, 48);
      av = v128.load_splat<f64>(a, 32);
      c00 = madd(av, b0, c00);
      c01 = madd(av, b1, c01);
      av = v128.load_splat<f64>(a, 40);
      c10 = madd(av, b0, c10);
      c11 = madd(av, b1, c11);
      av = v128.load_splat<f64>(a, 48);
      c20 = madd(av, b0, c20);
      c21 = madd(av, b1, c21);
      av = v128.load_splat<f64>(a, 56);
      c30 = madd(av, b0, c30);
      c31 = madd(av, b1, c31);
      a += 64;
      b += 64;
      if (--k == 0) break;
    }
  }
  if (rows >= MR && cols >= NR && colStride == 8 && diagonal >= NR - 1) {
    v128.store(c, f64x2.add(v128.load(c), c00));
    v128.store(c, f64x2.add(v128.load(c, 16), c01), 16);
    c += rowStride;
    v128.store(c, f64x2.add(v128.load(c), c10));
    v128.store(c, f64x2.add(v128.load(c, 16), c11), 16);
    c += rowStride;
    v128.store(c, f64x2.add(v128.load(c), c20));
    v128.store(c, f64x2.add(v128.load(c, 16), c21), 16);
    c += rowStride;
    v128.store(c, f64x2.add(v128.load(c), c30));
    v128.store(c, f64x2.add(v128.load(c, 16), c31), 16);
    return;
  }
  v128.store(t, c00);
  v128.store(t, c01, 16);
  v128.store(t, c10, 32);
  v128.store(t, c11, 48);
  v128.store(t, c20, 64);
  v128.store(t, c21, 80);
  v128.store(t, c30, 96);
  v128.store(t, c31, 112);
  if (rows > MR) rows = MR;
  if (cols > NR) cols = NR;
  for (let i = 0; i < rows; i++) {
    const end = min(cols, i + diagonal + 1);
    for (let j = 0; j < end; j++) {
      const q = c + <usize>i * rowStride + <usize>j * colStride;
      store<f64>(q, load<f64>(q) + load<f64>(t + <usize>(i * NR + j) * 8));
    }
  }
}

// Strips of 4 rows, k-major. Strides in bytes.
function packA(m: i32, k: i32, a: usize, rowStride: usize, colStride: usize, o: usize): void {
  for (let i = 0; i < m; i += MR) {
    const rows = min(m - i, MR);
    let p = a + <usize>i * rowStride;
    if (rows == MR) {
      const p1 = rowStride, p2 = p1 + p1, p3 = p2 + p1;
      for (let s = 0; s < k; s++) {
        store<f64>(o, load<f64>(p));
        store<f64>(o, load<f64>(p + p1), 8);
        store<f64>(o, load<f64>(p + p2), 16);
        store<f64>(o, load<f64>(p + p3), 24);
        p += colStride;
        o += MR * 8;
      }
    } else {
      for (let s = 0; s < k; s++) {
        for (let r = 0; r < MR; r++) store<f64>(o + <usize>r * 8, r < rows ? load<f64>(p + <usize>r * rowStride) : 0);
        p += colStride;
        o += MR * 8;
      }
    }
  }
}

// Strips of 4 columns, k-major, row s times alpha * w[s] (w = 0: alpha alone).
function packB(k: i32, n: i32, b: usize, rowStride: usize, colStride: usize, alpha: f64, w: usize, o: usize): void {
  for (let j = 0; j < n; j += NR) {
    const cols = min(n - j, NR);
    let p = b + <usize>j * colStride;
    if (cols == NR && colStride == 8) {
      for (let s = 0; s < k; s++) {
        const f = f64x2.splat(w ? alpha * load<f64>(w + <usize>s * 8) : alpha);
        v128.store(o, f64x2.mul(f, v128.load(p)));
        v128.store(o, f64x2.mul(f, v128.load(p, 16)), 16);
        p += rowStride;
        o += NR * 8;
      }
    } else if (cols == NR) {
      const p1 = colStride, p2 = p1 + p1, p3 = p2 + p1;
      for (let s = 0; s < k; s++) {
        const f = w ? alpha * load<f64>(w + <usize>s * 8) : alpha;
        store<f64>(o, f * load<f64>(p));
        store<f64>(o, f * load<f64>(p + p1), 8);
        store<f64>(o, f * load<f64>(p + p2), 16);
        store<f64>(o, f * load<f64>(p + p3), 24);
        p += rowStride;
        o += NR * 8;
      }
    } else {
      for (let s = 0; s < k; s++) {
        const f = w ? alpha * load<f64>(w + <usize>s * 8) : alpha;
        for (let r = 0; r < NR; r++) store<f64>(o + <usize>r * 8, r < cols ? f * load<f64>(p + <usize>r * colStride) : 0);
        p += rowStride;
        o += NR * 8;
      }
    }
  }
}

/**
 * C (m x n, n <= TILE_COLS) += alpha A diag(w) B; strides in bytes. With `lower`, only entries with i + diagonal >= j are touched.
 * The order of the additions depends on k alone, never on how C is cut into tiles.
 */
export function gemmBlock(
  m: i32, n: i32, k: i32,
  a: usize, aRow: usize, aCol: usize,
  b: usize, bRow: usize, bCol: usize,
  alpha: f64, w: usize,
  c: usize, cRow: usize, cCol: usize,
  lower: bool, diagonal: i32, scratch: usize,
): void {
  const pa = scratch + PACKED_A, pb = scratch + PACKED_B;
  for (let p0 = 0; p0 < k; p0 += KC) {
    const kb = min(k - p0, KC);
    packB(kb, n, b + <usize>p0 * bRow, bRow, bCol, alpha, w ? w + <usize>p0 * 8 : 0, pb);
    for (let i0 = 0; i0 < m; i0 += MC) {
      const mb = min(m - i0, MC);
      packA(mb, kb, a + <usize>i0 * aRow + <usize>p0 * aCol, aRow, aCol, pa);
      for (let j = 0; j < n; j += NR) {
        const bj = pb + <usize>(j * kb) * 8;
        for (let i = 0; i < mb; i += MR) {
          // Row i0 + i, column j: the diagonal passes where i0 + i + diagonal = j.
          const offset = lower ? i0 + i + diagonal - j : NR;
          if (offset + MR - 1 < 0) continue;
          microKernel(
            kb, pa + <usize>(i * kb) * 8, bj, c + <usize>(i0 + i) * cRow + <usize>j * cCol, cRow, cCol, mb - i, n - j, offset, scratch,
          );
        }
      }
    }
  }
}

/** C := beta C on a tile (beta = 0 overwrites whatever is there). */
export function scaleBlock(m: i32, n: i32, c: usize, cRow: usize, cCol: usize, beta: f64, lower: bool, diagonal: i32): void {
  if (beta == 1) return;
  for (let i = 0; i < m; i++) {
    const end = lower ? min(n, i + diagonal + 1) : n;
    let q = c + <usize>i * cRow;
    for (let j = 0; j < end; j++) {
      store<f64>(q, beta == 0 ? 0 : beta * load<f64>(q));
      q += cCol;
    }
  }
}
