// The masked operator (V_i) -> sum_i D_i X V_i, cut into pieces ("chunks") that do not share outputs.
import { lookupProduct, packRows } from './lookup.as';

/** Rows of output worked on at a time: 4096 rows of 64 bytes stay in the L2 cache. */
export const ROW_BLOCK = 4096;
/** Rows of the right-hand matrix packed at a time. */
const PACK_BLOCK = 512;

/** Scratch: tables, packed right-hand side, output panel. */
const TABLES: usize = 0;
const PACKED: usize = TABLES + 8 * 256 * 64;
const PANEL: usize = PACKED + <usize>PACK_BLOCK * 64;
export const MASKED_SCRATCH: usize = PANEL + <usize>ROW_BLOCK * 64;

/**
 * partial[r0 .. r1) := sum over features j0 .. j0 + width of X[r, j] (Bits V)[r, j], for V with the given strides. Bits: of n rows, m gates.
 */
export function forwardPiece(
  n: i32, d: i32, m: i32, r0: i32, r1: i32, j0: i32, width: i32,
  bits: usize, X: usize, V: usize, vRow: usize, vCol: usize, partial: usize, scratch: usize,
): void {
  const vectors = (width + 1) >> 1;
  const entry = <usize>vectors * 16;
  const rows = r1 - r0;
  const wordStride = <usize>n * 8;
  memory.fill(scratch + PANEL, 0, <usize>rows * entry);
  bits += <usize>r0 * 8;
  for (let k = 0; k < m; k += PACK_BLOCK) {
    const kb = min(m - k, PACK_BLOCK);
    packRows(kb, width, vectors, V + <usize>k * vRow, vRow, vCol, 0, 0, scratch + PACKED);
    lookupProduct(vectors, rows, kb, bits + <usize>(k >> 6) * wordStride, wordStride, scratch + PACKED, scratch + PANEL, scratch + TABLES);
  }
  let x = X + (<usize>r0 * <usize>d + <usize>j0) * 8;
  let p = scratch + PANEL;
  partial += <usize>r0 * 8;
  const stride = <usize>d * 8;
  for (let r = 0; r < rows; r++) {
    let s: f64 = 0;
    if (width == 8) {
      const t = f64x2.add(
        f64x2.add(f64x2.mul(v128.load(x), v128.load(p)), f64x2.mul(v128.load(x, 16), v128.load(p, 16))),
        f64x2.add(f64x2.mul(v128.load(x, 32), v128.load(p, 32)), f64x2.mul(v128.load(x, 48), v128.load(p, 48))),
      );
      s = f64x2.extract_lane(t, 0) + f64x2.extract_lane(t, 1);
    } else {
      for (let j = 0; j < width; j++) s += load<f64>(x + <usize>j * 8) * load<f64>(p + <usize>j * 8);
    }
    store<f64>(partial, s);
    partial += 8;
    x += stride;
    p += entry;
  }
}

/** out[r * outStride] := sum of the `count` partial vectors (n apart), in their order. */
export function sumPartials(n: i32, count: i32, partial: usize, out: usize, outStride: usize): void {
  const step = <usize>n * 8;
  for (let r = 0; r < n; r++) {
    let s: f64 = 0;
    let p = partial + <usize>r * 8;
    for (let k = 0; k < count; k++) {
      s += load<f64>(p);
      p += step;
    }
    store<f64>(out, s);
    out += outStride;
  }
}

/**
 * G[i, j] := sum over rows r in [r0, r1) of Bits[i, r] xi[r] X[r, j0 + j] for gates i in [g0, g1) and j < width; G has the given strides, gate 0 at
 * G. Bits: of m gates, n rows; r0 is a multiple of 64.
 */
export function adjointPiece(
  d: i32, m: i32, r0: i32, r1: i32, g0: i32, g1: i32, j0: i32, width: i32,
  bits: usize, X: usize, xi: usize, xiStride: usize, G: usize, gRow: usize, gCol: usize, scratch: usize,
): void {
  const vectors = (width + 1) >> 1;
  const entry = <usize>vectors * 16;
  const gates = g1 - g0;
  const wordStride = <usize>m * 8;
  memory.fill(scratch + PANEL, 0, <usize>gates * entry);
  bits += <usize>g0 * 8;
  const stride = <usize>d * 8;
  for (let r = r0; r < r1; r += PACK_BLOCK) {
    const kb = min(r1 - r, PACK_BLOCK);
    packRows(kb, width, vectors, X + <usize>r * stride + <usize>j0 * 8, stride, 8, xi + <usize>r * xiStride, xiStride, scratch + PACKED);
    lookupProduct(vectors, gates, kb, bits + <usize>(r >> 6) * wordStride, wordStride, scratch + PACKED, scratch + PANEL, scratch + TABLES);
  }
  let p = scratch + PANEL;
  G += <usize>g0 * gRow;
  for (let i = 0; i < gates; i++) {
    let g = G;
    for (let j = 0; j < width; j++) {
      store<f64>(g, load<f64>(p + <usize>j * 8));
      g += gCol;
    }
    G += gRow;
    p += entry;
  }
}

/**
 * H[r, s] := sigma K[r, s] sum_k a_k Bits[r, k] Bits[s, k] for the columns s in [s0, s0 + 8) (s0 a multiple of 8) and rows r >= s; H with the given
 * strides. rowBits: of n rows, m gates; gateBits: of m gates, n rows.
 */
