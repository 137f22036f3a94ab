import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parquetReadObjects } from 'hyparquet';
import { parquetOf } from '../../src/cli/study/parquet.ts';
import { spreadOf, summaryOf } from '../../src/study/summary.ts';
import { csvOf, type StudyTable } from '../../src/study/table.ts';

const table: StudyTable = {
  columns: ['task', 'data', 'solver', 'model', 'seed', 'outcome', 'reason', 'objective', 'test', 'key'],
  rows: [
    [1, 'a', 'convex', 'relu', 1, 'done', null, 3, 0.5, 'k1'],
    [2, 'a', 'convex', 'relu', 2, 'done', null, 1, null, 'k2'],
    [3, 'a', 'convex', 'relu', 3, 'refused', '=too, "large"', null, null, 'k3'],
    [4, 'a', 'convex', 'linear', 1, 'done', null, 7, 0.25, 'k4'],
  ],
};

describe('summary of a study', () => {
  it('takes median and range over seeds, of what there is', () => {
    const { columns, rows } = summaryOf(table, ['data', 'solver', 'model', 'seed']);
    const cell = (row: number, name: string) => rows[row][columns.indexOf(name)];
    assert.equal(rows.length, 2);
    assert.deepEqual(rows[0].slice(0, 5), ['a', 'convex', 'relu', 2, 1]);
    assert.deepEqual(
      ['objective median', 'objective least', 'objective most'].map((name) => cell(0, name)),
      [2, 1, 3],
    );
    assert.deepEqual([cell(0, 'test median'), cell(0, 'beta median'), cell(1, 'objective median')], [0.5, null, 7]);
  });

  it('median and range agree with their definitions', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 30 }), (values) => {
        const { count, median, least, most } = spreadOf(values)!;
        assert.equal(count, values.length);
        assert.deepEqual([least, most], [Math.min(...values), Math.max(...values)]);
        const below = values.filter((value) => value < median).length;
        const above = values.filter((value) => value > median).length;
        assert.ok(below <= count / 2 && above <= count / 2);
      }),
      { seed: 3, numRuns: 200 },
    );
    assert.equal(spreadOf([]), undefined);
  });

  it('writes CSV that no spreadsheet runs, and Parquet with nulls', async () => {
    const lines = csvOf(table, 'neutralize').split('\n');
    assert.equal(lines[3], `3,a,convex,relu,3,refused,"'=too, ""large""",,,k3`);
    assert.match(csvOf(table, 'keep'), /,"=too, ""large""",/);
    const bytes = parquetOf(table);
    const read = await parquetReadObjects({
      file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
    });
    assert.deepEqual(
      read.map((row) => table.columns.map((name) => (row[name] as unknown) ?? null)),
      table.rows,
    );
  });
});
