import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { daysOfDate } from '../../../src/core/data/cells.ts';
import { DataError } from '../../../src/core/data/dataError.ts';
import { dateOfDays } from '../../../src/core/data/dates.ts';
import { prepareData, type PreparedData, type PrepareOptions } from '../../../src/core/data/prepareData.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import { dictionaryLimit } from '../../../src/core/data/table.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { predictOn } from '../../../src/session/predictOn.ts';
import { memorySource } from '../../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../../support/sessionHarness.ts';

const defaults: PrepareOptions = {
  target: 'y',
  task: 'auto',
  features: [],
  missing: 'drop',
  standardize: false,
  testFraction: 0,
  seed: 1,
};
const prepare = async (text: string, options: Partial<PrepareOptions> = {}): Promise<PreparedData> =>
  prepareData(await readTable(memorySource(text), {}, uncontrolled), { ...defaults, ...options });
const noteOf = (data: PreparedData, name: string): string => {
  const { role, note } = data.columns.find((column) => column.name === name)!;
  return `${role}: ${note}`;
};
const day = 86_400_000;
const iso = (days: number): string => new Date(Math.round(days * day)).toISOString();
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
/** One day a row from 2020-02-20 on (day 18,312), and a target that bends. */
const daily = (n: number, cell = (days: number): string => iso(days).slice(0, 10)): string =>
  `when,y\n${range(n)
    .map((i) => `${cell(18_312 + i)},${Math.max(0, i - 10) * 0.5 + 0.1 * (i % 3)}`)
    .join('\n')}\n`;

describe('dates as numbers', () => {
  it('agree with the calendar of JavaScript for every day and time it can write', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          const text = date.toISOString();
          assert.ok(Math.abs(daysOfDate(text) - date.getTime() / day) < 1e-9, text);
          assert.equal(daysOfDate(text.slice(0, 10)), Math.floor(date.getTime() / day), text);
          assert.equal(dateOfDays(daysOfDate(text.slice(0, 10))), text.slice(0, 10));
        },
      ),
    );
  });

  it('time of day is the fraction, a zone is taken off', () => {
    assert.equal(daysOfDate('1970-01-02'), 1);
    assert.equal(daysOfDate('1969-12-31 06:00'), -0.75);
    assert.equal(daysOfDate('1970-01-01T12:00:00'), 0.5);
    assert.equal(daysOfDate('1970-01-01T12:00:00.000Z'), 0.5);
    assert.equal(daysOfDate('1970-01-01T12:00:00+06:00'), 0.25);
    assert.equal(daysOfDate('1970-01-01 12:00:00 -0600'), 0.75);
    assert.equal(dateOfDays(0.5), '1970-01-01T12:00:00');
  });

  it('days that do not exist and other forms are none', () => {
    for (const text of [
      ...['2023-02-29', '2023-13-01', '2023-00-10', '2023-04-31', '1900-02-29', '2023-01-01T24:00', '2023-01-01T10:60'],
      ...['2023-1-1', '01-01-2023', '2023/01/01', '2023-01', '2023-01-01x', '2023-01-01T', '20230101', '10:30', ''],
    ]) {
      assert.ok(Number.isNaN(daysOfDate(text)), text);
    }
    assert.equal(daysOfDate('2000-02-29') - daysOfDate('2000-02-28'), 1);
  });
});

