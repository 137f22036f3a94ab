import assert from 'node:assert/strict';
import test from 'node:test';
import { patternsByProduct } from '../../../../src/core/problem/patterns/patternProducts.ts';
import { patternsOfGates } from '../../../../src/core/base/patterns.ts';
import { createWasmKernels } from '../../../../src/core/base/kernels/wasmKernels.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

const kernels = createWasmKernels()!;

test('patterns from a fast product are the patterns, also where products cancel to nearly nothing', () => {
  const rng = createRng(3);
  const [n, d, P] = [1100, 31, 700];
  const X = denseMatrix(n, d);
  const gates = denseMatrix(P, d);
  for (let i = 0; i < n * d; i++) X.data[i] = rng.normal() * 10 ** rng.integer(5);
  for (let i = 0; i < P * d; i++) gates.data[i] = rng.normal();
  // boundaries through data rows: the sign of x . g is the sign of its rounding errors
  for (let p = 0; p < P; p += 2) {
    const row = X.data.subarray((p % n) * d, ((p % n) + 1) * d);
    let s = 0;
    for (let k = 0; k < d - 1; k++) s += row[k] * gates.data[p * d + k];
    gates.data[p * d + d - 1] = -s / row[d - 1];
  }
  // exact zeros, tiny and huge numbers
  gates.data.fill(0, 0, d);
  for (let k = 0; k < d; k++) {
    gates.data[d + k] *= 1e-320;
    gates.data[2 * d + k] *= 1e150;
    X.data[k] *= 1e150;
  }
  const want = patternsOfGates(X, gates);
  const got = patternsByProduct(X, gates, kernels, () => false)!;
  assert.deepEqual(got, want);
  const before = kernels.bytesInUse;
  assert.equal(
    patternsByProduct(X, gates, kernels, () => true),
    undefined,
  );
  assert.equal(kernels.bytesInUse, before);
});

test('small products are left to the plain sums', () => {
  assert.equal(
    patternsByProduct(denseMatrix(10, 3), denseMatrix(5, 3), kernels, () => false),
    undefined,
  );
});
