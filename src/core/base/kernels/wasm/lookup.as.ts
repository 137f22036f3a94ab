// Products of a 0/1 matrix with a real one by table lookup (the "four Russians" method): for every 8 rows of T, all 256 sums of a subset of them are
// tabulated; 8 mask bits then select one table entry instead of 8 multiplications.
//   out[rows x width] += Bits[rows x k] T[k x width],  width = 2 * vectors <= 8
// Bits are word-major: word w (mask bits 64 w .. 64 w + 63) of row r is the u64 at bits + w * wordStride + 8 r.

// Rows of T of 1 to 4 vectors, as types, so that each width gets its own code: offsetof<Row>() is the number of bytes of a row.
@unmanaged class Row1 { a: f64; b: f64 }
@unmanaged class Row2 extends Row1 { c: f64; d: f64 }
@unmanaged class Row3 extends Row2 { e: f64; f: f64 }
@unmanaged class Row4 extends Row3 { g: f64; h: f64 }

/** Below this many output rows 4-bit tables are cheaper: filling 8-bit ones costs as much as 256 rows of lookups. */
const SMALL_ROWS = 160;

// Offset of the table entry selected by the 8 bits of x from bit `shift` on; for rows of 64 bytes one shift and one mask.
@inline
function entryAt<Row>(x: u64, shift: i32): usize {
  if (offsetof<Row>() == 64) return <usize>((shift < 6 ? x << 6 : x >> (shift - 6)) & (255 << 6));
  return <usize>((x >> shift) & 255) * offsetof<Row>();
}

@inline
function addTo<Row>(z: usize, q: usize, r0: v128, r1: v128, r2: v128, r3: v128): void {
  v128.store(z, f64x2.add(v128.load(q), r0));
  if (offsetof<Row>() > 16) v128.store(z, f64x2.add(v128.load(q, 16), r1), 16);
  if (offsetof<Row>() > 32) v128.store(z, f64x2.add(v128.load(q, 32), r2), 32);
  if (offsetof<Row>() > 48) v128.store(z, f64x2.add(v128.load(q, 48), r3), 48);
}

// `groups` tables of 2^bits entries, each from `bits` rows at p.
@inline
function buildTables<Row>(bits: i32, groups: i32, t: usize, p: usize): void {
  const entry: usize = offsetof<Row>();
  const zero = f64x2.splat(0);
  for (let g = 0; g < groups; g++) {
    v128.store(t, zero);
    if (offsetof<Row>() > 16) v128.store(t, zero, 16);
    if (offsetof<Row>() > 32) v128.store(t, zero, 32);
    if (offsetof<Row>() > 48) v128.store(t, zero, 48);
    let length = entry;
    for (let b = 0; b < bits; b++) {
      const r0 = v128.load(p);
      const r1 = offsetof<Row>() > 16 ? v128.load(p, 16) : zero;
      const r2 = offsetof<Row>() > 32 ? v128.load(p, 32) : zero;
      const r3 = offsetof<Row>() > 48 ? v128.load(p, 48) : zero;
      p += entry;
      let q = t, z = t + length;
      const end = z;
      while (q < end) {
        addTo<Row>(z, q, r0, r1, r2, r3);
        q += entry;
        z += entry;
      }
      length <<= 1;
    }
    t += entry << bits;
  }
}

