import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { predictOn } from '../../src/session/predictOn.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const rows = Array.from({ length: 30 }, (_, i) => [1000 + 250 * i, i % 7, 3 * i + (i % 7)]);

describe('predicting as the run was read', () => {
  it('takes decimal mark and delimiter of the run, whatever a new file alone looks like, and says what contradicts', async () => {
    const text = `Visits,day,cost\n${rows.map((row) => row.join(',')).join('\n')}\n`;
    const run = await testSession(memorySource(text)).train({ ...quickSettings, model: 'relu' }, listen(), running);
    const predicted = async (content: string) =>
      (await predictOn(run, memorySource(content, { name: 'new.csv' }), running))!;
    const values = (csv: string): string[] => csv.trim().split('\n').slice(1).map((line) => line.split(',').at(-1)!); // prettier-ignore
    const plain = await predicted('visits,day\n1250,3\n2400,4\n');
    assert.deepEqual(plain.warnings, []);
    const grouped = await predicted('visits,day\n"1,250",3\n"2,400",4\n');
    assert.deepEqual(values(grouped.csv), values(plain.csv));
    const semicolons = await predicted('visits;day\n1250.0;3\n2400.0;4\n');
    assert.deepEqual(values(semicolons.csv), values(plain.csv));
    assert.match(semicolons.warnings.join('\n'), /The delimiter is a semicolon; the training data had a comma/);
  });
});
