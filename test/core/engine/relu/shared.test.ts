import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReferenceKernels } from '../../../../src/core/base/kernels/reference.ts';
import { networkObjective } from '../../../../src/core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../../../../src/core/network/network.ts';
import { compareGradient } from '../../../../src/core/descent/train.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { BiasMode, LossName, Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import type { Solution } from '../../../../src/core/engine/solution/solution.ts';
import { gaussian, type ProblemFields, randomProblem, relative, reluProblem } from './support.ts';

const biases: readonly BiasMode[] = ['none', 'regularized', 'free'];
const losses: readonly LossName[] = ['squared', 'logistic', 'softmax'];

/** A problem with several outputs and plain weight decay. */
function shared(fields: ProblemFields): Problem {
  return reluProblem({ outputPenalty: 'nuclear', ...fields });
}

/** Three outputs that suit the loss. */
function severalOutputs(seed: number, loss: LossName, bias: BiasMode, size = { n: 12, d: 2 }): ProblemFields {
  const fields = randomProblem(seed, { ...size, loss, bias, beta: loss === 'squared' ? 0.4 : 0.3 });
  if (loss === 'softmax') return fields;
  const rng = createRng(seed + 100);
  const value = (row: number[], o: number): number => Math.max(0, row[o % 2]) - 0.5 * row[1] + 0.4 * rng.normal();
  const y = fields.X.map((row) =>
    [0, 1, 2].map((o) => (loss === 'logistic' ? (value(row, o) > 0.1 ? 1 : -1) : value(row, o))),
  );
  return { ...fields, y };
}

function objectiveOf(problem: Problem, network: TwoLayerNetwork): number {
  return networkObjective(network, problem.X, prepare(problem).datafit, problem.beta, 'nuclear', problem.bias);
}

/** ||V'(Xu)_+|| for a direction u of the effective inputs. */
function constraint(problem: Problem, { dual }: Solution, u: readonly number[]): number {
  const { X } = prepare(problem);
  const z = new Array<number>(dual.cols).fill(0);
  for (let i = 0; i < X.rows; i++) {
    let t = 0;
    for (let k = 0; k < X.cols; k++) t += X.data[i * X.cols + k] * u[k];
    if (t > 0) for (let o = 0; o < dual.cols; o++) z[o] += t * dual.data[i * dual.cols + o];
  }
  return Math.hypot(...z);
}

for (const loss of losses) {
  for (const bias of biases) {
    void test(`${loss}, bias ${bias}: optimal over all networks, by conditions that are checked here`, () => {
      const problem = shared(severalOutputs(loss.length + bias.length, loss, bias));
      const { beta } = problem;
      // with two effective inputs patterns are sorted, which closes the bound at any speed; with three it is a matter of time
      const solution = solve(problem, { certifySeconds: bias === 'none' ? 60 : 0.2 });
      assert.equal(solution.status, 'optimal');
      assert.ok(Math.abs(solution.relativeGap) <= 1e-7, `gap ${solution.relativeGap}`);
      // the network as a user runs it, with half the sum of its squared weights
      assert.ok(relative(objectiveOf(problem, solution.network), solution.objective) <= 1e-12);
      assert.ok(relative(solution.objective, solution.datafit + beta * solution.penalty) <= 1e-12);
      assert.ok(solution.kkt.stationarity <= 1e-8, `stationarity ${solution.kkt.stationarity}`);
      assert.ok(solution.kkt.complementarity <= 1e-9);
      // every neuron attains the dual constraint, and its outgoing weights are V'(Xu)_+ / beta
      const { W1, b1, W2 } = solution.network;
      assert.ok(W1.rows > 0);
      for (let j = 0; j < W1.rows; j++) {
        const w = [...W1.data.subarray(2 * j, 2 * j + 2), ...(bias === 'none' ? [] : [b1[j]])];
        const inner = Math.hypot(...(bias === 'free' ? w.slice(0, 2) : w));
        assert.ok(relative(inner, Math.hypot(...W2.data.subarray(j * W2.cols, (j + 1) * W2.cols))) <= 1e-9, 'balanced');
        const value = constraint(
          problem,
          solution,
          w.map((x) => x / inner),
        );
        assert.ok(relative(value, beta) <= 1e-8, `neuron ${j}: ${value} for ${beta}`);
      }
      // no direction exceeds it
      const rng = createRng(3);
      for (let k = 0; k < 4000; k++) {
        const u = Array.from({ length: bias === 'none' ? 2 : 3 }, () => rng.normal());
        const size = Math.hypot(...(bias === 'free' ? u.slice(0, 2) : u));
        const value = constraint(
          problem,
          solution,
          u.map((x) => x / size),
        );
        assert.ok(value <= beta * (1 + 1e-7), `${value} above ${beta}`);
      }
      const { global } = solution;
      assert.ok(global !== undefined && global.lowerBound <= solution.objective * (1 + 1e-12));
      if (bias === 'none') {
        assert.equal(global.proof, 'exact');
        assert.ok(global.relativeGap <= 1e-6, `proven gap ${global.relativeGap}`);
        assert.equal(solution.scope, 'all-arrangements');
      }
    });
  }
}

