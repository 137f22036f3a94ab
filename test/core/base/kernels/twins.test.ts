// The WebAssembly kernels against the plain TypeScript ones.
import assert from 'node:assert/strict';
import test from 'node:test';
import { pairsOf } from '../../../../src/core/base/patterns.ts';
import { createReferenceKernels } from '../../../../src/core/base/kernels/reference.ts';
import { createWasmKernels } from '../../../../src/core/base/kernels/wasmKernels.ts';
import type { BlockPlace, HessianTerms, Kernels } from '../../../../src/core/base/kernels/kernels.ts';
import { allowRelaxedSimd } from '../../../../src/platform/node/relaxedSimd.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { difference, normals, randomMatrix, randomPatterns } from './random.ts';

const reference = createReferenceKernels();

/** Every build the runtime can load. */
function builds(): { readonly label: string; readonly kernels: Kernels }[] {
  allowRelaxedSimd();
  const shared = createWasmKernels({ relaxed: false });
  const unshared = createWasmKernels({ shared: false });
  const best = createWasmKernels();
  assert.ok(shared && unshared && best, 'this Node has WebAssembly SIMD');
  assert.equal(best.name, 'wasm-relaxed-simd');
  return [
    { label: 'shared memory', kernels: shared },
    { label: 'unshared memory', kernels: unshared },
    { label: 'relaxed SIMD', kernels: best },
  ];
}

function close(got: Float64Array, want: Float64Array, what: string, tolerance = 1e-12): void {
  const d = difference(got, want);
  assert.ok(d <= tolerance, `${what}: relative difference ${d}`);
}

// rows, features, gates, outputs: multiples of nothing, both sides of every block size (8, 64, 160, 512, 4096), and the empty ends
const shapes: readonly (readonly [number, number, number, number])[] = [
  [0, 3, 4, 1],
  [5, 3, 0, 1],
  [5, 0, 3, 2],
  [1, 1, 1, 1],
  [2, 2, 1, 3],
  [63, 7, 65, 1],
  [64, 8, 64, 2],
  [65, 9, 63, 1],
  [159, 5, 200, 1],
  [161, 10, 161, 3],
  [200, 13, 517, 1],
  [530, 33, 150, 2],
  [4100, 3, 9, 1],
  [40, 2, 4200, 1],
  [17000, 2, 5, 1],
];

