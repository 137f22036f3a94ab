import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { foldsOf } from '../../../src/core/data/folds.ts';

function sizes(folds: Int32Array, count: number): number[] {
  const out = new Array<number>(count).fill(0);
  for (const fold of folds) out[fold]++;
  return out;
}

describe('folds', () => {
  it('are as even as can be, and every row is in one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fc.integer({ min: 2, max: 10 }), fc.nat(), (rows, count, seed) => {
        const folds = foldsOf(rows, { count, seed });
        const used = sizes(folds, Math.min(count, rows));
        assert.equal(
          used.reduce((a, b) => a + b, 0),
          rows,
        );
        assert.ok(Math.max(...used) - Math.min(...used) <= 1);
      }),
    );
  });

  it('share out every class evenly', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 10, maxLength: 200 }), fc.nat(), (classes, seed) => {
        const folds = foldsOf(classes.length, { count: 5, seed, classes });
        for (const name of new Set(classes)) {
          const members = folds.filter((_, row) => classes[row] === name);
          const used = sizes(members, 5);
          assert.ok(Math.max(...used) - Math.min(...used) <= 1, `class ${name}: ${used.join()}`);
        }
        const all = sizes(folds, 5);
        assert.ok(Math.max(...all) - Math.min(...all) <= 1);
      }),
    );
  });

  it('keep groups together', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 10, maxLength: 200 }), fc.nat(), (groups, seed) => {
        const folds = foldsOf(groups.length, { count: 5, seed, groups });
        const of = new Map<number, number>();
        groups.forEach((group, row) => {
          assert.equal(of.get(group) ?? folds[row], folds[row]);
          of.set(group, folds[row]);
        });
      }),
    );
  });

  it('are runs of neighbours where rows are ordered in time', () => {
    const folds = foldsOf(23, { count: 4, seed: 1, ordered: true });
    for (let row = 1; row < 23; row++) assert.ok(folds[row] === folds[row - 1] || folds[row] === folds[row - 1] + 1);
    assert.deepEqual(new Set(folds), new Set([0, 1, 2, 3]));
  });

  it('are drawn by the seed', () => {
    const draw = (seed: number) => foldsOf(50, { count: 5, seed }).join();
    assert.equal(draw(3), draw(3));
    assert.notEqual(draw(3), draw(4));
  });
});
