import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createRng } from '../../src/core/base/rng.ts';
import { type RunRecord } from '../../src/shared/run.ts';
import { summarizeRun, type RunSummary } from '../../src/shared/runSummary.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { readRun, runFile } from '../../src/store/runFiles.ts';
import { keepCount, RunFolder } from '../../src/store/runFolder.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true, force: true });
  }
});

const template = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../fixtures/runs/xor_2d.json'), 'utf8'),
) as RunRecord;
const runOf = (id: string, change: Partial<RunRecord> = {}): RunRecord => ({ ...template, ...change, id });

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-folder-'));
  folders.push(folder);
  return folder;
}

/** A window on a folder. */
function windowOn(folder: string, keep: unknown = 0): RunFolder & { readonly log: string[] } {
  const log: string[] = [];
  const note = (message: string): void => void log.push(message);
  const load = async (id: string): Promise<{ summary: RunSummary }> => ({
    summary: summarizeRun(await readRun(runFile(folder, id), nodeFiles)),
  });
  const store = new RunFolder(folder, {
    files: nodeFiles,
    load,
    keep: () => keep,
    log: { warn: note, error: note },
    changed: () => undefined,
  });
  return Object.assign(store, { log });
}

/** What a worker and then the editor do when a run was trained. */
async function train(store: RunFolder, id: string, change: Partial<RunRecord> = {}): Promise<void> {
  const run = runOf(id, change);
  writeFileSync(runFile(store.folder, id), JSON.stringify(run));
  await store.add(summarizeRun(run));
}

const ids = (store: RunFolder): string[] => store.list().map(({ id }) => id);

describe('a folder of runs with two windows on it', () => {
  it('a pin of one window holds against the pruning of the other', async () => {
    const folder = newFolder();
    const [a, b] = [windowOn(folder, 2), windowOn(folder, 2)];
    await a.open();
    await train(a, 'one');
    await train(a, 'two');
    await b.open();
    await b.pin('one', true);
    await train(a, 'three');
    await train(a, 'four');
    await b.open();
    assert.deepEqual(ids(b), ['four', 'three', 'one']);
    assert.ok(a.get('one')?.pinned);
  });

  it('names and pins that both give are all kept', async () => {
    const folder = newFolder();
    const [a, b] = [windowOn(folder), windowOn(folder)];
    for (const id of ['one', 'two', 'three']) await train(a, id);
    await b.open();
    await Promise.all([a.rename('one', 'A'), b.rename('two', 'B'), a.pin('three', true)]);
    await b.rename('three', 'C');
    const c = windowOn(folder);
    await c.open();
    assert.deepEqual(
      c.list().map(({ label, pinned }) => [label, pinned]),
      [['C', true], ['B', false], ['A', false]], // prettier-ignore
    );
  });

  it('what one deleted comes back by Undo though the other opened, pruned and swept meanwhile', async () => {
    const folder = newFolder();
    const [a, b] = [windowOn(folder), windowOn(folder)];
    for (const id of ['one', 'two']) await train(a, id);
    await a.rename('one', 'mine');
    const restore = await a.remove('one');
    await b.open();
    await train(b, 'three');
    await windowOn(folder).open();
    await restore();
    await b.open();
    assert.deepEqual(ids(b), ['three', 'two', 'one']);
    assert.equal(b.get('one')?.label, 'mine');
  });

  it('hundreds of files that come and go do not end a listing', async () => {
    const folder = newFolder();
    const store = windowOn(folder);
    for (const id of ['one', 'two']) await train(store, id);
    let going = true;
    const other = (async () => {
      for (let k = 0; going; k++) {
        const file = path.join(folder, `x${k}.run.json.tmp`);
        writeFileSync(file, 'x');
        await wait(0);
        unlinkSync(file);
      }
    })();
    for (let k = 0; k < 30; k++) {
      await store.open();
      assert.deepEqual(ids(store), ['two', 'one']);
    }
    going = false;
    await other;
  });
});

describe('the order and the number of runs', () => {
  it('is that in which they were taken up, whatever the clock said', async () => {
    const folder = newFolder();
    const store = windowOn(folder, 2);
    await train(store, 'one', { createdAt: '2031-01-01T00:00:00.000Z' });
    await train(store, 'two', { createdAt: '2026-01-01T00:00:00.000Z' });
    await train(store, 'three', { createdAt: '1999-01-01T00:00:00.000Z' });
    assert.deepEqual(ids(store), ['three', 'two']);
    const other = windowOn(folder, 2);
    await other.open();
    assert.deepEqual(ids(other), ['three', 'two']);
  });

  it('a run that a window wrote before it ended comes last of all', async () => {
    const folder = newFolder();
    const store = windowOn(folder);
    await train(store, 'one');
    writeFileSync(runFile(folder, 'lost'), JSON.stringify(runOf('lost', { createdAt: '1999-01-01T00:00:00.000Z' })));
    const other = windowOn(folder);
    await other.open();
    assert.deepEqual(ids(other), ['lost', 'one']);
  });

  it('a setting that is no whole number from 0 on deletes nothing', async () => {
    for (const keep of [0.5, true, -1, NaN, Infinity, '1', null, undefined, {}, [1]]) {
      assert.equal(keepCount(keep), 0);
      const store = windowOn(newFolder(), keep);
      for (const id of ['one', 'two', 'three']) await train(store, id);
      assert.equal(readdirSync(store.folder).filter((name) => name.endsWith('.run.json')).length, 3);
    }
    assert.equal(keepCount(7), 7);
  });
});