for (const { label, kernels } of builds()) {
  for (const [n, d, P, c] of shapes) {
    test(`masked products, ${label}, ${n} rows x ${d} features x ${P} gates x ${c} outputs`, () => {
      const rng = createRng(n * 31 + d * 7 + P + c);
      const X = randomMatrix(rng, n, d);
      const patterns = randomPatterns(rng, P, n, 0.1 + 0.8 * rng.uniform());
      const fast = kernels.createMaskedOperator(X, patterns);
      const plain = reference.createMaskedOperator(X, patterns);
      const lists: (Int32Array | undefined)[] = [undefined, new Int32Array(0)];
      if (P > 0) {
        lists.push(Int32Array.of(P - 1));
        lists.push(Int32Array.from({ length: Math.min(P, 90) }, () => rng.integer(P)));
      }
      for (const gates of lists) {
        const m = gates?.length ?? P;
        const V = normals(rng, m * d * c);
        const xi = normals(rng, n * c);
        const [f, f0] = [normals(rng, n * c), new Float64Array(n * c)];
        fast.forward(V, c, f, gates);
        plain.forward(V, c, f0, gates);
        close(f, f0, 'forward');
        const [g, g0] = [normals(rng, m * d * c), new Float64Array(m * d * c)];
        fast.adjoint(xi, c, g, gates);
        plain.adjoint(xi, c, g0, gates);
        close(g, g0, 'adjoint');
        if (gates === undefined || n > 5000) continue;
        const [q, q0] = [normals(rng, m * n * c), new Float64Array(m * n * c)];
        fast.fits(V, c, q, gates);
        plain.fits(V, c, q0, gates);
        close(q, q0, 'fits');
      }
      fast.dispose();
      plain.dispose();
    });
  }

  for (const [n, d, P, c, block] of [
    [1, 1, 1, 1, true],
    [9, 2, 3, 1, true],
    [70, 5, 130, 1, true],
    [203, 11, 64, 1, true],
    [30, 4, 20, 3, true],
    [30, 4, 20, 3, false],
    [67, 9, 70, 2, false],
    [20, 3, 5, 2, true],
  ] as const) {
    test(`Hessian, ${label}, ${n} rows x ${P} gates x ${c} outputs, ${block ? 'blocks' : 'per output'}`, () => {
      const rng = createRng(n + P);
      const X = randomMatrix(rng, n, d);
      const patterns = randomPatterns(rng, P, n);
      const fast = kernels.createMaskedOperator(X, patterns);
      const plain = reference.createMaskedOperator(X, patterns);
      const H = kernels.createSymmetricSystem(n * c);
      const H0 = reference.createSymmetricSystem(n * c);
      for (const m of [P, 0, Math.min(3, P)]) {
        const rank = block ? m : m * c;
        const terms: HessianTerms = {
          outputs: c,
          sigma: 0.3,
          diagonal: m === 0 ? 2 : normals(rng, n * c).map((x) => 2 + x * x),
          gates: Int32Array.from({ length: m }, (_, k) => k),
          a: normals(rng, m * c).map(Math.abs),
          b: normals(rng, rank).map(Math.abs),
          q: normals(rng, rank * (block ? n * c : n)),
          ...(block ? {} : { outputOf: Int32Array.from({ length: rank }, (_, t) => t % c) }),
        };
        // what is there before must not matter, and the upper triangle must be left alone
        fast.hessian(terms, H);
        plain.hessian(terms, H0);
        close(H.matrix.slice(), H0.matrix, 'Hessian');
        assert.equal(H.factor(), true);
        H0.factor();
        close(H.matrix.slice(), H0.matrix, 'factor', 1e-11);
      }
      for (const handle of [fast, H]) handle.dispose();
    });
  }

  test(`dense products, ${label}`, () => {
    const rng = createRng(5);
    for (const [m, n, k] of [
      [1, 1, 1],
      [0, 3, 2],
      [3, 2, 0],
      [5, 7, 300],
      [4, 4, 256],
      [97, 3, 257],
      [193, 515, 11],
      [130, 66, 70],
      [2, 130, 4200],
    ]) {
      for (const [transA, transB] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ]) {
        const A = normals(rng, m * k);
        const B = normals(rng, k * n);
        for (const beta of [0, 1, -0.5]) {
          const C = beta === 0 ? new Float64Array(m * n).fill(NaN) : normals(rng, m * n);
          const C0 = C.slice();
          kernels.gemm(transA, transB, m, n, k, 1.5, A, B, beta, C);
          reference.gemm(transA, transB, m, n, k, 1.5, A, B, beta, C0);
          close(C, C0, `gemm ${m} x ${n} x ${k}`);
        }
        const C = normals(rng, m * m);
        const C0 = C.slice();
        kernels.syrk(transA, m, k, 0.5, A, 2, C);
        reference.syrk(transA, m, k, 0.5, A, 2, C0);
        close(C, C0, `syrk ${m} x ${k}`);
      }
      for (const trans of [false, true]) {
        // in the kernels' own memory and in ordinary arrays
        const own = kernels.alloc(m * n);
        own.set(normals(rng, m * n));
        const x = normals(rng, Math.max(m, n));
        for (const A of [own, own.slice()]) {
          for (const beta of [0, 0.7]) {
            const y = beta === 0 ? new Float64Array(Math.max(m, n)).fill(NaN) : normals(rng, Math.max(m, n));
            const y0 = y.slice();
            kernels.gemv(trans, m, n, 0.3, A, x, beta, y);
            reference.gemv(trans, m, n, 0.3, own, x, beta, y0);
            const length = trans ? n : m;
            close(y.subarray(0, length), y0.subarray(0, length), 'gemv');
          }
        }
        kernels.free(own);
      }
    }
  });

  test(`symmetric systems, ${label}`, () => {
    const rng = createRng(6);
    for (const n of [0, 1, 3, 64, 65, 130, 259, 520]) {
      const A = normals(rng, n * (n + 5));
      const w = normals(rng, n + 5).map(Math.abs);
      for (const trans of [false, true]) {
        const S = kernels.createSymmetricSystem(n);
        const S0 = reference.createSymmetricSystem(n);
        for (const system of [S, S0]) {
          system.addDiagonal(1);
          system.addProduct(trans, n + 5, 0.5, A, w);
          system.addProduct(trans, n + 5, 0.1, A);
        }
        close(S.matrix.slice(), S0.matrix, 'product');
        assert.equal(S.factor(), true);
        assert.equal(S0.factor(), true);
        close(S.matrix.slice(), S0.matrix, 'factor', 1e-11);
        for (const columns of [1, 2, 7]) {
          for (const method of ['solve', 'solveLower', 'solveUpper'] as const) {
            const B = normals(rng, n * columns);
            const B0 = B.slice();
            S[method](B, columns);
            S0[method](B0, columns);
            close(B, B0, method, 1e-10);
          }
        }
        S.dispose();
      }
    }
    const indefinite = kernels.createSymmetricSystem(100);
    indefinite.addDiagonal(Float64Array.from({ length: 100 }, (_, i) => (i === 90 ? -1 : 1)));
    assert.equal(indefinite.factor(), false);
    const broken = kernels.createSymmetricSystem(2);
    broken.addDiagonal(NaN);
    assert.equal(broken.factor(), false);
  });

  test(`blocks of pairs at their places in a symmetric system, ${label}`, () => {
    const rng = createRng(11);
    for (const [d, dims] of [
      [3, [3, 3]],
      [5, [5, 2, 5, 0, 4]],
      [70, [70, 65, 70, 68]],
      [530, [525, 530]],
    ] as const) {
      const m = dims.length;
      const gap = 2;
      let from = 1;
      const places = dims.map((dim, a): BlockPlace => {
        const basis = dim === d ? undefined : normals(rng, dim * d);
        const place: BlockPlace = { from, dim, sign: a % 3 === 1 ? -1 : 1, basis };
        from += dim + gap;
        return place;
      });
      const [blocks, own] = [normals(rng, ((m * (m + 1)) / 2) * d * d), normals(rng, m * d * d)];
      const systems = [kernels, reference].map((each) => each.createSymmetricSystem(from));
      const start = normals(rng, from * from);
      const [got, want] = systems.map((system) => {
        system.matrix.set(start);
        system.addBlocks(blocks, own, d, places);
        return system.matrix.slice();
      });
      close(got, want, `blocks of ${d} coordinates`);
      for (const system of systems) system.dispose();
    }
    // of one block, in the coordinates of the basis: by hand
    const system = kernels.createSymmetricSystem(2);
    const basis = Float64Array.of(1, 2);
    system.addBlocks(new Float64Array(12).fill(1), Float64Array.of(1, 2, 2, 5, 1, 0, 0, 1), 2, [
      { from: 0, dim: 1, sign: 1, basis },
      { from: 1, dim: 1, sign: -1, basis },
    ]);
    assert.deepEqual([system.matrix[0], system.matrix[2], system.matrix[3]], [29, -9, 5]);
    system.dispose();
  });

  test(`products and weighted Gram matrices of rows, ${label}`, () => {
    const rng = createRng(11);
    for (const [n, d, count, c] of [
      [1, 1, 1, 1],
      [70, 5, 4, 1],
      [600, 9, 3, 2],
      [300, 530, 2, 1],
    ]) {
      const X = randomMatrix(rng, n, d);
      const rows = kernels.createRowOperator(X);
      const plain = reference.createRowOperator(X);
      const U = normals(rng, count * d);
      const [t, t0] = [new Float64Array(count * n), new Float64Array(count * n)];
      rows.products(U, count, t);
      plain.products(U, count, t0);
      close(t, t0, 'products');
      const [s, s0] = [new Float64Array(count * d), new Float64Array(count * d)];
      rows.sums(t0, count, s);
      plain.sums(t0, count, s0);
      close(s, s0, 'sums');
      const span = { from: n >> 2, to: n - (n >> 3) };
      const inside = span.to - span.from;
      rows.products(U, count, t.subarray(0, count * inside), span);
      for (let k = 0; k < count; k++) {
        close(
          t.subarray(k * inside, (k + 1) * inside),
          t0.subarray(k * n + span.from, k * n + span.to),
          'some products',
        );
      }
      rows.sums(t, count, s, span);
      plain.sums(t, count, s0, span);
      close(s, s0, 'some sums');
      const words = (n + 31) >>> 5;
      const bits = new Uint32Array(count * words);
      for (let k = 0; k < count; k++) {
        for (let r = 0; r < n; r++) if (rng.uniform() < 0.5) bits[k * words + (r >>> 5)] |= 1 << (r & 31);
      }
      const W = normals(rng, n * c * c);
      const outputOf = Int32Array.from({ length: count }, (_, k) => k % c);
      const size = ((count * (count + 1)) / 2) * d * d;
      const [g, g0] = [new Float64Array(size), new Float64Array(size)];
      rows.grams({ bits, count }, W, c, outputOf, g);
      plain.grams({ bits, count }, W, c, outputOf, g0);
      close(g, g0, 'grams');
      // the others stay as they are
      const first = count >> 1;
      const from = pairsOf(first) * d * d;
      for (const [handle, out] of [
        [rows, g],
        [plain, g0],
      ] as const) {
        out.fill(7, 0, from);
        handle.grams({ bits, count, first }, W, c, outputOf, out);
      }
      close(g, g0, 'some grams');
      assert.ok(g.subarray(0, from).every((value) => value === 7));
      for (const [handle, out] of [
        [rows, g],
        [plain, g0],
      ] as const)
        handle.grams({ bits, count }, W, c, outputOf, out);
      const after = bits.map((word) => word ^ (1 << rng.integer(32)));
      // bits past the last row stay zero
      if (n % 32 > 0) for (let k = words - 1; k < after.length; k += words) after[k] &= 2 ** (n % 32) - 1;
      rows.changeGrams({ before: bits, after }, count, W, c, outputOf, g);
      plain.grams({ bits: after, count }, W, c, outputOf, g0);
      for (let a = 0, at = 0; a < count; a++) {
        for (let b = 0; b <= a; b++, at += d * d) {
          // of a pattern with itself the upper triangle is nobody's
          for (let x = 0; x < d; x++)
            for (let y = x + 1; a === b && y < d; y++) g[at + x * d + y] = g0[at + x * d + y] = 0;
        }
      }
      close(g, g0, 'changed grams');
      rows.dispose();
    }
  });

  test(`ReLU masks, ${label}`, () => {
    const rng = createRng(7);
    for (const [n, d] of [
      [1, 1],
      [300, 5],
      [257, 520],
      [40, 12],
    ]) {
      const X = randomMatrix(rng, n, d);
      const own = kernels.alloc(n * d);
      const mask = new Uint32Array(n * ((d + 31) >>> 5)).fill(0xffffffff);
      for (const H of [own, new Float64Array(n * d)]) {
        H.set(X.data);
        if (n * d > 2) H[2] = NaN;
        H[0] = 0;
        const H0 = H.slice();
        const mask0 = mask.slice();
        kernels.relu(n, d, H, mask);
        reference.relu(n, d, H0, mask0);
        assert.deepEqual([...H], [...H0]);
        assert.deepEqual([...mask], [...mask0]);
        H.fill(3);
        H0.fill(3);
        kernels.applyMask(n, d, H, mask);
        reference.applyMask(n, d, H0, mask0);
        assert.deepEqual([...H], [...H0]);
      }
      kernels.free(own);
    }
  });

  test(`a layer of rectified neurons, ${label}`, () => {
    const rng = createRng(12);
    for (const [n, d, m, c] of [
      [0, 3, 4, 1],
      [1, 1, 1, 1],
      [3, 5, 0, 1],
      [65, 4, 8, 1],
      [130, 7, 19, 3],
      [600, 33, 9, 2],
      [2100, 11, 70, 1],
    ]) {
      // sixteenths, of which sums are exact in single precision: so every neuron is on on the same rows, and some lie on a kink
      const sixteenths = (length: number): Float64Array => normals(rng, length).map((x) => Math.round(16 * x) / 16);
      const X = denseMatrix(n + 5, d, sixteenths((n + 5) * d));
      const outputOf = Int32Array.from({ length: m }, () => rng.integer(c));
      const [W, a] = [sixteenths(m * d), normals(rng, m)];
      const order = Int32Array.from({ length: n + 2 }, (_, i) => (7 * i) % (n + 5));
      const fast = kernels.createReluLayer(n + 3, d, outputOf, c);
      const plain = reference.createReluLayer(n + 3, d, outputOf, c);
      for (const [places, from, count, used] of [
        [null, 0, n, m],
        [null, 2, n + 3, m >> 1],
        [order, 1, n, m],
        [order, 0, n, Math.min(m, 1)],
      ] as const) {
        // what earlier rows and neurons left must not matter
        const [F, F0] = [normals(rng, count * c), new Float64Array(count * c)];
        const [S, S0] = [normals(rng, used * d), new Float64Array(used * d)];
        const G = normals(rng, count * c);
        for (const [layer, fit, sums] of [
          [fast, F, S],
          [plain, F0, S0],
        ] as const) {
          layer.load(X, places, from, count);
          layer.forward(W, a, fit, used);
          layer.backward(G, sums);
        }
        close(F, F0, 'outputs', 1e-5);
        close(S, S0, 'sums', 1e-5);
      }
      fast.dispose();
      plain.dispose();
    }
  });

  test(`memory stays as it is over many problems, ${label}`, () => {
    const rng = createRng(8);
    const before = kernels.bytesInUse;
    const use = (round: number): void => {
      const n = 50 + (round % 7) * 30;
      const X = randomMatrix(rng, n, 6);
      const patterns = randomPatterns(rng, 40, n);
      const operator = kernels.createMaskedOperator(X, patterns);
      const system = kernels.createSymmetricSystem(n);
      const array = kernels.alloc(100);
      const gates = Int32Array.of(1, 5, 7 + (round % 30));
      const out = new Float64Array(n);
      operator.forward(normals(rng, 18), 1, out, gates);
      const terms = { outputs: 1, sigma: 1, diagonal: 1, gates, a: Float64Array.of(1, 1, 1), b: new Float64Array(0) };
      operator.hessian({ ...terms, q: new Float64Array(0) }, system);
      kernels.free(array);
      system.dispose();
      operator.dispose();
      operator.dispose();
    };
    for (let round = 0; round < 14; round++) use(round);
    const settled = kernels.bytesInUse;
    for (let round = 0; round < 1000; round++) use(round);
    assert.equal(kernels.bytesInUse, settled);
    // what is left is the room to pass arrays in, which is kept
    assert.ok(settled - before < 2 ** 16, `${settled - before} bytes`);
  });

  test(`too large a problem is refused with the size that would fit, ${label}`, () => {
    const small = createWasmKernels({ budgetBytes: 16 * 2 ** 20, shared: label !== 'unshared memory' })!;
    const rng = createRng(9);
    const attempt = (n: number) => () =>
      small.createMaskedOperator(randomMatrix(rng, n, 50), randomPatterns(rng, 20, n));
    let refused = 0;
    assert.throws(attempt(60000), (error: Error) => {
      const found = /with 50 features and 20 gates, (\d+) rows would fit/.exec(error.message);
      refused = Number(found?.[1]);
      return error.name === 'KernelMemoryError' && refused > 0;
    });
    attempt(refused)().dispose();
    assert.throws(() => small.createSymmetricSystem(5000), /symmetric matrix of order \d+ would fit/);
    small.dispose();
  });

  test(`a budget that changes while kernels live holds at once, and for memory taken before, ${label}`, () => {
    const plain = createReferenceKernels();
    const fast = createWasmKernels({ shared: label !== 'unshared memory' })!;
    for (const kernels of [plain, fast]) {
      const wide = kernels.budgetBytes;
      kernels.createSymmetricSystem(1000).dispose();
      kernels.budgetBytes = 4e6;
      assert.throws(() => kernels.createSymmetricSystem(1000), { name: 'KernelMemoryError' });
      kernels.createSymmetricSystem(500).dispose();
      kernels.budgetBytes = wide;
      kernels.createSymmetricSystem(1000).dispose();
      kernels.dispose();
    }
  });
}

test('a long call answers to the interrupt', () => {
  const rng = createRng(10);
  const kernels = createWasmKernels()!;
  const X = randomMatrix(rng, 9000, 40);
  const operator = kernels.createMaskedOperator(X, randomPatterns(rng, 1500, 9000));
  const V = normals(rng, 1500 * 40);
  let asked = 0;
  kernels.interrupt = () => ++asked >= 2;
  assert.throws(() => operator.forward(V, 1, new Float64Array(9000)), { name: 'KernelsInterrupted' });
  assert.equal(asked, 2);
  kernels.interrupt = undefined;
  operator.forward(V, 1, new Float64Array(9000));
});
