import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { glossary } from '../../src/shared/glossary.ts';
import type { FromPanel } from '../../src/shared/protocol.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import type { ModelComparisonRecord } from '../../src/shared/modelComparison.ts';
import type { SaveFile, SaveTable } from '../../src/shared/savedFiles.ts';
import { axe, axeOfNew } from './axe.ts';
import { blankCanvases, misfits } from './drawn.ts';
import { fixtures } from './fixtures.ts';
import type { OpenPanel, Panels } from './harness.ts';
import { startPanels, until } from './harness.ts';
import type { ThemeName } from './themes.ts';
import { themes } from './themes.ts';

const tabs = ['Overview', 'Predictions', 'Sparsity', 'Neurons', 'Duals', 'Gradient descent'];
/** Runs whose pictures are kept for looking at. */
const photographed = /tiny|large|longNames|recorded/;
const recordedNames = ['diabetes', 'xor_2d', 'co2_1d', 'penguins'];

function recorded(name: string): RunRecord {
  return JSON.parse(readFileSync(new URL(`../fixtures/runs/${name}.json`, import.meta.url), 'utf8')) as RunRecord;
}

let panels: Panels;
let panel: OpenPanel;
before(async () => {
  panels = await startPanels();
});
after(() => panels.close());
/** What was looked at by rules of accessibility, in all tests. */
const seen = new Set<string>();
/** Nothing may go wrong in any test: policy, console, exceptions, malformed messages. */
afterEach(async () => {
  assert.deepEqual(panel.faults, []);
  await panel.close();
});

const last = (type: FromPanel['type']): FromPanel | undefined =>
  panel.sent.filter((message) => message.type === type).at(-1);
/** The newest message of its kind becomes this one. */
async function said(message: FromPanel): Promise<void> {
  await until(`message ${message.type}`, () => isDeepStrictEqual(last(message.type), message)).catch(() =>
    assert.deepEqual(last(message.type), message),
  );
}
const count = (type: FromPanel['type']): number => panel.sent.filter((message) => message.type === type).length;
/** What no page may say of anything: a plural of one, a power of ten as a computer writes it. */
const slips =
  /(?<![\d.,])1 (neurons|rows|gates|tuples|branches|cells|inputs|seeds|runs|places|constraints|classes|patterns)\b|\d[eE][-+]\d/;
const text = (selector: string): Promise<string> => panel.page.locator(selector).first().innerText();
describe('every view with every run', () => {
  for (const [name, make] of [
    ...Object.entries(fixtures),
    ...recordedNames.map((n) => [`recorded ${n}`, () => recorded(n)] as const),
  ]) {
    it(`${name}: draws, is accessible, fits`, async () => {
      panel = await panels.open({ theme: name.length % 2 === 0 ? 'dark' : 'light', width: 1600 });
      await panel.show(make());
      for (const tab of tabs) {
        await panel.tab(tab);
        assert.deepEqual(await axeOfNew(panel, seen), [], tab);
        assert.equal(slips.exec(await text('body'))?.[0], undefined, tab);
        assert.equal(await blankCanvases(panel.page), 0, `${tab} has an empty canvas`);
        assert.deepEqual(await misfits(panel.page), [], tab);
        if (photographed.test(name)) await panel.shot(`${name.replace(/\W+/g, '-')}-${tab}`);
      }
    });
  }
});

describe('themes', () => {
  for (const name of Object.keys(themes) as ThemeName[]) {
    it(`${name}: accessible in every view, at two widths`, async () => {
      panel = await panels.open({ theme: name });
      await panel.show(recorded('xor_2d'), { stale: true });
      for (const tab of tabs) {
        await panel.tab(tab);
        assert.deepEqual(await axeOfNew(panel, seen), [], tab);
        await panel.shot(`theme-${name}-${tab}`);
        if (name !== 'light' && process.env.SHOTS === undefined) continue;
        await panel.page.setViewportSize({ width: 320, height: 800 });
        if (name === 'light') assert.deepEqual(await axe(panel), [], `${tab}, narrow`);
        await panel.shot(`theme-${name}-narrow-${tab}`);
        await panel.page.setViewportSize({ width: 1000, height: 900 });
      }
    });
  }
  it('a change of theme redraws canvases and controls', async () => {
    panel = await panels.open({ theme: 'dark' });
    await panel.show(recorded('xor_2d'));
    await panel.tab('Neurons');
    const pictures = (): Promise<string[]> =>
      panel.page.evaluate(() => [...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()));
    const button = (): Promise<string> =>
      panel.page.evaluate(() => getComputedStyle(document.querySelector('vscode-button')!).backgroundColor);
    const [before, colour] = [await pictures(), await button()];
    await panel.setTheme('light');
    await until('new pictures', async () => (await pictures()).every((picture, i) => picture !== before[i]));
    assert.notEqual(await button(), colour);
  });
});

