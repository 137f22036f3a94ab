import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { compareRuns } from '../../src/shared/compareRuns.ts';
import type { ToComparison } from '../../src/shared/comparisonPage.ts';
import type { Lesson, ToLesson } from '../../src/shared/lesson.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { defaultSettings } from '../../src/shared/settings.ts';
import type { StudyProgress, ToStudy } from '../../src/study/page.ts';
import { firstChoice, studyFigures } from '../../webview/study/figure.ts';
import { someTable } from './pageFixtures.ts';
import { axe } from './axe.ts';
import { type OpenStudy, type Pages, startComparisons, startLessons, startStudies, until } from './harness.ts';

const progress = (more: Partial<StudyProgress> = {}): ToStudy => ({
  type: 'progress',
  progress: { tasks: 100, done: 80, running: 0, failed: 0, started: false, ...more },
  error: null,
});

describe('figures of a study', () => {
  it('are medians and ranges over what is not told apart, and say over what', () => {
    const table = someTable();
    const choice = firstChoice(table);
    assert.deepEqual(choice, {
      x: 'beta.value',
      y: 'test',
      colour: 'model',
      facet: 'data',
      logX: true,
      logY: false,
      points: true,
    });
    const figures = studyFigures(table, choice);
    assert.deepEqual(
      figures.map(({ spec }) => spec.title),
      ['data: iris', 'data: spirals'],
    );
    const [first] = figures;
    const { spec } = first;
    assert.match(spec.summary, /median; band: least to most over seed\.$/);
    assert.equal(spec.y.label, 'test: accuracy');
    const series = (id: string) => spec.series.find((one) => one.id === id)!;
    const tests = (beta: number) =>
      table.rows
        .filter((row) => row[1] === 'iris' && row[4] === 'relu' && row[6] === beta && row[14] !== null)
        .map((row) => row[14] as number)
        .sort((a, b) => a - b);
    assert.deepEqual([...Array.from(series('median-0').x)], [0.01, 0.03, 0.1, 0.3, 1]);
    for (const [i, beta] of [0.01, 0.03, 0.1, 0.3, 1].entries()) {
      const values = tests(beta);
      const [low, high] = [values[(values.length - 1) >> 1], values[values.length >> 1]];
      assert.equal(series('median-0').y[i], (low + high) / 2);
      assert.deepEqual([series('range-0').y[i], series('range-0').upper![i]], [values[0], values.at(-1)]);
    }
    // 20 tasks, one of which was refused
    assert.equal(series('task-0').x.length, 19);
    assert.equal(first.keyOf('task-0', 0), table.rows[0].at(-1));
    assert.equal(first.keyOf('median-0', 0), '', 'a median of several is no task');
    assert.deepEqual([spec.y.min, spec.y.max], [figures[1].spec.y.min, figures[1].spec.y.max]);
  });

  it('take names on the x axis, and anything else for a series', () => {
    const table = someTable();
    const [figure, ...others] = studyFigures(table, {
      ...firstChoice(table),
      x: 'model',
      colour: '',
      facet: '',
      y: 'objective',
      points: false,
    });
    assert.equal(others.length, 0);
    assert.equal(figure.spec.x.format!(1), 'linear');
    assert.match(figure.spec.summary, /over data, beta\.value, seed/);
    assert.deepEqual(
      figure.spec.series.map(({ id }) => id),
      ['range-0', 'median-0'],
    );
  });
});

