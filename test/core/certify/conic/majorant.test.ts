import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { denseMatrix, withOnesColumn } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { bracketDualMaximum } from '../../../../src/core/certify/global/dualMaximum.ts';
import { unitLines } from '../../../../src/core/certify/conic/lines.ts';
import type { LinePair } from '../../../../src/core/certify/conic/pairs.ts';
import { lineLoads, type MajorantMultipliers, proveMajorant } from '../../../../src/core/certify/conic/majorant.ts';
import { noTriangles } from '../../../../src/core/certify/conic/triangleCones.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

/** Rows with some repeated, opposite and zero ones, and v; with a free bias v sums to zero. */
function instance(seed: number, n: number, d: number, free: boolean) {
  const rng = createRng(seed);
  const raw = denseMatrix(n, d);
  for (let i = 0; i < n * d; i++) raw.data[i] = rng.normal();
  if (n > 3) for (let k = 0; k < d; k++) raw.data[3 * d + k] = (seed % 2 === 0 ? 1 : -2) * raw.data[k];
  if (n > 4 && seed % 3 === 0) raw.data.fill(0, 4 * d, 5 * d);
  const X = free ? withOnesColumn(raw) : raw;
  const v = Float64Array.from({ length: n }, () => rng.normal());
  if (free) {
    const mean = v.reduce((a, b) => a + b, 0) / n;
    for (let i = 0; i < n; i++) v[i] -= mean;
  }
  return { X, v, penalized: d, rng };
}

/** Multipliers as no solver would give them. */
function arbitrary(lines: ReturnType<typeof unitLines>, rng: ReturnType<typeof createRng>): MajorantMultipliers {
  const { rows: L, cols: d } = lines.unit;
  const size = 10 ** (2 * rng.uniform() - 2);
  const some = (count: number): Float64Array =>
    Float64Array.from({ length: count }, () => (rng.uniform() < 0.4 ? 0 : size * Math.abs(rng.normal())));
  const pairs: LinePair[] = [];
  for (let p = 0; p < L && L > 1; p++) {
    const i = Math.floor(rng.uniform() * L);
    const j = (i + 1 + Math.floor(rng.uniform() * (L - 1))) % L;
    pairs.push({ i: Math.min(i, j), j: Math.max(i, j) });
  }
  const triangles = Array.from({ length: L > 1 ? L : 0 }, () => {
    const others = Int32Array.from({ length: 1 + Math.floor(rng.uniform() * 3) }, () => Math.floor(rng.uniform() * L));
    return { line: Math.floor(rng.uniform() * L), others, factors: Float64Array.from(others, () => rng.normal()) };
  });
  return {
    w: Float64Array.from({ length: L * lines.penalized }, () => rng.normal()),
    size: Float64Array.from({ length: L }, () => 10 ** rng.normal()),
    plus: some(L),
    minus: some(L),
    inner: some(L),
    lifted: {
      pairs,
      root: Float64Array.from({ length: 6 * pairs.length }, () => Math.sqrt(size) * rng.normal()),
      turn: Float64Array.from(pairs, () => 2 * rng.normal()),
    },
    triangles: {
      triangles,
      weight: some(triangles.length),
      size: Float64Array.from(triangles, () => 10 ** rng.normal()),
    },
    bias: lines.penalized < d ? 10 ** rng.normal() : 0,
  };
}

describe('majorant of the dual constraint', () => {
  it('is never below the maximum, whatever the multipliers (2,000 problems against search and patterns)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 2, max: 4 }),
        fc.boolean(),
        (seed, n, d, free) => {
          const { X, v, penalized, rng } = instance(seed, n, d, free);
          const lines = unitLines(X, penalized);
          const { lower } = bracketDualMaximum(X, v, penalized, { seconds: 0, seed }, uncontrolled);
          const proven = [1, -1].map((sign) =>
            proveMajorant(
              lines,
              lineLoads(
                lines,
                v.map((x) => sign * x),
              ),
              arbitrary(lines, rng),
            ),
          );
          const top = Math.max(...proven);
          assert.ok(top >= lower, `${top} < ${lower}`);
          // every direction on its own
          for (let round = 0; round < 20; round++) {
            const u = Float64Array.from({ length: X.cols }, () => rng.normal());
            const length = Math.hypot(...u.subarray(0, penalized));
            let h = 0;
            for (let i = 0; i < n; i++) {
              let t = 0;
              for (let k = 0; k < X.cols; k++) t += (X.data[i * X.cols + k] * u[k]) / length;
              h += v[i] * Math.max(0, t);
            }
            assert.ok(h <= proven[0] && -h <= proven[1], `${h} not between -${proven[1]} and ${proven[0]}`);
          }
        },
      ),
      { seed: 7, numRuns: 2000 },
    );
  });

  it('is exact for one row, where the maximum is known', () => {
    const X = denseMatrix(1, 3, Float64Array.of(3, 0, 4));
    const lines = unitLines(X, 3);
    const m: MajorantMultipliers = {
      w: new Float64Array(3),
      size: Float64Array.of(1),
      plus: new Float64Array(1),
      minus: new Float64Array(1),
      inner: new Float64Array(1),
      lifted: { pairs: [], root: new Float64Array(0), turn: new Float64Array(0) },
      triangles: noTriangles,
      bias: 0,
    };
    // 2 (x'u)_+ has the maximum 2 * 5
    const top = proveMajorant(lines, lineLoads(lines, Float64Array.of(2)), m);
    assert.ok(top >= 10 && top < 10 * (1 + 1e-12), `${top}`);
    // a loss alone: nothing above zero, by |x'u| >= x'u
    const loss = proveMajorant(lines, lineLoads(lines, Float64Array.of(-2)), { ...m, minus: Float64Array.of(5) });
    assert.ok(loss >= 0 && loss < 1e-12, `${loss}`);
  });
});
