import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRng } from '../../../src/core/base/rng.ts';
import { denseMatrix, fromRows, toRows } from '../../../src/core/base/linalg/matrix.ts';
import { networkFit } from '../../../src/core/network/evaluate.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import type { BiasMode, LossName, ModelName, OutputPenalty, Problem } from '../../../src/core/problem/problem.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { solveLinear } from '../../../src/core/engine/linear/solveLinear.ts';
import { solveThreeLayer } from '../../../src/core/engine/threeLayer/solveThreeLayer.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';

const relative = (a: number, b: number): number => Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), 1e-300);

/** Inputs that are multiples of 2^-8, so that a scale that is a power of 2 and a whole shift change no digit of them. */
function inputs(seed: number, n: number, d: number): number[][] {
  const rng = createRng(seed);
  return Array.from({ length: n }, () => Array.from({ length: d }, () => Math.round(256 * rng.normal()) / 256));
}

interface Kind {
  readonly model: ModelName;
  readonly loss: LossName;
  readonly bias: BiasMode;
  readonly outputPenalty?: OutputPenalty;
  readonly outputs?: number;
}

function problemOf(kind: Kind, X: readonly (readonly number[])[], beta: number): Problem {
  const outputs = kind.outputs ?? 1;
  const n = X.length;
  const rng = createRng(n + outputs);
  const y = denseMatrix(n, kind.loss === 'softmax' ? 1 : outputs);
  for (let i = 0; i < y.data.length; i++) {
    const row = Math.floor(i / y.cols);
    if (kind.loss === 'squared') y.data[i] = rng.normal();
    else if (kind.loss === 'softmax') y.data[i] = row % outputs;
    else y.data[i] = (row + (i % y.cols)) % 3 === 0 ? 1 : -1;
  }
  return {
    X: fromRows(X),
    y,
    outputs,
    model: kind.model,
    loss: kind.loss,
    beta,
    arrangements: kind.model === 'gated-relu' ? { kind: 'sampled', count: 12, seed: 3 } : { kind: 'adaptive', seed: 1 },
    outputPenalty: kind.outputPenalty ?? 'per-output',
    bias: kind.bias,
    hidden: { m1: 2 },
    tolerance: 1e-7,
  };
}

/** What the parts of an objective that are shown add up to. */
const partsOf = ({ datafit, penalty }: { datafit: number; penalty: number }, { beta }: Problem): number =>
  datafit + beta * penalty;

const moved = (X: readonly (readonly number[])[], scale: number, shift: number): number[][] =>
  X.map((row) => row.map((x, k) => scale * x + (k % 2 === 0 ? shift : -shift)));

for (const loss of ['squared', 'logistic', 'softmax'] as const) {
  for (const outputPenalty of loss === 'logistic' ? (['per-output'] as const) : (['per-output', 'nuclear'] as const)) {
    void test(`a free bias makes inputs equal to shifted and scaled ones: ${loss}, ${outputPenalty}`, () => {
      const kind: Kind = { model: 'relu', loss, bias: 'free', outputPenalty, outputs: loss === 'logistic' ? 1 : 2 };
      const X = inputs(7, 9, 2);
      const base = solve(problemOf(kind, X, 0.1), { certifySeconds: 0 });
      assert.equal(base.status, 'optimal');
      for (const [scale, shift] of [
        [1, 1000],
        [2 ** 20, 0],
        [2 ** 20, 1e6],
        [2 ** -10, 1000],
      ]) {
        const problem = problemOf(kind, moved(X, scale, shift), 0.1 * scale);
        const solution = solve(problem, { certifySeconds: 0 });
        const at = `scale ${scale}, shift ${shift}`;
        assert.equal(solution.status, 'optimal', at);
        assert.ok(
          relative(solution.objective, base.objective) <= 1e-8,
          `${at}: ${solution.objective} ${base.objective}`,
        );
        // what a network of rows of size shift can be evaluated to
        assert.ok(relative(solution.networkObjective, solution.objective) <= 1e-8 + (1e-14 * shift) / scale, at);
        assert.ok(relative(solution.betaMax!, base.betaMax! * scale) <= 1e-8, at);
        assert.ok(relative(partsOf(solution, problem), solution.objective) <= 1e-9, at);
        const { dual, boundDual } = solution;
        for (let o = 0; o < problem.outputs; o++) {
          let sum = 0;
          for (let i = 0; i < dual.rows; i++) sum += boundDual!.data[i * dual.cols + o];
          assert.ok(Math.abs(sum) <= 1e-14, 'the dual point sums to zero');
        }
      }
    });
  }
}

