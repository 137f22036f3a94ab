import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReferenceKernels } from '../../../src/core/base/kernels/reference.ts';
import { type DenseMatrix, fromRows } from '../../../src/core/base/linalg/matrix.ts';
import { mergeAndBalance } from '../../../src/core/descent/merge.ts';
import { networkFit } from '../../../src/core/network/evaluate.ts';
import { compareGradient, trainGradient } from '../../../src/core/descent/train.ts';
import { type HiddenLayer, createTwoLayerModel } from '../../../src/core/descent/twoLayer.ts';
import { type PreparedProblem, prepare } from '../../../src/core/problem/prepare.ts';
import type { BiasMode, LossName, OutputPenalty } from '../../../src/core/problem/problem.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';

const kernels = createReferenceKernels();

function problem(
  X: DenseMatrix,
  y: DenseMatrix,
  beta: number,
  more: { loss?: LossName; outputs?: number; bias?: BiasMode; outputPenalty?: OutputPenalty } = {},
): PreparedProblem {
  return prepare({
    X,
    y,
    beta,
    model: 'relu',
    loss: more.loss ?? 'squared',
    outputs: more.outputs ?? y.cols,
    bias: more.bias ?? 'none',
    outputPenalty: more.outputPenalty ?? 'per-output',
    arrangements: { kind: 'adaptive', seed: 1 },
    tolerance: 1e-6,
  });
}

function random(rows: number, cols: number, seed: number): DenseMatrix {
  const rng = createRng(seed);
  return { rows, cols, data: Float64Array.from({ length: rows * cols }, () => rng.normal()) };
}

const signs = (m: DenseMatrix): DenseMatrix => ({ ...m, data: m.data.map((x) => (x >= 0 ? 1 : -1)) });
const classes = (n: number, c: number): DenseMatrix => ({
  rows: n,
  cols: 1,
  data: Float64Array.from({ length: n }, (_, i) => (i * 7) % c),
});

interface Case {
  readonly name: string;
  readonly problem: PreparedProblem;
  readonly hidden: HiddenLayer;
}

function cases(): Case[] {
  const X = random(37, 3, 1);
  const out: Case[] = [];
  const biases: BiasMode[] = ['none', 'regularized', 'free'];
  for (const bias of biases) {
    const d = bias === 'none' ? 3 : 4;
    const gates = random(5, d, 2);
    const targets: [LossName, DenseMatrix, number][] = [
      ['squared', random(37, 1, 3), 1],
      ['squared', random(37, 2, 3), 2],
      ['logistic', signs(random(37, 1, 3)), 1],
      ['softmax', classes(37, 3), 3],
    ];
    for (const [loss, y, outputs] of targets) {
      for (const outputPenalty of ['per-output', 'frobenius', 'nuclear'] as const) {
        if (outputs === 1 && outputPenalty !== 'per-output') continue;
        const p = problem(X, y, 0.3, { loss, outputs, bias, outputPenalty });
        const name = `${loss} ${outputs} ${bias} ${outputPenalty}`;
        if (outputPenalty !== 'frobenius') {
          out.push({ name: `relu ${name}`, problem: p, hidden: { kind: 'relu', width: 7 } });
        }
        if (!(outputPenalty === 'nuclear' && bias === 'free')) {
          out.push({ name: `gated ${name}`, problem: p, hidden: { kind: 'gated', gates } });
        }
      }
    }
  }
  return out;
}

test('gradients agree with central differences for every loss, bias, penalty and hidden layer', () => {
  for (const { name, problem: p, hidden } of cases()) {
    const model = createTwoLayerModel(p, hidden, kernels);
    const theta = model.initialise(createRng(4), 1);
    const order = Int32Array.from({ length: 20 }, (_, i) => (i * 11) % 37);
    for (const rows of [null, order]) {
      const count = rows === null ? 37 : 20;
      const value = (t: Float64Array): number => model.addLoss(t, rows, 0, count, null) + model.addPenalty(t, 1, null);
      const g = new Float64Array(model.size);
      model.addLoss(theta, rows, 0, count, g);
      model.addPenalty(theta, 1, g);
      for (let i = 0; i < model.size; i++) {
        const h = 1e-6;
        const plus = theta.slice();
        const minus = theta.slice();
        plus[i] += h;
        minus[i] -= h;
        const numeric = (value(plus) - value(minus)) / (2 * h);
        assert.ok(
          Math.abs(numeric - g[i]) < 1e-5 * (1 + Math.abs(g[i])),
          `${name}, parameter ${i}: ${numeric} ${g[i]}`,
        );
      }
    }
  }
});

