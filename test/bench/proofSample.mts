// Bounds over all networks for one sample, in a process of its own: `node --import tsx test/bench/proofSample.mts NAME[:SHARE] SECONDS THREADS`
// (threads beyond the first run dist/kernelThread.js). Prints one JSON line.
import path from 'node:path';
import { uncontrolled } from '../../src/core/base/control.ts';
import { conicBound, whyNotConic } from '../../src/core/certify/conic/conicBound.ts';
import { dualBoundAt } from '../../src/core/certify/dual/bound.ts';
import { bracketDualMaximum } from '../../src/core/certify/global/dualMaximum.ts';
import { globalBound } from '../../src/core/certify/global/globalBound.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { neuronsOfNetwork } from '../../src/core/network/mapping.ts';
import { prepare } from '../../src/core/problem/prepare.ts';
import { createPooledKernels } from '../../src/platform/node/kernelPool.ts';
import { cpuSeconds } from './timing.ts';
import { sampleProblem } from './trainingData.ts';

/** What the methods prove for one sample; bounds beside `objective`, seconds as a clock on the wall has them. */
export interface ProofFigures {
  readonly rows: number;
  readonly inputs: number;
  readonly objective: number;
  readonly cones: { readonly bound: number; readonly visited: number; readonly seconds: number };
  /** Why there is none, or its bound before pairs were lifted, with them, and the least that this relaxation could have left. */
  readonly conic:
    | string
    | {
        readonly first: number;
        readonly bound: number;
        readonly limit: number;
        readonly steps: number;
        readonly pairs: number;
        readonly triangles: number;
        /** When the last of its bounds came. */
        readonly seconds: number;
      };
  readonly reported: {
    readonly bound: number;
    readonly method: string;
    readonly seconds: number;
    /** CPU seconds of all threads. */
    readonly cpu: number;
  };
}

/** Share of the time for cones alone: what they gain afterwards is little. */
const conesShare = 1 / 3;

const now = (): number => performance.now() / 1000;

async function figures(item: string, limit: number, threads: number): Promise<ProofFigures> {
  const kernels = createPooledKernels({ threads, helperFile: path.resolve('dist/kernelThread.js') });
  const clock = { ...uncontrolled, now };
  const [name, share = '0.1'] = item.split(':');
  const problem = await sampleProblem(name, kernels, { beta: { kind: 'relative', value: Number(share) } });
  const prepared = prepare(problem);
  const { datafit, beta, outputs, penalizedCols, X } = prepared;
  const {
    network,
    dual,
    networkObjective: objective,
  } = solve(problem, { certifySeconds: 0, timeLimitSeconds: limit / 2, kernels }, clock);
  const neurons = neuronsOfNetwork(network, problem.bias);

  let start = now();
  const V = Float64Array.from(dual.data);
  let constraint = 0;
  let visited = 0;
  for (let k = 0; k < outputs; k++) {
    const v = Float64Array.from({ length: X.rows }, (_, i) => V[i * outputs + k]);
    const options = { seconds: (conesShare * limit) / outputs, goal: constraint * beta };
    const found = bracketDualMaximum(X, v, penalizedCols, options, clock);
    constraint = Math.max(constraint, found.upper / beta);
    visited += found.visited;
  }
  const cones = { bound: dualBoundAt(datafit, V, constraint, objective).value, visited, seconds: now() - start };

  start = now();
  let first = 0;
  let last = 0;
  const conic = conicBound(
    prepared,
    {
      seconds: limit,
      objective,
      tolerance: 1e-7,
      network: neurons,
      kernels,
      onBound: (bound, lifted) => {
        if (lifted === 0) first = bound;
        last = now() - start;
      },
    },
    clock,
  );
  start = now();
  const cpu = cpuSeconds();
  const reported = globalBound(
    prepared,
    dual,
    objective,
    { seconds: limit, network: neurons, candidates: neurons.map(({ u }) => u), kernels },
    clock,
  );
  const used = { seconds: now() - start, cpu: cpuSeconds() - cpu };
  kernels.dispose();
  return {
    rows: X.rows,
    inputs: X.cols,
    objective,
    cones,
    conic:
      conic === undefined
        ? (whyNotConic(prepared) ?? 'no step in the time')
        : {
            first,
            bound: dualBoundAt(datafit, conic.V, conic.top / beta, objective).value,
            limit: conic.limit,
            steps: conic.steps,
            pairs: conic.pairs,
            triangles: conic.triangles,
            seconds: last,
          },
    reported: {
      bound: reported.lowerBound,
      method: reported.methods[0].method,
      ...used,
    },
  };
}

console.log(JSON.stringify(await figures(process.argv[2], Number(process.argv[3]), Number(process.argv[4]))));
