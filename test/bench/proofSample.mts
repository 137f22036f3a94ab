// Bounds over all networks for one sample, in a process of its own: `node --import tsx test/bench/proofSample.mts NAME[:SHARE] SECONDS`. Prints one JSON line.
import { uncontrolled } from '../../src/core/base/control.ts';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import { conicBound, whyNotConic } from '../../src/core/certify/conic/conicBound.ts';
import { dualBoundAt } from '../../src/core/certify/dual/bound.ts';
import { bracketDualMaximum } from '../../src/core/certify/global/dualMaximum.ts';
import { globalBound } from '../../src/core/certify/global/globalBound.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { neuronsOfNetwork } from '../../src/core/network/mapping.ts';
import { prepare } from '../../src/core/problem/prepare.ts';
import { cpuSeconds } from './timing.ts';
import { sampleProblem } from './trainingData.ts';

/** What the methods prove for one sample; bounds beside `objective`, seconds of CPU. */
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
  readonly reported: { readonly bound: number; readonly method: string; readonly seconds: number };
}

/** Share of the time for cones alone: what they gain afterwards is little. */
const conesShare = 1 / 3;

async function figures(item: string, limit: number): Promise<ProofFigures> {
  const kernels = createKernels();
  const clock = { ...uncontrolled, now: cpuSeconds };
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

  let start = cpuSeconds();
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
  const cones = { bound: dualBoundAt(datafit, V, constraint, objective).value, visited, seconds: cpuSeconds() - start };

  start = cpuSeconds();
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
      onBound: (bound, pairs) => {
        if (pairs === 0) first = bound;
        last = cpuSeconds() - start;
      },
    },
    clock,
  );
  start = cpuSeconds();
  const reported = globalBound(
    prepared,
    dual,
    objective,
    { seconds: limit, network: neurons, candidates: neurons.map(({ u }) => u), kernels },
    clock,
  );
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
    reported: { bound: reported.lowerBound, method: reported.methods[0].method, seconds: cpuSeconds() - start },
  };
}

console.log(JSON.stringify(await figures(process.argv[2], Number(process.argv[3]))));
