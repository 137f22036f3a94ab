import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKernels } from '../../../src/core/base/kernels/createKernels.ts';
import type { Problem } from '../../../src/core/problem/problem.ts';
import { growthOfArrays, type MemoryHeld, memoryOverResolves } from '../../support/resolveMemory.ts';
import { randomProblem } from './problems.ts';

const sampled = (count: number): Problem['arrangements'] => ({ kind: 'sampled', count, seed: 1 });

const problems: Readonly<Record<string, Problem>> = {
  'gated, sampled': randomProblem(1, { n: 180, d: 4 }, { arrangements: sampled(30), tolerance: 1e-6 }),
  'ReLU, sampled': randomProblem(1, { n: 180, d: 1 }, { model: 'relu', arrangements: sampled(6), tolerance: 1e-5 }),
  'ReLU, generated': randomProblem(
    1,
    { n: 180, d: 1 },
    { model: 'relu', arrangements: { kind: 'adaptive', seed: 1 }, tolerance: 1e-5 },
  ),
  'three layers': randomProblem(
    1,
    { n: 180, d: 1 },
    { model: 'three-layer', arrangements: sampled(5), bias: 'none', hidden: { m1: 2 }, tolerance: 1e-5 },
  ),
};

/** Six rounds of re-solves, and what is held after each. */
function readings(problem: Problem, each?: (solution: object) => void): MemoryHeld[] {
  const kernels = createKernels();
  const held = [...memoryOverResolves(problem, kernels, 6, { each })];
  kernels.dispose();
  return held;
}

/** Eight vectors over the rows; a solution has four, and there are 15 re-solves between the halves of the readings. */
const allowed = ({ X }: Problem): number => 8 * 8 * X.rows;

for (const [name, problem] of Object.entries(problems)) {
  test(`memory does not grow over re-solves: ${name}`, () => {
    const held = readings(problem);
    assert.ok(growthOfArrays(held) < allowed(problem), `arrays: ${held.map(({ arrays }) => arrays).join(' ')} bytes`);
    assert.equal(held.at(-1)!.kernels, held[2].kernels);
  });
}

test('it would be seen if solutions were kept', () => {
  const kept: object[] = [];
  const problem = problems['gated, sampled'];
  const held = readings(problem, (solution) => void kept.push(solution));
  assert.equal(kept.length, 30);
  assert.ok(growthOfArrays(held) > 2 * allowed(problem), `arrays: ${held.map(({ arrays }) => arrays).join(' ')} bytes`);
});
