import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DataError } from '../../src/core/data/dataError.ts';
import { exportRun } from '../../src/session/exportRun.ts';
import { predictAllRows } from '../../src/session/predictAll.ts';
import { predictOn } from '../../src/session/predictOn.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { runFault } from '../../src/shared/runSchema.ts';
import { splitWords } from '../../src/shared/runView.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { scoreHeadline } from '../../src/shared/usefulness.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const value = (i: number): number => Number(Math.sin(1.7 * i).toFixed(4));
const kind = (i: number): string => ['red', 'green', 'blue'][i % 3];
const target = (i: number): number => Number((2 * value(i) + (i % 3) + 0.1 * Math.cos(5 * i)).toFixed(4));
const main = [
  'day;x;kind;y',
  ...Array.from({ length: 40 }, (_, i) => `${1 + (i % 28)}.02.2024;${value(i)};${kind(i)};${target(i)}`),
].join('\n');
/** Other order, delimiter and spelling, a column more, one row without a target. */
const second = [
  'Y,extra,Kind,DAY,x',
  ...Array.from({ length: 12 }, (_, k) => {
    const i = 50 + k;
    return `${k === 3 ? '' : target(i)},e${k},${kind(i).toUpperCase()},${1 + (i % 28)}.02.2024,${value(i)}`;
  }),
].join('\n');

const settings: TrainSettings = {
  ...quickSettings,
  target: 'y',
  testFile: 'other/test.csv',
  columnTypes: { day: 'date-day-first' },
};
const session = (test = second, text = main) =>
  testSession(memorySource(text, { name: 'd.csv' }), {
    openBeside: (uri, name) => {
      assert.deepEqual([uri, name], ['memory:/d.csv', 'other/test.csv']);
      return Promise.resolve(memorySource(test, { name: 'test.csv' }));
    },
  });
const train = (test?: string, more: Partial<TrainSettings> = {}, text?: string): Promise<RunRecord> =>
  session(test, text).train({ ...settings, ...more }, listen(), running);
const refuses = async (work: Promise<unknown>, expected: RegExp, place: Partial<DataError> = {}): Promise<void> => {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, expected);
    for (const [key, wanted] of Object.entries(place)) assert.equal(error[key as 'line'], wanted, key);
    return true;
  });
};

describe('a second file to test on', () => {
  it('gives the test rows and nothing else: the network is that of the first file alone', async () => {
    const run = await train();
    assert.equal(runFault(run), undefined);
    assert.equal(run.resolved.trainRows, 40);
    assert.equal(run.resolved.testRows, 11);
    const alone = await train(undefined, { testFile: undefined, testFraction: 0 });
    assert.equal(run.solution.objective, alone.solution.objective);
    assert.deepEqual(run.scaling, alone.scaling);

    const tested = run.rows.line.flatMap((_, row) => (run.rows.split[row] === 1 ? [row] : []));
    assert.deepEqual(
      tested.map((row) => run.rows.line[row]),
      [2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13],
    );
    assert.deepEqual(
      tested.map((row) => run.rows.target[row]),
      [50, 51, 52, 54, 55, 56, 57, 58, 59, 60, 61].map(target),
    );
    // the same predictions as `predict` makes on that file
    const predicted = (await predictOn(alone, memorySource(second, { name: 'test.csv' }), running))!;
    const [header, ...lines] = predicted.csv.trim().split(/\r?\n/);
    const at = header.split(',').findIndex((name) => name.startsWith('predict'));
    const own = lines.filter((_, k) => k !== 3).map((line) => Number(line.split(',')[at]));
    tested.forEach((row, k) => assert.ok(Math.abs(run.rows.prediction[row] - own[k]) < 1e-9));
  });

  it('is named in what is said, with what contradicts the first file', async () => {
    const run = await train();
    assert.equal(splitWords(run), 'the rows of test.csv');
    assert.match(scoreHeadline(run)!, / of the variance on 11 rows of test\.csv; /);
    assert.ok(run.dataset.warnings.includes('test.csv: The delimiter is a comma; the training data had a semicolon.'));
    assert.ok(run.dataset.dropped.some(({ reason, lines }) => /^test\.csv: .*"y"/.test(reason) && lines[0] === 5));
    assert.equal(run.dataset.rowsTotal, 40);
    assert.equal(run.dataset.test!.name, 'test.csv');
  });

  it('keeps its rows apart from those of the first: cells, predictions of all rows, exports', async () => {
    const working = session();
    const run = await working.train(settings, listen(), running);
    const first = run.rows.split.indexOf(1);
    const { header, rows } = await working.rows([0, first], run);
    assert.deepEqual(header, ['day', 'x', 'kind', 'y']);
    assert.deepEqual(rows[0].cells, ['1.02.2024', String(value(0)), 'red', String(target(0))]);
    assert.deepEqual(rows[1].cells, ['23.02.2024', String(value(50)), 'BLUE', String(target(50))]);
    const all = (await predictAllRows(run, memorySource(main, { name: 'd.csv' }), 'keep', running))!.csv;
    assert.equal(all.match(/,train,/g)!.length, 40);
    assert.ok(!all.includes(',test,'));
    const exported = JSON.parse(exportRun(run, 'run') as string) as RunRecord;
    assert.equal(exported.settings.testFile, 'test.csv');
  });

  it('folds do not see it', async () => {
    const auto: Partial<TrainSettings> = { beta: { kind: 'auto', value: 0.1 }, path: { points: 0, smallest: 0.05 } };
    const [a, b] = [await train(second, auto), await train(second.replaceAll(/^[\d.-]+,/gm, '99,'), auto)];
    assert.deepEqual(a.crossValidation!.points, b.crossValidation!.points);
  });

  it('says which column or cell of it is wrong', async () => {
    const without = second.replace('x\n', 'z\n');
    await refuses(train(without), /the file with the test rows has no column "x" \(--exclude/, { file: 'test.csv' });
    await refuses(train(second.replace('Y,', 'Q,')), /has no column "y", which is predicted/, { file: 'test.csv' });
    await refuses(train(second.replace(`,${value(51)}\n`, ',wide\n')), /"wide" is not a number/, {
      file: 'test.csv',
      line: 3,
    });
    await refuses(train(second, { split: { by: 'groups', column: 'kind' } }), /by a split, not by both/);
    await refuses(train('Y,Kind,DAY,x\n'), /no row|too few|only one|empty|header/i);
    const classes = (text: string): string => text.replace(/y$/m, 'c');
    await refuses(
      train('x,c\n1,a\n2,new\n', { target: 'c', columnTypes: undefined }, classes('x;y\n1;a\n2;b\n3;a\n4;b\n')),
      /no row to train on is of the class "new"/,
      { file: 'test.csv', line: 3 },
    );
    await refuses(
      testSession(memorySource(main, { name: 'd.csv' })).train(settings, listen(), running),
      /cannot be reached/,
    );
  });
});
