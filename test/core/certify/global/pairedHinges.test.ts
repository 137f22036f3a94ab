import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evaluateHinges, hingeSum } from '../../../../src/core/certify/global/hingeSum.ts';
import { normBound } from '../../../../src/core/certify/global/normBounds.ts';
import { pairedHinges } from '../../../../src/core/certify/global/pairedHinges.ts';
import { type DenseMatrix, denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

function draw(seed: number, n: number, d: number): { X: DenseMatrix; v: Float64Array } {
  const rng = createRng(seed);
  const X = denseMatrix(
    n,
    d,
    Float64Array.from({ length: n * d }, () => rng.normal()),
  );
  return { X, v: Float64Array.from({ length: n }, () => rng.normal()) };
}

const size = (m: DenseMatrix): number => {
  let total = 0;
  for (let i = 0; i < m.rows; i++) total += Math.hypot(...m.data.subarray(i * m.cols, (i + 1) * m.cols));
  return total;
};

void test('pairing gains with losses never lowers the function, and shortens the rows', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 2, max: 30 }),
      fc.integer({ min: 1, max: 5 }),
      fc.double({ min: 0.05, max: 2, noNaN: true }),
      (seed, n, d, reach) => {
        const { X, v } = draw(seed, n, d);
        const h = hingeSum(X, v, d);
        const paired = pairedHinges(h, reach);
        if (paired === undefined) return;
        assert.ok(size(paired.gain) + size(paired.loss) <= (size(h.gain) + size(h.loss)) * (1 + 1e-12));
        const rng = createRng(seed + 1);
        for (let k = 0; k < 20; k++) {
          const z = Float64Array.from({ length: h.dim }, () => rng.normal());
          const [below, above] = [evaluateHinges(h, z), evaluateHinges(paired, z)];
          assert.ok(above >= below - 1e-12 * h.size * Math.hypot(...z), `${above} < ${below}`);
        }
      },
    ),
    { seed: 3, numRuns: 200 },
  );
});

void test('opposite weights on nearly equal rows cancel, which the norms alone do not see', () => {
  const rng = createRng(8);
  const { X: half } = draw(7, 20, 4);
  const X = denseMatrix(40, 4);
  X.data.set(half.data);
  X.data.set(
    half.data.map((x) => x + 0.01 * rng.normal()),
    80,
  );
  const v = Float64Array.from({ length: 40 }, (_, i) => (i < 20 ? 1 : -1));
  const h = hingeSum(X, v, 4);
  const paired = pairedHinges(h, 0.6)!;
  assert.ok(normBound(paired) < 0.1 * normBound(h), `${normBound(paired)} against ${normBound(h)}`);
});

void test('nothing to pair: one sign only, or no two rows close enough', () => {
  const { X } = draw(2, 6, 3);
  assert.equal(pairedHinges(hingeSum(X, new Float64Array(6).fill(1), 3), 2), undefined);
  const far = denseMatrix(2, 2, Float64Array.of(1, 0, 0, 1));
  assert.equal(pairedHinges(hingeSum(far, Float64Array.of(1, -1), 2), 0.5), undefined);
});
