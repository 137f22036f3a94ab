import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDeepBranchModel, trainDeepBranches } from '../../../../src/core/theory/closedForm/deepBranches.ts';
import { deepRankOne } from '../../../../src/core/theory/closedForm/deepRankOne.ts';
import { rankOneReport } from '../../../../src/core/theory/closedForm/structure.ts';
import { type DenseMatrix, denseMatrix, fromRows, rowOf } from '../../../../src/core/base/linalg/matrix.ts';
import type { Datafit } from '../../../../src/core/problem/datafits/datafit.ts';
import { createDatafit } from '../../../../src/core/problem/datafits/losses.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

const a = Float64Array.of(0.6, -1, 0.4);
const c = Float64Array.from({ length: 24 }, (_, i) => 1.5 * Math.sin(3.1 * i + 0.4));
const X = denseMatrix(24, 3, Float64Array.from([...c].flatMap((x) => [...a].map((y) => x * y))));

function target(loss: 'squared' | 'logistic'): { readonly y: DenseMatrix; readonly datafit: Datafit } {
  const value = (x: number, i: number): number => Math.abs(x) + 0.3 * x + 0.1 * Math.cos(i);
  const y = fromRows(Array.from(c, (x, i) => [loss === 'squared' ? value(x, i) : value(x, i) > 0.9 ? 1 : -1]));
  return { y, datafit: createDatafit(loss, y, 1) };
}

/** Output of one branch on a row, layer by layer. */
function output(layers: readonly DenseMatrix[], row: Float64Array): number {
  let h = Array.from(row);
  layers.forEach((W, l) => {
    const next = Array.from({ length: W.cols }, (_, j) =>
      h.reduce((sum, value, i) => sum + value * W.data[i * W.cols + j], 0),
    );
    h = l < layers.length - 1 ? next.map((value) => Math.max(0, value)) : next;
  });
  return h[0];
}

test('the model is the sum of its branches run layer by layer, with the penalty of their norms and exact gradients', () => {
  for (const loss of ['squared', 'logistic'] as const) {
    const { datafit } = target(loss);
    for (const depth of [2, 3, 5]) {
      const model = createDeepBranchModel({ c, a }, datafit, 0.7, { depth, width: 3, branches: 4 });
      const theta = model.initialise(createRng(depth), 1.3);
      const branches = Array.from({ length: 4 }, (_, k) => model.layers(theta, k));
      const fit = Float64Array.from({ length: 24 }, (_, i) =>
        branches.reduce((sum, layers) => sum + output(layers, rowOf(X, i)), 0),
      );
      const wanted = datafit.value(fit);
      assert.ok(Math.abs(model.addLoss(theta, null, 0, 24, null) - wanted) < 1e-10 * (1 + wanted));
      const norms = branches.flatMap((layers) => layers.map(({ data }) => Math.hypot(...data)));
      const paid = (0.7 / depth) * norms.reduce((sum, norm) => sum + norm ** depth, 0);
      assert.ok(Math.abs(model.addPenalty(theta, 1, null) - paid) < 1e-10 * paid);
      const order = Int32Array.from({ length: 9 }, (_, i) => (5 * i) % 24);
      for (const rows of [null, order]) {
        const count = rows === null ? 24 : 9;
        const value = (t: Float64Array): number =>
          model.addLoss(t, rows, 0, count, null) + model.addPenalty(t, 1, null);
        const gradient = new Float64Array(model.size);
        model.addLoss(theta, rows, 0, count, gradient);
        model.addPenalty(theta, 1, gradient);
        for (let i = 0; i < model.size; i++) {
          const [plus, minus] = [theta.slice(), theta.slice()];
          plus[i] += 1e-6;
          minus[i] -= 1e-6;
          const numeric = (value(plus) - value(minus)) / 2e-6;
          assert.ok(Math.abs(numeric - gradient[i]) < 1e-5 * (1 + Math.abs(gradient[i])), `${loss} ${depth} ${i}`);
        }
      }
    }
  }
});

test('gradient descent comes to layers of rank one, aligned and of equal norm, above the dual all the way', () => {
  for (const loss of ['squared', 'logistic'] as const) {
    const { y, datafit } = target(loss);
    for (const depth of [2, 3, 4, 5]) {
      const { dual } = deepRankOne(X, y, datafit, 1, depth, 1)!;
      const run = trainDeepBranches(
        { X, targets: y, datafit, beta: 1 },
        { depth, seed: 1, epochs: 2000 },
        uncontrolled,
      )!;
      for (const { objective } of run.points) assert.ok(objective >= dual * (1 - 1e-9), `${objective} below ${dual}`);
      assert.ok(run.final < dual * 1.01, `${loss}, ${depth} layers: ${run.final} against ${dual}`);
      const first = run.points[0].layers;
      const last = run.branches[0].layers;
      assert.deepEqual(run.points.at(-1)!.layers, last);
      for (const { rankOneRatio, alignment, frobenius } of last) {
        assert.ok(rankOneRatio < 1e-4, `${loss}, ${depth} layers: ratio ${rankOneRatio}`);
        assert.ok(alignment === null || alignment > 1 - 1e-4, `${loss}, ${depth} layers: alignment ${alignment}`);
        assert.ok(Math.abs(frobenius / last[0].frobenius - 1) < 1e-3);
      }
      if (depth >= 3) assert.ok(first.some(({ alignment }) => alignment !== null && alignment < 0.99));
      if (depth >= 4) assert.ok(first.some(({ rankOneRatio }) => rankOneRatio > 0.05));
    }
  }
});

test('large and small inputs give the same course', () => {
  const { y, datafit } = target('squared');
  const scaled = (factor: number): DenseMatrix => ({ ...X, data: X.data.map((value) => factor * value) });
  const course = (factor: number): number =>
    trainDeepBranches(
      { X: scaled(factor), targets: y, datafit, beta: factor },
      { depth: 3, seed: 2, epochs: 1000 },
      uncontrolled,
    )!.final;
  for (const factor of [1e-3, 1e4]) assert.ok(Math.abs(course(factor) / course(1) - 1) < 0.02, String(factor));
});

test('only where the data are of rank one and training is wanted, and it stops when asked', () => {
  const { y, datafit } = target('squared');
  const other = { ...X, data: X.data.map((value, i) => value + (i % 7)) };
  assert.equal(
    trainDeepBranches({ X: other, targets: y, datafit, beta: 1 }, { depth: 3, seed: 1, epochs: 10 }, uncontrolled),
    undefined,
  );
  const problem: Problem = {
    X,
    y,
    outputs: 1,
    model: 'relu',
    loss: 'squared',
    beta: 1,
    arrangements: { kind: 'all' },
    bias: 'none',
    outputPenalty: 'per-output',
    tolerance: 1e-6,
  };
  assert.equal(rankOneReport(problem, 1, 0, uncontrolled)?.trainings.length, 0);
  assert.equal(rankOneReport(problem, 1, 50, uncontrolled)?.trainings.length, 4);
  let asked = 0;
  const stopping = { ...uncontrolled, shouldStop: () => ++asked > 40 };
  const { networks, trainings } = rankOneReport(problem, 1, 5000, stopping)!;
  assert.equal(networks.length, 4);
  assert.equal(trainings.length, 0);
});
