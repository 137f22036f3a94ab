import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { networkFit, networkObjective } from '../../src/core/network/evaluate.ts';
import { denseMatrix, fromRows, toRows } from '../../src/core/base/linalg/matrix.ts';
import { createDatafit } from '../../src/core/problem/datafits/losses.ts';
import { randomProblem } from '../core/engine/problems.ts';
import { runProgram, runWarm, startProgram } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: unknown): string {
  const full = path.join(folder, name);
  writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content));
  return full;
}

const reference = fileURLToPath(new URL('../fixtures/reference/g06_spirals_sq.problem.json', import.meta.url));

interface Result {
  readonly format: string;
  readonly status: string;
  readonly objective: number;
  readonly dualBound: number;
  readonly relativeGap: number;
  readonly scope: string;
  readonly groups: readonly {
    readonly gate: number;
    readonly output: number;
    readonly sign: number;
    readonly vector: number[];
  }[];
  readonly gates?: number[][];
  readonly network: {
    readonly W1: number[][];
    readonly b1: number[];
    readonly w2: number[];
    readonly b2: number;
    readonly gates: number[][];
    readonly gateBias: number[];
  };
  readonly networkObjective: number;
  readonly dual: number[];
  readonly betaMax: number;
  readonly iterations: number;
  readonly seconds: number;
  readonly method: string;
}

const small = {
  format: 'convexnet-problem/1',
  X: [
    [1, 0],
    [0.6, 0.8],
    [-1, 0.2],
  ],
  y: [1, 0, 0.5],
  model: 'gated-relu',
  loss: 'squared',
  beta: 0.05,
  gates: [
    [1, 0],
    [1, 0.01],
    [-1, 0],
    [0, 1],
  ],
};

test('a solved problem: status 0, the whole result on stdout, nothing on stderr', async () => {
  const { status, stdout, stderr } = await runProgram(['solve', reference]);
  assert.equal(stderr, '');
  assert.equal(status, 0);
  const result = JSON.parse(stdout) as Result;
  assert.equal(result.format, 'convexnet-result/1');
  assert.equal(result.status, 'optimal');
  assert.ok(Math.abs(result.objective - 0.4794659262732691) < 1e-8 * result.objective);
  assert.ok(result.dualBound <= result.objective);
  assert.ok(result.relativeGap <= 1e-8);
  assert.equal(result.scope, 'given-gates');
  assert.ok(result.betaMax > 0.0107045 && result.iterations > 0 && result.seconds > 0 && result.method.length > 0);
});

test('the network and the groups of a result stand for the same function and objective', async () => {
  const out = path.join(folder, 'result.json');
  const { status, stdout } = await runWarm(['solve', file('small.json', small), '--out', out]);
  assert.equal(status, 0);
  assert.equal(stdout, '');
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.tmp')),
    [],
  );
  const result = JSON.parse(readFileSync(out, 'utf8')) as Result;
  const { W1, b1, w2, b2, gates, gateBias } = result.network;
  const network = {
    W1: fromRows(W1),
    b1: Float64Array.from(b1),
    W2: denseMatrix(w2.length, 1, Float64Array.from(w2)),
    b2: Float64Array.of(b2),
    gates: fromRows(gates),
    gateBias: Float64Array.from(gateBias),
  };
  const X = fromRows(small.X);
  const fit = networkFit(network, X);
  // gates are numbered as in the problem file, the repeated pattern not counting
  const byGroups = small.X.map((x) =>
    result.groups.reduce((sum, { gate, vector }) => {
      const on = x[0] * small.gates[gate][0] + x[1] * small.gates[gate][1] >= 0;
      return sum + (on ? x[0] * vector[0] + x[1] * vector[1] : 0);
    }, 0),
  );
  byGroups.forEach((f, r) => {
    assert.ok(Math.abs(f - fit.data[r]) < 1e-12);
    assert.ok(
      Math.abs(small.y[r] - f - result.dual[r]) < 1e-6,
      'the dual is the residual, scaled until it is feasible',
    );
  });
  // theory of weak duality: y'v - v'v/2 is a lower bound where no gate's ||X'Dv|| exceeds beta
  const value = result.dual.reduce((sum, v, r) => sum + v * small.y[r] - (v * v) / 2, 0);
  assert.ok(value >= result.dualBound && value - result.dualBound < 1e-9, `${value} ${result.dualBound}`);
  for (const gate of small.gates) {
    const rows = small.X.map((x, r) => (x[0] * gate[0] + x[1] * gate[1] >= 0 ? result.dual[r] : 0));
    const moment = [0, 1].map((k) => rows.reduce((sum, v, r) => sum + v * small.X[r][k], 0));
    assert.ok(Math.hypot(...moment) <= small.beta * (1 + 1e-12));
  }
  const datafit = createDatafit('squared', denseMatrix(3, 1, Float64Array.from(small.y)), 1);
  const objective = networkObjective(network, X, datafit, small.beta, 'per-output', 'none');
  assert.ok(Math.abs(objective - result.networkObjective) < 1e-12);
  assert.ok(Math.abs(objective - result.objective) < 1e-9);
});

test('X and y from CSV files beside the problem file', async () => {
  file('x.csv', '1,0\n0.6,0.8\n-1,0.2\n');
  file('y.csv', '1\n0\n0.5\n');
  const [inline, files] = await Promise.all([
    runWarm(['solve', file('inline.json', small)]),
    runWarm(['solve', file('files.json', { ...small, X: 'x.csv', y: 'y.csv' })]),
  ]);
  assert.equal(files.status, 0, files.stderr);
  const value = (text: string): number => (JSON.parse(text) as Result).objective;
  assert.equal(value(files.stdout), value(inline.stdout));
});

