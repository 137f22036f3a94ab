import assert from 'node:assert/strict';
import { createWriteStream, readFileSync, statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { finished } from 'node:stream/promises';
import * as vscode from 'vscode';
import { commandIds } from '../../../src/shared/manifest.ts';
import type { RunRecord } from '../../../src/shared/run.ts';
import type { RunSummary } from '../../../src/shared/runSummary.ts';
import { defaultSettings } from '../../../src/shared/settings.ts';
import { figures } from './index.ts';
import { Bench, extensionFile, quick, until } from './support.ts';

/** Runs a command of the extension as another extension or a key binding would. */
function command(id: string, ...args: unknown[]): Promise<RunSummary | undefined> {
  return Promise.resolve(vscode.commands.executeCommand<RunSummary | undefined>(id, ...args));
}

describe('training by commands', () => {
  const uri = (): string => vscode.Uri.file(extensionFile('media', 'samples', 'penguins.csv')).toString();
  let first: RunSummary;

  it('trains on a sample to the asked gap', async () => {
    const run = await command(commandIds.train, { uri: uri(), settings: quick({ target: 'target' }) });
    assert.ok(run);
    assert.equal(run.status, 'optimal');
    assert.ok(run.relativeGap <= 1e-6, String(run.relativeGap));
    assert.ok(run.neurons > 0);
    first = run;
  });

  it('trains again with the same result', async () => {
    const run = await command(commandIds.trainAgain);
    assert.ok(run);
    assert.notEqual(run.id, first.id);
    assert.equal(run.objective, first.objective);
  });

  it('doubles and halves beta from the last solution', async () => {
    const doubled = await command(commandIds.doubleBeta);
    assert.ok(doubled);
    assert.equal(doubled.beta, 2 * first.beta);
    assert.equal(doubled.status, 'optimal');
    assert.ok(doubled.objective > first.objective, 'the penalty weighs more');
    const halved = await command(commandIds.halveBeta);
    assert.ok(halved);
    assert.ok(Math.abs(halved.objective - first.objective) <= 2e-6 * first.objective, 'back where it began');
  });

  it('takes beta, model, gates and seed from arguments, and refuses nonsense', async () => {
    const beta = await command(commandIds.setBeta, 3 * first.beta);
    assert.equal(beta?.beta, 3 * first.beta);
    const gated = await command(commandIds.switchModel, 'gated-relu');
    assert.equal(gated?.model, 'gated-relu');
    const gates = await command(commandIds.setGates, 20);
    const seed = await command(commandIds.setSeed, 7);
    assert.equal(gates?.status, 'optimal');
    assert.equal(seed?.status, 'optimal');
    assert.notEqual(seed?.objective, gates?.objective, 'other gates were sampled');
  });

  it('asks for the size of a model that has one, with what holds now prefilled', async () => {
    const linear = await command(commandIds.switchModel, { model: 'linear', depth: 2 });
    assert.equal(linear?.model, 'linear');
    const asked = command(commandIds.switchModel);
    // Enter on the model, Enter on its number of layers: each accepts what is there, and does nothing before it is
    let done = false;
    void asked.then(() => (done = true));
    let pressed = -Infinity;
    await until(
      () => {
        if (performance.now() < pressed + 250) return done;
        pressed = performance.now();
        void vscode.commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
        return done;
      },
      'two steps and a training',
      100_000,
    );
    const again = await asked;
    assert.equal(again?.model, 'linear');
    assert.notEqual(again?.id, linear?.id);
    assert.equal(again?.objective, linear?.objective);
  });
});

describe('training in a worker', () => {
  let bench: Bench;
  before(() => (bench = new Bench()));
  after(() => bench.dispose());

  it('keeps whole runs on disk whose numbers agree', async () => {
    const dataset = bench.sample('iris.csv');
    await bench.store.open();
    const summary = await dataset.train(quick({ target: 'target' }));
    assert.ok(summary);
    const run = JSON.parse(readFileSync(`${bench.runs}/${summary.id}.run.json`, 'utf8')) as RunRecord;
    assert.equal(run.solution.objective, summary.objective);
    assert.ok(Math.abs(run.solution.networkObjective - run.solution.objective) <= 1e-6 * run.solution.objective);
    assert.equal(run.rows.line.length, run.dataset.rowsUsed);
    assert.deepEqual(
      bench.store.list().map(({ id }) => id),
      [summary.id],
    );
    const { header, rows } = await dataset.rows([0, 1]);
    assert.equal(header.length, run.dataset.columns.length);
    const lines = readFileSync(bench.file('iris.csv'), 'utf8').split(/\r?\n/);
    assert.equal(rows[1].cells.join(','), lines[run.rows.line[1] - 1]);
  });

  it('reads the text of an editor that was not saved, and of one without a file', async () => {
    // some editors save by themselves
    await vscode.workspace.getConfiguration('files').update('autoSave', 'off', vscode.ConfigurationTarget.Global);
    const dataset = bench.sample('iris.csv');
    const document = await vscode.workspace.openTextDocument(dataset.uri);
    const whole = document.getText();
    const change = async (text: string): Promise<void> => {
      const edit = new vscode.WorkspaceEdit();
      edit.replace(dataset.uri, new vscode.Range(0, 0, document.lineCount, 0), text);
      assert.ok(await vscode.workspace.applyEdit(edit));
    };
    const { maxRows } = defaultSettings;
    const rows = async (of: typeof dataset): Promise<number | undefined> => {
      await of.train(quick({ target: 'target', model: 'gated-relu', gates: 10, maxRows }));
      return of.run?.record.dataset.rowsUsed;
    };
    await change(whole.split('\n').slice(0, 131).join('\n'));
    assert.equal(await rows(dataset), 150, 'the file as it was saved');
    await dataset.readFrom('text');
    assert.equal(await rows(dataset), 130, 'the text as it stands');
    await change(whole);
    assert.equal(await rows(dataset), 150, 'the text again');
    const untitled = await vscode.workspace.openTextDocument({ content: whole.split('\n').slice(0, 121).join('\n') });
    assert.equal(await rows(bench.dataset(untitled.uri)), 120, 'no file');
  });

  it('exports the run in every format', async () => {
    const dataset = bench.sample('iris.csv');
    const summary = await dataset.train(quick({ target: 'target' }));
    assert.ok(summary);
    const text = async (what: Parameters<typeof dataset.export>[0]): Promise<string> =>
      Buffer.from(await dataset.export(what)).toString('utf8');
    assert.equal((JSON.parse(await text('run')) as RunRecord).id, summary.id);
    assert.equal((await text('predictions')).trim().split('\n').length, 1 + dataset.run!.record.rows.line.length);
    assert.match(await text('pytorch'), /import torch/);
    assert.ok(JSON.parse(await text('json')));
    assert.ok(JSON.parse(await text('problem')));
    assert.ok((await dataset.export('onnx')).length > 200);
  });

  it('predicts on another file with the open run', async () => {
    const dataset = bench.sample('iris.csv');
    await dataset.train(quick({ target: 'target' }));
    const other = bench.sample('penguins.csv');
    await assert.rejects(dataset.predict(other.uri).done, /penguins\.csv: the network needs the columns/);
    const { csv, rows, gaps } = await dataset.predict(dataset.uri).done;
    assert.equal(csv.trim().split('\n').length, 1 + rows);
    assert.equal(gaps.count, 0);
  });

  it('turns a gated network into a ReLU network, and nothing else', async () => {
    const dataset = bench.sample('iris.csv');
    await dataset.train(quick({ target: 'target', model: 'gated-relu', gates: 20 }));
    const decomposed = await dataset.decompose().done;
    assert.ok(decomposed.objective >= decomposed.gatedObjective);
    assert.match(Buffer.from(decomposed.files.json).toString('utf8'), /"model": "relu"/);
    assert.ok(decomposed.files.onnx.length > 200);
    await dataset.train(quick({ target: 'target' }));
    await assert.rejects(dataset.decompose().done, /only a gated ReLU network/);
  });

  it('stops within a moment and keeps the best point', async () => {
    const dataset = bench.sample('spambase.csv');
    const done = dataset.train(quick({ target: '', model: 'relu', gates: 400, tolerance: 1e-12, maxRows: 1200 }));
    await until(() => dataset.trace.length > 0, 'the solver reports', 50_000);
    const before = performance.now();
    dataset.stop();
    const summary = await done;
    const milliseconds = performance.now() - before;
    figures['stop answered, run saved'] = `${milliseconds.toFixed(0)} ms`;
    assert.ok(summary);
    assert.equal(summary.status, 'cancelled');
    assert.ok(Number.isFinite(summary.objective) && summary.relativeGap > 0);
    assert.equal(dataset.state, 'done');
    assert.ok(dataset.run!.record.notes.some((note) => note.startsWith('Stopped')));
  });

  it('lets a newer request take the place of one that runs', async () => {
    const dataset = bench.sample('spambase.csv');
    const long = dataset.train(quick({ model: 'relu', gates: 400, tolerance: 1e-12, maxRows: 800 }));
    await until(() => dataset.progress !== null, 'it has begun');
    const soon = { model: 'gated-relu', gates: 20 } as const;
    const between = dataset.train(quick({ ...soon, maxRows: 400 }));
    const last = await dataset.train(quick({ ...soon, maxRows: 300 }));
    assert.equal(await between, undefined, 'what was asked in between is dropped');
    await long;
    assert.ok(last);
    assert.equal(dataset.run!.summary.id, last.id);
    assert.equal(dataset.run!.record.dataset.rowsUsed, 300);
  });

  it('re-solves previews without keeping them', async () => {
    const dataset = bench.sample('iris.csv');
    const summary = await dataset.train(quick({ target: 'target' }));
    assert.ok(summary);
    const kept = bench.store.list().length;
    const previews = [1.1, 1.2, 1.3].map((factor) => dataset.resolve(factor * summary.beta, false));
    await Promise.all(previews);
    assert.equal(dataset.run!.summary.beta, 1.3 * summary.beta);
    assert.equal(bench.store.list().length, kept);
    let before = performance.now();
    await dataset.resolve(1.5 * summary.beta, false);
    figures['beta changed by a slider, record back at the host (iris)'] =
      `${(performance.now() - before).toFixed(0)} ms`;
    before = performance.now();
    const final = await dataset.resolve(2 * summary.beta, true);
    figures['beta changed for good, run saved (iris)'] = `${(performance.now() - before).toFixed(0)} ms`;
    assert.equal(final?.beta, 2 * summary.beta);
    assert.equal(bench.store.list().length, kept + 1);
  });

  it('never blocks the extension host while a large file is read and trained on', async () => {
    const megabytes = Number(process.env.CONVEXNET_LARGE_MB ?? 54);
    const file = bench.file('large.csv');
    await writeLarge(file, megabytes * 1e6);
    const bytes = statSync(file).size;
    assert.ok(bytes > 50 * 1024 * 1024, 'larger than a text editor takes');
    const dataset = bench.dataset(vscode.Uri.file(file));
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const before = performance.now();
    delay.enable();
    const inspection = await dataset.inspect();
    const looked = performance.now() - before;
    const summary = await dataset.train(
      quick({ target: 'y', timeLimitSeconds: 1, gates: 20, maxRows: defaultSettings.maxRows }),
    );
    delay.disable();
    const seconds = (performance.now() - before) / 1000;
    assert.equal(inspection.target, 'y');
    assert.ok(summary);
    figures[`${(bytes / 1e6).toFixed(0)} MB file: first look`] = `${looked.toFixed(0)} ms`;
    figures[`${(bytes / 1e6).toFixed(0)} MB file: read and trained`] = `${seconds.toFixed(1)} s`;
    figures['pauses of the extension host meanwhile'] =
      `longest ${(delay.max / 1e6).toFixed(0)} ms, 99.9th percentile ${(delay.percentile(99.9) / 1e6).toFixed(0)} ms`;
  }).timeout(150_000);
});

/** Rows with numbers that depend on one another, so that there is something to fit; the same rows again and again. */
async function writeLarge(file: string, bytes: number): Promise<void> {
  const out = createWriteStream(file);
  out.write('a,b,c,d,e,f,y\n');
  let written = 0;
  let state = 12345;
  const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
  let block = '';
  for (let i = 0; i < 20_000; i++) {
    const x = Array.from({ length: 6 }, next);
    const y = Math.max(0, x[0] - x[1]) + x[2] * 0.5 + 0.01 * next();
    block += `${x.map((value) => value.toFixed(6)).join(',')},${y.toFixed(6)}\n`;
  }
  while (written < bytes) {
    written += block.length;
    if (!out.write(block)) await new Promise((resolve) => out.once('drain', () => resolve(null)));
  }
  out.end();
  await finished(out);
}
