import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import type { Block } from '../../../../src/core/engine/threeLayer/blockSystem.ts';
import { solveBlocks } from '../../../../src/core/engine/threeLayer/interiorPoint.ts';
import { tupleOf } from '../../../../src/core/network/threeLayer/tuple.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import { gaussian, reluProblem } from '../relu/support.ts';

for (const loss of ['squared', 'logistic'] as const) {
  void test(`interior point on three-layer blocks, ${loss}: inside the cones, and no feasible point nearby is lower`, () => {
    const rng = createRng(6);
    const [n, d, m1] = [10, 2, 2];
    const X = gaussian(rng, n, d);
    const y = X.map((row) => (loss === 'squared' ? Math.max(0, row[0] - row[1]) : row[0] > row[1] ? 1 : -1));
    const { datafit, beta } = prepare(reluProblem({ X, y, beta: 0.05, loss }));
    const blocks: Block[] = [];
    for (let k = 0; blocks.length < 4 && k < 200; k++) {
      const inner = Int8Array.from({ length: m1 }, (_, j) => (j === 0 || rng.uniform() < 0.5 ? 1 : -1));
      const tuple = tupleOf(fromRows(X), inner, Float64Array.from(gaussian(rng, 1, m1 * d)[0]));
      if (tuple !== undefined && tuple.activeRows.length > 2) {
        blocks.push({ tuple, sign: blocks.length % 2 === 0 ? 1 : -1, output: 0 });
      }
    }
    assert.equal(blocks.length, 4);
    const result = solveBlocks({ X: fromRows(X), blocks, datafit, beta, m1, grams: new Map() }, 1e-9, uncontrolled);
    const feasible = (vectors: readonly Float64Array[]): boolean =>
      blocks.every(({ tuple: { C } }, b) => {
        for (let r = 0; r < C.rows; r++) {
          let s = 0;
          for (let k = 0; k < C.cols; k++) s += C.data[r * C.cols + k] * vectors[b][k];
          if (s < 0) return false;
        }
        return true;
      });
    /** By its definition. */
    const objective = (vectors: readonly Float64Array[]): number => {
      const fit = new Float64Array(n);
      let penalty = 0;
      blocks.forEach(({ tuple: { A, activeRows }, sign }, b) => {
        activeRows.forEach((row, r) => {
          for (let k = 0; k < A.cols; k++) fit[row] += sign * A.data[r * A.cols + k] * vectors[b][k];
        });
        for (let j = 0; j < m1; j++) penalty += Math.hypot(...vectors[b].subarray(j * d, (j + 1) * d));
      });
      return datafit.value(fit) + beta * penalty;
    };
    const reached = objective(result.vectors);
    assert.ok(feasible(result.vectors));
    assert.ok(Math.abs(reached - result.objective) <= 1e-10 * reached);
    assert.ok(reached < 0.9 * datafit.value(new Float64Array(n)));
    // cones are convex: shorter vectors with a share of an interior direction are feasible
    for (let k = 0; k < 500; k++) {
      const size = 10 ** (-5 * rng.uniform());
      const moved = result.vectors.map((u, b) => {
        const [kept, added] = [1 - size * rng.uniform(), rng.uniform() < 0.5 ? 0 : size * rng.uniform()];
        return u.map((t, j) => kept * t + added * blocks[b].tuple.interior[j]);
      });
      assert.ok(feasible(moved));
      assert.ok(objective(moved) >= reached - 1e-7 * reached, `${objective(moved)} below ${reached}`);
    }
  });
}
