import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { dualMaximumByRowNorms, reachOfRows } from '../../../src/core/certify/rowNormBound.ts';
import { denseMatrix } from '../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../src/core/base/rng.ts';

test('no direction has a larger dual constraint than norms of rows allow, with and without a free bias', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.boolean(), (seed, free) => {
      const rng = createRng(seed);
      const [n, d, c] = [7, 3, 2];
      const X = denseMatrix(n, d);
      X.data.forEach((_, k) => (X.data[k] = free && k % d === d - 1 ? 1 : rng.normal()));
      const V = Float64Array.from({ length: n * c }, () => rng.normal());
      if (free) {
        for (let o = 0; o < c; o++) {
          let mean = 0;
          for (let i = 0; i < n; i++) mean += V[i * c + o] / n;
          for (let i = 0; i < n; i++) V[i * c + o] -= mean;
        }
      }
      const bound = dualMaximumByRowNorms(reachOfRows(X, free ? d - 1 : d), V, c);
      for (let draw = 0; draw < 50; draw++) {
        const u = Float64Array.from({ length: d }, () => rng.normal());
        const size = Math.hypot(...u.subarray(0, free ? d - 1 : d));
        for (let o = 0; o < c; o++) {
          let s = 0;
          for (let i = 0; i < n; i++) {
            let t = 0;
            for (let k = 0; k < d; k++) t += (X.data[i * d + k] * u[k]) / size;
            s += V[i * c + o] * Math.max(0, t);
          }
          assert.ok(Math.abs(s) <= bound, `${s} above ${bound}`);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test('norms bound nothing where the free column is not the same in all rows', () => {
  const X = denseMatrix(2, 2, Float64Array.of(1, 1, 2, 3));
  assert.equal(dualMaximumByRowNorms(reachOfRows(X, 1), Float64Array.of(1, -1), 1), Infinity);
});
