import { setTimeout } from 'node:timers/promises';
import { createWasmKernels } from '../../src/core/base/kernels/wasmKernels.ts';
import { denseMatrix } from '../../src/core/base/linalg/matrix.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { patternsOfGates } from '../../src/core/base/patterns.ts';
import { createRng } from '../../src/core/base/rng.ts';
import { createPooledKernels } from '../../src/platform/node/kernelPool.ts';
import { type BenchData, syntheticData } from './data.ts';
import { benchProblem } from './problems.ts';
import { compared, cpuLimit, measured, seconds, table } from './timing.ts';

/** CPU seconds that the solve of the large data may take: `SCALE_SECONDS`. */
const patience = Number(process.env.SCALE_SECONDS ?? 400);

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

/**
 * Images of ten classes, each a line of eight soft blobs that is shifted, turned and made thicker at random, with noise; pixels centred and
 * divided by their common spread; +1 for the even classes, -1 for the odd ones.
 */
function imageData(n: number, side: number): Pick<BenchData, 'name' | 'X' | 'y'> {
  const [d, classes, blobs] = [side * side, 10, 8];
  const rng = createRng(1);
  const inside = (t: number): number => Math.min(0.8 * side, Math.max(0.2 * side, t));
  const lines = Array.from({ length: classes }, () => {
    const points: [number, number][] = [];
    let [x, y] = [side * (0.3 + 0.4 * rng.uniform()), side * (0.2 + 0.2 * rng.uniform())];
    let angle = 2 * Math.PI * rng.uniform();
    for (let b = 0; b < blobs; b++) {
      points.push([x, y]);
      angle += 0.8 * rng.normal();
      [x, y] = [inside(x + 3 * Math.cos(angle)), inside(y + 3 * Math.sin(angle))];
    }
    return points;
  });
  const X = denseMatrix(n, d);
  const y = denseMatrix(n, 1);
  const [across, down] = [new Float64Array(side), new Float64Array(side)];
  for (let r = 0; r < n; r++) {
    const k = rng.integer(classes);
    y.data[r] = k % 2 === 0 ? 1 : -1;
    const [dx, dy, turn, width] = [
      1.5 * rng.normal(),
      1.5 * rng.normal(),
      0.2 * rng.normal(),
      1.2 + 0.6 * rng.uniform(),
    ];
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    const image = X.data.subarray(r * d, (r + 1) * d);
    for (const point of lines[k]) {
      const [u, v] = point.map((t) => t - side / 2);
      const cx = side / 2 + cos * u - sin * v + dx + 0.4 * rng.normal();
      const cy = side / 2 + sin * u + cos * v + dy + 0.4 * rng.normal();
      for (let i = 0; i < side; i++) {
        across[i] = Math.exp(-((i - cx) ** 2) / (2 * width * width));
        down[i] = Math.exp(-((i - cy) ** 2) / (2 * width * width));
      }
      for (let i = 0; i < d; i++) image[i] += down[Math.floor(i / side)] * across[i % side];
    }
    for (let i = 0; i < d; i++) image[i] = Math.min(1, image[i]) + 0.05 * rng.normal();
  }
  const mean = new Float64Array(d);
  for (let i = 0; i < n * d; i++) mean[i % d] += X.data[i] / n;
  let squares = 0;
  for (let i = 0; i < n * d; i++) squares += (X.data[i] -= mean[i % d]) ** 2;
  for (let i = 0; i < n * d; i++) X.data[i] /= Math.sqrt(squares / (n * d));
  return { name: `images ${n} x ${d}`, X, y };
}

/**
 * 60,000 images of 28 x 28 pixels, 1,000 gates: rate of both masked products against the dense products of the same build (what the
 * machine can do in multiply-adds), memory, and a solve.
 */
export function benchScale(): void {
  const [n, d, P] = [60000, 784, 1000];
  const data = imageData(n, Math.sqrt(d));
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
  const problem = benchProblem({ data, gates, model: 'gated-relu', bias: 'none', tolerance: 1e-4 }, 0.3 * betaMax);
  const { value, cpu } = measured(() => solve(problem, { kernels }, cpuLimit(patience)));
  console.log(
    `Solve at 0.3 beta_max: ${value.status}, gap ${value.relativeGap.toExponential(1)}, ${value.groups.length} active, ${seconds(cpu)}; ${value.method}.`,
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
