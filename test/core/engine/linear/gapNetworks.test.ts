import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { gapNetworks, parallelObjective } from '../../../../src/core/theory/closedForm/gapNetworks.ts';
import { serialGap, solveNuclear } from '../../../../src/core/engine/linear/nuclear.ts';
import { createDatafit } from '../../../../src/core/problem/datafits/losses.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

const identity = fromRows([
  [1, 0],
  [0, 1],
]);
const close = (a: number, b: number, tolerance = 1e-10): void =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${a} for ${b}`);

test('singular values 3 and 1: the built serial network costs the formula, parallel branches the dual', () => {
  const Y = fromRows([
    [3, 0],
    [0, 1],
  ]);
  const built = gapNetworks(identity, Y, 3);
  close(built.serial, 5.405598727423484);
  close(built.parallel, 4);
  close(built.dual, 4);
  assert.equal(built.branches, 2);
  assert.ok(built.fitError < 1e-12);
  assert.ok(built.innerNorm <= 1 + 1e-12);
});

test('random data: parallel branches reach the dual at every depth, below the serial network from three layers on', () => {
  const rng = createRng(11);
  const X = denseMatrix(
    12,
    4,
    Float64Array.from({ length: 48 }, () => rng.normal()),
  );
  const Y = denseMatrix(
    12,
    3,
    Float64Array.from({ length: 36 }, () => rng.normal()),
  );
  for (const layers of [2, 3, 4, 6]) {
    const built = gapNetworks(X, Y, layers);
    assert.ok(built.fitError < 1e-10 && built.innerNorm <= 1 + 1e-12);
    close(built.parallel, built.dual);
    assert.ok(layers === 2 ? Math.abs(built.serial - built.dual) < 1e-9 : built.serial > 1.1 * built.dual);
  }
  const datafit = createDatafit('squared', Y, 3);
  const s = solveNuclear(X, datafit, 0.7, 1e-9, { shouldStop: () => false, now: () => 0 });
  for (const layers of [2, 3, 5]) close(parallelObjective(X, s.Z, layers, datafit, 0.7), s.dualBound, 1e-8);
});

test('a map of rank one has no gap, a zero map costs nothing', () => {
  const Y = fromRows([
    [2, 4],
    [1, 2],
  ]);
  const built = gapNetworks(identity, Y, 4);
  close(built.serial, 5);
  close(built.parallel, 5);
  close(built.serial, serialGap([5], 4).primal);
  const zero = gapNetworks(identity, denseMatrix(2, 2), 3);
  assert.deepEqual([zero.serial, zero.parallel, zero.dual, zero.branches], [0, 0, 0, 0]);
});
