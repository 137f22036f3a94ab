import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { distinctGates } from '../../src/core/base/patterns.ts';
import { certifyGated, type GateBlock } from '../../src/core/certify/gatedCertificate.ts';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix, fromRows, toRows } from '../../src/core/base/linalg/matrix.ts';
import { networkObjective } from '../../src/core/network/evaluate.ts';
import { createDatafit } from '../../src/core/problem/datafits/losses.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import { createRng } from '../../src/core/base/rng.ts';
import type { Solution } from '../../src/core/engine/solution/solution.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { type BenchData, sampleClasses, sampleData, syntheticData } from './data.ts';
import { benchProblem } from './problems.ts';
import { cpuLimit, measured, median, progress, ratio, seconds, table } from './timing.ts';

/** CPU seconds that the longest run of a peer, and each of our first-order method, may take, about. */
const patience = Number(process.env.PEER_SECONDS ?? 12);
/** Seconds of wall time that an interior-point peer may take for one problem. */
const longPatience = 20 * patience;
/** Seconds of wall time that each peer may take over all problems; what is left then is not run. */
const peerCap = Number(process.env.PEER_TOTAL_SECONDS ?? 900);
const taken = new Map<string, number>();
const leftOf = (peer: string): number => peerCap - (taken.get(peer) ?? 0);
const targets = [1e-3, 1e-4, 1e-6];

const python = process.env.PYTHON ?? 'python3';

interface PeerAnswer {
  readonly peakBytes: number;
  readonly points: readonly { readonly cpu: number; readonly label: string; readonly weights: unknown }[];
}

/** Names of the peers at hand. */
function availablePeers(): Set<string> {
  const answer = spawnSync(python, [path.resolve('test/bench/peers/runPeer.py')], { encoding: 'utf8' });
  return new Set(answer.status === 0 ? answer.stdout.trim().split(' ') : []);
}

/**
 * A peer on one problem; undefined when it has nothing by the end of the limit or of what is left of its cap, no points when it fails. The limit is
 * in seconds of wall time: scnn's looks at its own CPU time and needs three times its patience when the machine has nothing else to do.
 */
