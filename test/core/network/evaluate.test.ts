import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denseMatrix, fromRows } from '../../../src/core/base/linalg/matrix.ts';
import { networkFit, networkObjective, networkPenalty, preActivations } from '../../../src/core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../../../src/core/network/network.ts';
import { createDatafit } from '../../../src/core/problem/datafits/losses.ts';

/** Two neurons on two inputs, two outputs. */
const network: TwoLayerNetwork = {
  W1: fromRows([
    [1, -1],
    [0, 2],
  ]),
  b1: Float64Array.of(0.5, -1),
  W2: fromRows([
    [1, -2],
    [3, 0],
  ]),
  b2: Float64Array.of(0.25, 0),
};
const X = fromRows([
  [1, 0],
  [0, 1],
]);

test('a ReLU network, by hand', () => {
  assert.deepEqual(Array.from(preActivations(network, X).data), [1.5, -1, -0.5, 1]);
  assert.deepEqual(Array.from(networkFit(network, X).data), [1.75, -3, 3.25, 0]);
});

test('a gated network passes its linear part on where the gate is on, also when it is negative', () => {
  const gated = {
    ...network,
    gates: fromRows([
      [-1, 1],
      [1, 0],
    ]),
    gateBias: Float64Array.of(0, 0),
  };
  // row 1: gate 1 off, gate 2 on with -1; row 2: gate 1 on with -0.5, gate 2 at 0 counts as on with 1
  assert.deepEqual(Array.from(networkFit(gated, X).data), [-2.75, 0, 2.75, 1]);
});

test('the three penalties and the bias, by hand', () => {
  // squared inner weights 2 + 4, biases 0.25 + 1; outer vectors (1, -2) and (3, 0)
  assert.equal(networkPenalty(network, 'nuclear', 'regularized'), (6 + 1.25 + 5 + 9) / 2);
  assert.equal(networkPenalty(network, 'nuclear', 'free'), (6 + 5 + 9) / 2);
  assert.equal(networkPenalty(network, 'per-output', 'free'), (6 + 9 + 9) / 2);
});

test('neurons behind one gate share their outer scale in the Frobenius penalty', () => {
  const gates = fromRows([
    [1, 1],
    [1, 1],
  ]);
  const W2 = fromRows([
    [2, 0],
    [0, 2],
  ]);
  const unit = { ...network, W2, gates, gateBias: Float64Array.of(0, 0) };
  assert.ok(Math.abs(networkPenalty(unit, 'frobenius', 'free') - (6 + 4) / 2) < 1e-14);
  const apart = { ...unit, gateBias: Float64Array.of(0, 1) };
  assert.ok(Math.abs(networkPenalty(apart, 'frobenius', 'free') - (6 + 8) / 2) < 1e-14);
});

test('the objective is loss plus beta times penalty', () => {
  const datafit = createDatafit('squared', denseMatrix(2, 2), 2);
  const expected = 0.5 * (1.75 ** 2 + 9 + 3.25 ** 2) + 0.1 * ((6 + 1.25 + 14) / 2);
  assert.ok(Math.abs(networkObjective(network, X, datafit, 0.1, 'nuclear', 'regularized') - expected) < 1e-14);
});

test('inputs of the wrong width are refused', () => {
  assert.throws(() => networkFit(network, fromRows([[1, 2, 3]])), /takes 2 inputs, the data have 3/);
});