void test('targets of rank one are the problem of one output', () => {
  for (const bias of biases) {
    const fields = randomProblem(3, { n: 18, d: 2, bias, beta: 0.3 });
    const s = [0.6, 0, -0.8];
    const Y = (fields.y as number[]).map((value) => s.map((x) => x * value));
    const one = solve(reluProblem(fields));
    const several = solve(shared({ ...fields, y: Y }));
    assert.ok(relative(one.objective, several.objective) <= 1e-9, `${bias}: ${one.objective} ${several.objective}`);
    assert.ok(relative(one.betaMax!, several.betaMax!) <= 1e-6);
  }
});

void test('k equal outputs are one output with sqrt(k) times the targets; a rotation of the outputs changes nothing', () => {
  const fields = randomProblem(5, { n: 20, d: 3, bias: 'regularized', beta: 0.5 });
  const y = fields.y as number[];
  const equal = solve(shared({ ...fields, y: y.map((value) => [value, value, value]) }));
  const one = solve(reluProblem({ ...fields, y: y.map((value) => Math.sqrt(3) * value) }));
  assert.ok(relative(equal.objective, one.objective) <= 1e-9);

  const several = severalOutputs(6, 'squared', 'regularized');
  const base = solve(shared(several));
  const [p, q] = [Math.cos(0.7), Math.sin(0.7)];
  const turned = (several.y as number[][]).map(([a, b, c]) => [p * a - q * b, q * a + p * b, c]);
  const rotated = solve(shared({ ...several, y: turned }));
  assert.ok(relative(base.objective, rotated.objective) <= 1e-8, `${base.objective} ${rotated.objective}`);
});

void test('plain weight decay is at most the per-output penalty, and that at most the decay with sqrt(c) times beta', () => {
  for (const loss of losses) {
    const fields = severalOutputs(9, loss, 'regularized');
    const plain = solve(shared(fields)).objective;
    const perOutput = solve(reluProblem(fields)).objective;
    const more = solve(shared({ ...fields, beta: Math.sqrt(3) * fields.beta })).objective;
    assert.ok(plain <= perOutput * (1 + 1e-9), `${plain} above ${perOutput}`);
    assert.ok(perOutput <= more * (1 + 1e-9), `${perOutput} above ${more}`);
    assert.ok(plain < perOutput * (1 - 1e-6), 'outputs that share neurons cost less');
  }
});

