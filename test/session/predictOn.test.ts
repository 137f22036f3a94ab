import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Papa from 'papaparse';
import { predictOn } from '../../src/session/predictOn.ts';
import type { RunRecord, TrainSettings } from '../../src/shared/run.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';
import { memorySource, type MemorySource, sampleSource } from '../support/memorySource.ts';

const trained = (source: MemorySource, settings: Partial<TrainSettings>): Promise<RunRecord> =>
  testSession(source).train({ ...quickSettings, ...settings }, listen(), running);
const table = (csv: string): Record<string, string>[] =>
  Papa.parse<Record<string, string>>(csv, { header: true, skipEmptyLines: true }).data;

const small =
  'size,colour,target\n' +
  Array.from({ length: 30 }, (_, i) => `${2 * i},${'rgb'[i % 3]},${3 * i + (i % 3)}`).join('\n') +
  '\n';

describe('predictions on another file', () => {
  for (const [name, settings] of [
    ['diabetes.csv', { maxRows: 60 }],
    ['penguins.csv', { model: 'relu', maxRows: 80 }],
    ['iris.csv', { maxRows: 60, whiten: true }],
    ['co2_1d.csv', { model: 'linear', maxRows: 40 }],
    ['xor_2d.csv', { model: 'three-layer', m1: 1, maxRows: 16, loss: 'squared', timeLimitSeconds: 3 }],
  ] as const) {
    it(`${name}${'model' in settings ? `, ${settings.model}` : ''}: on the data of the run they are those of the run`, async () => {
      const source = sampleSource(name);
      const target = name === 'co2_1d.csv' ? 'target_co2_ppm' : 'target';
      const run = await trained(source, { target, ...settings });
      const predicted = (await predictOn(run, source, running))!;
      const byLine = new Map(table(predicted.csv).map((row) => [Number(row.line), row]));
      const { classes, outputs } = run.resolved;
      run.rows.line.forEach((line, i) => {
        const row = byLine.get(line)!;
        for (let o = 0; o < outputs; o++) {
          const text =
            classes.length === 0 ? row[`predicted ${target}`] : row[outputs === 1 ? 'output' : `output ${classes[o]}`];
          const expected = run.rows.prediction[i * outputs + o];
          assert.ok(Math.abs(Number(text) - expected) <= 1e-9 * (1 + Math.abs(expected)), `line ${line}: ${text}`);
        }
        if (classes.length > 0) assert.ok(classes.includes(row[`predicted ${target}`]));
      });
    });
  }

  it('columns go by name, the target may be missing, another separator is fine', async () => {
    const run = await trained(memorySource(small), { target: 'target' });
    const same = (await predictOn(run, memorySource('colour;other;size\ng;x;4\nb;y;5\n'), running))!;
    const reference = (await predictOn(run, memorySource('size,colour,target\n4,g,13\n5,b,17\n'), running))!;
    assert.deepEqual(
      table(same.csv).map((row) => row['predicted target']),
      table(reference.csv).map((row) => row['predicted target']),
    );
    assert.deepEqual(Object.keys(table(same.csv)[0]), ['line', 'predicted target']);
    assert.deepEqual(Object.keys(table(reference.csv)[0]), ['line', 'target', 'predicted target']);
  });

  it('an unknown category has no indicator and is counted; a gap leaves the prediction empty', async () => {
    const run = await trained(memorySource(small), { target: 'target', model: 'relu' });
    const found = (await predictOn(run, memorySource('size,colour\n4,violet\n,r\n6,r\n'), running))!;
    assert.deepEqual(found.unknown, [{ column: 'colour', count: 1 }]);
    assert.deepEqual(found.gaps, { count: 1, lines: [3] });
    const rows = table(found.csv);
    assert.equal(rows[1]['predicted target'], '');
    assert.equal(rows[1]['no prediction because'], '"size" is missing');
    assert.equal(rows[0]['no prediction because'], '');
    assert.ok(Number.isFinite(Number(rows[0]['predicted target'])) && rows[2]['predicted target'] !== '');
  });

  it('fills gaps with the medians and commonest categories of the training rows where training filled them', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => [
      i === 4 ? '' : String(i * i),
      i === 7 ? '' : 'rrgb'[i % 4],
      `${3 * i}`,
    ]);
    const source = memorySource(`size,colour,target\n${rows.map((row) => row.join(',')).join('\n')}\n`);
    const run = await trained(source, { target: 'target', missing: 'impute' });
    const training = run.rows.line.flatMap((line, i) => (run.rows.split[i] === 0 ? [rows[line - 2]] : []));
    const sizes = training.flatMap(([size]) => (size === '' ? [] : [Number(size)])).sort((a, b) => a - b);
    const half = Math.floor(sizes.length / 2);
    const median = sizes.length % 2 === 1 ? sizes[half] : (sizes[half - 1] + sizes[half]) / 2;
    const found = (await predictOn(run, memorySource('size,colour\n,g\n9,\n4,\n3,r\n'), running))!;
    const given = (await predictOn(run, memorySource(`size,colour\n${median},g\n9,r\n4,r\n3,r\n`), running))!;
    assert.equal(found.csv, given.csv);
    assert.deepEqual(found.filled, [
      { column: 'size', count: 1 },
      { column: 'colour', count: 2 },
    ]);
    assert.deepEqual([given.filled, found.unknown, found.gaps.count], [[], [], 0]);
    // a record of an earlier version has no values to fill with
    const earlier = JSON.parse(
      JSON.stringify(run, (key, value: unknown) => (key === 'fill' ? undefined : value)),
    ) as RunRecord;
    const unfilled = (await predictOn(earlier, memorySource('size,colour\n,g\n3,r\n'), running))!;
    assert.deepEqual(unfilled.gaps, { count: 1, lines: [2] });
    assert.deepEqual(unfilled.filled, []);
  });

  it('counts unknown categories also where one indicator stands for two', async () => {
    const two = `size,side,target\n${Array.from({ length: 30 }, (_, i) => `${2 * i},${['left', 'right'][i % 2]},${3 * i + (i % 2)}`).join('\n')}\n`;
    const run = await trained(memorySource(two), { target: 'target' });
    assert.equal(run.resolved.inputs, 2);
    const other = memorySource('size,side\n4,left\n4,right\n4,middle\n5,top\n');
    assert.deepEqual((await predictOn(run, other, running))!.unknown, [{ column: 'side', count: 2 }]);
    const earlier = JSON.parse(
      JSON.stringify(run, (key, value: unknown) => (key === 'other' ? undefined : value)),
    ) as RunRecord;
    assert.deepEqual((await predictOn(earlier, other, running))!.unknown, []);
  });

  it('says in one sentence which column is missing or which cell is no number', async () => {
    const run = await trained(memorySource(small), { target: 'target' });
    await assert.rejects(
      predictOn(run, memorySource('size,shade\n1,r\n', { name: 'new.csv' }), running),
      /new\.csv: the network needs the column "colour", which this file does not have/,
    );
    await assert.rejects(
      predictOn(run, memorySource('size,colour\n1,r\nbig,g\n', { name: 'new.csv' }), running),
      /new\.csv, line 3, column 1 \("?size"?\): "big" is not a number/,
    );
  });
});
