import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { certifyGated } from '../../../src/core/certify/gatedCertificate.ts';
import { createKernels } from '../../../src/core/base/kernels/createKernels.ts';
import { createReferenceKernels } from '../../../src/core/base/kernels/reference.ts';
import { denseMatrix, fromRows } from '../../../src/core/base/linalg/matrix.ts';
import type { LossName, OutputPenalty, Problem } from '../../../src/core/problem/problem.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import { ProblemError } from '../../../src/core/base/problemError.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { gatesOf } from '../../../src/core/engine/gated/gates.ts';
import { gatedProgram } from '../../../src/core/engine/gated/program.ts';
import { solveWorkingSet } from '../../../src/core/engine/gated/workingSet.ts';
import { betaGrid, regularizationPath } from '../../../src/core/engine/path.ts';
import type { Solution } from '../../../src/core/engine/solution/solution.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { randomProblem, reference } from './problems.ts';

function close(actual: number, expected: number, relative: number, what = 'value'): void {
  const error = Math.abs(actual - expected) / Math.max(1e-12, Math.abs(expected));
  assert.ok(error <= relative, `${what}: ${actual} against ${expected}, relative error ${error}`);
}

/** What must hold of every finished solve. */
function checkSolved(solution: Solution, problem: Problem): void {
  assert.equal(solution.status, 'optimal');
  assert.ok(solution.relativeGap <= problem.tolerance, `gap ${solution.relativeGap}`);
  assert.ok(solution.relativeGap >= -1e-13, `weak duality: gap ${solution.relativeGap}`);
  close(solution.networkObjective, solution.objective, 1e-11, 'network objective');
}

for (const name of ['g01_diabetes_sq', 'g06_spirals_sq', 'v02_iris3_sq_frob']) {
  test(`reference problem ${name}`, () => {
    const { problem, objective } = reference(name);
    const solution = solve(problem);
    checkSolved(solution, problem);
    close(solution.objective, objective, 1e-8);
    assert.equal(solution.scope, 'given-gates');
  });
}

interface AnalyticCase {
  readonly name: string;
  readonly X: number[][];
  readonly expected: { readonly regularised_beta_0p2: { readonly gated: number } };
}

test('gated ReLU is a strict relaxation of ReLU: closed form on two rows, all six cells as gates', () => {
  const cases = JSON.parse(
    readFileSync(new URL('../../fixtures/analytic_cases.json', import.meta.url), 'utf8'),
  ) as AnalyticCase[];
  const found = cases.find(({ name }) => name.startsWith('P7'));
  assert.ok(found);
  const gates = Array.from({ length: 64 }, (_, k) => [
    Math.cos((k * Math.PI) / 32 + 0.01),
    Math.sin((k * Math.PI) / 32 + 0.01),
  ]);
  const problem: Problem = {
    ...randomProblem(1, { n: 2, d: 2 }),
    X: fromRows(found.X),
    y: fromRows([[1], [0]]),
    bias: 'none',
    beta: 0.2,
    tolerance: 1e-10,
    arrangements: { kind: 'given', gates: fromRows(gates) },
  };
  const solution = solve(problem);
  checkSolved(solution, problem);
  close(solution.objective, found.expected.regularised_beta_0p2.gated, 1e-9);
});

test('all arrangements: the value that no larger sample of gates improves', () => {
  const problem = randomProblem(20, { n: 8, d: 2 }, { beta: 0.1, tolerance: 1e-9 });
  const all = solve({ ...problem, arrangements: { kind: 'all' } });
  checkSolved(all, problem);
  assert.equal(all.scope, 'all-arrangements');
  // 8 rows in general position in three dimensions: 2 (1 + 7 + 21) cells, one of them off everywhere
  assert.equal(all.gates.rows, 57);
  const many = solve({ ...problem, arrangements: { kind: 'sampled', count: 5000, seed: 1 } });
  assert.ok(many.objective >= all.objective * (1 - 2e-9));
  close(many.objective, all.objective, 1e-3);
  refuses(
    { ...randomProblem(1, { n: 300, d: 9 }), arrangements: { kind: 'all' } },
    /^arrangements: .* rows would fit$/,
  );
});

