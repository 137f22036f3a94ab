import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { solveLinear, type LinearSolution } from '../../../../src/core/engine/linear/solveLinear.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { OutputPenalty, Problem } from '../../../../src/core/problem/problem.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

function run(
  X: number[][],
  Y: number[][],
  beta: number,
  depth: number,
  outputPenalty: OutputPenalty = 'nuclear',
): LinearSolution {
  const problem: Problem = {
    X: fromRows(X),
    y: fromRows(Y),
    outputs: Y[0].length,
    model: 'linear',
    loss: 'squared',
    beta,
    arrangements: { kind: 'all' },
    outputPenalty,
    bias: 'none',
    depth,
    tolerance: 1e-8,
  };
  return solveLinear(problem, prepare(problem), uncontrolled);
}

test('one output, every depth: the objective of the layers themselves is the proven minimum', () => {
  const X = [
    [1, 0],
    [0, 2],
  ];
  for (const depth of [2, 3, 4]) {
    const s = run(X, [[1.2], [2]], 1, depth);
    assert.ok(Math.abs(s.objective - (0.26 + depth / 2)) < 1e-8);
    assert.equal(s.status, 'optimal');
    for (const layer of s.alignment[0]) assert.ok(Math.abs(layer.frobenius - 1) < 1e-6 && layer.rankOneRatio < 1e-9);
  }
});

test('several outputs: nuclear norm for two layers, whitened closed form for more, refused otherwise', () => {
  const I = [
    [1, 0],
    [0, 1],
  ];
  const Y = [
    [3, 0],
    [0, 1],
  ];
  const two = run(I, Y, 1, 2);
  assert.ok(Math.abs(two.objective - 3) < 1e-7);
  const three = run(I, Y, 0.5, 3);
  // the singular values 3 and 1 shrink separately: compare with a fine grid
  let expected = 0;
  for (const s of [3, 1]) {
    let best = Infinity;
    for (let p = 0; p <= 3.5; p += 1e-4) best = Math.min(best, 0.5 * (p - s) ** 2 + 0.75 * p ** (2 / 3));
    expected += best;
  }
  assert.ok(Math.abs(three.objective - expected) < 1e-6, `${three.objective} ${expected}`);
  const skew = [
    [1, 0.5],
    [0, 1],
  ];
  assert.throws(() => run(skew, Y, 0.5, 3), /duality gap/);
  const parallel = run(skew, Y, 0.5, 3, 'per-output');
  assert.equal(parallel.status, 'optimal');
  assert.ok(parallel.relativeGap < 1e-8);
});
