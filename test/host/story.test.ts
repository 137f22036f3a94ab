import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Locator } from 'playwright-core';
import { bridgeExtension, root, type Release, type ServerOptions } from './harness/server.ts';
import { packageExtension } from './harness/vsix.ts';
import { Workbench } from './harness/workbench.ts';
import { labStory } from './labStory.ts';

/**
 * The product as a person uses it, in a real workbench: mouse, keyboard and what is on the screen. The newest VS Code has the
 * packaged extension installed, the oldest runs it from its folder.
 */
const asked = process.env.CONVEXNET_RELEASES?.split(',') as Release[] | undefined;
const pictures = path.join(root, 'test-results/screens');

/** Real training, with fewer points of path and comparison than a person would want. */
const settings = {
  'convexNet.path.points': 4,
  'convexNet.compare.seeds': 1,
  'convexNet.compare.epochs': 20,
  // the same on every machine; how beta is chosen has tests of its own
  'convexNet.beta.kind': 'relative',
  'convexNet.certifySeconds': 0.2,
  'convexNet.maxRows': 100,
};

for (const release of asked ?? (['newest', 'oldest'] satisfies Release[])) {
  describe(`the story in the ${release} VS Code`, () => {
    let workbench: Workbench;
    const pageErrors: string[] = [];
    let done = 0;
    let broken = false;

    /** A step of the story; the screen is kept when it fails. */
    const step = (what: string, act: () => Promise<void>): void => {
      it(what, async () => {
        assert.ok(!broken, 'an earlier step failed');
        done++;
        try {
          await act();
        } catch (error) {
          broken = true;
          await workbench?.page.screenshot({ path: path.join(pictures, `failed-${release}-${done}.png`) });
          throw error;
        }
      });
    };
    /** A step whose outcome does not follow from the editor's release: what it shows of the product, and of the editor's inputs, is shown in the newest. */
    const newestStep: typeof step = (what, act) => {
      if (release === 'newest') step(what, act);
    };
    const panel = (selector: string, options?: { hasText: string | RegExp }): Locator =>
      workbench.panel.locator(selector, options);
    const verdict = (): Promise<string> => panel('#verdict').innerText();
    /** Beta as the panel shows it. */
    const shownBeta = (): Promise<number> =>
      panel('.beta vscode-text-field').evaluate((field) => Number((field as HTMLInputElement).value));
    const idle = (): Promise<void> => panel('.status-words.muted').waitFor({ timeout: 120_000 });

    before(async () => {
      mkdirSync(pictures, { recursive: true });
      const colorTheme = release === 'newest' ? 'Light Modern' : 'Default Light Modern';
      const options: ServerOptions = {
        release,
        workspace: path.join(root, 'media/samples'),
        settings: { ...settings, 'workbench.colorTheme': colorTheme },
      };
      if (release === 'newest') {
        const installed = { 'convexnet.test-bridge-0.0.1': bridgeExtension };
        workbench = await Workbench.start({ ...options, vsix: packageExtension(), installed });
      } else {
        workbench = await Workbench.start(options);
        await workbench.develop([root, bridgeExtension]);
      }
      workbench.page.on('pageerror', (error) => pageErrors.push(String(error)));
      await workbench.open();
    });
    after(() => workbench?.close());

    step('the menu offers training on tables and on nothing else', async () => {
      await workbench.explorerRow('README.md').click({ button: 'right' });
      await workbench.menu.first().waitFor();
      assert.equal(await workbench.menu.filter({ hasText: 'Train Convex Network' }).count(), 0);
      await workbench.page.keyboard.press('Escape');
      await workbench.menu.first().waitFor({ state: 'detached' });
      await workbench.chooseFromMenu('penguins.csv', 'Train Convex Network');
    });

    newestStep('the first step leads to how the file is read', async () => {
      const input = await workbench.input('Train Convex Network: penguins.csv (1/2)');
      await input.fill('How the file');
      await workbench.quickInput.locator('.monaco-list-row.focused', { hasText: 'utf-8; delimiter: comma' }).waitFor();
      await input.press('Enter');
      await workbench.input('(1/3)');
      const row = (hasText: string): Locator => workbench.quickInput.locator('.monaco-list-row', { hasText });
      await row('Decimal mark').click();
      await row('Detected: point').waitFor();
      await row('comma').click();
      await row('Decimal mark').filter({ hasText: 'chosen' }).waitFor();
      await workbench.page.keyboard.press('Escape');
      await workbench.chooseFromMenu('penguins.csv', 'Train Convex Network');
    });

    step('two steps, prefilled, with a way back', async () => {
      const input = await workbench.input('Train Convex Network: penguins.csv (1/2)');
      await workbench.quickInput.locator('.monaco-list-row.focused', { hasText: 'target' }).waitFor();
      await input.press('Enter');
      await workbench.input('(2/2)');
      await workbench.quickInput.locator('.action-item [aria-label="Back"], .quick-input-titlebar a').first().click();
      await workbench.input('(1/2)');
      await workbench.quickInput.locator('.monaco-list-row.focused', { hasText: 'target' }).waitFor();
      await (await workbench.input('(1/2)')).press('Enter');
      const features = await workbench.input('(2/2)');
      const boxes = workbench.quickInput.locator('.monaco-list-row');
      assert.equal(await boxes.count(), 6);
      await features.press('Enter');
    });

    step('the panel shows the verdict and its numbers', async () => {
      await panel('#verdict').waitFor({ timeout: 120_000 });
      assert.match(await panel('h1').innerText(), /penguins\.csv/);
      await idle(); // before that the network may be there while its proof still runs
      assert.match(await verdict(), /optimal|no network does better|at most/i);
      await workbench.page.locator('.statusbar-item', { hasText: 'neurons' }).waitFor();
    });

    step('every view opens by its tab and by keyboard', async () => {
      const tabs = workbench.panel.getByRole('tab');
      const titles = await tabs.allInnerTexts();
      for (const title of ['Overview', 'Predictions', 'Sparsity', 'Neurons', 'Duals', 'Gradient descent']) {
        assert.ok(titles.includes(title), `${title} in ${titles.join(', ')}`);
        await workbench.panel.getByRole('tab', { name: title, exact: true }).click();
        await panel(`.view-${title.toLowerCase().replace(' ', '-')}`).waitFor();
        assert.ok((await panel('#view').innerText()).length > 100, title);
      }
      await workbench.panel.getByRole('tab', { name: 'Gradient descent', exact: true }).press('Home');
      await panel('.view-overview').waitFor();
    });

    step('the palette doubles beta and the panel follows', async () => {
      const before = await shownBeta();
      await workbench.runCommand('Convex Network: Double Beta');
      await until(async () => Math.abs((await shownBeta()) / before - 2) < 0.01, 'beta doubled');
      await idle();
    });

    newestStep('an input box takes a share of beta max and refuses words', async () => {
      await workbench.runCommand('Convex Network: Set Beta...');
      const input = await workbench.input('Regularization beta');
      await input.fill('a lot');
      await workbench.quickInput.locator('.quick-input-message', { hasText: 'A positive number' }).waitFor();
      await input.fill('0.2 max');
      await input.press('Enter');
      await panel('.field-suffix', { hasText: '20' }).waitFor();
      await idle();
    });

    newestStep('a point of the path can be picked', async () => {
      await workbench.runCommand('Convex Network: Pick Beta from the Path...');
      const input = await workbench.input('Beta from the path');
      const label = (await workbench.quickInput.locator('.monaco-list-row').nth(2).getAttribute('aria-label'))!;
      await input.press('ArrowDown');
      await input.press('ArrowDown');
      await input.press('Enter');
      const beta = Number(/[\d.e+-]+/.exec(label)![0]);
      await until(async () => Math.abs((await shownBeta()) / beta - 1) < 0.01, `beta ${beta}`);
      await idle();
    });

    step('a row of the duals leads to its line in the file', async () => {
      await workbench.panel.getByRole('tab', { name: 'Duals', exact: true }).click();
      await panel('.view-duals button[aria-label*="ile"], .view-duals button[title*="ile"]').first().click();
      await until(async () => (await evaluateSelection(workbench)).file.endsWith('penguins.csv'), 'the file is open');
      const place = await evaluateSelection(workbench);
      assert.ok(place.line >= 1 && !place.empty, JSON.stringify(place));
    });

    newestStep('malformed messages of the page are refused and change nothing', async () => {
      const before = await panel('h1').innerText();
      for (const message of [{ type: 'setBeta', beta: -1, final: true }, { type: 'eval', code: '1' }, 'stop', null])
        await workbench.sendFromPanel(message);
      await workbench.sendFromPanel({ type: 'showLog' });
      await workbench.page.locator('.part.panel', { hasText: 'Panel message rejected' }).waitFor();
      await workbench.page.keyboard.press('Control+J');
      assert.equal(await panel('h1').innerText(), before);
    });

    step('predictions are exported to a file', async () => {
      const file = path.join(workbench.server.workspace, 'penguins.predictions.csv');
      await workbench.runCommand('Convex Network: Export Predictions (CSV)...');
      const input = workbench.quickInput.locator('.quick-input-box input');
      await until(async () => (await input.inputValue()).includes('penguins.predictions.csv'), 'a name is proposed');
      await input.press('Enter');
      // a file is there before what is written into it
      const lines = (): number => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0);
      await until(
        () => Promise.resolve(lines() === 1 + settings['convexNet.maxRows']),
        'written, a line for every row',
      );
      rmSync(file);
    });

    newestStep('a long run stops when asked and keeps its best point', async () => {
      await configure(workbench, { tolerance: 1e-12, gates: 300, maxRows: 500 });
      await workbench.chooseFromMenu('spambase.csv', 'Train Convex Network');
      await (await workbench.input('spambase.csv (1/2)')).press('Enter');
      await (await workbench.input('(2/2)')).press('Enter');
      const stop = workbench.panel.getByRole('button', { name: 'Stop' });
      await panel('.stage, .status-words', { hasText: /objective [\d.,]+/ })
        .first()
        .waitFor({ timeout: 120_000 });
      await stop.click();
      await idle();
      assert.match(await panel('.verdict').innerText(), /stopped|within|at most/i);
      await configure(workbench, { tolerance: undefined, gates: undefined, maxRows: settings['convexNet.maxRows'] });
    });

    step('one notification says where a file is wrong, and leads there', async () => {
      const file = path.join(workbench.server.workspace, 'iris.csv');
      const whole = readFileSync(file);
      appendFileSync(file, '1,2\n3,4\n'); // more than one row in a hundred, and no last line of notes
      await workbench.chooseFromMenu('iris.csv', 'Train Convex Network');
      const toast = workbench.toasts.filter({ hasText: /iris\.csv, line 152/ });
      await toast.waitFor();
      assert.equal(await workbench.toasts.filter({ hasText: 'iris.csv' }).count(), 1);
      await toast.getByRole('button', { name: 'Open at Line 152' }).click();
      await until(async () => (await evaluateSelection(workbench)).line === 152, 'the line is selected');
      writeFileSync(file, whole);
    });

    step('the tree lists the runs and deletes one with a way back', async () => {
      await workbench.page.locator('.activitybar .action-label[aria-label^="Convex Network"]').first().click();
      const rows = workbench.page.locator('.sidebar .monaco-list-row');
      await rows.filter({ hasText: 'penguins.csv' }).first().waitFor();
      const runs = (): Promise<number> =>
        rows
          .filter({ hasText: 'β' })
          .or(rows.filter({ hasText: 'beta' }))
          .count();
      const before = await runs();
      assert.ok(before >= 2, `${before} runs`);
      const row = rows.filter({ hasText: 'beta' }).last();
      await row.hover();
      await row.locator('.action-label[aria-label^="Delete Run"]').click();
      await workbench.toasts.filter({ hasText: 'Deleted the run' }).waitFor();
      await until(async () => (await runs()) === before - 1, 'one less');
      await workbench.toasts.getByRole('button', { name: 'Undo' }).click();
      await until(async () => (await runs()) === before, 'back');
      await workbench.page.locator('.activitybar .action-label[aria-label^="Explorer"]').first().click();
    });

    newestStep('a run opens to the side, where it stays', async () => {
      await workbench.runCommand('Convex Network: Open Run to the Side');
      await (await workbench.input('Runs')).press('Enter');
      const tab = workbench.page.locator('.tab', { hasText: '.run.json' });
      await tab.waitFor();
      await until(
        async () => (await workbench.page.locator('iframe.webview.ready').count()) >= 2,
        'two pages beside each other',
      );
      await tab.hover();
      await tab.locator('.action-label[aria-label^="Close"]').click();
      await tab.waitFor({ state: 'detached' });
    });

    step('the panel follows the theme', async () => {
      await workbench.page.locator('.tab', { hasText: 'Convex: penguins.csv' }).click();
      await workbench.panel.getByRole('tab', { name: 'Overview', exact: true }).click();
      const prefix = release === 'newest' ? '' : 'Default ';
      for (const [id, bodyClass] of [
        [`${prefix}Dark Modern`, 'vscode-dark'],
        ['Default High Contrast', 'vscode-high-contrast'],
        [`${prefix}Light Modern`, 'vscode-light'],
      ]) {
        await workbench.setTheme(id, bodyClass);
        await workbench.page.screenshot({ path: path.join(pictures, `${release}-${bodyClass}.png`) });
      }
    });

    /** Opens two runs beside each other and makes the second the baseline. */
    const compare = async (): Promise<void> => {
      await workbench.runCommand('Convex Network: Compare Runs...');
      await (await workbench.input('Runs to compare')).fill('penguins.csv');
      for (const row of [0, 1]) await workbench.quickInput.locator('.monaco-list-row').nth(row).click();
      await (await workbench.input('Runs to compare')).press('Enter');
      await (await workbench.input('Which of them is the baseline?')).press('Enter');
      const compared = await workbench.pageHeaded(comparison);
      const baseline = compared.getByRole('combobox', { name: 'Baseline' });
      await baseline.click();
      await compared.getByRole('option', { name: /^2: / }).click();
      await compared.getByText('Differences from run 2 (baseline)').waitFor();
    };
    const comparison = /^2 runs/i;

    // pages come back by one way of the editor, which the panel shows in every release
    step(
      `after a reload the ${release === 'newest' ? 'comparison and the panel are back with their runs' : 'panel is back with its run'}`,
      async () => {
        const headline = await verdict();
        const beta = await shownBeta();
        await workbench.panel.getByRole('tab', { name: 'Neurons', exact: true }).click();
        if (release === 'newest') await compare();
        await workbench.reload();
        if (release === 'newest') {
          const again = await workbench.pageHeaded(comparison);
          await again.getByText('Differences from run 2 (baseline)').waitFor();
          const tab = workbench.page.locator('.tab', { hasText: 'Compare 2 Runs' });
          await tab.hover();
          await tab.locator('.action-label[aria-label^="Close"]').click();
          await workbench.page.locator('.tab', { hasText: 'Convex: penguins.csv' }).click();
        }
        await panel('h1', { hasText: 'penguins.csv' }).waitFor();
        await panel('.view-neurons').waitFor();
        assert.equal(await shownBeta(), beta);
        await workbench.panel.getByRole('tab', { name: 'Overview', exact: true }).click();
        assert.equal(await verdict(), headline);
      },
    );

    newestStep('and goes on from there: halve beta, train again', async () => {
      const beta = await shownBeta();
      await workbench.runCommand('Convex Network: Halve Beta');
      await until(async () => Math.abs((await shownBeta()) / beta - 0.5) < 0.01, 'beta halved');
      await idle();
      await configure(workbench, { 'compare.enabled': false, 'path.points': 0 }); // both were shown before
      await workbench.runCommand('Convex Network: Train Again with the Last Choices');
      await panel('.status-words:not(.muted)').waitFor();
      await idle();
    });

    step('a changed file is marked', async () => {
      appendFileSync(path.join(workbench.server.workspace, 'penguins.csv'), 'Dream,50,18,200,3900,male,Chinstrap\n');
      await panel('.badge.stale').waitFor();
    });

    newestStep('the Lab checks the theorems on a file', () => labStory(workbench));

    it('no script of the page failed', () => {
      assert.deepEqual(
        pageErrors.filter((error) => /convex|webview\.js/i.test(error)),
        [],
      );
    });
  });
}

async function configure(workbench: Workbench, values: Record<string, unknown>): Promise<void> {
  const entries = Object.entries(values).map(([key, value]) => [key, value ?? null] as const);
  await workbench.server.bridge.evaluate(async (vscode, changes: readonly (readonly [string, unknown])[]) => {
    const configuration = vscode.workspace.getConfiguration('convexNet');
    for (const [key, value] of changes)
      await configuration.update(key, value ?? undefined, vscode.ConfigurationTarget.Global);
  }, entries);
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly empty: boolean;
}

function evaluateSelection(workbench: Workbench): Promise<Place> {
  return workbench.server.bridge.evaluate((vscode) => {
    const editor = vscode.window.activeTextEditor;
    return {
      file: editor?.document.uri.path ?? '',
      line: (editor?.selection.start.line ?? -1) + 1,
      empty: editor?.selection.isEmpty ?? true,
    };
  });
}

async function until(holds: () => Promise<boolean>, what: string, ms = 60_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