test('one row: scalar soft threshold in closed form', () => {
  // one gate, x = (3, 4), y = 2, beta = 1: f = y - beta / ||x||, objective 1/2 (1/5)^2 + 1.8/5
  const problem: Problem = {
    ...randomProblem(1, { n: 1, d: 2 }),
    X: fromRows([[3, 4]]),
    y: fromRows([[2]]),
    bias: 'none',
    beta: 1,
    arrangements: { kind: 'given', gates: fromRows([[1, 0]]) },
  };
  const solution = solve(problem);
  checkSolved(solution, problem);
  close(solution.objective, 0.38, 1e-9);
  close(solution.fit.data[0], 1.8, 1e-6);
  close(solution.betaMax!, 10, 1e-14);
});

test('one row, logistic: f = log((1 - beta) / beta)', () => {
  const problem: Problem = {
    ...randomProblem(1, { n: 1, d: 1 }),
    X: fromRows([[1]]),
    y: fromRows([[1]]),
    loss: 'logistic',
    bias: 'none',
    beta: 0.2,
    arrangements: { kind: 'given', gates: fromRows([[1]]) },
  };
  const solution = solve(problem);
  checkSolved(solution, problem);
  close(solution.objective, 0.5004024235381879, 1e-9);
  close(solution.fit.data[0], Math.log(4), 1e-4);
});

const settings: [LossName, number, OutputPenalty][] = [
  ['squared', 1, 'per-output'],
  ['squared', 2, 'per-output'],
  ['squared', 2, 'frobenius'],
  ['squared', 2, 'nuclear'],
  ['logistic', 1, 'per-output'],
  ['logistic', 2, 'frobenius'],
  ['logistic', 3, 'nuclear'],
  ['softmax', 3, 'per-output'],
  ['softmax', 3, 'frobenius'],
  ['softmax', 3, 'nuclear'],
  ['hinge', 1, 'per-output'],
  ['hinge', 2, 'frobenius'],
  ['hinge', 2, 'nuclear'],
];

for (const [loss, outputs, outputPenalty] of settings) {
  const name = `${loss}, ${outputs} outputs, ${outputPenalty}`;
  const base = randomProblem(7, { n: 30, d: 3, outputs }, { loss, outputPenalty, tolerance: 1e-8 });
  const { betaMax } = solve({ ...base, beta: 1e9 });

  test(`${name}: Newton to 1e-8, and the first-order twin finds the same value`, () => {
    for (const share of [0.3, 0.03]) {
      const problem = { ...base, beta: share * betaMax! };
      const newton = solve(problem);
      checkSolved(newton, problem);
      const loose = { ...problem, tolerance: 1e-4 };
      const twin = solve(loose, { engine: 'first-order' });
      checkSolved(twin, loose);
      assert.ok(twin.objective >= newton.dualBound * (1 - 1e-12), 'each objective is above every bound');
      assert.ok(newton.objective >= twin.dualBound * (1 - 1e-12), 'each objective is above every bound');
      assert.notEqual(twin.method, newton.method);
    }
  });

  test(`${name}: zero exactly from betaMax on, and not below it`, () => {
    const at = solve({ ...base, beta: betaMax! });
    assert.equal(at.groups.length, 0);
    assert.equal(at.status, 'optimal');
    assert.ok(Math.abs(at.relativeGap) < 1e-12, `${at.relativeGap}`);
    const below = solve({ ...base, beta: 0.98 * betaMax! });
    assert.ok(below.groups.length > 0);
  });

  test(`${name}: the conditions of optimality hold`, () => {
    const solution = solve({ ...base, beta: 0.1 * betaMax!, tolerance: 1e-10 });
    assert.ok(solution.gateConstraint.every((g) => g <= 1 + 1e-3));
    assert.ok(solution.kkt.complementarity < 1e-3);
    // active gates are tight
    for (const { gate } of solution.groups) assert.ok(solution.gateConstraint[gate] > 1 - 1e-3);
  });
}

