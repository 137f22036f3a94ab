import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collapseOf } from '../../../../src/core/theory/closedForm/collapse.ts';
import { batchNormForm } from '../../../../src/core/theory/closedForm/batchNorm.ts';
import {
  hasDisjointColumns,
  oneHotForm,
  rankOneFactors,
  rankOneForm,
  whitenedForm,
  whitenedScale,
} from '../../../../src/core/theory/closedForm/twoNeuron.ts';
import { denseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { createDatafit } from '../../../../src/core/problem/datafits/losses.ts';

test('rank-one data: two neurons with soft-thresholded weights (closed form)', () => {
  const X = fromRows([
    [3, 4],
    [6, 8],
    [-3, -4],
  ]);
  const y = fromRows([[1], [2], [3]]);
  const factors = rankOneFactors(X)!;
  const form = rankOneForm(factors.c, factors.a, X, y, createDatafit('squared', y, 1), 5);
  assert.ok(Math.abs(form.objective - 3.4) < 1e-12);
  assert.ok(Math.abs(form.betaMax - 25) < 1e-12);
  assert.deepEqual(
    form.network.weights.map((w) => Number(w[0].toFixed(9))).sort((a, b) => a - b),
    [0.16, 0.4].map((t) => Number(t.toFixed(9))),
  );
  assert.equal(
    rankOneFactors(
      fromRows([
        [1, 0],
        [0, 1],
      ]),
    ),
    undefined,
  );
});

test('whitened rows: one output and one-hot outputs (closed forms), and at another scale', () => {
  const I3 = fromRows([
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);
  const y = fromRows([[3], [4], [-2]]);
  const datafit = createDatafit('squared', y, 1);
  const form = whitenedForm(I3, whitenedScale(I3)!, y, datafit, 1);
  assert.ok(Math.abs(form.objective - 6) < 1e-12);
  assert.ok(Math.abs(form.betaMax - 5) < 1e-12);
  // Scaling X by 2 with beta by 2 leaves the fit and the objective alone.
  const twice = denseMatrix(
    3,
    3,
    I3.data.map((v) => 2 * v),
  );
  assert.ok(Math.abs(whitenedForm(twice, whitenedScale(twice)!, y, datafit, 2).objective - 6) < 1e-12);
  const I4 = fromRows([
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ]);
  const Y = fromRows([
    [1, 0],
    [1, 0],
    [0, 1],
    [0, 1],
  ]);
  assert.ok(hasDisjointColumns(Y) && !hasDisjointColumns(fromRows([[1, 1]])));
  assert.ok(Math.abs(oneHotForm(I4, whitenedScale(I4)!, Y, Math.SQRT1_2).objective - 1.5) < 1e-12);
  assert.equal(
    whitenedScale(
      fromRows([
        [1, 0.1],
        [0, 1],
      ]),
    ),
    undefined,
  );
});

test('batch normalisation: features of one-hot balanced classes collapse to a simplex', () => {
  const Y = denseMatrix(9, 3);
  const labels = Array.from({ length: 9 }, (_, i) => i % 3);
  labels.forEach((k, i) => (Y.data[i * 3 + k] = 1));
  const form = batchNormForm(Y, 0.5);
  const collapse = collapseOf(form.features, labels, 3);
  assert.ok(collapse.deviation < 1e-12 && collapse.withinOverBetween < 1e-12);
  assert.equal(collapse.simplexCosine, -0.5);
  const root = Math.sqrt(3);
  assert.ok(Math.abs(form.objective - 3 * (0.125 + 0.5 * (root - 0.5))) < 1e-12);
});
