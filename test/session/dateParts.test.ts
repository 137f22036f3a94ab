import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { daysOfDate } from '../../src/core/data/cells.ts';
import { waveOfDays } from '../../src/core/data/dates.ts';
import { predictOn } from '../../src/session/predictOn.ts';
import { rowOutput, rowValues } from '../../src/shared/rowModel.ts';
import { runFault } from '../../src/shared/runSchema.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const day = 86_400_000;
const start = Date.UTC(2023, 0, 2); // a Monday
/** Shops that sell more on Saturdays and in summer. */
const sales = Array.from({ length: 90 }, (_, k) => {
  const date = new Date(start + 9 * k * day);
  const season = Math.cos((2 * Math.PI * (date.getUTCMonth() - 6)) / 12);
  const y = 10 + (date.getUTCDay() === 6 ? 5 : 0) + 3 * season;
  return { date: date.toISOString().slice(0, 10), y };
});
const csv = ['when,y', ...sales.map(({ date, y }) => `${date},${y.toFixed(4)}`)].join('\n');
const settings = { ...quickSettings, gates: 40, target: 'y', beta: { kind: 'relative', value: 0.01 } } as const;
const train = (more: object = {}) => testSession(memorySource(csv)).train({ ...settings, ...more }, listen(), running);
const r2 = ({ metrics }: Awaited<ReturnType<typeof train>>): number =>
  metrics.find(({ model, measure }) => model === 'convex network' && measure === 'R²')!.train;

describe('weekday and season of dates', () => {
  it('are where the calendar has them', () => {
    const at = (date: string, part: 'weekday' | 'season'): number => {
      const days = daysOfDate(date);
      const [sine, cosine] = [waveOfDays(days, { part, wave: 'sine' }), waveOfDays(days, { part, wave: 'cosine' })];
      assert.ok(Math.abs(sine ** 2 + cosine ** 2 - 1) < 1e-12);
      return (Math.atan2(sine, cosine) / (2 * Math.PI) + 1) % 1;
    };
    // Thursdays, as the first day of 1970 was, and a Friday a seventh on; also before 1970
    for (const date of ['1970-01-01', '2024-02-29', '1969-12-25'])
      assert.ok(at(date, 'weekday') % 1 < 1e-9 || at(date, 'weekday') > 1 - 1e-9, date);
    assert.ok(Math.abs(at('2024-03-01', 'weekday') - 1 / 7) < 1e-9);
    // the same day of different years lies within two days of each other
    const [a, b] = [at('1975-07-01', 'season'), at('2031-07-01', 'season')];
    assert.ok(Math.abs(a - b) < 2 / 365, `${a} ${b}`);
  });

  it('are inputs of the run, explain what days do not, and are obeyed by predict and what-if', async () => {
    const plain = await train();
    assert.equal(plain.scaling.inputs.length, 1);
    const run = await train({ dateParts: ['weekday', 'season'] });
    assert.equal(runFault(run), undefined);
    assert.deepEqual(
      run.scaling.inputs.map(({ name }) => name),
      [
        'when (days since 1970-01-01)',
        ...['weekday, sine', 'weekday, cosine', 'season, sine', 'season, cosine'].map((part) => `when (${part})`),
      ],
    );
    // what is left unexplained
    assert.ok(1 - r2(run) < (1 - r2(plain)) / 4, `${r2(run)} ${r2(plain)}`);
    assert.match(run.dataset.columns.find(({ name }) => name === 'when')!.note, /weekday; season/);

    const predicted = (await predictOn(run, memorySource(csv.replaceAll(',', ';')), running))!.csv
      .trim()
      .split(/\r?\n/);
    const at = predicted[0].split(',').findIndex((name) => name.startsWith('predict'));
    run.rows.line.forEach((line, row) => {
      const own = run.rows.prediction[row];
      assert.ok(Math.abs(Number(predicted[line - 1].split(',')[at]) - own) < 1e-9 * (1 + Math.abs(own)));
      const read = rowValues(run, () => sales[line - 2].date, '.');
      assert.ok('values' in read);
      assert.ok(Math.abs(rowOutput(run, read.values).outputs[0] - own) < 1e-9 * (1 + Math.abs(own)));
    });
    // one column, whatever it became
    assert.deepEqual(
      run.importance?.features.map(({ column }) => column),
      ['when'],
    );
  });
});
