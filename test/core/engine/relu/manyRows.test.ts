import assert from 'node:assert/strict';
import test from 'node:test';
import { createWasmKernels } from '../../../../src/core/base/kernels/wasmKernels.ts';
import { denseMatrix, rowOf } from '../../../../src/core/base/linalg/matrix.ts';
import type { Control } from '../../../../src/core/base/control.ts';
import { patternsOfGates } from '../../../../src/core/base/patterns.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { betaMaxAtLeast } from '../../../../src/core/engine/relu/threshold.ts';
import type { Solution } from '../../../../src/core/engine/solution/solution.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';

const [n, d] = [20_500, 3];
/** Incoming weights and the outgoing one of the neurons behind the data. */
const teacher = [
  [1, 0.5, -0.2, 1],
  [-0.4, 1, 0.3, -1],
  [0.2, -0.6, 1, 0.7],
] as const;

/** So many rows that descent takes mini-batches, ascents a sample of rows, and Newton's method many kinks together. */
function manyRows(loss: 'squared' | 'logistic'): Problem {
  const rng = createRng(4);
  const X = denseMatrix(n, d);
  X.data.forEach((_, k) => (X.data[k] = rng.normal()));
  const y = denseMatrix(n, 1);
  for (let i = 0; i < n; i++) {
    const x = rowOf(X, i);
    let f = 0.1 * rng.normal();
    for (const [a, b, c, out] of teacher) f += out * Math.max(0, a * x[0] + b * x[1] + c * x[2]);
    y.data[i] = loss === 'squared' ? f : f > 0.2 ? 1 : -1;
  }
  const problem: Problem = {
    X,
    y,
    outputs: 1,
    model: 'relu',
    loss,
    beta: 1,
    arrangements: { kind: 'adaptive', seed: 1 },
    outputPenalty: 'per-output',
    bias: 'none',
    tolerance: 1e-4,
  };
  return { ...problem, beta: 0.1 * betaMaxAtLeast(prepare(problem)) };
}

/** Loss and penalty of neurons (w, a), by the definition. */
function objectiveOf(
  { X, y, loss, beta }: Problem,
  neurons: readonly (readonly [ArrayLike<number>, number])[],
): number {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    let f = 0;
    for (const [w, a] of neurons) {
      let t = 0;
      for (let k = 0; k < d; k++) t += X.data[i * d + k] * w[k];
      f += a * Math.max(0, t);
    }
    sum += loss === 'squared' ? (f - y.data[i]) ** 2 / 2 : Math.log1p(Math.exp(-y.data[i] * f));
  }
  let squares = 0;
  for (const [w, a] of neurons) squares += a * a + w[0] ** 2 + w[1] ** 2 + w[2] ** 2;
  return sum + (beta / 2) * squares;
}

function networkOf({ network }: Solution): (readonly [Float64Array, number])[] {
  return Array.from({ length: network.W1.rows }, (_, j) => [rowOf(network.W1, j), network.W2.data[j]] as const);
}

const run = (problem: Problem, shouldStop: () => boolean, report?: Control['report']): Solution => {
  const kernels = createWasmKernels()!;
  try {
    const control = { shouldStop, now: () => performance.now() / 1000, ...(report && { report }) };
    return solve(problem, { kernels, certifySeconds: 0 }, control);
  } finally {
    kernels.dispose();
  }
};

for (const loss of ['squared', 'logistic'] as const) {
  test(`many rows, ${loss} loss: the program is solved to its tolerance, and the network is worth what is said`, () => {
    const problem = manyRows(loss);
    const solution = run(problem, () => false);
    assert.equal(solution.status, 'optimal');
    assert.ok(solution.relativeGap <= 1e-4);
    const recomputed = objectiveOf(problem, networkOf(solution));
    assert.ok(
      Math.abs(recomputed - solution.objective) <= 1e-9 * recomputed,
      `${recomputed}, not ${solution.objective}`,
    );
    if (loss !== 'squared') return;
    // the neurons behind the data, balanced, are a network of the family
    const known = teacher.map(([a, b, c, out]) => {
      const balance = Math.sqrt(Math.hypot(a, b, c) / Math.abs(out));
      return [[a / balance, b / balance, c / balance], out * balance] as const;
    });
    assert.ok(solution.objective <= objectiveOf(problem, known));
    assert.equal(solution.network.W1.rows, teacher.length);
  });
}

test('many rows: a search that is stopped keeps its network, with a bound by norms that is below the optimum', () => {
  const problem = manyRows('squared');
  let reports = 0;
  const solution = run(problem, () => reports > 0, () => reports++); // prettier-ignore
  assert.equal(solution.status, 'cancelled');
  assert.ok(solution.network.W1.rows > 0);
  const recomputed = objectiveOf(problem, networkOf(solution));
  assert.ok(Math.abs(recomputed - solution.objective) <= 1e-9 * recomputed);
  assert.ok(solution.dualBound > 0 && solution.dualBound <= 3386.7257);
  assert.ok(solution.betaMax! > problem.beta);
  // it would take another way through the data
  assert.equal(solution.betaMaxUpper, undefined);
});

