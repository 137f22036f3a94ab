import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

interface AnalyticCase {
  readonly name: string;
  readonly X: number[][];
  readonly y: number[] | number[][];
  readonly beta: number;
  readonly expected: Record<string, unknown>;
}

const cases = JSON.parse(readFileSync('test/fixtures/analytic_cases.json', 'utf8')) as AnalyticCase[];
const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-deep-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function caseOf(id: string): AnalyticCase {
  const found = cases.find(({ name }) => name.startsWith(`${id} `));
  assert.ok(found, `no case ${id}`);
  return found;
}

function run(
  command: string,
  problem: Record<string, unknown>,
): { status: number | null; result: Record<string, unknown>; stderr: string } {
  const file = path.join(folder, 'problem.json');
  writeFileSync(file, JSON.stringify({ format: 'convexnet-problem/1', loss: 'squared', tolerance: 1e-8, ...problem }));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli.js', command, file], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stderr, result: stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>) };
}

function solved(id: string, extra: Record<string, unknown>): Record<string, unknown> {
  const { X, y, beta } = caseOf(id);
  const { status, result, stderr } = run('solve', { X, y, beta, ...extra });
  assert.ok(status === 0 || status === 3, stderr);
  return result;
}

const near = (found: unknown, wanted: number, tolerance: number, what: string): void => {
  assert.ok(
    Math.abs((found as number) - wanted) <= tolerance * Math.max(1, Math.abs(wanted)),
    `${what}: ${String(found)}, expected ${wanted}`,
  );
};

test('three layers: A1, A2 and A4, with the network objective equal to the convex one', () => {
  for (const m1 of [1, 2]) near(solved('A1', { model: 'three-layer', hidden: { m1 } }).objective, 0.38, 1e-6, 'A1');
  near(solved('A2', { model: 'three-layer', hidden: { m1: 2 } }).objective, 6, 1e-5, 'A2');
  const expected = caseOf('A4').expected as { m1_1_value: number; m1_2_value: number; m1_2_f: number[] };
  const all = { model: 'three-layer', arrangements: { kind: 'all' } };
  near(solved('A4', { ...all, hidden: { m1: 1 } }).objective, expected.m1_1_value, 2e-6, 'A4, m1 = 1');
  const deep = solved('A4', { ...all, hidden: { m1: 2 } });
  near(deep.objective, expected.m1_2_value, 2e-6, 'A4, m1 = 2');
  near(deep.networkObjective, deep.objective as number, 1e-6, 'network');
  near(deep.networkObjectiveCubic, deep.objective as number, 1e-6, 'cubic form');
  (deep.fit as number[]).forEach((f, i) => near(f, expected.m1_2_f[i], 1e-4, 'fit'));
  const global = deep.global as { proof: string; lowerBound: number };
  assert.equal(global.proof, 'exact');
  near(global.lowerBound, expected.m1_2_value, 2e-6, 'lower bound');
});

test('three layers: m1 = 1 is the two-layer value, and near beta = 0 the bump costs what the minimum norm says', () => {
  const { X, y } = caseOf('A3');
  const { m1_1_value, m1_2_value } = caseOf('A3').expected as { m1_1_value: number; m1_2_value: number };
  // the value of the regularised problem over beta tends to the minimum norm from below
  for (const [m1, norm] of [
    [1, m1_1_value],
    [2, m1_2_value],
  ]) {
    const beta = 1e-4;
    const { result } = run('solve', {
      X,
      y,
      beta,
      model: 'three-layer',
      hidden: { m1 },
      arrangements: { kind: 'all' },
    });
    const ratio = (result.objective as number) / beta;
    assert.ok(ratio <= norm + 1e-6 && ratio > norm * (1 - 5e-3), `m1 = ${m1}: ${ratio} against ${norm}`);
  }
  const two = solved('A4', { model: 'relu' }).objective as number;
  near(solved('A4', { model: 'three-layer', hidden: { m1: 1 } }).objective, two, 1e-6, 'm1 = 1');
});

