import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DataError } from '../../src/core/data/dataError.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { splitWords } from '../../src/shared/runView.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

/** 60 rows in no order of time; 12 patients of 5 rows; a column that says train or test. */
const rows = Array.from({ length: 60 }, (_, i) => {
  const day = (i * 37) % 60;
  const date = new Date(Date.UTC(2024, 0, 1 + day)).toISOString().slice(0, 10);
  const x = Math.sin(i * 1.7);
  return {
    day,
    patient: `p${i % 12}`,
    side: i % 4 === 0 ? 'Test' : 'train',
    line: `${date},p${i % 12},${i % 4 === 0 ? 'Test' : 'train'},${x.toFixed(4)},${(2 * x + 0.1 * Math.cos(i * 5)).toFixed(4)}`,
  };
});
const file = ['when,patient,side,x,y', ...rows.map(({ line }) => line)].join('\n');

async function trained(
  by: 'column' | 'time' | 'groups' | 'random',
  column: string,
  more: Partial<TrainSettings> = {},
  text = file,
): Promise<RunRecord> {
  return await testSession(memorySource(text, { name: 'd.csv' })).train(
    { ...quickSettings, target: 'y', features: ['x'], split: { by, column }, ...more },
    listen(),
    running,
  );
}
const tests = (run: RunRecord): number[] =>
  run.rows.line.flatMap((line, i) => (run.rows.split[i] === 1 ? [line - 2] : []));

describe('how the test rows come about', () => {
  it('as a column says, which is no feature', async () => {
    const run = await trained('column', 'side', { features: [] });
    assert.deepEqual(
      tests(run),
      rows.flatMap(({ side }, i) => (side === 'Test' ? [i] : [])),
    );
    assert.ok(!run.scaling.inputs.some(({ column }) => column === 'side'));
    assert.equal(splitWords(run), 'as the column side says');
  });

  it('the last by a time', async () => {
    const run = await trained('time', 'when');
    assert.deepEqual(
      tests(run)
        .map((i) => rows[i].day)
        .sort((a, b) => a - b),
      Array.from({ length: 12 }, (_, k) => 48 + k),
    );
    assert.equal(splitWords(run), 'the last by when');
  });

  it('whole groups, seeded, and no group in two folds of cross-validation', async () => {
    const run = await trained('groups', 'patient');
    const held = new Set(tests(run).map((i) => rows[i].patient));
    assert.ok(held.size >= 2 && tests(run).length === 5 * held.size);
    assert.deepEqual(tests(await trained('groups', 'patient')), tests(run));
    assert.notDeepEqual(tests(await trained('groups', 'patient', { seed: 2 })), tests(run));
    // within a group rows differ by noise only, so that a split across groups would show far smaller errors
    const named = Array.from(
      { length: 60 },
      (_, i) => `g${i % 12},${Math.sin(i % 12) + 1e-4 * i},${((i % 12) * 7919) % 13}`,
    );
    const text = ['g,x,y', ...named].join('\n');
    const auto: Partial<TrainSettings> = {
      beta: { kind: 'auto', value: 0.1 },
      target: 'y',
      gates: 30,
      path: { points: 3, smallest: 0.001 },
      timeLimitSeconds: 300,
    };
    const grouped = (await trained('groups', 'g', auto, text)).crossValidation!;
    const mixed = (await trained('random', '', auto, text)).crossValidation!;
    assert.ok(grouped.points[grouped.best].mean > 2 * mixed.points[mixed.best].mean);
  });

  it('refuses what says nothing, by its line', async () => {
    const broken = file.replace(',train,', ',maybe,');
    const refused = async (run: Promise<RunRecord>, message: RegExp): Promise<void> => {
      await assert.rejects(run, (error) => error instanceof DataError && message.test(error.message));
    };
    await refused(trained('column', 'side', {}, broken), /line 3.*"maybe" says neither train nor test/);
    await refused(trained('time', 'patient'), /needs dates or numbers/);
    await refused(trained('groups', ''), /needs the column/);
    await refused(trained('groups', 'nobody'), /nobody/);
  });
});
