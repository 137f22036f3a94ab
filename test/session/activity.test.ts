import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onCount, patternsOfGates } from '../../src/core/base/patterns.ts';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import { withOnesColumn } from '../../src/core/base/linalg/matrix.ts';
import { networkFit } from '../../src/core/network/evaluate.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { activityOf } from '../../src/session/activity.ts';
import { gateRecord, gatesOfNeurons } from '../../src/session/neurons.ts';
import { pickRows } from '../../src/session/pickRows.ts';
import { randomProblem } from '../core/engine/problems.ts';

for (const bias of ['none', 'regularized'] as const) {
  test(`activity from the patterns of the solve is that from the gates themselves, on training and other rows (bias ${bias})`, () => {
    const whole = randomProblem(5, { n: 90, d: 4 }, { bias, arrangements: { kind: 'sampled', count: 30, seed: 2 } });
    const rows = Int32Array.from({ length: 90 }, (_, i) => i).filter((i) => i % 3 !== 1);
    const problem = { ...whole, X: pickRows(whole.X, rows), y: pickRows(whole.y, rows), beta: 0.3 };
    const solution = solve(problem);
    const X = bias === 'none' ? problem.X : withOnesColumn(problem.X);
    assert.deepEqual(solution.patterns.words, patternsOfGates(X, solution.gates).words);
    const known = { patterns: solution.patterns, gateOf: gatesOfNeurons(solution) };
    assert.ok(known.gateOf.length > 3 && !known.gateOf.includes(-1));
    const kernels = createKernels();
    const fast = activityOf(solution.network, whole.X, rows, kernels, known);
    const plain = activityOf(solution.network, whole.X, rows, kernels);
    assert.deepEqual(fast, plain);
    const fit = networkFit(solution.network, whole.X);
    fast.fit.data.forEach((value, i) => {
      assert.ok(Math.abs(value - fit.data[i]) <= 1e-9 * (1 + Math.abs(value)));
    });
    const { onCount: counts } = gateRecord(solution);
    assert.ok(counts !== undefined);
    counts.forEach((count, p) => {
      assert.equal(count, onCount(patternsOfGates(X, solution.gates), p));
    });
    kernels.dispose();
  });
}