describe('Study page', () => {
  let pages: Pages<OpenStudy>;
  before(async () => {
    pages = await startStudies();
  });
  after(() => pages.close());

  it('draws, opens runs, keeps what was chosen, starts and stops', async () => {
    const study = await pages.open({ theme: 'light', width: 1200 });
    await study.post(progress({ done: 0 }));
    await study.page.getByRole('button', { name: 'Start here' }).waitFor();
    await study.post(someTable());
    await study.post(progress());
    await until('two facets are drawn', async () => (await study.page.locator('.study-facets .chart').count()) === 2);
    assert.match(await study.page.locator('.status-words').innerText(), /80 of 100 tasks done/);
    // words of the data are text
    assert.equal(await study.page.locator('td b').count(), 0);
    await study.page.getByRole('button', { name: 'Open the run of task 3' }).click();
    await study.page.getByRole('button', { name: 'Resume on Slurm' }).click();
    await study.post(progress({ running: 2, started: true }));
    await study.page.getByRole('button', { name: 'Stop' }).click();
    assert.deepEqual(study.sent, [
      { type: 'ready' },
      { type: 'openRun', key: '2'.padStart(20, '0') },
      { type: 'resume', engine: 'slurm' },
      { type: 'stop' },
    ]);
    await study.shot('study-light');
    assert.deepEqual(await axe(study), []);
    await study.page.getByText('log y').click();
    const kept = (await study.kept()) as { uri: string; choice: { logY: boolean } };
    assert.deepEqual([kept.uri, kept.choice.logY], ['file:///studies/curves.study', true]);
    assert.deepEqual(study.faults, []);
    await study.close();
    const again = await pages.open({ theme: 'dark', width: 620, kept });
    await again.post(someTable());
    await again.post(progress({ failed: 3 }));
    await until('the charts are there', async () => (await again.page.locator('.study-facets .chart').count()) === 2);
    await again.shot('study-dark');
    assert.deepEqual(await axe(again), []);
    assert.deepEqual(again.faults, []);
    await again.close();
  });

  it('a point is a way to its run by the keyboard, and ten thousand tasks are drawn', async () => {
    const study = await pages.open({ theme: 'dark' });
    const table = someTable();
    const many = Array.from({ length: 10_000 }, (_, k) => {
      const row = [...table.rows[k % 80]];
      row[0] = k + 1;
      row[7] = 1 + Math.floor(k / 80);
      return row;
    });
    await study.post({ ...table, rows: many });
    await until('it is drawn', async () => (await study.page.locator('.study-facets .chart').count()) === 2);
    const single = table.rows.filter((row) => row[7] === 1 && row[1] === 'iris' && row[4] === 'relu');
    await study.post({ ...table, rows: single });
    await until('one chart is left', async () => (await study.page.locator('.study-facets .chart').count()) === 1);
    await study.page.locator('.study-facets .plot').first().focus();
    await study.page.keyboard.press('ArrowRight');
    await study.page.keyboard.press('Enter');
    await until('a run is asked for', () => Promise.resolve(study.sent.some(({ type }) => type === 'openRun')));
    assert.deepEqual(study.faults, []);
    await study.close();
  });
});

describe('Compare page', () => {
  const stored = JSON.parse(
    readFileSync(new URL('../fixtures/runs/xor_2d.json', import.meta.url), 'utf8'),
  ) as RunRecord;
  const other: RunRecord = {
    ...stored,
    id: 'other',
    label: '<b>other</b>',
    settings: { ...stored.settings, gates: 31 },
    neurons: stored.neurons.slice(1),
  };
  const chosen = (baseline: string) => ({ version: 1 as const, ids: [stored.id, 'other'], baseline });

  let pages: Awaited<ReturnType<typeof startComparisons>>;
  before(async () => {
    pages = await startComparisons();
  });
  after(() => pages.close());

  it('shows every part, copies tables, changes and keeps the baseline, and exports', async () => {
    const opened = await pages.open({ theme: 'light', language: 'de' });
    const { page, post, sent, faults, kept } = opened;
    const message = (baseline: 0 | 1): ToComparison => ({
      type: 'comparison',
      chosen: chosen(baseline === 0 ? stored.id : 'other'),
      comparison: compareRuns([stored, other], baseline),
      error: null,
    });
    await post(message(0));
    const headings = await page.locator('main h2').allInnerTexts();
    for (const words of ['Was sich unterscheidet', 'Ergebnisse', 'Die Anpassungen', 'Neuronen'])
      assert.ok(headings.includes(words), `${words} among ${headings.join(', ')}`);
    assert.equal(await page.locator('.compared-surfaces canvas:not(.marks)').count(), 2);
    assert.equal(await page.locator('main b').count(), 0, 'a name is text');
    assert.match(await page.locator('td strong').first().innerText(), /31/);
    // everything from here on by the keyboard, in the order of the page
    const press = (key: string): Promise<void> => page.keyboard.press(key);
    const focused = (): Promise<string> =>
      page.evaluate(() =>
        (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim(),
      );
    const tabTo = async (name: RegExp): Promise<void> => {
      for (let k = 0; k < 120; k++) {
        await press('Tab');
        if (name.test(await focused())) return;
      }
      assert.fail(`Tab does not come to ${name}`);
    };
    const newest = (type: string): unknown => sent.filter((one) => one.type === type).at(-1);
    await tabTo(/^Basis$/);
    for (const key of ['Enter', 'ArrowDown', 'Enter']) await press(key);
    await until('another baseline', () => newest('baseline') !== undefined);
    assert.deepEqual(newest('baseline'), { type: 'baseline', id: 'other' });
    await tabTo(/^Exportieren$/);
    await press('Enter');
    assert.deepEqual(newest('export'), { type: 'export' });
    await tabTo(/<b>other<\/b>/);
    await press('Enter');
    assert.deepEqual(newest('openRun'), { type: 'openRun', id: 'other' });
    await tabTo(/^Kopieren: Einstellungen/);
    await press('Enter');
    await press('End');
    await press('Enter');
    assert.match((newest('copy') as { text: string }).text, /\\begin\{tabular\}[^]*gates/);
    assert.match(await focused(), /^Kopieren: /, 'a menu gives the focus back');
    await tabTo(/^Speichern: /);
    await press('Enter');
    await press('ArrowDown');
    await press('Enter');
    assert.match((newest('saveFile') as { name: string }).name, /\.svg$/);
    await tabTo(/Pfeiltasten/);
    await press('ArrowRight');
    await page.locator('.tip').waitFor();
    await post(message(1));
    await page.getByText('Unterschiede zu Lauf 2 (Basis)').waitFor();
    assert.deepEqual(await kept(), chosen('other'));
    assert.deepEqual(await axe({ page }), []);
    assert.deepEqual(faults, []);
    await opened.shot('compare-runs');
    await page.setViewportSize({ width: 420, height: 800 });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 420);
    await opened.close();
  });
});

