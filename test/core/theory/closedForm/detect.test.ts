import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedForms } from '../../../../src/core/theory/closedForm/checkForms.ts';
import { detectClosedForms } from '../../../../src/core/theory/closedForm/detect.ts';
import { fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { solve } from '../../../../src/core/engine/solve.ts';

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
    detectClosedForms(p, undefined, uncontrolled)
      .filter((form) => form.applies)
      .map((form) => form.id);
  assert.deepEqual(applying(rankOne), ['rank-one', 'linear']);
  assert.deepEqual(applying(whitened), ['whitened', 'spike-free', 'linear']);
  assert.deepEqual(applying(plain), []);
  for (const p of [rankOne, whitened]) {
    const form = detectClosedForms(p, undefined, uncontrolled).find((f) => f.applies)!;
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
  assert.deepEqual(applying(oneHot), ['whitened', 'one-hot', 'spike-free', 'linear', 'batch-norm']);
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
  const forms = detectClosedForms(p, Float64Array.from(x), uncontrolled);
  const spline = forms.find((form) => form.id === 'one-feature')!;
  assert.ok(Math.abs(spline.objective! - 0.17) < 1e-9);
  assert.ok(Math.abs(solve(p).objective - 0.17) < 1e-6);
});

/** Every form that applies and has a value, with the solver's value of the same problem. */
function checkedIds(p: Problem): string[] {
  const { forms, notes } = checkedForms(p, undefined, 10, uncontrolled);
  assert.deepEqual(notes, []);
  for (const form of forms) {
    if (!form.applies || form.id === 'batch-norm') continue;
    assert.ok(form.difference !== undefined && form.difference < 1e-6, `${form.id}: ${String(form.difference)}`);
    assert.ok(form.program !== undefined);
  }
  return forms.filter((form) => form.applies).map((form) => form.id);
}

const orthogonal = [
  [2, 0, 0, 0, 0],
  [0, 1.2, 1.6, 0, 0],
  [0, 1.6, -1.2, 0, 0],
  [0, 0, 0, 2, 0],
];

test('orthogonal rows: logistic loss and every coding of classes, each checked by the solver', () => {
  const binary = [[1], [-1], [-1], [1]];
  const logistic = checkedIds({ ...problem(orthogonal, binary, 0.3), loss: 'logistic' });
  assert.deepEqual(logistic, ['whitened', 'spike-free']);
  // beyond the threshold s sqrt(2) / 2 of both classes the zero network
  const beyond = detectClosedForms({ ...problem(orthogonal, binary, 1.5), loss: 'logistic' }, undefined, uncontrolled);
  const form = beyond.find(({ id }) => id === 'whitened')!;
  assert.equal(form.neurons!.length, 0);
  assert.ok(Math.abs(form.betaMax! - Math.SQRT2) < 1e-12);
  const ids = [0, 1, 1, 2];
  const signs = ids.map((id) => [0, 1, 2].map((k) => (k === id ? 1 : -1)));
  const zeroOne = ids.map((id) => [0, 1, 2].map((k) => (k === id ? 1 : 0)));
  const all = ['whitened', 'one-hot', 'spike-free', 'linear', 'batch-norm'];
  assert.deepEqual(checkedIds(problem(orthogonal, signs, 0.4)), all);
  assert.deepEqual(checkedIds(problem(orthogonal, zeroOne, 0.4)), all);
  assert.deepEqual(checkedIds({ ...problem(orthogonal, signs, 0.2), loss: 'logistic' }), [
    'whitened',
    'one-hot',
    'spike-free',
    'batch-norm',
  ]);
  const softmax = {
    ...problem(
      orthogonal,
      ids.map((id) => [id]),
      0.2,
    ),
    outputs: 3,
    loss: 'softmax' as const,
  };
  assert.deepEqual(checkedIds(softmax), ['one-hot', 'batch-norm']);
  const reasons = new Map(detectClosedForms(softmax, undefined, uncontrolled).map((f) => [f.id, f.reason]));
  assert.match(reasons.get('whitened')!, /softmax loss couples the outputs/);
  assert.match(reasons.get('one-hot')!, /this run uses the softmax loss/);
  assert.match(reasons.get('linear')!, /squared loss/);
  const coded = detectClosedForms(problem(orthogonal, signs, 0.4), undefined, uncontrolled);
  assert.match(coded.find(({ id }) => id === 'one-hot')!.reason, /codes them -1 and \+1/);
});

test('rank-one rows: logistic loss and several outputs, each checked by the solver', () => {
  const rows = [1, 2, -1, 3, -2].map((c) => [c, 2 * c]);
  const y = [[1], [-1], [1], [1], [-1]];
  assert.deepEqual(checkedIds({ ...problem(rows, y, 0.5), loss: 'logistic' }), ['rank-one']);
  const two = [
    [1, 3],
    [-2, 0],
    [0.5, -1],
    [2, 2],
    [-1, 4],
  ];
  assert.deepEqual(checkedIds(problem(rows, two, 0.5)), ['rank-one', 'linear']);
});

test('linear networks on whitened inputs: thresholds for every depth', () => {
  // orthogonal columns of equal length, more rows than inputs
  const columns = [
    [1, 1],
    [1, -1],
    [-1, 1],
    [-1, -1],
  ];
  const Y = [
    [3, 0.5],
    [1, -1],
    [0.2, 2],
    [-1, 1],
  ];
  for (const depth of [2, 3, 4]) {
    const p: Problem = { ...problem(columns, Y, 0.4), model: 'linear', depth, outputPenalty: 'nuclear' };
    assert.deepEqual(checkedIds(p), ['linear'], `depth ${depth}`);
    assert.deepEqual(checkedIds({ ...p, outputPenalty: 'per-output' }), ['linear'], `depth ${depth}, one per output`);
  }
  const skew = problem(
    [
      [1, 0.2],
      [0.3, 1],
    ],
    [[1], [2]],
    0.1,
  );
  const linear = detectClosedForms(skew, undefined, uncontrolled).find(({ id }) => id === 'linear')!;
  assert.equal(linear.applies, false);
  assert.match(linear.reason, /Singular values of the inputs run from/);
});

test('a bias column is named as what spoils orthogonal rows', () => {
  const p = { ...problem(orthogonal, [[1], [2], [3], [4]], 0.4), bias: 'regularized' as const };
  const whitened = detectClosedForms(p, undefined, uncontrolled).find(({ id }) => id === 'whitened')!;
  assert.equal(whitened.applies, false);
  assert.match(whitened.reason, /train without a bias/);
});
