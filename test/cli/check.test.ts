import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ensurePython } from '../../src/build/ensure.mjs';
import { toRows } from '../../src/core/base/linalg/matrix.ts';
import { randomProblem } from '../core/engine/problems.ts';
import { runProgram, runWarm } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const checker = path.resolve(import.meta.dirname, '../../media/check_proof.py');
const named = (name: string): string => path.join(folder, name);
/** What is checked does not depend on how tight the proof is. */
const briefly = ['--certify-seconds', '1'];

/** The instance has, at a lifted unit neuron, the value v'(Xu)_+ of the dual point in the proof file. */
function assertInstance(X: readonly (readonly number[])[]): void {
  const text = readFileSync(named('instance.cbf'), 'utf8');
  const [, sign, column] = /v = (-?1) times column (\d+) of 1 of a dual point/.exec(text)!;
  assert.equal(column, '1');
  const { dual } = JSON.parse(readFileSync(named('proof.json'), 'utf8')) as { readonly dual: readonly number[] };
  const d = Number(/PSDCON\n1\n(\d+)/.exec(text)![1]) - 1;
  const rows = X.map((row) => (row.length < d ? [...row, 1] : row));
  const raw = Array.from({ length: d }, (_, k) => Math.cos(3 * k + 1));
  const u = raw.map((t) => t / Math.hypot(...raw));
  const along = (row: readonly number[]): number => row.reduce((s, t, k) => s + t * u[k], 0);
  const value = rows.reduce((s, row, i) => s + Number(sign) * dual[i] * Math.max(0, along(row)), 0);
  // rows in general position: every row is a line of its own, in order
  const lifted = [
    ...u,
    ...u.flatMap((t, k) => u.slice(0, k + 1).map((s) => t * s)),
    ...rows.map((row) => Math.abs(along(row)) / Math.hypot(...row)),
  ];
  const [count, ...lines] = text.split('OBJACOORD\n')[1].split('\n\n')[0].split('\n');
  assert.equal(Number(count), lines.length);
  const found = lines.map((line) => line.split(' ').map(Number)).reduce((s, [k, c]) => s + c * lifted[k], 0);
  assert.ok(Math.abs(found - value) <= 1e-9 * (1 + Math.abs(value)), `${found} and ${value}`);
}

test('a proof file of solve and one of certify are accepted; altered or for another problem they are not', async () => {
  const { X, y } = randomProblem(11, { n: 24, d: 4, outputs: 1 }, { model: 'relu' });
  const problem = {
    format: 'convexnet-problem/1',
    model: 'relu',
    loss: 'squared',
    beta: 1.5,
    X: toRows(X),
    y: Array.from(y.data),
  };
  writeFileSync(named('problem.json'), JSON.stringify(problem));
  writeFileSync(named('other.json'), JSON.stringify({ ...problem, beta: 1.4 }));
  const solved = await runWarm([
    'solve',
    named('problem.json'),
    '--out',
    named('net.json'),
    '--certificate',
    named('proof.json'),
    '--instance',
    named('instance.cbf'),
  ]);
  assert.equal(solved.status, 0, solved.stderr);
  assertInstance(problem.X);
  const accepted = await runProgram(['check', named('net.json'), named('problem.json'), named('proof.json')]);
  assert.equal(accepted.status, 0, accepted.stderr);
  assert.match(accepted.stdout, /^accepted: objective \d.*no network of the family is below \d/);
  assert.match(accepted.stdout, /slack of the bound/);

  const certified = await runWarm([
    'certify',
    named('problem.json'),
    named('net.json'),
    '--time-limit',
    '2',
    '--out',
    named('certificate.json'),
    '--certificate',
    named('proof2.json'),
    '--instance',
    named('instance2.cbf'),
  ]);
  assert.equal(certified.status, 0, certified.stderr);
  assert.match(readFileSync(named('instance2.cbf'), 'utf8'), /^# maximum of h\(u\)[^]*\nVER\n1\n[^]*\nPSDCON\n1\n/);
  const again = await runWarm(['check', named('net.json'), named('problem.json'), named('proof2.json')]);
  assert.equal(again.status, 0, again.stderr);

  const proof = JSON.parse(readFileSync(named('proof.json'), 'utf8')) as { dual: number[] };
  proof.dual[3] *= 1.001;
  writeFileSync(named('altered.json'), JSON.stringify(proof));
  const altered = await runWarm(['check', named('net.json'), named('problem.json'), named('altered.json')]);
  assert.equal(altered.status, 2);
  assert.match(altered.stderr, /altered\.json: the proof file was altered/);
  const other = await runWarm(['check', named('net.json'), named('other.json'), named('proof.json')]);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /for another problem: its beta is 1\.5, here 1\.4/);
});

test('weights of rows are part of what is proven: both checkers take them from the problem, and no proof without them', async () => {
  const base = JSON.parse(readFileSync(named('problem.json'), 'utf8')) as { y: number[] };
  const y = base.y.map((value) => (value > 0 ? 1 : -1));
  const weights = y.map((label) => (label > 0 ? 3 : 0.5));
  writeFileSync(named('weighted.json'), JSON.stringify({ ...base, y, weights, loss: 'logistic' }));
  writeFileSync(named('unweighted.json'), JSON.stringify({ ...base, y, loss: 'logistic' }));
  const out = ['--out', named('weighted-net.json'), '--certificate', named('weighted-proof.json'), ...briefly];
  const solved = await runWarm(['solve', named('weighted.json'), ...out]);
  assert.equal(solved.status, 0, solved.stderr);
  const files = (problem: string): string[] => [
    named('weighted-net.json'),
    named(problem),
    named('weighted-proof.json'),
  ];
  const accepted = await runWarm(['check', ...files('weighted.json')]);
  assert.equal(accepted.status, 0, accepted.stderr);
  assert.equal((await runWarm(['check', ...files('unweighted.json')])).status, 2);
  const python = ensurePython({ numpy: true });
  const inPython = (problem: string): number | null => spawnSync(python, [checker, ...files(problem)]).status;
  assert.deepEqual([inPython('weighted.json'), inPython('unweighted.json')], [0, 1]);
});

