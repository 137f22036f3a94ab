import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { RunRecord } from '../../src/shared/run.ts';
import { axeOfNew } from './axe.ts';
import { deepRuns } from './deepFixtures.ts';
import { blankCanvases, misfits } from './drawn.ts';
import type { OpenPanel, Panels } from './harness.ts';
import { startPanels, until } from './harness.ts';
import type { ThemeName } from './themes.ts';
import { themes } from './themes.ts';

/** Panels of three-layer and linear networks and of the structure of the data, from runs of the real session. */

const made = new Map<string, RunRecord>();
/** What was looked at by rules of accessibility, in all tests. */
const seen = new Set<string>();
let panels: Panels;
let panel: OpenPanel;
before(async () => {
  for (const [name, make] of Object.entries(deepRuns)) made.set(name, await make());
  panels = await startPanels();
});
after(() => panels.close());
afterEach(async () => {
  assert.deepEqual(panel.faults, []);
  await panel.close();
});

const tabNames = (): Promise<string[]> => panel.page.getByRole('tab').allTextContents();
const text = (): Promise<string> => panel.page.locator('#view').innerText();

describe('every view of every kind of run', () => {
  for (const name of Object.keys(deepRuns)) {
    it(`${name}: accessible, drawn, fits narrow and wide`, async () => {
      panel = await panels.open({ width: 1600 });
      await panel.show(made.get(name)!);
      for (const tab of await tabNames()) {
        await panel.tab(tab);
        assert.deepEqual(await axeOfNew(panel, seen), [], tab);
        assert.equal(await blankCanvases(panel.page), 0, `${tab} has an empty canvas`);
        assert.deepEqual(await misfits(panel.page), [], tab);
        await panel.shot(`deep-${name.replace(/\W+/g, '-')}-${tab}`);
        assert.doesNotMatch(await text(), /NaN|undefined|Infinity/, tab);
      }
    });
  }
});

describe('themes', () => {
  for (const name of Object.keys(themes) as ThemeName[]) {
    it(`${name}: the new views are accessible`, async () => {
      panel = await panels.open({ theme: name });
      for (const [run, tab] of [
        ['three-layer', 'Sub-networks'],
        ['linear, classes', 'Layers'],
        ['three-layer, one feature', 'Structure'],
        ['one feature, classes', 'Structure'],
      ]) {
        await panel.show(made.get(run)!);
        await panel.tab(tab);
        assert.deepEqual(await axeOfNew(panel, seen), [], tab);
        await panel.shot(`deep-theme-${name}-${tab}-${run.replace(/\W+/g, '-')}`);
      }
    });
  }
});