describe('the language of the editor', () => {
  for (const language of ['de', 'zh-cn'] as const) {
    it(`${language}: no view shows a text that has a translation in English; all fit and are accessible`, async () => {
      const bundle = JSON.parse(
        readFileSync(new URL(`../../l10n/bundle.l10n.${language}.json`, import.meta.url), 'utf8'),
      ) as Record<string, string>;
      const run = recorded('penguins');
      panel = await panels.open({ language });
      await panel.show(run);
      const names = await panel.page.getByRole('tab').allTextContents();
      assert.deepEqual(
        names.slice(0, 6),
        tabs.map((tab) => bundle[tab]),
      );
      // what comes from the file is not looked up: a column of that name stays as it is, and so does the encoded input of the bias
      const own = new Set([...run.dataset.columns.map(({ name }) => name), ...run.resolved.classes, 'bias']);
      for (const name of names) {
        await panel.tab(name);
        const said = await panel.page.evaluate(() => {
          const walker = document.createTreeWalker(document.querySelector('#app')!, NodeFilter.SHOW_TEXT);
          const out: string[] = [];
          while (walker.nextNode()) out.push(walker.currentNode.textContent!.trim());
          return out;
        });
        const english = said.filter((words) => words in bundle && bundle[words] !== words && !own.has(words));
        assert.deepEqual([...new Set(english)], [], name);
        assert.deepEqual(await axeOfNew(panel, seen), [], name);
        assert.deepEqual(await misfits(panel.page, [1000, 420]), [], name);
      }
      assert.equal(await panel.page.evaluate(() => document.documentElement.lang), language);
    });
  }
});

