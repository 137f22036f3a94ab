import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isOn } from '../../../../src/core/base/patterns.ts';
import { cellCount, enumerateCells } from '../../../../src/core/problem/patterns/enumerate.ts';
import { type DenseMatrix, denseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';

function gaussian(n: number, d: number, seed: number): DenseMatrix {
  const rng = createRng(seed);
  const X = denseMatrix(n, d);
  for (let i = 0; i < n * d; i++) X.data[i] = rng.normal();
  return X;
}

/** Strict sign patterns that many random directions see, as strings over the rows. */
function sampledPatterns(X: DenseMatrix, count: number, seed: number): Set<string> {
  const rng = createRng(seed);
  const seen = new Set<string>();
  const u = new Float64Array(X.cols);
  for (let p = 0; p < count; p++) {
    for (let k = 0; k < X.cols; k++) u[k] = rng.normal();
    let pattern = '';
    for (let i = 0; i < X.rows; i++) {
      let t = 0;
      for (let k = 0; k < X.cols; k++) t += X.data[i * X.cols + k] * u[k];
      pattern += t >= 0 ? '1' : '0';
    }
    seen.add(pattern);
  }
  return seen;
}

function patternsOf(X: DenseMatrix): string[] {
  const cells = enumerateCells(X, 1e6, uncontrolled)!;
  return Array.from({ length: cells.patterns.count }, (_, p) =>
    Array.from({ length: X.rows }, (_, i) => (isOn(cells.patterns, p, i) ? '1' : '0')).join(''),
  );
}

describe('enumeration of activation patterns', () => {
  it('finds as many cells as general position allows', () => {
    for (const [n, d] of [
      [1, 1],
      [7, 1],
      [1, 3],
      [2, 5],
      [60, 2],
      [25, 3],
      [14, 4],
      [10, 5],
      [9, 6],
    ]) {
      const cells = enumerateCells(gaussian(n, d, 100 * n + d), 1e6, uncontrolled)!;
      // in one dimension all rows are parallel
      const expected = d === 1 ? 2 : cellCount(n, Math.min(n, d));
      assert.equal(cells.patterns.count, expected, `${n} x ${d}`);
      assert.equal(cells.predicted, expected);
    }
  });

  it('agrees with the analytic case', () => {
    const cases = JSON.parse(
      readFileSync(new URL('../../../fixtures/analytic_cases.json', import.meta.url), 'utf8'),
    ) as {
      name: string;
      X: number[][];
      expected: { cells_of_this_X: number };
    }[];
    const p10 = cases.find(({ name }) => name.startsWith('P10'))!;
    assert.equal(patternsOf(fromRows(p10.X)).length, p10.expected.cells_of_this_X);
  });

  it('sees on degenerate data exactly what random directions see', () => {
    const grid: number[][] = [];
    for (const x of [-1, 0, 1]) for (const y of [-1, 0, 1]) grid.push([x, y, 1]);
    const collinear = [
      [1, 2, 3],
      [2, 4, 6],
      [-1, -2, -3],
      [0, 0, 0],
      [1, 0, 1],
      [0, 1, 1],
      [1, 1, 2],
      [3, 1, 4],
    ];
    const cube: number[][] = [];
    for (let k = 0; k < 8; k++) cube.push([k & 1 ? 1 : -1, k & 2 ? 1 : -1, k & 4 ? 1 : -1, 1]);
    for (const rows of [grid, collinear, cube]) {
      const X = fromRows(rows);
      const listed = patternsOf(X);
      assert.equal(new Set(listed).size, listed.length, 'a pattern is listed twice');
      assert.deepEqual([...new Set(listed)].sort(), [...sampledPatterns(X, 60_000, 5)].sort());
    }
  });

  it('gives directions that are strictly inside their cells', () => {
    const X = gaussian(20, 3, 9);
    const { directions } = enumerateCells(X, 1e6, uncontrolled)!;
    for (let p = 0; p < directions.rows; p++) {
      for (let i = 0; i < X.rows; i++) {
        let t = 0;
        for (let k = 0; k < 3; k++) t += X.data[i * 3 + k] * directions.data[p * 3 + k];
        assert.ok(Math.abs(t) > 1e-9);
      }
    }
  });

  it('refuses before it starts what would be too many, and says what would fit', () => {
    assert.throws(
      () => enumerateCells(gaussian(1000, 8, 1), 10_000, uncontrolled),
      /1000 distinct rows of rank 8.*rows would fit/,
    );
  });

  it('stops when asked', () => {
    assert.equal(enumerateCells(gaussian(60, 4, 1), 1e6, { ...uncontrolled, shouldStop: () => true }), undefined);
  });
});