test('merging and balancing keeps the fit and never raises the objective', () => {
  for (const { name, problem: p, hidden } of cases()) {
    const model = createTwoLayerModel(p, hidden, kernels);
    for (const seed of [1, 2]) {
      const theta = model.initialise(createRng(seed), 1);
      const before = model.addLoss(theta, null, 0, 37, null) + model.addPenalty(theta, 1, null);
      const merged = mergeAndBalance(p, model, theta);
      assert.ok(merged.objective <= before * (1 + 1e-12), `${name}: ${merged.objective} > ${before}`);
      const fit = model.predict(theta);
      const again = networkFit(merged.network, random(37, 3, 1)).data;
      fit.forEach((f, i) => assert.ok(Math.abs(f - again[i]) < 1e-9, `${name}: fit ${f} became ${again[i]}`));
    }
  }
});

test('every rule reaches the known optimum of a two-point problem, never below it', () => {
  const p = problem(fromRows([[-1], [1]]), fromRows([[1], [2]]), 0.1);
  const runs = compareGradient(
    p,
    { kind: 'relu', width: 20 },
    { rules: ['sgd', 'momentum', 'adam'], seeds: [1, 2], epochs: 2000, batchSize: 0 },
  );
  assert.equal(runs.length, 6);
  for (const run of runs) {
    assert.ok(run.merged >= 0.29 - 1e-12, `${run.rule}: ${run.merged} is below the proven optimum`);
    assert.ok(run.merged < 0.29 + 1e-4, `${run.rule} ${run.seed}: ${run.merged}`);
    assert.ok(run.merged <= run.final + 1e-12);
    assert.equal(run.active, 2);
  }
});

test('one neuron on one side stops at the stationary point 0.695', () => {
  // The start that seed gives must have w > 0 and a > 0; one such seed is found here.
  const p = problem(fromRows([[-1], [1]]), fromRows([[1], [2]]), 0.1);
  const model = createTwoLayerModel(p, { kind: 'relu', width: 1 }, kernels);
  let seed = 1;
  for (; ; seed++) {
    const theta = model.initialise(createRng(seed).fork('start'), 1);
    if (theta[0] > 0 && theta[1] > 0) break;
  }
  const run = trainGradient(p, { kind: 'relu', width: 1 }, { rule: 'sgd', seed, epochs: 2000, batchSize: 0 });
  assert.ok(Math.abs(run.merged - 0.695) < 1e-6, String(run.merged));
});

test('gated training reaches the closed form 0.18 of the gated program', () => {
  const p = problem(
    fromRows([
      [1, 0],
      [0.6, 0.8],
    ]),
    fromRows([[1], [0]]),
    0.2,
  );
  // All patterns of the two points.
  const gates = fromRows([
    [1, 0],
    [1, -1],
    [-1, 1.5],
  ]);
  const run = trainGradient(p, { kind: 'gated', gates }, { rule: 'momentum', seed: 1, epochs: 4000, batchSize: 0 });
  assert.ok(run.merged >= 0.18 - 1e-12 && run.merged < 0.18 + 1e-5, String(run.merged));
});

test('orthonormal rows: best of a few seeds gets to 6 and none below', () => {
  const p = problem(
    fromRows([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]),
    fromRows([[3], [4], [-2]]),
    1,
  );
  const runs = compareGradient(
    p,
    { kind: 'relu', width: 30 },
    { rules: ['adam'], seeds: [1, 2, 3], epochs: 1500, batchSize: 0 },
  );
  assert.ok(Math.min(...runs.map((r) => r.merged)) < 6 + 1e-4);
  for (const run of runs) assert.ok(run.merged >= 6 - 1e-9);
});

test('same seed, same result; mini-batches make progress; a huge rate is seen to diverge', () => {
  const p = problem(random(200, 4, 5), random(200, 1, 6), 0.5, { bias: 'regularized' });
  const options = { rule: 'sgd', seed: 3, epochs: 40, batchSize: 32, learningRate: 0.05 } as const;
  const a = trainGradient(p, { kind: 'relu', width: 16 }, options);
  const b = trainGradient(p, { kind: 'relu', width: 16 }, options);
  assert.deepEqual(a.theta, b.theta);
  assert.ok(a.final < a.curve.objective[0]);
  const wild = trainGradient(p, { kind: 'relu', width: 16 }, { ...options, learningRate: 1e4 });
  assert.equal(wild.diverged, true);
  assert.ok(Number.isFinite(wild.final) && wild.curve.objective.every(Number.isFinite));
});

test('a stop is obeyed and leaves a usable result', () => {
  const p = problem(random(400, 10, 5), random(400, 1, 6), 0.5);
  let polls = 0;
  const run = trainGradient(
    p,
    { kind: 'relu', width: 100 },
    { rule: 'adam', seed: 1, epochs: 100000, batchSize: 50, learningRate: 0.01 },
    { ...uncontrolled, shouldStop: () => ++polls > 30 },
  );
  assert.equal(run.cancelled, true);
  assert.ok(polls <= 33, String(polls));
  assert.ok(Number.isFinite(run.merged) && run.final <= run.curve.objective[0]);
});
