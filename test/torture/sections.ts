import { fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { type Control, uncontrolled } from '../../src/core/base/control.ts';
import { denseMatrix } from '../../src/core/base/linalg/matrix.ts';
import { createRng, type Rng } from '../../src/core/base/rng.ts';
import { readTable } from '../../src/core/data/reader.ts';
import { deepNetworkOfJson } from '../../src/core/network/formats/deepJson.ts';
import { readNetwork } from '../../src/core/network/formats/readNetwork.ts';
import { onnxModel } from '../../src/core/network/formats/writeOnnx.ts';
import type { TwoLayerNetwork } from '../../src/core/network/network.ts';
import { parseProblemFile } from '../../src/core/problem/problemFile.ts';
import { inspectTable } from '../../src/session/inspection.ts';
import { predictOn } from '../../src/session/predictOn.ts';
import { fromLabSchema, labRequestSchema } from '../../src/shared/lab.ts';
import { fromPanelSchema } from '../../src/shared/protocol.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { runFault, runOfJson } from '../../src/shared/runSchema.ts';
import { summarizeRun } from '../../src/shared/runSummary.ts';
import { defaultSettings } from '../../src/shared/settings.ts';
import { trainSettingsSchema } from '../../src/shared/settingsSchema.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { readRun, runFile, RunFileError } from '../../src/store/runFiles.ts';
import { SharedStops } from '../../src/shared/stopFlag.ts';
import { RunFolder } from '../../src/store/runFolder.ts';
import { assertCounted, damagedText, tableTexts } from '../support/damagedTable.ts';
import { memorySource } from '../support/memorySource.ts';
import { testSession } from '../support/sessionHarness.ts';
import { extremeTraining, tableText } from './inputs.ts';
import { damaged, type Figures, mutated, pick, Tally } from './tally.ts';

const root = path.resolve(import.meta.dirname, '../..');
const fixture = (...parts: string[]): string => path.join(root, 'test/fixtures', ...parts);
const names = ['penguins', 'diabetes', 'co2_1d', 'xor_2d'];
const now = (): number => performance.now() / 1000;

function temporary(): string {
  return mkdtempSync(path.join(tmpdir(), 'convexnet-torture-'));
}

/** Tables that were made up and samples that were damaged: read, looked through, and written out as the editor's form gets them. */
export function tables(count: number, seed: number): Promise<Figures> {
  const samples = readdirSync(path.join(root, 'media/samples')).filter((name) => name.endsWith('.csv'));
  const bytes = samples.map((name) => readFileSync(path.join(root, 'media/samples', name)).subarray(0, 20_000));
  return new Tally('tables', count, { milliseconds: 5000 }).each(seed, async (rng) => {
    const content = rng.uniform() < 0.6 ? tableText(rng) : mutated(rng, pick(rng, bytes));
    const table = await readTable(memorySource(content), { headRows: 2000, maxRows: pick(rng, [0, 10]) }, uncontrolled);
    JSON.stringify(inspectTable(table, content.length));
  });
}

/** Tables as people have them, their characters, cells and lines damaged: every row is read or counted, or the file is refused. */
export function damagedTables(count: number, seed: number): Promise<Figures> {
  const texts = tableTexts();
  return new Tally('damagedTables', count, { milliseconds: 2000 }).each(seed, async (rng) => {
    const text = damagedText(rng, texts);
    const source = memorySource(Buffer.from(text, 'latin1'), { chunk: 1 + rng.integer(500) });
    assertCounted(await readTable(source, {}, uncontrolled), text);
  });
}

function networkFiles(): { readonly name: string; readonly bytes: Uint8Array }[] {
  const rng = createRng(3);
  const draw = (size: number): Float64Array => Float64Array.from({ length: size }, () => rng.normal());
  const network: TwoLayerNetwork = {
    W1: denseMatrix(4, 3, draw(12)),
    b1: draw(4),
    W2: denseMatrix(4, 2, draw(8)),
    b2: draw(2),
  };
  const text = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  const rows = (m: TwoLayerNetwork['W1']): number[][] => Array.from({ length: m.rows }, (_, i) => Array.from(m.data.subarray(i * m.cols, (i + 1) * m.cols))); // prettier-ignore
  const plain = { W1: rows(network.W1), b1: [...network.b1], W2: rows(network.W2), b2: [...network.b2] };
  const outer = [0, 1].map((k) => [0, 1, 2, 3].map((j) => network.W2.data[j * 2 + k]));
  const state = { '0.weight': plain.W1, '0.bias': plain.b1, '2.weight': outer, '2.bias': plain.b2 };
  const tensors = Object.entries({ '0.weight': [4, 3], '0.bias': [4], '2.weight': [2, 4], '2.bias': [2] });
  let at = 0;
  const header = Object.fromEntries(
    tensors.map(([name, shape]) => {
      const size = 4 * shape.reduce((a, b) => a * b, 1);
      return [name, { dtype: 'F32', shape, data_offsets: [at, (at += size)] }];
    }),
  );
  const head = text(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  const body = Buffer.from(Float32Array.from({ length: at / 4 }, () => rng.normal()).buffer);
  const options = { inputs: ['a', 'b', 'c'], outputs: ['y', 'z'], description: '', producerVersion: '1' };
  const branch = { W1: [[1, 2], [3, 4], [0, 1]], b1: [0, 0], w2: [1, -1], w3: 2, output: 0 }; // prettier-ignore
  return [
    { name: 'n.onnx', bytes: onnxModel(network, options) },
    { name: 'n.onnx', bytes: onnxModel(network, { ...options, precision: 'single' }) },
    { name: 'n.safetensors', bytes: Buffer.concat([length, head, body]) },
    { name: 'n.json', bytes: text(plain) },
    { name: 'n.json', bytes: text(state) },
    { name: 'deep.json', bytes: text({ inputs: 3, outputs: 1, m1: 2, branches: [branch] }) },
    {
      name: 'deep.json',
      bytes: text({ inputs: 3, outputs: 2, depth: 2, chains: [{ layers: [[[1], [2], [3]], [[1, 2]]] }] }),
    },
  ];
}

/** Network files of every format, damaged as bytes and, where they are JSON, as values. */
export function networks(count: number, seed: number): Promise<Figures> {
  const files = networkFiles();
  return new Tally('networks', count, { milliseconds: 2000 }).each(seed, (rng) => {
    const { name, bytes } = pick(rng, files);
    const json = name.endsWith('.json') && rng.uniform() < 0.6;
    const content = json
      ? Buffer.from(JSON.stringify(damaged(rng, JSON.parse(Buffer.from(bytes).toString()))))
      : mutated(rng, bytes);
    if (name === 'deep.json') {
      const deep = deepNetworkOfJson(Buffer.from(content).toString());
      if (deep !== undefined) return;
    }
    const { W1, b1, W2, b2 } = readNetwork(content, rng.uniform() < 0.2 ? 'n' : name);
    for (const data of [W1.data, b1, W2.data, b2])
      if (!data.every((value) => Number.isFinite(value))) throw new Error('weights that are not finite were read');
  });
}

/** A few rows that the network of a run can read. */
function dataFor({ scaling }: RunRecord): string {
  const inputs = [...new Map(scaling.inputs.map((input) => [input.column, input])).values()];
  const cells = inputs.map(({ category, date, mean }) => category ?? (date === true ? '2020-01-02' : String(mean)));
  return `${[...inputs.map(({ column }) => JSON.stringify(column)), 'more'].join(',')}\n${[...cells, 'x'].join(',')}\n`;
}

/** Problem files and run files, damaged: parsed, and runs that are taken predict finite numbers. */
export function files(count: number, seed: number): Promise<Figures> {
  const folder = temporary();
  const problems = readdirSync(fixture('reference'))
    .filter((name) => name.endsWith('.problem.json'))
    .map((name) => JSON.parse(readFileSync(fixture('reference', name), 'utf8')) as unknown);
  const runs = names.map((name) => readFileSync(fixture('runs', `${name}.json`), 'utf8'));
  const file = path.join(folder, 'x.run.json');
  return new Tally('problem and run files', count, { milliseconds: 5000 })
    .each(seed, async (rng, index) => {
      const original = index % 2 === 0 ? pick(rng, problems) : (JSON.parse(pick(rng, runs)) as unknown);
      const whole = Buffer.from(JSON.stringify(damaged(rng, original)));
      const content = rng.uniform() < 0.3 ? mutated(rng, whole) : whole;
      if (index % 2 === 0) {
        const refuse = (): string => {
          throw new Error('there are no other files here');
        };
        parseProblemFile(Buffer.from(content).toString(), 'p.json', refuse);
        return;
      }
      writeFileSync(file, content);
      const run = await readRun(file, nodeFiles);
      const predicted = await predictOn(run, memorySource(dataFor(original as RunRecord)), uncontrolled);
      if (/NaN|Infinity|undefined/.test(predicted!.csv)) throw new Error('a prediction that is not a number');
    })
    .finally(() => rmSync(folder, { recursive: true, force: true }));
}

const messagesToDamage: readonly unknown[] = [
  { type: 'ready' },
  { type: 'setBeta', beta: 0.1, final: true },
  { type: 'setModel', model: 'linear', depth: 3, outputPenalty: 'frobenius' },
  { type: 'openRun', id: 'abc' },
  { type: 'revealRow', index: 3 },
  { type: 'requestRows', requestId: 1, indices: [1, 2, 3] },
  { type: 'export', what: 'onnx' },
  { type: 'saveFile', name: 'a.svg', content: '<svg/>', encoding: 'utf8' },
  { type: 'saveTable', name: 'a.csv', header: ['a'], rows: [[1], ['b']] },
  { type: 'revealLine', line: 4 },
  { type: 'exportRecord', page: 'flow' },
  { type: 'run', request: { page: 'flow', settings: {} } },
  defaultSettings,
];

/** What a page or a settings file may send: whatever it is, it is answered by yes or no, and what is taken holds finite numbers. */
export function messages(count: number, seed: number): Promise<Figures> {
  const schemas: readonly v.GenericSchema[] = [fromPanelSchema, fromLabSchema, labRequestSchema, trainSettingsSchema];
  return new Tally('messages', count, { milliseconds: 1000 }).each(seed, (rng) => {
    const message = rng.uniform() < 0.05 ? pick(rng, [null, 7, 'x', [], {}, undefined, NaN]) : damaged(rng, pick(rng, messagesToDamage)); // prettier-ignore
    for (const schema of schemas) {
      const parsed = v.safeParse(schema, message);
      if (parsed.success && /:(null|1e\+?999)/.test(JSON.stringify(parsed.output)))
        throw new Error(`taken with a number that is none: ${JSON.stringify(parsed.output).slice(0, 200)}`);
    }
    if (!('fault' in runOfJson(structuredClone(message)))) throw new Error('a message was taken for a run');
  });
}

/** Trainings on extreme numbers: finite or refused, within their limits; some are stopped on the way. */
export async function trainings(count: number, seed: number): Promise<Figures> {
  // reading, baselines, path, comparison and proof each have limits of about a second
  const tally = new Tally('trainings', count, { milliseconds: 25_000 });
  return tally.each(seed, async (rng, index) => {
    const { csv, settings } = extremeTraining(rng);
    const stopAfter = rng.uniform() < 0.3 ? rng.uniform() * 1.5 : Infinity;
    const started = now();
    let stopped: NodeJS.CpuUsage | undefined;
    const control: Control = {
      now,
      shouldStop: () => {
        if (now() - started < stopAfter) return false;
        stopped ??= process.cpuUsage();
        return true;
      },
    };
    try {
      const run = await testSession(memorySource(csv)).train(
        settings,
        { progress: () => undefined, record: () => undefined },
        control,
      );
      const fault = runFault(run);
      if (fault !== undefined) throw new Error(`a run that is not finite: ${fault.field}: ${fault.reason}`);
    } finally {
      if (stopped !== undefined) {
        const { user, system } = process.cpuUsage(stopped);
        tally.stop = Math.max(tally.stop ?? 0, (user + system) / 1000);
        if ((user + system) / 1000 > 5000) tally.fault(index, 'worked on for more than 5 s after a stop');
      }
    }
  });
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

function folderStore(folder: string, keep = 0): RunFolder {
  const load = async (id: string) => ({ summary: summarizeRun(await readRun(runFile(folder, id), nodeFiles)) });
  const log = { warn: () => undefined, error: () => undefined };
  return new RunFolder(folder, { files: nodeFiles, load, keep: () => keep, log, changed: () => undefined });
}

async function checkFolder(folder: string, said: readonly string[]): Promise<void> {
  const store = folderStore(folder);
  await store.open();
  if (store.unreadable.length > 0) throw new Error(`not readable after a kill: ${store.unreadable[0].reason}`);
  for (const id of said) if (!store.get(id)) throw new Error(`the run ${id} was said to be written and is not there`);
}

/** Processes that write runs, killed at any moment. */
export function storeKills(count: number, seed: number): Promise<Figures> {
  return new Tally('kills of the store', count, { milliseconds: 60_000 }).each(seed, async (rng) => {
    const folder = temporary();
    const child = fork(path.join(root, 'test/support/writeRuns.ts'), [folder, 'run'], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }); // prettier-ignore
    const said: string[] = [];
    const enough = 1 + rng.integer(8);
    child.on('message', (id: string) => {
      said.push(id);
      if (said.length === enough) setTimeout(() => child.kill('SIGKILL'), rng.uniform() * 12);
    });
    await ended(child);
    await checkFolder(folder, said);
    rmSync(folder, { recursive: true, force: true });
  });
}

/** The command line, killed while it reads, trains or writes: the data file is as it was, and the run is whole, the old one or not there. */
export function commandKills(count: number, seed: number): Promise<Figures> {
  const program = path.join(root, 'dist/cli.js');
  if (!existsSync(program)) throw new Error(`${program} is not there: run "npm run build" first`);
  return new Tally('kills of the command line', count, { milliseconds: 60_000 }).each(seed, async (rng) => {
    const folder = temporary();
    const data = path.join(folder, 'data.csv');
    const out = path.join(folder, 'out.json');
    const content = readFileSync(path.join(root, 'media/samples/xor_2d.csv'));
    writeFileSync(data, content);
    const old = readFileSync(fixture('runs', 'xor_2d.json'));
    if (rng.uniform() < 0.5) writeFileSync(out, old);
    const args = ['train', data, '--out', out, '--time-limit', '1', '--certify-seconds', '0'];
    const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' });
    const signal = pick(rng, ['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const);
    const timer = setTimeout(() => child.kill(signal), rng.uniform() * 4000);
    const hung = setTimeout(() => child.kill('SIGKILL'), 120_000);
    await ended(child);
    clearTimeout(timer);
    clearTimeout(hung);
    if (!readFileSync(data).equals(content)) throw new Error('the data file was changed');
    if (existsSync(out)) await readRun(out, nodeFiles);
    rmSync(folder, { recursive: true, force: true });
  });
}

/** A disk that is full (files may not grow) and places that cannot be written: one line, and what was there stays. */
export function diskFull(count: number, seed: number): Promise<Figures> {
  const program = path.join(root, 'dist/cli.js');
  if (process.platform === 'win32') throw new Error('limits of file sizes need a POSIX shell');
  return new Tally('disk full, not writable', count, { milliseconds: 60_000 }).each(seed, async (rng, index) => {
    const folder = temporary();
    const out = path.join(folder, 'out.json');
    const old = Buffer.from('{"old": true}');
    writeFileSync(out, old);
    const place = index % 2 === 0 ? out : '/proc/self/out.json';
    const limit = index % 2 === 0 ? `trap '' XFSZ; ulimit -f ${1 + rng.integer(8)};` : '';
    const args = ['train', path.join(root, 'media/samples/xor_2d.csv'), '--out', place, '--time-limit', '1', '--certify-seconds', '0']; // prettier-ignore
    const child = spawn('bash', ['-c', `${limit} exec "$@"`, 'bash', process.execPath, program, ...args], { cwd: folder, env: { ...process.env, TMPDIR: folder, HOME: folder }, stdio: ['ignore', 'ignore', 'pipe'] }); // prettier-ignore
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const code = await ended(child);
    if (code === 0) throw new Error('it said that all was written');
    if (code === null || code === 1 || said.includes('    at '))
      throw new Error(`ended with ${code}: ${said.slice(0, 300)}`);
    if (!readFileSync(out).equals(old)) throw new Error('the file that was there is gone or changed');
    // nor where it would have been kept instead
    const left = readdirSync(folder);
    if (left.length > 1) throw new Error(`left behind: ${left.join(', ')}`);
    rmSync(folder, { recursive: true, force: true });
    throw new RunFileError(said.slice(0, 100)); // refused, which is what this counts
  });
}

/** Two windows that train, name, pin, delete, bring back, prune and list in any order and at the same time. */
export function twoWindows(count: number, seed: number): Promise<Figures> {
  const template = JSON.parse(readFileSync(fixture('runs', 'xor_2d.json'), 'utf8')) as RunRecord;
  return new Tally('two windows', count, { milliseconds: 60_000 }).each(seed, async (rng) => {
    const folder = temporary();
    const keep = 4;
    const windows = [folderStore(folder, keep), folderStore(folder, keep)];
    await Promise.all(windows.map((window) => window.open()));
    const pinned = new Set<string>();
    const label = new Map<string, string>();
    let next = 0;
    const act = async (window: RunFolder): Promise<void> => {
      const listed = window.list().filter(({ id }) => existsSync(runFile(folder, id)));
      const some = listed.length > 0 ? pick(rng, listed) : undefined;
      const kind = rng.integer(6);
      if (kind <= 1 || some === undefined) {
        const run = {
          ...template,
          id: `run-${next++}`,
          createdAt: new Date(rng.integer(2 ** 31) * 1000).toISOString(),
        };
        writeFileSync(runFile(folder, run.id), JSON.stringify(run));
        await window.add(summarizeRun(run));
        if (!window.get(run.id)) throw new Error('the run just trained is not listed');
      } else if (kind === 2) {
        await window.pin(some.id, true);
        pinned.add(some.id);
      } else if (kind === 3) {
        await window.rename(some.id, `name ${next}`);
        label.set(some.id, `name ${next}`);
      } else if (kind === 4) {
        const restore = await window.remove(some.id);
        await pick(rng, windows).open();
        await restore();
      } else await window.open();
    };
    for (let step = 0; step < 25; step++) {
      if (rng.uniform() < 0.3) await Promise.all([pick(rng, windows).open(), act(pick(rng, windows))]);
      else await act(pick(rng, windows));
    }
    const third = folderStore(folder);
    await third.open();
    if (third.unreadable.length > 0) throw new Error(third.unreadable[0].reason);
    for (const id of pinned) if (third.get(id)?.pinned !== true) throw new Error(`the pinned run ${id} is gone`);
    for (const { id, label: shown } of third.list()) {
      const given = label.get(id);
      if (given !== undefined && shown !== given) throw new Error(`the name of ${id} is ${shown}, not ${given}`);
    }
    rmSync(folder, { recursive: true, force: true });
  });
}

/** Worker threads of the editor, ended while they read, train or write. */
export function workerKills(count: number, seed: number): Promise<Figures> {
  const program = path.join(root, 'dist/worker.js');
  if (!existsSync(program)) throw new Error(`${program} is not there: run "npm run build" first`);
  return new Tally('kills of the worker', count, { milliseconds: 60_000 }).each(seed, async (rng: Rng) => {
    const { Worker } = await import('node:worker_threads');
    const { proxy, wrap } = await import('comlink');
    const { default: nodeEndpoint } = await import('comlink/dist/umd/node-adapter.js');
    const folder = temporary();
    mkdirSync(path.join(folder, 'runs'));
    const runs = path.join(folder, 'runs');
    const data = path.join(root, 'media/samples/xor_2d.csv');
    const worker = new Worker(program, { workerData: { folder: runs } });
    const api = wrap<import('../../src/worker/api.ts').WorkerApi>(nodeEndpoint(worker));
    const settings = { ...defaultSettings, timeLimitSeconds: 2, certifySeconds: 0.5, path: { points: 3, smallest: 0.1 }, compare: { ...defaultSettings.compare, enabled: false } }; // prettier-ignore
    const said: string[] = [];
    await api.open({ uri: `file://${data}`, name: 'xor_2d.csv', path: data }, null);
    const listener = proxy({ progress: () => undefined, record: () => undefined, stored: () => undefined });
    const trained = api.train(new SharedStops().begin(), settings, listener).then(({ value, unsaved }) => {
      if (value && unsaved === undefined) said.push(value.id);
    });
    await Promise.race([trained, wait(rng.uniform() * 1500)]);
    await worker.terminate();
    await checkFolder(runs, said);
    rmSync(folder, { recursive: true, force: true });
  });
}
