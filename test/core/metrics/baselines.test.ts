import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Matrix, solve } from 'ml-matrix';
import { denseMatrix, type DenseMatrix, rowOf } from '../../../src/core/base/linalg/matrix.ts';
import { huberRegression, logisticRegression, ridgeRegression } from '../../../src/core/metrics/baselines.ts';
import { tunedLogistic } from '../../../src/core/metrics/tunedLogistic.ts';
import { foldsOf } from '../../../src/core/data/folds.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { type Control, uncontrolled } from '../../../src/core/base/control.ts';

const rng = createRng(11);
const [n, d] = [40, 4];
const X = denseMatrix(
  n,
  d,
  Float64Array.from({ length: n * d }, () => rng.normal() + 0.3),
);
const trainRows = Int32Array.from({ length: 30 }, (_, i) => (i * 7) % 40).sort();

/** Ridge with a free intercept by its normal equations on [X 1]: the outputs on `at` as a linear map of the targets, column by column. */
function ridgeByHand(data: DenseMatrix, rows: readonly number[], ridge: number, at: readonly number[]): Matrix {
  const d = data.cols;
  const A = new Matrix(d + 1, d + 1);
  const withOne = (row: number): number[] => [...rowOf(data, row), 1];
  for (const row of rows) {
    const x = withOne(row);
    x.forEach((xi, i) => x.forEach((xj, j) => A.set(i, j, A.get(i, j) + xi * xj)));
  }
  for (let i = 0; i < d; i++) A.set(i, i, A.get(i, i) + ridge);
  const B = new Matrix(rows.map(withOne)).transpose();
  return new Matrix(at.map(withOne)).mmul(solve(A, B));
}

describe('Huber regression', () => {
  const wide = denseMatrix(40, 50, Float64Array.from({ length: 2000 }, () => rng.normal() + 0.3)); // prettier-ignore
  for (const [name, data] of [
    ['tall', X],
    ['wide', wide],
  ] as const) {
    for (const unit of [1, 1e6]) {
      it(`is the ridge regression on its own pseudo-values (${name}, unit ${unit})`, () => {
        const y = Array.from({ length: n }, (_, i) => unit * (data.data[i * data.cols] + rng.normal() + (i % 6 === 0 ? 30 : 0))); // prettier-ignore
        const delta = 0.5 * unit;
        const { prediction, ridge } = huberRegression(data, y, trainRows, delta, uncontrolled)!;
        const rows = [...trainRows];
        const clipped = rows.map((row) => Math.min(delta, Math.max(-delta, y[row] - prediction[row])));
        // with more columns than rows a small ridge may fit outliers as well
        const both = clipped.some((value) => Math.abs(value) < delta) && clipped.some((value) => value === delta);
        assert.ok(both || name === 'wide');
        const pseudo = Matrix.columnVector(rows.map((row, i) => prediction[row] + clipped[i]));
        const byHand = ridgeByHand(data, rows, ridge, rows).mmul(pseudo).to1DArray();
        rows.forEach((row, i) => assert.ok(Math.abs(prediction[row] - byHand[i]) < 1e-5 * unit, `${byHand[i]}`));
      });
    }
  }

  it('finds a line that outliers pull least squares away from', () => {
    const line = denseMatrix(
      60,
      1,
      Float64Array.from({ length: 60 }, (_, i) => i / 10 - 3),
    );
    const y = Array.from({ length: 60 }, (_, i) => 2 * line.data[i] + 1 + (i >= 54 ? -80 : 0.01 * ((i % 3) - 1)));
    const all = Int32Array.from({ length: 60 }, (_, i) => i);
    const worst = (fit: Float64Array): number =>
      Math.max(...Array.from(fit.subarray(0, 54), (value, i) => Math.abs(value - 2 * line.data[i] - 1)));
    assert.ok(worst(huberRegression(line, y, all, 0.1, uncontrolled)!.prediction) < 0.3);
    assert.ok(worst(ridgeRegression(line, y, all, uncontrolled)!.prediction) > 5);
  });
});