describe('Lesson page', () => {
  const lesson: Lesson = {
    title: 'XOR <b>bold</b>',
    about: '<img src=x onerror=alert(1)>',
    data: '../xor_2d.csv',
    steps: [
      { kind: 'guess', text: 'How many <i>neurons</i>?', quantity: 'neurons' },
      { kind: 'solve', settings: defaultSettings },
      { kind: 'look', text: 'See', view: 'neurons' },
      { kind: 'choose', text: 'Why?', choices: ['luck', '<u>proof</u>'], correct: 2, because: 'so' },
      { kind: 'beat', text: 'Try' },
    ],
  };
  const shown = (more: Partial<ToLesson> = {}): ToLesson => ({
    type: 'lesson',
    uri: 'file:///lessons/lesson.convex.yaml',
    lesson,
    error: null,
    runs: {},
    typed: {},
    working: null,
    ...more,
  });
  const run = {
    headline: 'Proven optimal: no network does better.',
    quantities: { neurons: 4, objective: 40, 'lower-bound': 39, 'beta-max': 2, inputs: 2, score: null },
    columns: 'w1 w2 b a',
  };

  it('asks, trains, checks answers, and takes words for words', async () => {
    const pages = await startLessons();
    const { page, post, sent, faults, kept } = await pages.open({ theme: 'light' });
    await post(shown());
    assert.equal(await page.locator('h1 b, main i, header img, main u').count(), 0);
    await page.getByLabel('Your guess').fill('3');
    await page.getByRole('button', { name: 'Train' }).click();
    await post(shown({ runs: { 1: run } }));
    await page.getByText('Not quite: it is 4').waitFor();
    await page.getByLabel('Your guess').fill('4');
    await page.getByText('Right: it is 4').waitFor();
    await page.getByLabel('luck').click();
    await page.getByText('Not this one').waitFor();
    await page.getByLabel('proof').click();
    await page.getByText('Right. so').waitFor();
    await page.getByRole('button', { name: 'Show it' }).click();
    await page.locator('textarea').fill('1 1 0 1');
    await page.getByRole('button', { name: 'Certify it' }).click();
    const verdict = { neurons: 1, objective: 52, merged: 52, lowerBound: 39, excess: 1 / 3, trained: 40 };
    await post(shown({ runs: { 1: run }, typed: { 4: { verdict } } }));
    await page.getByText('at most 33.3 % above the best of all').waitFor();
    assert.deepEqual(sent, [
      { type: 'ready' },
      { type: 'solve', step: 1 },
      { type: 'look', step: 2 },
      { type: 'certify', step: 4, text: '1 1 0 1' },
    ]);
    const state = (await kept()) as { uri: string; answers: Record<string, string> };
    assert.deepEqual([state.uri, state.answers], [shown().uri, { 0: '4', 3: '2', 4: '1 1 0 1' }]);
    assert.deepEqual(await axe({ page }), []);
    await post(shown({ lesson: null, error: { message: 'there is no setting "modell"', line: 4, column: 2 } }));
    await page.getByText('Line 4, column 2: there is no setting').waitFor();
    assert.deepEqual(faults, []);
    await pages.close();
  });
});
