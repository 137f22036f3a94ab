import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bracketDualMaximum } from '../../../../src/core/certify/global/dualMaximum.ts';
import { denseMatrix, type DenseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { type PreparedProblem, prepare } from '../../../../src/core/problem/prepare.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { type Control, uncontrolled } from '../../../../src/core/base/control.ts';
import { boundOverAllNetworks } from '../../../../src/core/certify/threeLayer/dualBound.ts';
import { allTuples } from '../../../../src/core/engine/threeLayer/enumerate.ts';
import { boundJointMaximum, jointBasis } from '../../../../src/core/certify/threeLayer/jointCones.ts';
import { exactPrice, linearForm } from '../../../../src/core/engine/threeLayer/pricing.ts';
import { searchBranches } from '../../../../src/core/engine/threeLayer/search.ts';
import { solveThreeLayer } from '../../../../src/core/engine/threeLayer/solveThreeLayer.ts';
import { groupNorm, preActivation } from '../../../../src/core/network/threeLayer/subNetwork.ts';

function normals(seed: number, rows: number, cols: number): DenseMatrix {
  const rng = createRng(seed);
  return denseMatrix(
    rows,
    cols,
    Float64Array.from({ length: rows * cols }, () => rng.normal()),
  );
}

function problemFor(X: DenseMatrix, y: DenseMatrix, beta: number, m1: number): Problem {
  return {
    X,
    y,
    outputs: 1,
    model: 'three-layer',
    loss: 'squared',
    beta,
    arrangements: { kind: 'all' },
    outputPenalty: 'per-output',
    bias: 'none',
    hidden: { m1 },
    tolerance: 1e-7,
  };
}

const problemOf = (X: DenseMatrix, y: DenseMatrix, beta: number, m1: number): PreparedProblem =>
  prepare(problemFor(X, y, beta, m1));

/** A clock that counts how often it is read, so that the same work is done on any machine. */
function counted(): Control {
  let reads = 0;
  return { shouldStop: () => false, now: () => 1e-4 * reads++ };
}

/** M3(v) by pricing every tuple of patterns. */
function exactMaximum(X: DenseMatrix, v: Float64Array, m1: number): number {
  let top = 0;
  for (const tuple of allTuples(X, m1, 1e6, () => false).list) {
    for (const sign of [1, -1]) {
      top = Math.max(top, exactPrice(tuple, linearForm(tuple, v, sign), m1, 1e-9, top).lower);
    }
  }
  return top;
}

test('the bound of the dual maximum is never below the exact one, and close to it for two inner neurons', () => {
  for (const seed of [1, 2, 3, 4]) {
    const X = normals(seed, 6, 2);
    const y = normals(seed + 10, 6, 1);
    for (const m1 of [1, 2]) {
      const exact = exactMaximum(X, y.data, m1);
      // at the zero fit the dual point is y itself
      const prepared = problemOf(X, y, 0.3 * exact, m1);
      const { dualMaximum, lowerBound } = boundOverAllNetworks(prepared, m1, new Float64Array(6), 2, counted());
      assert.ok(dualMaximum >= exact * (1 - 1e-9), `m1 = ${m1}: ${dualMaximum} below ${exact}`);
      assert.ok(dualMaximum <= exact * (m1 === 1 ? 1 + 1e-6 : 1.02), `m1 = ${m1}: ${dualMaximum} against ${exact}`);
      assert.ok(lowerBound > 0 && lowerBound < 0.5 * y.data.reduce((sum, value) => sum + value * value, 0));
      // two maxima of two-layer networks alone, which any time gives
      const quick = boundOverAllNetworks(prepared, m1, new Float64Array(6), 0, counted());
      assert.ok(quick.dualMaximum >= exact * (1 - 1e-9));
      assert.ok(quick.lowerBound <= lowerBound * (1 + 1e-9));
    }
  }
});

/** M(q) = max |q'(Xu)_+| over ||u|| <= 1 for two inputs: exact up to rounding, by sorting angles. */
function planeMaximum(X: DenseMatrix, q: Float64Array): number {
  const bracket = bracketDualMaximum(X, q, 2, { seconds: 60 }, uncontrolled);
  assert.equal(bracket.method, 'sweep');
  return bracket.upper;
}

test('three inner neurons: the share that is charged is as good as the best of a grid, and the bound above every branch', () => {
  for (const seed of [5, 25]) {
    const X = normals(seed, 40, 2);
    const v = normals(seed + 1, 40, 1).data;
    // every branch is bounded for every share; the bound of the grid is the smallest over it, per sign
    const grid = [1, -1].map((sign) => {
      const gain = v.map((value) => Math.max(0, sign * value));
      const loss = v.map((value) => Math.max(0, -sign * value));
      let least = Infinity;
      for (let k = 0; k <= 50; k++) {
        const tau = k / 50;
        const first = planeMaximum(
          X,
          gain.map((value, i) => value - tau * loss[i]),
        );
        const second = planeMaximum(
          X,
          loss.map((value) => tau * value),
        );
        least = Math.min(least, Math.max(first, second));
      }
      return least;
    });
    const prepared = problemOf(X, denseMatrix(40, 1, v), 1, 3);
    const { dualMaximum } = boundOverAllNetworks(prepared, 3, new Float64Array(40), 60, uncontrolled);
    // between two points of the grid either maximum moves by at most a fiftieth of the losing rows' own
    assert.ok(dualMaximum <= Math.max(...grid) * 1.005, `${dualMaximum} against ${grid.join()}`);
    const found = searchBranches(X, v, 3, { starts: 30, present: [] }, createRng(7), () => false)[0].value;
    assert.ok(dualMaximum >= found, `${dualMaximum} below ${found}`);
  }
});

test('whatever the fit it starts from, no branch gains more than the bound and no network is below it', () => {
  const rng = createRng(41);
  for (const [seed, d, m1] of [
    [1, 2, 2],
    [2, 3, 2],
    [3, 5, 2],
    [4, 4, 3],
  ]) {
    const X = normals(seed, 20, d);
    const y = normals(seed + 30, 20, 1);
    const threshold = searchBranches(X, y.data, m1, { starts: 10, present: [] }, createRng(2), () => false)[0].value;
    const problem = problemFor(X, y, 0.2 * threshold, m1);
    const prepared = prepare(problem);
    const solved = solveThreeLayer(
      { ...problem, arrangements: { kind: 'adaptive', seed: 1 } },
      prepared,
      { certifySeconds: 0 },
      uncontrolled,
    );
    const elsewhere = normals(seed + 60, 20, 1).data.map((value, i) => 0.3 * value + 0.5 * y.data[i]);
    for (const fit of [solved.fit.data, elsewhere]) {
      const { dualMaximum, lowerBound } = boundOverAllNetworks(prepared, m1, fit, 0.5, uncontrolled);
      assert.ok(lowerBound <= solved.objective, `${lowerBound} above ${solved.objective}`);
      const v = y.data.map((value, i) => value - fit[i]);
      for (let k = 0; k < 500; k++) {
        const u = normals(1000 * seed + k, m1, d).data;
        const inner = Int8Array.from({ length: m1 }, () => (rng.uniform() < 0.5 ? -1 : 1));
        const h = preActivation(X, inner, u);
        const gain = Math.abs(v.reduce((sum, value, i) => sum + value * Math.max(0, h[i]), 0));
        assert.ok(gain <= dualMaximum * groupNorm(u, m1) * (1 + 1e-12));
      }
    }
  }
});

test('joint cones: more work lowers the bound, a stop leaves it valid, and high rank is left to others', () => {
  const X = normals(8, 30, 3);
  const v = normals(9, 30, 1).data;
  const sides = [v, v.map((value) => -value)];
  const basis = jointBasis(X, () => false);
  assert.ok(basis);
  const found = searchBranches(X, v, 2, { starts: 30, present: [] }, createRng(3), () => false)[0].value;
  let last = Infinity;
  for (const work of [200, 2000, 20_000]) {
    let polls = 0;
    const bound = boundJointMaximum(X, basis, sides, { enough: 0, upper: Infinity }, () => ++polls > work);
    assert.ok(bound.upper <= last && bound.upper >= found);
    last = bound.upper;
  }
  assert.ok(last < 1.5 * found, `${last} against ${found}`);
  assert.equal(
    jointBasis(normals(1, 10, 4), () => false),
    undefined,
  );
  const stopped: Control = { ...uncontrolled, shouldStop: () => true };
  const prepared = problemOf(X, denseMatrix(30, 1, v), 0.1 * found, 2);
  assert.ok(boundOverAllNetworks(prepared, 2, new Float64Array(30), 5, stopped).dualMaximum >= found);
});
