import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProblemError } from '../../../../src/core/base/problemError.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import { type ProblemFields, randomProblem, relative, reluProblem } from './support.ts';

/** Solved to a closed gap, over all patterns with a proof where it is asked for. */
function closes(fields: ProblemFields, exact = true): ReturnType<typeof solve> {
  const solution = solve(reluProblem(fields), { certifySeconds: exact ? 60 : 0 });
  assert.equal(solution.status, 'optimal');
  assert.ok(Math.abs(solution.relativeGap) <= 1e-8);
  assert.ok(relative(solution.networkObjective, solution.objective) <= 1e-9 || solution.objective === 0);
  if (exact) assert.equal(solution.global?.proof, 'exact');
  return solution;
}

function refused(fields: ProblemFields, field: string, pattern: RegExp): void {
  assert.throws(
    () => solve(reluProblem(fields)),
    (error) => error instanceof ProblemError && error.field === field && pattern.test(error.message),
  );
}

void test('duplicate, opposite and zero rows', () => {
  const fields = randomProblem(1, { n: 12, d: 2 });
  const X = fields.X.map((row) => row.slice());
  X[1] = X[0].slice();
  X[2] = X[0].map((v) => -2 * v);
  X[3] = [0, 0];
  closes({ ...fields, X });
  closes(
    {
      ...fields,
      X,
      gates: [
        [1, 0.2],
        [-0.3, 1],
        [0.1, -1],
        [1, 0.2],
      ],
    },
    false,
  );
});

void test('collinear features, one feature, fewer rows than features, one row', () => {
  const fields = randomProblem(2, { n: 10, d: 3 });
  closes({ ...fields, X: fields.X.map(([a, b]) => [a, b, a - 2 * b]) });
  closes({ ...fields, X: fields.X.map(([a]) => [a]) });
  closes({ ...fields, X: fields.X.map(([a]) => [a]), bias: 'regularized' });
  closes({ ...randomProblem(3, { n: 3, d: 6 }), beta: 0.05 });
  closes({ X: [[1, 2]], y: [-3], beta: 0.1 });
});

void test('all labels equal', () => {
  const fields = randomProblem(4, { n: 10, d: 2 });
  closes({ ...fields, y: fields.X.map(() => 1), loss: 'logistic', bias: 'regularized' });
  const flat = closes({ ...fields, y: fields.X.map(() => 2), bias: 'free' });
  assert.ok(flat.objective <= 1e-20, 'a free offset fits a constant at no cost');
  assert.equal(closes({ ...fields, y: fields.X.map(() => 0) }, false).groups.length, 0);
  refused({ ...fields, y: fields.X.map(() => 1), loss: 'logistic', bias: 'free' }, 'y', /every class/);
});

void test('gates that no row activates are left out; without any gate the zero network remains', () => {
  const fields = {
    X: [
      [1, 1],
      [2, 1],
    ],
    y: [1, 2],
    beta: 0.1,
  };
  const some = closes(
    {
      ...fields,
      gates: [
        [-1, -1],
        [1, 0],
      ],
    },
    false,
  );
  assert.equal(some.gates.rows, 1);
  assert.equal(some.duplicateGates, 1);
  const none = solve(reluProblem({ ...fields, gates: [[-1, -1]] }));
  assert.equal(none.groups.length, 0);
  assert.equal(none.objective, 2.5);
});

void test('a gate whose cone has no interior still counts: its points lie in a hyperplane', () => {
  // rows 1 and 2 are opposite and on the boundary of the gate (0, 1), so that both are on and u_1 = 0 in its cone
  const fields = {
    X: [
      [1, 0],
      [-1, 0],
      [0.5, 1],
      [0.2, 2],
    ],
    y: [0, 0, 1, 2],
    beta: 0.1,
  };
  const solution = closes({ ...fields, gates: [[0, 1]] }, false);
  assert.ok(solution.groups.length === 1 && solution.groups[0].vector[0] === 0);
  // the same as one feature: (1, 2) u_2, u_2 = (5 - beta) / 5
  const t = (5 - 0.1) / 5;
  assert.ok(relative(solution.objective, 2.5 * (1 - t) ** 2 + 0.1 * t) <= 1e-10);
});

void test('what has no exact program is refused with the reason', () => {
  const fields = randomProblem(5, { n: 8, d: 2 });
  refused({ ...fields, beta: 0 }, 'beta', /interpolating/);
  const Y = (fields.y as number[]).map((v) => [v, -v]);
  refused({ ...fields, y: Y, outputPenalty: 'frobenius' }, 'outputPenalty', /per-output/);
  refused({ ...fields, y: Y, outputPenalty: 'nuclear', gates: fields.X }, 'arrangements', /copositive.*adaptive/);
  refused({ ...fields, y: Y, outputPenalty: 'nuclear', arrangements: { kind: 'all' } }, 'arrangements', /adaptive/);
  refused({ ...fields, y: (fields.y as number[]).map((v) => (v > 0 ? 1 : -1)), loss: 'hinge' }, 'loss', /logistic/);
  const wide = randomProblem(6, { n: 60, d: 8 });
  refused({ ...wide, arrangements: { kind: 'all' } }, 'arrangements', /activation patterns/);
});

void test('inputs on a grid, free bias: neurons on lines through many points, whose kinks depend on each other, are settled', () => {
  const X = Array.from({ length: 16 }, (_, i) => [Math.floor(i / 4), i % 4]);
  const y = X.map(([a, b], i) => Math.max(0, a + b - 3) - Math.max(0, a - 2 * b) + 0.7 * Math.sin(5 * i));
  const { kkt } = closes({ X, y, beta: 0.1, bias: 'free' }, false);
  assert.ok(kkt.stationarity <= 1e-6);
});

void test('a stop at any moment leaves a network, although a search leaves neurons behind that are on for no row', () => {
  // all rows on one side of the origin: descent leads many neurons to where nothing is on
  const random = randomProblem(11, { n: 20, d: 2 });
  const X = random.X.map((row) => row.map((value) => 3 + 0.1 * value));
  const problem = reluProblem({ ...random, X, bias: 'regularized', beta: 0.01 });
  for (let polls = 1; polls < 20_000; polls = Math.ceil(1.5 * polls)) {
    let left = polls;
    const { objective, dualBound, groups } = solve(problem, {}, { shouldStop: () => --left < 0, now: () => performance.now() / 1000 }); // prettier-ignore
    assert.ok(Number.isFinite(objective) && dualBound <= objective);
    for (const { vector } of groups) assert.ok(problem.X.rows > 0 && vector.some((value) => value !== 0));
    if (left > 0) break;
  }
});
