// A layer of rectified neurons on rows of data, in single precision: output and gradient without the products of rows and neurons ever being written.
// Neurons come in strips of eight of one output, rows in groups of four; data rows are padded to a multiple of four features, and to four rows.

/** Rows whose slopes are held at a time. */
const ROWS = 256;
export const LAYER_SCRATCH: usize = <usize>ROWS * 32;

@inline
function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

@inline
function total(x: v128): f64 {
  return (<f64>f32x4.extract_lane(x, 0) + <f64>f32x4.extract_lane(x, 1)) + (<f64>f32x4.extract_lane(x, 2) + <f64>f32x4.extract_lane(x, 3));
}

// Which of eight neurons are on, one bit each.
@inline
function bits(on0: v128, on1: v128): i32 {
  return i32x4.bitmask(on0) | (i32x4.bitmask(on1) << 4);
}

@inline
function add(at: usize, x: f64): void {
  store<f64>(at, load<f64>(at) + x);
}

/**
 * F[r, outputs[s]] += sum over the neurons of strip s of a (w'x_r)_+ for the rows [r0, r1), r0 a multiple of four; rows up to the next multiple of four are
 * written to as well. W: strips x d x 8, a: strips x 8, F: rows x c doubles; on: strips x stride bytes, bit j of byte r for w_j'x_r > 0.
 */
export function layerForward(
  d: i32, r0: i32, r1: i32, X: usize, xRow: usize, strips: i32, W: usize, a: usize, outputs: usize, on: usize, stride: usize, F: usize, c: i32,
): void {
  const zero = f32x4.splat(0);
  const fRow = <usize>c * 8;
  for (let r = r0; r < r1; r += 4) {
    const x0 = X + <usize>r * xRow, x1 = x0 + xRow, x2 = x1 + xRow, x3 = x2 + xRow;
    let f0 = zero, f1 = zero, f2 = zero, f3 = zero;
    let w = W, sizes = a;
    let mask = on + <usize>r;
    let output = strips > 0 ? load<i32>(outputs) : 0;
    for (let s = 0; s < strips; s++) {
      let av: v128 = zero, b0: v128 = zero, b1: v128 = zero;
      let c00: v128 = zero, c01: v128 = zero, c10: v128 = zero, c11: v128 = zero;
      let c20: v128 = zero, c21: v128 = zero, c30: v128 = zero, c31: v128 = zero;
      for (let k: usize = 0, end = <usize>d * 4; k < end; k += 4) {
        b0 = v128.load(w);
        b1 = v128.load(w, 16);
        av = v128.load_splat<f32>(x0 + k);
        c00 = madd(av, b0, c00);
        c01 = madd(av, b1, c01);
        av = v128.load_splat<f32>(x1 + k);
        c10 = madd(av, b0, c10);
        c11 = madd(av, b1, c11);
        av = v128.load_splat<f32>(x2 + k);
        c20 = madd(av, b0, c20);
        c21 = madd(av, b1, c21);
        av = v128.load_splat<f32>(x3 + k);
        c30 = madd(av, b0, c30);
        c31 = madd(av, b1, c31);
        w += 32;
      }
      const own = load<i32>(outputs + <usize>s * 4);
      if (own != output) {
        const to = F + <usize>r * fRow + <usize>output * 8;
        add(to, total(f0));
        add(to + fRow, total(f1));
        add(to + 2 * fRow, total(f2));
        add(to + 3 * fRow, total(f3));
        f0 = zero;
        f1 = zero;
        f2 = zero;
        f3 = zero;
        output = own;
      }
      b0 = v128.load(sizes);
      b1 = v128.load(sizes, 16);
      sizes += 32;
      let on0 = f32x4.gt(c00, zero), on1 = f32x4.gt(c01, zero);
      f0 = madd(b1, v128.and(c01, on1), madd(b0, v128.and(c00, on0), f0));
      let four = bits(on0, on1);
      on0 = f32x4.gt(c10, zero);
      on1 = f32x4.gt(c11, zero);
      f1 = madd(b1, v128.and(c11, on1), madd(b0, v128.and(c10, on0), f1));
      four |= bits(on0, on1) << 8;
      on0 = f32x4.gt(c20, zero);
      on1 = f32x4.gt(c21, zero);
      f2 = madd(b1, v128.and(c21, on1), madd(b0, v128.and(c20, on0), f2));
      four |= bits(on0, on1) << 16;
      on0 = f32x4.gt(c30, zero);
      on1 = f32x4.gt(c31, zero);
      f3 = madd(b1, v128.and(c31, on1), madd(b0, v128.and(c30, on0), f3));
      four |= bits(on0, on1) << 24;
      store<i32>(mask, four);
      mask += stride;
    }
    const to = F + <usize>r * fRow + <usize>output * 8;
    add(to, total(f0));
    add(to + fRow, total(f1));
    add(to + 2 * fRow, total(f2));
    add(to + 3 * fRow, total(f3));
  }
}