test('a gap of 1e-9 is reached for every loss', () => {
  for (const loss of ['squared', 'logistic', 'softmax', 'hinge'] as const) {
    const base = randomProblem(11, { n: 40, d: 4, outputs: loss === 'softmax' ? 3 : 1 }, { loss, tolerance: 1e-9 });
    const problem = { ...base, beta: 0.05 * solve({ ...base, beta: 1e9 }).betaMax! };
    checkSolved(solve(problem), problem);
  }
});

test('at most 40 Newton steps to 1e-6 on diabetes and the breast cancer data', () => {
  for (const [name, classes] of [
    ['diabetes', false],
    ['breast_cancer', true],
  ] as const) {
    const { X, y } = sample(name, classes);
    const base: Problem = {
      ...randomProblem(1, { n: 1, d: 1 }),
      X,
      y,
      tolerance: 1e-6,
      arrangements: { kind: 'sampled', count: 120, seed: 1 },
    };
    const kernels = createKernels();
    const { betaMax } = solve({ ...base, beta: 1e9 }, { kernels });
    for (const share of [0.1, 0.01]) {
      const problem = { ...base, beta: share * betaMax! };
      const solution = solve(problem, { kernels });
      checkSolved(solution, problem);
      assert.ok(solution.iterations <= 40, `${name} at ${share}: ${solution.iterations} steps`);
    }
  }
});

/** A sample data set, standardised. */
function sample(name: string, classes: boolean): Pick<Problem, 'X' | 'y'> {
  const text = readFileSync(new URL(`../../../media/samples/${name}.csv`, import.meta.url), 'utf8');
  const cells = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));
  const standardise = (rows: number[][]): number[][] => {
    const n = rows.length;
    const columns = rows[0].map((_, k) => {
      const mean = rows.reduce((s, row) => s + row[k], 0) / n;
      const deviation = Math.sqrt(rows.reduce((s, row) => s + (row[k] - mean) ** 2, 0) / n);
      return { mean, deviation: deviation || 1 };
    });
    return rows.map((row) => row.map((x, k) => (x - columns[k].mean) / columns[k].deviation));
  };
  const first = cells[0].at(-1);
  const y = cells.map((row) => [classes ? (row.at(-1) === first ? 1 : -1) : Number(row.at(-1))]);
  return {
    X: fromRows(standardise(cells.map((row) => row.slice(0, -1).map(Number)))),
    y: fromRows(classes ? y : standardise(y)),
  };
}

test('path: objective concave and rising in beta, loss rising, penalty falling; warm equals cold', () => {
  for (const loss of ['squared', 'logistic'] as const) {
    const problem = randomProblem(3, { n: 40, d: 3 }, { loss, tolerance: 1e-9 });
    const { betaMax } = solve({ ...problem, beta: 1e9 });
    const steps = [...regularizationPath(problem, betaGrid(betaMax!, 12, 0.01))];
    assert.equal(steps.length, 12);
    assert.equal(steps[0].solution.groups.length, 0);
    for (const { beta, solution } of steps) {
      assert.ok(solution.relativeGap <= 1e-9);
      close(solution.objective, solve({ ...problem, beta }).objective, 3e-9, 'warm against cold');
    }
    const points = steps.map(({ beta, solution }) => ({ beta, ...solution })).reverse();
    for (let k = 1; k < points.length; k++) {
      const [a, b] = [points[k - 1], points[k]];
      const slack = 1e-7 * b.objective;
      assert.ok(b.objective >= a.objective - slack, 'objective rises');
      assert.ok(b.datafit >= a.datafit - slack * 100, 'loss rises');
      assert.ok(b.penalty <= a.penalty * (1 + 1e-4), 'penalty falls');
      if (k > 1) {
        const before = points[k - 2];
        const [left, right] = [
          (a.objective - before.objective) / (a.beta - before.beta),
          (b.objective - a.objective) / (b.beta - a.beta),
        ];
        assert.ok(right <= left * (1 + 1e-6), 'concave');
      }
    }
  }
});

