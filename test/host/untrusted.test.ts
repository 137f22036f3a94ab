import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandIds, extensionId } from '../../src/shared/manifest.ts';
import type { RunSummary } from '../../src/shared/runSummary.ts';
import { configurationProperties, restrictedConfigurations } from '../../src/shared/settingsManifest.ts';
import { bridgeExtension, root } from './harness/server.ts';
import { Workbench } from './harness/workbench.ts';

/** A file that is named like a link to a command, with columns that are named like links, images and icons. */
const fileName = '[Open](command:evil.pwn).csv';
const columns = [
  '[Repair the file](command:evil.pwn?%5B%22rm%22%5D)',
  '$(bug) icon',
  '![x](https://attacker.example/p.png)[click](command:evil.pwn)',
];

const properties = configurationProperties();

/** What the user chose: how beta is chosen, paths, proofs and comparisons have tests of their own. */
const chosen: Record<string, unknown> = {
  'convexNet.beta.kind': 'relative',
  'convexNet.maxRows': 60,
  'convexNet.certifySeconds': 0,
  'convexNet.path.points': 0,
  'convexNet.compare.enabled': false,
};

describe('a folder that is not trusted', () => {
  let workbench: Workbench;
  const requests: string[] = [];

  before(async () => {
    workbench = await Workbench.start({
      release: 'newest',
      workspace: path.join(root, 'media/samples'),
      installed: { 'convexnet.test-bridge-0.0.1': bridgeExtension },
      restricted: true,
      settings: chosen,
    });
    const rows = Array.from({ length: 40 }, (_, i) => [Math.sin(i), Math.cos(3 * i), Math.sin(i) ** 2]);
    const csv = [columns.map((name) => `"${name}"`), ...rows].map((row) => row.join(',')).join('\n');
    writeFileSync(path.join(workbench.server.workspace, fileName), `${csv}\n`);
    workbench.page.on('request', (request) => requests.push(request.url()));
    await workbench.develop([root]);
    await workbench.open();
  });
  after(() => workbench?.close());

  const fileUri = (): string => `file://${encodeURI(path.join(workbench.server.workspace, fileName))}`;
  const train = (settings: Record<string, unknown>): Promise<unknown> =>
    workbench.server.bridge.evaluate(
      async (vscode, [command, uri, given]) => {
        const beta = { kind: 'relative', value: 0.1 };
        const quick = { beta, certifySeconds: 0, path: { points: 0, smallest: 0.01 } };
        const run: unknown = await vscode.commands.executeCommand(command, { uri, settings: { ...quick, ...given } });
        return (run as { status?: string } | undefined)?.status;
      },
      [commandIds.train, fileUri(), settings] as const,
    );

  it('is one', async () => {
    assert.equal(await workbench.server.bridge.evaluate((vscode) => vscode.workspace.isTrusted), false);
    await workbench.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
  });

  it('has no say in settings that are about memory, time, disk and what exported files may do; in others it has', async () => {
    const own: Record<string, unknown> = {};
    for (const [key, { type, default: fallback, maximum }] of Object.entries(properties))
      if (type === 'integer' || type === 'number') own[key] = fallback === (maximum ?? 3) ? 2 : (maximum ?? 3);
      else if (type === 'boolean') own[key] = fallback !== true;
    own['convexNet.export.formulas'] = 'keep';
    own['convexNet.compare.optimizers'] = ['adam'];
    mkdirSync(path.join(workbench.server.workspace, '.vscode'));
    writeFileSync(path.join(workbench.server.workspace, '.vscode/settings.json'), JSON.stringify(own));
    const read = (): Promise<Record<string, unknown>> =>
      workbench.server.bridge.evaluate(
        (vscode, [keys, uri]) => {
          const configuration = vscode.workspace.getConfiguration(undefined, vscode.Uri.parse(uri));
          return Object.fromEntries(keys.map((key) => [key, configuration.get<unknown>(key)]));
        },
        [Object.keys(own), fileUri()] as const,
      );
    const seedIs = async (value: unknown): Promise<Record<string, unknown>> => {
      let found = await read();
      for (let look = 0; found['convexNet.seed'] !== value && look < 300; look++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        found = await read();
      }
      return found;
    };
    const found = await seedIs(own['convexNet.seed']);
    const restricted = restrictedConfigurations();
    for (const [key, value] of Object.entries(found))
      assert.deepEqual(value, restricted.includes(key) ? (chosen[key] ?? properties[key].default) : own[key], key);
    rmSync(path.join(workbench.server.workspace, '.vscode'), { recursive: true });
    await seedIs(properties['convexNet.seed'].default);
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
        const beta = { kind: 'relative', value: 0.1 };
        const settings = { beta, certifySeconds: 0, path: { points: 0, smallest: 0.01 }, maxRows: 100 };
        const done: unknown = await vscode.commands.executeCommand(train, { uri, settings });
        return done as RunSummary | undefined;
      },
      [commandIds.train, extensionId] as const,
    );
    assert.equal(run?.status, 'optimal');
    assert.ok(run.relativeGap <= 1e-6);
  });

  describe('with names that look like links, images and icons', () => {
    before(async () => {
      await workbench.server.bridge.evaluate(
        async (vscode, [id, uri]) => {
          await vscode.extensions.getExtension(id)!.activate();
          const evil = globalThis as { evilRan?: number };
          evil.evilRan = 0;
          vscode.commands.registerCommand('evil.pwn', () => void (evil.evilRan! += 1));
          await vscode.workspace.fs.stat(vscode.Uri.parse(uri));
        },
        [extensionId, fileUri()] as const,
      );
    });

    it('a message that quotes such a column shows it as text, without a link', async () => {
      await train({ target: '[Fix it](command:evil.pwn)' });
      const toast = workbench.toasts.filter({ hasText: 'Fix it' });
      await toast.first().waitFor();
      assert.match(await toast.first().innerText(), /\[Fix it\] \(command:evil\.pwn\)/);
      assert.equal(await toast.locator('.notification-list-item-message a').count(), 0);
    });

    it('the list of columns shows an icon as its characters', async () => {
      await workbench.chooseFromMenu(fileName, 'Train Convex Network');
      const row = workbench.quickInput.locator('.monaco-list-row', { hasText: '(bug) icon' });
      await row.first().waitFor();
      assert.match(await row.first().innerText(), /\$ \(bug\) icon/);
      assert.equal(await row.first().locator('.quick-input-list-label .codicon-bug').count(), 0);
      await workbench.page.keyboard.press('Escape');
    });

    it('the tree shows target and file as text, and its tooltip asks no server for a picture', async () => {
      assert.equal(await train({ target: columns[2] }), 'optimal');
      await workbench.server.bridge.evaluate(async (vscode) => {
        await vscode.commands.executeCommand('convexNet.runs.focus');
      });
      const run = workbench.page.locator('.pane-body .monaco-list-row', { hasText: 'click' }).first();
      await run.waitFor();
      assert.doesNotMatch(await run.innerText(), /\]\(/);
      const hover = workbench.page.locator('.workbench-hover-container, .monaco-hover').first();
      // a row that is drawn anew under the pointer forgets it
      const shows = async (): Promise<boolean> => {
        await workbench.page.mouse.move(0, 0);
        await run.hover();
        return hover.waitFor({ timeout: 3_000 }).then(
          () => true,
          () => false,
        );
      };
      const end = Date.now() + 60_000;
      while (!(await shows())) assert.ok(Date.now() < end, 'a tooltip');
      assert.equal(await hover.locator('a[href], img').count(), 0);
      assert.deepEqual(
        requests.filter((url) => url.includes('attacker.example')),
        [],
      );
    });

    it('no command was run', async () => {
      const ran = await workbench.server.bridge.evaluate(() => (globalThis as { evilRan?: number }).evilRan);
      assert.equal(ran, 0);
    });
  });
});
