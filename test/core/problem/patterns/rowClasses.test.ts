import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denseMatrix, dot, norm2, rowOf } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { classifyRows } from '../../../../src/core/problem/patterns/rowClasses.ts';

void test('rows that are multiples of each other are one class among many that are not, zero rows none', () => {
  const rng = createRng(12);
  const [n, d] = [400, 3];
  const X = denseMatrix(n, d);
  X.data.forEach((_, k) => (X.data[k] = rng.normal()));
  // copies, opposites and multiples, before and after what they are copies of
  for (const [to, from, factor] of [
    [7, 300, -2],
    [8, 300, 0.3],
    [350, 20, 1],
    [399, 0, -1],
  ]) {
    for (let k = 0; k < d; k++) X.data[to * d + k] = factor * X.data[from * d + k];
  }
  X.data.fill(0, 50 * d, 51 * d);
  const classes = classifyRows(X);
  assert.equal(classes.plain, false);
  assert.equal(classes.classOf[50], -1);
  const parallel = (i: number, k: number): boolean => {
    const [x, y] = [rowOf(X, i), rowOf(X, k)];
    return Math.abs(dot(x, y)) > (1 - 1e-12) * norm2(x) * norm2(y);
  };
  for (let i = 0; i < n; i++) {
    if (i === 50) continue;
    for (let k = 0; k < i; k++) {
      if (k !== 50) assert.equal(classes.classOf[i] === classes.classOf[k], parallel(i, k), `rows ${k} and ${i}`);
    }
    const u = classes.direction(classes.classOf[i]);
    rowOf(X, i).forEach((x, j) => assert.ok(Math.abs(x - classes.scale[i] * u[j]) < 1e-14));
  }
  // in the order of their first rows
  const firsts = Array.from({ length: classes.count }, (_, k) => classes.rows[classes.start[k]]);
  assert.deepEqual(
    firsts,
    [...firsts].sort((a, b) => a - b),
  );
  assert.equal(classes.count, n - 5);
  const apart = classifyRows({ rows: 7, cols: d, data: X.data.subarray(0, 7 * d) });
  assert.equal(apart.plain, true);
  assert.deepEqual([...apart.classOf], [0, 1, 2, 3, 4, 5, 6]);
});

void test('of many rows those that are multiples of each other are found, wherever they are', () => {
  const rng = createRng(13);
  const [n, d] = [150_000, 2];
  const X = denseMatrix(n, d);
  X.data.forEach((_, k) => (X.data[k] = rng.normal()));
  const pairs = Array.from({ length: 40 }, (_, k) => [100_000 + k, k * 2000] as const);
  for (const [to, from] of pairs) for (let k = 0; k < d; k++) X.data[to * d + k] = -4 * X.data[from * d + k];
  let looks = 0;
  const classes = classifyRows(X, () => looks++);
  assert.equal(classes.count, n - pairs.length);
  for (const [to, from] of pairs) assert.equal(classes.classOf[to], classes.classOf[from]);
  assert.ok(looks >= n / 50_000);
  assert.throws(() => classifyRows(X, () => assert.fail('stopped')), /stopped/);
});
