import assert from 'node:assert/strict';
import { test } from 'node:test';
import { balancedLayers, serialGap, solveNuclear } from '../../../../src/core/engine/linear/nuclear.ts';
import { svd } from '../../../../src/core/base/linalg/svd.ts';
import { denseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { createDatafit } from '../../../../src/core/problem/datafits/losses.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

test('whitened data: singular values of the targets are soft-thresholded (closed form)', () => {
  const X = fromRows([
    [1, 0],
    [0, 1],
  ]);
  const Y = fromRows([
    [3, 0],
    [0, 1],
  ]);
  const fit = createDatafit('squared', Y, 2);
  const s = solveNuclear(X, fit, 1, 1e-10, uncontrolled);
  assert.ok(Math.abs(s.objective - 3) < 1e-8);
  assert.ok(Math.abs(s.dualBound - 3) < 1e-8);
  [2, 0, 0, 0].forEach((z, i) => assert.ok(Math.abs(s.Z.data[i] - z) < 1e-6));
  for (const [beta, rank] of [
    [0.5, 2],
    [1.5, 1],
    [3.5, 0],
  ]) {
    assert.equal(solveNuclear(X, fit, beta, 1e-10, uncontrolled).rank, rank);
  }
});

test('random data, three losses: gap closes, factors are balanced, zero at betaMax', () => {
  const rng = createRng(3);
  const [n, d, c] = [30, 5, 3];
  const X = denseMatrix(
    n,
    d,
    Float64Array.from({ length: n * d }, () => rng.normal()),
  );
  const targets = {
    squared: denseMatrix(
      n,
      c,
      Float64Array.from({ length: n * c }, () => rng.normal()),
    ),
    logistic: denseMatrix(
      n,
      c,
      Float64Array.from({ length: n * c }, () => (rng.uniform() < 0.5 ? -1 : 1)),
    ),
    softmax: denseMatrix(
      n,
      1,
      Float64Array.from({ length: n }, () => rng.integer(c)),
    ),
  };
  for (const loss of ['squared', 'logistic', 'softmax'] as const) {
    const datafit = createDatafit(loss, targets[loss], c);
    const { betaMax } = solveNuclear(X, datafit, 1e9, 1e-8, uncontrolled);
    const s = solveNuclear(X, datafit, 0.2 * betaMax, 1e-8, uncontrolled);
    assert.equal(s.status, 'optimal');
    assert.ok(s.objective - s.dualBound <= 1e-8 * s.objective && s.objective - s.dualBound > -1e-12);
    const [W1, W2] = balancedLayers(s.Z, 2);
    let square = 0;
    for (const w of W1.data) square += w * w;
    for (const w of W2.data) square += w * w;
    assert.ok(Math.abs(0.5 * square - s.penalty) < 1e-9);
    assert.equal(solveNuclear(X, datafit, betaMax * 1.0001, 1e-8, uncontrolled).rank, 0);
  }
});

test('serial networks with several outputs have a duality gap; one direction has none', () => {
  const sigma = svd(
    fromRows([
      [3, 0],
      [0, 1],
    ]),
  ).s;
  assert.ok(Math.abs(serialGap(sigma, 3).primal - 5.405598727423484) < 1e-12);
  assert.equal(serialGap(sigma, 3).dual, 4);
  assert.ok(Math.abs(serialGap([2, 2], 3).primal - 5.656854249492381) < 1e-12);
  assert.ok(Math.abs(serialGap([2.5], 4).primal - serialGap([2.5], 4).dual) < 1e-12);
});
