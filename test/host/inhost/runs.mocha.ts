import { nodeFiles } from '../../../src/platform/node/nodeFiles.ts';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RunStore } from '../../../src/host/runs/runStore.ts';
import { RunTree } from '../../../src/host/runs/runTree.ts';
import { Bench, quick } from './support.ts';

describe('runs on disk', () => {
  let bench: Bench;
  let ids: string[];
  before(async () => {
    bench = new Bench();
    const dataset = bench.sample('iris.csv');
    await bench.store.open();
    ids = [];
    for (const seed of [1, 2, 3]) ids.unshift((await dataset.train(quick({ target: 'target', seed })))!.id);
  });
  after(() => bench.dispose());

  /** Another window that opens the same folder. */
  const reopened = async (keep = 0): Promise<RunStore> => {
    const store = new RunStore(bench.runs, nodeFiles, bench.store.load, () => keep, bench.log.channel);
    await store.open();
    return store;
  };
  const listed = (store: RunStore): string[] => store.list().map(({ id }) => id);

  it('are there in another window, newest first', async () => {
    assert.deepEqual(listed(await reopened()), ids);
  });

  it('survive a damaged index, which is made anew', async () => {
    const index = path.join(bench.runs, 'index.json');
    for (const damage of ['', '{"half', '[{"summary":{}}]', 'null']) {
      writeFileSync(index, damage);
      assert.deepEqual(listed(await reopened()), ids, JSON.stringify(damage));
    }
    assert.equal((JSON.parse(readFileSync(index, 'utf8')) as unknown[]).length, ids.length);
  });

  it('are read again when an earlier version summarised them otherwise, without a word of damage', async () => {
    const index = path.join(bench.runs, 'index.json');
    const content = readFileSync(index, 'utf8');
    const entries = JSON.parse(content) as { summary: { verdict?: unknown } }[];
    delete entries[0].summary.verdict;
    writeFileSync(index, JSON.stringify(entries));
    const before = bench.log.lines.length;
    assert.deepEqual(listed(await reopened()), ids);
    assert.deepEqual(bench.log.lines.slice(before), []);
    const now = JSON.parse(readFileSync(index, 'utf8')) as typeof entries;
    assert.equal(now.length, ids.length);
    assert.ok(now.every(({ summary }) => summary.verdict !== undefined));
  });

  it('that are damaged are named with the reason and cost nothing else', async () => {
    const file = path.join(bench.runs, `${ids[1]}.run.json`);
    const content = readFileSync(file, 'utf8');
    const run = JSON.parse(content) as { rows: { line: number[] } };
    const damages: [string, RegExp][] = [
      [content.slice(0, content.length / 2), /not complete JSON/],
      ['', /not complete JSON/],
      ['{}', /damaged: format/],
      [JSON.stringify({ ...run, format: 'convexnet-run/9' }), /not a run of this version/],
      [JSON.stringify({ ...run, rows: { ...run.rows, line: [1] } }), /rows\.\w+: has \d+ entries, not 1/],
      [JSON.stringify({ ...run, id: '../../outside' }), /damaged: id/],
    ];
    for (const [damage, reason] of damages) {
      writeFileSync(file, damage);
      const store = await reopened();
      assert.deepEqual(listed(store), [ids[0], ids[2]]);
      assert.equal(store.unreadable.length, 1);
      assert.match(store.unreadable[0].reason, reason);
      const nodes = new RunTree(store).getChildren();
      assert.deepEqual(
        nodes.map(({ kind }) => kind),
        ['dataset', 'unreadable'],
      );
    }
    writeFileSync(file, content);
    assert.deepEqual(listed(await reopened()), ids);
  });

  it('leave no half-written file behind after a crash', async () => {
    const left = path.join(bench.runs, `${ids[0]}.run.json.aabbcc.tmp`);
    writeFileSync(left, '{"format":"convexnet-run/1"');
    const longAgo = new Date(Date.now() - 7_200_000);
    utimesSync(left, longAgo, longAgo);
    assert.deepEqual(listed(await reopened()), ids);
    assert.ok(!readdirSync(bench.runs).some((name) => name.endsWith('.tmp')));
  });

  it('can be deleted and brought back', async () => {
    const store = await reopened();
    const restore = await store.remove(ids[0]);
    assert.deepEqual(listed(store), ids.slice(1));
    await restore();
    assert.deepEqual(listed(store), ids);
    await store.remove(ids[0]);
    assert.deepEqual(listed(await reopened()), ids.slice(1), 'another window takes it as gone');
    assert.ok(!readdirSync(bench.runs).includes(`${ids[0]}.run.json`));
    ids.shift();
  });

  it('keep the name and the pin that a person gave them, in another window and with a damaged index', async () => {
    const store = await reopened();
    const [newest, older] = ids;
    const label = store.get(older)!.label;
    await store.rename(older, '  my best network ');
    await store.pin(older, true);
    writeFileSync(path.join(bench.runs, 'index.json'), 'damaged');
    const again = await reopened();
    assert.equal(again.get(older)!.label, 'my best network');
    assert.deepEqual(listed(again), [newest, older], 'lists stay newest first');
    const tree = new RunTree(again);
    const [dataset] = tree.getChildren();
    const runs = tree.getChildren(dataset);
    assert.deepEqual(
      runs.map((node) => node.kind === 'run' && node.run.id),
      [older, newest],
      'pinned ones first',
    );
    assert.equal(tree.getTreeItem(runs[0]).label, 'my best network');
    assert.match(String(tree.getTreeItem(runs[0]).description), /^pinned · /);
    const full = await reopened(1);
    await full.add(full.get(newest)!);
    assert.deepEqual(listed(full), [newest, older], 'a pinned run makes no room');
    await full.rename(older, '');
    await full.pin(older, false);
    assert.equal((await reopened()).get(older)!.label, label);
    await assert.rejects(full.rename('nowhere', 'x'), /no run nowhere/);
  });

  it('are filtered by words of their entries', async () => {
    const store = await reopened();
    const tree = new RunTree(store);
    let told = 0;
    tree.onDidChangeTreeData(() => told++);
    const shown = (words: string): string[] => {
      tree.setFilter(words);
      return tree
        .getChildren()
        .flatMap((node) => tree.getChildren(node).map((run) => (run.kind === 'run' ? run.run.id : '')));
    };
    await store.rename(ids[0], 'the Best of all');
    assert.deepEqual(shown('IRIS best'), [ids[0]]);
    assert.deepEqual(shown('no such word'), []);
    assert.deepEqual(shown(' '), listed(store));
    assert.ok(told >= 4);
    await store.rename(ids[0], '');
  });

  it('whose names are damaged are there all the same', async () => {
    const file = path.join(bench.runs, 'names.json');
    for (const damage of ['{"half', '[]', `{"${ids[0]}":{"name":7}}`]) {
      writeFileSync(file, damage);
      assert.deepEqual(listed(await reopened()), ids, damage);
    }
    rmSync(file, { force: true });
  });

  it('are limited in number when that is set', async () => {
    const store = await reopened(1);
    await store.add(store.get(ids[0])!);
    assert.deepEqual(listed(store), [ids[0]]);
    assert.deepEqual(listed(await reopened()), [ids[0]]);
  });

  it('refuses ids that would leave the folder', async () => {
    await assert.rejects(bench.store.load('../settings'));
    await assert.rejects(bench.store.remove('..'));
  });
});