test('linear networks: B1, B2, B8', () => {
  for (const [depth, objective] of [
    [2, 1.26],
    [3, 1.76],
    [4, 2.26],
  ]) {
    const result = solved('B1', { model: 'linear', depth });
    near(result.objective, objective, 1e-6, `B1, depth ${depth}`);
    const layers = (result.network as { layers: number[][][] }).layers;
    assert.equal(layers.length, depth);
    for (const layer of layers) near(Math.hypot(...layer.flat()), 1, 1e-6, 'norm of a layer');
  }
  near(solved('B2', { model: 'linear' }).objective, 3, 1e-6, 'B2');
  const { beta_c } = caseOf('B8').expected as { beta_c: Record<string, number> };
  for (const [depth, critical] of Object.entries(beta_c)) {
    near(
      run('solve', { X: [[1]], y: [2], beta: 0.5, model: 'linear', depth: Number(depth) }).result.betaMax,
      critical,
      1e-6,
      `B8, depth ${depth}`,
    );
  }
});

test('closed forms: B3 to B7 and B9 through `structure` and `solve`', () => {
  near(solved('B3', { model: 'relu' }).objective, 6, 1e-5, 'B3');
  near(solved('B7', { model: 'relu' }).objective, 3.4, 1e-6, 'B7');
  for (const [id, form, objective] of [
    ['B3', 'whitened', 6],
    ['B7', 'rank-one', 3.4],
    ['B4', 'one-hot', 1.5],
  ] as const) {
    const { X, y, beta } = caseOf(id);
    const { result } = run('structure', { X, y, beta, model: 'relu' });
    const found = (result.forms as { id: string; applies: boolean; objective?: number }[]).find((f) => f.id === form);
    assert.ok(found?.applies, `${id}: ${form} applies`);
    near(found.objective, objective, 1e-6, id);
  }
  for (const [id, objective] of [
    ['B5', 0.17],
    ['B6', 0.09484375],
  ] as const) {
    const { X, y, beta } = caseOf(id);
    const { result } = run('structure', { X, y, beta, model: 'relu', bias: 'free' });
    const spline = result.spline as { solution: { objective: number }; kinkDistance: number };
    near(spline.solution.objective, objective, 1e-6, id);
    assert.equal(spline.kinkDistance, 0);
  }
  const { X, y } = caseOf('B9');
  const { primal, dual } = caseOf('B9').expected as { primal: number; dual: number };
  const gaps = (
    run('structure', {
      X,
      y: y ?? [
        [3, 0],
        [0, 1],
      ],
      beta: 1,
      model: 'linear',
    }).result.linear as { gaps: { depth: number; primal: number; dual: number }[] }
  ).gaps;
  const three = gaps.find(({ depth }) => depth === 3);
  near(three?.primal, primal, 1e-5, 'B9 primal');
  near(three?.dual, dual, 1e-5, 'B9 dual');
});

test('what does not fit or does not hold is refused with the reason', () => {
  const rows = Array.from({ length: 40 }, (_, i) => [Math.sin(i), Math.cos(3 * i), i % 5]);
  const many = run('solve', {
    X: rows,
    y: rows.map(([a]) => a),
    beta: 0.1,
    model: 'three-layer',
    hidden: { m1: 3 },
    arrangements: { kind: 'all' },
  });
  assert.equal(many.status, 2);
  assert.match(many.stderr, /tuples of 40 rows/);
  const skew = run('solve', {
    X: [
      [1, 0.5],
      [0, 1],
    ],
    y: [
      [3, 0],
      [0, 1],
    ],
    beta: 0.5,
    model: 'linear',
    depth: 3,
  });
  assert.equal(skew.status, 2);
  assert.match(skew.stderr, /duality gap/);
  const deep = run('solve', { X: [[1]], y: [1], beta: 0.5, model: 'linear', depth: 1 });
  assert.equal(deep.status, 2);
  assert.match(deep.stderr, /2 to 64 layers/);
});
