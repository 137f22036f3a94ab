import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BiasMode, LossName } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import { gateRows, gaussian, randomProblem, relative, reluProblem } from './support.ts';

const losses: readonly LossName[] = ['squared', 'logistic', 'softmax'];
const biases: readonly BiasMode[] = ['none', 'regularized', 'free'];

/** d effective inputs of a problem with d features. */
function width(d: number, bias: BiasMode): number {
  return bias === 'none' ? d : d + 1;
}

for (const loss of losses) {
  for (const bias of biases) {
    void test(`${loss}, bias ${bias}: sampled, own and adaptive gates are in order, and every gap is closed`, () => {
      const fields = randomProblem(loss.length + bias.length, { loss, bias, n: 18, d: 2 });
      const gates = gaussian(createRng(5), 12, width(2, bias));
      const adaptive = solve(reluProblem(fields), { certifySeconds: 60 });
      const few = solve(reluProblem({ ...fields, gates: gates.slice(0, 5) }));
      const many = solve(reluProblem({ ...fields, gates }));
      const own = solve(reluProblem({ ...fields, gates: gateRows(adaptive) }));
      const all = solve(reluProblem({ ...fields, arrangements: { kind: 'all' } }));
      for (const solution of [adaptive, few, many, own, all]) {
        assert.equal(solution.status, 'optimal');
        assert.ok(Math.abs(solution.relativeGap) <= 1e-8, `gap ${solution.relativeGap}`);
        assert.ok(relative(solution.networkObjective, solution.objective) <= 1e-9);
        assert.ok(solution.kkt.cone <= 1e-11, `cone ${solution.kkt.cone}`);
        assert.ok(solution.dualBound <= solution.objective * (1 + 1e-12));
      }
      const slack = 1 + 1e-9;
      assert.ok(many.objective <= few.objective * slack, 'more gates do not raise the optimum');
      assert.ok(adaptive.objective <= many.objective * slack, 'no sampled gates are below all patterns');
      // two ways to the optimum over all networks, one of them by exact pricing of every cell
      assert.ok(relative(adaptive.objective, all.objective) <= 1e-8);
      assert.ok(relative(own.objective, all.objective) <= 1e-8);
      assert.equal(all.global?.proof, 'exact');
      assert.ok(adaptive.global!.lowerBound <= all.objective * (1 + 1e-10), 'weak duality');
    });
  }
}

void test('the gated optimum is at most the ReLU optimum on the same gates', () => {
  for (const seed of [1, 2, 3]) {
    const fields = randomProblem(seed, { gates: gaussian(createRng(seed + 20), 10, 3) });
    const relu = solve(reluProblem(fields));
    const gated = solve({ ...reluProblem(fields), model: 'gated-relu' });
    assert.ok(gated.dualBound <= relu.objective * (1 + 1e-9), `${gated.objective} ${relu.objective}`);
    assert.ok(gated.objective <= relu.objective * (1 + 1e-7));
  }
});

void test('scale and rotation equivariance over all networks', () => {
  const fields = randomProblem(8, { d: 3 });
  const y = fields.y as number[];
  const base = solve(reluProblem(fields)).objective;
  const scaled = solve(reluProblem({ ...fields, y: y.map((v) => 3 * v), beta: 3 * fields.beta })).objective;
  assert.ok(relative(scaled, 9 * base) <= 1e-9);
  const stretched = solve(
    reluProblem({ ...fields, X: fields.X.map((row) => row.map((v) => 7 * v)), beta: 7 * fields.beta }),
  ).objective;
  assert.ok(relative(stretched, base) <= 1e-9);
  const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
  const turned = fields.X.map(([a, b, e]) => [c * a - s * b, s * a + c * b, e]);
  assert.ok(relative(solve(reluProblem({ ...fields, X: turned })).objective, base) <= 1e-9);
});

void test('a duplicated row counts like the row and its target times sqrt(2)', () => {
  const fields = randomProblem(4, { d: 2, n: 12 });
  const y = fields.y as number[];
  const twice = solve(reluProblem({ ...fields, X: [...fields.X, fields.X[0]], y: [...y, y[0]] })).objective;
  const weighted = solve(
    reluProblem({
      ...fields,
      X: fields.X.map((row, i) => (i === 0 ? row.map((v) => Math.SQRT2 * v) : row)),
      y: y.map((v, i) => (i === 0 ? Math.SQRT2 * v : v)),
    }),
  ).objective;
  assert.ok(relative(twice, weighted) <= 1e-9);
});

