import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type Finished, runProgram, runWarm } from './program.ts';

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

let files = 0;
async function run(
  command: string,
  problem: Record<string, unknown>,
): Promise<{ status: number | null; result: Record<string, unknown>; stderr: string }> {
  const file = path.join(folder, `problem${files++}.json`);
  writeFileSync(file, JSON.stringify({ format: 'convexnet-problem/1', loss: 'squared', tolerance: 1e-8, ...problem }));
  const { status, stdout, stderr } = await runWarm([command, file]);
  return { status, stderr, result: stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>) };
}

async function solved(id: string, extra: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { X, y, beta } = caseOf(id);
  const { status, result, stderr } = await run('solve', { X, y, beta, ...extra });
  assert.ok(status === 0 || status === 3, stderr);
  return result;
}

const near = (found: unknown, wanted: number, tolerance: number, what: string): void => {
  assert.ok(
    Math.abs((found as number) - wanted) <= tolerance * Math.max(1, Math.abs(wanted)),
    `${what}: ${String(found)}, expected ${wanted}`,
  );
};

test('three layers: A1, A2 and A4, with the network objective equal to the convex one', async () => {
  for (const m1 of [1, 2])
    near((await solved('A1', { model: 'three-layer', hidden: { m1 } })).objective, 0.38, 1e-6, 'A1');
  near((await solved('A2', { model: 'three-layer', hidden: { m1: 2 } })).objective, 6, 1e-5, 'A2');
  const expected = caseOf('A4').expected as { m1_1_value: number; m1_2_value: number; m1_2_f: number[] };
  const all = { model: 'three-layer', arrangements: { kind: 'all' } };
  near((await solved('A4', { ...all, hidden: { m1: 1 } })).objective, expected.m1_1_value, 2e-6, 'A4, m1 = 1');
  const deep = await solved('A4', { ...all, hidden: { m1: 2 } });
  near(deep.objective, expected.m1_2_value, 2e-6, 'A4, m1 = 2');
  near(deep.networkObjective, deep.objective as number, 1e-6, 'network');
  near(deep.networkObjectiveCubic, deep.objective as number, 1e-6, 'cubic form');
  (deep.fit as number[]).forEach((f, i) => near(f, expected.m1_2_f[i], 1e-4, 'fit'));
  const global = deep.global as { proof: string; lowerBound: number };
  assert.equal(global.proof, 'exact');
  near(global.lowerBound, expected.m1_2_value, 2e-6, 'lower bound');
});