function runPeer(
  task: Readonly<Record<string, unknown>> & { readonly peer: string },
  limit = 20 * patience,
): PeerAnswer | undefined {
  const begin = performance.now();
  const folder = mkdtempSync(path.join(tmpdir(), 'peer-'));
  try {
    const [input, output] = [path.join(folder, 'task.json'), path.join(folder, 'answer.json')];
    writeFileSync(input, JSON.stringify(task));
    const { signal } = spawnSync(python, [path.resolve('test/bench/peers/runPeer.py'), input, output], {
      timeout: Math.max(1, Math.round(1000 * Math.min(limit, leftOf(task.peer)))),
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    if (existsSync(output)) return JSON.parse(readFileSync(output, 'utf8')) as PeerAnswer;
    return signal === null ? { peakBytes: 0, points: [] } : undefined;
  } finally {
    taken.set(task.peer, (taken.get(task.peer) ?? 0) + (performance.now() - begin) / 1000);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Gates that both sides get: Gaussian directions, duplicates and empty patterns left out. */
function gaussianGates(X: DenseMatrix, count: number): DenseMatrix {
  const rng = createRng(778);
  const gates = denseMatrix(count, X.cols);
  for (let i = 0; i < gates.data.length; i++) gates.data[i] = rng.normal();
  return distinctGates(X, gates).gates;
}

/** Least CPU seconds among the points with at most the excess. */
function timeTo(points: readonly { readonly cpu: number; readonly excess: number }[], excess: number): number {
  return Math.min(Infinity, ...points.filter((p) => p.excess <= excess).map((p) => p.cpu));
}

/** CPU seconds of a cold solve to each target gap, proven by the certificate; of our first-order method as well for the gated model. */
function ownTimes(
  problem: Problem,
  kernels: Kernels,
): { readonly times: number[]; readonly twin: number[]; readonly best: Solution } {
  solve(problem, { kernels, certifySeconds: 0 }, cpuLimit(2));
  const times = targets.map((tolerance) => {
    const { value, cpu } = measured(() =>
      solve({ ...problem, tolerance }, { kernels, certifySeconds: 0 }, cpuLimit(60)),
    );
    return value.relativeGap <= tolerance ? cpu : Infinity;
  });
  let reached = problem.model === 'gated-relu';
  const twin = targets.map((tolerance) => {
    if (!reached) return Infinity;
    const { value, cpu } = measured(() =>
      solve({ ...problem, tolerance }, { kernels, engine: 'first-order' }, cpuLimit(patience)),
    );
    reached = value.relativeGap <= tolerance;
    return reached ? cpu : Infinity;
  });
  return { times, twin, best: solve({ ...problem, tolerance: 1e-9 }, { kernels, certifySeconds: 0 }, cpuLimit(60)) };
}

/**
 * scnn's gated solver on the same X, y, gates and beta (in its scaling n c lambda): our time to a certified gap against its time to
 * that excess over the true optimum, which it does not know itself.
 */
function benchGatedPeer(): void {
  const kernels = createKernels();
  const rows: string[][] = [];
  const factors: number[][] = targets.map(() => []);
  const cases: [BenchData, number, number[]][] = [
    [sampleData('breast_cancer'), 100, [1e-2, 1e-3, 1e-4]],
    [sampleData('ionosphere'), 100, [1e-3, 1e-4]],
    [sampleData('sonar'), 100, [1e-4]],
    [sampleData('diabetes'), 100, [1e-3, 1e-4]],
    [sampleData('airfoil'), 100, [1e-4]],
    [sampleData('winequality_white'), 50, [1e-4]],
    [sampleData('iris', 100), 50, [1e-4]],
    [sampleClasses('wine'), 50, [1e-3]],
  ];
  for (const [data, count, lambdas] of cases) {
    const { X, y } = data;
    const c = y.cols;
    const gates = gaussianGates(X, count);
    for (const lambda of lambdas) {
      const beta = lambda * X.rows * c;
      const problem = { ...benchProblem({ data, gates, model: 'gated-relu', bias: 'none' }, beta), outputs: c };
      const { times, twin, best } = ownTimes(problem, kernels);
      const points: { cpu: number; excess: number }[] = [];
      let peak = 0;
      for (const dtype of ['float32', 'float64']) {
        if (leftOf('scnn-gated') <= 0) continue;
        const answer = runPeer({
          peer: 'scnn-gated',
          X: toRows(X),
          y: toRows(y),
          gates: toRows(gates),
          beta,
          seconds: patience,
          dtype,
        });
        for (const { cpu, weights } of answer?.points ?? []) {
          points.push({ cpu, excess: gatedObjective(problem, gates, weights as number[][][]) / best.objective - 1 });
        }
        peak = Math.max(peak, answer?.peakBytes ?? 0);
      }
      const peer = targets.map((t) => timeTo(points, t));
      const longest = Math.max(...points.map(({ cpu }) => cpu));
      targets.forEach((_, k) => {
        if (points.length === 0) return;
        // a target that the peer did not reach counts with its longest run
        factors[k].push((Number.isFinite(peer[k]) ? peer[k] : longest) / times[k]);
      });
      rows.push([
        `${data.name} ${X.rows} x ${X.cols}${c > 1 ? ` x ${c}` : ''}, ${gates.rows}`,
        lambda.toExponential(0),
        best.groups.length.toString(),
        best.relativeGap.toExponential(0),
        ...targets.map((_, k) => `${seconds(times[k])} / ${seconds(twin[k])} / ${seconds(peer[k])}`),
        peak > 0 ? `${(peak / 2 ** 20).toFixed(0)} MiB` : 'not run',
      ]);
      progress(`${data.name}, lambda ${lambda}`);
    }
  }
  table(
    [
      'data, gates',
      'lambda',
      'active',
      'truth',
      ...targets.map((t) => `ours / first order / scnn to ${t.toExponential(0)}`),
      'its memory',
    ],
    rows,
  );
  const line = targets.map(
    (t, k) => `${t.toExponential(0)}: ${ratio(median(factors[k]))} (least ${ratio(Math.min(...factors[k]))})`,
  );
  console.log(
    `\nscnn / ours, median: ${line.join(', ')}. What it did not reach counts with the time of its longest run, some ${patience} s.`,
  );
  console.log(`This process: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB at most.\n`);
  kernels.dispose();
}

/** Objective of scnn's blocks (c x P x d) by our certificate. */
function gatedObjective(
  problem: Problem,
  gates: DenseMatrix,
  weights: readonly (readonly (readonly number[])[])[],
): number {
  const { X, y, outputs: c, beta } = problem;
  const { patterns } = distinctGates(X, gates);
  const blocks: GateBlock[] = Array.from({ length: gates.rows }, (_, gate) => ({
    gate,
    vector: Float64Array.from({ length: X.cols * c }, (__, i) => weights[i % c][gate][Math.floor(i / c)]),
  }));
  const datafit = createDatafit(problem.loss, y, c);
  return certifyGated({ X, patterns, datafit, beta, penalty: problem.outputPenalty, blocks }).objective;
}

/** The cone program: scnn's augmented Lagrangian, and interior-point methods. */
function benchConePeers(peers: ReadonlySet<string>): void {
  const kernels = createKernels();
  const rows: string[][] = [];
  const methods = ['cvxpy', 'ecos', 'cvxopt'].filter((name) => peers.has(name));
  const cases: [BenchData, number, number][] = [
    [syntheticData(100, 5), 40, 1e-3],
    [sampleData('iris', 100), 30, 1e-3],
    [sampleData('diabetes', 200), 40, 1e-3],
    [sampleData('breast_cancer', 200), 30, 1e-3],
    [sampleData('airfoil', 1000), 200, 1e-3],
    [syntheticData(1000, 10), 200, 1e-3],
  ];
  for (const [data, count, lambda] of cases) {
    const { X, y } = data;
    const gates = gaussianGates(X, count);
    const beta = lambda * X.rows;
    const problem = benchProblem({ data, gates, model: 'relu', bias: 'none' }, beta);
    const { times, best } = ownTimes(problem, kernels);
    const task = { X: toRows(X), y: toRows(y), gates: toRows(gates), beta, seconds: patience };
    const excesses = (answer: PeerAnswer | undefined, objective: (weights: never) => number) =>
      (answer?.points ?? []).map((p) => ({ cpu: p.cpu, excess: objective(p.weights as never) / best.objective - 1 }));
    const al =
      peers.has('scnn') && X.rows < 500 && leftOf('scnn-relu') > 0
        ? excesses(runPeer({ ...task, peer: 'scnn-relu', dtype: 'float64' }), reluObjective(problem))
        : [];
    const interior = methods.map((peer) => {
      const limit = Math.min(longPatience, leftOf(peer));
      if (limit <= 0) return 'not run (time cap)';
      const answer = runPeer({ ...task, peer, solver: 'CLARABEL' }, limit);
      const [point] = excesses(answer, coneObjective(problem));
      if (answer === undefined) return `> ${limit.toFixed(0)} s (wall)`;
      if (point === undefined) return 'no answer';
      return `${seconds(point.cpu)}, ${point.excess.toExponential(0)}, ${(answer.peakBytes / 2 ** 20).toFixed(0)} MiB`;
    });
    rows.push([
      `${data.name} ${X.rows} x ${X.cols}, ${gates.rows}`,
      best.groups.length.toString(),
      best.relativeGap.toExponential(0),
      ...targets.map((t, k) => `${seconds(times[k])} / ${seconds(timeTo(al, t))}`),
      ...interior,
    ]);
    progress(`${data.name}, ${gates.rows} gates`);
  }
  table(
    [
      'cone program, gates',
      'neurons',
      'truth',
      ...targets.map((t) => `ours / scnn to ${t.toExponential(0)}`),
      ...methods.map((name) => `${interiorPointNames[name]}: CPU, excess, memory`),
    ],
    rows,
  );
  kernels.dispose();
}

const interiorPointNames: Readonly<Record<string, string>> = {
  cvxpy: 'Clarabel by cvxpy',
  ecos: 'ECOS',
  cvxopt: 'CVXOPT',
};

function reluObjective(problem: Problem): (weights: { readonly W1: number[][]; readonly W2: number[][] }) => number {
  return ({ W1, W2 }) => {
    const [inner, outer] = [fromRows(W1, problem.X.cols), fromRows(W2)];
    const m = inner.rows;
    const transposed = denseMatrix(m, 1, outer.data.slice());
    const network = { W1: inner, b1: new Float64Array(m), W2: transposed, b2: new Float64Array(1) };
    const datafit = createDatafit(problem.loss, problem.y, 1);
    return networkObjective(network, problem.X, datafit, problem.beta, problem.outputPenalty, problem.bias);
  };
}

/** Objective of the network made of the cone program's blocks. */
function coneObjective(problem: Problem): (weights: { readonly v: number[][]; readonly w: number[][] }) => number {
  return ({ v, w }) => {
    const W1: number[][] = [];
    const W2: number[][] = [[]];
    [v, w].forEach((blocks, k) => {
      for (const u of blocks) {
        const scale = Math.sqrt(Math.hypot(...u)) || 1;
        W1.push(u.map((x) => x / scale));
        W2[0].push(k === 0 ? scale : -scale);
      }
    });
    return reluObjective(problem)({ W1, W2 });
  };
}

export function benchPeers(): void {
  const peers = availablePeers();
  const missing = ['scnn', 'cvxpy', 'ecos', 'cvxopt'].filter((name) => !peers.has(name));
  if (missing.length > 0) {
    console.log(`Not found: ${missing.join(', ')}; test/bench/peers/README.md says how to add them.\n`);
  }
  if (peers.has('scnn')) benchGatedPeer();
  if (peers.size > 0) benchConePeers(peers);
}