describe('what is shown', () => {
  it('only the views that have something to show', async () => {
    panel = await panels.open();
    await panel.show(made.get('three-layer')!);
    assert.deepEqual(await tabNames(), [
      'Overview',
      'Predictions',
      'Sparsity',
      'Sub-networks',
      'Duals',
      'Gradient descent',
      'Structure',
    ]);
    await panel.show(made.get('linear')!);
    assert.deepEqual(await tabNames(), ['Overview', 'Predictions', 'Sparsity', 'Layers', 'Duals', 'Structure']);
  });

  it('branches of the record, chosen by keyboard, with their inner neurons', async () => {
    panel = await panels.open();
    const run = made.get('three-layer')!;
    assert.ok(run.deep?.kind === 'three-layer');
    const { branches } = run.deep;
    await panel.show(run);
    await panel.tab('Sub-networks');
    const words = await text();
    assert.match(words, new RegExp(`${branches.length} active branch`));
    assert.match(words, /weight decay on all three layers is another problem/i);
    assert.doesNotMatch(words, /contradict/);
    const second = [...branches].sort((a, b) => b.share - a.share)[1];
    const link = panel.page.getByRole('button', { name: `Branch ${second.id + 1}`, exact: true });
    await link.focus();
    await panel.page.keyboard.press('Enter');
    await panel.page.getByRole('heading', { name: `Branch ${second.id + 1}`, exact: true }).waitFor();
    assert.equal(await link.getAttribute('aria-pressed'), 'true');
  });

  it('a spline whose kinks are in the table and whose closed form is checked', async () => {
    panel = await panels.open();
    const run = made.get('three-layer, one feature')!;
    await panel.show(run);
    await panel.tab('Structure');
    const words = await text();
    const kinks = run.structure!.splines![0].kinks;
    assert.ok(kinks.length > 0);
    assert.match(words, /bends (once|\d+ times), exactly at (a data point|data points)/);
    assert.match(words, /2 values of x occur in several rows, 1 of them with different targets/);
    const rows = panel.page.getByRole('table', { name: 'Kinks of the free-bias fit' }).locator('tbody tr');
    assert.equal(await rows.count(), Math.min(10, kinks.length));
    assert.equal(await rows.first().locator('td').first().innerText(), String(Math.round(kinks[0].at)));
  });

  it('a spline of log-odds for every class, chosen by name, without a limit where values have one class only', async () => {
    panel = await panels.open();
    const run = made.get('one feature, classes')!;
    const splines = run.structure!.splines!;
    assert.deepEqual(
      splines.map(({ output }) => output),
      ['a', 'b', 'c'],
    );
    await panel.show(run);
    await panel.tab('Structure');
    await panel.page.getByRole('heading', { name: 'A spline in x: log-odds of a', exact: true }).waitFor();
    assert.match(await text(), /none: it grows without bound/);
    const kinkRows = panel.page.getByRole('table', { name: 'Kinks of the free-bias fit' }).locator('tbody tr');
    const firstKink = (): Promise<string> => kinkRows.first().locator('td').first().innerText();
    assert.equal(await firstKink(), String(Math.round(splines[0].kinks[0].at)));
    await panel.page.getByRole('combobox', { name: 'Class' }).click();
    await panel.page.getByRole('option', { name: 'b', exact: true }).click();
    await panel.page.getByRole('heading', { name: 'A spline in x: log-odds of b', exact: true }).waitFor();
    assert.equal(await kinkRows.count(), Math.min(10, splines[1].kinks.length));
    assert.equal(await firstKink(), String(Math.round(splines[1].kinks[0].at)));
  });

  it('closed forms that apply to whitened rows, the batch-normalised network and its class means', async () => {
    panel = await panels.open();
    const run = made.get('whitened rows, classes')!;
    await panel.show(run);
    await panel.tab('Structure');
    const words = await text();
    const applying = run.structure!.forms.filter((form) => form.applies);
    assert.deepEqual(
      applying.map(({ id }) => id),
      ['whitened', 'one-hot', 'spike-free', 'linear', 'batch-norm'],
    );
    for (const form of applying) {
      if (form.id !== 'batch-norm') assert.ok((form.difference ?? 1) < 1e-5, `${form.id}: ${form.difference}`);
    }
    assert.match(words, /Batch normalisation before the last layer/);
    assert.match(words, /one normalised ReLU neuron per class on the inputs themselves/);
    const closed = run.structure!.collapse!.find(({ source }) => source === 'batch-norm')!;
    assert.ok(closed.deviation < 1e-9 && closed.withinOverBetween! < 1e-12);
    assert.match(words, /a simplex to rounding/);
    await panel.tab('Overview');
    const folded = panel.page.locator('#view details:not([open]) > summary');
    while ((await folded.count()) > 0) await folded.first().click();
    assert.match(await text(), /whitened \(training rows orthogonal\)/);
  });

  it('deep ReLU networks on rank-one data, one depth at a time', async () => {
    panel = await panels.open();
    const run = made.get('rank one')!;
    await panel.show(run);
    await panel.tab('Structure');
    assert.match(await text(), /Deep ReLU networks on rank-one data/);
    const { depths, asPosed } = run.structure!.rankOne!;
    assert.equal(asPosed, true);
    for (const { relativeGap } of depths) assert.ok(Math.abs(relativeGap) < 1e-9);
    const rows = panel.page
      .getByRole('table', { name: 'Layers of the optimal network of 3 layers' })
      .locator('tbody tr');
    assert.equal(await rows.count(), 3 * depths[1].branches.length);
    const trained = depths[1].training!;
    for (const { objective } of trained.points) assert.ok(objective >= depths[1].dual * (1 - 1e-9));
    assert.match(await text(), /Does gradient descent come to such layers\?/);
    const ends = panel.page.getByRole('table', { name: /^Branches at the end of training/ }).locator('tbody tr');
    assert.equal(await ends.count(), Math.min(8, trained.branches.length));
  });

  it('layers of the record, and a choice of model that offers all five', async () => {
    panel = await panels.open();
    const run = made.get('linear')!;
    assert.ok(run.deep?.kind === 'linear');
    await panel.show(run);
    await panel.tab('Layers');
    assert.match(await text(), /3 layers, penalty/);
    const choices = panel.page.locator('header vscode-dropdown').first().locator('vscode-option');
    assert.equal(await choices.count(), 5);
    await panel.page.locator('header vscode-dropdown').first().click();
    await choices.filter({ hasText: 'three-layer' }).click();
    const sent = (): unknown[] => panel.sent.filter(({ type }) => type === 'setModel');
    const field = panel.page.locator('header').getByRole('textbox', { name: 'm1' });
    const train = panel.page.locator('header').getByRole('button', { name: 'Train', exact: true });
    await until('m1 as set', async () => (await field.inputValue()) === String(run.settings.m1));
    assert.deepEqual(sent(), [], 'nothing is trained before the size is agreed on');
    for (const wrong of ['0', '2.5', '17', 'two', '']) {
      await field.fill(wrong);
      await field.press('Enter');
      assert.match(await panel.page.locator('header [role=alert]').innerText(), /m1 is a whole number from 1 to 16/);
      await train.click();
    }
    assert.deepEqual(sent(), []);
    await field.fill('3');
    await train.click();
    await until('a request', () => sent().length > 0);
    assert.deepEqual(sent(), [{ type: 'setModel', model: 'three-layer', m1: 3 }]);
    assert.deepEqual(await axeOfNew(panel, seen), []);
  });

  it('batch normalisation is a model of its own, with the penalty it is exact for and a check by running it', async () => {
    panel = await panels.open();
    await panel.show(made.get('rank one')!);
    const dropdown = panel.page.locator('header vscode-dropdown').first();
    await dropdown.click();
    await dropdown.locator('vscode-option').filter({ hasText: 'batch normalisation' }).click();
    const sent = (): unknown[] => panel.sent.filter(({ type }) => type === 'setModel');
    await until('a request', () => sent().length > 0);
    assert.deepEqual(sent(), [{ type: 'setModel', model: 'relu', batchNorm: true }]);
    const run = made.get('batch normalisation')!;
    await panel.show(run);
    await until('the penalty', async () =>
      (await text()).includes('exact for the penalty beta/2 · Σ (scale² + shift² + outgoing weight²)'),
    );
    assert.match(await text(), /Run in that form on the training rows, its objective is/);
    await panel.tab('Gradient descent');
    assert.match(await text(), /mean and deviation of its pre-activations over all training rows/);
    await panel.tab('Structure');
    assert.match(await text(), new RegExp(`that of this run over √${run.resolved.trainRows}`));
    assert.deepEqual(await axeOfNew(panel, seen), []);
  });

  it('the number of layers of a shown linear network can be changed', async () => {
    panel = await panels.open();
    const run = made.get('linear')!;
    await panel.show(run);
    const field = panel.page.locator('header').getByRole('textbox', { name: 'Layers' });
    await until('the layers of the run', async () => (await field.inputValue()) === '3');
    const train = panel.page.locator('header').getByRole('button', { name: 'Train', exact: true });
    assert.equal(await train.count(), 0);
    await field.fill('5');
    await field.press('Enter');
    await train.click();
    const sent = (): unknown[] => panel.sent.filter(({ type }) => type === 'setModel');
    await until('a request', () => sent().length > 0);
    assert.deepEqual(sent(), [{ type: 'setModel', model: 'linear', depth: 5 }]);
  });
});
