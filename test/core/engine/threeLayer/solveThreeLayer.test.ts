import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { Arrangements, Problem } from '../../../../src/core/problem/problem.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { solveThreeLayer, type ThreeLayerSolution } from '../../../../src/core/engine/threeLayer/solveThreeLayer.ts';

function run(X: number[][], y: number[], beta: number, m1: number, arrangements: Arrangements): ThreeLayerSolution {
  const problem: Problem = {
    X: fromRows(X),
    y: fromRows(y.map((v) => [v])),
    outputs: 1,
    model: 'three-layer',
    loss: 'squared',
    beta,
    arrangements,
    outputPenalty: 'per-output',
    bias: 'none',
    hidden: { m1 },
    tolerance: 1e-7,
  };
  return solveThreeLayer(problem, prepare(problem), {}, uncontrolled);
}

const bump = [
  [0, -1],
  [1, -1],
  [1, 0],
  [1, 1],
  [0, 1],
];

for (const arrangements of [{ kind: 'all' }, { kind: 'adaptive', seed: 1 }] as const) {
  test(`one sample and orthonormal rows: the two-layer value whatever m1 (${arrangements.kind})`, () => {
    for (const m1 of [1, 2]) {
      const one = run([[3, 4]], [2], 1, m1, arrangements);
      assert.ok(Math.abs(one.objective - 0.38) < 1e-6, `${one.objective}`);
      assert.ok(Math.abs(one.fit.data[0] - 1.8) < 1e-5);
    }
    const eye = run(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      [3, 4, -2],
      1,
      2,
      arrangements,
    );
    assert.ok(Math.abs(eye.objective - 6) < 1e-5, `${eye.objective}`);
    assert.ok(Math.abs(eye.networkObjective.constraint - eye.objective) < 1e-9 * eye.objective);
  });

  test(`a bump on five directions: depth helps, with a certificate (${arrangements.kind})`, () => {
    const y = [0, 0, 1, 0, 0];
    const two = run(bump, y, 0.1, 1, arrangements);
    assert.ok(Math.abs(two.objective - 0.2941665) < 2e-6, `${two.objective}`);
    const three = run(bump, y, 0.1, 2, arrangements);
    assert.ok(
      Math.abs(three.objective - 0.2554658) < 2e-6,
      `${three.objective} ${three.branches.length} ${three.tuples}`,
    );
    [-0.041262, 0.141262, 0.667648, 0.141262, -0.041262].forEach((f, i) =>
      assert.ok(Math.abs(three.fit.data[i] - f) < 1e-4),
    );
    assert.ok(three.relativeGap < 1e-6 && three.relativeGap > -1e-12, `gap ${three.relativeGap}`);
    if (arrangements.kind === 'all') {
      assert.equal(three.global!.proof, 'exact');
      assert.ok(three.global!.relativeGap < 1e-6);
    } else assert.ok(three.global!.lowerBound <= 0.2554658 + 1e-6);
  });
}