test('a warm start saves Newton steps, on the same gates and on more of them', () => {
  const problem = randomProblem(5, { n: 60, d: 4 }, { tolerance: 1e-6 });
  const { betaMax } = solve({ ...problem, beta: 1e9 });
  const first = solve({ ...problem, beta: 0.1 * betaMax! });
  const again = solve({ ...problem, beta: 0.1 * betaMax! }, { warm: first.warm });
  assert.ok(again.iterations <= 2, `${again.iterations}`);
  const half = solve({ ...problem, beta: 0.05 * betaMax! }, { warm: first.warm });
  const cold = solve({ ...problem, beta: 0.05 * betaMax! });
  assert.ok(half.iterations < cold.iterations, `${half.iterations} against ${cold.iterations}`);
  const more = { ...problem, beta: 0.1 * betaMax!, arrangements: { kind: 'sampled', count: 45, seed: 5 } } as const;
  close(solve(more, { warm: first.warm }).objective, solve(more).objective, 2e-6);
});

test('a warm start from other data is not used', () => {
  const small = solve(randomProblem(5, { n: 20, d: 2 }));
  const problem = randomProblem(6, { n: 25, d: 3 });
  close(solve(problem, { warm: small.warm }).objective, solve(problem).objective, 1e-12);
  close(solve(problem, { warm: { kind: 'other' } }).objective, solve(problem).objective, 1e-12);
});

test('scaling: (X, cy, c beta) multiplies the objective by c^2; (cX, y, c beta) leaves it alone', () => {
  const problem = randomProblem(8, { n: 25, d: 3 }, { bias: 'none', beta: 2 });
  const { objective, fit } = solve(problem);
  for (const c of [1e-3, 7, 1e4]) {
    const times = (m: Problem['X']): Problem['X'] =>
      denseMatrix(
        m.rows,
        m.cols,
        m.data.map((x) => c * x),
      );
    const y = solve({ ...problem, y: times(problem.y), beta: 2 * c });
    close(y.objective, c * c * objective, 3e-9, 'targets');
    close(y.fit.data[0], c * fit.data[0], 1e-3, 'fit');
    close(solve({ ...problem, X: times(problem.X), beta: 2 * c }).objective, objective, 3e-9, 'inputs');
  }
});

test('rotating X and the gates changes nothing', () => {
  const problem = randomProblem(9, { n: 25, d: 2 }, { bias: 'none', beta: 1 });
  const rotate = (m: Problem['X']): Problem['X'] =>
    denseMatrix(
      m.rows,
      2,
      Float64Array.from(m.data, (_, i) =>
        i % 2 === 0 ? 0.6 * m.data[i] - 0.8 * m.data[i + 1] : 0.8 * m.data[i - 1] + 0.6 * m.data[i],
      ),
    );
  const gates = randomGates(20, 2, 4);
  const plain = solve({ ...problem, arrangements: { kind: 'given', gates } });
  const turned = solve({
    ...problem,
    X: rotate(problem.X),
    arrangements: { kind: 'given', gates: rotate(gates) },
  });
  close(turned.objective, plain.objective, 3e-9);
});

function randomGates(count: number, d: number, seed: number): Problem['X'] {
  const rng = createRng(seed);
  return denseMatrix(
    count,
    d,
    Float64Array.from({ length: count * d }, () => rng.normal()),
  );
}

test('a row given twice counts as weight two; permuting rows changes nothing', () => {
  // weight two on every row is the same as half of beta, at twice the value
  for (const loss of ['squared', 'logistic', 'hinge'] as const) {
    const problem = randomProblem(10, { n: 15, d: 2 }, { loss, beta: 0.5 });
    const gates = randomGates(15, 3, 1);
    const given = { ...problem, arrangements: { kind: 'given', gates } } as const;
    const rows = (m: Problem['X'], order: readonly number[]): Problem['X'] =>
      fromRows(order.map((r) => Array.from(m.data.subarray(r * m.cols, (r + 1) * m.cols))));
    const order = Array.from({ length: 15 }, (_, r) => r);
    const twice = [...order, ...order];
    const doubled = solve({ ...given, X: rows(problem.X, twice), y: rows(problem.y, twice), beta: 1 });
    close(doubled.objective, 2 * solve(given).objective, 3e-9, 'doubled');
    const back = [...order].reverse();
    const permuted = solve({ ...given, X: rows(problem.X, back), y: rows(problem.y, back) });
    close(permuted.objective, solve(given).objective, 3e-9, 'permuted');
  }
});