/** sums (strips x groups of four features x 4 x 8 doubles) := for every neuron the sum over the rows [r0, r1) on which it is on of G[r, output] x_r. */
export function layerBackward(
  groups: i32, r0: i32, r1: i32, X: usize, xRow: usize, strips: i32, outputs: usize, on: usize, stride: usize, G: usize, c: i32, sums: usize,
  scratch: usize,
): void {
  const strip = <usize>groups * 256;
  memory.fill(sums, 0, <usize>strips * strip);
  const bit0 = i32x4(1, 2, 4, 8), bit1 = i32x4(16, 32, 64, 128);
  const zero = f32x4.splat(0);
  for (let from = r0; from < r1; from += ROWS) {
    const rows = min(ROWS, r1 - from);
    for (let s = 0; s < strips; s++) {
      let mask = on + <usize>s * stride + <usize>from;
      let g = G + (<usize>from * <usize>c + <usize>load<i32>(outputs + <usize>s * 4)) * 8;
      let slope = scratch;
      for (let r = 0; r < rows; r++) {
        const value = f32x4.splat(<f32>load<f64>(g));
        const eight = i32x4.splat(<i32>load<u8>(mask));
        v128.store(slope, v128.and(value, i32x4.ne(v128.and(eight, bit0), zero)));
        v128.store(slope, v128.and(value, i32x4.ne(v128.and(eight, bit1), zero)), 16);
        slope += 32;
        g += <usize>c * 8;
        mask++;
      }
      for (let k = 0; k < groups; k++) {
        let x = X + <usize>from * xRow + <usize>k * 16;
        slope = scratch;
        let av: v128 = zero, b0: v128 = zero, b1: v128 = zero;
        let c00: v128 = zero, c01: v128 = zero, c10: v128 = zero, c11: v128 = zero;
        let c20: v128 = zero, c21: v128 = zero, c30: v128 = zero, c31: v128 = zero;
        for (let r = 0; r < rows; r++) {
          b0 = v128.load(slope);
          b1 = v128.load(slope, 16);
          av = v128.load_splat<f32>(x);
          c00 = madd(av, b0, c00);
          c01 = madd(av, b1, c01);
          av = v128.load_splat<f32>(x, 4);
          c10 = madd(av, b0, c10);
          c11 = madd(av, b1, c11);
          av = v128.load_splat<f32>(x, 8);
          c20 = madd(av, b0, c20);
          c21 = madd(av, b1, c21);
          av = v128.load_splat<f32>(x, 12);
          c30 = madd(av, b0, c30);
          c31 = madd(av, b1, c31);
          slope += 32;
          x += xRow;
        }
        const to = sums + <usize>s * strip + <usize>k * 256;
        addEight(to, c00, c01);
        addEight(to + 64, c10, c11);
        addEight(to + 128, c20, c21);
        addEight(to + 192, c30, c31);
      }
    }
  }
}

@inline
function addEight(to: usize, x0: v128, x1: v128): void {
  v128.store(to, f64x2.add(v128.load(to), f64x2.promote_low_f32x4(x0)));
  v128.store(to, f64x2.add(v128.load(to, 16), f64x2.promote_low_f32x4(i8x16.shuffle(x0, x0, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15))), 16);
  v128.store(to, f64x2.add(v128.load(to, 32), f64x2.promote_low_f32x4(x1)), 32);
  v128.store(to, f64x2.add(v128.load(to, 48), f64x2.promote_low_f32x4(i8x16.shuffle(x1, x1, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15))), 48);
}
