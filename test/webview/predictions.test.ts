import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { rowFields, rowOutput, rowValues, typicalCell } from '../../src/shared/rowModel.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { formatNumber } from '../../webview/ui/format.ts';
import { axe } from './axe.ts';
import { type OpenPanel, type Panels, startPanels, until } from './harness.ts';
import { layoutFaults } from './layout.ts';

const recorded = (name: string): RunRecord =>
  JSON.parse(readFileSync(new URL(`../fixtures/runs/${name}.json`, import.meta.url), 'utf8')) as RunRecord;

let panels: Panels;
let panel: OpenPanel;
before(async () => {
  panels = await startPanels();
});
after(() => panels.close());
afterEach(async () => {
  assert.deepEqual(panel.faults, []);
  await panel.close();
});
const body = (): Promise<string> => panel.page.locator('main').innerText();

describe('predictions', () => {
  it('a typical row, then one value changed: the prediction is that of the network, by the form alone', async () => {
    const run = recorded('diabetes');
    panel = await panels.open();
    await panel.show(run);
    await panel.tab('Predictions');
    const fields = rowFields(run);
    const cells = new Map(fields.map((field) => [field.column, typicalCell(run, field)]));
    const expected = (): string => {
      const read = rowValues(run, (column) => cells.get(column)!, '.');
      assert.ok('values' in read);
      return formatNumber(rowOutput(run, read.values).outputs[0], 6);
    };
    const first = expected();
    await until('the prediction of a typical row', async () => (await body()).includes(first));
    const { column } = fields[2];
    cells.set(column, '30');
    const field = panel.page.locator('.row-form .field').nth(2).locator('vscode-text-field');
    await field.evaluate((element) => ((element as HTMLInputElement).value = '30'));
    await field.press('Enter');
    assert.notEqual(expected(), first);
    await until('the prediction of the changed row', async () => (await body()).includes(expected()));
    await field.evaluate((element) => ((element as HTMLInputElement).value = 'long'));
    await field.press('Enter');
    await until('what is wrong with it', async () => (await body()).includes(`${column} needs a number, not “long”`));
    assert.deepEqual(await axe(panel), []);
  });

  for (const [name, theme] of [
    ['xor_2d', 'light'],
    ['penguins', 'dark'],
  ] as const) {
    it(`${name}: ROC, precision and calibration of every class, wide and narrow (${theme})`, async () => {
      panel = await panels.open({ theme });
      await panel.show(recorded(name));
      await panel.tab('Predictions');
      for (const title of ['ROC', 'Precision and recall', 'Calibration'])
        assert.ok((await body()).includes(title), title);
      for (const width of [420, 900]) {
        await panel.page.setViewportSize({ width, height: 900 });
        assert.deepEqual(await layoutFaults(panel.page), []);
        await panel.shot(`predictions-${name}-${width}`);
      }
      assert.doesNotMatch(await body(), /NaN|undefined/);
    });
  }
});
