// Factorisations and solves against ml-matrix, an independent implementation.
import assert from 'node:assert/strict';
import test from 'node:test';
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { createReferenceKernels } from '../../../../src/core/base/kernels/reference.ts';
import { createWasmKernels } from '../../../../src/core/base/kernels/wasmKernels.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { difference, normals } from './random.ts';

for (const kernels of [createReferenceKernels(), createWasmKernels()!]) {
  for (const n of [1, 2, 63, 64, 130, 300]) {
    test(`Cholesky of order ${n}, ${kernels.name}`, () => {
      const rng = createRng(n);
      const A = normals(rng, n * (n + 3));
      const wide = Matrix.from1DArray(n, n + 3, A);
      const dense = wide.mmul(wide.transpose());
      for (let i = 0; i < n; i++) dense.set(i, i, dense.get(i, i) + 0.1);
      const factor = new CholeskyDecomposition(dense);
      const system = kernels.createSymmetricSystem(n);
      system.addDiagonal(0.1);
      system.addProduct(false, n + 3, 1, A);
      assert.equal(system.factor(), true);
      const L = Float64Array.from(factor.lowerTriangularMatrix.to1DArray());
      const lower = Float64Array.from(system.matrix, (x, at) => (at % n <= Math.floor(at / n) ? x : 0));
      assert.ok(difference(lower, L) < 1e-11);
      const b = normals(rng, 3 * n);
      const x = b.slice();
      system.solve(x, 3);
      const want = Float64Array.from(factor.solve(Matrix.from1DArray(n, 3, b)).to1DArray());
      assert.ok(difference(x, want) < 1e-9);
      system.dispose();
    });
  }
}
