// The ReLU of a layer of any width, with its mask.

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
