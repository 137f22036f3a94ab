import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReferenceKernels } from '../../../src/core/base/kernels/reference.ts';
import { predictMlp } from '../../../src/core/descent/mlp.ts';
import type { MlpShape } from '../../../src/core/descent/mlp.ts';
import { chooseMlpRate, type MlpTrainingOptions, trainMlp } from '../../../src/core/descent/trainMlp.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';

const rng = createRng(3);
const X = { rows: 24, cols: 2, data: Float64Array.from({ length: 48 }, () => rng.normal()) };
const y = Float64Array.from({ length: 24 }, (_, i) => (X.data[2 * i] * X.data[2 * i + 1] > 0 ? 1 : -1));
const shapeOf = (hidden: number[], more: Partial<MlpShape> = {}): MlpShape => ({
  inputs: 2,
  hidden,
  activation: 'relu',
  parametrization: 'ntk',
  inputScale: Math.SQRT1_2,
  weightScale: Math.SQRT2,
  biasScale: 1,
  ...more,
});
const kernels = createReferenceKernels();
const options: MlpTrainingOptions = {
  shape: shapeOf([10, 6]),
  loss: 'squared',
  rule: 'sgd',
  seed: 5,
  epochs: 30,
  batchSize: 0,
  learningRate: 0.05,
  kernels,
};
const rules = ['sgd', 'momentum', 'adam', 'flow'] as const;

test('going on is the same as not having stopped, for every rule, in mini-batches too', () => {
  for (const rule of rules) {
    for (const batchSize of [0, 7]) {
      const setting = { ...options, rule, batchSize };
      const whole = trainMlp({ X, y }, setting);
      const half = trainMlp({ X, y }, { ...setting, epochs: 11 });
      assert.equal(half.state.epochs, 11);
      const rest = trainMlp({ X, y }, { ...setting, resume: half.state });
      assert.deepEqual(rest.state.theta, whole.state.theta, `${rule}, batches of ${batchSize}`);
      assert.equal(rest.loss, whole.loss);
      assert.equal(rest.state.epochs, 30);
      const { epochs, seconds } = rest.state.curve;
      for (let i = 1; i < epochs.length; i++) assert.ok(epochs[i] > epochs[i - 1] && seconds[i] >= seconds[i - 1]);
      // Nothing is left to do: nothing changes.
      assert.deepEqual(trainMlp({ X, y }, { ...setting, epochs: 20, resume: rest.state }).state, rest.state);
    }
  }
});

test('a number followed along the curve is that of the network at every recorded epoch, over a stop as well', () => {
  for (const rule of rules) {
    const setting = {
      ...options,
      rule,
      epochs: 20,
      measure: (theta: Float64Array) => theta.reduce((s, w) => s + w * w, 0),
    };
    const whole = trainMlp({ X, y }, setting);
    const { epochs, measured } = whole.state.curve;
    assert.equal(measured.length, epochs.length);
    epochs.forEach((epoch, i) => {
      const { theta } = trainMlp({ X, y }, { ...options, rule, epochs: epoch }).state;
      assert.equal(measured[i], setting.measure(theta), `${rule}, epoch ${epoch}`);
    });
    const half = trainMlp({ X, y }, { ...setting, epochs: 11 });
    const { curve } = trainMlp({ X, y }, { ...setting, resume: half.state }).state;
    curve.epochs.forEach((epoch, i) => {
      const at = epochs.indexOf(epoch);
      if (at >= 0) assert.equal(curve.measured[i], measured[at], `${rule}, epoch ${epoch} after a stop`);
    });
    assert.deepEqual(trainMlp({ X, y }, { ...options, rule }).state.curve.measured, []);
  }
});

test('a full-batch run that is stopped goes on where it was', () => {
  for (const rule of rules) {
    let asked = 0;
    const stopping = { ...uncontrolled, shouldStop: () => ++asked > 9 };
    const stopped = trainMlp({ X, y }, { ...options, rule }, stopping);
    assert.equal(stopped.state.outcome, 'stopped');
    assert.ok(stopped.state.epochs > 0 && stopped.state.epochs < 30);
    const rest = trainMlp({ X, y }, { ...options, rule, resume: stopped.state });
    assert.equal(rest.state.outcome, 'finished');
    assert.deepEqual(rest.state.theta, trainMlp({ X, y }, { ...options, rule }).state.theta, rule);
  }
});

test('the loss is that of the network it ends with; a run that diverges says so and is not trained on', () => {
  for (const [loss, activation, parametrization] of [
    ['squared', 'relu', 'standard'],
    ['logistic', 'erf', 'ntk'],
  ] as const) {
    const shape = shapeOf([16], { activation, parametrization });
    const run = trainMlp({ X, y }, { ...options, shape, loss, batchSize: 5 });
    const f = predictMlp(shape, run.state.theta, X, kernels);
    const expected = f.reduce(
      (s, value, i) => s + (loss === 'squared' ? 0.5 * (value - y[i]) ** 2 : Math.log1p(Math.exp(-y[i] * value))),
      0,
    );
    assert.ok(Math.abs(run.loss - expected) < 1e-9 * expected);
    assert.ok(run.loss < run.state.curve.objective[0]);
    assert.ok(run.displacement > 0 && run.relativeDisplacement < 1);
  }
  const wild = trainMlp({ X, y }, { ...options, learningRate: 1000 });
  assert.equal(wild.state.outcome, 'diverged');
  assert.ok(Number.isFinite(wild.loss) && wild.state.theta.every(Number.isFinite));
  assert.equal(trainMlp({ X, y }, { ...options, epochs: 60, resume: wild.state }).state, wild.state);
});

test('trials find about the best rate, in both parametrisations, for every rule and for very different widths', () => {
  for (const parametrization of ['ntk', 'standard'] as const) {
    for (const rule of ['sgd', 'momentum', 'adam'] as const) {
      for (const width of [4, 200]) {
        const shape = shapeOf([width], { parametrization });
        const lossAt = (learningRate: number): number => {
          const run = trainMlp({ X, y }, { ...options, shape, rule, learningRate });
          return run.state.outcome === 'diverged' ? Infinity : run.loss;
        };
        const grid = Array.from({ length: 14 }, (_, k) => 10 ** (1 - k / 2));
        const best = Math.min(...grid.map(lossAt));
        const found = lossAt(chooseMlpRate({ X, y }, { ...options, shape, rule })!);
        assert.ok(found < 1.3 * best, `${parametrization} ${rule} ${width}: ${found} against ${best}`);
      }
    }
  }
  assert.equal(chooseMlpRate({ X, y }, options, { ...uncontrolled, shouldStop: () => true }), null);
});
