import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import {
  evaluateSpline,
  kinksOf,
  minimumNormInterpolation,
  solveSpline,
} from '../../../../src/core/theory/spline/lassoSpline.ts';

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
  assert.ok(Math.abs(minimumNormInterpolation(x, y)!.value - 2) < 1e-12);
  const flat = solveSpline(x, y, 1 / 3, uncontrolled);
  assert.ok(Math.abs(flat.objective - 1 / 3) < 1e-9 && flat.penalty < 1e-6);
});

test('six points of the reflection-feature data: objective, fit, interpolation limit', () => {
  const [x, y] = [F(0, 4, 5, 7, 10, 11), F(0, 0, 0, 2, 3, 3)];
  const s = solveSpline(x, y, 0.05, uncontrolled);
  assert.ok(Math.abs(s.objective - 0.09484375) < 1e-9);
  [-0.0125, 0.0125, 0.05, 1.95, 2.95, 3.05].forEach((f, i) => assert.ok(Math.abs(s.fit[i] - f) < 1e-7));
  const limit = minimumNormInterpolation(x, y)!;
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

/** The same problem for the general solver: ReLU with a free bias. */
function general(x: Float64Array, y: Float64Array, loss: 'squared' | 'logistic', beta: number): Problem {
  return {
    X: denseMatrix(x.length, 1, x),
    y: denseMatrix(y.length, 1, y),
    ...{ outputs: 1, loss, beta, tolerance: 1e-8 },
    ...{ bias: 'free', model: 'relu', outputPenalty: 'per-output' },
    arrangements: { kind: 'adaptive', seed: 1 },
  };
}

test('classes: the value of the general solver, kinks on data, the dual curve at beta there and inside elsewhere', () => {
  const rng = createRng(5);
  for (const n of [2, 7, 25, 60]) {
    const x = Float64Array.from({ length: n }, () => (n === 25 ? rng.integer(9) : rng.normal()));
    const y = Float64Array.from(x, (t, i) => (i < 2 ? 2 * i - 1 : Math.sin(3 * t) + 0.6 * rng.normal() > 0 ? 1 : -1));
    const { betaMax } = solveSpline(x, y, 1, uncontrolled, { loss: 'logistic' });
    for (const share of [0.6, 0.1, 0.02]) {
      const beta = share * betaMax;
      const s = solveSpline(x, y, beta, uncontrolled, { loss: 'logistic' });
      const gap = (s.objective - s.dualBound) / s.objective;
      assert.ok(gap <= 1e-8 && gap >= -1e-13, `gap ${gap} n=${n} share=${share}`);
      // by this test: loss and hinges at the rows, dual values summed row by row
      let value = beta * s.penalty;
      x.forEach((t, i) => (value += Math.log1p(Math.exp(-y[i] * evaluateSpline(s, t)))));
      assert.ok(Math.abs(value - s.objective) <= 1e-10 * value);
      s.knots.forEach((b, k) => {
        const right = x.reduce((sum, t, i) => sum + s.dual[i] * Math.max(0, t - b), 0);
        const left = x.reduce((sum, t, i) => sum + s.dual[i] * Math.max(0, b - t), 0);
        assert.ok(Math.max(Math.abs(right), Math.abs(left)) <= beta * (1 + 1e-9));
        if (Math.abs(s.right[k]) > 1e-6 * s.penalty) assert.ok(Math.abs(right) >= beta * (1 - 1e-5), `${right / beta}`);
        if (Math.abs(s.left[k]) > 1e-6 * s.penalty) assert.ok(Math.abs(left) >= beta * (1 - 1e-5), `${left / beta}`);
      });
      const reference = solve(general(x, y, 'logistic', beta), { certifySeconds: 0 }, uncontrolled).objective;
      assert.ok(Math.abs(reference - s.objective) <= 1e-6 * reference, `${reference} and ${s.objective}`);
    }
    assert.equal(solveSpline(x, y, 1.0001 * betaMax, uncontrolled, { loss: 'logistic' }).penalty, 0);
  }
});

test('classes: the limit is that of the log-odds where every value has both classes, and none where the data separate', () => {
  const x = F(0, 0, 0, 1, 1, 2, 2, 2, 2);
  const y = F(1, -1, -1, 1, -1, 1, 1, 1, -1);
  // log-odds -ln 2, 0, ln 3
  const limit = minimumNormInterpolation(x, y, 'logistic')!;
  const slopes = [Math.log(2), Math.log(3)];
  const change = slopes[1] - slopes[0];
  assert.ok(Math.abs(limit.value - Math.max(change, (change + slopes[0] + slopes[1]) / 2)) < 1e-12);
  assert.deepEqual(limit.kinks, [1]);
  const near = solveSpline(x, y, 1e-7, uncontrolled, { loss: 'logistic' });
  assert.ok(Math.abs(near.penalty - limit.value) < 1e-5, `${near.penalty} and ${limit.value}`);
  const [apart, sign] = [F(0, 1, 2, 3), F(-1, -1, 1, 1)];
  assert.equal(minimumNormInterpolation(apart, sign, 'logistic'), null);
  const norms = [1e-1, 1e-3, 1e-5].map((beta) => solveSpline(apart, sign, beta, uncontrolled, { loss: 'logistic' }));
  assert.ok(norms[0].penalty + 3 < norms[1].penalty && norms[1].penalty + 3 < norms[2].penalty);
  assert.throws(() => solveSpline(apart, F(1, 1, 1, 1), 0.1, uncontrolled, { loss: 'logistic' }), /one class/);
});

test('many rows at uneven places: proven, with few kinks, for numbers and classes', () => {
  const rng = createRng(3);
  const x = Float64Array.from({ length: 4000 }, () => rng.normal());
  const y = Float64Array.from(x, (t) => Math.sin(2 * t) + 0.5 * rng.normal());
  for (const loss of ['squared', 'logistic'] as const) {
    const targets = loss === 'squared' ? y : y.map((value) => (value > 0 ? 1 : -1));
    const { betaMax } = solveSpline(x, targets, 1e9, uncontrolled, { loss });
    for (const share of [0.3, 0.01, 1e-4]) {
      const s = solveSpline(x, targets, share * betaMax, uncontrolled, { loss });
      assert.ok((s.objective - s.dualBound) / s.objective < 1e-8, `${loss} ${share}`);
      const kinks = kinksOf(s).length;
      assert.ok(kinks > 0 && kinks < 100, `${kinks} kinks`);
    }
  }
});

test('the CO2 series: proven to 1e-8', () => {
  const text = readFileSync('media/samples/co2_1d.csv', 'utf8').trim().split('\n').slice(1);
  const rows = text.map((line) => line.split(',').map(Number));
  const x = Float64Array.from(rows, (r) => r[0]);
  const y = Float64Array.from(rows, (r) => r[1]);
  const { betaMax } = solveSpline(x, y, 1e12, uncontrolled);
  for (const share of [0.1, 0.001, 1e-5]) {
    const s = solveSpline(x, y, share * betaMax, uncontrolled);
    assert.ok((s.objective - s.dualBound) / s.objective < 1e-8, `gap ${(s.objective - s.dualBound) / s.objective}`);
  }
});