void test('a common factor of the inputs changes nothing but the units: ReLU and gated', () => {
  const kinds: Kind[] = [
    { model: 'relu', loss: 'squared', bias: 'none' },
    { model: 'relu', loss: 'logistic', bias: 'none' },
    { model: 'gated-relu', loss: 'squared', bias: 'none' },
    { model: 'gated-relu', loss: 'hinge', bias: 'none' },
    { model: 'gated-relu', loss: 'squared', bias: 'none', outputs: 2, outputPenalty: 'nuclear' },
  ];
  for (const kind of kinds) {
    const X = inputs(11, 10, 2);
    const base = solve(problemOf(kind, X, 0.2), { certifySeconds: 0 });
    for (const scale of [2 ** -10, 2 ** 5, 2 ** 20, 3.7e5]) {
      const problem = problemOf(kind, moved(X, scale, 0), 0.2 * scale);
      const solution = solve(problem, { certifySeconds: 0 });
      assert.equal(solution.status, 'optimal', JSON.stringify({ kind, scale }));
      assert.ok(relative(solution.objective, base.objective) <= 1e-7);
      assert.ok(relative(solution.networkObjective, solution.objective) <= 1e-9);
      assert.ok(relative(partsOf(solution, problem), solution.objective) <= 1e-9);
    }
  }
});

void test('inputs of any size with a regularised bias: network, groups and gates are in the units of the problem', () => {
  for (const model of ['relu', 'gated-relu'] as const) {
    const X = moved(inputs(5, 10, 2), 4096, 0);
    const problem = problemOf({ model, loss: 'squared', bias: 'regularized' }, X, 50);
    const solution = solve(problem, { certifySeconds: 0 });
    assert.equal(solution.status, 'optimal');
    assert.equal(solution.gates.cols, 3);
    assert.ok(relative(solution.networkObjective, solution.objective) <= 1e-9);
    const fit = networkFit(solution.network, problem.X);
    const size = Math.max(...solution.fit.data.map(Math.abs));
    fit.data.forEach((f, i) => assert.ok(Math.abs(f - solution.fit.data[i]) <= 1e-9 * size));
    // the groups on the effective inputs, each where its gate is on
    const prepared = prepare(problem);
    const sum = new Float64Array(prepared.X.rows);
    let penalty = 0;
    for (const { gate, sign, vector } of solution.groups) {
      penalty += Math.hypot(...vector);
      toRows(prepared.X).forEach((row, i) => {
        const on = row.reduce((s, x, k) => s + x * solution.gates.data[gate * 3 + k], 0);
        if (on >= 0) sum[i] += sign * row.reduce((s, x, k) => s + x * vector[k], 0);
      });
    }
    sum.forEach((f, i) => assert.ok(Math.abs(f - solution.fit.data[i]) <= 1e-9 * size));
    assert.ok(relative(prepared.datafit.value(solution.fit.data) + 50 * penalty, solution.objective) <= 1e-9);
    assert.ok(relative(solution.penalty, penalty) <= 1e-9);
  }
});

void test('three layers and linear networks: the size of the inputs does not matter', () => {
  const X = inputs(13, 7, 2);
  for (const loss of ['squared', 'logistic'] as const) {
    const three = problemOf({ model: 'three-layer', loss, bias: 'none' }, X, 0.1);
    const linear = problemOf({ model: 'linear', loss, bias: 'none' }, X, 0.1);
    const base = solveThreeLayer(three, prepare(three), { certifySeconds: 0 }, uncontrolled);
    const line = solveLinear(linear, prepare(linear), uncontrolled);
    assert.equal(base.status, 'optimal');
    assert.equal(line.status, 'optimal');
    for (const scale of [2 ** -10, 2 ** 20]) {
      const big = { ...three, X: fromRows(moved(X, scale, 0)), beta: 0.1 * scale };
      const s = solveThreeLayer(big, prepare(big), { certifySeconds: 0 }, uncontrolled);
      assert.equal(s.status, 'optimal');
      assert.ok(relative(s.objective, base.objective) <= 1e-7);
      assert.ok(relative(s.networkObjective.constraint, s.objective) <= 1e-9);
      const wide = { ...linear, X: big.X, beta: big.beta };
      const l = solveLinear(wide, prepare(wide), uncontrolled);
      assert.equal(l.status, 'optimal');
      assert.ok(relative(l.objective, line.objective) <= 1e-7);
    }
  }
});