describe('columns of dates', () => {
  it('become one input in days, and the data summary says so', async () => {
    const data = await prepare(daily(40));
    assert.deepEqual(
      Array.from(data.X.data),
      range(40).map((i) => 18_312 + i),
    );
    const [input] = data.scaling.inputs;
    assert.equal(input.name, 'when (days since 1970-01-01)');
    assert.equal(input.column, 'when');
    assert.equal(input.date, true);
    assert.equal(noteOf(data, 'when'), 'feature: date as days since 1970-01-01');
  });

  it('are never the target by inference, but can be: in days', async () => {
    const swapped = daily(40)
      .trim()
      .split('\n')
      .map((line) => line.split(',').reverse().join(','))
      .join('\n');
    assert.equal((await prepare(swapped, { target: '' })).target, 'y');
    const data = await prepare(daily(40), { target: 'when' });
    assert.equal(data.task, 'regression');
    assert.equal(data.y[1], 18_313);
    assert.match(noteOf(data, 'when'), /target: regression target \(date as days/);
    await assert.rejects(
      prepare(daily(40), { target: 'when', task: 'multiclass' }),
      /holds dates .* cannot be classes/,
    );
  });

  it('one bad date is a gap, said with line and column; many are an error', async () => {
    const text = daily(40).replace('2020-03-01', '2020-02-30');
    const data = await prepare(text);
    assert.deepEqual(data.dropped, [{ reason: '"when" is missing', count: 1, lines: [12] }]);
    assert.ok(
      data.warnings.some((w) =>
        w.includes('"when" (column 1): "2020-02-30" is no date and taken as missing (line 12)'),
      ),
      data.warnings.join(),
    );
    const number = await prepare(daily(40).replace('2020-03-01', '17'));
    assert.deepEqual(number.dropped, [{ reason: '"when" is missing', count: 1, lines: [12] }]);
    const many = daily(40).replace('2020-03-01', '2020-02-30').replace('2020-03-02', 'x').replace('2020-03-03', 'x');
    await assert.rejects(prepare(many), (error: unknown) => {
      assert.ok(error instanceof DataError);
      assert.deepEqual([error.line, error.column, error.columnName], [12, 1, 'when']);
      assert.match(
        error.message,
        /^data\.csv, line 12, column 1 \("when"\): "2020-02-30" is not a date \(YYYY-MM-DD\) in a column of dates \(3 such cells in 40 rows\)/,
      );
      return true;
    });
    // left out, it does no harm
    const left = await prepare(`x,${many.replace(/\n(?=[2x])/g, '\n1,')}`.replace('\n1,', '\n2,'), { features: ['x'] });
    assert.equal(left.scaling.inputs[0].name, 'x');
  });

  it('gaps are dropped or filled with the median day', async () => {
    const text = daily(21).replace('2020-02-22', '').replace('2020-02-23', 'NA');
    assert.equal((await prepare(text)).y.length, 19);
    const filled = await prepare(text, { missing: 'impute' });
    assert.deepEqual(Array.from(filled.X.data.slice(2, 4)), [18_323, 18_323]);
    assert.equal(filled.scaling.inputs[0].fill, 18_323);
    assert.match(noteOf(filled, 'when'), /days since 1970-01-01; 2 missing cells filled with the median 2020-03-02/);
  });

  it('one date only is a constant; other forms are left out with the reason', async () => {
    const constant = await prepare(
      daily(20, () => '2021-05-06')
        .replaceAll(/^(?=2)|(?<=\n)(?=2)/g, '1,')
        .replace('when', 'x,when')
        .replace('\n1', '\n2'),
    );
    assert.match(noteOf(constant, 'when'), /left-out: always 2021-05-06/);
    const other = (days: number): string => iso(days / 1000).slice(11, 16);
    const data = await prepare(daily(40, (days) => `${other(days)},${days % 7}`).replace('when', 'when,x'));
    assert.match(noteOf(data, 'when'), /left-out: dates or times in a form that is not read as days/);
  });

  it('are read however many there are, and in a sample of rows', async () => {
    const n = dictionaryLimit + 500;
    const text = `when,y\n${range(n)
      .map((i) => `${iso(i / 1440).slice(0, 16)},${i % 7}`)
      .join('\n')}\n`;
    const data = await prepare(text);
    assert.equal(data.X.rows, n);
    assert.ok(Math.abs(data.X.data[n - 1] - (n - 1) / 1440) < 1e-9);
    const table = await readTable(memorySource(text), { maxRows: 100, seed: 3 }, uncontrolled);
    const sample = prepareData(table, defaults);
    sample.lines.forEach((line, i) => assert.ok(Math.abs(sample.X.data[i] - (line - 2) / 1440) < 1e-9));
  });

  it('predicting takes dates again, written in any such form, and refuses what is none', async () => {
    const source = memorySource(daily(60));
    const run = await testSession(source).train({ ...quickSettings, model: 'relu' }, listen(), running);
    assert.equal(run.shape?.kind === 'curve' && run.shape.feature, 'when (days since 1970-01-01)');
    const lines = async (text: string): Promise<string[]> =>
      (await predictOn(run, memorySource(text, { name: 'new.csv' }), running))!.csv.trim().split('\n').slice(1);
    run.rows.line.forEach((line, i) => (line === 42 ? assert.equal(run.rows.target[i], 15 + 0.1) : undefined));
    const own = await lines('when,x\n2020-03-31,1\n31.3.2020,1\n2020-03-31T00:00Z,1\n2020-03-30 22:00:00-02:00,1\n');
    const expected = run.rows.prediction[run.rows.line.indexOf(42)];
    for (const line of own) assert.ok(Math.abs(Number(line.split(',')[1]) - expected) < 1e-9, line);
    await assert.rejects(
      lines('x,when\n1,2020-03-31\n2,31.31.2020\n'),
      /new\.csv, line 3, column 2 \("when"\): "31\.31\.2020" is not a date \(YYYY-MM-DD\), which the network needs/,
    );
    await assert.rejects(lines('x,when\n1,18352\n'), /line 2, column 2 .*"18352" is not a date/);
  });
});
