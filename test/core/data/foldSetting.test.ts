import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { prepareData, type PreparedData } from '../../../src/core/data/prepareData.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import { memorySource } from '../../support/memorySource.ts';

async function held(seed: number, index: number, count: number): Promise<PreparedData> {
  const rows = Array.from({ length: 47 }, (_, k) => `${k},${k % 3 === 0 ? 'a' : 'b'}`);
  const table = await readTable(memorySource(`x,y\n${rows.join('\n')}\n`), {}, uncontrolled);
  const common = {
    target: 'y',
    task: 'auto',
    features: ['x'],
    missing: 'drop',
    standardize: true,
    testFraction: 0.2,
  } as const;
  return prepareData(table, { ...common, seed, fold: { index, count } });
}

describe('the setting fold', () => {
  it('holds every row out once, each time another part, with its share of the classes', async () => {
    const parts = await Promise.all([0, 1, 2, 3, 4].map((index) => held(3, index, 5)));
    const all = parts.flatMap(({ testRows }) => [...testRows]);
    assert.deepEqual(
      all.sort((a, b) => a - b),
      Array.from({ length: 47 }, (_, k) => k),
    );
    for (const { testRows, trainRows, y } of parts) {
      assert.equal(testRows.length + trainRows.length, 47);
      assert.ok(testRows.length === 9 || testRows.length === 10);
      const first = testRows.filter((row) => y[row] === y[0]).length;
      assert.ok(first >= 3 && first <= 4, `${first}`);
    }
  });

  it('is drawn by the seed', async () => {
    const [one, same, other] = await Promise.all([held(1, 0, 5), held(1, 0, 5), held(2, 0, 5)]);
    assert.deepEqual(one.testRows, same.testRows);
    assert.notDeepEqual(one.testRows, other.testRows);
  });
});
