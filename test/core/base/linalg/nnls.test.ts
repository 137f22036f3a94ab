import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { denseMatrix, dot, norm2 } from '../../../../src/core/base/linalg/matrix.ts';
import { coneInterior, ConeProjector } from '../../../../src/core/base/linalg/nnls.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

function randomCase(seed: number, n: number, d: number, degenerate: boolean) {
  const rng = createRng(seed);
  const X = denseMatrix(n, d);
  for (let i = 0; i < n * d; i++) X.data[i] = rng.normal() * (i % d === 1 ? 10 : 1);
  if (degenerate && n > 4) {
    for (let k = 0; k < d; k++) {
      X.data[d + k] = X.data[k];
      X.data[2 * d + k] = -3 * X.data[k];
      X.data[3 * d + k] = 0;
    }
  }
  const signs = Int8Array.from({ length: n }, () => (rng.uniform() < 0.5 ? -1 : 1));
  const g = Float64Array.from({ length: d }, () => rng.normal());
  return { X, signs, g };
}

void test('projection onto a polyhedral cone satisfies the optimality conditions of its least squares problem', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 8 }),
      fc.boolean(),
      (seed, n, d, degenerate) => {
        const { X, signs, g } = randomCase(seed, n, d, degenerate);
        const projector = new ConeProjector(X);
        const p = new Float64Array(d);
        const value = projector.project(signs, g, p);
        // p = g + X'S rho with rho >= 0
        const rebuilt = g.slice();
        for (let i = 0; i < n; i++) {
          const rho = projector.multipliers[i];
          assert.ok(rho >= 0);
          for (let k = 0; k < d; k++) rebuilt[k] += rho * signs[i] * X.data[i * d + k];
        }
        const size = norm2(g);
        for (let k = 0; k < d; k++) assert.ok(Math.abs(rebuilt[k] - p[k]) <= 1e-10 * size);
        assert.ok(Math.abs(value - norm2(p)) <= 1e-10 * size);
        // p in the cone, and complementary
        for (let i = 0; i < n; i++) {
          const row = X.data.subarray(i * d, (i + 1) * d);
          const slack = signs[i] * dot(row, p);
          assert.ok(slack >= -1e-11 * size * (norm2(row) + 1), `row ${i}: ${slack}`);
          assert.ok(projector.multipliers[i] * Math.abs(slack) <= 1e-9 * size * size);
        }
        // Moreau: g'p = ||p||^2
        assert.ok(Math.abs(dot(g, p) - dot(p, p)) <= 1e-9 * size * size);
      },
    ),
    { seed: 1, numRuns: 400 },
  );
});

void test('with a free last coordinate the multipliers balance it exactly and the value is the constrained maximum', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 4, max: 30 }), fc.integer({ min: 2, max: 5 }), (seed, n, d) => {
      const { X, g } = randomCase(seed, n, d, false);
      const rng = createRng(seed).fork('gate');
      for (let i = 0; i < n; i++) X.data[i * d + d - 1] = 1;
      const gate = Float64Array.from({ length: d }, () => rng.normal());
      const signs = Int8Array.from({ length: n }, (_, i) =>
        dot(X.data.subarray(i * d, (i + 1) * d), gate) >= 0 ? 1 : -1,
      );
      fc.pre(signs.includes(1) && signs.includes(-1));
      const projector = new ConeProjector(X, d - 1);
      const p = new Float64Array(d);
      const value = projector.project(signs, g, p);
      const rebuilt = g.slice();
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < d; k++) rebuilt[k] += projector.multipliers[i] * signs[i] * X.data[i * d + k];
      }
      const size = norm2(g) * 10;
      assert.ok(Math.abs(rebuilt[d - 1]) <= 1e-9 * size, `free coordinate ${rebuilt[d - 1]}`);
      // primal value g'u at u = p scaled to norm 1 over the penalised coordinates meets the dual one
      const length = norm2(p.subarray(0, d - 1));
      for (let i = 0; i < n; i++) {
        assert.ok(signs[i] * dot(X.data.subarray(i * d, (i + 1) * d), p) >= -1e-8 * size);
      }
      if (length > 1e-9)
        assert.ok(Math.abs(dot(g, p) / length - value) <= 1e-7 * size, `${dot(g, p) / length} ${value}`);
      else assert.ok(value <= 1e-7 * size);
    }),
    { seed: 2, numRuns: 300 },
  );
});

void test('a cone is given an interior point or rows that vanish on it', () => {
  const X = denseMatrix(3, 2, Float64Array.from([1, 0, -1, 0, 0, 1]));
  const open = coneInterior(X, Int8Array.from([1, -1, 1]));
  assert.ok(open.interior !== undefined && open.interior[0] > 0 && open.interior[1] > 0);
  // x1 >= 0 and -x1 >= 0: only x1 = 0 is left
  const flat = coneInterior(X, Int8Array.from([1, 1, 1]));
  assert.deepEqual([...(flat.equalities ?? [])].sort(), [0, 1]);
});

void test('a projection that need not be better than a bound stops at it, still an upper bound', () => {
  let early = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { X, signs, g } = randomCase(seed, 30, 6, seed % 2 === 0);
    const projector = new ConeProjector(X);
    const p = new Float64Array(6);
    const value = projector.project(signs, g, p);
    const all = projector.tightCount;
    const enough = 0.5 * (value + norm2(g));
    const quick = projector.project(signs, g, p, enough);
    assert.ok(quick >= value * (1 - 1e-12) && quick <= enough * (1 + 1e-12) + 1e-12, `${value} ${quick} ${enough}`);
    if (projector.tightCount < all) early++;
    // and where the bound is below the maximum, that is what it finds
    const full = projector.project(signs, g, p, 0.9 * value);
    assert.ok(Math.abs(full - value) <= 1e-12 * (1 + value));
  }
  assert.ok(early > 20, `${early} stopped early`);
});
