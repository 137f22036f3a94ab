import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { certifyTask } from '../../src/cli/certify.ts';
import { checkFiles } from '../../src/cli/check.ts';
import { explainTask } from '../../src/cli/explain.ts';
import { inspectTask } from '../../src/cli/mcp.ts';
import { McpServer } from '../../src/cli/mcp/protocol.ts';
import { toolset } from '../../src/cli/mcp/toolset.ts';
import { predictTask } from '../../src/cli/predict.ts';
import { solveTask } from '../../src/cli/solve.ts';
import { structureTask } from '../../src/cli/structure.ts';
import { trainTask } from '../../src/cli/train.ts';
import { ProblemError } from '../../src/core/base/problemError.ts';
import type { Rng } from '../../src/core/base/rng.ts';
import { KernelMemoryError } from '../../src/core/base/kernels/kernels.ts';
import { checkProof } from '../../src/core/family/proofFile.ts';
import { networkOfJson } from '../../src/core/network/formats/jsonNetwork.ts';
import { parseProblemFile } from '../../src/core/problem/problemFile.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { readRun } from '../../src/store/runFiles.ts';
import { UsageError } from '../../src/cli/usage.ts';
import { writeComparison, writeReport } from '../../webview/report/report.ts';
import { clock, running } from '../support/sessionHarness.ts';
import { hostileText } from './inputs.ts';
import { damaged, type Figures, mutated, pick, Tally } from './tally.ts';
import { related, stateOf, writeWholeFiles } from './wholeFiles.ts';

const limit = { milliseconds: 2000 };

/** A control that ends what goes on after some processor time, so that one input cannot take longer. */
const within = (seconds: number): typeof running => {
  const until = clock() + seconds;
  return { now: clock, shouldStop: () => clock() > until };
};

/** Refused in words, as the program says it: one line without a stack; anything else that is thrown passes. */
function refusal(error: unknown): string {
  if (!(error instanceof UsageError || error instanceof ProblemError || error instanceof KernelMemoryError))
    throw error;
  return error.message;
}

/**
 * Files of every kind that commands read, one of them damaged, to each command that reads it: a finite answer or one clear line, and every file of the
 * folder as it was.
 */
