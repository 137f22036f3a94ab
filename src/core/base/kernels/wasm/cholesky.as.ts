// The parts of a blocked, right-looking Cholesky factorisation that are not GEMM, and triangular solves. Row-major, lower triangle; strides in bytes.

@inline
function sumLanes(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** x'y of k numbers. */
export function dot(k: i32, x: usize, y: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (; k >= 8; k -= 8) {
    s0 = f64x2.add(s0, f64x2.mul(v128.load(x), v128.load(y)));
    s1 = f64x2.add(s1, f64x2.mul(v128.load(x, 16), v128.load(y, 16)));
    s2 = f64x2.add(s2, f64x2.mul(v128.load(x, 32), v128.load(y, 32)));
    s3 = f64x2.add(s3, f64x2.mul(v128.load(x, 48), v128.load(y, 48)));
    x += 64;
    y += 64;
  }
  let s = sumLanes(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)));
  for (; k > 0; k--) {
    s += load<f64>(x) * load<f64>(y);
    x += 8;
    y += 8;
  }
  return s;
}

/** y += f x for k numbers. */
export function axpy(k: i32, f: f64, x: usize, y: usize): void {
  const fv = f64x2.splat(f);
  for (; k >= 4; k -= 4) {
    v128.store(y, f64x2.add(v128.load(y), f64x2.mul(fv, v128.load(x))));
    v128.store(y, f64x2.add(v128.load(y, 16), f64x2.mul(fv, v128.load(x, 16))), 16);
    x += 32;
    y += 32;
  }
  for (; k > 0; k--) {
    store<f64>(y, load<f64>(y) + f * load<f64>(x));
    x += 8;
    y += 8;
  }
}

/** Factors the leading n x n block in place. 0: it is not positive definite. */
export function factorBlock(n: i32, A: usize, stride: usize): i32 {
  for (let i = 0; i < n; i++) {
    const ai = A + <usize>i * stride;
    for (let j = 0; j < i; j++) {
      const aj = A + <usize>j * stride;
      const q = ai + <usize>j * 8;
      store<f64>(q, (load<f64>(q) - dot(j, ai, aj)) / load<f64>(aj + <usize>j * 8));
    }
    const q = ai + <usize>i * 8;
    const s = load<f64>(q) - dot(i, ai, ai);
    if (!(s > 0)) return 0;
    store<f64>(q, sqrt<f64>(s));
  }
  return 1;
}

/** B (rows x n) := B L'^-1 for the n x n factor L: the panel below a factored diagonal block. Four rows at a time share the loads of L. */
export function solvePanel(rows: i32, n: i32, L: usize, B: usize, stride: usize): void {
  for (; rows >= 4; rows -= 4) {
    const b0 = B, b1 = b0 + stride, b2 = b1 + stride, b3 = b2 + stride;
    let l = L;
    for (let j = 0; j < n; j++) {
      let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
      let o: usize = 0;
      for (let k = j; k >= 2; k -= 2) {
        const v = v128.load(l + o);
        s0 = f64x2.add(s0, f64x2.mul(v, v128.load(b0 + o)));
        s1 = f64x2.add(s1, f64x2.mul(v, v128.load(b1 + o)));
        s2 = f64x2.add(s2, f64x2.mul(v, v128.load(b2 + o)));
        s3 = f64x2.add(s3, f64x2.mul(v, v128.load(b3 + o)));
        o += 16;
      }
      let t0 = sumLanes(s0), t1 = sumLanes(s1), t2 = sumLanes(s2), t3 = sumLanes(s3);
      if (j & 1) {
        const v = load<f64>(l + o);
        t0 += v * load<f64>(b0 + o);
        t1 += v * load<f64>(b1 + o);
        t2 += v * load<f64>(b2 + o);
        t3 += v * load<f64>(b3 + o);
        o += 8;
      }
      const r = load<f64>(l + o);
      store<f64>(b0 + o, (load<f64>(b0 + o) - t0) / r);
      store<f64>(b1 + o, (load<f64>(b1 + o) - t1) / r);
      store<f64>(b2 + o, (load<f64>(b2 + o) - t2) / r);
      store<f64>(b3 + o, (load<f64>(b3 + o) - t3) / r);
      l += stride;
    }
    B += 4 * stride;
  }
  for (; rows > 0; rows--) {
    let l = L;
    for (let j = 0; j < n; j++) {
      const q = B + <usize>j * 8;
      store<f64>(q, (load<f64>(q) - dot(j, l, B)) / load<f64>(l + <usize>j * 8));
      l += stride;
    }
    B += stride;
  }
}

/** b := L^-1 b. */
export function solveLowerVector(n: i32, L: usize, b: usize): void {
  const stride = <usize>n * 8;
  for (let i = 0; i < n; i++) {
    const q = b + <usize>i * 8;
    store<f64>(q, (load<f64>(q) - dot(i, L, b)) / load<f64>(L + <usize>i * 8));
    L += stride;
  }
}

/** b := L'^-1 b. */
export function solveUpperVector(n: i32, L: usize, b: usize): void {
  const stride = <usize>n * 8;
  for (let i = n - 1; i >= 0; i--) {
    const row = L + <usize>i * stride;
    const q = b + <usize>i * 8;
    const x = load<f64>(q) / load<f64>(row + <usize>i * 8);
    store<f64>(q, x);
    axpy(i, -x, row, b);
  }
}

/** B (n x columns, rows contiguous) := L^-1 B for a diagonal block L with row stride `stride`. */
export function solveLowerBlock(n: i32, columns: i32, L: usize, stride: usize, B: usize): void {
  const width = <usize>columns * 8;
  for (let i = 0; i < n; i++) {
    const row = B + <usize>i * width;
    for (let k = 0; k < i; k++) axpy(columns, -load<f64>(L + <usize>k * 8), B + <usize>k * width, row);
    divide(columns, load<f64>(L + <usize>i * 8), row);
    L += stride;
  }
}

/** B (n x columns) := L'^-1 B for a diagonal block. */
export function solveUpperBlock(n: i32, columns: i32, L: usize, stride: usize, B: usize): void {
  const width = <usize>columns * 8;
  for (let i = n - 1; i >= 0; i--) {
    const l = L + <usize>i * stride;
    const row = B + <usize>i * width;
    divide(columns, load<f64>(l + <usize>i * 8), row);
    for (let k = 0; k < i; k++) axpy(columns, -load<f64>(l + <usize>k * 8), row, B + <usize>k * width);
  }
}

function divide(k: i32, by: f64, x: usize): void {
  for (; k > 0; k--) {
    store<f64>(x, load<f64>(x) / by);
    x += 8;
  }
}