test('sampled gates come with the result', async () => {
  const problem = { ...small, gates: undefined, arrangements: { kind: 'sampled', count: 20, seed: 3 } };
  const result = JSON.parse((await runProgram(['solve', file('sampled.json', problem)])).stdout) as Result;
  assert.equal(result.scope, 'sampled');
  assert.ok(result.groups.length > 0);
  for (const { gate } of result.groups) assert.equal(result.gates?.[gate].length, 2);
});

const large = randomProblem(1, { n: 400, d: 10 });
const largeFile = file('large.json', {
  format: 'convexnet-problem/1',
  X: toRows(large.X),
  y: Array.from(large.y.data),
  model: 'gated-relu',
  loss: 'squared',
  beta: 1e-4,
  bias: 'regularized',
  tolerance: 1e-13,
  arrangements: { kind: 'sampled', count: 1500, seed: 1 },
});

test('a time limit: status 3, the best point with its gap', async () => {
  const { status, stdout } = await runProgram(['solve', largeFile, '--time-limit', '0.2']);
  assert.equal(status, 3);
  const result = JSON.parse(stdout) as Result;
  assert.equal(result.status, 'time-limit');
  assert.ok(result.relativeGap > 0);
  assert.ok(result.objective >= result.dualBound);
});

test(
  'Ctrl-C: stops soon, status 3, the best point is written; progress goes to stderr only',
  { skip: process.platform === 'win32' },
  async () => {
    const { child, done } = startProgram(['solve', largeFile, '--progress']);
    await new Promise<void>((resolve) =>
      child.stderr?.on('data', (text: string) => {
        if (text.includes('objective')) resolve();
      }),
    );
    child.kill('SIGINT');
    const { status, stdout, stderr } = await done;
    assert.equal(status, 3, stderr);
    assert.equal((JSON.parse(stdout) as Result).status, 'cancelled');
    assert.match(stderr, /objective .* gap /);
  },
);

const refused: [string, readonly string[], RegExp][] = [
  ['no command', [], /^convexnet COMMAND/],
  ['an unknown command', ['solv'], /^convexnet: there is no command "solv"\n/],
  ['a name from the prototype', ['constructor'], /^convexnet: there is no command "constructor"\n/],
  ['no file', ['solve'], /^convexnet solve: no problem file given\n/],
  ['two files', ['solve', 'a', 'b'], /^convexnet solve: one problem file at a time\n/],
  ['an unknown option', ['solve', reference, '--fast'], /^convexnet solve: Unknown option '--fast'\n[^]*--time-limit/],
  [
    'an option without its value',
    ['solve', reference, '--out'],
    /^convexnet solve: Option '--out <value>' argument missing\n/,
  ],
  [
    'threads that are no number',
    ['solve', reference, '--threads', 'two'],
    /^convexnet solve: --threads needs a non-negative number, not "two"\n$/,
  ],
  [
    'no threads',
    ['solve', reference, '--threads', '0'],
    /^convexnet solve: --threads needs a positive whole number, not "0"\n$/,
  ],
  [
    'a negative time limit',
    ['solve', reference, '--time-limit=-1'],
    /^convexnet solve: --time-limit needs a non-negative number, not "-1"\n$/,
  ],
  [
    'a file that is not there',
    ['solve', 'gone.json'],
    /^convexnet solve: cannot read gone.json: there is no such file/,
  ],
  [
    'a problem beyond the memory allowed',
    ['solve', reference, '--memory', '0.00003'],
    /^convexnet solve: .* need about .* of memory, 0\.0 MiB are allowed; .* would fit.*, or allow more memory\n$/,
  ],
  ['memory that is none', ['solve', reference, '--memory', '0'], /^convexnet solve: --memory needs a positive number/],
  [
    'an output folder that is not there',
    ['solve', reference, '--out', '/nowhere/at/all.json'],
    /^convexnet solve: --out \/nowhere\/at\/all.json: the folder \/nowhere\/at does not exist\n$/,
  ],
];
for (const [name, args, pattern] of refused) {
  test(`refused with status 2: ${name}`, async () => {
    const { status, stdout, stderr } = await runWarm(args);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, pattern);
  });
}

test('a malformed problem: status 2, one line that names file, field, row and column', async () => {
  const name = file('bad.json', {
    ...small,
    X: [
      [1, 0],
      [0.6, 'x'],
      [-1, 0.2],
    ],
  });
  const { status, stderr } = await runProgram(['solve', name]);
  assert.equal(status, 2);
  assert.equal(stderr, `convexnet solve: ${name}, X, row 2, column 2: "x" is not a finite number\n`);
});

test('a malformed CSV beside the problem: the message names that file', async () => {
  file('broken.csv', '1,0\n0.6\n');
  const { status, stderr } = await runWarm(['solve', file('broken.json', { ...small, X: 'broken.csv' })]);
  assert.equal(status, 2);
  assert.equal(stderr, 'convexnet solve: broken.csv, X, row 2: has 1 numbers, the rows before have 2\n');
});

test('help: on stdout with status 0', async () => {
  const [all, one] = await Promise.all([runProgram(['--help']), runWarm(['solve', '--help'])]);
  assert.equal(all.status, 0);
  assert.match(all.stdout, /solve {2,}/);
  assert.equal(one.status, 0);
  assert.match(one.stdout, /Exit status: 0 solved to tolerance, 2 bad input, 3 stopped/);
});
