import { uncontrolled } from '../../src/core/base/control.ts';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import { conicBound } from '../../src/core/certify/conic/conicBound.ts';
import { globalBound } from '../../src/core/certify/global/globalBound.ts';
import { bracketDualMaximum } from '../../src/core/certify/global/dualMaximum.ts';
import { dualBoundAt } from '../../src/core/certify/dual/bound.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { relativeGap } from '../../src/core/problem/gap.ts';
import { prepare } from '../../src/core/problem/prepare.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { createSession } from '../../src/session/session.ts';
import { parseProblemFile } from '../../src/core/problem/problemFile.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { cpuSeconds, progress, seconds, table } from './timing.ts';

/** CPU seconds for each proof, and samples: `PROOF_SECONDS=60 PROOF_DATA=wine,diabetes npm run bench -- proof`. */
const limit = Number(process.env.PROOF_SECONDS ?? 60);
const samples = (
  process.env.PROOF_DATA ??
  'wine,breast_cancer,penguins,iris,co2_1d,xor_2d,spirals_2d,airfoil,abalone,diabetes,ionosphere,sonar,winequality_white,spambase'
).split(',');

/** Bounds over all networks at a tenth of betaMax, default settings: cones alone, the relaxation without and with pairs, and what is reported. */
export async function benchProof(): Promise<void> {
  const kernels = createKernels();
  const rows: string[][] = [];
  const clock = { ...uncontrolled, now: cpuSeconds };
  for (const name of samples) {
    const session = createSession(await nodeFileSource(`media/samples/${name}.csv`), nodeSessionDeps({ kernels }));
    const settings: TrainSettings = {
      ...defaultSettings,
      beta: { kind: 'relative', value: 0.1 },
      certifySeconds: 0,
      timeLimitSeconds: 120,
      path: { ...defaultSettings.path, points: 0 },
      compare: { ...defaultSettings.compare, enabled: false },
    };
    await session.train(settings, { progress: () => undefined, record: () => undefined }, uncontrolled);
    const problem = parseProblemFile(await session.exportProblem(), name, () => '');
    const prepared = prepare(problem);
    const solution = solve(problem, { certifySeconds: 0, timeLimitSeconds: 120, kernels }, clock);
    const objective = solution.networkObjective;
    const percent = (bound: number): string => `${(100 * Math.max(0, relativeGap(objective, bound))).toPrecision(3)} %`;
    const column = Float64Array.from(solution.dual.data);
    let constraint = 0;
    let nodes = 0;
    for (let k = 0; k < prepared.outputs; k++) {
      const v = Float64Array.from({ length: prepared.X.rows }, (_, i) => column[i * prepared.outputs + k]);
      const options = { seconds: limit / prepared.outputs, goal: constraint };
      const found = bracketDualMaximum(prepared.X, v, prepared.penalizedCols, options, clock);
      constraint = Math.max(constraint, found.upper / prepared.beta);
      nodes += found.visited;
    }
    const cones = dualBoundAt(prepared.datafit, column, constraint, objective).value;
    let first = 0;
    const common = { seconds: limit, objective, tolerance: 1e-7, kernels };
    const before = cpuSeconds();
    const conic = conicBound(
      prepared,
      { ...common, onBound: (bound, pairs) => (first = pairs === 0 ? bound : first) },
      clock,
    );
    const conicCpu = cpuSeconds() - before;
    const joint =
      conic === undefined ? 0 : dualBoundAt(prepared.datafit, conic.V, conic.top / prepared.beta, objective).value;
    const start = cpuSeconds();
    const reported = globalBound(prepared, solution.dual, objective, { seconds: limit, kernels }, clock);
    rows.push([
      `${name} ${prepared.X.rows} x ${prepared.X.cols}`,
      percent(cones),
      nodes.toString(),
      percent(first),
      conic === undefined ? '-' : percent(joint),
      conic === undefined ? '-' : `${conic.steps} steps, ${conic.pairs} pairs, ${seconds(conicCpu)}`,
      `${percent(reported.lowerBound)} (${reported.methods[0].method})`,
      seconds(cpuSeconds() - start),
    ]);
    progress(rows.at(-1)!.join(' | '));
  }
  table(['data', 'cones', 'cones visited', 'relaxation', 'with pairs', 'it took', 'reported', 'CPU'], rows);
  kernels.dispose();
}
