import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { Arrangements, LossName, Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { type Control, uncontrolled } from '../../../../src/core/base/control.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import { exactPrice, linearForm, relaxedPrice } from '../../../../src/core/engine/threeLayer/pricing.ts';
import { solveThreeLayer, type ThreeLayerSolution } from '../../../../src/core/engine/threeLayer/solveThreeLayer.ts';
import { sampleTuples, TupleSet } from '../../../../src/core/network/threeLayer/tuple.ts';

function random(
  seed: number,
  n: number,
  d: number,
  loss: LossName,
  share: number,
  arrangements: Arrangements,
): Problem {
  const rng = createRng(seed);
  const X = denseMatrix(
    n,
    d,
    Float64Array.from({ length: n * d }, () => rng.normal()),
  );
  const y = denseMatrix(
    n,
    1,
    Float64Array.from({ length: n }, () => (loss === 'squared' ? rng.normal() : rng.uniform() < 0.5 ? -1 : 1)),
  );
  return {
    X,
    y,
    outputs: 1,
    model: 'three-layer',
    loss,
    beta: share,
    arrangements,
    outputPenalty: 'per-output',
    bias: 'none',
    hidden: { m1: 2 },
    tolerance: 1e-6,
  };
}

const run = (problem: Problem, control: Control = uncontrolled): ThreeLayerSolution =>
  solveThreeLayer(problem, prepare(problem), { certifySeconds: 0.2 }, control);

test('all tuples <= generated <= two layers, sampled never below all; every bound below every objective', () => {
  for (const loss of ['squared', 'logistic'] as const) {
    const base = random(3, 6, 2, loss, 0.2, { kind: 'all' });
    const all = run(base);
    const adaptive = run({ ...base, arrangements: { kind: 'adaptive', seed: 2 } });
    const sampled = run({ ...base, arrangements: { kind: 'sampled', count: 12, seed: 2 } });
    const two = solve({ ...base, model: 'relu', hidden: undefined });
    const slack = 1e-6 * all.objective;
    assert.equal(all.global!.proof, 'exact');
    assert.ok(
      all.objective <= adaptive.objective + slack,
      `${loss}: all ${all.objective}, adaptive ${adaptive.objective}`,
    );
    assert.ok(adaptive.objective <= two.objective + slack);
    assert.ok(all.objective <= sampled.objective + slack);
    for (const s of [all, adaptive, sampled]) {
      assert.ok(s.global!.lowerBound <= all.objective + slack);
      assert.ok(Math.abs(s.networkObjective.constraint - s.objective) <= 1e-9 * s.objective);
      assert.ok(Math.abs(s.networkObjective.cubic - s.objective) <= 1e-9 * s.objective);
    }
  }
});

test('scaling: (X, cy, c beta) multiplies the objective by c^2, (cX, y, c beta) leaves it alone', () => {
  const base = random(5, 6, 2, 'squared', 0.15, { kind: 'all' });
  const { objective } = run(base);
  const scaled = (data: Float64Array): Float64Array => data.map((v) => 3 * v);
  const targets = run({ ...base, y: denseMatrix(6, 1, scaled(base.y.data)), beta: 3 * base.beta });
  assert.ok(Math.abs(targets.objective - 9 * objective) < 1e-5 * 9 * objective);
  const inputs = run({ ...base, X: denseMatrix(6, 2, scaled(base.X.data)), beta: 3 * base.beta });
  assert.ok(Math.abs(inputs.objective - objective) < 1e-5 * objective);
});

test('zero network exactly from the threshold on, and only then', () => {
  const base = random(7, 6, 2, 'squared', 0.1, { kind: 'all' });
  const { betaMax } = run(base);
  assert.equal(run({ ...base, beta: 1.0001 * betaMax }).branches.length, 0);
  assert.ok(run({ ...base, beta: 0.99 * betaMax }).branches.length > 0);
});

test('a price is attained by its direction and never above its proven bound', () => {
  const rng = createRng(11);
  const X = denseMatrix(
    9,
    3,
    Float64Array.from({ length: 27 }, () => rng.normal()),
  );
  const set = new TupleSet();
  sampleTuples(X, 2, 12, rng, set, () => false);
  const v = Float64Array.from({ length: 9 }, () => rng.normal());
  for (const tuple of set.list) {
    for (const sign of [1, -1]) {
      const g = linearForm(tuple, v, sign);
      const price = exactPrice(tuple, g, 2, 1e-8);
      assert.ok(price.lower <= price.upper + 1e-12 && price.upper <= relaxedPrice(g, 2) + 1e-9);
      assert.ok(price.upper - price.lower <= 1e-5 * Math.max(price.upper, 1e-6), `${price.lower} ${price.upper}`);
    }
  }
});

test('a stop is answered with a valid network', () => {
  const base = random(13, 60, 4, 'squared', 0.02, { kind: 'sampled', count: 60, seed: 1 });
  let polls = 0;
  const stopped = run(base, { ...uncontrolled, shouldStop: () => ++polls > 200 });
  assert.equal(stopped.status, 'cancelled');
  assert.ok(Number.isFinite(stopped.objective) && stopped.objective >= stopped.global!.lowerBound - 1e-9);
});

test('duplicate rows, a zero row and more columns than rows do no harm', () => {
  const X = fromRows([
    [1, 2, 0],
    [1, 2, 0],
    [0, 0, 0],
    [-1, 0.5, 1],
  ]);
  const problem: Problem = { ...random(1, 4, 3, 'squared', 0.1, { kind: 'adaptive', seed: 1 }), X };
  const s = run(problem);
  assert.ok(s.objective <= solve({ ...problem, model: 'relu', hidden: undefined }).objective * (1 + 1e-6));
});
