import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denseMatrix, type DenseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { alignment } from '../../../../src/core/network/alignment.ts';
import { createChainModel, trainChain } from '../../../../src/core/descent/chainModel.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

const base: Problem = {
  X: fromRows([
    [1, 0],
    [0, 2],
  ]),
  y: fromRows([[1.2], [2]]),
  outputs: 1,
  model: 'linear',
  loss: 'squared',
  beta: 1,
  arrangements: { kind: 'all' },
  outputPenalty: 'nuclear',
  bias: 'none',
  tolerance: 1e-8,
};

test('gradient of the chain agrees with finite differences', () => {
  const rng = createRng(8);
  const problem = prepare({
    ...base,
    X: denseMatrix(
      5,
      3,
      Float64Array.from({ length: 15 }, () => rng.normal()),
    ),
    y: denseMatrix(
      5,
      2,
      Float64Array.from({ length: 10 }, () => rng.normal()),
    ),
    outputs: 2,
  });
  const model = createChainModel(problem, 3, 4);
  const theta = model.initialise(rng, 1);
  const gradient = model.vector();
  model.addLoss(theta, null, 0, 5, gradient);
  model.addPenalty(theta, 1, gradient);
  for (let i = 0; i < theta.length; i++) {
    const at = (step: number): number => {
      const t = theta.slice();
      t[i] += step;
      return model.addLoss(t, null, 0, 5, null) + model.addPenalty(t, 1, null);
    };
    const numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
    assert.ok(Math.abs(numeric - gradient[i]) < 1e-5 * (1 + Math.abs(numeric)));
  }
});

test('descent on three layers tends to rank-one, aligned, balanced layers at the proven optimum', () => {
  const problem = prepare({ ...base, depth: 3 });
  const run = trainChain(
    problem,
    { depth: 3, width: 4, seed: 1, rule: 'adam', epochs: 4000, points: 20 },
    uncontrolled,
  );
  assert.ok(Math.abs(run.final - 1.76) < 1e-4, `${run.final}`);
  const last = run.points[run.points.length - 1].layers;
  for (const [l, layer] of last.entries()) {
    assert.ok(Math.abs(layer.frobenius - 1) < 1e-2 && layer.rankOneRatio < 1e-2);
    if (l < 2) assert.ok(layer.alignment! > 0.99);
  }
});

test('the alignment meter: cosine of the vectors for rank one, 1 for aligned layers whose singular values tie', () => {
  const outer = (a: readonly number[], b: readonly number[]): DenseMatrix =>
    fromRows(a.map((x) => b.map((y) => x * y)));
  const angle = 0.7;
  const [first] = alignment([outer([1, 2, 2], [0, 3]), outer([Math.sin(angle), Math.cos(angle)], [1, -1])]);
  assert.ok(Math.abs(first.alignment! - Math.cos(angle)) < 1e-12 && first.rankOneRatio < 1e-12);
  // a rotation between two layers with equal singular values changes nothing; one between unequal ones does
  const turned = fromRows([
    [Math.cos(angle), Math.sin(angle)],
    [-Math.sin(angle), Math.cos(angle)],
  ]);
  const diagonal = (a: number, b: number): DenseMatrix =>
    fromRows([
      [a, 0],
      [0, b],
    ]);
  assert.ok(Math.abs(alignment([turned, diagonal(2, 2)])[0].alignment! - 1) < 1e-12);
  assert.ok(Math.abs(alignment([diagonal(3, 1), diagonal(3, 1)])[0].alignment! - 1) < 1e-12);
  assert.ok(alignment([diagonal(3, 1), diagonal(1, 3)])[0].alignment! < 0.6);
  assert.equal(alignment([diagonal(0, 0), turned])[0].alignment, null);
});
