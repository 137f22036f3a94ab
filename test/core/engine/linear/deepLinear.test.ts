import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignedLayers, solveDeepLinear, transposeTimes } from '../../../../src/core/engine/linear/deepLinear.ts';
import { alignment } from '../../../../src/core/network/alignment.ts';
import { scalarPath } from '../../../../src/core/engine/linear/scalarPath.ts';
import { denseMatrix, fromRows, norm2 } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

test('deep linear, two points: the same weights for every depth (closed form)', () => {
  const X = fromRows([
    [1, 0],
    [0, 2],
  ]);
  const y = Float64Array.of(1.2, 2);
  for (const layers of [2, 3, 4]) {
    const s = solveDeepLinear(X, y, 1, layers, uncontrolled);
    assert.ok(Math.abs(s.objective - (0.26 + layers / 2)) < 1e-9, `L=${layers}: ${s.objective}`);
    assert.ok(s.lowerBound <= s.objective + 1e-12 && s.lowerBound > s.objective - 1e-8, `bound ${s.lowerBound}`);
    assert.ok(Math.abs(s.w[0] - 0.6) < 1e-6 && Math.abs(s.w[1] - 0.8) < 1e-6);
  }
  assert.ok(Math.abs(solveDeepLinear(X, y, 1, 2, uncontrolled).betaMax - 4.17612260356422) < 1e-9);
});

test('scalar path: thresholds and jumps against the closed form and a grid', () => {
  const expected: Record<number, [number, number]> = {
    2: [2, 0],
    3: [1, 1],
    4: [0.7698003589195009, 4 / 3],
    5: [0.6377122503128954, 1.5],
  };
  for (const layers of [2, 3, 4, 5]) {
    const [critical, jump] = expected[layers];
    assert.ok(Math.abs(scalarPath(2, 0.5, layers).betaCritical - critical) < 1e-12);
    assert.ok(Math.abs(scalarPath(2, 0.5, layers).jump - jump) < 1e-12);
    for (const beta of [0.2, 0.6, 0.9 * critical, 1.1 * critical]) {
      const found = scalarPath(2, beta, layers);
      let grid = Infinity;
      for (let k = -200; k <= 20000; k++) {
        const p = (2 * k) / 20000;
        grid = Math.min(grid, 0.5 * (p - 2) ** 2 + 0.5 * layers * beta * Math.abs(p) ** (2 / layers));
      }
      assert.ok(found.objective <= grid + 1e-12 && found.objective >= grid - 1e-6);
    }
  }
  // One sample with x = 1: the matrix solver must agree, including at the threshold.
  for (const layers of [3, 4, 5]) {
    const s = solveDeepLinear(fromRows([[1]]), Float64Array.of(2), 0.5, layers, uncontrolled);
    assert.ok(Math.abs(s.objective - scalarPath(2, 0.5, layers).objective) < 1e-9);
    assert.ok(Math.abs(s.betaMax - expected[layers][0]) < 1e-7, `betaMax ${s.betaMax}`);
  }
});

test('deep linear on random data: stationarity, proven bound, zero exactly above betaMax', () => {
  const rng = createRng(5);
  for (let trial = 0; trial < 6; trial++) {
    const [n, d] = [8, 3 + (trial % 3) * 3]; // also fewer rows than columns
    const X = denseMatrix(
      n,
      d,
      Float64Array.from({ length: n * d }, () => rng.normal()),
    );
    const y = Float64Array.from({ length: n }, () => rng.normal());
    for (const layers of [2, 3, 5]) {
      const { betaMax } = solveDeepLinear(X, y, 1, layers, uncontrolled);
      const s = solveDeepLinear(X, y, 0.3 * betaMax, layers, uncontrolled);
      assert.ok(s.objective - s.lowerBound < 1e-7 * s.objective, `gap ${s.objective - s.lowerBound}`);
      const r = norm2(s.w);
      const g = transposeTimes(X, s.dual);
      for (let j = 0; j < d; j++) {
        const want = 0.3 * betaMax * r ** (2 / layers - 2) * s.w[j];
        assert.ok(Math.abs(g[j] - want) < 1e-6 * (1 + norm2(g)), 'stationarity');
      }
      assert.equal(norm2(solveDeepLinear(X, y, 1.001 * betaMax, layers, uncontrolled).w), 0);
      assert.ok(norm2(solveDeepLinear(X, y, 0.999 * betaMax, layers, uncontrolled).w) > 0);
    }
  }
});

test('aligned layers multiply to w, have rank one, equal norms and pass their direction on', () => {
  const w = Float64Array.of(0.6, -0.8, 0.3);
  const layers = alignedLayers(w, 4, 3);
  const meter = alignment(layers);
  for (const [l, row] of meter.entries()) {
    assert.ok(Math.abs(row.frobenius - norm2(w) ** 0.25) < 1e-12);
    assert.ok(row.rankOneRatio < 1e-12);
    if (l < 3) assert.ok(Math.abs(row.alignment! - 1) < 1e-12);
  }
});
