import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { onnxModel } from '../../src/core/network/formats/writeOnnx.ts';
import { denseMatrix } from '../../src/core/base/linalg/matrix.ts';
import { readNetwork } from '../../src/core/network/formats/readNetwork.ts';
import { createRng } from '../../src/core/base/rng.ts';
import { runProgram, runWarm } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: unknown): string {
  const full = path.join(folder, name);
  writeFileSync(full, content instanceof Uint8Array || typeof content === 'string' ? content : JSON.stringify(content));
  return full;
}

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/reference/${name}`, import.meta.url));
const problem = fixture('global_t06_rand_n12_d3.problem.json');
const { objective: optimum } = JSON.parse(readFileSync(fixture('global_t06_rand_n12_d3.expected.json'), 'utf8')) as {
  objective: number;
};

interface Certificate {
  readonly format: string;
  readonly objective: number;
  readonly balancedObjective: number;
  readonly mergedObjective: number;
  readonly neurons: number;
  readonly mergedNeurons: number;
  readonly notes?: readonly string[];
  readonly lowerBound: number;
  readonly relativeGap: number;
  readonly atMostPercentAbove: number;
  readonly proof: string;
  readonly maxDualConstraint: number;
  readonly searchEstimate: number;
  readonly bestFound?: number;
  readonly suggestedNeuron?: {
    readonly direction: number[];
    readonly bias: number;
    readonly sign: number;
    readonly output: number;
    readonly outer: number[];
    readonly size: number;
    readonly decrease: number;
  };
  readonly summary: string;
  readonly network: { readonly W1: number[][]; readonly b1: number[]; readonly w2: number[]; readonly b2: number };
}

async function certify(...args: string[]): Promise<Certificate> {
  const { status, stdout, stderr } = await runWarm(['certify', ...args]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Certificate;
}

const solved = path.join(folder, 'solved.json');
let optimal: Promise<Certificate['network']> | undefined;
/** Solved once, into the file that tests read. */
const optimalNetwork = (): Promise<Certificate['network']> => (optimal ??= solvedNetwork());
async function solvedNetwork(): Promise<Certificate['network']> {
  const { status, stderr } = await runWarm(['solve', problem, '--out', solved]);
  assert.equal(status, 0, stderr);
  return (JSON.parse(readFileSync(solved, 'utf8')) as { network: Certificate['network'] }).network;
}

test('the optimum is proven to be one', async () => {
  await optimalNetwork();
  const c = await certify(problem, solved);
  assert.equal(c.format, 'convexnet-certificate/1');
  assert.equal(c.proof, 'exact');
  assert.ok(Math.abs(c.objective - optimum) <= 1e-8 * optimum);
  assert.ok(Math.abs(c.lowerBound - optimum) <= 1e-6 * optimum);
  assert.ok(c.lowerBound <= c.mergedObjective);
  assert.equal(c.suggestedNeuron, undefined);
  assert.match(c.summary, /above the best possible/);
});

test('a split and unbalanced optimum is put together again, from JSON and from ONNX', async () => {
  const { W1, w2 } = await optimalNetwork();
  // every neuron as two of different scale
  const split = {
    W1: W1.flatMap((w) => [w.map((x) => 5 * x), w.map((x) => 0.1 * x)]),
    b1: W1.flatMap(() => [0, 0]),
    w2: w2.flatMap((a) => [0.3 * (a / 5), 0.7 * (a / 0.1)]),
    b2: 0,
  };
  const name = file('split.json', split);
  const onnx = file(
    'split.onnx',
    onnxModel(readNetwork(readFileSync(name), name), {
      inputs: ['a', 'b', 'c'],
      outputs: ['y'],
      description: '',
      producerVersion: '1',
    }),
  );
  for (const network of [name, onnx]) {
    const c = await certify(problem, network);
    assert.equal(c.neurons, 2 * W1.length);
    assert.equal(c.mergedNeurons, W1.length);
    assert.ok(c.objective > 1.5 * optimum);
    assert.ok(c.balancedObjective <= c.objective && c.mergedObjective <= c.balancedObjective * (1 + 1e-12));
    assert.ok(Math.abs(c.mergedObjective - optimum) <= 1e-8 * optimum);
    assert.ok(c.relativeGap < 1e-6);
  }
});

test('a network as gradient descent leaves it: valid bounds, and the suggested neuron brings what it says', async () => {
  const { W1, w2 } = await optimalNetwork();
  const rng = createRng(2);
  const poor = { W1: W1.map((w) => w.map((x) => x + 0.3 * rng.normal())), w2: w2.map((a) => 0.8 * a) };
  const name = file('poor.json', poor);
  const own = await certify(problem, name, '--no-solve');
  assert.equal(own.bestFound, undefined);
  assert.ok(own.lowerBound <= optimum * (1 + 1e-9));
  assert.ok(own.mergedObjective >= optimum);
  assert.ok(own.maxDualConstraint >= own.searchEstimate);
  const neuron = own.suggestedNeuron!;
  assert.ok(neuron.decrease > 0);
  const root = Math.sqrt(neuron.size);
  const grown = {
    W1: [...own.network.W1, neuron.direction.map((x) => root * x)],
    w2: [...own.network.w2, neuron.sign * root],
  };
  const after = await certify(problem, file('grown.json', grown), '--no-solve');
  assert.ok(Math.abs(after.objective - (own.mergedObjective - neuron.decrease)) <= 1e-9 * own.mergedObjective);

  const better = await certify(problem, name);
  assert.ok(Math.abs(better.bestFound! - optimum) <= 1e-6 * optimum);
  assert.ok(better.lowerBound >= optimum * (1 - 1e-6) && better.lowerBound <= optimum * (1 + 1e-9));
  const percent = (100 * (better.mergedObjective - better.lowerBound)) / better.lowerBound;
  assert.ok(Math.abs(better.atMostPercentAbove - percent) <= 1e-9 * percent);
});

test('several outputs with plain weight decay: solved, certified, and a poor network is told the neuron that it lacks', async () => {
  const rng = createRng(6);
  const X = Array.from({ length: 20 }, () => [rng.normal(), rng.normal()]);
  const y = X.map(([a, b]) => (a > 0.3 ? 2 : a * b > 0 ? 1 : 0));
  const fields = { format: 'convexnet-problem/1', X, y, loss: 'softmax', model: 'relu', beta: 0.8 };
  const classes = file('classes.json', { ...fields, outputPenalty: 'nuclear' });
  const result = path.join(folder, 'classes.result.json');
  const solve = await runWarm(['solve', classes, '--out', result]);
  assert.equal(solve.status, 0, solve.stderr);
  interface Result {
    readonly objective: number;
    readonly networkObjective: number;
    readonly global: { readonly proof: string; readonly lowerBound: number };
    readonly groups: readonly { readonly output: number; readonly vector: unknown }[];
    readonly network: { readonly W1: number[][]; readonly W2: number[][] };
  }
  const solved = JSON.parse(readFileSync(result, 'utf8')) as Result;
  const { W1, W2 } = solved.network;
  const penalty = [...W1, ...W2].flat().reduce((sum, w) => sum + (0.8 / 2) * w * w, 0);
  const loss = X.reduce((sum, x, i) => {
    const h = W1.map((w) => Math.max(0, w[0] * x[0] + w[1] * x[1]));
    const f = [0, 1, 2].map((o) => h.reduce((s, value, j) => s + value * W2[j][o], 0));
    return sum + Math.log(f.reduce((s, value) => s + Math.exp(value), 0)) - f[y[i]];
  }, 0);
  assert.ok(Math.abs(loss + penalty - solved.objective) <= 1e-9 * solved.objective);
  assert.ok(
    W2.some((a) => a.filter((value) => value !== 0).length > 1),
    'neurons feed several outputs',
  );
  assert.ok(solved.groups.every(({ output }) => output === -1));
  assert.equal(solved.global.proof, 'exact');

  const own = await certify(classes, result);
  assert.ok(own.relativeGap < 1e-6 && own.lowerBound <= solved.objective * (1 + 1e-12));
  assert.equal(own.notes, undefined);
  // every neuron as two of one direction, one after the other out of scale
  const split = {
    W1: W1.flatMap((w) => [w, w.map((x) => 3 * x)]),
    W2: W2.flatMap((a) => [a.map((x) => 0.4 * x), a.map((x) => 0.2 * x)]),
    b2: [0, 0, 0],
  };
  const merged = await certify(classes, file('classes.split.json', split));
  assert.equal(merged.mergedNeurons, W1.length);
  assert.ok(Math.abs(merged.mergedObjective - solved.objective) <= 1e-9 * solved.objective);
  assert.ok(merged.objective > solved.objective * 1.01);

  const poor = { W1: W1.slice(1), W2: W2.slice(1), b2: [0, 0, 0] };
  const c = await certify(classes, file('classes.poor.json', poor), '--no-solve');
  const { size, direction, outer, decrease } = c.suggestedNeuron!;
  assert.ok(Math.abs(Math.hypot(...outer) - 1) <= 1e-9 && decrease > 0);
  const root = Math.sqrt(size);
  const given = JSON.parse(JSON.stringify(c.network)) as { readonly W1: number[][]; readonly W2: number[][] };
  const grown = {
    W1: [...given.W1, direction.map((x) => root * x)],
    W2: [...given.W2, outer.map((x) => root * x)],
    b2: [0, 0, 0],
  };
  const after = await certify(classes, file('classes.grown.json', grown), '--no-solve');
  assert.ok(Math.abs(after.objective - (c.mergedObjective - decrease)) <= 1e-9 * c.mergedObjective);
  const helped = await certify(classes, file('classes.poor.json', poor));
  assert.ok(Math.abs(helped.bestFound! - solved.objective) <= 1e-6 * solved.objective);

  const blocks = file('classes.blocks.json', { ...fields, outputPenalty: 'frobenius' });
  const refused = await runWarm(['solve', blocks]);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /outputPenalty.*Frobenius blocks exist for gated networks only/);
});

test('biases: regularised ones count as weights, offsets become neurons, "none" refuses them', async () => {
  const rng = createRng(4);
  const X = Array.from({ length: 20 }, () => [rng.normal()]);
  const data = {
    format: 'convexnet-problem/1',
    X,
    y: X.map(([x]) => Math.abs(x) + 0.5),
    model: 'relu',
    loss: 'squared',
    beta: 0.3,
  };
  const network = { W1: [[1.2], [-0.9]], b1: [0.1, 0.2], w2: [1, 1], b2: 0.3 };
  const name = file('biased.json', network);
  const regularized = await certify(file('regularized.json', { ...data, bias: 'regularized' }), name);
  assert.equal(regularized.proof, 'exact');
  assert.equal(regularized.mergedNeurons, 3);
  assert.equal(regularized.network.b2, 0);
  const free = await certify(file('free.json', { ...data, bias: 'free' }), name);
  assert.equal(free.proof, 'exact');
  assert.ok(free.relativeGap >= 0 && free.lowerBound <= regularized.mergedObjective);
  for (const c of [regularized, free]) assert.ok(c.lowerBound > 0 && c.bestFound! >= c.lowerBound * (1 - 1e-12));
  const { status, stderr } = await runWarm(['certify', file('none.json', { ...data, bias: 'none' }), name]);
  assert.equal(status, 2);
  assert.match(stderr, /b1: neuron 1 has a bias, but the problem says bias "none"/);
});

test('biases and several outputs: the same certificate from JSON, safetensors and ONNX', async () => {
  const rng = createRng(9);
  const list = (n: number): number[] => Array.from({ length: n }, () => Math.fround(rng.normal()));
  const rows = (n: number, d: number): number[][] => Array.from({ length: n }, () => list(d));
  const X = rows(14, 2);
  const data = file('two-outputs.json', {
    format: 'convexnet-problem/1',
    X,
    y: X.map(([a, b]) => [Math.abs(a), b]),
    beta: 0.5,
    model: 'relu',
    loss: 'squared',
    bias: 'regularized',
  });
  const state = { 'a.weight': rows(3, 2), 'a.bias': list(3), 'b.weight': rows(2, 3), 'b.bias': list(2) };
  const json = file('state.json', state);
  const parts = Object.entries(state).map(([name, value]) => {
    const flat = value.flat();
    const shape = Array.isArray(value[0]) ? [value.length, value[0].length] : [value.length];
    return { name, shape, bytes: Buffer.from(Float32Array.from(flat).buffer) };
  });
  let end = 0;
  const header = JSON.stringify(
    Object.fromEntries(
      parts.map(({ name, shape, bytes }) => {
        const start = end;
        end += bytes.length;
        return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
      }),
    ),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const tensors = file(
    'net.safetensors',
    Buffer.concat([length, Buffer.from(header), ...parts.map(({ bytes }) => bytes)]),
  );
  const onnx = file(
    'net.onnx',
    onnxModel(readNetwork(readFileSync(json), json), {
      inputs: ['a', 'b'],
      outputs: ['p', 'q'],
      description: '',
      producerVersion: '1',
    }),
  );
  const [first, ...others] = await Promise.all([json, tensors, onnx].map((name) => certify(data, name, '--no-solve')));
  assert.equal(first.neurons, 3);
  assert.equal(first.notes?.length, 2);
  assert.ok(first.lowerBound > 0 && first.lowerBound <= first.mergedObjective);
  for (const c of others) {
    assert.ok(Math.abs(c.objective - first.objective) <= 1e-6 * first.objective);
    assert.equal(c.mergedNeurons, first.mergedNeurons);
    assert.ok(Math.abs(c.lowerBound - first.lowerBound) <= 1e-4 * first.lowerBound);
  }
});

test('what does not fit is refused in one line', async () => {
  const wide = file('wide.json', { W1: [[1, 2, 3, 4]], w2: [1] });
  const two = file('two.json', { W1: [[1, 2, 3]], W2: [[1, 2]], b2: [0, 0] });
  const text = file('text.json', 'no json');
  for (const [args, message] of [
    [[problem, wide], /the network takes 4 inputs, the problem has 3/],
    [[problem, two], /two\.json: W2: the network has 2 outputs, the problem 1/],
    [
      [problem, file('turned.json', { W1: [[1, 2, 3]], W2: [[1], [2]], b2: [0] })],
      /b2: has 1 numbers, but there are 2 outputs/,
    ],
    [[problem, file('notes.txt', 'hello')], /notes\.txt: not a network: neither JSON nor safetensors nor ONNX/],
    [[problem, text], /text\.json: not valid JSON/],
    [[problem, path.join(folder, 'absent.onnx')], /cannot read .*absent\.onnx/],
    [[problem], /a problem file and a network file are needed/],
  ] as [string[], RegExp][]) {
    const { status, stderr, stdout } = await runWarm(['certify', ...args]);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
});

test('--out writes the certificate to a file and a sentence to stderr', async () => {
  const name = file('zero.json', { W1: [], b1: [], w2: [], b2: 0 });
  const out = path.join(folder, 'certificate.json');
  const { status, stdout, stderr } = await runProgram(['certify', problem, name, '--out', out, '--no-solve']);
  assert.equal(status, 0);
  assert.equal(stdout, '');
  assert.match(stderr, /at most [0-9.]+ times the best possible/);
  const c = JSON.parse(readFileSync(out, 'utf8')) as Certificate;
  assert.equal(c.mergedNeurons, 0);
  assert.equal(denseMatrix(0, 1).rows, c.network.W1.length);
});

test('three-layer and linear networks, as train writes them, are certified in their own family', async () => {
  const rows = Array.from({ length: 12 }, (_, i) => {
    const [a, b] = [Math.sin(1 + 2.1 * i), Math.cos(2 + 1.3 * i)];
    return [a, b, Math.abs(a) - Math.max(0, a + b)].join();
  });
  const csv = file('plane.csv', ['a,b,y', ...rows].join('\n'));
  for (const model of [
    ['--model', 'three-layer', '--arrangements', 'sampled', '--gates', '20'],
    ['--model', 'linear', '--depth', '3'],
  ]) {
    const [name, problemFile, run] = ['net', 'problem', 'run'].map((part) =>
      path.join(folder, `${model[1]}.${part}.json`),
    );
    const onnx = path.join(folder, `${model[1]}.onnx`);
    const trained = await runWarm([
      ...[
        'train',
        csv,
        '--target',
        'y',
        '--beta-rel',
        '0.1',
        '--no-path',
        '--no-compare',
        '--time-limit',
        '2',
        '--certify-seconds',
        '0.5',
        ...model,
      ],
      ...['--network', name, '--problem', problemFile, '--out', run, '--onnx', onnx],
    ]);
    assert.equal(trained.status, 0, trained.stderr);
    const { solution } = JSON.parse(readFileSync(run, 'utf8')) as { solution: { objective: number } };
    const c = (await certify(problemFile, name, '--time-limit', '1')) as Certificate & {
      model: string;
      bestFound: number;
    };
    assert.equal(c.model, model[1]);
    assert.ok(Math.abs(c.balancedObjective - solution.objective) <= 1e-6 * solution.objective);
    assert.ok(c.lowerBound > 0 && c.lowerBound <= c.balancedObjective);
    assert.ok(c.bestFound <= solution.objective * (1 + 1e-6) && c.bestFound >= c.lowerBound);
    if (model[1] === 'linear') assert.ok(c.relativeGap < 1e-6);
    const graph = await runWarm(['certify', problemFile, onnx]);
    assert.equal(graph.status, 2);
    assert.match(
      graph.stderr,
      /the graph has [02] Relu layers; .* are read from the JSON that convexnet train --network/,
    );
    // the same function with unbalanced layers costs more and is certified alike
    const network = JSON.parse(readFileSync(name, 'utf8')) as {
      branches?: { w2: number[]; w3: number }[];
      chains?: { layers: number[][][] }[];
    };
    for (const branch of network.branches ?? []) {
      branch.w2 = branch.w2.map((w) => 3 * w);
      branch.w3 /= 3;
    }
    for (const { layers } of network.chains ?? []) {
      layers[1] = layers[1].map((row) => row.map((w) => 2 * w));
      layers[2] = layers[2].map((row) => row.map((w) => w / 2));
    }
    const other = await certify(problemFile, file(`${model[1]}.other.json`, network), '--time-limit', '1');
    assert.ok(other.objective > c.objective * (1 + 1e-4));
    assert.ok(other.lowerBound <= other.balancedObjective && other.lowerBound > 0);
    if (model[1] === 'three-layer') assert.ok(Math.abs(other.balancedObjective - c.balancedObjective) < 1e-9);
    for (const [change, message] of [
      [{ offset: [1] }, /offset: networks of this family have no output offset/],
      [{ inputs: 3 }, /W1|layer 1/],
      [model[1] === 'linear' ? { depth: 5 } : { m1: 0 }, model[1] === 'linear' ? /has 3 layers, but depth is 5/ : /m1/],
    ] as [object, RegExp][]) {
      const bad = await runWarm(['certify', problemFile, file('bad.json', { ...network, ...change })]);
      assert.equal(bad.status, 2);
      assert.match(bad.stderr, message);
    }
  }
});
