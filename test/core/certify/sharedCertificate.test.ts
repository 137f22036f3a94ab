import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certifyShared, type SharedClaim } from '../../../src/core/certify/sharedCertificate.ts';
import { denseMatrix, fromRows } from '../../../src/core/base/linalg/matrix.ts';
import { createDatafit } from '../../../src/core/problem/datafits/losses.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import type { BiasMode, LossName, Problem } from '../../../src/core/problem/problem.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { randomProblem } from '../engine/problems.ts';

/** The claim that the solution of a problem makes, from its groups' cells and its network. */
function claimOf(problem: Problem): SharedClaim {
  const solution = solve(problem);
  const { X, penalizedCols, datafit, beta, outputs, bias } = prepare(problem);
  const { W1, b1, W2, b2 } = solution.network;
  const neurons = solution.groups.map(({ gate }, j) => ({
    gate,
    w: Float64Array.from([...W1.data.subarray(j * W1.cols, (j + 1) * W1.cols), ...(bias === 'none' ? [] : [b1[j]])]),
    a: W2.data.slice(j * outputs, (j + 1) * outputs),
  }));
  const offset = bias === 'free' ? { offset: b2 } : {};
  return { X, penalizedCols, gates: solution.gates, datafit, beta, neurons, ...offset, tolerance: 1e-8 };
}

void test('one neuron by hand: objective, dual bound and residuals', () => {
  // X = 1, Y = (3, 4): the fit is t (0.6, 0.8) with t = 5 - beta, the objective beta t + beta^2 / 2
  const beta = 0.5;
  const t = 5 - beta;
  const claim = (w: number, a: [number, number]): SharedClaim => ({
    X: fromRows([[1]]),
    penalizedCols: 1,
    gates: fromRows([[1]]),
    datafit: createDatafit('squared', fromRows([[3, 4]]), 2),
    beta,
    neurons: [{ gate: 0, w: Float64Array.of(w), a: Float64Array.from(a) }],
    tolerance: 1e-9,
  });
  const best = certifyShared(claim(2, [0.3 * t, 0.4 * t]));
  assert.ok(Math.abs(best.objective - (beta * t + beta ** 2 / 2)) <= 1e-14);
  assert.ok(Math.abs(best.penalty - t) <= 1e-14);
  assert.ok(Math.abs(best.relativeGap) <= 1e-12 && best.kkt.stationarity <= 1e-14 && best.kkt.complementarity <= 1e-14);
  assert.ok(Math.abs(best.gateConstraint[0] - 1) <= 1e-12);
  // another outgoing direction: above the optimum, whose bound stays below it
  const other = certifyShared(claim(2, [0.4 * t, 0.3 * t]));
  assert.ok(other.objective > best.objective && other.dualBound < best.objective);
  assert.ok(other.kkt.stationarity > 0.1);
  // a neuron outside its cell is told
  assert.ok(certifyShared(claim(-2, [0.3 * t, 0.4 * t])).kkt.cone > 0.9);
});

for (const [loss, bias] of [
  ['squared', 'none'],
  ['softmax', 'regularized'],
  ['logistic', 'free'],
] as readonly [LossName, BiasMode][]) {
  void test(`${loss}, bias ${bias}: the bound is below every network on these cells, and a worse point has a gap`, () => {
    const problem = randomProblem(
      3,
      { n: 18, d: 2, outputs: 3 },
      {
        loss,
        bias,
        model: 'relu',
        beta: 0.3,
        tolerance: 1e-6,
        outputPenalty: 'nuclear',
        arrangements: { kind: 'adaptive', seed: 1 },
      },
    );
    const claim = claimOf(problem);
    const best = certifyShared(claim);
    assert.ok(best.relativeGap >= -1e-12 && best.relativeGap <= 1e-7, `gap ${best.relativeGap}`);
    assert.ok(best.kkt.stationarity <= 1e-8 && best.kkt.cone <= 1e-12 && best.kkt.complementarity <= 1e-8);
    const rng = createRng(4);
    for (let k = 0; k < 6; k++) {
      const size = 0.3 * rng.uniform();
      const neurons = claim.neurons.map(({ gate, w, a }) => ({
        gate,
        w,
        a: a.map((x) => x * (1 + size * rng.normal())),
      }));
      const moved = certifyShared({ ...claim, neurons });
      assert.ok(moved.objective >= best.dualBound * (1 - 1e-12));
      assert.ok(moved.dualBound <= best.objective * (1 + 1e-12));
      assert.ok(moved.objective > best.objective && moved.relativeGap > 0);
    }
    // singular values bound the cells' constraints from above: valid, and no better
    if (bias !== 'free') {
      const quick = certifyShared({ ...claim, quick: true });
      assert.ok(quick.dualBound <= best.dualBound * (1 + 1e-9) && quick.objective === best.objective);
    }
  });
}

void test('a gate without neurons is priced like the others', () => {
  // without neurons V = Y: on the only cell the constraint is ||Y'X||
  const { relativeGap, gateConstraint, kkt, dualBound } = certifyShared({
    X: fromRows([[1], [2]]),
    penalizedCols: 1,
    gates: fromRows([[1]]),
    datafit: createDatafit('squared', denseMatrix(2, 2, Float64Array.of(1, 0, 0, 2)), 2),
    beta: 2,
    neurons: [],
    tolerance: 1e-9,
  });
  assert.ok(Math.abs(gateConstraint[0] - Math.hypot(1, 4) / 2) <= 1e-9);
  assert.ok(Math.abs(kkt.stationarity - (Math.hypot(1, 4) / 2 - 1)) <= 1e-9);
  assert.ok(relativeGap > 0 && dualBound > 0);
});
