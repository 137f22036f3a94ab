import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { largest, smallest } from '../../../src/core/base/extremes.ts';

it('largest and smallest are those of Math, for more numbers than a call takes as arguments as well', () => {
  fc.assert(
    fc.property(fc.array(fc.double()), (values) => {
      assert.ok(Object.is(largest(values), Math.max(...values)));
      assert.ok(Object.is(smallest(values), Math.min(...values)));
    }),
  );
  const many = Float64Array.from({ length: 400_000 }, (_, k) => Math.sin(k));
  assert.equal(largest(many), many.toSorted().at(-1));
  assert.equal(smallest(many), many.toSorted()[0]);
});