export function overlapPiece(
  n: i32, m: i32, s0: i32, rowBits: usize, gateBits: usize, a: usize, aStride: usize, sigma: f64, K: usize,
  H: usize, hRow: usize, hCol: usize, scratch: usize,
): void {
  const width = min(8, n - s0);
  const vectors = (width + 1) >> 1;
  const entry = <usize>vectors * 16;
  const wordStride = <usize>n * 8;
  const packed = scratch + PACKED;
  for (let r0 = s0; r0 < n; r0 += ROW_BLOCK) {
    const rows = min(n - r0, ROW_BLOCK);
    memory.fill(scratch + PANEL, 0, <usize>rows * entry);
    for (let k = 0; k < m; k += PACK_BLOCK) {
      const kb = min(m - k, PACK_BLOCK);
      let g = gateBits + (<usize>(s0 >> 6) * <usize>m + <usize>k) * 8;
      let ak = a + <usize>k * aStride;
      let o = packed;
      for (let i = 0; i < kb; i++) {
        const w = load<f64>(ak);
        const x = load<u64>(g) >> (s0 & 63);
        for (let j = 0; j < 2 * vectors; j++) store<f64>(o + <usize>j * 8, (x >> j) & 1 ? w : 0);
        g += 8;
        ak += aStride;
        o += entry;
      }
      const pad = <usize>(-kb & 7) * entry;
      if (pad) memory.fill(o, 0, pad);
      lookupProduct(
        vectors, rows, kb, rowBits + <usize>(k >> 6) * wordStride + <usize>r0 * 8, wordStride, packed, scratch + PANEL, scratch + TABLES,
      );
    }
    let p = scratch + PANEL;
    for (let r = r0; r < r0 + rows; r++) {
      const end = min(width, r - s0 + 1);
      let h = H + <usize>r * hRow + <usize>s0 * hCol;
      const q = K + (<usize>r * <usize>n + <usize>s0) * 8;
      for (let j = 0; j < end; j++) {
        store<f64>(h, sigma * load<f64>(q + <usize>j * 8) * load<f64>(p + <usize>j * 8));
        h += hCol;
      }
      p += entry;
    }
  }
}

/** Zeroes out[r * stride] where bit r of the gate is 0, without a branch that nobody could predict. Bits: word w of the gate at bits + w * wordStride. */
export function maskRows(n: i32, bits: usize, wordStride: usize, out: usize, stride: usize): void {
  for (let r = 0; r < n; r += 64) {
    let x = load<u64>(bits);
    bits += wordStride;
    const end = min(64, n - r);
    for (let b = 0; b < end; b++) {
      store<u64>(out, load<u64>(out) & (0 - (x & 1)));
      x >>= 1;
      out += stride;
    }
  }
}

/** The bits of gates list[0 .. m) (list = 0: all), from word-major bits of P gates to word-major bits of m gates. */
export function gatherGates(words: i32, P: i32, m: i32, bits: usize, list: usize, out: usize): void {
  for (let w = 0; w < words; w++) {
    for (let k = 0; k < m; k++) {
      store<u64>(out, load<u64>(bits + <usize>load<i32>(list + <usize>k * 4) * 8));
      out += 8;
    }
    bits += <usize>P * 8;
  }
}

/**
 * Transposes a word-major bit matrix of m rows (gates) and n columns (data rows) into the word-major one of n rows and m columns.
 * 64 x 64 blocks, by exchanging ever smaller halves. `block`: 512 bytes of scratch.
 */
export function transposeBits(m: i32, n: i32, bits: usize, out: usize, block: usize): void {
  for (let k = 0; k < m; k += 64) {
    const gates = min(64, m - k);
    for (let r = 0; r < n; r += 64) {
      const rows = min(64, n - r);
      let p = bits + (<usize>(r >> 6) * <usize>m + <usize>k) * 8;
      for (let i = 0; i < gates; i++) {
        store<u64>(block + <usize>i * 8, load<u64>(p));
        p += 8;
      }
      if (gates < 64) memory.fill(block + <usize>gates * 8, 0, <usize>(64 - gates) * 8);
      let mask: u64 = 0x00000000ffffffff;
      for (let j: u32 = 32; j != 0; j >>= 1) {
        for (let i: u32 = 0; i < 64; i = ((i | j) + 1) & ~j) {
          const q = block + <usize>i * 8, z = q + <usize>j * 8;
          const x = load<u64>(q), y = load<u64>(z);
          const t = ((x >> j) ^ y) & mask;
          store<u64>(q, x ^ (t << j));
          store<u64>(z, y ^ t);
        }
        mask ^= mask << (<u64>(j >> 1));
      }
      p = out + (<usize>(k >> 6) * <usize>n + <usize>r) * 8;
      for (let i = 0; i < rows; i++) {
        store<u64>(p, load<u64>(block + <usize>i * 8));
        p += 8;
      }
    }
  }
}

/** Word-major 64-bit words from gate-major 32-bit words (`stride` words per gate). */
export function importBits(m: i32, stride: i32, source: usize, out: usize): void {
  for (let k = 0; k < m; k++) {
    for (let w = 0; w < stride; w += 2) {
      let x = <u64>load<u32>(source);
      source += 4;
      if (w + 1 < stride) {
        x |= <u64>load<u32>(source) << 32;
        source += 4;
      }
      store<u64>(out + (<usize>(w >> 1) * <usize>m + <usize>k) * 8, x);
    }
  }
}
