import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bracketVectorMaximum } from '../../../../src/core/certify/global/vectorMaximum.ts';
import { boundOverSphere } from '../../../../src/core/certify/global/outputSphere.ts';
import { maximizeVectorConstraint } from '../../../../src/core/certify/global/vectorSearch.ts';
import { bracketDualMaximum } from '../../../../src/core/certify/global/dualMaximum.ts';
import { type DenseMatrix, denseMatrix, withOnesColumn } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

function gaussian(seed: number, rows: number, cols: number): DenseMatrix {
  const rng = createRng(seed);
  return denseMatrix(
    rows,
    cols,
    Float64Array.from({ length: rows * cols }, () => rng.normal()),
  );
}

/** ||V'(Xu)_+|| */
function valueAt(X: DenseMatrix, V: DenseMatrix, u: ArrayLike<number>): number {
  const z = new Array<number>(V.cols).fill(0);
  for (let i = 0; i < X.rows; i++) {
    let t = 0;
    for (let k = 0; k < X.cols; k++) t += X.data[i * X.cols + k] * u[k];
    if (t > 0) for (let o = 0; o < V.cols; o++) z[o] += t * V.data[i * V.cols + o];
  }
  return Math.hypot(...z);
}

describe('dual maximum of several outputs', () => {
  it('is the largest value on a fine grid of directions, attained and proven, for two inputs', () => {
    for (const [seed, c] of [
      [1, 2],
      [2, 3],
      [3, 4],
    ] as const) {
      const X = gaussian(seed, 25, 2);
      const V = gaussian(seed + 50, 25, c);
      const { lower, upper, direction, output, method } = bracketVectorMaximum(X, V, 2, { seconds: 60 }, uncontrolled);
      let grid = 0;
      for (let k = 0; k < 20_000; k++) {
        const angle = (2 * Math.PI * k) / 20_000;
        grid = Math.max(grid, valueAt(X, V, [Math.cos(angle), Math.sin(angle)]));
      }
      assert.equal(method, 'sweep');
      assert.ok(lower >= grid * (1 - 1e-12), `${lower} below the grid's ${grid}`);
      // a kink between two points of the grid may be that much higher
      assert.ok(lower <= grid * (1 + 1e-3));
      assert.ok(upper >= lower && upper <= lower * (1 + 1e-8), `${lower} .. ${upper}`);
      assert.ok(Math.abs(Math.hypot(...direction!) - 1) <= 1e-12 && Math.abs(Math.hypot(...output!) - 1) <= 1e-12);
      assert.ok(Math.abs(valueAt(X, V, direction!) - lower) <= 1e-12 * lower);
    }
  });

  it('is above every direction that is drawn, whatever the time, and within the bounds of the single outputs', () => {
    for (const seed of [4, 5]) {
      const X = gaussian(seed, 30, 4);
      const V = gaussian(seed + 50, 30, 3);
      for (const seconds of [0, 0.3]) {
        const { lower, upper } = bracketVectorMaximum(X, V, 4, { seconds }, uncontrolled);
        assert.ok(upper >= lower);
        const rng = createRng(seed);
        for (let k = 0; k < 5000; k++) {
          const u = Array.from({ length: 4 }, () => rng.normal());
          const size = Math.hypot(...u);
          const value = valueAt(
            X,
            V,
            u.map((x) => x / size),
          );
          assert.ok(value <= upper, `${value} above the bound ${upper}`);
        }
        const single = [0, 1, 2].map((o) => {
          const v = Float64Array.from({ length: 30 }, (_, i) => V.data[3 * i + o]);
          return bracketDualMaximum(X, v, 4, { seconds: 0 }, uncontrolled);
        });
        assert.ok(lower >= Math.max(...single.map((b) => b.lower)) * (1 - 1e-9));
        assert.ok(lower <= Math.hypot(...single.map((b) => b.upper)));
      }
    }
  });

  it('with one output or equal ones is the scalar maximum, and turns with the outputs', () => {
    const X = withOnesColumn(gaussian(6, 20, 1));
    const v = gaussian(7, 20, 1);
    const scalar = bracketDualMaximum(X, v.data, 2, { seconds: 60 }, uncontrolled);
    const one = bracketVectorMaximum(X, v, 2, { seconds: 60 }, uncontrolled);
    assert.ok(Math.abs(one.lower - scalar.lower) <= 1e-12 * scalar.lower);
    const equal = denseMatrix(
      20,
      4,
      Float64Array.from({ length: 80 }, (_, i) => v.data[i >> 2]),
    );
    const four = bracketVectorMaximum(X, equal, 2, { seconds: 60 }, uncontrolled);
    assert.ok(Math.abs(four.lower - 2 * scalar.lower) <= 1e-9 * scalar.lower);
    assert.ok(four.upper <= 2 * scalar.upper * (1 + 1e-8));

    const V = gaussian(8, 20, 2);
    const turned = denseMatrix(20, 2);
    const [p, q] = [Math.cos(0.4), Math.sin(0.4)];
    for (let i = 0; i < 20; i++) {
      turned.data[2 * i] = p * V.data[2 * i] - q * V.data[2 * i + 1];
      turned.data[2 * i + 1] = q * V.data[2 * i] + p * V.data[2 * i + 1];
    }
    const a = bracketVectorMaximum(X, V, 2, { seconds: 60 }, uncontrolled);
    const b = bracketVectorMaximum(X, turned, 2, { seconds: 60 }, uncontrolled);
    assert.ok(Math.abs(a.lower - b.lower) <= 1e-9 * a.lower);
  });

  it('does not depend on the free bias when the columns sum to zero', () => {
    const raw = gaussian(9, 24, 2);
    const V = gaussian(10, 24, 3);
    for (let o = 0; o < 3; o++) {
      let mean = 0;
      for (let i = 0; i < 24; i++) mean += V.data[3 * i + o] / 24;
      for (let i = 0; i < 24; i++) V.data[3 * i + o] -= mean;
    }
    const moved = { ...raw, data: raw.data.map((x, k) => x + (k % 2 === 0 ? 5 : -3)) };
    const [a, b] = [raw, moved].map(
      (X) => maximizeVectorConstraint(withOnesColumn(X), V, { penalizedCols: 2, starts: 20, seed: 1 }, uncontrolled)[0],
    );
    assert.ok(Math.abs(a.value - b.value) <= 1e-7 * a.value, `${a.value} ${b.value}`);
  });

  it('leaves V = 0 at zero, and a stop leaves a valid bound', () => {
    const X = gaussian(11, 40, 6);
    const zero = bracketVectorMaximum(X, denseMatrix(40, 3), 6, { seconds: 1 }, uncontrolled);
    assert.equal(zero.lower, 0);
    assert.equal(zero.upper, 0);
    const V = gaussian(12, 40, 3);
    const [top] = maximizeVectorConstraint(X, V, { starts: 30, seed: 2 }, uncontrolled);
    let polls = 0;
    const control = { ...uncontrolled, shouldStop: () => ++polls > 300 };
    const { upper } = bracketVectorMaximum(X, V, 6, { seconds: 60 }, control);
    assert.ok(polls < 600, 'went on after the request');
    assert.ok(upper >= top.value);
  });
});

describe('longest vector of a symmetric set from its support function', () => {
  it('is bounded from above to the tolerance, in any number of dimensions', () => {
    for (const r of [1, 2, 3, 4]) {
      const points = gaussian(20 + r, 12, r);
      const longest = Math.max(
        ...Array.from({ length: 12 }, (_, i) => Math.hypot(...points.data.subarray(i * r, (i + 1) * r))),
      );
      const support = (s: Float64Array): { lower: number; upper: number } => {
        let best = 0;
        for (let i = 0; i < 12; i++) {
          let t = 0;
          for (let k = 0; k < r; k++) t += points.data[i * r + k] * s[k];
          best = Math.max(best, Math.abs(t));
        }
        return { lower: best, upper: best };
      };
      const options = { lower: longest, tolerance: 1e-6, evaluations: 5000, shouldStop: () => false };
      const bound = boundOverSphere(r, support, options);
      assert.ok(bound >= longest * (1 - 1e-15) && bound <= longest * (1 + 2e-6), `${r}: ${bound} for ${longest}`);
      const early = boundOverSphere(r, support, { ...options, evaluations: 4 });
      assert.ok(early >= bound * (1 - 1e-15));
    }
  });
});
