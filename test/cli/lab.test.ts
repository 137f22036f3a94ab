import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { runProgram, runWarm } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-lab-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface LabOutput {
  readonly format: string;
  readonly status: string;
  readonly verdicts: readonly { readonly id: string; readonly verdict: string }[];
  readonly result: Record<string, unknown>;
}

async function run(
  args: readonly string[],
  program = runWarm,
): Promise<{ status: number | null; stderr: string; record: LabOutput }> {
  const { status, stdout, stderr } = await program(args);
  return { status, stderr, record: (stdout === '' ? {} : JSON.parse(stdout)) as LabOutput };
}

function problem(X: number[][], y: number[]): string {
  const file = path.join(folder, 'problem.json');
  writeFileSync(
    file,
    JSON.stringify({ format: 'convexnet-problem/1', X, y, model: 'relu', loss: 'squared', beta: 0.1 }),
  );
  return file;
}

interface Case {
  readonly name: string;
  readonly X: number[][];
  readonly y: number[] | null;
  readonly beta: number | null;
  readonly expected: Record<string, never> & {
    readonly optimal_value: number;
    readonly normalised_margin?: number;
    readonly dual_lambda: number[];
    readonly orthogonal_separable: boolean;
    readonly spike_free?: boolean;
    readonly counter_example: { readonly X: number[][]; readonly inverse_gram_offdiag: number };
    readonly spurious_kkt: { readonly value: number; readonly dual_max: number; readonly lower_bound: number };
    readonly objective: number;
    readonly f: number[];
  };
}
const cases = JSON.parse(readFileSync('test/fixtures/analytic_cases.json', 'utf8')) as Case[];
const caseOf = (id: string): Case => cases.find(({ name }) => name.startsWith(`${id} `))!;