describe('what is shown', () => {
  it('is what the record says', async () => {
    panel = await panels.open();
    const run = recorded('xor_2d');
    await panel.show(run);
    assert.match(await text('.header h1'), /xor_2d\.csv\s*→\s*target/);
    assert.match(await text('.view'), /Proven optimal/);
    const facts = await text('.view');
    assert.ok(facts.includes(run.solution.objective.toPrecision(7).replace(/0+$/, '')), 'objective');
    for (const row of run.metrics.slice(0, 3)) assert.ok(facts.includes(row.model), row.model);
    await panel.tab('Neurons');
    assert.match(await text('.view'), new RegExp(`${run.neurons.length} active neurons`));
    await panel.tab('Gradient descent');
    assert.equal(await panel.page.locator('.paged tbody tr').count(), run.compare!.runs.length + 1);
  });
  it('loading, empty, first training, failure', async () => {
    panel = await panels.open();
    assert.match(await text('main'), /Loading/);
    await panel.show(null);
    assert.match(await text('main'), /Train Convex Network/);
    assert.deepEqual(await axeOfNew(panel, seen), []);
    await panel.shot('state-empty');

    const point = (i: number) => ({
      seconds: i / 10,
      iteration: i,
      objective: 10 + 1 / i,
      dualBound: 10 - 1 / i,
      active: 7,
    });
    await panel.show(null, {
      state: 'training',
      progress: { stage: 'solving', fraction: 0.4, message: 'Newton step', point: point(4) },
      trace: [1, 2, 3, 4].map(point),
    });
    assert.match(await text('.status-line'), /Solving.*40\s%.*Newton step/su);
    assert.equal(await panel.page.locator('.plot canvas').count(), 2);
    assert.deepEqual(await axeOfNew(panel, seen), []);
    await panel.shot('state-training');
    await panel.post({
      type: 'progress',
      progress: { stage: 'certifying', fraction: null, message: 'cells', point: point(5) },
    });
    assert.match(await text('.status-line'), /Proving/);
    assert.match(await text('main'), /Step 5/);
    await panel.page.getByRole('button', { name: 'Stop' }).click();
    await said({ type: 'stop' });

    await panel.show(null, {
      state: 'failed',
      error: { message: 'data.csv: line 12, column 3 ("age"): "x7" is not a number', line: 12, column: 3 },
    });
    assert.match(await text('.banner'), /line 12, column 3/);
    assert.deepEqual(await axeOfNew(panel, seen), []);
    await panel.shot('state-failed');
    await panel.page.getByRole('button', { name: /Open at line 12/ }).click();
    await said({ type: 'openError' });
    await panel.page.getByRole('button', { name: 'Show log' }).click();
    await said({ type: 'showLog' });
  });
  it('a re-solve keeps the last run in sight, with a live chart on demand', async () => {
    panel = await panels.open();
    const trace = [1, 2, 3].map((i) => ({ seconds: i, iteration: i, objective: 5 + 1 / i, dualBound: 4, active: 3 }));
    await panel.show(recorded('diabetes'), {
      state: 'training',
      progress: { stage: 'solving', fraction: null, message: '' },
      trace,
    });
    assert.match(await text('.view'), /Searched, not proven/);
    const before = await panel.page.locator('.header canvas').count();
    await panel.page.getByRole('button', { name: 'Live chart' }).click();
    assert.equal(await panel.page.locator('.header canvas').count(), before + 2);
    await panel.shot('state-resolving');
  });
  it('a network whose proof is still running is shown, and said to be no more than searched', async () => {
    panel = await panels.open();
    const run = recorded('xor_2d');
    const solution = { ...run.solution, scope: 'sampled', global: undefined, proving: true } as const;
    await panel.show(
      { ...run, solution },
      { state: 'training', progress: { stage: 'certifying', fraction: null, message: 'proving' } },
    );
    assert.match(await text('.view'), /Searched so far/);
    assert.match(await text('.view'), /proof over all activation patterns is running/);
    assert.match(await text('.header'), /β max at least /);
    await panel.show(run);
    assert.match(await text('.view'), /Proven optimal/);
  });
  it('is announced: start, finish with the verdict, failure', async () => {
    panel = await panels.open();
    const announced = (): Promise<string> => panel.page.locator('#announcer').innerText();
    await panel.show(null, { state: 'training' });
    await until('start', async () => (await announced()) === 'Training started.');
    await panel.show(recorded('xor_2d'));
    await until('finish', async () => (await announced()).startsWith('Training finished. Globally optimal'));
    await panel.show(recorded('xor_2d'), { state: 'failed', error: { message: 'The file is gone.' } });
    await until('failure', async () => (await announced()) === 'Training failed. The file is gone.');
  });
});

describe('terms of art', () => {
  it('open what they mean by key and pointer, and close again', async () => {
    panel = await panels.open();
    await panel.show(recorded('xor_2d'));
    const term = panel.page.locator('.card.verdict').getByRole('button', { name: 'lower bound' }).first();
    // scrolling, of which the page hears with the next frame, closes what is open
    await term.scrollIntoViewIfNeeded();
    await panel.frame();
    await term.focus();
    await panel.page.keyboard.press('Enter');
    await panel.page.getByRole('tooltip').getByText(glossary.bound.text).waitFor();
    assert.deepEqual(await axeOfNew(panel, seen), []);
    await panel.page.keyboard.press('Escape');
    assert.equal(await panel.page.getByRole('tooltip').count(), 0);
    await term.hover();
    await panel.page.getByRole('tooltip').waitFor();
    await panel.page.mouse.move(2, 2);
    await until('closed', async () => (await panel.page.getByRole('tooltip').count()) === 0);
  });
});

describe('the header', () => {
  it('stays in sight with the tabs, in two lines and a strip, at 420 pixels', async () => {
    panel = await panels.open({ width: 420, height: 700 });
    await panel.show(recorded('penguins'));
    await panel.page.evaluate(() => window.scrollTo(0, 900));
    const tops = await panel.page.evaluate(() =>
      ['.name-row', '.beta-row', '.tabs'].map((selector) => {
        const { top, bottom } = document.querySelector(selector)!.getBoundingClientRect();
        return [Math.round(top), Math.round(bottom)];
      }),
    );
    assert.equal(tops[0][0], 0);
    assert.ok(Math.abs(tops[1][0] - tops[0][1]) <= 1 && Math.abs(tops[2][0] - tops[1][1]) <= 1, JSON.stringify(tops));
    assert.ok(tops[2][1] < 140, JSON.stringify(tops));
  });
});

