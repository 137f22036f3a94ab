import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BiasMode, LossName } from '../../../../src/core/problem/problem.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import type { Solution } from '../../../../src/core/engine/solution/solution.ts';
import { analyticCase, reluProblem } from './support.ts';

function solved(
  id: string,
  beta?: number,
  bias: BiasMode = 'none',
  loss: LossName = 'squared',
  gates?: number[][],
): Solution {
  const { X, y, ...rest } = analyticCase(id);
  return solve(reluProblem({ X, y, beta: beta ?? rest.beta, bias, loss, ...(gates === undefined ? {} : { gates }) }), {
    certifySeconds: 60,
  });
}

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what}: ${actual}, expected ${expected}`,
  );
}

/** The case's numbers, each to its tolerance, and the proof over all networks. */
function check(id: string, solution: Solution): void {
  const { expected, tolerance } = analyticCase(id);
  assert.equal(solution.status, 'optimal');
  assert.equal(solution.global?.proof, 'exact');
  assert.equal(solution.scope, 'all-arrangements');
  assert.ok(solution.global.relativeGap <= 1e-7);
  near(solution.networkObjective, solution.objective, 1e-9, 'network objective');
  const objective = expected.objective ?? expected.global_objective;
  if (typeof objective === 'number') near(solution.objective, objective, tolerance, 'objective');
  if (typeof expected.beta_max === 'number') near(solution.betaMax!, expected.beta_max, 1e-9, 'betaMax');
  if (Array.isArray(expected.f) && id !== 'P3') {
    (expected.f.flat() as number[]).forEach((f, i) => near(solution.fit.data[i], f, tolerance, `fit ${i}`));
  }
  const dual = expected.dual_v ?? expected.dual_V;
  if (Array.isArray(dual))
    (dual.flat() as number[]).forEach((v, i) => near(solution.dual.data[i], v, 10 * tolerance, `dual ${i}`));
}

for (const id of ['P1', 'P2', 'P3', 'P4', 'P5', 'B3', 'B4', 'B7', 'D6']) {
  void test(`${analyticCase(id).name}`, () => check(id, solved(id)));
}

for (const id of ['P6', 'B5', 'B6']) {
  void test(`${analyticCase(id).name}`, () => check(id, solved(id, undefined, 'free')));
}

void test('P4, B3: two neurons, not six groups', () => {
  assert.equal(solved('P4').network.W1.rows, 2);
  assert.equal(solved('B3').network.W1.rows, 2);
});

void test('P3: on the cell of one neuron alone the optimum is the stationary point', () => {
  const { expected, tolerance } = analyticCase('P3');
  const solution = solved('P3', undefined, 'none', 'squared', [[1]]);
  near(solution.objective, expected.stationary_objective as number, tolerance, 'objective');
  near(solution.global!.maxDualConstraint, expected.dual_max as number, 1e-6, 'dual maximum');
  near(solution.global!.lowerBound, expected.lower_bound_by_scaling as number, 1e-6, 'lower bound');
  assert.equal(solution.scope, 'given-gates');
});

void test('P7: regularised', () => {
  const { expected, tolerance } = analyticCase('P7');
  const { relu } = expected.regularised_beta_0p2 as { relu: number };
  near(solved('P7', 0.2).objective, relu, tolerance, 'objective');
});

void test('P8: logistic loss', () => check('P8', solved('P8', undefined, 'none', 'logistic')));

void test('P9: multiples of the objective give the same network', () => {
  // doubling the loss is scaling X by sqrt(1) and y by sqrt(2) with beta sqrt(2): same f / sqrt(2)
  const { X, y, beta } = analyticCase('P9');
  const one = solve(reluProblem({ X, y, beta }));
  const two = solve(reluProblem({ X, y: (y as number[]).map((v) => 2 * v), beta: 2 * beta }));
  near(one.objective, 0.29, 1e-9, 'objective');
  near(two.objective, 4 * 0.29, 1e-9, 'scaled objective');
});

void test('B5: beta = 0.2', () => {
  near(
    solved('B5', 0.2, 'free').objective,
    analyticCase('B5').expected.objective_beta_0p2 as number,
    1e-9,
    'objective',
  );
});

void test('B7: each of the two neurons dies at its own threshold', () => {
  assert.equal(solved('B7', 14.9).network.W1.rows, 2);
  assert.equal(solved('B7', 15.1).network.W1.rows, 1);
  assert.equal(solved('B7', 25).network.W1.rows, 0);
});
