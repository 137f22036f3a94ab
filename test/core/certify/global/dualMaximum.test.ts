import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isOn } from '../../../../src/core/base/patterns.ts';
import { bracketDualMaximum, type DualBracket, openBracket } from '../../../../src/core/certify/global/dualMaximum.ts';
import { enumerateCells } from '../../../../src/core/problem/patterns/enumerate.ts';
import { hingeSum, negated } from '../../../../src/core/certify/global/hingeSum.ts';
import { normBound, normBoundOfRows } from '../../../../src/core/certify/global/normBounds.ts';
import { maximizeDualConstraint } from '../../../../src/core/certify/global/search.ts';
import { type DenseMatrix, denseMatrix, fromRows, withOnesColumn } from '../../../../src/core/base/linalg/matrix.ts';
import { ConeProjector } from '../../../../src/core/base/linalg/nnls.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

/** |v'(Xu)_+| */
function constraint(X: DenseMatrix, v: Float64Array, u: ArrayLike<number>): number {
  let s = 0;
  for (let i = 0; i < X.rows; i++) {
    let t = 0;
    for (let k = 0; k < X.cols; k++) t += X.data[i * X.cols + k] * u[k];
    if (t > 0) s += v[i] * t;
  }
  return Math.abs(s);
}

/** M(v) by one non-negative least squares problem per cell and sign. */
function byEnumeration(X: DenseMatrix, v: Float64Array): number {
  const cells = enumerateCells(X, 1e6, uncontrolled)!;
  const projector = new ConeProjector(X);
  const p = new Float64Array(X.cols);
  let top = 0;
  for (let c = 0; c < cells.patterns.count; c++) {
    const signs = Int8Array.from({ length: X.rows }, (_, i) => (isOn(cells.patterns, c, i) ? 1 : -1));
    for (const sign of [1, -1]) {
      const g = new Float64Array(X.cols);
      for (let i = 0; i < X.rows; i++) {
        if (signs[i] < 0) continue;
        for (let k = 0; k < X.cols; k++) g[k] += sign * v[i] * X.data[i * X.cols + k];
      }
      top = Math.max(top, projector.project(signs, g, p));
    }
  }
  return top;
}

function random(n: number, d: number, seed: number, whole = false): { X: DenseMatrix; v: Float64Array } {
  const rng = createRng(seed);
  const draw = (): number => (whole ? rng.integer(5) - 2 : rng.normal());
  const X = denseMatrix(n, d);
  for (let i = 0; i < n * d; i++) X.data[i] = draw();
  return { X, v: Float64Array.from({ length: n }, draw) };
}

function check(X: DenseMatrix, v: Float64Array, bracket: DualBracket, expected: number): void {
  assert.ok(bracket.upper >= expected * (1 - 1e-12), `bound ${bracket.upper} below ${expected}`);
  assert.ok(bracket.upper <= expected * (1 + 2e-9) + 1e-12, `bound ${bracket.upper} not tight at ${expected}`);
  assert.ok(Math.abs(bracket.lower - expected) <= 2e-9 * expected + 1e-12);
  if (bracket.direction !== undefined) {
    assert.ok(Math.abs(constraint(X, v, bracket.direction) - bracket.lower) <= 1e-12 * (1 + bracket.lower));
  }
}