describe('a record that a view cannot draw', () => {
  it('costs that view only, which says so and gives the details', async () => {
    panel = await panels.open();
    const run = recorded('xor_2d');
    const broken = { ...run, gates: { ...run.gates, norm: null } } as unknown as RunRecord;
    await panel.show(broken);
    assert.match(await text('.view'), /Proven optimal/);
    await panel.tab('Sparsity');
    assert.match(await text('.broken-view'), /Sparsity cannot be drawn/);
    assert.deepEqual(await axeOfNew(panel, seen), []);
    await panel.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await panel.page.getByRole('button', { name: 'Copy details' }).click();
    await panel.page.getByText('Copied.').waitFor();
    const details = await panel.page.evaluate(() => navigator.clipboard.readText());
    assert.match(details, /^Not drawn: Sparsity\nversion .*model relu/);
    assert.match(details, /TypeError/);
    await panel.tab('Neurons');
    await panel.page.getByRole('heading', { name: 'Active neurons' }).waitFor();
    // a run that can be drawn is drawn, without a click
    await panel.tab('Sparsity');
    await panel.page.locator('.broken-view').waitFor();
    await panel.show(recorded('diabetes'));
    await panel.page.getByRole('heading', { name: 'Group norms, sorted' }).waitFor();
    assert.equal(await panel.page.locator('.broken-view').count(), 0);
  });
});

