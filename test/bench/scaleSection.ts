import { setTimeout } from 'node:timers/promises';
import { createWasmKernels } from '../../src/core/kernels/wasmKernels.ts';
import { denseMatrix } from '../../src/core/linalg/matrix.ts';
import { solve } from '../../src/core/solver/solve.ts';
import { patternsOfGates } from '../../src/core/arrangement/patterns.ts';
import { createRng } from '../../src/core/random/rng.ts';
import { createPooledKernels } from '../../src/worker/kernelPool.ts';
import { syntheticData } from './data.ts';
import { benchProblem } from './problems.ts';
import { compared, cpuLimit, measured, seconds, table } from './timing.ts';

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

/**
 * 60,000 rows, 784 features, 1,000 gates: rate of both masked products against the dense products of the same build (what the
 * machine can do in multiply-adds), memory, and a solve.
 */
export function benchScale(): void {
  const [n, d, P] = [60000, 784, 1000];
  const data = syntheticData(n, d);
  const rng = createRng(2);
  const gates = denseMatrix(P, d);
  for (let i = 0; i < P * d; i++) gates.data[i] = rng.normal();
  const kernels = createWasmKernels()!;
  const N = 512;
  const [A, B, C] = [kernels.alloc(N * N), kernels.alloc(N * N), kernels.alloc(N * N)];
  for (let i = 0; i < N * N; i++) A[i] = B[i] = rng.normal();
  const dense = compared({ gemm: () => kernels.gemm(false, false, N, N, N, 1, A, B, 0, C) });
  const peak = (2 * N ** 3) / dense.gemm;
  console.log(`Dense product of order ${N}: ${(peak / 1e9).toFixed(1)} GF.`);
  const making = measured(() => kernels.createMaskedOperator(data.X, patternsOfGates(data.X, gates)));
  const operator = making.value;
  const V = Float64Array.from({ length: P * d }, () => rng.normal());
  const [out, gradient] = [new Float64Array(n), new Float64Array(P * d)];
  const forward = measured(() => operator.forward(V, 1, out));
  const again = measured(() => operator.forward(V, 1, out));
  const adjoint = measured(() => operator.adjoint(out, 1, gradient));
  const flops = 2 * n * d * P;
  table(
    ['60000 x 784, 1000 gates', 'CPU', 'rate', 'of the dense rate'],
    (
      [
        ['patterns and set-up', making.cpu],
        ['masked forward', Math.min(forward.cpu, again.cpu)],
        ['masked adjoint', adjoint.cpu],
      ] as const
    ).map(([what, s]) => [what, seconds(s), `${(flops / s / 1e9).toFixed(1)} GF`, (flops / s / peak).toFixed(1)]),
  );
  console.log(`Kernels hold ${gib(kernels.bytesInUse)}; process ${gib(process.memoryUsage().rss)}.`);
  operator.adjoint(data.y.data, 1, gradient);
  let betaMax = 0;
  for (let k = 0; k < P; k++) betaMax = Math.max(betaMax, Math.hypot(...gradient.subarray(k * d, (k + 1) * d)));
  operator.dispose();
  const problem = benchProblem({ data, gates, model: 'gated-relu', bias: 'none', tolerance: 1e-4 }, 0.1 * betaMax);
  const { value, cpu } = measured(() => solve(problem, { kernels }, cpuLimit(300)));
  console.log(
    `Solve at 0.1 beta_max: ${value.status}, gap ${value.relativeGap.toExponential(1)}, ${value.groups.length} active, ${seconds(cpu)}; ${value.method}.`,
  );
  console.log(`Process ${gib(process.memoryUsage().rss)} now, ${gib(process.resourceUsage().maxRSS * 1024)} at most.`);
  kernels.dispose();
}

/** One thread against two: the best wall time of 40 rounds (a busy machine has no second core to give), and the CPU time of both threads. */
export async function benchThreads(): Promise<void> {
  const [n, d, P] = [4000, 50, 1000];
  const data = syntheticData(n, d);
  const rng = createRng(2);
  const gates = denseMatrix(P, d);
  for (let i = 0; i < P * d; i++) gates.data[i] = rng.normal();
  const patterns = patternsOfGates(data.X, gates);
  const V = Float64Array.from({ length: P * d }, () => rng.normal());
  const pools = [1, 2].map((threads) => createPooledKernels({ threads }));
  const jobs = pools.map((kernels) => {
    const operator = kernels.createMaskedOperator(data.X, patterns);
    const system = kernels.createSymmetricSystem(2000);
    const [out, gradient] = [new Float64Array(n), new Float64Array(P * d)];
    const positive = (): void => {
      system.clear();
      system.addDiagonal(1);
      system.factor();
    };
    return {
      forward: () => operator.forward(V, 1, out),
      adjoint: () => operator.adjoint(out, 1, gradient),
      'Cholesky 2000': positive,
    };
  });
  await setTimeout(1000); // helpers start
  const rows: string[][] = [];
  for (const what of ['forward', 'adjoint', 'Cholesky 2000'] as const) {
    const walls: number[][] = [[], []];
    const cpus: number[][] = [[], []];
    for (let round = 0; round < 40; round++) {
      jobs.forEach((job, k) => {
        const { cpu, wall } = measured(job[what]);
        walls[k].push(wall);
        cpus[k].push(cpu);
      });
    }
    const low = (x: number[]): number => Math.min(...x);
    const [w, c] = [walls.map(low), cpus.map(low)];
    rows.push([what, seconds(w[0]), seconds(w[1]), (w[0] / w[1]).toFixed(2), (c[1] / c[0]).toFixed(2)]);
  }
  table([`${n} x ${d}, ${P} gates (wall)`, '1 thread', '2 threads', 'speed-up', 'CPU of both'], rows);
  for (const kernels of pools) kernels.dispose();
}
