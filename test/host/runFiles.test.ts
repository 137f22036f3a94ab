import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSession } from '../../src/session/session.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { readRun, runFile, runIdOf, RunFileError, writeRun } from '../../src/store/runFiles.ts';
import { panelRecord } from '../../src/worker/panelRecord.ts';
import { root } from './harness/server.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-runs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function trained(sample: string, settings: Partial<TrainSettings> = {}): Promise<RunRecord> {
  const session = createSession(await nodeFileSource(path.join(root, 'media/samples', sample)), nodeSessionDeps());
  const beta = { kind: 'relative', value: 0.1 } as const;
  const quick = { beta, certifySeconds: 0, path: { points: 0, smallest: 0.01 } };
  const compare = { ...defaultSettings.compare, enabled: false };
  const listener = { progress: () => undefined, record: () => undefined };
  const control = { shouldStop: () => false, now: () => performance.now() / 1000 };
  return session.train({ ...defaultSettings, ...quick, compare, ...settings }, listener, control);
}

describe('run files', () => {
  let run: RunRecord;
  before(async () => (run = await trained('xor_2d.csv')));

  it('come back as they were written', async () => {
    const file = await writeRun(folder, run, nodeFiles);
    assert.equal(file, runFile(folder, run.id));
    assert.equal(runIdOf(path.basename(file)), run.id);
    assert.deepEqual(await readRun(file, nodeFiles), JSON.parse(JSON.stringify(run)));
  });

  it('of earlier versions know nothing about other optima, and an entry that is not one is refused', async () => {
    const known = await trained('xor_2d.csv', { model: 'relu', arrangements: 'adaptive', maxRows: 30 });
    assert.equal(known.solution.optimalSet?.scope, 'found');
    assert.deepEqual((await readRun(await writeRun(folder, known, nodeFiles), nodeFiles)).neurons, known.neurons);
    const older = {
      ...known,
      solution: { ...known.solution, optimalSet: undefined },
      neurons: known.neurons.map((neuron) => ({ ...neuron, presence: undefined })),
    };
    const back = await readRun(await writeRun(folder, older, nodeFiles), nodeFiles);
    assert.ok(!('optimalSet' in back.solution) && back.neurons.every((neuron) => !('presence' in neuron)));
    const file = path.join(folder, 'odd.run.json');
    writeFileSync(file, JSON.stringify({ ...known, neurons: known.neurons.map((n) => ({ ...n, presence: 'often' })) }));
    await assert.rejects(readRun(file, nodeFiles), /neurons\.0\.presence/);
  });

  it('are whole or not there: a write that fails leaves the old one and nothing beside it', async () => {
    const file = path.join(folder, 'whole.json');
    await nodeFiles.writeWhole(file, 'old');
    await assert.rejects(nodeFiles.writeWhole(file, 7 as unknown as string));
    assert.equal(readFileSync(file, 'utf8'), 'old');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('that are not runs are refused with the file and the place', async () => {
    const file = path.join(folder, 'x.run.json');
    const refused = async (content: string, reason: RegExp): Promise<void> => {
      writeFileSync(file, content);
      await assert.rejects(readRun(file, nodeFiles), (error: unknown) => {
        assert.ok(error instanceof RunFileError);
        assert.match(error.message, /x\.run\.json/);
        assert.match(error.message, reason);
        return true;
      });
    };
    await refused('{"format"', /not complete JSON/);
    await refused('[]', /damaged/);
    await refused(JSON.stringify({ ...run, settings: { ...run.settings, gates: -1 } }), /settings\.gates/);
    await refused(JSON.stringify({ ...run, neurons: [{}] }), /neurons\.0/);
    await assert.rejects(readRun(path.join(folder, 'gone.run.json'), nodeFiles), /gone\.run\.json cannot be read/);
  });

  it('have names that cannot leave the folder', () => {
    for (const id of ['..', '../x', 'a/b', '', 'a.b', 'a'.repeat(81)])
      assert.throws(() => runFile(folder, id), `${id}`);
  });
});

describe('the record of a panel', () => {
  let run: RunRecord;
  before(async () => (run = await trained('penguins.csv', { model: 'gated-relu', testFraction: 0.3 })));

  it('is the whole run when it is small', () => {
    assert.deepEqual(panelRecord(run, run.rows.line.length), { record: run, rows: null });
  });

  it('is a part of its rows when it is large, with everything of each row', () => {
    const limit = 100;
    const { record, rows } = panelRecord(run, limit);
    assert.ok(rows);
    assert.equal(rows.length, limit);
    assert.equal(new Set(rows).size, limit);
    assert.equal(record.rows.line.length, limit);
    assert.ok(record.notes.length === run.notes.length + 1 && record.notes.at(-1)!.includes('333'));
    const { outputs } = run.resolved;
    const rank = (of: RunRecord, row: number): number =>
      of.rows.split.slice(0, row).filter((split) => split === 0).length;
    const bit = (on: string, row: number): number => (Buffer.from(on, 'base64')[row >> 3] >> (row & 7)) & 1;
    rows.forEach((row, i) => {
      assert.equal(record.rows.line[i], run.rows.line[row]);
      assert.equal(record.rows.split[i], run.rows.split[row]);
      assert.equal(record.rows.target[i], run.rows.target[row]);
      for (let k = 0; k < outputs; k++) {
        assert.equal(record.rows.prediction[i * outputs + k], run.rows.prediction[row * outputs + k]);
        if (record.rows.split[i] === 0)
          assert.equal(record.rows.dual[rank(record, i) * outputs + k], run.rows.dual[rank(run, row) * outputs + k]);
      }
      record.neurons.forEach((neuron, j) => assert.equal(bit(neuron.on, i), bit(run.neurons[j].on, row)));
    });
    assert.equal(record.rows.dual.length, record.rows.split.filter((split) => split === 0).length * outputs);
  });

  it('holds the most influential rows', () => {
    const { rows } = panelRecord(run, 50);
    const { outputs } = run.resolved;
    const trainRows = run.rows.split.flatMap((split, row) => (split === 0 ? [row] : []));
    const size = (rank: number): number =>
      Math.max(...run.rows.dual.slice(rank * outputs, (rank + 1) * outputs).map(Math.abs));
    const largest = trainRows.map((row, rank) => ({ row, size: size(rank) })).sort((a, b) => b.size - a.size);
    const kept = new Set(rows);
    for (const { row } of largest.slice(0, 25)) assert.ok(kept.has(row), `row ${row}`);
  });
});
