import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWasmKernels } from '../../../src/core/base/kernels/wasmKernels.ts';
import { denseMatrix } from '../../../src/core/base/linalg/matrix.ts';
import type { ModelName, Problem } from '../../../src/core/problem/problem.ts';
import { ProblemError } from '../../../src/core/base/problemError.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { randomProblem } from './problems.ts';

/** The refusal of a problem within the given memory, or undefined when it is solved. */
function refusal(problem: Problem, memoryBytes: number): ProblemError | undefined {
  const asked = { now: () => 0, shouldStop: () => true };
  try {
    solve(problem, { memoryBytes, certifySeconds: 0 }, asked);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ProblemError);
    return error;
  }
}

const sampled = (model: ModelName, count: number, n = 200): Problem =>
  randomProblem(3, { n, d: 6 }, { model, arrangements: { kind: 'sampled', count, seed: 1 } });

/** The first rows of a problem. */
function cut(problem: Problem, rows: number): Problem {
  const { X, y } = problem;
  return {
    ...problem,
    X: denseMatrix(rows, X.cols, X.data.slice(0, rows * X.cols)),
    y: denseMatrix(rows, y.cols, y.data.slice(0, rows * y.cols)),
  };
}

for (const model of ['gated-relu', 'relu'] as const) {
  test(`${model}: a problem beyond the memory allowed is refused, and the sizes offered are the largest that fit`, () => {
    const [n, memory] = model === 'relu' ? [200, 1.5e6] : [2000, 1.1e6];
    const problem = sampled(model, 300, n);
    const error = refusal(problem, memory);
    assert.ok(error !== undefined);
    assert.equal(error.field, 'arrangements');
    const gates = Number(/(\d+) gates? would fit/.exec(error.message)?.[1]);
    const rows = Number(/(\d+) rows? would fit/.exec(error.message)?.[1]);
    assert.ok(gates > 0 && rows > 0, error.message);
    assert.equal(refusal(sampled(model, gates, n), memory), undefined);
    assert.ok(refusal(sampled(model, gates + 1, n), memory) !== undefined);
    assert.equal(refusal(cut(problem, rows), memory), undefined);
    assert.ok(refusal(cut(problem, rows + 1), memory) !== undefined);
  });

  test(`${model}: a thousand million gates are refused by the usual budget, at once`, () => {
    assert.throws(
      () => solve(sampled(model, 1e9)),
      (error: unknown) =>
        error instanceof ProblemError && error.message.includes('GiB of memory, 4.00 GiB are allowed'),
    );
  });
}

test('generated neurons: data alone can be too large', () => {
  const problem = randomProblem(1, { n: 100, d: 6 }, { model: 'relu', arrangements: { kind: 'adaptive', seed: 1 } });
  const error = refusal(problem, 20_000);
  assert.equal(error?.field, 'X');
  const rows = Number(/(\d+) rows? would fit/.exec(error?.message ?? '')?.[1]);
  assert.equal(refusal(cut(problem, rows), 20_000), undefined);
});

test('kernels without room for a dense system: Newton steps go on with products, to the same optimum', () => {
  const problem = randomProblem(
    3,
    { n: 700, d: 40 },
    { arrangements: { kind: 'sampled', count: 60, seed: 1 }, tolerance: 1e-6 },
  );
  const betaMax = solve({ ...problem, beta: 1e9 }).betaMax;
  const kernels = createWasmKernels({ budgetBytes: 5 * 2 ** 20 })!;
  const easy = solve({ ...problem, beta: 0.2 * betaMax! });
  const tight = solve({ ...problem, beta: 0.2 * betaMax! }, { kernels });
  assert.match(tight.method, /matrix-free/);
  assert.equal(tight.status, 'optimal');
  assert.ok(Math.abs(tight.objective - easy.objective) <= 2e-6 * easy.objective);
  // work space may stay, the dense systems of 4 MB must not
  assert.ok(kernels.bytesInUse < 1e6);
  kernels.dispose();
});

test('kernels without room for the data: a complaint about the problem', () => {
  const kernels = createWasmKernels({ budgetBytes: 4 * 2 ** 20 })!;
  assert.throws(
    () => solve({ ...sampled('gated-relu', 300, 20_000), beta: 1e3 }, { kernels }),
    (error: unknown) => error instanceof ProblemError && error.message.includes('of memory'),
  );
  kernels.dispose();
});
