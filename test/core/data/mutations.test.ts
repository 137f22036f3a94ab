import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { createRng } from '../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { DataError } from '../../../src/core/data/dataError.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import { memorySource } from '../../support/memorySource.ts';

const folder = path.resolve(import.meta.dirname, '../../fixtures/files');
const pieces = [
  '"',
  "'",
  ',',
  ';',
  '\t',
  '|',
  '\n',
  '\r',
  '\r\n',
  '\0',
  '\x1a',
  '\ufeff',
  '-',
  '#',
  '=',
  '1,5',
  'NA',
  '(',
  '\\"',
  '1e999',
];

describe('files that were damaged', () => {
  it('are read with every row counted, or refused as data', async () => {
    const random = createRng(7).fork('mutations');
    const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name)).toString('latin1'));
    let read = 0;
    for (let k = 0; k < 400; k++) {
      let text = texts[random.integer(texts.length)];
      for (let m = 1 + random.integer(4); m > 0; m--) {
        const at = random.integer(text.length);
        const cut = random.integer(3) === 0 ? random.integer(40) : 0;
        text = text.slice(0, at) + pieces[random.integer(pieces.length)] + text.slice(at + cut);
      }
      try {
        const table = await readTable(
          memorySource(Buffer.from(text, 'latin1'), { chunk: 1 + random.integer(500) }),
          {},
          uncontrolled,
        );
        read++;
        assert.equal(table.rows + table.ragged.count, table.rowsInFile, text);
        for (const column of table.columns) {
          for (let row = 0; row < table.rows; row++) {
            const code = column.codes?.[row] ?? -1;
            assert.ok(code < column.dictionary.length && (code !== -1 || Number.isFinite(column.numbers[row])), text);
          }
        }
      } catch (error) {
        assert.ok(error instanceof DataError, `${(error as Error).stack}\n${text}`);
      }
    }
    assert.ok(read > 200, `${read} of 400 could be read`);
  });
});
