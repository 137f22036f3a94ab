import { prepare } from '../../src/core/problem/prepare.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import { solveThreeLayer } from '../../src/core/engine/threeLayer/solveThreeLayer.ts';
import { syntheticData } from './data.ts';
import { cpuLimit, measured, progress, seconds, table } from './timing.ts';

/** Parallel three-layer networks on sampled tuples: cost against tuples and against rows, at a tenth of beta max and relative gap 1e-6. */
export function benchDepth(): void {
  const rows: string[][] = [];
  for (const [n, d, count] of [
    [500, 10, 30],
    [500, 10, 100],
    [500, 10, 300],
    [125, 10, 300],
    [250, 10, 300],
    [1000, 10, 300],
  ] as const) {
    const data = syntheticData(n, d);
    const base: Problem = {
      X: data.X,
      y: data.y,
      outputs: 1,
      model: 'three-layer',
      hidden: { m1: 2 },
      loss: 'squared',
      beta: 1e12,
      arrangements: { kind: 'sampled', count, seed: 1 },
      outputPenalty: 'per-output',
      bias: 'none',
      tolerance: 1e-6,
    };
    const { betaMax } = solveThreeLayer(base, prepare(base), { certifySeconds: 0 }, cpuLimit(120));
    const problem = { ...base, beta: 0.1 * betaMax };
    const { value, cpu } = measured(() =>
      solveThreeLayer(problem, prepare(problem), { certifySeconds: 0, timeLimitSeconds: 300 }, cpuLimit(120)),
    );
    rows.push([
      `${n} x ${d}`,
      String(value.tuples),
      value.branches.length.toString(),
      value.iterations.toString(),
      seconds(cpu),
      value.relativeGap.toExponential(1),
      value.status,
    ]);
    progress(`${n} x ${d}, ${count} tuples`);
  }
  table(['three layers, m1 = 2', 'tuples', 'branches', 'Newton steps', 'CPU', 'gap', 'status'], rows);
}