describe('bracket of the dual maximum', () => {
  it('is exact on generic data, compared with one NNLS per cell', () => {
    for (const [n, d] of [
      [4, 1],
      [9, 2],
      [40, 2],
      [3, 3],
      [14, 3],
      [10, 4],
      [9, 5],
      [4, 9],
    ]) {
      const { X, v } = random(n, d, 10 * n + d);
      check(X, v, bracketDualMaximum(X, v, d, { seconds: 20 }, uncontrolled), byEnumeration(X, v));
    }
  });

  it('is exact on integer data with duplicate, opposite, zero and dependent rows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 2, max: 10 }),
        fc.integer({ min: 1, max: 4 }),
        (seed, n, d) => {
          const { X, v } = random(n, d, seed, true);
          check(X, v, bracketDualMaximum(X, v, d, { seconds: 20 }, uncontrolled), byEnumeration(X, v));
        },
      ),
      { seed: 7, numRuns: 60 },
    );
  });

  it('is exact with a free bias in one and two features', () => {
    for (const [n, d] of [
      [12, 1],
      [11, 2],
    ]) {
      const { X: plain, v } = random(n, d, 3 * n + d);
      const mean = v.reduce((s, t) => s + t, 0) / n;
      for (let i = 0; i < n; i++) v[i] -= mean;
      const X = withOnesColumn(plain);
      const bracket = bracketDualMaximum(X, v, d, { seconds: 5 }, uncontrolled);
      // at the best bias the boundary passes through a row: one problem without bias per row
      let expected = 0;
      for (let k = 0; k < n; k++) {
        const shifted = fromRows(
          Array.from({ length: n }, (_, i) =>
            Array.from({ length: d }, (_, j) => plain.data[i * d + j] - plain.data[k * d + j]),
          ),
        );
        expected = Math.max(expected, byEnumeration(shifted, v));
      }
      check(X, v, bracket, expected);
    }
  });

  it('brackets a free bias in three features by branch and bound', () => {
    const { X: plain, v } = random(10, 3, 77);
    const mean = v.reduce((s, t) => s + t, 0) / 10;
    for (let i = 0; i < 10; i++) v[i] -= mean;
    let expected = 0;
    for (let k = 0; k < 10; k++) {
      const shifted = denseMatrix(10, 3);
      for (let i = 0; i < 10; i++)
        for (let j = 0; j < 3; j++) shifted.data[i * 3 + j] = plain.data[i * 3 + j] - plain.data[k * 3 + j];
      expected = Math.max(expected, byEnumeration(shifted, v));
    }
    const bracket = bracketDualMaximum(withOnesColumn(plain), v, 3, { seconds: 5, tolerance: 1e-3 }, uncontrolled);
    assert.ok(bracket.upper >= expected * (1 - 1e-12));
    assert.ok(bracket.upper <= expected * 1.002);
    assert.ok(bracket.lower <= expected * (1 + 1e-12));
    assert.ok(bracket.lower >= expected * 0.999);
  });

  it('goes on where the time was up, and tells every bound on the way', () => {
    const { X, v } = random(30, 4, 9);
    let looks = 0;
    const ticking = { ...uncontrolled, now: () => looks++ / 1000 };
    const open = openBracket(X, v, 4, { seconds: 0.08 }, ticking);
    const first = open.bracket;
    const told: number[] = [];
    const expected = open.expected(4);
    open.goOn(4, 0, (upper) => told.push(upper));
    const then = open.bracket;
    const falls = told.every((upper, k) => upper <= (k === 0 ? first.upper : told[k - 1]));
    assert.ok(told.length > 0 && falls, `${first.upper}: ${told.join(' ')}`);
    assert.equal(told.at(-1), then.upper);
    assert.ok(then.upper < first.upper && then.visited > first.visited);
    assert.ok(then.upper >= then.lower && expected <= first.upper && expected >= first.lower);
    // no more than a given goal asks for
    open.goOn(1, then.upper, (upper) => told.push(upper));
    assert.equal(open.bracket.upper, then.upper);
  });

  it('never reports a bound below what a direction attains, whatever the time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 8 }),
        (seed, n, d) => {
          const { X, v } = random(n, d, seed);
          const found = maximizeDualConstraint(X, { rows: n, cols: 1, data: v }, { starts: 12 }, uncontrolled);
          const nodes = createRng(seed).integer(300);
          let polls = 0;
          const control = { ...uncontrolled, shouldStop: () => polls++ > nodes };
          const { upper, lower } = bracketDualMaximum(X, v, d, { seconds: 1 }, control);
          assert.ok(upper >= lower);
          for (const { value, direction } of found) {
            assert.ok(upper >= value * (1 - 1e-13), `${upper} < ${value}`);
            assert.ok(Math.abs(constraint(X, v, direction) - value) <= 1e-10 * (1 + value));
            assert.ok(Math.abs(Math.hypot(...direction) - 1) < 1e-12);
          }
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  it('is 0 where nothing can be gained, and takes rows without weight and no rows at all', () => {
    const X = fromRows([
      [1, 0],
      [0, 0],
    ]);
    assert.equal(bracketDualMaximum(X, Float64Array.of(0, 3), 2, { seconds: 1 }, uncontrolled).lower, 0);
    assert.ok(bracketDualMaximum(X, Float64Array.of(0, 3), 2, { seconds: 1 }, uncontrolled).upper < 1e-12);
    assert.ok(bracketDualMaximum(X, new Float64Array(2), 2, { seconds: 1 }, uncontrolled).upper < 1e-12);
  });
});

describe('bound by norms straight from the rows', () => {
  it('is that of the hinges in their own coordinates, above every direction', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { X, v } = random(60, 4, seed);
      const free = seed % 2 === 0;
      const Z = free ? withOnesColumn(X) : X;
      if (free) {
        const mean = v.reduce((s, x) => s + x, 0) / v.length;
        for (let i = 0; i < v.length; i++) v[i] -= mean;
      }
      const bound = normBoundOfRows(Z, v, 4);
      const h = hingeSum(Z, v, 4);
      const expected = Math.max(normBound(h), normBound(negated(h)));
      assert.ok(Math.abs(bound - expected) <= 1e-9 * expected, `${bound}, not ${expected}`);
      const top = maximizeDualConstraint(Z, { rows: 60, cols: 1, data: v }, { penalizedCols: 4 }, uncontrolled)[0];
      assert.ok(top.value <= bound);
      // stopped: looser, not wrong
      assert.ok(normBoundOfRows(Z, v, 4, () => true) >= bound * (1 - 1e-12));
    }
    assert.equal(normBoundOfRows(denseMatrix(5, 3), new Float64Array(5), 3), 0);
  });
});

describe('search for the dual maximum', () => {
  it('finds the maximum of small problems and is the same for the same seed', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { X, v } = random(12, 3, seed);
      const V = { rows: 12, cols: 1, data: v };
      const found = maximizeDualConstraint(X, V, { seed: 4 }, uncontrolled);
      const again = maximizeDualConstraint(X, V, { seed: 4 }, uncontrolled);
      assert.deepEqual(found, again);
      const exact = byEnumeration(X, v);
      assert.ok(found[0].value >= exact * (1 - 1e-9), `${found[0].value} of ${exact}`);
      for (let k = 1; k < found.length; k++) assert.ok(found[k].value <= found[k - 1].value);
    }
  });

  it('takes the column with the largest value, and both signs', () => {
    const X = fromRows([[1], [-2]]);
    const V = denseMatrix(2, 2, Float64Array.of(1, 0, 0, -3));
    const [top] = maximizeDualConstraint(X, V, {}, uncontrolled);
    assert.equal(top.output, 1);
    assert.equal(top.sign, -1);
    assert.equal(top.value, 6);
    assert.deepEqual(Array.from(top.direction), [-1]);
  });
});