test('more gates never raise the value; repeated gates count once', () => {
  const problem = randomProblem(12, { n: 30, d: 3 }, { beta: 0.5 });
  const gates = randomGates(40, 4, 2);
  let last = Infinity;
  for (const count of [5, 10, 20, 40]) {
    const some = denseMatrix(count, 4, gates.data.slice(0, count * 4));
    const { objective } = solve({ ...problem, arrangements: { kind: 'given', gates: some } });
    assert.ok(objective <= last * (1 + 1e-9));
    last = objective;
  }
  const repeated = denseMatrix(80, 4, Float64Array.from([...gates.data, ...gates.data.map((g) => 3 * g)]));
  const solution = solve({ ...problem, arrangements: { kind: 'given', gates: repeated } });
  close(solution.objective, last, 1e-12);
  assert.equal(solution.requestedGates, 80);
  assert.ok(solution.duplicateGates >= 40);
});

test('degenerate data: constant target, equal rows, collinear features, fewer rows than features, zero columns, one row', () => {
  const base = randomProblem(13, { n: 12, d: 2 }, { beta: 0.05 });
  const rng = createRng(2);
  const cases: Record<string, Partial<Problem>> = {
    'constant target': { y: denseMatrix(12, 1, new Float64Array(12).fill(3)) },
    'zero target': { y: denseMatrix(12, 1) },
    'all rows equal': { X: fromRows(Array.from({ length: 12 }, () => [1, 2])) },
    'collinear features': { X: fromRows(Array.from({ length: 12 }, (_, r) => [r - 5, 2 * (r - 5)])) },
    'zero column': { X: fromRows(Array.from({ length: 12 }, (_, r) => [r - 5, 0])) },
    'all of X zero': { X: denseMatrix(12, 2), bias: 'none' },
    'more features than rows': {
      X: denseMatrix(
        3,
        20,
        Float64Array.from({ length: 60 }, () => rng.normal()),
      ),
      y: fromRows([[1], [2], [-1]]),
    },
    'one row': { X: fromRows([[2, 1]]), y: fromRows([[1]]) },
    'large values': {
      X: denseMatrix(
        12,
        2,
        base.X.data.map((x) => 1e8 * x),
      ),
      beta: 1e6,
    },
    'tiny beta': { beta: 1e-7, tolerance: 1e-6 },
  };
  for (const [name, change] of Object.entries(cases)) {
    const problem = { ...base, ...change };
    const solution = solve(problem);
    assert.equal(solution.status, 'optimal', name);
    assert.ok(solution.relativeGap <= problem.tolerance, `${name}: ${solution.relativeGap}`);
  }
});

test('gates that no row activates: the zero network is all there is', () => {
  const problem = randomProblem(14, { n: 5, d: 1 }, { beta: 0.1, bias: 'none' });
  const solution = solve({
    ...problem,
    X: fromRows([[1], [2], [3], [4], [5]]),
    arrangements: { kind: 'given', gates: fromRows([[-1], [-2]]) },
  });
  assert.equal(solution.groups.length, 0);
  assert.equal(solution.duplicateGates, 2);
  assert.equal(solution.status, 'optimal');
  close(solution.objective, solution.dualBound, 1e-12);
});

function refuses(change: Partial<Problem>, pattern: RegExp): void {
  assert.throws(
    () => solve({ ...randomProblem(15, { n: 10, d: 2 }), ...change }),
    (error: unknown) => error instanceof ProblemError && pattern.test(error.message),
  );
}

test('what cannot be solved is refused with its reason', () => {
  refuses({ beta: 0 }, /^beta: beta = 0 has no unique solution/);
  refuses({ beta: NaN }, /^beta: must be a positive number, not NaN/);
  refuses({ bias: 'free' }, /^bias: a free bias makes every gated unit free/);
  refuses({ arrangements: { kind: 'given', gates: fromRows([[1]]) } }, /^gates: expected 2 or 3 numbers per gate/);
  refuses(
    { arrangements: { kind: 'given', gates: fromRows([[1, NaN]]) } },
    /^gates, row 1, column 2: NaN is not a finite number/,
  );
  refuses(
    { arrangements: { kind: 'sampled', count: 0, seed: 1 } },
    /^arrangements.count: needs a positive whole number/,
  );
});