describe('ridge regression', () => {
  const wide = denseMatrix(
    40,
    50,
    Float64Array.from({ length: 2000 }, () => rng.normal() + 0.3),
  );
  for (const [name, data] of [
    ['tall', X],
    ['wide', wide],
  ] as const) {
    // prettier-ignore
    const y = Array.from({ length: n }, (_, i) => 3 + 2 * data.data[i * data.cols] - data.data[i * data.cols + 1] + rng.normal());
    const found = ridgeRegression(data, y, trainRows, uncontrolled)!;
    const rows = [...trainRows];
    const targets = Matrix.columnVector(rows.map((row) => y[row]));

    it(`solves the normal equations for the ridge it chose (${name})`, () => {
      const everywhere = Array.from({ length: n }, (_, i) => i);
      const byHand = ridgeByHand(data, rows, found.ridge, everywhere).mmul(targets).to1DArray();
      found.prediction.forEach((value, i) => assert.ok(Math.abs(value - byHand[i]) < 1e-8, `${value} ${byHand[i]}`));
    });

    it(`chose the ridge with the smallest generalised cross-validation score, from the hat matrix (${name})`, () => {
      const score = (ridge: number): number => {
        const hat = ridgeByHand(data, rows, ridge, rows);
        const residual = Matrix.sub(targets, hat.mmul(targets));
        return residual.dot(residual) / (rows.length - hat.trace()) ** 2;
      };
      let scale = 0;
      for (let j = 0; j < data.cols; j++) {
        const column = rows.map((row) => data.data[row * data.cols + j]);
        const mean = column.reduce((a, b) => a + b) / rows.length;
        scale += column.reduce((a, b) => a + (b - mean) ** 2, 0) / data.cols;
      }
      const best = score(found.ridge);
      for (let exponent = -6; exponent <= 4; exponent += 0.5) {
        assert.ok(best <= score(scale * 10 ** exponent) * (1 + 1e-6), `${exponent}`);
      }
    });

    it(`is the same for data in other units, up to the ends of the range of doubles (${name})`, () => {
      for (const unit of [2 ** 400, 2 ** -400]) {
        const scaled = denseMatrix(n, data.cols, data.data.map((value) => value * unit)); // prettier-ignore
        const again = ridgeRegression(scaled, y.map((value) => value * unit), trainRows, uncontrolled)!; // prettier-ignore
        again.prediction.forEach((value, i) => assert.ok(Math.abs(value / unit - found.prediction[i]) < 1e-9));
      }
    });
  }

  it('survives identical columns, constant ones and fewer rows than columns', () => {
    const narrow = denseMatrix(
      4,
      6,
      Float64Array.from({ length: 24 }, (_, i) => Math.sin(i) + (i % 6 === 5 ? 0 : 1)),
    );
    for (let i = 0; i < 4; i++) narrow.data[i * 6 + 1] = narrow.data[i * 6];
    for (const data of [narrow, denseMatrix(4, 6), denseMatrix(4, 2)]) {
      const { prediction } = ridgeRegression(data, [1, 2, 3, 4], Int32Array.of(0, 1, 2, 3), uncontrolled)!;
      assert.ok(prediction.every((value) => Number.isFinite(value)));
    }
    const { prediction } = ridgeRegression(narrow, [1, 2, 3, 4], Int32Array.of(2), uncontrolled)!;
    assert.ok(prediction.every((value) => value === 3));
  });
});

