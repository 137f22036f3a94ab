import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import { growthOfArrays, memoryOverResolves } from '../support/resolveMemory.ts';
import { syntheticData } from './data.ts';
import { benchProblem } from './problems.ts';
import { table } from './timing.ts';

const problems: Readonly<Record<string, Problem>> = {
  'gated, 200 x 6, 100 gates': benchProblem({ data: syntheticData(200, 6), gates: 100, model: 'gated-relu' }, 1),
  'ReLU, 30 x 2, 6 gates': benchProblem({ data: syntheticData(30, 2), gates: 6, model: 'relu', tolerance: 1e-5 }, 1),
  'ReLU, 24 x 2, generated': {
    ...benchProblem({ data: syntheticData(24, 2), gates: 1, model: 'relu', tolerance: 1e-5 }, 1),
    arrangements: { kind: 'adaptive', seed: 1 },
  },
  'three layers, 24 x 2, 8 tuples': {
    ...benchProblem({ data: syntheticData(24, 2), gates: 8, model: 'three-layer', bias: 'none', tolerance: 1e-5 }, 1),
    hidden: { m1: 2 },
  },
};

/** What is held over 1,000 re-solves of one problem at other betas, after a garbage collection each time it is looked at. */
export function benchMemory(): void {
  const rows = Object.entries(problems).map(([name, problem]) => {
    const kernels = createKernels();
    const held = [...memoryOverResolves(problem, kernels, 20, { perRound: 50 })];
    kernels.dispose();
    const [, early] = held;
    const last = held.at(-1)!;
    const heap = (last.heap - early.heap) / 2 ** 10;
    return [
      name,
      `${growthOfArrays(held)} B`,
      `${(last.arrays / 2 ** 10).toFixed(0)} KiB`,
      `${heap.toFixed(0)} KiB`,
      `${last.kernels - early.kernels} B`,
    ];
  });
  table(['1,000 re-solves', 'arrays, 2nd half - 1st', 'arrays held', 'heap, after 100 to 1,000', 'kernels'], rows);
  console.log(
    'Arrays and kernels are exact, the heap has the compiled code of the engine in it (to reach: no growth).',
  );
}
