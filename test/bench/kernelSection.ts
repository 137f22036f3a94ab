import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { PatternSet } from '../../src/core/base/patterns.ts';
import { patternsOfGates } from '../../src/core/base/patterns.ts';
import { createReferenceKernels } from '../../src/core/base/kernels/reference.ts';
import { createWasmKernels } from '../../src/core/base/kernels/wasmKernels.ts';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import { denseMatrix } from '../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../src/core/base/rng.ts';
import { compared, ratio, seconds, table } from './timing.ts';

const rng = createRng(3);
const normals = (length: number): Float64Array => Float64Array.from({ length }, () => rng.normal());

/** Every kernel against its plain TypeScript twin and, where it has the operation, ml-matrix. */
export function benchKernels(): void {
  const fast = createWasmKernels();
  if (fast === undefined) throw new Error('this runtime has no WebAssembly SIMD');
  const plain = createReferenceKernels();
  console.log(
    `Build in use: ${fast.name}. GF: multiply-add flops (of the plain sums, for masked products) per second of CPU.`,
  );
  const rows: string[][] = [];
  const add = (what: string, flops: number, times: Record<string, number>): void => {
    const { wasm, typescript } = times;
    const library = times['ml-matrix'];
    rows.push([
      what,
      seconds(wasm),
      `${(flops / wasm / 1e9).toFixed(1)} GF`,
      ratio(typescript / wasm),
      library === undefined ? '' : ratio(library / wasm),
    ]);
  };

  for (const [n, d, P] of [
    [442, 11, 500],
    [1000, 50, 500],
    [2000, 50, 1000],
  ]) {
    const X = denseMatrix(n, d, normals(n * d));
    const patterns = patternsOfGates(X, denseMatrix(P, d, normals(P * d)));
    maskedRows(fast, plain, X.data, n, d, patterns, add);
  }
  for (const N of [128, 512]) {
    const [A, B] = [normals(N * N), normals(N * N)];
    const [mA, mB] = [Matrix.from1DArray(N, N, A), Matrix.from1DArray(N, N, B)];
    const run = (kernels: Kernels): (() => void) => {
      const [a, b, c] = [kernels.alloc(N * N), kernels.alloc(N * N), kernels.alloc(N * N)];
      a.set(A);
      b.set(B);
      return () => kernels.gemm(false, false, N, N, N, 1, a, b, 0, c);
    };
    add(`GEMM ${N}`, 2 * N ** 3, compared({ wasm: run(fast), typescript: run(plain), 'ml-matrix': () => mA.mmul(mB) }));
  }
  for (const N of [100, 442, 1000]) {
    const A = normals(N * N);
    const positive = plain.createSymmetricSystem(N);
    positive.addDiagonal(N);
    positive.addProduct(false, N, 1, A);
    const source = positive.matrix.slice();
    const full = new Matrix(N, N);
    for (let i = 0; i < N; i++) for (let j = 0; j < N; j++) full.set(i, j, source[i >= j ? i * N + j : j * N + i]);
    const run = (kernels: Kernels): (() => void) => {
      const system = kernels.createSymmetricSystem(N);
      return () => {
        system.matrix.set(source);
        system.factor();
      };
    };
    const ways = { wasm: run(fast), typescript: run(plain), 'ml-matrix': () => new CholeskyDecomposition(full) };
    add(`Cholesky ${N}`, N ** 3 / 3, compared(ways));
  }
  {
    const [n, d, count] = [500, 11, 256];
    const X = denseMatrix(n, d, normals(n * d));
    const [v, U] = [normals(n), normals(count * d)];
    const run = (kernels: Kernels): (() => void) => {
      const layer = kernels.createReluLayer(n, d, new Int32Array(count), 1);
      layer.load(X, null, 0, n);
      const [fit, slopes, ones] = [new Float64Array(n), new Float64Array(count * d), new Float64Array(count).fill(1)];
      return () => {
        layer.forward(U, ones, fit);
        layer.backward(v, slopes);
      };
    };
    add(
      `layer of neurons ${n} x ${d}, ${count} of them, both ways`,
      4 * n * d * count,
      compared({ wasm: run(fast), typescript: run(plain) }),
    );
  }
  table(['kernel', 'time', 'rate', 'TypeScript /', 'ml-matrix /'], rows);
  fast.dispose();
}

function maskedRows(
  fast: Kernels,
  plain: Kernels,
  X: Float64Array,
  n: number,
  d: number,
  patterns: PatternSet,
  add: (what: string, flops: number, times: Record<string, number>) => void,
): void {
  const P = patterns.count;
  const V = normals(P * d);
  const xi = normals(n);
  const size = `${n} x ${d}, ${P} gates`;
  const on = (kernels: Kernels) => kernels.createMaskedOperator(denseMatrix(n, d, X), patterns);
  const [f, p] = [on(fast), on(plain)];
  const [out, grad] = [new Float64Array(n), new Float64Array(P * d)];
  const mV = Matrix.from1DArray(P, d, V);
  const mX = Matrix.from1DArray(n, d, X);
  const mXi = Matrix.from1DArray(
    n,
    d,
    Float64Array.from({ length: n * d }, (_, i) => xi[Math.floor(i / d)]),
  );
  // as a library user writes it: D V, then row sums with X; D' (xi X)
  const D = new Matrix(n, P);
  const words = patterns.wordsPerPattern;
  for (let r = 0; r < n; r++) {
    for (let k = 0; k < P; k++) D.set(r, k, (patterns.words[k * words + (r >> 5)] >>> (r & 31)) & 1);
  }
  const Dt = D.transpose();
  const forward = {
    wasm: () => f.forward(V, 1, out),
    typescript: () => p.forward(V, 1, out),
    'ml-matrix': () => void Matrix.mul(D.mmul(mV), mX).sum('row'),
  };
  const adjoint = {
    wasm: () => f.adjoint(xi, 1, grad),
    typescript: () => p.adjoint(xi, 1, grad),
    'ml-matrix': () => void Dt.mmul(Matrix.mul(mX, mXi)),
  };
  add(`masked forward ${size}`, 2 * n * d * P, compared(forward));
  add(`masked adjoint ${size}`, 2 * n * d * P, compared(adjoint));
  const m = 160;
  const gates = Int32Array.from({ length: m }, (_, k) => k);
  const q = new Float64Array(m * n);
  f.fits(V.subarray(0, m * d), 1, q, gates);
  const [a, b] = [normals(m).map(Math.abs), normals(m).map(Math.abs)];
  const hessian = (kernels: Kernels, operator: typeof f): (() => void) => {
    const H = kernels.createSymmetricSystem(n);
    return () => operator.hessian({ outputs: 1, sigma: 1, diagonal: 1, gates, a, b, q }, H);
  };
  if (n <= 1000) {
    add(
      `Hessian ${n}, ${m} active`,
      2 * n * n * m,
      compared({ wasm: hessian(fast, f), typescript: hessian(plain, p) }),
    );
  }
  f.dispose();
  p.dispose();
}
