import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { watchForChanges } from '../../../src/host/staleWatch.ts';
import { TaskFailure } from '../../../src/host/train/taskFailure.ts';
import { Bench, platform, quick, until } from './support.ts';

describe('data files', () => {
  let bench: Bench;
  before(async () => {
    bench = new Bench();
    await bench.store.open();
  });
  after(() => bench.dispose());

  it('fails with the place in the file', async () => {
    const numbers = Array.from({ length: 30 }, (_, i) => `${i % 7},${i % 5},${i}\n`).join('');
    writeFileSync(
      bench.file('bad.csv'),
      `a,b,y\n${numbers}${Array.from({ length: 10 }, (_, i) => `1,2,oops${i}\n`).join('')}`,
    );
    const dataset = bench.dataset(vscode.Uri.file(bench.file('bad.csv')));
    const error: unknown = await dataset.train(quick({ target: 'y', task: 'regression' })).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof TaskFailure);
    assert.equal(error.detail.line, 32);
    assert.match(error.message, /bad\.csv, line 32/);
    assert.equal(dataset.state, 'failed');
    assert.equal(dataset.error?.line, 32);
  });

  it('fails when the file is not there, and works again when it is', async () => {
    const dataset = bench.sample('iris.csv');
    const content = readFileSync(bench.file('iris.csv'));
    rmSync(bench.file('iris.csv'));
    await assert.rejects(dataset.train(quick({ target: 'target' })), /iris\.csv/);
    writeFileSync(bench.file('iris.csv'), content);
    const summary = await dataset.train(quick({ target: 'target' }));
    assert.equal(summary?.status, 'optimal');
  });

  it('marks a run as stale when the file changes or goes, and takes the mark back when it is as before', async () => {
    const dataset = bench.sample('wine.csv');
    const watch = watchForChanges(dataset, platform());
    const content = readFileSync(bench.file('wine.csv'), 'utf8');
    await dataset.train(quick({}));
    assert.equal(dataset.stale, false);
    writeFileSync(bench.file('wine.csv'), content + content.split('\n').at(-2)! + '\n');
    await until(() => dataset.stale, 'changed');
    writeFileSync(bench.file('wine.csv'), content);
    await until(() => !dataset.stale, 'as before');
    rmSync(bench.file('wine.csv'));
    await until(() => dataset.stale, 'gone');
    watch.dispose();
  });

  it('reads files that only the editor can reach', async () => {
    const provider = new MemoryFiles(readFileSync(bench.sample('iris.csv').uri.fsPath));
    const registered = vscode.workspace.registerFileSystemProvider('convexnet-test', provider, { isReadonly: true });
    const dataset = bench.dataset(vscode.Uri.parse('convexnet-test:/data/iris.csv'));
    const inspection = await dataset.inspect();
    assert.equal(inspection.target, 'target');
    const summary = await dataset.train(quick({ target: 'target' }));
    assert.equal(summary?.status, 'optimal');
    assert.equal(summary.uri, 'convexnet-test:/data/iris.csv');
    registered.dispose();
  });
});

/** One file that exists only in memory. */
class MemoryFiles implements vscode.FileSystemProvider {
  private readonly changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changed.event;

  constructor(private readonly content: Uint8Array) {}

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }
  stat(): vscode.FileStat {
    return { type: vscode.FileType.File, ctime: 1, mtime: 1, size: this.content.length };
  }
  readFile(): Uint8Array {
    return this.content;
  }
  readDirectory(): [string, vscode.FileType][] {
    return [];
  }
  createDirectory(): void {
    throw vscode.FileSystemError.NoPermissions();
  }
  writeFile(): void {
    throw vscode.FileSystemError.NoPermissions();
  }
  delete(): void {
    throw vscode.FileSystemError.NoPermissions();
  }
  rename(): void {
    throw vscode.FileSystemError.NoPermissions();
  }
}
