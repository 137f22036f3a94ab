import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { uncontrolled } from '../../src/core/base/control.ts';
import { DataError } from '../../src/core/data/dataError.ts';
import { readTable } from '../../src/core/data/reader.ts';
import { cellLabel, type Table } from '../../src/core/data/table.ts';
import { nodeFileSource, nodeUnpacking } from '../../src/platform/node/nodeSession.ts';
import { tableSource } from '../../src/session/tables/tableSource.ts';
import { memorySource } from '../support/memorySource.ts';

const folder = path.resolve(import.meta.dirname, '../fixtures/tables');
const read = async (name: string): Promise<Table> =>
  readTable(await nodeFileSource(path.join(folder, name)), {}, uncontrolled);
const cells = (table: Table): (string | number | null)[][] =>
  table.columns.map((column) =>
    Array.from({ length: table.rows }, (_, row) => {
      const day = column.dates?.[row] ?? NaN;
      return Number.isNaN(day) ? cellLabel(column, row) : day;
    }),
  );
const fromText = (text: string | Uint8Array, name: string): Promise<Table> =>
  readTable(tableSource(memorySource(Buffer.from(text), { name, chunk: 100 }), nodeUnpacking), {}, uncontrolled);

describe('tables that are no text', () => {
  for (const name of ['plant.parquet', 'plant.xlsx', 'plant.jsonl', 'plant.csv.gz']) {
    it(`${name} holds the table of plant.csv`, async () => {
      const [expected, found] = [await read('plant.csv'), await read(name)];
      assert.deepEqual(
        found.columns.map((column) => column.name),
        expected.columns.map((column) => column.name),
      );
      assert.equal(found.rows, 60);
      assert.deepEqual(cells(found), cells(expected));
    });
  }

  it('are known by their bytes, whatever the name says', async () => {
    const table = await fromText(readFileSync(path.join(folder, 'plant.parquet')), 'plant.csv');
    assert.equal(table.rows, 60);
  });

  it('records of JSON Lines may lack names, nest, and hold any text', async () => {
    const lines: readonly object[] = [
      { a: 1, b: { c: 2, d: 'x,"y"\nz' }, constructor: 4 },
      { a: 3.5, e: null, b: { c: 5 } },
      { e: true, a: -1, __proto__: 1 },
    ];
    const table = await fromText(lines.map((line) => JSON.stringify(line)).join('\n'), 'a.jsonl');
    assert.deepEqual(
      table.columns.map((column) => column.name),
      ['a', 'b.c', 'b.d', 'constructor', 'e'],
    );
    assert.deepEqual(Array.from(table.columns[0].numbers), [1, 3.5, -1]);
    assert.equal(cellLabel(table.columns[2], 0), 'x,"y"\nz');
    assert.equal(cellLabel(table.columns[4], 2), 'true');
  });

  it('damage is said, with the line where there is one', async () => {
    const fails = async (text: string | Uint8Array, name: string, message: RegExp): Promise<void> => {
      await assert.rejects(fromText(text, name), (error: unknown) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(error.message, message);
        return true;
      });
    };
    await fails('{"a": 1}\n{"a": \n', 'a.jsonl', /a\.jsonl, line 2: this line is not valid JSON/);
    const parquet = readFileSync(path.join(folder, 'plant.parquet'));
    await fails(parquet.subarray(0, parquet.length - 40), 'a.parquet', /this Parquet file cannot be read/);
    const workbook = readFileSync(path.join(folder, 'plant.xlsx'));
    await fails(workbook.subarray(0, 300), 'a.xlsx', /cannot be read as an Excel workbook/);
    const packed = readFileSync(path.join(folder, 'plant.csv.gz'));
    await fails(packed.subarray(0, packed.length - 30), 'a.gz', /gzip archive cannot be unpacked/);
  });
});
