import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Matrix, inverse, solve } from 'ml-matrix';
import {
  fromTridiagonal,
  solveShifted,
  toTridiagonal,
  traceOfInverse,
  tridiagonalise,
} from '../../../../src/core/base/linalg/tridiagonal.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

test('shifted systems and traces of inverses are those of the matrix, at full and low rank and with rows of zeros', () => {
  const rng = createRng(5);
  for (const n of [1, 2, 3, 8, 25]) {
    for (const rank of [0, 1, 2, n]) {
      const B = new Matrix(Array.from({ length: n }, (_, i) => Array.from({ length: Math.max(1, rank) }, () => (rank === 0 || i === 1 ? 0 : rng.normal())))); // prettier-ignore
      const A = B.mmul(B.transpose());
      const form = tridiagonalise(Float64Array.from(A.to1DArray()), n, () => false)!;
      for (const shift of [1e-3, 1, 40]) {
        const shifted = Matrix.add(A, Matrix.eye(n, n).mul(shift));
        const b = Float64Array.from({ length: n }, () => rng.normal());
        const rotated = b.slice();
        toTridiagonal(form, rotated);
        const x = solveShifted(form, shift, rotated);
        fromTridiagonal(form, x);
        const expected = solve(shifted, Matrix.columnVector(b)).to1DArray();
        x.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-10 / shift, `${n} ${rank} ${shift}`));
        const trace = inverse(shifted).trace();
        assert.ok(Math.abs(traceOfInverse(form, shift) - trace) < 1e-10 * trace);
      }
    }
  }
});

test('a stop is asked for once a column', () => {
  let looks = 0;
  const A = Float64Array.from({ length: 400 }, (_, k) => Math.cos(k) + Math.cos((k % 20) * 20 + Math.floor(k / 20)));
  assert.equal(tridiagonalise(A, 20, () => ++looks > 7), undefined); // prettier-ignore
  assert.equal(looks, 8);
});