describe('damage', () => {
  it('names of an earlier version are taken over entry by entry, and a file that is damaged stays', async () => {
    const folder = newFolder();
    for (const id of ['one', 'two', 'three']) writeFileSync(runFile(folder, id), JSON.stringify(runOf(id)));
    const names = path.join(folder, 'names.json');
    writeFileSync(names, '{"one":{"name":"A"},"two":7,"three":{"pinned":true}}');
    const store = windowOn(folder);
    await store.open();
    assert.equal(store.get('one')?.label, 'A');
    assert.ok(store.get('three')?.pinned);
    assert.ok(!existsSync(names));
    writeFileSync(names, '{"one":{"na');
    await store.open();
    assert.equal(readFileSync(names, 'utf8'), '{"one":{"na');
    assert.match(store.log.join(), /names\.json.*damaged/);
    assert.equal(store.get('one')?.label, 'A');
  });

  it('notes, index, runs and foreign files that are damaged cost themselves only', async () => {
    const rng = createRng(4);
    const original = newFolder();
    const first = windowOn(original);
    for (const id of ['one', 'two', 'three']) await train(first, id);
    await first.rename('two', 'name');
    const files = readdirSync(original);
    for (let trial = 0; trial < 60; trial++) {
      const folder = newFolder();
      cpSync(original, folder, { recursive: true, preserveTimestamps: true });
      const name = files[rng.integer(files.length)];
      const content = readFileSync(path.join(folder, name));
      const cut = content.subarray(0, rng.integer(content.length));
      const flipped = Buffer.from(content);
      flipped[rng.integer(flipped.length)] ^= 1 << rng.integer(8);
      writeFileSync(path.join(folder, name), trial % 2 === 0 ? cut : flipped);
      utimesSync(path.join(folder, name), new Date(), new Date());
      mkdirSync(path.join(folder, 'folder.run.json'));
      const store = windowOn(folder);
      await store.open();
      const there = new Set([...ids(store), ...store.unreadable.map(({ id }) => id)]);
      for (const id of ['one', 'two', 'three', 'folder']) assert.ok(there.has(id), `${name}: ${id}`);
      assert.ok(store.list().length >= 2);
    }
  });

  it('a folder that cannot be written or made: what is there is listed, and taking up a run does not throw', async (t) => {
    if (process.getuid?.() === 0) {
      // root writes everywhere: a file in the place of the folder refuses as well
      const place = path.join(newFolder(), 'file');
      writeFileSync(place, '');
      const store = windowOn(place);
      await store.open();
      await store.add(summarizeRun(runOf('one')));
      assert.deepEqual(ids(store), []);
      assert.ok(store.log.length > 0);
      t.diagnostic('as root: a file in the place of the folder');
      return;
    }
    const folder = newFolder();
    await train(windowOn(folder), 'one');
    chmodSync(folder, 0o500);
    const store = windowOn(folder);
    await store.open();
    assert.deepEqual(ids(store), ['one']);
    await store.add(summarizeRun(runOf('two')));
    assert.deepEqual(ids(store), ['one']);
  });
});

describe('many runs', () => {
  it('5,000 runs over 5,000 files are listed by a number of steps that grows with their number, one damaged among them', async () => {
    const folder = newFolder();
    const total = 5000;
    const index: unknown[] = [];
    const base = summarizeRun(template);
    for (let k = 0; k < total; k++) {
      const id = `run-${k}`;
      const file = runFile(folder, id);
      writeFileSync(file, k === 17 ? '{' : '{}');
      writeFileSync(path.join(folder, `${id}.notes.json`), JSON.stringify({ sequence: k + 1 }));
      if (k === 17) continue;
      const { mtimeMs, size } = statSync(file);
      index.push({ summary: { ...base, id, uri: `file:///data/${k}.csv` }, mtime: mtimeMs, size });
    }
    writeFileSync(path.join(folder, 'index.json'), JSON.stringify(index));
    const store = windowOn(folder);
    await store.open();
    assert.equal(store.list().length, total - 1);
    assert.deepEqual(store.unreadable.map(({ id }) => id), ['run-17']); // prettier-ignore
    // lists are made once: asking for every file of the tree is not a search each
    assert.equal(store.list(), store.list());
    for (let k = 0; k < total; k++) assert.equal(store.listFor(`file:///data/${k}.csv`).length, k === 17 ? 0 : 1);
  });
});

describe('a process that is killed while it writes', () => {
  it('leaves every run that it said was written, whole', async () => {
    const folder = newFolder();
    const rng = createRng(11);
    for (let trial = 0; trial < 6; trial++) {
      const child = fork(path.join(import.meta.dirname, '../support/writeRuns.ts'), [folder, `t${trial}`], {
        execArgv: ['--import', 'tsx'],
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
      const said: string[] = [];
      const enough = 1 + rng.integer(6);
      await new Promise<void>((resolve) => {
        child.on('message', (id: string) => {
          said.push(id);
          if (said.length === enough) setTimeout(() => child.kill('SIGKILL'), rng.integer(8));
        });
        child.on('exit', () => resolve());
      });
      assert.ok(said.length >= enough);
      for (const id of said) assert.equal((await readRun(runFile(folder, id), nodeFiles)).id, id);
      const store = windowOn(folder);
      await store.open();
      assert.deepEqual(store.unreadable, []);
      for (const id of said) assert.ok(store.get(id));
    }
  });
});
