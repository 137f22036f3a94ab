import assert from 'node:assert/strict';
import test from 'node:test';
import { createWasmKernels } from '../../../../src/core/base/kernels/wasmKernels.ts';
import { denseMatrix, rowOf } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { betaMaxAtLeast } from '../../../../src/core/engine/relu/threshold.ts';
import type { Solution } from '../../../../src/core/engine/solution/solution.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';

const [n, d] = [1000, 36];

/** Noise on the sign of a product: dozens of neurons at small beta, so that a Newton step costs more than descent by far. */
function noisy(share: number): Problem {
  const rng = createRng(8);
  const X = denseMatrix(n, d);
  X.data.forEach((_, k) => (X.data[k] = rng.normal()));
  const y = denseMatrix(n, 1);
  for (let i = 0; i < n; i++) {
    const x = rowOf(X, i);
    y.data[i] = Math.abs(x[0]) - Math.abs(x[1]) + Math.max(0, x[2] - x[3]) + rng.normal();
  }
  const problem: Problem = {
    X,
    y,
    outputs: 1,
    model: 'relu',
    loss: 'squared',
    beta: 1,
    arrangements: { kind: 'adaptive', seed: 1 },
    outputPenalty: 'per-output',
    bias: 'none',
    tolerance: 1e-4,
  };
  return { ...problem, beta: share * betaMaxAtLeast(prepare(problem)) };
}

/** Half the squared errors and beta/2 times the squared weights of the balanced network, by the definition. */
function objectiveOf({ X, y, beta }: Problem, { network }: Solution): number {
  const { W1, W2 } = network;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    let f = -y.data[i];
    for (let j = 0; j < W1.rows; j++) {
      let t = 0;
      for (let k = 0; k < d; k++) t += X.data[i * d + k] * W1.data[j * d + k];
      f += W2.data[j] * Math.max(0, t);
    }
    sum += f * f;
  }
  for (const w of W1.data) sum += beta * w * w;
  for (const a of W2.data) sum += beta * a * a;
  return sum / 2;
}

test('where Newton steps are dear a warm network goes on by descent: to the gap asked for, lower than it was, and a stop keeps the best', () => {
  const kernels = createWasmKernels();
  const options = { kernels, certifySeconds: 0 };
  const before = solve(noisy(0.16), options);
  const problem = noisy(0.13);
  const start = objectiveOf(problem, before);
  // n (neurons d)^2 multiplications of a Newton step are more than 5e8
  assert.ok(before.network.W1.rows * d > 708, `${before.network.W1.rows} neurons are too few for this test`);
  const phases: string[] = [];
  const objectives: number[] = [];
  const watched = {
    shouldStop: () => false,
    now: () => performance.now() / 1000,
    report: ({ phase, objective }: { readonly phase: string; readonly objective: number }) => {
      phases.push(phase);
      objectives.push(objective);
    },
  };
  const after = solve(problem, { ...options, warm: before.warm }, watched);
  assert.ok(phases.includes('descent'));
  // but for negligible neurons that descent leaves behind
  assert.ok(
    objectives.every((value, k) => k === 0 || value <= objectives[k - 1] * (1 + 1e-5)),
    'it never rises',
  );
  assert.ok(after.relativeGap <= problem.tolerance);
  assert.ok(Math.abs(objectiveOf(problem, after) - after.objective) <= 1e-9 * after.objective);
  assert.ok(after.objective < 0.999 * start);

  let met = Infinity;
  const stopping = {
    ...watched,
    shouldStop: () => met < Infinity,
    report: ({ phase, objective }: { readonly phase: string; readonly objective: number }) => {
      if (phase === 'descent' && objective < 0.9999 * start) met = Math.min(met, objective);
    },
  };
  const stopped = solve(problem, { ...options, warm: before.warm }, stopping);
  assert.equal(stopped.status, 'cancelled');
  assert.ok(met < Infinity);
  // descent looks at the balanced network with neurons that are left out when they are negligible
  assert.ok(stopped.objective <= met * (1 + 1e-3), `${stopped.objective} after ${met}`);
  assert.ok(stopped.objective <= start);
  assert.ok(Math.abs(objectiveOf(problem, stopped) - stopped.objective) <= 1e-9 * start);
});