test('many rows: a stop at any moment keeps a network as good as any that was told of, and says what it is worth', () => {
  const problem = manyRows('squared');
  let looks = 0;
  const whole = run(problem, () => ++looks < 0);
  // moments of every stage, the first and the last ones among them
  for (const share of [0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 1]) {
    let left = Math.floor(share * (looks - 1));
    let told = Infinity;
    const solution = run(
      problem,
      () => --left < 0,
      ({ objective }) => (told = Math.min(told, objective)),
    );
    const recomputed = objectiveOf(problem, networkOf(solution));
    const { objective, dualBound, gates, patterns, groups, dual, gateConstraint } = solution;
    assert.ok(Math.abs(recomputed - objective) <= 1e-9 * recomputed, `${objective}, not ${recomputed}`);
    assert.ok(objective <= told * (1 + 1e-12), `${objective} above ${told}, after ${share}`);
    assert.ok(objective >= whole.dualBound, `${objective}`);
    assert.ok(dualBound <= whole.objective, `${dualBound} above ${whole.objective}, after ${share}`);
    assert.deepEqual(patterns.words, patternsOfGates(problem.X, gates).words);
    for (const { gate, output, sign } of groups) {
      const g = rowOf(gates, gate);
      let inside = 0;
      for (let i = 0; i < n; i++) {
        const t = problem.X.data[i * d] * g[0] + problem.X.data[i * d + 1] * g[1] + problem.X.data[i * d + 2] * g[2];
        inside += t >= 0 ? sign * dual.data[i + output] * t : 0;
      }
      const { beta } = problem;
      assert.ok(inside / Math.hypot(...g) <= beta * gateConstraint[gate] * (1 + 1e-9), 'bounds of gates are bounds');
    }
  }
});

test('many rows with a bias are in the memory of the kernels while they are solved, and no longer', () => {
  const problem: Problem = { ...manyRows('squared'), bias: 'regularized' };
  const kernels = createWasmKernels()!;
  try {
    const inputs = 8 * n * (d + 1);
    let least = Infinity;
    const report = (): void => void (least = Math.min(least, kernels.bytesInUse));
    const control = { shouldStop: () => false, now: () => performance.now() / 1000, report };
    const solution = solve(problem, { kernels, certifySeconds: 0 }, control);
    assert.equal(solution.status, 'optimal');
    assert.ok(least >= inputs, `${least} bytes`);
    const staged = kernels.bytesInUse;
    const placed = kernels.alloc(problem.X.data.length);
    placed.set(problem.X.data);
    const operator = kernels.createRowOperator({ ...problem.X, data: placed });
    // aligned to lines of the cache
    assert.ok(kernels.bytesInUse - staged - placed.byteLength < 64);
    const [own, copied] = [new Float64Array(n), new Float64Array(n)];
    operator.products(Float64Array.of(1, -2, 3), 1, own);
    operator.dispose();
    const other = kernels.createRowOperator(problem.X);
    other.products(Float64Array.of(1, -2, 3), 1, copied);
    other.dispose();
    assert.deepEqual(own, copied);
    kernels.free(placed);
    assert.equal(kernels.bytesInUse, staged);
    // what stays is room for arguments of calls, which small problems share
    assert.ok(staged < least);
  } finally {
    kernels.dispose();
  }
});

for (const [name, size] of [
  ['as they are', 1],
  ['of a size that is divided out', 64],
] as const) {
  test(`many rows, inputs ${name}: a stop at any look before descent leaves the zero network and what its loss says, and little is done after it`, () => {
    const [rows, cols] = [110_000, 20];
    const rng = createRng(4);
    const X = denseMatrix(rows, cols);
    X.data.forEach((_, k) => (X.data[k] = size * rng.normal()));
    const y = denseMatrix(rows, 1);
    for (let i = 0; i < rows; i++) y.data[i] = Math.max(0, X.data[i * cols]) / size + 0.3 * rng.normal();
    const base: Problem = { ...manyRows('squared'), X, y, bias: 'regularized' };
    const problem = { ...base, beta: 0.1 * betaMaxAtLeast(prepare(base)) };
    const loss = y.data.reduce((sum, value) => sum + value * value, 0) / 2;
    let known = false;
    // eight ways and more through two million numbers, with a look every million, come before there is a network
    for (let looked = 0; looked <= 36; looked += 2) {
      let looks = 0;
      // units of inputs are remembered by the matrix
      const solution = run({ ...problem, X: { ...X } }, () => ++looks > looked);
      assert.equal(solution.status, 'cancelled');
      assert.equal(solution.network.W1.rows, 0);
      assert.ok(Math.abs(solution.objective - loss) <= 1e-12 * loss);
      assert.ok(solution.dualBound >= 0 && solution.dualBound <= loss);
      assert.equal(solution.fit.data.length, rows);
      assert.ok(solution.fit.data.every((value) => value === 0));
      // what nobody looked for is not there; once it is, it stays
      if (solution.betaMax !== undefined) assert.ok(solution.betaMax > problem.beta);
      assert.ok(!known || solution.betaMax !== undefined, `betaMax at look ${looked}`);
      known = solution.betaMax !== undefined;
      assert.ok(looks - looked <= 12, `${looks - looked} looks after the stop at look ${looked}`);
    }
    assert.ok(known);
  });
}
