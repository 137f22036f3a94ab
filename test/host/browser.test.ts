import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Locator } from 'playwright-core';
import { uncontrolled } from '../../src/core/base/control.ts';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { createSession } from '../../src/session/session.ts';
import { commandIds } from '../../src/shared/manifest.ts';
import type { RunSummary } from '../../src/shared/runSummary.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { bridgeExtension, root } from './harness/server.ts';
import { Workbench } from './harness/workbench.ts';

/**
 * The story in the extension host of a browser: the same bundles in a Web Worker, without Node and without shared memory, as vscode.dev runs them. The
 * manifest names `browser` alone here, since a server would take `main`.
 */
const pictures = path.join(root, 'test-results/screens');

/** Real training, with less of everything than a person would want. */
const settings = {
  'convexNet.path.points': 3,
  'convexNet.compare.seeds': 1,
  'convexNet.compare.epochs': 20,
  'convexNet.beta.kind': 'relative',
  'convexNet.certifySeconds': 0.2,
  'convexNet.maxRows': 60,
};

/** The extension as a browser gets it. */
function stage(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-web-'));
  for (const part of ['dist', 'media', 'package.nls.json'])
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  delete manifest.main;
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  return folder;
}

describe('the story in the extension host of a browser', () => {
  let workbench: Workbench;
  let staged: string;
  const said: string[] = [];
  let broken = false;

  const step = (what: string, act: () => Promise<void>): void => {
    it(what, async () => {
      assert.ok(!broken, 'an earlier step failed');
      try {
        await act();
      } catch (error) {
        broken = true;
        await workbench?.page.screenshot({ path: path.join(pictures, 'failed-browser.png') });
        console.log(said.join('\n'));
        throw error;
      }
    });
  };
  const panel = (selector: string, options?: { hasText: string | RegExp }): Locator =>
    workbench.panel.locator(selector, options);
  /** Beta as the panel shows it. */
  const shownBeta = (): Promise<number> =>
    panel('.beta vscode-text-field').evaluate((field) => Number((field as HTMLInputElement).value));
  /** What the command gives back to who called it from another extension host. */
  const trained = (name: string, settings: TrainSettings): Promise<RunSummary | undefined> => {
    const { authority, workspace, bridge } = workbench.server;
    const uri = `vscode-remote://${authority}${workspace}/${name}`;
    return bridge.evaluate(
      (vscode, [train, ...args]) => vscode.commands.executeCommand<RunSummary | undefined>(train, ...args),
      [commandIds.train, { uri, settings }] as const,
    );
  };
  const idle = (): Promise<void> => panel('.status-words.muted').waitFor();

  before(async () => {
    mkdirSync(pictures, { recursive: true });
    staged = stage();
    workbench = await Workbench.start({
      release: 'newest',
      workspace: path.join(root, 'media/samples'),
      installed: { 'convexnet.test-bridge-0.0.1': bridgeExtension },
      settings,
    });
    workbench.page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
    await workbench.develop([staged]);
    await workbench.open();
  });
  after(async () => {
    await workbench?.close();
    rmSync(staged, { recursive: true, force: true });
  });

  step('a table is trained on from its menu', async () => {
    await workbench.chooseFromMenu('xor_2d.csv', 'Train Convex Network');
    await (await workbench.input('xor_2d.csv (1/2)')).press('Enter');
    await (await workbench.input('xor_2d.csv (2/2)')).press('Enter');
    await panel('#verdict').waitFor();
    await idle();
    const hosts = workbench.page.workers().filter((worker) => worker.url().startsWith('blob:'));
    assert.ok(hosts.length > 0, 'the extension host and its workers are Web Workers');
  });

  step('the palette doubles beta and the panel follows', async () => {
    const before = await shownBeta();
    await workbench.runCommand('Convex Network: Double Beta');
    await until(async () => Math.abs((await shownBeta()) / before - 2) < 0.01, 'beta doubled');
    await idle();
  });

  step('predictions are exported to a file', async () => {
    const file = path.join(workbench.server.workspace, 'xor_2d.predictions.csv');
    await workbench.runCommand('Convex Network: Export Predictions (CSV)...');
    const input = workbench.quickInput.locator('.quick-input-box input');
    await until(async () => (await input.inputValue()).includes('xor_2d.predictions.csv'), 'a name is proposed');
    await input.press('Enter');
    const lines = (at: string): number => (existsSync(at) ? readFileSync(at, 'utf8').trim().split('\n').length : 0);
    await until(() => Promise.resolve(lines(file) === 1 + settings['convexNet.maxRows']), 'written');
  });

  step('after a reload the panel is back with its run', async () => {
    const [headline, beta] = [await panel('#verdict').innerText(), await shownBeta()];
    await workbench.reload();
    await panel('h1', { hasText: 'xor_2d.csv' }).waitFor();
    await panel('#verdict').waitFor();
    assert.deepEqual([await panel('#verdict').innerText(), await shownBeta()], [headline, beta]);
  });

  step('diabetes has the objective that it has on the desktop', async () => {
    const there = await trained('diabetes.csv', diabetes);
    assert.equal(there?.status, 'optimal');
    const source = await nodeFileSource(path.join(root, 'media/samples/diabetes.csv'));
    const session = createSession(source, nodeSessionDeps({ kernels: createKernels() }));
    const here = await session.train(diabetes, { progress: () => undefined, record: () => undefined }, uncontrolled);
    const difference = Math.abs(there.objective / here.solution.objective - 1);
    assert.ok(difference <= 1e-9, `${there.objective} and ${here.solution.objective}: ${difference}`);
  });

  step('studies, which need processes, are not offered and say why', async () => {
    await workbench.server.bridge.evaluate(
      (vscode, id) => void vscode.commands.executeCommand(id),
      commandIds.openStudy,
    );
    await workbench.toasts.filter({ hasText: 'a browser does not have' }).waitFor();
  });
});

/** Solved to the end and nothing else. */
const diabetes: TrainSettings = {
  ...defaultSettings,
  beta: { kind: 'relative', value: 0.3 },
  certifySeconds: 0,
  maxRows: 80,
  tolerance: 1e-9,
  path: { points: 0, smallest: 0.01 },
  compare: { ...defaultSettings.compare, enabled: false },
};

async function until(holds: () => Promise<boolean>, what: string, ms = 90_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
