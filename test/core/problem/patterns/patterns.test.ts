import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  distinctGates,
  isOn,
  onCount,
  onRows,
  PatternIndex,
  patternsOfGates,
} from '../../../../src/core/base/patterns.ts';
import { sampleGates } from '../../../../src/core/problem/patterns/sample.ts';
import { denseMatrix, fromRows, withOnesColumn } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

const rng = createRng(5);
const random = (rows: number, cols: number) =>
  denseMatrix(
    rows,
    cols,
    Float64Array.from({ length: rows * cols }, () => rng.normal()),
  );

test('patterns are the signs of X g, a zero product counting as on, for row counts around word borders', () => {
  for (const n of [1, 31, 32, 33, 64, 100]) {
    const X = random(n, 3);
    X.data.fill(0, 0, 3);
    const gates = random(7, 3);
    const patterns = patternsOfGates(X, gates);
    for (let p = 0; p < 7; p++) {
      const rows: number[] = [];
      for (let r = 0; r < n; r++) {
        let s = 0;
        for (let k = 0; k < 3; k++) s += X.data[r * 3 + k] * gates.data[p * 3 + k];
        assert.equal(isOn(patterns, p, r), s >= 0);
        if (s >= 0) rows.push(r);
      }
      assert.equal(onCount(patterns, p), rows.length);
      assert.deepEqual(Array.from(onRows(patterns, p)), rows);
      assert.ok(isOn(patterns, p, 0));
    }
  }
});

test('duplicates and gates that no row activates are removed, the first of each pattern stays', () => {
  const X = fromRows([
    [1, 0],
    [2, 1],
  ]);
  const set = distinctGates(
    X,
    fromRows([
      [1, 0],
      [-1, 0],
      [2, 0.1],
      [-1, 2],
      [-1, 2.5],
    ]),
  );
  // (1,0) is on for both rows, (-1,0) for none, (2,0.1) repeats the first, (-1,2) has 2 * -1 + 2 = 0 on the second row only
  assert.deepEqual(Array.from(set.source), [0, 3]);
  assert.deepEqual(Array.from(set.indexOf), [0, -1, 0, 1, 1]);
  assert.equal(set.requested, 5);
  assert.equal(set.removed, 3);
  assert.deepEqual(Array.from(set.gates.data), [1, 0, -1, 2]);
});

test('the index numbers patterns in order of arrival', () => {
  const index = new PatternIndex(2);
  assert.deepEqual(index.add(Uint32Array.of(1, 2)), { id: 0, isNew: true });
  assert.deepEqual(index.add(Uint32Array.of(2, 1)), { id: 1, isNew: true });
  assert.deepEqual(index.add(Uint32Array.of(1, 2)), { id: 0, isNew: false });
  assert.equal(index.find(Uint32Array.of(9, 9)), -1);
  assert.equal(index.size, 2);
});

test('sampling: the same seed gives the same gates, another seed others', () => {
  const X = withOnesColumn(random(20, 2));
  assert.deepEqual(sampleGates(X, 10, 3), sampleGates(X, 10, 3));
  assert.notDeepEqual(sampleGates(X, 10, 3).data, sampleGates(X, 10, 4).data);
});

test('sampling with a bias reaches most cells of one-feature data far from the origin', () => {
  // 100 points around 1000: offsets drawn without regard to the data would give two patterns
  const X = withOnesColumn(
    denseMatrix(
      100,
      1,
      Float64Array.from({ length: 100 }, (_, i) => 1000 + i),
    ),
  );
  const set = distinctGates(X, sampleGates(X, 1000, 1));
  assert.ok(set.patterns.count > 120, `${set.patterns.count} of 200 patterns`);
});

test('sampling does not depend on the units of the columns', () => {
  const X = random(30, 3);
  const scaled = denseMatrix(
    30,
    3,
    X.data.map((x, i) => x * [1e-6, 1, 1e6][i % 3]),
  );
  const [a, b] = [withOnesColumn(X), withOnesColumn(scaled)].map((M) => patternsOfGates(M, sampleGates(M, 50, 2)));
  let different = 0;
  for (let p = 0; p < 50; p++) for (let r = 0; r < 30; r++) different += isOn(a, p, r) === isOn(b, p, r) ? 0 : 1;
  assert.equal(different, 0);
});
