import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchNormForm, batchNormNetwork } from '../../../../src/core/theory/closedForm/batchNorm.ts';
import { collapseOf } from '../../../../src/core/theory/closedForm/collapse.ts';
import { deepRankOne } from '../../../../src/core/theory/closedForm/deepRankOne.ts';
import { rankOneReport } from '../../../../src/core/theory/closedForm/structure.ts';
import { denseMatrix, fromRows, norm2 } from '../../../../src/core/base/linalg/matrix.ts';
import { createDatafit } from '../../../../src/core/problem/datafits/losses.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { solve } from '../../../../src/core/engine/solve.ts';

const direction = [1, -2, 0.5];
const factors = [1, 2, -1, 0.3, -2.5, 4];
const rows = factors.map((c) => direction.map((a) => c * a));

test('deep ReLU on rank-one data: strong duality at every depth, layers of rank one, aligned', () => {
  const X = fromRows(rows);
  const y = fromRows(factors.map((c, i) => [Math.abs(c) + Math.sin(i)]));
  for (const loss of ['squared', 'logistic'] as const) {
    const targets = loss === 'squared' ? y : fromRows(factors.map((c) => [c > 0.5 ? 1 : -1]));
    const datafit = createDatafit(loss, targets, 1);
    const two = solve({
      X,
      y: targets,
      outputs: 1,
      model: 'relu',
      loss,
      beta: 0.7,
      arrangements: { kind: 'all' },
      outputPenalty: 'per-output',
      bias: 'none',
      tolerance: 1e-9,
    });
    for (const depth of [2, 3, 4, 6]) {
      const built = deepRankOne(X, targets, datafit, 0.7, depth, 3)!;
      // the two-layer optimum by the general solver is the value at every depth
      assert.ok(Math.abs(built.primal - two.objective) < 1e-6 * two.objective, `${loss} ${depth}: ${built.primal}`);
      assert.ok(Math.abs(built.relativeGap) < 1e-9, String(built.relativeGap));
      assert.ok(Math.abs(built.dualConstraint - 1) < 1e-8);
      assert.ok(built.sampled.largest <= built.dualConstraint + 1e-12 && built.sampled.largest > 0);
      for (const { layers, alignment } of built.branches) {
        assert.equal(layers.length, depth);
        for (const W of layers.slice(0, depth - 2)) assert.ok(Math.abs(norm2(W.data) - 1) < 1e-12);
        for (const layer of alignment) {
          assert.ok(layer.rankOneRatio < 1e-12);
          assert.ok(layer.alignment === null || Math.abs(layer.alignment - 1) < 1e-12);
        }
      }
    }
  }
});

test('deep ReLU: says nothing about data of higher rank, and finds rank one without the bias', () => {
  const problem: Problem = {
    X: fromRows(rows),
    y: fromRows(factors.map((c) => [c * c])),
    outputs: 1,
    model: 'relu',
    loss: 'squared',
    beta: 0.7,
    arrangements: { kind: 'all' },
    outputPenalty: 'per-output',
    bias: 'none',
    tolerance: 1e-8,
  };
  assert.equal(rankOneReport(problem, 1, 0, uncontrolled)?.asPosed, true);
  assert.equal(rankOneReport({ ...problem, bias: 'regularized' }, 1, 0, uncontrolled)?.asPosed, false);
  assert.equal(
    rankOneReport({ ...problem, X: fromRows(rows.map(([a, b, c], i) => [a + i, b, c])) }, 1, 0, uncontrolled),
    undefined,
  );
});

test('batch normalisation: the network that is built has the value of the formula and meets its bound', () => {
  const rng = createRng(5);
  const labels = Array.from({ length: 30 }, (_, i) => (i % 5 === 0 ? 0 : 1 + (i % 2)));
  const X = denseMatrix(30, 3);
  labels.forEach((label, i) => {
    for (let j = 0; j < 3; j++) X.data[i * 3 + j] = rng.normal() + (label === j ? 2 : 0);
  });
  const Y = denseMatrix(30, 3);
  labels.forEach((label, i) => (Y.data[i * 3 + label] = 1));
  for (const beta of [0.5, 2.6]) {
    const built = batchNormNetwork(X, Y, beta, 1);
    assert.equal(built.hidden, 60);
    assert.ok(built.interpolationError < 1e-6, String(built.interpolationError));
    const formula = batchNormForm(Y, beta).objective;
    assert.ok(Math.abs(built.objective - formula) < 1e-6 * formula, `${built.objective} ${formula}`);
    assert.ok(built.dualBound <= built.objective + 1e-9 && built.dualBound > formula * (1 - 1e-6));
    const { features } = built.run(X);
    const { deviation, withinOverBetween } = collapseOf(features, labels, 3);
    assert.ok(withinOverBetween < 1e-9);
    // classes of sizes 6, 12, 12: a simplex only when they are balanced
    assert.ok(deviation > 1e-3);
  }
  // rows that are independent need no layer in between
  const wide = batchNormNetwork(
    fromRows([
      [1, 0, 2],
      [0, 1, 1],
      [1, 1, 0],
    ]),
    fromRows([
      [1, 0],
      [1, 0],
      [0, 1],
    ]),
    0.2,
    1,
  );
  assert.equal(wide.hidden, 0);
  assert.ok(wide.interpolationError < 1e-10);
  // the same input with two classes cannot be reached, and the network says so
  const twice = batchNormNetwork(
    fromRows([
      [1, 2],
      [1, 2],
      [0, 1],
    ]),
    fromRows([
      [1, 0],
      [0, 1],
      [0, 1],
    ]),
    0.2,
    1,
  );
  assert.ok(twice.interpolationError > 0.1);
  assert.ok(twice.objective > twice.dualBound);
});
