import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-lab-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface LabOutput {
  readonly format: string;
  readonly status: string;
  readonly verdicts: readonly { readonly id: string; readonly verdict: string }[];
  readonly result: Record<string, unknown>;
}

function run(args: readonly string[]): { status: number | null; stderr: string; record: LabOutput } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli.js', ...args], {
    encoding: 'utf8',
    timeout: 100_000,
  });
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

test('flow: two opposite points and three orthogonally separable ones, value, margin and dual certificate', () => {
  for (const { X, y, value, margin } of [
    { X: [[1], [-1]], y: [1, -1], value: 2, margin: 0.25 },
    {
      X: [
        [2, 1],
        [1, 2],
        [-1, -1],
      ],
      y: [1, 1, -1],
      value: 1.178511301977579,
      margin: 0.4242640687119285,
    },
  ]) {
    const { status, stderr, record } = run(['flow', problem(X, y), '--set', 'seeds=1']);
    assert.equal(status, 0, stderr);
    assert.equal(record.format, 'convexnet-lab/1');
    const program = record.result.margin as {
      value: number;
      lowerBound: number;
      normalizedMargin: number;
      proof: string;
    };
    assert.ok(Math.abs(program.value - value) < 1e-6 && program.value - program.lowerBound < 1e-6 * value);
    assert.ok(Math.abs(program.normalizedMargin - margin) < 1e-6);
    assert.equal(program.proof, 'exact');
    const report = record.result.report as { orthogonalSeparable: boolean };
    assert.ok(report.orthogonalSeparable);
    const [end] = record.result.runs as {
      certificate: { verdict: string; primal: number; bound: number; nu: number };
    }[];
    assert.equal(end.certificate.verdict, 'global');
    assert.ok(end.certificate.primal >= end.certificate.bound - 1e-9);
    assert.ok(Math.abs(end.certificate.primal - value) < 2e-3 * value && Math.abs(end.certificate.nu - 1) < 2e-3);
  }
});

test('kernel: collinear rows without a bias make it singular, and are named; moments are exact', () => {
  const { status, stderr, record } = run([
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

test('sweep: one JSON with five claims, each with a number and a verdict', () => {
  const { status, stderr, record } = run([
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
  ]);
  assert.equal(status, 0, stderr);
  assert.equal(record.status, 'complete');
  assert.ok(record.verdicts.length >= 5);
  for (const { verdict } of record.verdicts) assert.match(verdict, /^(agrees|disagrees|not tested)$/);
});

test('bad input: one clear line and status 2', () => {
  for (const [args, expected] of [
    [['flow', 'media/samples/diabetes.csv'], /class/],
    [['flow', 'media/samples/iris.csv'], /class/],
    [['kernel', 'media/samples/abalone.csv', '--set', 'maxRows=4000'], /limit/],
    [['kernel', path.join(folder, 'missing.csv')], /missing\.csv/],
    [['kernel', 'media/samples/iris.csv', '--set', 'width=3'], /NAME one of/],
  ] as const) {
    const { status, stderr } = run(args);
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, expected);
  }
});
