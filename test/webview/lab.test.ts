import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { createLab } from '../../src/session/lab.ts';
import { nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { defaultLabSettings, type FromLab, type LabRecord, labPages, type ToLab } from '../../src/shared/lab.ts';
import { formatNumber, typeset } from '../../webview/ui/format.ts';
import { memorySource } from '../support/memorySource.ts';
import { running } from '../support/sessionHarness.ts';
import { axeOfNew } from './axe.ts';
import { labResults, labTitles, typicalLab } from './labFixtures.ts';
import { type OpenLab, type Pages, startLabs, until } from './harness.ts';
import { type ThemeName, themes } from './themes.ts';

describe('Lab', () => {
  let labs: Pages<OpenLab>;
  let typical: Extract<ToLab, { type: 'lab' }>['records'];
  let tiny: Extract<ToLab, { type: 'lab' }>['records'];

  before(async () => {
    labs = await startLabs();
    typical = await typicalLab();
    tiny = await labResults(memorySource('x,z,target\n1,2,a\n2,-1,b\n'), {
      all: { testFraction: 0, bias: false, standardize: false },
      kernel: { widths: [8], seeds: 1 },
      sweep: { widths: [8], seeds: 1, steps: 10, rateSteps: 5, noise: 0 },
      contrast: { width: 8, steps: 10 },
      mlp: { widths: [4], seeds: 1, epochs: 5, rules: ['sgd'] },
      flow: { neurons: 3, seeds: 1, steps: 500 },
      geometry: { neurons: 3, steps: 500 },
    });
  });

  after(() => labs.close());

  const open = (theme: ThemeName = 'dark', kept: unknown = null, width = 1100): Promise<OpenLab> =>
    labs.open({ theme, kept, width });

  const snapshot = (
    records: Extract<ToLab, { type: 'lab' }>['records'],
    more: Partial<Extract<ToLab, { type: 'lab' }>> = {},
  ): ToLab => ({
    type: 'lab',
    uri: 'file:///data/iris.csv',
    name: 'iris.csv',
    preset: {},
    testFile: null,
    columns: [],
    records,
    running: null,
    progress: null,
    cells: [],
    error: null,
    ...more,
  });

  /** The page of a record is there, with its verdicts, and its canvases have been painted. */
  async function drawn(page: Page, { page: name, verdicts }: LabRecord): Promise<void> {
    await page.locator(`[role=tabpanel][aria-labelledby=tab-${name}]`).waitFor();
    await until(
      'the verdicts are there',
      async () => (await page.locator('[data-verdict]').count()) === verdicts.length,
    );
    await page.locator('figure.chart').first().waitFor();
    await page.evaluate(
      () => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))),
    );
  }

  const seen = new Set<string>();
  for (const theme of Object.keys(themes) as ThemeName[]) {
    it(`draws every page in the ${theme} theme without a fault`, async () => {
      const lab = await open(theme);
      await lab.post(snapshot(typical));
      for (const page of labPages) {
        await lab.page.getByRole('tab', { name: labTitles[page] }).click();
        await drawn(lab.page, typical[page]!);
        assert.ok((await lab.page.locator('figure.chart').count()) >= 1, page);
        for (const sentence of typical[page]!.verdicts.map((verdict) => verdict.sentence)) {
          assert.ok((await lab.page.locator('.lab-verdicts').innerText()).includes(typeset(sentence)), sentence);
        }
        assert.deepEqual(await axeOfNew(lab, seen), [], `${page} in ${theme}`);
        await lab.shot(`lab-${page}-${theme}`);
      }
      assert.deepEqual(lab.faults, []);
      await lab.close();
    });
  }

  it('draws two rows, in a narrow panel too', async () => {
    const lab = await open('light', null, 400);
    await lab.post(snapshot(tiny));
    for (const page of labPages) {
      await lab.page.getByRole('tab', { name: labTitles[page] }).click();
      await drawn(lab.page, tiny[page]!);
      const overflow = await lab.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(overflow <= 0, `${page} is ${overflow} pixels too wide`);
      await lab.shot(`lab-${page}-tiny`);
    }
    assert.deepEqual(lab.faults, []);
    await lab.close();
  });

  it('works from the keyboard: tabs, form, run, stop, progress', async () => {
    const lab = await open();
    await lab.post(snapshot({}));
    await lab.page.getByRole('tab', { name: 'Kernel' }).focus();
    await lab.page.keyboard.press('ArrowRight');
    assert.equal(await lab.page.getByRole('tab', { selected: true }).innerText(), 'Width sweep');
    await lab.page.keyboard.press('Home');
    const widths = lab.page.getByRole('textbox', { name: 'Widths' });
    await widths.fill('8, 32');
    await widths.press('Enter');
    const run = lab.page.locator('#run-kernel');
    await run.focus();
    await lab.page.keyboard.press('Enter');
    const asked = await until('a run is asked for', () => lab.sent.find((message) => message.type === 'run'));
    assert.deepEqual(asked.request.page === 'kernel' && asked.request.settings.widths, [8, 32]);
    await lab.page.getByRole('textbox', { name: 'Starts' }).fill('x');
    await lab.page.getByRole('textbox', { name: 'Starts' }).press('Enter');
    assert.match(await lab.page.getByRole('alert').innerText(), /^Starts: must be a number, not something that is/);
    await lab.post(snapshot({}, { testFile: 'later.csv' }));
    assert.match(await lab.page.locator('.lab-form').innerText(), /rows of later\.csv.*are not read here/);
    await lab.post(snapshot({}, { running: 'kernel' }));
    await lab.post({
      type: 'labProgress',
      progress: { page: 'kernel', message: 'width 8', fraction: 0.5, cell: 'Width 8, seed 1' },
    });
    assert.ok((await lab.page.locator('.status-words').innerText()).includes('width 8'));
    assert.ok((await lab.page.locator('.lab-cells').innerText()).includes('Width 8, seed 1'));
    await lab.page.locator('#stop-kernel').click();
    await until('a stop is asked for', () => lab.sent.some((message) => message.type === 'stop'));
    await lab.post(snapshot(typical));
    await lab.page.locator('#announcer', { hasText: /^Finished\./ }).waitFor({ state: 'attached' });
    assert.deepEqual(lab.faults, []);
    await lab.close();
  });

  it('says what a wrong field is and does not take it', async () => {
    const lab = await open();
    await lab.post(snapshot({}));
    const widths = lab.page.getByRole('textbox', { name: 'Widths' });
    await widths.fill('8, many');
    await widths.press('Enter');
    await lab.page
      .getByRole('alert')
      .filter({ hasText: /^Widths:/ })
      .waitFor();
    await lab.page.locator('#run-kernel').click();
    const asked = await until('a run is asked for', () => lab.sent.find((message) => message.type === 'run'));
    assert.deepEqual(
      asked.request.page === 'kernel' && asked.request.settings.widths,
      defaultLabSettings.kernel.widths,
    );
    await lab.close();
  });

  it('offers the remedy of a refusal, and keeps page and form over a reload', async () => {
    const lab = await open();
    await lab.post(
      snapshot(
        {},
        {
          error: {
            page: 'kernel',
            message: 'a kernel on 9000 training rows is too large',
            remedy: { label: 'Use a sample of 500 rows', settings: { maxRows: 500 } },
          },
        },
      ),
    );
    await lab.page.getByRole('button', { name: 'Use a sample of 500 rows' }).click();
    await lab.page.locator('#run-kernel').click();
    const asked = await until('a run is asked for', () => lab.sent.find((message) => message.type === 'run'));
    assert.equal(asked.request.settings.maxRows, 500);
    const kept = await lab.kept();
    assert.equal((kept as { uri: string }).uri, 'file:///data/iris.csv');
    await lab.close();
    const again = await open('dark', kept);
    await again.post(snapshot({}));
    await again.page.getByText('Rows and columns').click();
    assert.equal(await again.page.getByRole('textbox', { name: 'Rows' }).inputValue(), '500');
    await again.close();
  });

  it('offers the suggested neuron of an end that is not global, and shows what it was worth', async () => {
    const work = createLab(memorySource('x,z,t\n1,0,b\n-0.28,0.96,b\n-1,-1,a\n'), nodeSessionDeps());
    const settings = { ...defaultLabSettings.flow, standardize: false, neurons: 6, seeds: 1 };
    const first = await work.run({ page: 'flow', settings }, () => undefined, running);
    const second = await work.run({ page: 'flow', settings, insert: true }, () => undefined, running);
    const lab = await open();
    const records = (flow: LabRecord): typeof typical => ({ flow }) as typeof typical;
    await lab.post(snapshot(records(first)));
    await lab.page.getByRole('tab', { name: labTitles.flow }).click();
    assert.ok((await lab.page.locator('main').innerText()).includes('stationary, not global'));
    const button = lab.page.getByRole('button', { name: 'Insert the suggested neuron and train on' });
    await button.focus();
    await lab.page.keyboard.press('Enter');
    const asked = await until('a run is asked for', () => lab.sent.find((message) => message.type === 'run'));
    assert.equal(asked.request.page === 'flow' && asked.request.insert, true);
    await lab.post(snapshot(records(second)));
    const text = await lab.page.locator('main').innerText();
    assert.match(text, /Before insertion/i);
    // By hand: two neurons on rows at an obtuse angle cost 2, the best ones 5/3; the negative one 1 / sqrt 2.
    for (const [record, value] of [
      [first, 2 + Math.SQRT1_2],
      [second, 5 / 3 + Math.SQRT1_2],
    ] as const) {
      assert.ok(record.page === 'flow');
      const { primal } = record.result.runs[0].certificate;
      assert.ok(Math.abs(primal! - value) < 1e-3 && text.includes(formatNumber(primal, 6)), text);
    }
    assert.equal(await button.count(), 0);
    assert.deepEqual(lab.faults, []);
    await lab.shot('lab-flow-inserted');
    await lab.close();
  });

  it('draws the circle of directions as a circle, on the page and in the SVG', async () => {
    for (const width of [420, 1000]) {
      const lab = await open('light', null, width);
      await lab.post(snapshot(typical));
      await lab.page.getByRole('tab', { name: labTitles.flow }).click();
      await drawn(lab.page, typical.flow!);
      const card = lab.page.locator('.card', { has: lab.page.getByText('Directions of rows and neurons') }).first();
      await card.getByRole('button', { name: /^Save: Directions/ }).click();
      await lab.page.getByRole('menuitem', { name: 'Drawing (SVG)' }).click();
      const saved = await until('a file is saved', () => lab.sent.find((message) => message.type === 'saveFile'));
      const lines = [...saved.content.matchAll(/<path d="M([^"MZa]*)" fill="none"/g)].map((match) =>
        match[1].split('L'),
      );
      const circle = lines.reduce((longest, line) => (line.length > longest.length ? line : longest));
      const points = circle.map((pair) => pair.split(' ').map(Number));
      const extent = (axis: 0 | 1): number => {
        const values = points.map((point) => point[axis]);
        return Math.max(...values) - Math.min(...values);
      };
      // One half of the circle: twice as wide as it is high.
      assert.ok(Math.abs(extent(0) / extent(1) - 2) < 0.02, `${extent(0)} x ${extent(1)}`);
      await lab.shot(`lab-flow-${width}`);
      await lab.close();
    }
  });

  it('trains on: more epochs, what was stopped, the table as CSV; rules are ticked', async () => {
    const lab = await open('light', null, 1000);
    const mlp = typical.mlp!;
    await lab.post(snapshot({ mlp: { ...mlp, status: 'cancelled' } }));
    await lab.page.getByRole('tab', { name: labTitles.mlp }).click();
    await lab.page.getByText(mlp.result.sentence).waitFor();
    await lab.page.getByRole('button', { name: 'Finish what was stopped' }).click();
    const runs = (): Extract<FromLab, { type: 'run' }>['request'][] =>
      lab.sent.flatMap((message) => (message.type === 'run' ? [message.request] : []));
    const [finish] = await until('a run is asked for', () => runs().length > 0 && runs());
    assert.deepEqual(finish, { page: 'mlp', settings: mlp.settings, resume: true });
    const more = lab.page.getByRole('textbox', { name: 'More epochs' });
    await more.fill('2.5');
    await more.press('Enter');
    await lab.page.getByRole('alert').filter({ hasText: 'whole number' }).waitFor();
    await more.fill('40');
    await more.press('Enter');
    await lab.page.getByRole('button', { name: 'Train on', exact: true }).click();
    const [, on] = await until('a run is asked for', () => runs().length > 1 && runs());
    assert.equal(on.page === 'mlp' && on.settings.epochs, 100);
    assert.equal(on.page === 'mlp' && on.resume, true);
    await lab.page.getByRole('checkbox', { name: 'momentum' }).click();
    await lab.page.locator('#run-mlp').click();
    const [, , fresh] = await until('a run is asked for', () => runs().length > 2 && runs());
    assert.deepEqual(fresh.page === 'mlp' && [fresh.settings.rules, fresh.resume], [
      ['sgd', 'adam', 'flow'],
      undefined,
    ]);
    await lab.page.getByRole('button', { name: 'Export table (CSV)' }).click();
    const saved = await until('a table is saved', () => lab.sent.find((message) => message.type === 'saveTable'));
    assert.equal(saved.rows.length, mlp.result.runs.length);
    assert.match(saved.header.join(','), /^rule,width,start,.*,distance moved,/);
    assert.ok(saved.rows[0].includes(mlp.result.runs[0].loss));
    assert.deepEqual(lab.faults, []);
    await lab.close();
  });

  it('turns the picture in space with mouse and keys, walks through its neurons, hides layers and saves it', async () => {
    const lab = await open('light');
    await lab.post(snapshot(typical));
    await lab.page.getByRole('tab', { name: labTitles.geometry }).click();
    const scene = lab.page.locator('.scene').first();
    const canvas = scene.locator('canvas');
    const picture = (): Promise<string> => canvas.evaluate((element) => (element as HTMLCanvasElement).toDataURL());
    const changed = async (before: string): Promise<string> => {
      return until('the picture changes', async () => {
        const now = await picture();
        return now !== before && now;
      });
    };
    await drawn(lab.page, typical.geometry!);
    const start = await picture();
    await scene.focus();
    await lab.page.keyboard.press('ArrowRight');
    let now = await changed(start);
    await lab.page.keyboard.press('+');
    now = await changed(now);
    const box = (await canvas.boundingBox())!;
    await lab.page.mouse.move(box.x + 100, box.y + 100);
    await lab.page.mouse.down();
    await lab.page.mouse.move(box.x + 160, box.y + 130);
    await lab.page.mouse.up();
    now = await changed(now);
    await lab.page.keyboard.press('Home');
    await lab.page.mouse.move(0, 0);
    // Home is where it started.
    await until('the picture is the first one', async () => (await picture()) === start);
    await lab.page.keyboard.press('PageDown');
    const card = lab.page.locator('.card', { has: scene }).first();
    assert.match(await card.locator('.tip').innerText(), /largest margin: (positive|negative), .*dual constraint 1/);
    now = await picture();
    await card.getByRole('checkbox', { name: 'convex hull' }).click();
    await changed(now);
    await card.getByRole('button', { name: /^Save: Rectified ellipsoid/ }).click();
    await lab.page.getByRole('menuitem', { name: 'Drawing (SVG)' }).click();
    await card.getByRole('button', { name: /^Save: Rectified ellipsoid/ }).click();
    await lab.page.getByRole('menuitem', { name: 'Data (CSV)' }).click();
    await card.getByRole('button', { name: /^Save: Rectified ellipsoid/ }).click();
    await lab.page.getByRole('menuitem', { name: 'Picture (PNG)' }).click();
    const saved = await until('three files are saved', () => {
      const all = lab.sent.flatMap((message) =>
        message.type === 'saveFile' || message.type === 'saveTable' ? [message] : [],
      );
      return all.length >= 3 && all;
    });
    assert.deepEqual(
      saved.map(({ name }) => name),
      ['svg', 'csv', 'png'].map((type) => `iris-lab-geometry-space.${type}`),
    );
    const [drawing, table, image] = saved;
    assert.ok(drawing.type === 'saveFile' && table.type === 'saveTable' && image.type === 'saveFile');
    assert.ok(drawing.content.startsWith('<svg') && (drawing.content.match(/<path/g) ?? []).length > 1000);
    assert.deepEqual(table.header, ['what', 'widest direction', 'next widest', 'along the dual variable', 'note']);
    assert.match(String(table.rows[0][0]), /^neurons/);
    assert.ok(Buffer.from(image.content, 'base64').subarray(1, 4).toString() === 'PNG');
    assert.deepEqual(lab.faults, []);
    await lab.close();
  });

  it('reveals rows and exports records and drawings', async () => {
    const lab = await open();
    await lab.post(snapshot(typical));
    await lab.page.locator('button.link').first().click();
    await lab.page.getByRole('button', { name: 'Export JSON' }).click();
    await lab.page.getByRole('button', { name: /^Save: Spectrum/ }).click();
    await lab.page.getByRole('menuitem', { name: 'Drawing (SVG)' }).click();
    const { line } = await until('a line is revealed', () => lab.sent.find((message) => message.type === 'revealLine'));
    assert.ok(typical.kernel!.data.lines.includes(line));
    await until('the record is exported', () =>
      lab.sent.some((message) => message.type === 'exportRecord' && message.page === 'kernel'),
    );
    const saved = await until('a file is saved', () => lab.sent.find((message) => message.type === 'saveFile'));
    assert.ok(saved.content.startsWith('<svg') && saved.name === 'iris-lab-kernel-spectrum.svg');
    assert.deepEqual(lab.faults, []);
    await lab.close();
  });
});