export async function verbs(count: number, seed: number): Promise<Figures> {
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-verbs-'));
  const named = (name: string): string => path.join(folder, name);
  const { runs } = await writeWholeFiles(folder);
  const whole = new Map(readdirSync(folder).map((name) => [name, readFileSync(named(name), 'utf8')]));
  const data = named('data.csv');
  const finite = (text: string): string => {
    if (/\b(NaN|Infinity)\b/.test(text))
      throw new Error(`it answered with a number that is none: ${text.slice(0, 200)}`);
    return text;
  };
  const certify = async (problem: string, network: string, rng: Rng): Promise<unknown> =>
    finite((await certifyTask({ problem, network, related, seconds: 0.2, solve: rng.uniform() < 0.3, certificate: false, instance: false }, within(0.5))).text); // prettier-ignore
  const solve = async (file: string): Promise<unknown> =>
    finite((await solveTask({ file, related, threads: 1, timeLimitSeconds: 0.3, memoryBytes: 2 ** 27, certifySeconds: 0.1, certificate: false, instance: false }, within(0.5))).text); // prettier-ignore
  type Verb = readonly [reads: readonly string[], run: (files: readonly string[], rng: Rng) => unknown];
  const onRuns: readonly Verb[] = runs.flatMap((run): Verb[] => [
    [[run], async ([file]) => finite((await predictTask({ run: file, data, formulas: 'neutralize', read: {} }, within(0.5)))?.csv ?? '')], // prettier-ignore
    [[run], async ([file], rng) => finite(JSON.stringify(await explainTask({ run: file, data, lines: rng.uniform() < 0.5 ? [3] : [] }, within(0.5))) ?? '')], // prettier-ignore
    [[run], async ([file], rng) => writeReport(await readRun(file, nodeFiles), pick(rng, ['html', 'md', 'csv'] as const))], // prettier-ignore
    [[run], async ([file]) => {
      const record = await readRun(file, nodeFiles);
      return writeComparison([record, { ...record, id: 'other' }], 'md');
    }], // prettier-ignore
  ]);
  const all: readonly Verb[] = [
    ...['relu', 'linear', 'three'].flatMap((family): Verb[] => [
      [[`${family}.problem.json`, `${family}.json`], ([problem, network], rng) => certify(problem, network, rng)],
      [[`${family}.problem.json`], ([problem]) => solve(problem)],
    ]),
    [['gated.problem.json'], ([problem]) => solve(problem)],
    [['relu.problem.json'], async ([file]) => finite((await structureTask({ file, related, settings: null }, within(0.5))).text)], // prettier-ignore
    [['relu.json', 'relu.problem.json', 'relu.proof.json'], ([network, problem, proof]) => checkFiles({ network, problem, proof, allowPaths: false })], // prettier-ignore
    ...onRuns,
  ];
  let before = stateOf(folder);
  const tally = new Tally('files to the commands', count, limit);
  try {
    return await tally.each(seed, async (rng, index) => {
      const [reads, run] = all[index % all.length];
      const at = rng.integer(reads.length);
      const content = hostileText(rng, JSON.parse(whole.get(reads[at])!));
      const end = /\.[a-z]+(\.json)?$/.exec(reads[at])![0];
      const bad = named(`bad${end}`);
      writeFileSync(bad, content);
      before = stateOf(folder);
      const grown = process.memoryUsage().rss;
      try {
        await run(
          reads.map((name, k) => (k === at ? bad : named(name))),
          rng,
        );
      } finally {
        if (stateOf(folder) !== before) tally.fault(index, 'a file was changed, made or removed');
        rmSync(bad, { force: true });
        if (process.memoryUsage().rss - grown > 300 * 2 ** 20) tally.fault(index, 'took more than 300 MB');
      }
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Proof files with any number changed and a checksum made anew, as a forger would: rejected, or accepted for a bound that no network of the family is
 * below.
 */
export async function forgedProofs(count: number, seed: number): Promise<Figures> {
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-proofs-'));
  try {
    await writeWholeFiles(folder);
    const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
    const problem = parseProblemFile(read('relu.problem.json'), 'p', () => '');
    const network = networkOfJson(read('relu.json'));
    const { text } = await solveTask({ file: path.join(folder, 'relu.problem.json'), related, threads: 1, timeLimitSeconds: 5, memoryBytes: undefined, certifySeconds: 0, certificate: false, instance: false }, running); // prettier-ignore
    const solved = JSON.parse(text) as { readonly networkObjective: number };
    // the same checksum of everything: it never tells
    const same = (): string => 'x';
    const proof = { ...(JSON.parse(read('relu.proof.json')) as { problem: object }), sha256: 'x' };
    const trusted = { ...proof, problem: { ...proof.problem, sha256: 'x' } };
    return await new Tally('forged proofs', count, limit).each(seed, (rng) => {
      const { lowerBound } = checkProof(problem, network, JSON.stringify(damaged(rng, trusted)), same);
      if (!(lowerBound <= solved.networkObjective * (1 + 1e-9)))
        throw new Error(`${lowerBound} was accepted as a bound, and a network has ${solved.networkObjective}`);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lines to the server of tools for assistants, whole and damaged, naming whole and damaged files: one answer to each that asks, none with a stack, none from outside its folder. */
export async function assistantLines(count: number, seed: number): Promise<Figures> {
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-tools-'));
  const { runs } = await writeWholeFiles(folder);
  const tasks = { inspect: inspectTask, train: trainTask, predict: predictTask } as unknown as Readonly<Record<string, (input: unknown, control: typeof running) => unknown>>; // prettier-ignore
  const calls: readonly (readonly [string, Record<string, unknown>])[] = [
    ['convexnet_inspect_data', { file: 'data.csv' }],
    ['convexnet_train', { file: 'data.csv', target: 'y', options: { model: 'linear', 'certify-seconds': 0, 'time-limit': 0.2, 'no-path': true, 'no-compare': true } }], // prettier-ignore
    ['convexnet_read_verdict', { run: `./${runs[0]}` }],
    ['convexnet_compare_runs', { runs: [`./${runs[1]}`, `./${runs[2]}`] }],
    ['convexnet_predict', { run: `./${runs[0]}`, file: 'data.csv' }],
  ];
  const tally = new Tally('lines to the tools', count, { milliseconds: 4000 });
  try {
    return await tally.each(seed, async (rng, index) => {
      const [name, input] = pick(rng, calls);
      const run = pick(rng, runs);
      writeFileSync(path.join(folder, 'bad.convexrun.json'), hostileText(rng, JSON.parse(readFileSync(path.join(folder, run), 'utf8')))); // prettier-ignore
      const files = ['/etc/passwd', '../../etc/hosts', 'bad.convexrun.json', './bad.convexrun.json', '.', '', 'a\0b', '\u202e', 'no.csv', `${'a'.repeat(5000)}.csv`]; // prettier-ignore
      const given = rng.uniform() < 0.4 ? { ...input, [pick(rng, Object.keys(input))]: pick(rng, files) } : damaged(rng, input); // prettier-ignore
      const message = { jsonrpc: '2.0', id: index, method: 'tools/call', params: { name, arguments: given } };
      const line = rng.uniform() < 0.2 ? Buffer.from(mutated(rng, Buffer.from(JSON.stringify(message)))).toString() : JSON.stringify(rng.uniform() < 0.2 ? damaged(rng, message) : message); // prettier-ignore
      const before = stateOf(folder);
      const answers: string[] = [];
      const background = async ({ task, input: job }: { task: string; input: unknown }): Promise<unknown> => {
        try {
          return await tasks[task](job, within(1));
        } catch (error) {
          throw new UsageError(refusal(error));
        }
      };
      const server = new McpServer(
        { name: 'x', title: 'x', version: '1', instructions: '' },
        toolset({ root: folder, anywhere: false, runs: new Map() }, background),
        (text) => void answers.push(text),
      );
      server.receive(`${line.replaceAll('\n', ' ')}\n`);
      server.receive(`${JSON.stringify({ jsonrpc: '2.0', id: 'last', method: 'ping' })}\n`);
      // calls run side by side: what was asked is answered when as many answers are there as questions that can be told
      const until = clock() + 4;
      const asked = asks(line) ? 2 : 1;
      while (answers.length < asked && clock() < until) await new Promise((resolve) => setTimeout(resolve, 1));
      server.close();
      if (answers.length < asked) throw new Error(`no answer to ${line.slice(0, 200)}`);
      for (const text of answers) {
        if (text.includes('\\n    at ')) throw new Error(text.slice(0, 300));
        if (text.includes('root:') || text.includes('localhost')) throw new Error('it read a file outside its folder');
        if (text.length > 1e6) throw new Error(`an answer of ${text.length} characters`);
        const { result, error } = JSON.parse(text) as Answer;
        const refused = error?.message ?? (result?.isError === true ? result.content![0].text : '');
        if (refused.length > 1500) throw new Error(`a refusal of ${refused.length} characters`);
        if (text.includes('"code":-32603')) throw new Error(`an internal error: ${text.slice(0, 300)}`);
      }
      if (stateOf(folder) !== before) throw new Error('a file was changed, made or removed');
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Answer {
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text: string }[] };
  readonly error?: { readonly message: string };
}

/** Whether a line is one that a server has to answer: no notification. */
function asks(line: string): boolean {
  if (line.trim() === '') return false;
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return true;
  }
  const { jsonrpc, id, method, params } = (json ?? {}) as Record<string, unknown>;
  const valid =
    typeof json === 'object' &&
    json !== null &&
    jsonrpc === '2.0' &&
    (id === undefined || typeof id === 'string' || typeof id === 'number') &&
    (method === undefined || typeof method === 'string') &&
    (params === undefined || (typeof params === 'object' && params !== null));
  return !valid || (id !== undefined && method !== undefined);
}