describe('a stop', () => {
  it('is looked for after a bounded share of the work, and leaves no figures', () => {
    const [rows, cols] = [400, 3000];
    const data = denseMatrix(
      rows,
      cols,
      Float64Array.from({ length: rows * cols }, () => rng.normal()),
    );
    const y = Array.from({ length: rows }, (_, i) => Number(data.data[i * cols] > 0));
    const train = Int32Array.from({ length: rows }, (_, i) => i);
    for (const run of [
      (control: Control) => ridgeRegression(data, y, train, control),
      (control: Control) => logisticRegression(data, { of: y, classes: 2 }, train, control),
    ]) {
      let looks = 0;
      run({ ...uncontrolled, shouldStop: () => ++looks < 0 });
      // 400 x 400 x 3000 / 2 multiplications and 400^3 more, at most 2e7 between two looks
      assert.ok(looks > 20, `${looks} looks`);
      for (const after of [0, 5, 15]) {
        let left = after;
        assert.equal(run({ ...uncontrolled, shouldStop: () => left-- <= 0 }), undefined);
      }
    }
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
  const check = (labels: readonly number[], classes: number, data: DenseMatrix, weights?: readonly number[]): void => {
    const outputs = classes === 2 ? 1 : classes;
    const { prediction, ridge } = logisticRegression(data, { of: labels, classes, weights }, trainRows, uncontrolled)!;
    const W = weightsOf(prediction, outputs);
    const gradient = Matrix.zeros(d + 1, outputs);
    for (const row of trainRows) {
      const f = Array.from(prediction.subarray(row * outputs, (row + 1) * outputs));
      const total = f.reduce((sum, value) => sum + Math.exp(value), 0);
      const p = outputs === 1 ? [1 / (1 + Math.exp(-f[0]))] : f.map((value) => Math.exp(value) / total);
      p.forEach((value, o) => {
        const g = (value - (outputs === 1 ? labels[row] : Number(labels[row] === o))) * (weights?.[labels[row]] ?? 1);
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
  it('two and three classes with weights: the gradient of the weighted loss vanishes', () => {
    const rare = Array.from({ length: n }, (_, i) => (X.data[i * d] + 0.5 * rng.normal() > 1 ? 1 : 0));
    check(rare, 2, X, [0.5, 7]);
    check(
      rare.map((label, i) => (label === 1 && i % 2 === 0 ? 2 : label)),
      3,
      X,
      [0.4, 3, 6],
    );
  });
  it('three classes: the gradient vanishes', () =>
    check(
      Array.from({ length: n }, (_, i) => (X.data[i * d] > 0.8 ? 2 : X.data[i * d + 1] > 0.3 ? 1 : 0)),
      3,
      X,
    ));
  it('more columns than rows: the rows as unknowns give the network of the columns as unknowns', () => {
    // twice the columns over sqrt 2, and many of zeros, change no row product
    for (const classes of [2, 3]) {
      const labels = Array.from({ length: n }, (_, i) =>
        X.data[i * d] > 0.8 ? classes - 1 : X.data[i * d + 1] > 0.3 ? 1 : 0,
      );
      const wide = denseMatrix(n, 100);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < d; j++)
          wide.data[i * 100 + j] = wide.data[i * 100 + 50 + j] = X.data[i * d + j] / Math.SQRT2;
      }
      const narrow = logisticRegression(X, { of: labels, classes, weights: [1, 2, 3] }, trainRows, uncontrolled)!;
      const found = logisticRegression(wide, { of: labels, classes, weights: [1, 2, 3] }, trainRows, uncontrolled)!;
      found.prediction.forEach((value, i) => assert.ok(Math.abs(value - narrow.prediction[i]) < 1e-3));
    }
  });
  it('separable classes: finite weights', () => {
    const { prediction } = logisticRegression(
      X,
      { of: Array.from({ length: n }, (_, i) => Number(X.data[i * d] > 0.3)), classes: 2 },
      trainRows,
      uncontrolled,
    )!;
    assert.ok(prediction.every((value) => Number.isFinite(value)));
  });
});

describe('logistic regression with a tuned ridge', () => {
  const labels = Array.from({ length: n }, (_, i) => (X.data[i * d] + 0.8 * rng.normal() > 0.3 ? 1 : 0));

  it('has the ridge of the smallest log loss over stratified folds, among decades and the half decades beside the best', () => {
    const own = Array.from(trainRows, (row) => labels[row]);
    const fold = foldsOf(trainRows.length, { count: 5, seed: 1, classes: own });
    const score = (decade: number): number => {
      let sum = 0;
      for (let k = 0; k < 5; k++) {
        const train = trainRows.filter((_, i) => fold[i] !== k);
        const ridge = (10 ** decade * train.length) / trainRows.length;
        const { prediction } = logisticRegression(X, { of: labels, classes: 2 }, train, uncontrolled, { ridge })!;
        trainRows.forEach((row, i) => {
          if (fold[i] === k) sum += Math.log(1 + Math.exp(labels[row] === 1 ? -prediction[row] : prediction[row]));
        });
      }
      return sum;
    };
    const by = (list: readonly number[]): number => list.reduce((a, b) => (score(b) < score(a) ? b : a));
    const coarse = by([-2, -1, 0, 1, 2, 3]);
    const best = by([coarse, coarse - 0.5, coarse + 0.5]);
    const { prediction, ridge } = tunedLogistic(X, { of: labels, classes: 2 }, trainRows, uncontrolled)!;
    assert.ok(Math.abs(Math.log10(ridge) - best) < 1e-6, `${ridge} ${best}`);
    const same = logisticRegression(X, { of: labels, classes: 2 }, trainRows, uncontrolled, { ridge: 10 ** best })!;
    assert.deepEqual(prediction, same.prediction);
  });

  it('keeps ridge 1 where a fold would lack a class, and is stopped', () => {
    const rare = labels.map((_, row) => (row === trainRows[0] ? 1 : 0));
    assert.ok(Math.abs(tunedLogistic(X, { of: rare, classes: 2 }, trainRows, uncontrolled)!.ridge - 1) < 1e-9);
    assert.equal(
      tunedLogistic(X, { of: labels, classes: 2 }, trainRows, { ...uncontrolled, shouldStop: () => true }),
      undefined,
    );
  });
});
