import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RunRecord } from '../../src/shared/run.ts';
import { runDigest } from '../../src/shared/runDigest.ts';
import { samplesFolder } from '../support/memorySource.ts';
import { runProgram } from './program.ts';

const program = process.env.CONVEXNET_CLI ?? fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-mcp-'));
const inside = path.join(folder, 'data');

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A client: asks, and collects what comes back. */
class Client {
  readonly heard: Answer[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private next = 1;

  constructor() {
    this.child = spawn(process.execPath, [program, 'mcp'], { cwd: inside, stdio: ['pipe', 'pipe', 'inherit'] });
    this.ended = new Promise((resolve) => this.child.on('close', resolve));
    let rest = '';
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const answer = JSON.parse(line) as Answer;
        this.heard.push(answer);
        this.waiting.get(answer.id ?? -1)?.(answer);
      }
    });
  }

  write(text: string): void {
    this.child.stdin!.write(text);
  }

  ask(method: string, params?: object): Promise<Answer> {
    const id = this.next++;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    this.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    return answered;
  }

  async call(name: string, input: object): Promise<{ readonly text: string; readonly isError: boolean }> {
    const { result, error } = await this.ask('tools/call', {
      name,
      arguments: input,
      _meta: { progressToken: 'told' },
    });
    assert.equal(error, undefined);
    const { content, isError = false } = result as { content: [{ type: string; text: string }]; isError?: boolean };
    return { text: content[0].text, isError };
  }
}

const options = { model: 'gated-relu', gates: 20, 'no-path': true, compare: false, 'certify-seconds': 0 };

describe('convexnet mcp', () => {
  let client: Client;
  let trained: Readonly<Record<string, unknown>>;
  before(() => {
    mkdirSync(inside);
    copyFileSync(path.join(samplesFolder, 'iris.csv'), path.join(inside, 'iris.csv'));
    writeFileSync(path.join(folder, 'secret.csv'), 'a,b\n1,2\n3,4\n');
    symlinkSync(path.join(folder, 'secret.csv'), path.join(inside, 'link.csv'));
    client = new Client();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('greets in the version that it is spoken to in, and lists its tools with schemas', async () => {
    const hello = await client.ask('initialize', { protocolVersion: '2025-03-26', capabilities: {} });
    assert.equal(hello.result?.protocolVersion, '2025-03-26');
    client.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    const { result } = await client.ask('tools/list');
    const listed = result!.tools as { name: string; inputSchema: { type: string }; annotations: object }[];
    assert.deepEqual(
      listed.map(({ name }) => name),
      [
        'convexnet_inspect_data',
        'convexnet_train',
        'convexnet_read_verdict',
        'convexnet_compare_runs',
        'convexnet_predict',
      ],
    );
    assert.ok(listed.every(({ inputSchema }) => inputSchema.type === 'object'));
  });

  it('inspects, trains and tells of it, with the numbers that the command line has', async () => {
    const found = JSON.parse((await client.call('convexnet_inspect_data', { file: 'iris.csv' })).text) as {
      target: string;
    };
    assert.equal(found.target, 'target');
    const { text, isError } = await client.call('convexnet_train', { file: 'iris.csv', options });
    assert.equal(isError, false, text);
    trained = JSON.parse(text) as typeof trained;
    assert.ok(client.heard.some(({ method }) => method === 'notifications/progress'));
    const out = path.join(folder, 'same.json');
    const line = (trained.commandLine as string).split(' ').slice(2);
    const { status } = await runProgram(['train', path.join(inside, line[0]), ...line.slice(1), '--out', out]);
    assert.equal(status, 0);
    const digest = runDigest(JSON.parse(readFileSync(out, 'utf8')) as RunRecord);
    const { run: id } = trained;
    assert.deepEqual(trained, JSON.parse(JSON.stringify({ ...digest, run: id })));
    const again = await client.call('convexnet_read_verdict', { run: id as string });
    assert.equal(again.text, text);
  });

  it('compares and predicts', async () => {
    const other = await client.call('convexnet_train', { file: 'iris.csv', options: { ...options, gates: 30 } });
    const runs = [trained.run, (JSON.parse(other.text) as typeof trained).run];
    const { text } = await client.call('convexnet_compare_runs', { runs });
    const compared = JSON.parse(text) as {
      differingSettings: { name: string; values: number[] }[];
      pairedOnTestRows: { paired: { rows: number; difference: number } }[];
    };
    assert.deepEqual(compared.differingSettings.find(({ name }) => name === 'gates')?.values, [20, 30]);
    assert.equal(compared.pairedOnTestRows[0].paired.rows, 30);
    const predicted = JSON.parse(
      (await client.call('convexnet_predict', { run: trained.run, file: 'iris.csv' })).text,
    ) as { csv: string; rows: number };
    assert.equal(predicted.rows, 150);
    assert.match(predicted.csv, /^line,/);
  });

  it('says what is wrong with a call, and reads nothing outside its folder', async () => {
    const wrong: [string, object, RegExp][] = [
      ['convexnet_train', { file: 'iris.csv', options: { depht: 3 } }, /there is no option "depht"/],
      ['convexnet_train', { file: 'iris.csv', options: { gates: 'many' } }, /--gates needs a number/],
      ['convexnet_train', { file: 'iris.csv', target: 'color' }, /color/],
      ['convexnet_inspect_data', { file: '../secret.csv' }, /not below the folder/],
      ['convexnet_train', { file: 'iris.csv', options: { test: '../secret.csv' } }, /not below the folder/],
      ['convexnet_inspect_data', { file: path.join(folder, 'secret.csv') }, /not below the folder/],
      ['convexnet_inspect_data', { file: 'link.csv' }, /not below the folder/],
      ['convexnet_inspect_data', { file: 'gone.csv' }, /cannot read/],
      ['convexnet_inspect_data', {}, /file/],
      ['convexnet_read_verdict', { run: 'nothing' }, /there is no run nothing/],
      ['convexnet_compare_runs', { runs: [trained.run] }, /runs/],
    ];
    for (const [name, input, expected] of wrong) {
      const { text, isError } = await client.call(name, input);
      assert.equal(isError, true, `${name} ${JSON.stringify(input)}: ${text}`);
      assert.match(text, expected);
    }
    assert.equal((await client.ask('tools/call', { name: 'rm' })).error?.code, -32602);
    assert.equal((await client.ask('resources/list')).error?.code, -32601);
    client.write('not json\n[]\n');
    assert.deepEqual((await client.ask('ping')).result, {});
    assert.deepEqual(
      client.heard.flatMap(({ error }) => (error && error.code < -32602 && error.code !== -32601 ? [error.code] : [])),
      [-32700],
    );
  });

  it('stops a training that is cancelled, and ends with its input', async () => {
    const id = 900;
    const call = {
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: {
        name: 'convexnet_train',
        arguments: { file: 'iris.csv', options: { epochs: 1_000_000, 'time-limit': 600 } },
        _meta: { progressToken: 'long' },
      },
    };
    client.write(`${JSON.stringify(call)}\n`);
    const from = client.heard.length;
    const wait = async (holds: () => boolean): Promise<void> => {
      const end = Date.now() + 60_000;
      while (!holds()) {
        assert.ok(Date.now() < end, 'not within a minute');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await wait(() => client.heard.slice(from).some(({ method }) => method === 'notifications/progress'));
    client.write(
      `${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } })}\n`,
    );
    await wait(() => client.heard.some((answer) => answer.id === id));
    client.child.stdin!.end();
    assert.equal(await client.ended, 0);
  });
});
