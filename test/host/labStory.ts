import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import type { Workbench } from './harness/workbench.ts';

/**
 * The Lab as a person uses it: opened by right-click, the kernel page run on few rows, a width study stopped with what is finished
 * kept, and the geometry page after its refusal was taken up. The workbench shows the folder with the sample tables.
 */
export async function labStory(workbench: Workbench): Promise<void> {
  await workbench.chooseFromMenu('iris.csv', 'Open Lab');
  const lab = await workbench.pageHeaded('Lab: iris.csv');
  const tab = (name: string): Promise<void> => lab.getByRole('tab', { name, exact: true }).click();
  /** A field by its label; the form takes the value when the field is left. */
  const fill = async (label: string, value: string): Promise<void> => {
    const box = lab.getByRole('textbox', { name: label, exact: true });
    await box.fill(value);
    await box.press('Tab');
  };
  /** A choice by its label; the list is there when the columns of the file are known. */
  const choose = async (label: string, value: string): Promise<void> => {
    const list = lab.locator(`vscode-dropdown[aria-label="${label}"]`);
    await list.click();
    await list.getByRole('option', { name: value, exact: true }).click();
  };
  const unfold = async (): Promise<void> => {
    const details = lab.locator('.lab-form details.lab-data');
    if ((await details.getAttribute('open')) === null) await details.locator('summary').click();
  };
  const verdicts = (): Locator => lab.locator('[data-verdict]');

  // Three classes and no word which one: refused with the names.
  await lab.locator('#run-kernel').click();
  await lab.locator('.lab-banner', { hasText: 'setosa' }).waitFor({ timeout: 60_000 });
  await unfold();
  await choose('Class +1', 'setosa');
  await fill('Rows', '30');
  await fill('Widths', '16, 64');
  await lab.locator('#run-kernel').click();
  await verdicts().first().waitFor({ timeout: 60_000 });
  assert.match(await lab.locator('.lab-facts').innerText(), /30 rows.*\+1 is setosa/s);
  assert.ok((await lab.locator('figure.chart').count()) >= 1);

  // A long study: stopped after some cells, which stay.
  await tab('Width sweep');
  await unfold();
  await choose('Class +1', 'setosa');
  await fill('Steps', '6000');
  await lab.locator('#run-sweep').click();
  await lab.locator('.lab-cells li').first().waitFor({ timeout: 120_000 });
  await lab.locator('#stop-sweep').click();
  await lab.locator('.lab-badge', { hasText: 'Stopped' }).waitFor({ timeout: 60_000 });
  assert.ok((await verdicts().count()) > 0);

  // Too many inputs for a picture: the remedy makes it possible.
  await tab('Geometry');
  await unfold();
  await choose('Class +1', 'setosa');
  await lab.locator('#run-geometry').click();
  const remedy = lab.locator('.lab-banner vscode-button, .lab-banner button').first();
  await remedy.waitFor({ timeout: 60_000 });
  await remedy.click();
  await lab.locator('#run-geometry').click();
  await lab.locator('.scene canvas').first().waitFor({ timeout: 60_000 });
  assert.equal(await lab.locator('.verdict.broken').count(), 0);

  // The results come back with the page.
  await tab('Kernel');
  assert.ok((await verdicts().count()) > 0);
}
