import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandIds, extensionId } from '../../src/shared/manifest.ts';
import type { RunSummary } from '../../src/shared/runSummary.ts';
import { bridgeExtension, root } from './harness/server.ts';
import { Workbench } from './harness/workbench.ts';

describe('a folder that is not trusted', () => {
  let workbench: Workbench;
  before(async () => {
    const workspace = path.join(root, 'media/samples');
    const installed = { 'convexnet.test-bridge-0.0.1': bridgeExtension };
    workbench = await Workbench.start({ release: 'newest', workspace, installed, restricted: true });
    await workbench.develop([root]);
    await workbench.open();
  });
  after(() => workbench?.close());

  it('is one', async () => {
    assert.equal(await workbench.server.bridge.evaluate((vscode) => vscode.workspace.isTrusted), false);
    await workbench.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
  });

  it('can be trained on all the same, from the menu to the verdict', async () => {
    await workbench.chooseFromMenu('xor_2d.csv', 'Train Convex Network');
    await (await workbench.input('xor_2d.csv (1/2)')).press('Enter');
    await (await workbench.input('xor_2d.csv (2/2)')).press('Enter');
    await workbench.panel.locator('#verdict').waitFor({ timeout: 120_000 });
    assert.match(await workbench.panel.locator('h1').innerText(), /xor_2d\.csv/);
  });

  it('gives the command its result as well', async () => {
    const run = await workbench.server.bridge.evaluate(
      async (vscode, [train, id]) => {
        await vscode.extensions.getExtension(id)!.activate();
        const uri = vscode.Uri.joinPath(vscode.workspace.workspaceFolders![0].uri, 'co2_1d.csv').toString();
        const settings = { certifySeconds: 0, path: { points: 0, smallest: 0.01 }, maxRows: 100 };
        const done: unknown = await vscode.commands.executeCommand(train, { uri, settings });
        return done as RunSummary | undefined;
      },
      [commandIds.train, extensionId] as const,
    );
    assert.equal(run?.status, 'optimal');
    assert.ok(run.relativeGap <= 1e-6);
  });
});