interface FlowOutput {
  readonly margin: {
    readonly value: number;
    readonly lowerBound: number;
    readonly normalizedMargin: number;
    readonly proof: string;
    readonly lambda: number[];
  };
  readonly report: {
    readonly orthogonalSeparable: boolean;
    readonly spikeFree: boolean;
    readonly spikeFreeOffenders: { readonly rows: number[]; readonly value: number }[];
  };
  readonly runs: {
    readonly before: { readonly value: number | null; readonly loss: number }[];
    readonly loss: number[];
    readonly certificate: {
      readonly verdict: string;
      readonly sentence: string;
      readonly primal: number;
      readonly bound: number;
      readonly nu: number;
      readonly stationarity: number;
      readonly suggested: { readonly direction: number[]; readonly sign: number } | null;
    };
  }[];
}
const near = (a: number, b: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${what}: ${a} is not ${b}`);

test('flow: the max-margin program and the data report of every analytic case, certified ends where the theorem promises them', async () => {
  for (const id of ['D1', 'D2', 'D3']) {
    const { X, y, expected } = caseOf(id);
    const { status, stderr, record } = await run(['flow', problem(X, y!), '--set', 'seeds=1']);
    assert.equal(status, 0, stderr);
    assert.equal(record.format, 'convexnet-lab/1');
    const { margin, report, runs } = record.result as unknown as FlowOutput;
    near(margin.value, expected.optimal_value, 1e-6, id);
    assert.ok(margin.value - margin.lowerBound < 1e-6 * margin.value);
    near(margin.normalizedMargin, expected.normalised_margin ?? 1 / (2 * expected.optimal_value), 1e-6, id);
    expected.dual_lambda.forEach((value, i) => near(margin.lambda[i], value, 1e-6, `${id} lambda`));
    assert.equal(margin.proof, 'exact');
    assert.equal(report.orthogonalSeparable, expected.orthogonal_separable);
    if (expected.spike_free !== undefined) assert.equal(report.spikeFree, expected.spike_free);
    const { certificate } = runs[0];
    assert.equal(certificate.verdict, 'global');
    assert.ok(certificate.primal >= certificate.bound - 1e-9);
    near(certificate.primal, expected.optimal_value, 2e-3 * expected.optimal_value, `${id} flow`);
    near(certificate.nu, 1, 2e-3, `${id} nu`);
  }
  const { X, expected } = caseOf('D5');
  for (const [rows, free] of [
    [X, true],
    [expected.counter_example.X, false],
  ] as const) {
    const { record } = await run(['flow', problem(rows, [1, 1]), '--set', 'seeds=1', '--set', 'neurons=2']);
    const { report } = record.result as unknown as FlowOutput;
    assert.equal(report.spikeFree, free);
    if (!free) near(report.spikeFreeOffenders[0].value, expected.counter_example.inverse_gram_offdiag, 1e-9, 'D5');
  }
});

test('flow: ends that are stationary but not global, and the suggested neuron put in, trained on and certified', async () => {
  const { X, y, expected } = caseOf('D3');
  const few = ['flow', problem(X, y!), '--set', 'neurons=6', '--set', 'seeds=2'];
  const fresh = await run(few);
  const spurious = expected.spurious_kkt;
  for (const { certificate } of (fresh.record.result as unknown as FlowOutput).runs) {
    assert.equal(certificate.verdict, 'kkt-not-global');
    near(certificate.primal, spurious.value, 2e-3, 'value');
    near(certificate.nu, spurious.dual_max, 2e-3, 'nu');
    near(certificate.bound, spurious.lower_bound, 2e-3, 'bound');
    // Between the two rows, where the optimal neuron is.
    const { direction, sign } = certificate.suggested!;
    assert.equal(sign, 1);
    assert.ok(X.every((row) => row[0] * direction[0] + row[1] * direction[1] > 0));
  }
  const { status, stderr, record } = await run([...few, '--insert', '3']);
  assert.equal(status, 0, stderr);
  for (const { before, certificate } of (record.result as unknown as FlowOutput).runs) {
    assert.equal(before.length, 1);
    near(before[0].value!, spurious.value, 2e-3, 'before');
    assert.equal(certificate.verdict, 'global');
    assert.equal(certificate.suggested, null);
    near(certificate.primal, expected.optimal_value, 2e-3, 'after');
  }
  assert.equal(record.verdicts.find(({ id }) => id === 'insertion')!.verdict, 'agrees');
  const none = await run(['flow', problem(X, y!), '--insert', 'some']);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /--insert needs/);
});

test('flow: a run that does not separate the rows gets the neuron that lowers its loss, until it does', async () => {
  // One neuron has one sign, so it cannot; by hand the smallest value is 2 sqrt 2, with one neuron per row.
  const X = [
    [1, 0],
    [Math.SQRT1_2, Math.SQRT1_2],
  ];
  const one = ['flow', problem(X, [1, -1]), '--set', 'neurons=1', '--set', 'seeds=2'];
  const fresh = await run(one);
  for (const { certificate } of (fresh.record.result as unknown as FlowOutput).runs) {
    assert.equal(certificate.verdict, 'not-separated');
    assert.ok((certificate.primal as unknown) === null);
    assert.ok(certificate.suggested !== null);
    assert.match(certificate.sentence, /[12] of 2 on the wrong side/);
  }
  assert.match(fresh.stderr, /2 did not separate the rows, which some network does/);
  const { status, stderr, record } = await run([...one, '--insert', '3']);
  assert.equal(status, 0, stderr);
  for (const { before, certificate, loss } of (record.result as unknown as FlowOutput).runs) {
    assert.equal(before[0].value, null);
    assert.ok(loss.at(-1)! < before[0].loss);
    assert.equal(certificate.verdict, 'global', certificate.sentence);
    near(certificate.primal, 2 * Math.SQRT2, 2e-3, 'value');
  }
  const insertion = record.verdicts.find(({ id }) => id === 'insertion')!;
  assert.equal(insertion.verdict, 'agrees');
});

test('geometry: neurons on the supporting plane for every analytic case of two inputs', async () => {
  for (const id of ['D2', 'D3']) {
    const { X, y, expected } = caseOf(id);
    const { status, stderr, record } = await run(['geometry', problem(X, y!)]);
    assert.equal(status, 0, stderr);
    const { margin, circle, neurons } = record.result as unknown as {
      readonly margin: { readonly value: number };
      readonly circle: { readonly value: number[] };
      readonly neurons: { readonly of: string; readonly constraint: number }[];
    };
    near(margin.value, expected.optimal_value, 1e-6, id);
    assert.ok(circle.value.every((value) => Math.abs(value) <= 1 + 1e-6));
    for (const { constraint } of neurons.filter(({ of }) => of === 'optimal')) near(constraint, 1, 1e-3, id);
    assert.ok(neurons.some(({ of }) => of === 'flow'));
    assert.equal(record.verdicts.find((verdict) => verdict.id === 'extreme-points')!.verdict, 'agrees');
  }
});

test('solve and flow: spike-free rows reach the objective of the two-group program', async () => {
  const { X, y, beta, expected } = caseOf('D6');
  const file = path.join(folder, 'd6.json');
  writeFileSync(
    file,
    JSON.stringify({ format: 'convexnet-problem/1', X, y, model: 'relu', loss: 'squared', beta, tolerance: 1e-9 }),
  );
  const { status, stderr, record } = await run(['solve', file]);
  assert.equal(status, 0, stderr);
  near((record as unknown as { objective: number }).objective, expected.objective, 5e-6, 'D6');
  const report = (await run(['flow', problem(X, [1, -1]), '--set', 'seeds=1'])).record.result as unknown as FlowOutput;
  assert.equal(report.report.spikeFree, true);
});

test('kernel: collinear rows without a bias make it singular, and are named; moments are exact', async () => {
  const { status, stderr, record } = await run([
    'kernel',
    problem([[1], [2]], [1, 2]),
    '--set',
    'widths=16,64',
    '--set',
    'seeds=1',
  ]);
  assert.equal(status, 0, stderr);
  const limit = record.result.limit as { lambdaMin: number; lambdaMax: number; condition: number | null };
  assert.ok(limit.lambdaMin < 1e-9 * limit.lambdaMax);
  assert.ok((record.result.dependentRows as unknown[]).length > 0);
  assert.equal((record.result.moments as number[])[0], 2.5);
  assert.match(stderr, /singular|fails|zero/i);
});

test('sweep: one JSON with five claims, each with a number and a verdict', async () => {
  const { status, stderr, record } = await run(
    [
      'sweep',
      'media/samples/iris.csv',
      '--set',
      'positive=setosa',
      '--set',
      'maxRows=24',
      '--set',
      'widths=32,128',
      '--set',
      'seeds=1',
      '--set',
      'steps=40',
      '--set',
      'rateSteps=10',
    ],
    runProgram,
  );
  assert.equal(status, 0, stderr);
  assert.equal(record.status, 'complete');
  assert.ok(record.verdicts.length >= 5);
  for (const { verdict } of record.verdicts) assert.match(verdict, /^(agrees|disagrees|not tested)$/);
});

test('mlp: deep networks by several rules, widths and starts in one JSON, with settings checked', async () => {
  const data = ['mlp', 'media/samples/diabetes.csv', '--set', 'maxRows=60', '--set', 'epochs=30'];
  const { status, stderr, record } = await run([
    ...data,
    ...['rules=adam,flow', 'widths=8,16', 'hiddenLayers=3', 'activation=erf', 'parametrization=standard'].flatMap(
      (pair) => ['--set', pair],
    ),
  ]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /8 of 8 networks trained/);
  const { runs } = record.result as {
    readonly runs: { readonly rule: string; readonly width: number; readonly curve: { readonly loss: number[] } }[];
  };
  assert.deepEqual([...new Set(runs.map((one) => `${one.rule} ${one.width}`))].sort(), [
    'adam 16',
    'adam 8',
    'flow 16',
    'flow 8',
  ]);
  for (const { curve } of runs) assert.ok(curve.loss.at(-1)! < curve.loss[0]);
  const wrong = await run([...data, '--set', 'rules=adam,newton']);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--set rules.*newton/);
});

test('rows that nothing separates are said so with the best margin, and are no error', async () => {
  // Equal rows with different labels, and a labelling that f(x) - f(-x) being linear contradicts.
  for (const [X, y, reason] of [
    [
      [
        [1, 2],
        [1, 2],
        [2, -1],
      ],
      [1, -1, 1],
      /same direction but have different labels/,
    ],
    [
      [
        [1, 0],
        [0, 1],
        [1, 1],
        [-1, 0],
        [0, -1],
        [-1, -1],
      ],
      [1, 1, -1, -1, -1, 1],
      /normalised margin is at most/,
    ],
  ] as const) {
    const file = problem(
      X.map((row) => [...row]),
      [...y],
    );
    const { status, stderr, record } = await run(['flow', file, '--set', 'seeds=1', '--set', 'steps=500']);
    assert.equal(status, 0, stderr);
    const { margin } = record.result as unknown as {
      readonly margin: { readonly status: string; readonly value: number | null; readonly marginBound: number };
    };
    assert.deepEqual([margin.status, margin.value], ['not-separable', null]);
    assert.ok(margin.marginBound < 1e-6);
    assert.match(stderr, /best margin is 0/);
    assert.match(stderr, reason);
  }
});

test('bad input: one clear line and status 2', async () => {
  for (const [args, expected] of [
    [['flow', 'media/samples/diabetes.csv'], /class/],
    [['flow', 'media/samples/iris.csv'], /class/],
    [
      ['kernel', 'media/samples/abalone.csv', '--set', 'maxRows=4000'],
      /4000 x 4000 entries.*the limit is 500 rows; possible is --set maxRows=500/,
    ],
    [['flow', 'media/samples/iris.csv', '--set', 'positive=rose'], /no class "rose"/],
    [['flow', problem([[1], [2], [3]], [1, 2, 3])], /needs two classes, and y has 3 different values/],
    [
      [
        'sweep',
        'media/samples/iris.csv',
        '--set',
        'positive=setosa',
        '--set',
        'widths=64,1000000',
        '--set',
        'hiddenLayers=3',
        '--set',
        'start=centered',
      ],
      /width 1000000 is too large, width \d+ fits.*possible is --set widths=64/,
    ],
    [
      ['geometry', 'media/samples/iris.csv', '--set', 'positive=setosa', '--set', 'features='],
      /picture for two or three inputs/,
    ],
    [['kernel', path.join(folder, 'missing.csv')], /missing\.csv/],
    [['kernel', 'media/samples/iris.csv', '--set', 'width=3'], /NAME one of/],
  ] as const) {
    const { status, stderr } = await run(args);
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, expected);
  }
});