void test('path over beta by warm starts: concave and increasing objective, zero exactly from betaMax on', () => {
  const fields = randomProblem(6, { d: 2, n: 15, bias: 'regularized' });
  const { betaMax } = solve(reluProblem(fields), { certifySeconds: 60 });
  const betas = [1, 0.7, 0.4, 0.2, 0.1, 0.05].map((t) => t * betaMax!);
  let warm: unknown;
  const path = betas.map((beta) => {
    const solution = solve(reluProblem({ ...fields, beta }), { warm });
    warm = solution.warm;
    const cold = solve(reluProblem({ ...fields, beta }));
    assert.ok(
      relative(solution.objective, cold.objective) <= 1e-9,
      `warm ${solution.objective}, cold ${cold.objective}`,
    );
    return solution;
  });
  assert.equal(path[0].network.W1.rows, 0);
  assert.equal(solve(reluProblem({ ...fields, beta: betaMax! * (1 + 1e-9) })).groups.length, 0);
  assert.ok(solve(reluProblem({ ...fields, beta: betaMax! * (1 - 1e-4) })).groups.length > 0);
  for (let k = 1; k < path.length; k++) {
    assert.ok(path[k].objective < path[k - 1].objective);
    assert.ok(path[k].datafit <= path[k - 1].datafit * (1 + 1e-9));
    assert.ok(path[k].penalty >= path[k - 1].penalty * (1 - 1e-9));
    // slope of a concave function: penalty at the larger beta <= chord <= penalty at the smaller
    const chord = (path[k - 1].objective - path[k].objective) / (betas[k - 1] - betas[k]);
    assert.ok(chord >= path[k - 1].penalty * (1 - 1e-7) && chord <= path[k].penalty * (1 + 1e-7));
  }
});

void test('warm starts on given gates reach the cold optimum', () => {
  const fields = randomProblem(12, { d: 3, n: 25, gates: gaussian(createRng(3), 15, 3) });
  const first = solve(reluProblem(fields));
  for (const beta of [0.4, 0.1, 0.02]) {
    const cold = solve(reluProblem({ ...fields, beta }));
    const warm = solve(reluProblem({ ...fields, beta }), { warm: first.warm });
    assert.ok(relative(warm.objective, cold.objective) <= 1e-9);
  }
});

void test('small penalties on given gates: the gap closes down to a ten-thousandth of the usual beta', () => {
  for (const loss of ['squared', 'logistic'] as const) {
    for (const bias of biases) {
      const fields = randomProblem(21, { n: 24, d: 2, loss, bias, gates: gaussian(createRng(31), 10, width(2, bias)) });
      let before = Infinity;
      for (const beta of [1e-1, 1e-3, 1e-5]) {
        const solution = solve(reluProblem({ ...fields, beta }));
        assert.equal(solution.status, 'optimal', `${loss}, bias ${bias}, beta ${beta}: gap ${solution.relativeGap}`);
        assert.ok(solution.kkt.stationarity <= 1e-7 && solution.kkt.cone <= 1e-11);
        assert.ok(solution.objective < before);
        before = solution.objective;
      }
    }
  }
});

void test('several outputs are independent programs for separable losses', () => {
  const fields = randomProblem(9, { d: 2, n: 14 });
  const y = fields.y as number[];
  const other = y.map((v) => v * v - 0.5);
  const both = solve(reluProblem({ ...fields, y: y.map((v, i) => [v, other[i]]) }));
  const sum = solve(reluProblem(fields)).objective + solve(reluProblem({ ...fields, y: other })).objective;
  assert.ok(relative(both.objective, sum) <= 1e-9);
});

void test('a stop at any moment returns a feasible network with an honest gap', () => {
  for (const gates of [undefined, gaussian(createRng(2), 12, 4)]) {
    const fields = randomProblem(3, { n: 24, d: 4, beta: 0.05, ...(gates === undefined ? {} : { gates }) });
    let asked = 0;
    const clock = (): number => performance.now() / 1000;
    const optimum = solve(reluProblem(fields), {}, { shouldStop: () => ++asked < 0, now: clock }).objective;
    // the last ones are those of pruning and certifying
    for (const polls of [0, 1, 5, 20, 80, asked - 40, asked - 15, asked - 5, asked - 1]) {
      let left = polls;
      const solution = solve(reluProblem(fields), {}, { shouldStop: () => left-- <= 0, now: clock });
      assert.ok(solution.objective >= optimum * (1 - 1e-9));
      assert.ok(relative(solution.networkObjective, solution.objective) <= 1e-9);
      if (gates !== undefined) assert.ok(solution.dualBound <= optimum * (1 + 1e-9));
      if (polls === 0) assert.equal(solution.status, 'cancelled');
    }
  }
});

void test('gates that a stop cut off are no solved program, and what is left unjudged is bounded from above', () => {
  const fields = randomProblem(3, { n: 40, d: 4, beta: 0.05 });
  const problem = {
    ...reluProblem(fields),
    model: 'relu' as const,
    arrangements: { kind: 'sampled' as const, count: 30, seed: 1 },
  };
  let asked = 0;
  // a clock that a look at it moves on: after a stop there is no time for the gates
  let time = 0;
  const clock = (): number => (time += 1);
  const whole = solve(problem, {}, { shouldStop: () => ++asked < 0, now: clock });
  assert.equal(whole.status, 'optimal');
  for (const polls of [3, 20, 45, Math.floor(asked / 2), asked - 3]) {
    let left = polls;
    const cut = solve(problem, {}, { shouldStop: () => left-- <= 0, now: clock });
    assert.notEqual(cut.gates.rows < whole.gates.rows && cut.status === 'optimal', true);
    if (cut.gates.rows < whole.gates.rows) continue;
    assert.ok(cut.dualBound <= whole.objective * (1 + 1e-9));
    assert.equal(cut.gateConstraint.length, whole.gateConstraint.length);
  }
});
