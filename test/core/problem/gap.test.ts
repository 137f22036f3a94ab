import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedResult } from '../../../src/core/family/resultFile.ts';
import { gapMatches, relativeGap } from '../../../src/core/problem/gap.ts';

void test('a gap is (objective - bound) / |objective|', () => {
  assert.equal(relativeGap(4, 3), 0.25);
  assert.equal(relativeGap(0, 0), 0);
  assert.equal(relativeGap(2, 2), 0);
  assert.equal(relativeGap(-4, -5), 0.25);
  assert.ok(relativeGap(1, 1.5) < 0, 'a bound above the objective does not hide');
  assert.ok(gapMatches(0.25, 4, 3));
  assert.ok(!gapMatches(0.0029, 7.558, 0.0274));
});

void test('a result whose gap is not that of its numbers, or whose bound is above its objective, is not written', () => {
  const honest = { objective: 4, dualBound: 3, relativeGap: 0.25 };
  assert.equal(checkedResult(honest), honest);
  assert.throws(() => checkedResult({ ...honest, relativeGap: 0.0029 }), RangeError);
  assert.throws(() => checkedResult({ objective: 3, dualBound: 3 + 1e-8, relativeGap: -1e-8 / 3 }), RangeError);
  const over = { lowerBound: 2, relativeGap: 0.5 };
  assert.ok(checkedResult({ ...honest, global: over }));
  assert.throws(() => checkedResult({ ...honest, global: { ...over, relativeGap: 0.1 } }), RangeError);
});
