import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Matrix, solve } from 'ml-matrix';
import { denseMatrix, type DenseMatrix, rowOf } from '../../../src/core/linalg/matrix.ts';
import { logisticRegression, ridgeRegression } from '../../../src/core/metrics/baselines.ts';
import { createRng } from '../../../src/core/random/rng.ts';
import { uncontrolled } from '../../../src/core/solver/control.ts';

const rng = createRng(11);
const [n, d] = [40, 4];
const X = denseMatrix(
  n,
  d,
  Float64Array.from({ length: n * d }, () => rng.normal() + 0.3),
);
const trainRows = Int32Array.from({ length: 30 }, (_, i) => (i * 7) % 40).sort();

/** Ridge with a free intercept by its normal equations on [X 1]. */
function ridgeByHand(rows: readonly number[], y: readonly number[], ridge: number): (row: Float64Array) => number {
  const A = new Matrix(d + 1, d + 1);
  const b = Matrix.zeros(d + 1, 1);
  for (const row of rows) {
    const x = [...rowOf(X, row), 1];
    x.forEach((xi, i) => {
      b.set(i, 0, b.get(i, 0) + xi * y[row]);
      x.forEach((xj, j) => A.set(i, j, A.get(i, j) + xi * xj));
    });
  }
  for (let i = 0; i < d; i++) A.set(i, i, A.get(i, i) + ridge);
  const w = solve(A, b).to1DArray();
  return (x) => x.reduce((sum, value, k) => sum + value * w[k], w[d]);
}

describe('ridge regression', () => {
  const y = Array.from({ length: n }, (_, i) => 3 + 2 * X.data[i * d] - X.data[i * d + 1] + rng.normal());
  const found = ridgeRegression(X, y, trainRows, uncontrolled);

  it('solves the normal equations for the ridge it chose', () => {
    const byHand = ridgeByHand([...trainRows], y, found.ridge);
    found.prediction.forEach((value, i) => assert.ok(Math.abs(value - byHand(rowOf(X, i))) < 1e-9));
  });

  it('chose the ridge with the smallest leave-one-out error, computed by leaving rows out', () => {
    const error = (ridge: number): number =>
      [...trainRows].reduce((sum, row) => {
        const others = [...trainRows].filter((other) => other !== row);
        return sum + (y[row] - ridgeByHand(others, y, ridge)(rowOf(X, row))) ** 2;
      }, 0);
    const best = error(found.ridge);
    for (let exponent = -6; exponent <= 4; exponent += 0.5) {
      assert.ok(best <= error(30 * 10 ** exponent) * (1 + 1e-9), `${exponent}`);
    }
  });

  it('survives identical columns and fewer rows than columns', () => {
    const wide = denseMatrix(
      4,
      6,
      Float64Array.from({ length: 24 }, (_, i) => Math.sin(i) + (i % 6 === 5 ? 0 : 1)),
    );
    for (let i = 0; i < 4; i++) wide.data[i * 6 + 1] = wide.data[i * 6];
    const { prediction } = ridgeRegression(wide, [1, 2, 3, 4], Int32Array.of(0, 1, 2, 3), uncontrolled);
    assert.ok(prediction.every((value) => Number.isFinite(value)));
  });
});

describe('logistic regression', () => {
  /** Gradient of loss + ridge/2 ||W||^2 at outputs f, by definition: it must vanish. Weights come from finite solves of f = XW + b. */
  const weightsOf = (prediction: Float64Array, outputs: number): Matrix => {
    const A = Matrix.zeros(n, d + 1);
    for (let i = 0; i < n; i++) A.setRow(i, [...rowOf(X, i), 1]);
    const F = Matrix.zeros(n, outputs);
    for (let i = 0; i < n; i++) F.setRow(i, Array.from(prediction.subarray(i * outputs, (i + 1) * outputs)));
    return solve(A, F, true);
  };
  const check = (labels: readonly number[], classes: number, data: DenseMatrix): void => {
    const outputs = classes === 2 ? 1 : classes;
    const { prediction, ridge } = logisticRegression(data, labels, classes, trainRows, uncontrolled);
    const W = weightsOf(prediction, outputs);
    const gradient = Matrix.zeros(d + 1, outputs);
    for (const row of trainRows) {
      const f = Array.from(prediction.subarray(row * outputs, (row + 1) * outputs));
      const total = f.reduce((sum, value) => sum + Math.exp(value), 0);
      const p = outputs === 1 ? [1 / (1 + Math.exp(-f[0]))] : f.map((value) => Math.exp(value) / total);
      p.forEach((value, o) => {
        const g = value - (outputs === 1 ? labels[row] : Number(labels[row] === o));
        [...rowOf(data, row), 1].forEach((x, k) => gradient.set(k, o, gradient.get(k, o) + g * x));
      });
    }
    for (let k = 0; k < d; k++)
      for (let o = 0; o < outputs; o++) gradient.set(k, o, gradient.get(k, o) + ridge * W.get(k, o));
    assert.ok(gradient.abs().max() < 1e-3, `largest entry ${gradient.max()}`);
  };
  it('two classes: the gradient vanishes', () =>
    check(
      Array.from({ length: n }, (_, i) => Number(X.data[i * d] + 0.5 * rng.normal() > 0.3)),
      2,
      X,
    ));
  it('three classes: the gradient vanishes', () =>
    check(
      Array.from({ length: n }, (_, i) => (X.data[i * d] > 0.8 ? 2 : X.data[i * d + 1] > 0.3 ? 1 : 0)),
      3,
      X,
    ));
  it('separable classes: finite weights', () => {
    const { prediction } = logisticRegression(
      X,
      Array.from({ length: n }, (_, i) => Number(X.data[i * d] > 0.3)),
      2,
      trainRows,
      uncontrolled,
    );
    assert.ok(prediction.every((value) => Number.isFinite(value)));
  });
});
