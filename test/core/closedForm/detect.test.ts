import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectClosedForms } from '../../../src/core/closedForm/detect.ts';
import { fromRows } from '../../../src/core/linalg/matrix.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import type { Problem } from '../../../src/core/problem/problem.ts';
import { uncontrolled } from '../../../src/core/solver/control.ts';
import { solve } from '../../../src/core/solver/solve.ts';

function problem(X: number[][], Y: number[][], beta: number): Problem {
  return {
    X: fromRows(X),
    y: fromRows(Y),
    outputs: Y[0].length,
    model: 'relu',
    loss: 'squared',
    beta,
    arrangements: { kind: 'all' },
    outputPenalty: 'per-output',
    bias: 'none',
    tolerance: 1e-9,
  };
}

test('each detector fires on its own data only, and its value is the solver optimum', () => {
  const rankOne = problem(
    [
      [3, 4],
      [6, 8],
      [-3, -4],
    ],
    [[1], [2], [3]],
    5,
  );
  const whitened = problem(
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    [[3], [4], [-2]],
    1,
  );
  const plain = problem(
    [
      [1, 0.2],
      [0.3, 1],
      [1, 1],
    ],
    [[3], [4], [-2]],
    1,
  );
  const applying = (p: Problem): string[] =>
    detectClosedForms(prepare(p), undefined, uncontrolled)
      .filter((form) => form.applies)
      .map((form) => form.id);
  assert.deepEqual(applying(rankOne), ['rank-one']);
  assert.deepEqual(applying(whitened), ['whitened']);
  assert.deepEqual(applying(plain), []);
  for (const p of [rankOne, whitened]) {
    const form = detectClosedForms(prepare(p), undefined, uncontrolled).find((f) => f.applies)!;
    const { objective } = solve(p);
    assert.ok(Math.abs(form.objective! - objective) < 1e-6 * objective, `${form.id}: ${form.objective} ${objective}`);
  }
  const oneHot = problem(
    [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
    [
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ],
    Math.SQRT1_2,
  );
  assert.deepEqual(applying(oneHot), ['one-hot', 'batch-norm']);
});

test('one feature: the spline Lasso is the free-bias optimum', () => {
  const x = [0, 1, 2];
  const p = {
    ...problem(
      x.map((v) => [v]),
      [[0], [1], [0]],
      0.1,
    ),
    bias: 'free' as const,
  };
  const forms = detectClosedForms(prepare(p), Float64Array.from(x), uncontrolled);
  const spline = forms.find((form) => form.id === 'one-feature')!;
  assert.ok(Math.abs(spline.objective! - 0.17) < 1e-9);
  assert.ok(Math.abs(solve(p).objective - 0.17) < 1e-6);
});
