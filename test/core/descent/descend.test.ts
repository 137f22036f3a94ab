import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createKernels } from '../../../src/core/base/kernels/createKernels.ts';
import { createReferenceKernels } from '../../../src/core/base/kernels/reference.ts';
import { denseMatrix, fromRows } from '../../../src/core/base/linalg/matrix.ts';
import { type DescentOptions, descend } from '../../../src/core/descent/descend.ts';
import { type MlpShape, createMlpModel, initialiseMlp } from '../../../src/core/descent/mlp.ts';
import { trainGradient } from '../../../src/core/descent/train.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import type { LossName } from '../../../src/core/problem/problem.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';

const rng = createRng(1);
const X = { rows: 30, cols: 3, data: Float64Array.from({ length: 90 }, () => rng.normal()) };
const y = Float64Array.from({ length: 30 }, (_, i) => (X.data[3 * i] > 0 ? 1 : -1));
const shape: MlpShape = {
  inputs: 3,
  hidden: [12, 8],
  activation: 'relu',
  parametrization: 'ntk',
  inputScale: 1,
  weightScale: Math.SQRT2,
  biasScale: 0.1,
};
const base: DescentOptions = {
  rule: 'adam',
  learningRate: 0.01,
  schedule: 'constant',
  epochs: 40,
  batchSize: 0,
  curvePoints: 10,
};

test('a run in two parts is the run in one, for every rule with a memory', () => {
  const model = createMlpModel(shape, X, y, 'logistic', createReferenceKernels());
  const start = initialiseMlp(shape, createRng(2));
  for (const rule of ['sgd', 'momentum', 'adam', 'flow'] as const) {
    const whole = descend(model, start, { ...base, rule }, createRng(1), uncontrolled);
    const first = descend(model, start, { ...base, rule, epochs: 25 }, createRng(1), uncontrolled);
    const rest = descend(
      model,
      first.theta,
      { ...base, rule, epochs: 15, resume: first.optimizer },
      createRng(1),
      uncontrolled,
    );
    assert.deepEqual(rest.theta, whole.theta, rule);
  }
});

test('gradient flow of a deep network keeps moving when the loss is tiny, where plain descent stands still', () => {
  const model = createMlpModel(shape, X, y, 'logistic', createReferenceKernels());
  const start = initialiseMlp(shape, createRng(2));
  const flow = descend(
    model,
    start,
    { ...base, rule: 'flow', learningRate: 0.02, epochs: 3000 },
    createRng(1),
    uncontrolled,
  );
  const plain = descend(
    model,
    start,
    { ...base, rule: 'sgd', learningRate: 0.02, epochs: 3000 },
    createRng(1),
    uncontrolled,
  );
  assert.equal(flow.diverged, false);
  assert.ok(flow.curve.objective.every((value, i, all) => i === 0 || value <= all[i - 1]));
  assert.ok(flow.objective < 1e-6 && flow.objective < 1e-3 * plain.objective, `${flow.objective} ${plain.objective}`);
  assert.throws(
    () => descend(model, start, { ...base, rule: 'flow', batchSize: 5 }, createRng(1), uncontrolled),
    RangeError,
  );
});

test('gradient flow settles where there is nowhere to go, and only a start without a finite loss is a divergence', () => {
  const model = createMlpModel(shape, X, y, 'logistic', createReferenceKernels());
  const start = initialiseMlp(shape, createRng(2));
  const options: DescentOptions = { ...base, rule: 'flow', learningRate: 0.02, epochs: 500 };
  const dead = descend(model, new Float64Array(model.size), options, createRng(1), uncontrolled);
  assert.deepEqual([dead.settled, dead.diverged, dead.epochs], [true, false, 0]);
  assert.ok(Math.abs(dead.objective - X.rows * Math.log(2)) < 1e-12);
  // Outputs near 1e6: the loss of every well classified row is below the smallest number.
  const huge = descend(
    model,
    descend(model, start, { ...options, epochs: 2000 }, createRng(1), uncontrolled).theta.map((t) => 30 * t),
    options,
    createRng(1),
    uncontrolled,
  );
  assert.deepEqual([huge.settled, huge.diverged, huge.objective], [true, false, 0]);
  const broken = descend(model, new Float64Array(model.size).fill(NaN), options, createRng(1), uncontrolled);
  assert.deepEqual([broken.settled, broken.diverged], [false, true]);
});

test('both kernels train the same network', () => {
  const start = initialiseMlp(shape, createRng(2));
  const ends = [createReferenceKernels(), createKernels()].map((kernels) => {
    const model = createMlpModel(shape, X, y, 'squared', kernels);
    const { theta } = descend(model, start, { ...base, rule: 'sgd', epochs: 30 }, createRng(1), uncontrolled);
    model.dispose();
    kernels.dispose();
    return theta;
  });
  ends[0].forEach((value, i) => assert.ok(Math.abs(value - ends[1][i]) < 1e-9 * (1 + Math.abs(value))));
});

test('on reference problems gradient descent stays above the convex optimum of its gates and comes close', () => {
  for (const name of ['g01_diabetes_sq', 'g06_spirals_sq']) {
    const read = (kind: string): Record<string, unknown> =>
      JSON.parse(
        readFileSync(new URL(`../../fixtures/reference/${name}.${kind}.json`, import.meta.url), 'utf8'),
      ) as Record<string, unknown>;
    const file = read('problem') as { X: number[][]; y: number[]; gates: number[][]; beta: number; loss: LossName };
    const { objective } = read('expected') as { objective: number };
    const problem = prepare({
      X: fromRows(file.X),
      y: denseMatrix(file.y.length, 1, Float64Array.from(file.y.flat())),
      outputs: 1,
      model: 'gated-relu',
      loss: file.loss,
      beta: file.beta,
      arrangements: { kind: 'given', gates: fromRows(file.gates) },
      outputPenalty: 'per-output',
      bias: 'none',
      tolerance: 1e-6,
    });
    const run = trainGradient(
      problem,
      { kind: 'gated', gates: fromRows(file.gates) },
      { rule: 'adam', seed: 1, epochs: 600, batchSize: 0 },
    );
    assert.ok(run.merged >= objective * (1 - 1e-9), `${name}: ${run.merged} is below the optimum ${objective}`);
    // The spirals are hard for descent in so few epochs.
    if (name === 'g01_diabetes_sq') assert.ok(run.merged <= objective * 1.01, `${name}: ${run.merged} ${objective}`);
    assert.ok(run.merged <= run.final * (1 + 1e-12));
  }
});