function lookupRows<Row>(rows: i32, k: i32, bits: usize, wordStride: usize, T: usize, out: usize, tables: usize): void {
  const entry: usize = offsetof<Row>();
  for (; k >= 64; k -= 64) {
    buildTables<Row>(8, 8, tables, T);
    T += 64 * entry;
    let o = out, bp = bits;
    const end = bp + <usize>rows * 8;
    bits += wordStride;
    while (bp < end) {
      const x = load<u64>(bp);
      bp += 8;
      let q = tables + entryAt<Row>(x, 0);
      let a0 = v128.load(q), a1 = a0, a2 = a0, a3 = a0;
      if (offsetof<Row>() > 16) a1 = v128.load(q, 16);
      if (offsetof<Row>() > 32) a2 = v128.load(q, 32);
      if (offsetof<Row>() > 48) a3 = v128.load(q, 48);
      q = tables + entryAt<Row>(x, 8);
      a0 = f64x2.add(a0, v128.load(q, 1 * 256 * offsetof<Row>()));
      if (offsetof<Row>() > 16) a1 = f64x2.add(a1, v128.load(q, 1 * 256 * offsetof<Row>() + 16));
      if (offsetof<Row>() > 32) a2 = f64x2.add(a2, v128.load(q, 1 * 256 * offsetof<Row>() + 32));
      if (offsetof<Row>() > 48) a3 = f64x2.add(a3, v128.load(q, 1 * 256 * offsetof<Row>() + 48));
      q = tables + entryAt<Row>(x, 16);
      a0 = f64x2.add(a0, v128.load(q, 2 * 256 * offsetof<Row>()));
      if (offsetof<Row>() > 16) a1 = f64x2.add(a1, v128.load(q, 2 * 256 * offsetof<Row>() + 16));
      if (offsetof<Row>() > 32) a2 = f64x2.add(a2, v128.load(q, 2 * 256 * offsetof<Row>() + 32));
      if (offsetof<Row>() > 48) a3 = f64x2.add(a3, v128.load(q, 2 * 256 * offsetof<Row>() + 48));
      q = tables + entryAt<Row>(x, 24);
      a0 = f64x2.add(a0, v128.load(q, 3 * 256 * offsetof<Row>()));
      if (offsetof<Row>() > 16) a1 = f64x2.add(a1, v128.load(q, 3 * 256 * offsetof<Row>() + 16));
      if (offsetof<Row>() > 32) a2 = f64x2.add(a2, v128.load(q, 3 * 256 * offsetof<Row>() + 32));
      if (offsetof<Row>() > 48) a3 = f64x2.add(a3, v128.load(q, 3 * 256 * offsetof<Row>() + 48));
      q = tables + entryAt<Row>(x, 32);
      a0 = f64x2.add(a0, v128.load(q, 4 * 256 * offsetof<Row>()));
      if (offsetof<Row>() > 16) a1 = f64x2.add(a1, v128.load(q, 4 * 256 * offsetof<Row>() + 16));
      if (offsetof<Row>() > 32) a2 = f64x2.add(a2, v128.load(q, 4 * 256 * offsetof<Row>() + 32));
      if (offsetof<Row>() > 48) a3 = f64x2.add(a3, v128.load(q, 4 * 256 * offsetof<Row>() + 48));
      q = tables + entryAt<Row>(x, 40);
      a0 = f64x2.add(a0, v128.load(q, 5 * 256 * offsetof<Row>()));
      if (offsetof<Row>() > 16) a1 = f64x2.add(a1, v128.load(q, 5 * 256 * offsetof<Row>() + 16));
      if (offsetof<Row>() > 32) a2 = f64x2.add(a2, v128.load(q, 5 * 256 * offsetof<Row>() + 32));
      if (offsetof<Row>() > 48) a3 = f64x2.add(a3, v128.load(q, 5 * 256 * offsetof<Row>() + 48));
      q = tables + entryAt<Row>(x, 48);
      a0 = f64x2.add(a0, v128.load(q, 6 * 256 * offsetof<Row>()));
      if (offsetof<Row>() > 16) a1 = f64x2.add(a1, v128.load(q, 6 * 256 * offsetof<Row>() + 16));
      if (offsetof<Row>() > 32) a2 = f64x2.add(a2, v128.load(q, 6 * 256 * offsetof<Row>() + 32));
      if (offsetof<Row>() > 48) a3 = f64x2.add(a3, v128.load(q, 6 * 256 * offsetof<Row>() + 48));
      q = tables + entryAt<Row>(x, 56);
      a0 = f64x2.add(a0, v128.load(q, 7 * 256 * offsetof<Row>()));
      if (offsetof<Row>() > 16) a1 = f64x2.add(a1, v128.load(q, 7 * 256 * offsetof<Row>() + 16));
      if (offsetof<Row>() > 32) a2 = f64x2.add(a2, v128.load(q, 7 * 256 * offsetof<Row>() + 32));
      if (offsetof<Row>() > 48) a3 = f64x2.add(a3, v128.load(q, 7 * 256 * offsetof<Row>() + 48));
      addTo<Row>(o, o, a0, a1, a2, a3);
      o += entry;
    }
  }
  if (k > 0) lookupTail<Row>(8, rows, (k + 7) >> 3, bits, T, out, tables);
}

