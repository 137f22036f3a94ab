import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRng } from '../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { DataError } from '../../../src/core/data/dataError.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import { assertCounted, damagedText, tableTexts } from '../../support/damagedTable.ts';
import { memorySource } from '../../support/memorySource.ts';

const count = 400;

describe('files that were damaged', () => {
  it('are read with every row counted, or refused as data', async () => {
    const rng = createRng(7).fork('mutations');
    const texts = tableTexts();
    let read = 0;
    for (let k = 0; k < count; k++) {
      const text = damagedText(rng, texts);
      const source = memorySource(Buffer.from(text, 'latin1'), { chunk: 1 + rng.integer(500) });
      try {
        assertCounted(await readTable(source, {}, uncontrolled), text);
        read++;
      } catch (error) {
        assert.ok(error instanceof DataError, `${(error as Error).stack}\n${text}`);
      }
    }
    assert.ok(read > count / 2, `${read} of ${count} could be read`);
  });
});
