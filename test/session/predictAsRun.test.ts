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

  const trained = (name: string, cell: (i: number) => string) =>
    testSession(memorySource(`${name},x,y\n${rows.map(([, x, y], i) => `${cell(i)},${x},${y}`).join('\n')}\n`)).train(
      { ...quickSettings, model: 'relu' },
      listen(),
      running,
    );
  const two = (text: number): string => String(text).padStart(2, '0');

  it('keeps the order of day and month, and asks where the run does not say', async () => {
    const months = await trained('when', (i) => `${two(1 + (i % 12))}/${two(1 + (i % 28))}/2019`);
    assert.equal(months.scaling.inputs[0].dayFirst, false);
    const iso = await trained('when', (i) => `2019-${two(1 + (i % 12))}-${two(1 + (i % 28))}`);
    assert.equal(iso.scaling.inputs[0].dayFirst, undefined);
    const written = (content: string): ReturnType<typeof memorySource> => memorySource(content, { name: 'new.csv' });
    const open = 'when,x\n03/04/2019,3\n01/02/2019,4\n';
    const same = 'when,x\n2019-03-04,3\n2019-01-02,4\n';
    const csv = async (run: typeof months, content: string): Promise<string> =>
      (await predictOn(run, written(content), running))!.csv;
    assert.equal(await csv(months, open), await csv(months, same));
    await assert.rejects(predictOn(iso, written(open), running), /--type when=date-day-first/);
    const given = await predictOn(iso, written(open), running, 'neutralize', {
      columnTypes: { when: 'date-month-first' },
    });
    assert.equal(given!.csv, await csv(iso, same));
  });

  it('keeps the marks of missing values that were found', async () => {
    const run = await trained('size', (i) => (i % 5 === 2 ? 'void' : String(10 * i)));
    assert.deepEqual(run.dataset.markers, ['void']);
    const predicted = await predictOn(run, memorySource('size,x\nvoid,3\n20,4\n'), running);
    assert.deepEqual(predicted!.filled, [{ column: 'size', count: 1 }]);
  });
});
