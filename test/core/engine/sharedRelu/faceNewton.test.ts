import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { slideOnFaces } from '../../../../src/core/engine/sharedRelu/faceNewton.ts';
import type { LocalProblem } from '../../../../src/core/engine/relu/activeNeurons.ts';
import { classifyRows } from '../../../../src/core/problem/patterns/rowClasses.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import { gaussian, reluProblem } from '../relu/support.ts';

for (const bias of ['none', 'free'] as const) {
  void test(`Newton on faces: at rest, and no small change of a neuron lowers the objective, bias ${bias}`, () => {
    const rng = createRng(3);
    const X = gaussian(rng, 16, 3);
    const y = X.map((row) => [Math.max(0, row[0]), Math.max(0, row[0]) - Math.max(0, -row[1]) + 0.2 * rng.normal()]);
    const prepared = prepare(reluProblem({ X, y, beta: 0.3, bias, outputPenalty: 'nuclear' }));
    const { X: inputs, penalizedCols, datafit, beta } = prepared;
    const problem: LocalProblem = {
      X: inputs,
      classes: classifyRows(inputs),
      penalizedCols,
      datafit,
      beta,
      offset: bias === 'free',
    };
    /** By its definition. */
    const objective = (neurons: readonly { w: Float64Array; a: Float64Array }[], offset: ArrayLike<number>): number => {
      const fit = Float64Array.from({ length: inputs.rows * 2 }, (_, k) => offset[k % 2]);
      let penalty = 0;
      for (const { w, a } of neurons) {
        for (let i = 0; i < inputs.rows; i++) {
          let t = 0;
          for (let j = 0; j < inputs.cols; j++) t += inputs.data[i * inputs.cols + j] * w[j];
          for (let o = 0; o < 2; o++) fit[2 * i + o] += Math.max(0, t) * a[o];
        }
        penalty += Math.hypot(...w.subarray(0, penalizedCols)) * Math.hypot(...a);
      }
      return datafit.value(fit) + beta * penalty;
    };
    const start = Array.from({ length: 3 }, () => ({
      w: Float64Array.from(gaussian(rng, 1, inputs.cols)[0]),
      a: Float64Array.from(gaussian(rng, 1, 2)[0]),
    }));
    const offset = new Float64Array(2);
    const result = slideOnFaces(problem, start, offset, { tolerance: 1e-9, maxIterations: 200 }, uncontrolled);
    const reached = objective(result.neurons, result.offset);
    assert.ok(Math.abs(reached - result.objective) <= 1e-12 * reached);
    assert.ok(reached < 0.9 * objective(start, offset));
    assert.ok(result.residual <= 1e-9, `residual ${result.residual} after ${result.iterations} steps`);
    const onKink = result.neurons.some(({ w }) =>
      X.some((_, i) => Math.abs(w.reduce((s, t, j) => s + t * inputs.data[i * inputs.cols + j], 0)) < 1e-9),
    );
    // within the patterns the point is stationary; where no neuron is on a kink any direction may be tried
    if (onKink) return;
    for (let k = 0; k < 200; k++) {
      const moved = result.neurons.map(({ w, a }) => ({
        w: w.map((t) => t + 1e-5 * rng.normal()),
        a: a.map((t) => t + 1e-5 * rng.normal()),
      }));
      assert.ok(objective(moved, result.offset) >= reached - 1e-9 * reached);
    }
  });
}