void test('never above gradient descent with the same penalty, and the proven bound below every network', () => {
  for (const loss of losses) {
    const problem = shared(severalOutputs(12, loss, 'none', { n: 24, d: 2 }));
    const solution = solve(problem, { certifySeconds: 60 });
    const bound = solution.global!.lowerBound;
    const runs = compareGradient(
      prepare(problem),
      { kind: 'relu', width: Math.max(6, 2 * solution.network.W1.rows) },
      { rules: ['momentum', 'adam'], seeds: [1, 2], epochs: 400, batchSize: 0, kernels: createReferenceKernels() },
      uncontrolled,
    );
    assert.equal(runs.length, 4);
    for (const { merged, network } of runs) {
      assert.ok(solution.objective <= merged * (1 + 1e-9), `${solution.objective} above ${merged}`);
      const own = objectiveOf(problem, network);
      assert.ok(relative(own, merged) <= 1e-9, 'descent counts the same penalty');
      assert.ok(bound <= own);
    }
  }
});

void test('the zero network from betaMax on, neurons below it', () => {
  for (const bias of biases) {
    const fields = severalOutputs(4, 'softmax', bias);
    const first = solve(shared(fields), { certifySeconds: 0.2 });
    const above = solve(shared({ ...fields, beta: first.betaMax! * (1 + 1e-6) }));
    const below = solve(shared({ ...fields, beta: first.betaMax! * 0.99 }));
    assert.equal(above.network.W1.rows, 0, `${bias}: ${first.betaMax}`);
    assert.ok(below.network.W1.rows > 0);
    assert.ok(first.betaMaxUpper! >= first.betaMax!);
  }
});

void test('a later solve goes on from the solution: the same optimum, and nothing to do at the same beta', () => {
  const fields = severalOutputs(7, 'softmax', 'regularized', { n: 30, d: 3 });
  const cold = solve(shared({ ...fields, beta: 0.9 }));
  const before = solve(shared({ ...fields, beta: 1.2 }));
  const warm = solve(shared({ ...fields, beta: 0.9 }), { warm: before.warm });
  assert.ok(relative(cold.objective, warm.objective) <= 1e-9);
  const again = solve(shared({ ...fields, beta: 0.9 }), { warm: warm.warm });
  assert.ok(relative(again.objective, warm.objective) <= 1e-12);
  assert.ok(again.iterations <= 5, `${again.iterations} iterations`);
});

void test('a stop is answered with a network and what is proven about it', () => {
  const problem = shared(severalOutputs(8, 'squared', 'regularized', { n: 30, d: 3 }));
  const whole = solve(problem);
  for (const limit of [5, 200, 2000]) {
    let polls = 0;
    const stopped = solve(problem, {}, { ...uncontrolled, shouldStop: () => ++polls > limit });
    assert.ok(polls <= limit + 200, `asked ${polls - limit} times more`);
    assert.ok(relative(objectiveOf(problem, stopped.network), stopped.objective) <= 1e-9);
    assert.ok(stopped.objective >= whole.objective * (1 - 1e-9));
    assert.ok(stopped.dualBound <= whole.objective * (1 + 1e-9), 'a bound over all networks');
    if (stopped.status !== 'optimal') assert.equal(stopped.status, 'cancelled');
  }
});

void test('awkward data: equal rows, collinear features, more features than rows, one class empty', () => {
  const X = [...gaussian(createRng(2), 5, 2), [0, 0], [0, 0]]
    .flatMap((row) => [row, row])
    .map(([a, b]) => [a, b, 2 * a]);
  const y = X.map(([a, b], i) => [a > 0 ? 1 : 0, b * b, i % 2]);
  const wide = gaussian(createRng(3), 4, 9);
  const cases: ProblemFields[] = [
    { X, y, beta: 0.1 },
    { X, y, beta: 0.1, bias: 'regularized' },
    { X: wide, y: wide.map((_, i) => [i, -i]), beta: 0.5, bias: 'regularized' },
    { X: wide, y: [0, 0, 2, 2], beta: 0.2, loss: 'softmax', bias: 'regularized' },
  ];
  for (const fields of cases) {
    const solution = solve(shared(fields));
    assert.equal(solution.status, 'optimal', JSON.stringify(fields.y));
    assert.ok(solution.kkt.stationarity <= 1e-6);
  }
});