test('three layers: m1 = 1 is the two-layer value, and near beta = 0 the bump costs what the minimum norm says', async () => {
  const { X, y } = caseOf('A3');
  const { m1_1_value, m1_2_value } = caseOf('A3').expected as { m1_1_value: number; m1_2_value: number };
  // the value of the regularised problem over beta tends to the minimum norm from below
  for (const [m1, norm] of [
    [1, m1_1_value],
    [2, m1_2_value],
  ]) {
    const beta = 1e-4;
    const { result } = await run('solve', {
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
  const two = (await solved('A4', { model: 'relu' })).objective as number;
  near((await solved('A4', { model: 'three-layer', hidden: { m1: 1 } })).objective, two, 1e-6, 'm1 = 1');
});

test('linear networks: B1, B2, B8', async () => {
  for (const [depth, objective] of [
    [2, 1.26],
    [3, 1.76],
    [4, 2.26],
  ]) {
    const result = await solved('B1', { model: 'linear', depth });
    near(result.objective, objective, 1e-6, `B1, depth ${depth}`);
    const layers = (result.network as { layers: number[][][] }).layers;
    assert.equal(layers.length, depth);
    for (const layer of layers) near(Math.hypot(...layer.flat()), 1, 1e-6, 'norm of a layer');
  }
  near((await solved('B2', { model: 'linear' })).objective, 3, 1e-6, 'B2');
  const { beta_c } = caseOf('B8').expected as { beta_c: Record<string, number> };
  for (const [depth, critical] of Object.entries(beta_c)) {
    near(
      (await run('solve', { X: [[1]], y: [2], beta: 0.5, model: 'linear', depth: Number(depth) })).result.betaMax,
      critical,
      1e-6,
      `B8, depth ${depth}`,
    );
  }
});

test('closed forms: B3 to B7 and B9 through `structure` and `solve`', async () => {
  near((await solved('B3', { model: 'relu' })).objective, 6, 1e-5, 'B3');
  near((await solved('B7', { model: 'relu' })).objective, 3.4, 1e-6, 'B7');
  for (const [id, form, objective] of [
    ['B3', 'whitened', 6],
    ['B7', 'rank-one', 3.4],
    ['B4', 'one-hot', 1.5],
  ] as const) {
    const { X, y, beta } = caseOf(id);
    const { result } = await run('structure', { X, y, beta, model: 'relu' });
    const found = (result.forms as { id: string; applies: boolean; objective?: number }[]).find((f) => f.id === form);
    assert.ok(found?.applies, `${id}: ${form} applies`);
    near(found.objective, objective, 1e-6, id);
  }
  for (const [id, objective] of [
    ['B5', 0.17],
    ['B6', 0.09484375],
  ] as const) {
    const { X, y, beta } = caseOf(id);
    const { result } = await run('structure', { X, y, beta, model: 'relu', bias: 'free' });
    const [spline] = result.splines as { solution: { objective: number }; kinkDistance: number }[];
    near(spline.solution.objective, objective, 1e-6, id);
    assert.equal(spline.kinkDistance, 0);
  }
  const { X, y } = caseOf('B9');
  const { primal, dual } = caseOf('B9').expected as { primal: number; dual: number };
  const gaps = (
    (
      await run('structure', {
        X,
        y: y ?? [
          [3, 0],
          [0, 1],
        ],
        beta: 1,
        model: 'linear',
      })
    ).result.linear as { gaps: { depth: number; primal: number; dual: number }[] }
  ).gaps;
  const three = gaps.find(({ depth }) => depth === 3);
  near(three?.primal, primal, 1e-5, 'B9 primal');
  near(three?.dual, dual, 1e-5, 'B9 dual');
});

/** A form of `structure`, which must apply and agree with the solver. */
function formOf(result: Record<string, unknown>, id: string): { objective: number; betaMax: number } {
  const form = (
    result.forms as {
      id: string;
      applies: boolean;
      reason: string;
      objective: number;
      betaMax: number;
      difference: number;
    }[]
  ).find((one) => one.id === id);
  assert.ok(form?.applies, `${id}: ${form?.reason}`);
  assert.ok(form.difference < 1e-5, `${id} against the solver: ${form.difference}`);
  return form;
}

test('three layers: A5, where weight decay on all layers would tie at 0 and 1', async () => {
  const { convex_program_of_paper_A: convex } = caseOf('A5').expected as {
    convex_program_of_paper_A: { objective: number; f: number[] };
  };
  for (const m1 of [1, 2]) {
    const result = await solved('A5', { model: 'three-layer', hidden: { m1 }, arrangements: { kind: 'all' } });
    near(result.objective, convex.objective, 1e-8, 'A5');
    near((result.fit as number[])[0], convex.f[0], 1e-6, 'A5, fit');
  }
});

test('three layers: who asks for ordinary weight decay is told what it is; a run only points there', async () => {
  const csv = path.join(folder, 'small.csv');
  const rows = Array.from({ length: 12 }, (_, i) => `${Math.sin(2 * i).toFixed(3)},${Math.cos(3 * i).toFixed(3)}`);
  writeFileSync(csv, ['x,y', ...rows].join('\n'));
  const train = (...more: string[]): Promise<Finished> =>
    runWarm(['train', csv, '--model', 'three-layer', '--beta-rel', '0.1', ...more]);
  const asked = await train('--weight-decay', '0.1');
  assert.equal(asked.status, 2);
  assert.match(asked.stderr, /N\^\(2\/3\).*not convex.*x = 1, y = 2, beta = 1/);
  const plain = await train('--no-path', '--no-compare');
  assert.equal(plain.status, 0, plain.stderr);
  assert.match(plain.stdout, /--weight-decay says why/);
  assert.doesNotMatch(plain.stdout, /N\^\(2\/3\)/);
});

test('linear networks: B1 and B2 with their thresholds, map, dual and the jump of B8', async () => {
  const { beta_max_L2, w } = caseOf('B1').expected as { beta_max_L2: number; w: number[] };
  const two = await solved('B1', { model: 'linear', depth: 2 });
  near(two.betaMax, beta_max_L2, 1e-9, 'B1, betaMax');
  for (const depth of [2, 3, 4]) {
    const { layers } = (await solved('B1', { model: 'linear', depth })).network as { layers: number[][][] };
    const map = layers.reduce((A, B) =>
      A.map((row) => B[0].map((_, k) => row.reduce((sum, value, j) => sum + value * B[j][k], 0))),
    );
    map.flat().forEach((value, k) => near(value, w[k], 1e-6, 'B1, map'));
  }
  const { X, y, beta } = caseOf('B2');
  for (const [at, rank] of [
    [beta, 1],
    [0.9, 2],
    [3.1, 0],
  ]) {
    const { result } = await run('structure', { X, y, beta: at, model: 'linear' });
    const { objective } = formOf(result, 'linear');
    if (at === beta) near(objective, 3, 1e-9, 'B2');
    assert.equal((result.linear as { correlation: number[] }).correlation.filter((s) => s > at).length, rank);
  }
  const { p_at_threshold } = caseOf('B8').expected as { p_at_threshold: Record<string, number> };
  const { thresholds } = (await run('structure', { X: [[1]], y: [2], beta: 0.5, model: 'linear' })).result.linear as {
    thresholds: { depth: number; jump: number }[];
  };
  for (const [depth, jump] of Object.entries(p_at_threshold)) {
    near(thresholds.find((one) => one.depth === Number(depth))?.jump, jump, 1e-6, `B8, jump of depth ${depth}`);
  }
});

test('closed forms against the solver, and deep networks on the rank-one rows of B7', async () => {
  const b3 = caseOf('B3');
  near(
    formOf((await run('structure', { X: b3.X, y: b3.y, beta: 1, model: 'relu' })).result, 'whitened').betaMax,
    5,
    1e-9,
    'B3',
  );
  const b4 = caseOf('B4');
  const classes = (await run('structure', { X: b4.X, y: b4.y, beta: b4.beta, model: 'relu' })).result;
  near(formOf(classes, 'one-hot').objective, 1.5, 1e-9, 'B4');
  const { objective, dualBound, collapse } = classes.batchNorm as {
    objective: number;
    dualBound: number;
    collapse: { deviation: number; simplexCosine: number };
  };
  near(dualBound, objective, 1e-9, 'batch normalisation: no gap');
  assert.ok(collapse.deviation < 1e-9 && collapse.simplexCosine === -1);
  const b7 = caseOf('B7');
  const { beta_max } = b7.expected as { beta_max: number };
  const rows = (await run('structure', { X: b7.X, y: b7.y, beta: b7.beta, model: 'relu' })).result;
  near(formOf(rows, 'rank-one').betaMax, beta_max, 1e-9, 'B7, betaMax');
  const { networks, trainings, asPosed } = rows.rankOne as {
    asPosed: boolean;
    networks: { depth: number; primal: number; dual: number; branches: { alignment: { rankOneRatio: number }[] }[] }[];
    trainings: {
      depth: number;
      points: { objective: number }[];
      branches: { layers: { rankOneRatio: number; alignment: number | null }[] }[];
    }[];
  };
  assert.equal(asPosed, true);
  assert.deepEqual(
    networks.map(({ depth }) => depth),
    [2, 3, 4, 5],
  );
  for (const { primal, dual, branches } of networks) {
    near(primal, 3.4, 1e-9, 'B7, deep');
    near(dual, 3.4, 1e-9, 'B7, dual');
    for (const { alignment } of branches) for (const layer of alignment) assert.ok(layer.rankOneRatio < 1e-9);
  }
  // gradient descent on such branches: above the dual all the way, its largest branch as the theorem says
  for (const { depth, points, branches: left } of trainings) {
    for (const { objective } of points) assert.ok(objective >= 3.4 * (1 - 1e-9), `${depth} layers: ${objective}`);
    const ratios = left[0].layers.map(({ rankOneRatio }) => rankOneRatio);
    assert.ok(Math.max(...ratios) < 1e-3, `${depth} layers: ${ratios.join(', ')}`);
    for (const { alignment } of left[0].layers) assert.ok(alignment === null || alignment > 0.999);
  }
  const skew = (
    await run('structure', {
      X: [
        [1, 0.5],
        [0, 1],
      ],
      y: [1, 2],
      beta: 0.1,
      model: 'relu',
    })
  ).result;
  assert.equal(skew.rankOne, undefined);
});

test('the structure of a data file is that of its training problem; options of others are refused', async () => {
  const file = path.join(folder, 'line.csv');
  writeFileSync(file, 'x,y\n0,0\n1,1\n1,3\n2,1\n3,0.5\n4,2\n5,4\n6,5\n7,3\n8,2.5\n9,1\n10,0\n');
  const options = ['--target', 'y', '--bias', 'none', '--beta', '0.3', '--test-fraction', '0'];
  interface Found {
    data?: { target: string; trainRows: number; inputs: string[]; features: string; beta: number };
    forms: { id: string; applies: boolean; objective?: number }[];
    rankOne: { trainings: { depth: number }[] };
    splines: { kinks: { at: number }[] }[];
  }
  const read = async (...args: string[]): Promise<Found> => {
    const { status, stdout, stderr } = await runProgram(['structure', ...args]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Found;
  };
  const found = await read(file, ...options, '--epochs', '20');
  assert.deepEqual(found.data, {
    ...found.data,
    ...{ target: 'y', trainRows: 12, inputs: ['x'], features: 'standardised', beta: 0.3 },
  });
  assert.equal(found.rankOne.trainings.length, 4);
  const problem = path.join(folder, 'line.json');
  assert.equal(
    (await runWarm(['train', file, ...options, '--no-path', '--no-compare', '--problem', problem])).status,
    0,
  );
  const same = await read(problem);
  assert.equal(same.data, undefined);
  for (const { id, applies, objective = 0 } of found.forms) {
    const other = same.forms.find((form) => form.id === id)!;
    assert.equal(other.applies, applies, id);
    near(objective, other.objective ?? 0, 1e-9, id);
  }
  assert.deepEqual(
    found.splines.map(({ kinks }) => kinks.map(({ at }) => at)),
    same.splines.map(({ kinks }) => kinks.map(({ at }) => at)),
  );
  for (const [args, message] of [
    [[file, '--target', 'z'], /line\.csv: there is no column "z"/],
    [[file, '--no-path'], /--no-path belongs to convexnet train/],
    [[problem, '--bias', 'none'], /--bias goes with a data file/],
    [[file, '--batch-norm', '--model', 'linear'], /batch normalisation goes with the two-layer ReLU network/],
  ] as const) {
    const { status, stderr } = await runWarm(['structure', ...args]);
    assert.equal(status, 2);
    assert.match(stderr, message);
  }
});

test('splines: kinks, slope changes, dual values and interpolation limits of B5 and B6; repeated x; several outputs', async () => {
  interface Spline {
    solution: { objective: number; dual: number[]; betaMax: number; offset: number; fit: number[] };
    kinks: { at: number; change: number }[];
    interpolation: { value: number; kinks: number[] };
  }
  const splineOf = async (X: number[][], y: unknown, beta: number): Promise<Spline> =>
    ((await run('structure', { X, y, beta, model: 'relu', bias: 'free' })).result.splines as Spline[])[0];
  const b5 = caseOf('B5');
  const tent = b5.expected as Record<string, number> & { kinks: number[]; dual_v: number[]; f: number[] };
  const spline = await splineOf(b5.X, b5.y, b5.beta);
  assert.deepEqual(
    spline.kinks.map(({ at }) => at),
    tent.kinks,
  );
  near(spline.kinks[0].change, tent.slope_change, 1e-6, 'B5, change of slope');
  spline.solution.dual.forEach((v, i) => near(v, tent.dual_v[i], 1e-6, 'B5, dual'));
  spline.solution.fit.forEach((f, i) => near(f, tent.f[i], 1e-6, 'B5, fit'));
  near(spline.solution.betaMax, 1 / 3, 1e-9, 'B5, no kink from');
  near(spline.interpolation.value, tent.min_norm_interpolation, 1e-9, 'B5, interpolation');
  near((await splineOf(b5.X, b5.y, 0.2)).solution.objective, tent.objective_beta_0p2, 1e-6, 'B5 at 0.2');
  const b6 = caseOf('B6');
  const six = b6.expected as { min_norm_interpolation: number; kinks: number[]; f: number[] };
  const reflected = await splineOf(b6.X, b6.y, b6.beta);
  near(reflected.interpolation.value, six.min_norm_interpolation, 1e-9, 'B6, interpolation');
  assert.deepEqual(reflected.interpolation.kinks, six.kinks);
  reflected.solution.fit.forEach((f, i) => near(f, six.f[i], 1e-6, 'B6, fit'));
  // rows with the same x count as often as they occur: the optimum of the means with weights
  const twice = await splineOf([[0], [1], [1], [2]], [0, 0.5, 1.5, 0], 0.1);
  assert.ok(twice.kinks.every(({ at }) => [0, 1, 2].includes(at)));
  near(twice.interpolation.value, 2, 1e-9, 'repeated x, interpolation of the means');
  const several = (
    await run('structure', {
      X: b5.X,
      y: (b5.y as number[]).map((value) => [value, -value]),
      beta: b5.beta,
      model: 'relu',
      bias: 'free',
    })
  ).result;
  const [own, mirrored] = several.splines as Spline[];
  near(own.kinks[0].change, tent.slope_change, 1e-6, 'two outputs, the first');
  near(mirrored.kinks[0].change, -tent.slope_change, 1e-6, 'two outputs, the second');
  near(formOf(several, 'one-feature').objective, 2 * 0.17, 1e-6, 'two outputs, one by one');
});

test('serial and parallel linear networks: B9 with equal singular values', async () => {
  const { primal, dual, Y } = (
    caseOf('B9').expected as { equal_singular_values_case: { Y: number[][]; primal: number; dual: number } }
  ).equal_singular_values_case;
  const { gaps } = (await run('structure', { X: caseOf('B9').X, y: Y, beta: 1, model: 'linear' })).result.linear as {
    gaps: { depth: number; primal: number; dual: number }[];
  };
  const three = gaps.find(({ depth }) => depth === 3);
  near(three?.primal, primal, 1e-9, 'B9, equal');
  near(three?.dual, dual, 1e-9, 'B9, equal, dual');
});

test('training on whitened rows says so, uses the closed form and checks it; too many inputs are refused', async () => {
  const train = (
    name: string,
    rows: readonly (readonly (number | string)[])[],
    ...more: string[]
  ): Promise<Finished> => {
    const file = path.join(folder, name);
    writeFileSync(file, `${rows.map((row) => row.join(',')).join('\n')}\n`);
    const options = ['--target', 'y', '--whiten', '--bias', 'none', '--beta-rel', '0.1', '--no-path', '--no-compare'];
    return runWarm(['train', file, ...options, ...more]);
  };
  const header = [...Array.from({ length: 9 }, (_, k) => `x${k}`), 'y'];
  const rows = Array.from({ length: 6 }, (_, i) => [
    ...Array.from({ length: 9 }, (_, k) => Math.sin(1 + 2.3 * i + (k + 1) * (i + 1)).toFixed(4)),
    [1, -2, 3, 0.5, -1, 2][i],
  ]);
  const { status, stdout, stderr } = await train(
    'wide.csv',
    [header, ...rows],
    '--test-fraction',
    '0',
    '--task',
    'regression',
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /whitened \(training rows orthogonal\)/);
  const found = /Whitened rows: .* Value ([\d.e+-]+), solver ([\d.e+-]+) \(relative difference/.exec(stdout);
  assert.ok(found, stdout);
  near(Number(found[1]), Number(found[2]), 1e-6, 'whitened rows');
  const objective = /objective ([\d.e+-]+)/.exec(stdout)!;
  near(Number(objective[1]), Number(found[1]), 1e-6, 'the run itself');
  const many = Array.from({ length: 401 }, (_, k) => k);
  const refused = await train('many.csv', [
    [...many.map((k) => `x${k}`), 'y'],
    ...[0, 1, 2].map((i) => [...many.map((k) => Math.sin(401 * i + k).toFixed(4)), i]),
  ]);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /many\.csv.*too many to whiten \(at most 400 inputs/);
});

test('batch normalisation: the penalty it is exact for, the check by running it, its closed form; other models are refused', async () => {
  const rows = Array.from({ length: 7 }, (_, i) => [
    ...Array.from({ length: 9 }, (_, k) => Math.sin(1 + 2.3 * i + (k + 1) * (i + 1)).toFixed(4)),
    [1, -2, 3, 0.5, -1, 2, 1][i],
  ]);
  const file = path.join(folder, 'normalised.csv');
  const header = [...Array.from({ length: 9 }, (_, k) => `x${k}`), 'y'];
  writeFileSync(file, `${[header, ...rows].map((row) => row.join(',')).join('\n')}\n`);
  const train = (...more: string[]): Promise<Finished> =>
    runWarm(['train', file, '--target', 'y', '--beta-rel', '0.1', '--batch-norm', '--no-path', ...more]);
  const { status, stdout, stderr } = await train('--test-fraction', '0', '--task', 'regression', '--no-compare');
  assert.equal(status, 0, stderr);
  const text = stdout;
  assert.match(text, /batch normalisation: Every hidden neuron is \(scale · \(w·x − mean\) \/ deviation \+ shift\)₊/);
  const check = /run with the statistics of the training rows: objective ([\d.e+-]+)/.exec(text);
  const [objective, formula] = [
    /^objective ([\d.e+-]+)/m.exec(text),
    /Whitened rows: .* Value ([\d.e+-]+), solver/.exec(text),
  ];
  assert.ok(check && objective && formula, text);
  near(Number(check[1]), Number(objective[1]), 1e-9, 'the network with batch statistics');
  near(Number(objective[1]), Number(formula[1]), 1e-6, 'the two-neuron formula');
  const refused = await train('--model', 'linear');
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /batch normalisation goes with the two-layer ReLU network/);
});

test('what does not fit or does not hold is refused with the reason', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => [Math.sin(i), Math.cos(3 * i), i % 5]);
  const many = await run('solve', {
    X: rows,
    y: rows.map(([a]) => a),
    beta: 0.1,
    model: 'three-layer',
    hidden: { m1: 3 },
    arrangements: { kind: 'all' },
  });
  assert.equal(many.status, 2);
  assert.match(many.stderr, /tuples of 40 rows/);
  const skew = await run('solve', {
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
  const deep = await run('solve', { X: [[1]], y: [1], beta: 0.5, model: 'linear', depth: 1 });
  assert.equal(deep.status, 2);
  assert.match(deep.stderr, /2 to 64 layers/);
});