// One word of which only the first `groups` fields of `width` bits are used.
@inline
function lookupTail<Row>(width: i32, rows: i32, groups: i32, bits: usize, T: usize, out: usize, tables: usize): void {
  const entry: usize = offsetof<Row>();
  const size = entry << width;
  buildTables<Row>(width, groups, tables, T);
  const last = tables + <usize>groups * size;
  const end = bits + <usize>rows * 8;
  while (bits < end) {
    let x = load<u64>(bits);
    bits += 8;
    const zero = f64x2.splat(0);
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
    for (let t = tables; t < last; t += size) {
      const q = t + (<usize>x & ((1 << width) - 1)) * entry;
      x >>= width;
      a0 = f64x2.add(a0, v128.load(q));
      if (offsetof<Row>() > 16) a1 = f64x2.add(a1, v128.load(q, 16));
      if (offsetof<Row>() > 32) a2 = f64x2.add(a2, v128.load(q, 32));
      if (offsetof<Row>() > 48) a3 = f64x2.add(a3, v128.load(q, 48));
    }
    addTo<Row>(out, out, a0, a1, a2, a3);
    out += entry;
  }
}

function lookupFewRows<Row>(rows: i32, k: i32, bits: usize, wordStride: usize, T: usize, out: usize, tables: usize): void {
  for (; k > 0; k -= 64) {
    lookupTail<Row>(4, rows, k >= 64 ? 16 : (k + 3) >> 2, bits, T, out, tables);
    T += offsetof<Row>() * 64;
    bits += wordStride;
  }
}

/** out += Bits T for packed T (rows of 16 * vectors bytes, zero rows up to the next multiple of 8). `tables`: 128 KB of scratch. */
export function lookupProduct(
  vectors: i32, rows: i32, k: i32, bits: usize, wordStride: usize, T: usize, out: usize, tables: usize,
): void {
  if (rows < SMALL_ROWS) {
    if (vectors == 4) lookupFewRows<Row4>(rows, k, bits, wordStride, T, out, tables);
    else if (vectors == 3) lookupFewRows<Row3>(rows, k, bits, wordStride, T, out, tables);
    else if (vectors == 2) lookupFewRows<Row2>(rows, k, bits, wordStride, T, out, tables);
    else lookupFewRows<Row1>(rows, k, bits, wordStride, T, out, tables);
  } else {
    if (vectors == 4) lookupRows<Row4>(rows, k, bits, wordStride, T, out, tables);
    else if (vectors == 3) lookupRows<Row3>(rows, k, bits, wordStride, T, out, tables);
    else if (vectors == 2) lookupRows<Row2>(rows, k, bits, wordStride, T, out, tables);
    else lookupRows<Row1>(rows, k, bits, wordStride, T, out, tables);
  }
}

/**
 * Copies k rows of `width` <= 8 numbers into rows of 16 * vectors bytes, each times scale[row] (scale = 0: unscaled), padded with zero
 * columns, and with zero rows up to the next multiple of 8. Strides in bytes.
 */
export function packRows(
  k: i32, width: i32, vectors: i32, source: usize, rowStride: usize, colStride: usize, scale: usize, scaleStride: usize, o: usize,
): void {
  const entry = <usize>vectors * 16;
  if (width == 8 && colStride == 8) {
    for (let i = 0; i < k; i++) {
      if (scale) {
        const f = v128.load_splat<f64>(scale);
        scale += scaleStride;
        v128.store(o, f64x2.mul(f, v128.load(source)));
        v128.store(o, f64x2.mul(f, v128.load(source, 16)), 16);
        v128.store(o, f64x2.mul(f, v128.load(source, 32)), 32);
        v128.store(o, f64x2.mul(f, v128.load(source, 48)), 48);
      } else {
        v128.store(o, v128.load(source));
        v128.store(o, v128.load(source, 16), 16);
        v128.store(o, v128.load(source, 32), 32);
        v128.store(o, v128.load(source, 48), 48);
      }
      source += rowStride;
      o += entry;
    }
  } else {
    for (let i = 0; i < k; i++) {
      let f: f64 = 1;
      if (scale) {
        f = load<f64>(scale);
        scale += scaleStride;
      }
      let p = source;
      for (let j = 0; j < width; j++) {
        store<f64>(o + <usize>j * 8, f * load<f64>(p));
        p += colStride;
      }
      if (width < 2 * vectors) store<f64>(o + <usize>width * 8, 0);
      source += rowStride;
      o += entry;
    }
  }
  const pad = <usize>(-k & 7) * entry;
  if (pad) memory.fill(o, 0, pad);
}