test('both checkers take proofs of every loss and bias, and a file for another threshold of the Huber loss is for another problem', async () => {
  const base = JSON.parse(readFileSync(named('problem.json'), 'utf8')) as { X: number[][]; y: number[] };
  const few = { ...base, X: base.X.slice(0, 12), y: base.y.slice(0, 12) };
  const classes = few.X.map(([a, b]) => (a > 0.3 ? 2 : b > 0 ? 1 : 0));
  const python = ensurePython({ numpy: true });
  const kinds = {
    huber: { loss: 'huber', delta: 0.5, bias: 'regularized' },
    softmax: { loss: 'softmax', y: classes, bias: 'free', beta: 0.8 },
  };
  for (const [name, kind] of Object.entries(kinds)) {
    const files = [named(`${name}-net.json`), named(`${name}.json`), named(`${name}-proof.json`)];
    writeFileSync(files[1], JSON.stringify({ ...few, ...kind }));
    const solved = await runWarm(['solve', files[1], '--out', files[0], '--certificate', files[2], ...briefly]);
    assert.equal(solved.status, 0, solved.stderr);
    const accepted = await runWarm(['check', ...files]);
    assert.equal(accepted.status, 0, accepted.stderr);
    const { status, stderr } = spawnSync(python, [checker, ...files], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }
  writeFileSync(named('huber-other.json'), JSON.stringify({ ...few, ...kinds.huber, delta: 0.6 }));
  const files = [named('huber-net.json'), named('huber-other.json'), named('huber-proof.json')];
  const other = await runWarm(['check', ...files]);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /for another problem/);
  assert.equal(spawnSync(python, [checker, ...files]).status, 1);
});

test('network files carry their proof, as JSON and as ONNX in original units; both checkers take it from there', async () => {
  const rows = Array.from({ length: 30 }, (_, i) => `${10 + i},${(i % 7) * 100},${Math.abs(i - 12) + (i % 7)}`);
  writeFileSync(named('data.csv'), `a,b,y\n${rows.join('\n')}\n`);
  const files = ['--network', named('own.json'), '--onnx', named('own.onnx'), '--problem', named('own-problem.json')];
  const beta = ['--target', 'y', '--beta', '2', '--no-path', '--no-compare', '--certify-seconds', '3'];
  const trained = await runWarm(['train', named('data.csv'), ...files, ...beta, '--embed-certificate']);
  assert.equal(trained.status, 0, trained.stderr);
  for (const network of ['own.json', 'own.onnx']) {
    const { status, stdout, stderr } = await runWarm(['check', named(network), named('own-problem.json')]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^accepted: objective/);
  }
  const json = JSON.parse(readFileSync(named('own.json'), 'utf8')) as { proof: { dual: number[] }; W2: number[][] };
  json.W2[0][0] *= 1.001;
  writeFileSync(named('other-net.json'), JSON.stringify(json));
  const other = await runWarm(['check', named('other-net.json'), named('own-problem.json')]);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /the proof is for another network/);
  const bare = await runWarm(['check', named('net.json'), named('problem.json')]);
  assert.match(bare.stderr, /carries no proof/);
});

test('a proof that cannot be made takes nothing from the training, and one that cannot be embedded is said before it', async () => {
  const quick = ['--target', 'y', '--beta', '2', '--no-path', '--no-compare', '--certify-seconds', '0'];
  const out = ['--out', named('gated.json'), '--certificate', named('gated-proof.json')];
  const trained = await runWarm(['train', named('data.csv'), ...quick, ...out, '--model', 'gated-relu']);
  assert.equal(trained.status, 2);
  assert.match(trained.stderr, /proof files are for two-layer ReLU networks.*; everything else is written/);
  assert.ok(existsSync(named('gated.json')) && !existsSync(named('gated-proof.json')));
  const whitened = ['--whiten', '--onnx', named('white.onnx'), '--embed-certificate'];
  const refused = await runWarm(['train', named('data.csv'), ...quick, ...whitened]);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /whitened inputs/);
  assert.ok(!existsSync(named('white.onnx')));
});

test('the checker in Python accepts what the program accepts, and rejects every altered file', (t) => {
  const python = ensurePython({ numpy: true });
  const check = (...args: string[]): { status: number | null; text: string } => {
    const { status, stdout, stderr } = spawnSync(python, [checker, ...args], { encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };
  const accepted = check(named('net.json'), named('problem.json'), named('proof.json'));
  assert.equal(accepted.status, 0, accepted.text);
  assert.match(accepted.text, /^accepted/);
  assert.equal(check(named('own.json'), named('own-problem.json')).status, 0);
  const rejected = [
    check(named('net.json'), named('problem.json'), named('altered.json')),
    check(named('net.json'), named('other.json'), named('proof.json')),
    check(named('other-net.json'), named('own-problem.json')),
  ];
  for (const { status, text } of rejected) {
    assert.equal(status, 1);
    assert.match(text, /REJECTED/);
  }
  t.diagnostic(accepted.text.trim());
});