describe('messages', () => {
  it('of the header', async () => {
    panel = await panels.open();
    const run = recorded('diabetes');
    await panel.show(run, {
      history: [
        { id: run.id, label: run.label },
        { id: 'older-run', label: 'an older run' },
      ],
    });
    assert.deepEqual(panel.sent[0], { type: 'ready' });
    await panel.page.getByRole('button', { name: 'Train again' }).click();
    await said({ type: 'trainAgain' });
    for (const [name, type] of [
      ['Settings', 'openSettings'],
      ['Log', 'showLog'],
    ] as const) {
      await panel.page.getByRole('button', { name: 'More', exact: true }).click();
      await panel.page.getByRole('menuitem', { name }).click();
      await said({ type });
    }
    for (const [item, what] of [
      ['Run (JSON)', 'run'],
      ['Predictions (CSV)', 'predictions'],
      ['Model (JSON)', 'json'],
      ['Model (ONNX)', 'onnx'],
      ['Model (PyTorch code)', 'pytorch'],
      ['Convex problem (JSON)', 'problem'],
    ] as const) {
      await panel.page.getByRole('button', { name: 'More', exact: true }).click();
      await panel.page.getByRole('menuitem', { name: `Export: ${item}` }).click();
      await said({ type: 'export', what });
    }
    await panel.page.getByRole('combobox', { name: 'Model' }).click();
    await panel.page.getByRole('option', { name: 'two-layer gated ReLU' }).click();
    await said({ type: 'setModel', model: 'gated-relu' });
    await panel.page.getByRole('combobox', { name: 'Run' }).click();
    await panel.page.getByRole('option', { name: 'an older run' }).click();
    await said({ type: 'openRun', id: 'older-run' });
  });

  it('of how the outputs are penalised: offered where there are several, and said what it is exact for', async () => {
    panel = await panels.open();
    const run = recorded('penguins');
    await panel.show(run);
    const outputs = panel.page.getByRole('combobox', { name: 'Outputs' });
    await outputs.click();
    assert.equal(await panel.page.getByRole('option', { name: 'one outer weight per gate' }).count(), 0);
    await panel.page.getByRole('option', { name: 'plain weight decay, shared neurons' }).click();
    await said({ type: 'setModel', model: 'relu', outputPenalty: 'nuclear' });
    assert.match(await text('main'), /Exact for the network penalty beta\/2 · Σ \(‖w‖² \+ ‖a‖₁²\)/);

    // the same run as if its neurons fed all outputs
    const neurons = run.neurons.map((neuron) => ({ ...neuron, output: -1, outer: [0.5, -0.25, 0.001] }));
    const resolved = { ...run.resolved, outputPenalty: 'nuclear' as const };
    const worst = { ...run.solution.global!, worstOuter: [0.6, -0.8, 0] };
    await panel.show({ ...run, id: 'shared', resolved, neurons, solution: { ...run.solution, global: worst } });
    await panel.page.getByText('Exact for plain weight decay, beta/2 · Σ (‖w‖² + ‖a‖₂²)').waitFor();
    const [first, second] = resolved.classes;
    await panel.tab('Neurons');
    await panel.page.getByText(`raises ${first}, lowers ${second} where it is on`).waitFor();
    await panel.tab('Duals');
    await panel.page.getByText('What it would do to the outputs').waitFor();

    await panel.show({ ...run, id: 'gated', settings: { ...run.settings, model: 'gated-relu' } });
    await panel.tab('Overview');
    await panel.page.getByText('How it was solved').click();
    await panel.page.locator('main').getByText('two-layer gated ReLU').first().waitFor();
    await outputs.click();
    await panel.page.getByRole('option', { name: 'one outer weight per gate' }).click();
    await said({ type: 'setModel', model: 'gated-relu', outputPenalty: 'frobenius' });

    await panel.show(recorded('diabetes'));
    await panel.page.getByText('diabetes.csv').first().waitFor();
    assert.equal(await outputs.count(), 0);
  });

  it('of other models: compared on request, and one of them taken', async () => {
    panel = await panels.open();
    const run = recorded('diabetes');
    await panel.show(run);
    await panel.tab('Sparsity');
    await panel.page.getByRole('button', { name: 'Compare models' }).click();
    await said({ type: 'compareModels' });
    const point = (mean: number, apart = 0) => ({
      ...{ beta: 0.5, mean, standardError: 0.1, active: 3 },
      folds: [mean - apart, mean + apart],
    });
    const models: ModelComparisonRecord = {
      measure: 'squared error',
      rule: 'smallest',
      folds: 2,
      seconds: 1,
      complete: true,
      models: [
        { network: 'relu', point: point(2, 0.3), points: 3, end: 'smallest', betaMax: 10, trained: { active: 4 } },
        {
          network: 'gated-relu',
          point: point(1.95),
          points: 3,
          end: 'cut short',
          betaMax: 10,
          trained: { active: 5, gap: 1e-7, over: 'gates' },
        },
        { network: 'relu-batch-norm', refused: 'it does not go with these data' },
        { network: 'linear', depth: 2, point: point(3), points: 3, end: 'risen', betaMax: 10 },
      ],
    };
    await panel.show({ ...run, models, revision: 99 });
    const lines = panel.page.getByRole('region', { name: 'Models compared' }).locator('tbody tr');
    await lines.first().waitFor();
    assert.equal(await panel.page.getByRole('button', { name: 'Compare models' }).count(), 0);
    const rows = await lines.allInnerTexts();
    const words = rows.map((row) => row.replace(/\s+/g, ' '));
    assert.match(words[0], /^two-layer ReLU 2 0\.1 5 % 4 – level with the best/);
    assert.match(words[1], /^two-layer gated ReLU 1\.95 0\.1 5 % 5 10⁻⁷ \(its gates\) would be chosen/);
    assert.match(words[2], /– it does not go with these data$/);
    await panel.page.getByRole('button', { name: 'Train deep linear, 2' }).click();
    await said({ type: 'setModel', model: 'linear', depth: 2 });
    // where a simple model does better, the overview offers the comparison, and then what it chose
    const behind: RunRecord = {
      ...run,
      settings: { ...run.settings, beta: { kind: 'auto', value: 0.1 } },
      evaluation: {
        ...{ measure: 'squared error', rows: 88, network: 3100, baseline: 2900, baselineModel: 'ridge regression' },
        ...{ difference: 200, standardError: 50 },
      },
    };
    const asked = count('compareModels');
    await panel.page.waitForTimeout(1);
    await panel.show({ ...behind, revision: 100 });
    await panel.tab('Overview');
    await panel.page.getByRole('button', { name: 'Compare models' }).click();
    await until('the comparison is asked for again', () => count('compareModels') > asked);
    await panel.show({ ...behind, models, revision: 101 });
    await panel.page.getByRole('button', { name: 'Train two-layer gated ReLU' }).click();
    await said({ type: 'setModel', model: 'gated-relu' });
  });

  it('of beta: dragging re-solves live, letting go is final, once', async () => {
    panel = await panels.open();
    const run = recorded('diabetes');
    await panel.show(run);
    const slider = panel.page.getByRole('slider', { name: /beta/ });
    const box = (await slider.boundingBox())!;
    const y = box.y + box.height / 2;
    await panel.page.mouse.move(box.x + box.width * 0.74, y);
    await panel.page.mouse.down();
    for (let i = 0; i < 12; i++) {
      await panel.page.mouse.move(box.x + box.width * (0.74 - 0.02 * i), y);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await until('live re-solves', () => count('setBeta') >= 2);
    const live = panel.sent.filter((message) => message.type === 'setBeta');
    assert.ok(live.every((message) => !message.final));
    assert.ok(live.length <= 12, 'not one per pixel');
    // What comes back while the thumb is held must not move it.
    const held = await slider.inputValue();
    await panel.show({ ...run, id: 'live', resolved: { ...run.resolved, beta: live[0].beta } });
    assert.equal(await slider.inputValue(), held);
    await panel.page.mouse.up();
    await until('the final one', () => panel.sent.some((message) => message.type === 'setBeta' && message.final));
    await new Promise((resolve) => setTimeout(resolve, 700));
    const all = panel.sent.filter((message) => message.type === 'setBeta');
    assert.equal(all.filter((message) => message.final).length, 1);
    assert.ok(all.at(-1)!.final && all.at(-1)!.beta < run.resolved.beta);
  });

  it('of beta by keys, field and buttons', async () => {
    panel = await panels.open();
    const run = recorded('diabetes');
    await panel.show(run);
    await panel.page.getByRole('slider', { name: /beta/ }).focus();
    for (let i = 0; i < 3; i++) await panel.page.keyboard.press('ArrowLeft');
    await until('settled', () => panel.sent.some((message) => message.type === 'setBeta' && message.final));
    assert.equal(panel.sent.filter((message) => message.type === 'setBeta' && message.final).length, 1);
    const field = panel.page.getByRole('textbox', { name: 'Beta' });
    await field.fill('50 %');
    await field.press('Enter');
    await said({ type: 'setBeta', beta: 0.5 * run.resolved.betaMax, final: true });
    await field.fill('minus one');
    await field.press('Enter');
    await panel.page.locator('.problem', { hasText: 'positive number' }).waitFor();
    assert.deepEqual(await axeOfNew(panel, seen), []);
    // A solution that comes back while something is typed leaves the typing alone.
    await field.fill('0.12');
    await panel.show({ ...run, id: 'late', resolved: { ...run.resolved, beta: 3 } });
    assert.equal(await field.inputValue(), '0.12');
    await field.press('Enter');
    await said({ type: 'setBeta', beta: 0.12, final: true });
    await panel.show({ ...run, id: 'next', resolved: { ...run.resolved, beta: 8 } });
    await panel.page.getByRole('button', { name: /halve beta/ }).click();
    await said({ type: 'setBeta', beta: 4, final: true });
  });

  it('of charts: pictures, drawings and data of every chart in every view are whole files', async () => {
    panel = await panels.open();
    await panel.show(recorded('co2_1d'));
    let files = 0;
    for (const tab of tabs) {
      await panel.tab(tab);
      const menus = panel.page.getByRole('button', { name: /^Save: / });
      for (let i = 0; i < (await menus.count()); i++) {
        for (const kind of ['PNG', 'SVG', 'CSV']) {
          await menus.nth(i).click();
          const item = panel.page.getByRole('menuitem', { name: kind });
          const type = kind === 'CSV' ? 'saveTable' : 'saveFile';
          const before = count(type);
          await item.click();
          await until('a file', () => count(type) > before);
          const file = last(type) as SaveFile | SaveTable;
          files += 1;
          assert.match(file.name, /^co2-1d-[a-z]+-[\w-]+\.(png|svg|csv)$/i, 'data, view, run');
          assert.ok(file.name.includes(tab.toLowerCase().slice(0, 4)), file.name);
          if (file.type === 'saveTable') {
            assert.ok(file.rows.length > 0 && file.rows.every((row) => row.length === file.header.length));
          } else if (kind === 'PNG') {
            const bytes = Buffer.from(file.content, 'base64');
            assert.deepEqual([...bytes.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
            assert.ok(bytes.readUInt32BE(16) >= 1600, 'width');
          } else {
            const fault = await panel.page.evaluate((svg) => {
              const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml');
              return (
                parsed.querySelector('parsererror')?.textContent ??
                (parsed.querySelectorAll('path, image, rect').length < 3 ? 'nothing drawn' : '')
              );
            }, file.content);
            assert.equal(fault, '');
          }
        }
      }
    }
    assert.ok(files > 25, `${files} files`);
  });

  it('of rows: original values are asked for page by page, shown, and rows are revealed', async () => {
    panel = await panels.open();
    const run = recorded('diabetes');
    await panel.show(run);
    await panel.tab('Duals');
    await until('a request', () => count('requestRows') === 1);
    const first = last('requestRows') as Extract<FromPanel, { type: 'requestRows' }>;
    assert.equal(first.indices.length, 15);
    const header = ['age', 'sex', 'bmi', 'bp'];
    await panel.post({
      type: 'rows',
      requestId: first.requestId,
      header,
      rows: first.indices.map((index) => ({ index, cells: [`value ${index}`, '1', '2', '3'] })),
    });
    assert.ok((await text('.view')).includes(`value ${first.indices[0]}`));
    await panel.page.getByRole('button', { name: 'Next page: Training rows by size of the dual value' }).click();
    await until('the next page', () => count('requestRows') === 2);
    await panel.page
      .getByRole('button', { name: /^Reveal line/ })
      .first()
      .click();
    const second = last('requestRows') as Extract<FromPanel, { type: 'requestRows' }>;
    await said({ type: 'revealRow', index: second.indices[0] });
    await panel.page.locator('.paged tbody tr').nth(2).click();
    const line = run.rows.line[second.indices[2]];
    await panel.page.getByRole('heading', { name: `Row at line ${line}` }).waitFor();
    await panel.page.getByRole('button', { name: 'Reveal row in the file' }).click();
    await said({ type: 'revealRow', index: second.indices[2] });
    assert.equal(count('requestRows'), 2, 'rows that are known are not asked for again');
  });
});

describe('by keyboard alone', () => {
  const focusOn = async (name: RegExp, limit = 60): Promise<void> => {
    for (let i = 0; i < limit; i++) {
      await panel.page.keyboard.press('Tab');
      const label = await panel.page.evaluate(() => {
        const active = document.activeElement!;
        return active.getAttribute('aria-label') ?? active.textContent ?? '';
      });
      if (name.test(label)) return;
    }
    assert.fail(`Tab never reached ${name.source}`);
  };
  const spoken = (): Promise<string> =>
    panel.page.evaluate(() =>
      [...document.querySelectorAll('figure [role=status]')].map((e) => e.textContent).join(''),
    );

  it('the whole way: tabs, a chart, a point of the path', async () => {
    panel = await panels.open();
    const run = recorded('xor_2d');
    await panel.show(run);
    await focusOn(/^Overview$/);
    for (let i = 0; i < 2; i++) await panel.page.keyboard.press('ArrowRight');
    assert.equal(await panel.page.getByRole('tab', { selected: true }).innerText(), 'Sparsity');
    await focusOn(/^Active neurons along beta/);
    await panel.page.keyboard.press('ArrowRight');
    await panel.page.keyboard.press('End');
    await panel.page.keyboard.press('ArrowLeft');
    const words = await spoken();
    assert.match(words, /beta .*active neurons .*gap/);
    await panel.page.keyboard.press('Enter');
    const betas = run.path!.points.map((point) => point.beta).sort((a, b) => a - b);
    await said({ type: 'setBeta', beta: betas.at(-2)!, final: true });
  });

  it('neurons and rows are selected in the picture', async () => {
    panel = await panels.open();
    const run = recorded('xor_2d');
    await panel.show(run);
    await panel.tab('Neurons');
    await focusOn(/^Activation patterns\. /);
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight']) await panel.page.keyboard.press(key);
    const words = await spoken();
    const line = /line (\d+)/.exec(words)![1];
    assert.match(words, /^Neuron \d+, line \d+ \(target .*\): (on|off)$/);
    await panel.page.keyboard.press('Enter');
    await panel.page.getByRole('heading', { name: `Row at line ${line}` }).waitFor();
    const name = /^Neuron \d+/.exec(words)![0];
    await panel.page.getByRole('heading', { name, exact: true }).waitFor();
    // The chips of the row are the neurons that the picture says are on.
    const on = words.endsWith(' on');
    const chips = await panel.page.locator('.chip').allInnerTexts();
    assert.equal(
      chips.some((chip) => chip.endsWith(name)),
      on,
    );
  });

  it('neurons say whether other optima have them, and older runs say nothing', async () => {
    panel = await panels.open();
    await panel.show(fixtures.surface());
    const sentence = 'Every optimal network is made of at most 18 directions';
    await panel.page.locator('.verdict').getByText(sentence).waitFor();
    await panel.tab('Duals');
    await panel.page.getByText(`lie only where the dual constraint reaches β. ${sentence}`).waitFor();
    await panel.tab('Neurons');
    const table = panel.page.locator('.card', { has: panel.page.getByRole('heading', { name: 'Active neurons' }) });
    assert.match(
      await table.innerText(),
      /made of at most 18 directions \(proven .*\)\. 3 of the 9 neurons are in every optimal network\. 3 of the 9 .* For 3 the solution/,
    );
    const words = { every: 'in every optimum (proven)', some: 'can be replaced', unknown: 'unknown' };
    for (const [short, long] of Object.entries(words)) {
      const rows = table.locator('tbody tr', { has: panel.page.getByRole('cell', { name: short, exact: true }) });
      assert.equal(await rows.count(), 3, short);
      await rows.first().getByRole('button').click();
      await panel.page.locator('.facts div', { hasText: 'Other optima' }).getByText(long, { exact: true }).waitFor();
    }
    await panel.show(fixtures.typical());
    await panel.page.getByText('18 active neurons', { exact: true }).waitFor();
    assert.equal(await panel.page.getByText('Other optima').count(), 0);
    await panel.tab('Overview');
    await panel.page.locator('.verdict').waitFor();
    assert.equal(await panel.page.getByText(sentence).count(), 0);
  });

  it('tables are sorted, paged and opened; menus are walked and closed', async () => {
    panel = await panels.open();
    await panel.show(fixtures.large());
    await panel.tab('Neurons');
    const norms = async (): Promise<number[]> =>
      (await panel.page.locator('.paged tbody tr td:nth-child(3)').allInnerTexts()).map(Number);
    await focusOn(/^Norm/);
    await panel.page.keyboard.press('Enter');
    const down = await norms();
    assert.deepEqual(
      down,
      [...down].sort((a, b) => b - a),
    );
    await panel.page.keyboard.press('Enter');
    const up = await norms();
    assert.deepEqual(
      up,
      [...up].sort((a, b) => a - b),
    );
    assert.ok(up[0] < down.at(-1)!);
    await panel.page.getByRole('button', { name: 'Table: Activation patterns' }).focus();
    await panel.page.keyboard.press('Enter');
    assert.match(await text('.chart .pager'), /1–20 of 10,000/);
    await panel.page.getByRole('button', { name: 'Save: Activation patterns' }).focus();
    await panel.page.keyboard.press('Enter');
    await panel.page.getByRole('menu').waitFor();
    await panel.page.keyboard.press('ArrowDown');
    assert.equal(await panel.page.evaluate(() => document.activeElement?.textContent), 'Drawing (SVG)');
    await panel.page.keyboard.press('Escape');
    assert.equal(await panel.page.getByRole('menu').count(), 0);
    assert.equal(
      await panel.page.evaluate(() => document.activeElement?.getAttribute('aria-label')),
      'Save: Activation patterns',
    );
  });
});

describe('what is kept', () => {
  it('is the run and the choices, in a few hundred bytes, and is restored', async () => {
    panel = await panels.open();
    const run = fixtures.large();
    await panel.show(run);
    await panel.tab('Duals');
    await panel.page.getByRole('combobox', { name: 'Order' }).click();
    await panel.page.getByRole('option', { name: 'as in the file' }).click();
    await panel.page.locator('.paged tbody tr').nth(1).click();
    const kept = (await panel.kept()) as { runId: string; view: string; version: number };
    assert.equal(kept.version, 1);
    assert.equal(kept.runId, run.id);
    assert.equal(kept.view, 'duals');
    assert.ok(JSON.stringify(kept).length < 600);
    assert.deepEqual(panel.faults, []);
    await panel.close();

    panel = await panels.open({ kept });
    await panel.show(run);
    assert.equal(await panel.page.getByRole('tab', { selected: true }).innerText(), 'Duals');
    const order = panel.page.locator('vscode-dropdown[aria-label=Order]');
    await until('the order', () => order.evaluate((element) => (element as HTMLInputElement).value === 'data'));
    assert.match(await text('.view'), /Row at line/);
  });
});
