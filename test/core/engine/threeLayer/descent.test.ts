import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { createParallelModel } from '../../../../src/core/descent/parallelModel.ts';
import { branchAlignment, descendThreeLayer } from '../../../../src/core/descent/threeLayerDescent.ts';
import { solveThreeLayer } from '../../../../src/core/engine/threeLayer/solveThreeLayer.ts';
import {
  forward,
  penalties,
  toCubicForm,
  toSubNetwork,
  toSubVector,
} from '../../../../src/core/network/threeLayer/subNetwork.ts';

function bump(beta: number): Problem {
  return {
    X: fromRows([
      [0, -1],
      [1, -1],
      [1, 0],
      [1, 1],
      [0, 1],
    ]),
    y: fromRows([[0], [0], [1], [0], [0]]),
    outputs: 1,
    model: 'three-layer',
    loss: 'squared',
    beta,
    arrangements: { kind: 'all' },
    outputPenalty: 'per-output',
    bias: 'none',
    hidden: { m1: 2 },
    tolerance: 1e-7,
  };
}

test('gradient of the parallel model agrees with finite differences', () => {
  const rng = createRng(4);
  const X = denseMatrix(
    6,
    3,
    Float64Array.from({ length: 18 }, () => rng.normal()),
  );
  const problem = prepare({
    ...bump(0.3),
    X,
    y: denseMatrix(
      6,
      2,
      Float64Array.from({ length: 12 }, () => rng.normal()),
    ),
    outputs: 2,
  });
  const model = createParallelModel(problem, 2, 3);
  const theta = model.initialise(rng, 1);
  const gradient = model.vector();
  const value = (t: Float64Array): number => model.addLoss(t, null, 0, 6, null) + model.addPenalty(t, 1, null);
  model.addLoss(theta, null, 0, 6, gradient);
  model.addPenalty(theta, 1, gradient);
  for (let i = 0; i < theta.length; i++) {
    const step = 1e-6;
    const up = theta.slice();
    const down = theta.slice();
    up[i] += step;
    down[i] -= step;
    const numeric = (value(up) - value(down)) / (2 * step);
    assert.ok(
      Math.abs(numeric - gradient[i]) < 1e-5 * (1 + Math.abs(numeric)),
      `parameter ${i}: ${numeric} ${gradient[i]}`,
    );
  }
});

test('a branch keeps its function in every form, and its convex image never costs more', () => {
  const rng = createRng(9);
  const X = denseMatrix(
    7,
    3,
    Float64Array.from({ length: 21 }, () => rng.normal()),
  );
  for (let k = 0; k < 20; k++) {
    const branch = {
      W1: denseMatrix(
        3,
        2,
        Float64Array.from({ length: 6 }, () => rng.normal()),
      ),
      w2: Float64Array.of(rng.normal(), rng.normal()),
      w3: rng.normal(),
      output: 0,
    };
    const vector = toSubVector(branch);
    const image = toSubNetwork(vector);
    const cubic = toCubicForm(image);
    const want = forward(X, [branch], 1).data;
    for (const form of [image, cubic, toCubicForm(branch)]) {
      forward(X, [form], 1).data.forEach((f, i) => assert.ok(Math.abs(f - want[i]) < 1e-10 * (1 + Math.abs(want[i]))));
    }
    let N = 0;
    for (let j = 0; j < 2; j++) N += Math.hypot(...vector.u.subarray(3 * j, 3 * j + 3));
    assert.ok(Math.abs(penalties(image).constraint - N) < 1e-10 * N);
    assert.ok(Math.abs(penalties(cubic).cubic - N) < 1e-10 * N);
    // the best scaling of the layers aligns them, and any other form is less aligned
    const aligned = branchAlignment([cubic]);
    assert.ok(Math.abs(aligned.columns - 1) < 1e-12 && Math.abs(aligned.balance - 1) < 1e-12);
    const before = branchAlignment([branch]);
    assert.ok(before.columns <= 1 + 1e-12 && before.balance < 1);
    assert.ok(penalties(branch).cubic >= N - 1e-10 && penalties(branch).constraint >= N - 1e-10);
  }
});

test('descent never ends below the proven optimum, and the program on its own tuples never above it', () => {
  const problem = bump(0.1);
  const prepared = prepare(problem);
  const exact = solveThreeLayer(problem, prepared, {}, uncontrolled);
  for (const seed of [1, 2, 3]) {
    const run = descendThreeLayer(prepared, { m1: 2, K: 4, seed, rule: 'adam', epochs: 2000 }, uncontrolled);
    for (const value of run.objective) assert.ok(value >= exact.global!.lowerBound - 1e-9);
    assert.ok(run.merged <= run.final + 1e-9);
    // the alignment meter goes to 1 as training converges
    const [first, last] = [run.alignment[0], run.alignment[run.alignment.length - 1]];
    assert.ok(first.balance < 0.9 && last.balance > 0.99 && last.columns > 0.99, `${last.balance} ${last.columns}`);
    assert.equal(last.epoch, 2000);
    const harvested = solveThreeLayer(
      { ...problem, arrangements: { kind: 'sampled', count: 1, seed } },
      prepared,
      { harvest: [run.branches] },
      uncontrolled,
    );
    assert.ok(harvested.objective <= run.merged * (1 + 1e-6), `${harvested.objective} ${run.merged}`);
    assert.ok(harvested.objective >= exact.global!.lowerBound - 1e-9);
  }
});
