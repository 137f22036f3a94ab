import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { importRun } from '../../../src/host/runs/importRun.ts';
import { RunDocument } from '../../../src/host/runs/runDocument.ts';
import { runEditorType, runFileEnd } from '../../../src/shared/manifest.ts';
import { Bench, platform, quick, until } from './support.ts';

describe('a run in a file of its own', () => {
  let bench: Bench;
  let file: vscode.Uri;
  let id: string;
  before(async () => {
    bench = new Bench();
    const dataset = bench.sample('iris.csv');
    await bench.store.open();
    id = (await dataset.train(quick({ target: 'target' })))!.id;
    file = vscode.Uri.file(bench.file(`iris${runFileEnd}`));
    writeFileSync(file.fsPath, await dataset.export('run'));
  });
  after(() => bench.dispose());

  it('opens in the panel by its name', async () => {
    await vscode.commands.executeCommand('vscode.open', file);
    const tab = (): unknown => vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    await until(() => tab() instanceof vscode.TabInputCustom, 'the editor of runs');
    assert.equal((tab() as vscode.TabInputCustom).viewType, runEditorType);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  it('is read and exported without the data', async () => {
    const document = new RunDocument(file, platform(), bench.runs, bench.log.channel);
    const { record } = await document.load();
    assert.equal(record.id, id);
    const html = new TextDecoder().decode(await document.export('report', 'neutralize'));
    assert.match(html, /^<!DOCTYPE html>/);
    assert.ok(html.includes(record.dataset.sha256));
    document.dispose();
  });

  it('that is damaged says what is wrong with it', async () => {
    const damaged = vscode.Uri.file(bench.file(`damaged${runFileEnd}`));
    writeFileSync(damaged.fsPath, '{"format":"convexnet-run/1"}');
    const document = new RunDocument(damaged, platform(), bench.runs, bench.log.channel);
    await assert.rejects(document.load(), /The run file damaged\.convexrun\.json is damaged/);
    document.dispose();
  });

  it('is imported with the data file beside it, once', async () => {
    const other = new Bench();
    await other.store.open();
    mkdirSync(other.runs, { recursive: true });
    const document = new RunDocument(file, platform(), other.runs, other.log.channel);
    const summary = await importRun(document, other.store, platform());
    assert.equal(summary?.uri, vscode.Uri.file(bench.file('iris.csv')).toString());
    assert.deepEqual(
      other.store.list().map((run) => run.id),
      [id],
    );
    renameSync(bench.file('iris.csv'), bench.file('moved.csv'));
    assert.equal((await importRun(document, other.store, platform()))?.id, id);
    renameSync(bench.file('moved.csv'), bench.file('iris.csv'));
    document.dispose();
    other.dispose();
  });
});
