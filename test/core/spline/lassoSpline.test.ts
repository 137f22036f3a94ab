import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createRng } from '../../../src/core/random/rng.ts';
import { uncontrolled } from '../../../src/core/solver/control.ts';
import {
  evaluateSpline,
  kinksOf,
  minimumNormInterpolation,
  solveSpline,
} from '../../../src/core/spline/lassoSpline.ts';

const F = (...numbers: number[]): Float64Array => Float64Array.from(numbers);

test('tent: closed form 2 beta - 3 beta^2, kink at 1, dual beta (-1, 2, -1)', () => {
  const [x, y] = [F(0, 1, 2), F(0, 1, 0)];
  for (const beta of [0.1, 0.2]) {
    const s = solveSpline(x, y, beta, uncontrolled);
    assert.ok(Math.abs(s.objective - (2 * beta - 3 * beta ** 2)) < 1e-10, `${s.objective}`);
    assert.ok(Math.abs(s.objective - s.dualBound) < 1e-9);
    assert.deepEqual(
      kinksOf(s).map((k) => k.at),
      [1],
    );
    [-beta, 2 * beta, -beta].forEach((v, i) => assert.ok(Math.abs(s.dual[i] - v) < 1e-8));
  }
  assert.ok(Math.abs(kinksOf(solveSpline(x, y, 0.1, uncontrolled))[0].change + 1.4) < 1e-8);
  assert.ok(Math.abs(minimumNormInterpolation(x, y).value - 2) < 1e-12);
  const flat = solveSpline(x, y, 1 / 3, uncontrolled);
  assert.ok(Math.abs(flat.objective - 1 / 3) < 1e-9 && flat.penalty < 1e-6);
});

test('six points of the reflection-feature data: objective, fit, interpolation limit', () => {
  const [x, y] = [F(0, 4, 5, 7, 10, 11), F(0, 0, 0, 2, 3, 3)];
  const s = solveSpline(x, y, 0.05, uncontrolled);
  assert.ok(Math.abs(s.objective - 0.09484375) < 1e-9);
  [-0.0125, 0.0125, 0.05, 1.95, 2.95, 3.05].forEach((f, i) => assert.ok(Math.abs(s.fit[i] - f) < 1e-7));
  const limit = minimumNormInterpolation(x, y);
  assert.ok(Math.abs(limit.value - 2) < 1e-12);
  assert.deepEqual(limit.kinks, [5, 7, 10]);
  assert.ok(Math.abs(solveSpline(x, y, 1e-6, uncontrolled).penalty - 2) < 1e-4);
});

test('random data with ties: gap, kinks on data, dual band touched exactly at the kinks, zero at betaMax', () => {
  const rng = createRng(11);
  for (let trial = 0; trial < 20; trial++) {
    const n = 1 + rng.integer(60);
    const x = Float64Array.from({ length: n }, () => (trial % 2 ? rng.integer(20) : rng.normal()));
    const y = Float64Array.from(x, (t) => Math.sin(2 * t) + 0.1 * rng.normal());
    const { betaMax } = solveSpline(x, y, 1, uncontrolled);
    for (const share of [0.5, 0.05, 0.001]) {
      const beta = share * betaMax;
      if (!(beta > 0)) continue;
      const s = solveSpline(x, y, beta, uncontrolled);
      assert.ok(
        s.objective - s.dualBound <= 1e-8 * Math.max(s.objective, 1e-12),
        `gap ${(s.objective - s.dualBound) / s.objective} n=${n} share=${share}`,
      );
      assert.ok(s.objective - s.dualBound >= -1e-12 * s.objective);
      for (let k = 0; k < s.knots.length; k++) {
        assert.ok(Math.abs(s.dualCurve[k]) <= beta * (1 + 1e-9));
        if (Math.abs(s.right[k]) > 1e-6 * s.penalty) assert.ok(Math.abs(Math.abs(s.dualCurve[k]) - beta) < 1e-4 * beta);
        if (Math.abs(s.left[k]) > 1e-6 * s.penalty)
          assert.ok(Math.abs(Math.abs(s.mirrorCurve[k]) - beta) < 1e-4 * beta);
      }
      x.forEach((t, i) => assert.ok(Math.abs(evaluateSpline(s, t) - s.fit[i]) < 1e-9 * (1 + Math.abs(s.fit[i]))));
    }
    assert.equal(solveSpline(x, y, 1.0001 * betaMax + 1e-12, uncontrolled).penalty, 0);
  }
});

test('the CO2 series: proven to 1e-8 in few iterations', () => {
  const text = readFileSync('media/samples/co2_1d.csv', 'utf8').trim().split('\n').slice(1);
  const rows = text.map((line) => line.split(',').map(Number));
  const x = Float64Array.from(rows, (r) => r[0]);
  const y = Float64Array.from(rows, (r) => r[1]);
  const { betaMax } = solveSpline(x, y, 1e12, uncontrolled);
  for (const share of [0.1, 0.001, 1e-5]) {
    const s = solveSpline(x, y, share * betaMax, uncontrolled);
    assert.ok((s.objective - s.dualBound) / s.objective < 1e-8, `gap ${(s.objective - s.dualBound) / s.objective}`);
    assert.ok(s.iterations < 60);
  }
});