test('a stop is answered at once with a feasible point, its gap, and the right status', () => {
  const problem = randomProblem(
    16,
    { n: 200, d: 5 },
    { arrangements: { kind: 'sampled', count: 200, seed: 1 }, beta: 0.5 },
  );
  const zero = solve({ ...problem, beta: 1e9 });
  for (const engine of ['newton', 'first-order'] as const) {
    for (const polls of [0, 3, 10]) {
      let left = polls;
      const stopped = solve(
        problem,
        { engine },
        { shouldStop: () => left-- <= 0, now: () => performance.now() / 1000 },
      );
      assert.equal(stopped.status, 'cancelled');
      assert.ok(stopped.relativeGap > 0);
      assert.ok(stopped.objective <= zero.objective, 'no worse than the zero network');
      assert.ok(stopped.dualBound <= stopped.objective);
    }
  }
  const late = solve(problem, { timeLimitSeconds: 0 });
  assert.equal(late.status, 'time-limit');
});

test('progress reports: objective falls, bound rises', () => {
  const seen: [number, number][] = [];
  const problem = randomProblem(17, { n: 50, d: 3 }, { beta: 0.5 });
  solve(
    problem,
    {},
    {
      shouldStop: () => false,
      now: () => 0,
      report: ({ objective, dualBound }) => seen.push([objective, dualBound]),
    },
  );
  assert.ok(seen.length > 3);
  for (let k = 1; k < seen.length; k++) {
    assert.ok(seen[k][0] <= seen[k - 1][0]);
    assert.ok(seen[k][1] >= seen[k - 1][1]);
  }
});

test('the same problem gives bitwise the same answer', () => {
  const problem = randomProblem(18, { n: 40, d: 3 }, { beta: 0.5 });
  const [a, b] = [solve(problem), solve(problem)];
  assert.equal(a.objective, b.objective);
  assert.deepEqual(a.dual, b.dual);
});

for (const [loss, outputs, outputPenalty] of settings) {
  test(`${loss}, ${outputs} outputs, ${outputPenalty}: working sets with screening reach the value of all gates at once`, () => {
    const problem = randomProblem(
      19,
      { n: 30, d: 3, outputs },
      { loss, outputPenalty, tolerance: 1e-7, arrangements: { kind: 'sampled', count: 400, seed: 1 } },
    );
    const { betaMax } = solve({ ...problem, beta: 1e9 });
    const beta = 0.1 * betaMax!;
    const all = solve({ ...problem, beta });
    const prepared = prepare({ ...problem, beta });
    const { gateSet } = gatesOf(problem, prepared);
    const program = gatedProgram(prepared, gateSet, createReferenceKernels());
    const size = program.features * outputs;
    const V = new Float64Array(30 * outputs);
    prepared.datafit.dualPoint(new Float64Array(30 * outputs), V);
    const result = solveWorkingSet(
      program,
      { U: new Float64Array(program.gates * size), V, isWarm: false },
      { tolerance: 1e-7, maxIterations: 500, shouldStop: () => false, report: () => undefined },
    );
    assert.equal(result.status, 'optimal');
    const blocks = Array.from({ length: program.gates }, (_, gate) => ({
      gate,
      vector: result.U.subarray(gate * size, (gate + 1) * size),
    })).filter(({ vector }) => vector.some((u) => u !== 0));
    const { datafit, X } = prepared;
    const { patterns } = gateSet;
    const judged = certifyGated({ X, patterns, datafit, beta, penalty: outputPenalty, blocks, dual: result.V });
    assert.ok(judged.relativeGap <= 1e-7, `${judged.relativeGap}`);
    close(judged.objective, all.objective, 2e-7);
    assert.match(result.method, /working set of \d+ of \d+ gates/);
  });
}
