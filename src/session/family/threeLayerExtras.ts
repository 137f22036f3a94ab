import { prepare, type PreparedProblem } from '../../core/problem/prepare.ts';
import type { Problem } from '../../core/problem/problem.ts';
import { createRng } from '../../core/base/rng.ts';
import { type Control, type SolveStatus, withDeadline } from '../../core/base/control.ts';
import { solve } from '../../core/engine/solve.ts';
import { createParallelModel } from '../../core/descent/parallelModel.ts';
import { type ThreeLayerDescent, descendThreeLayer } from '../../core/descent/threeLayerDescent.ts';
import { solveThreeLayer } from '../../core/engine/threeLayer/solveThreeLayer.ts';
import type { DescentRunRecord, ThreeLayerRecord } from '../../shared/depth.ts';
import { quiet, type StageContext } from '../context.ts';
import { networkShape } from '../shape.ts';
import type { Extras, Outcome, Posed, TrainedNetwork } from './family.ts';

type Landscape = NonNullable<ThreeLayerRecord['landscape']>[number];

/** Seconds that one solve on the side may take. */
const secondsPerSolve = 10;

/** What belongs to a three-layer network beside its solution: the two-layer optimum, values of tuple budgets, gradient descent and its landscape. */
export async function threeLayerExtras(posed: Posed, _: Outcome, context: StageContext): Promise<Extras> {
  const { problem, settings } = posed;
  const limited = withDeadline(context.control, context.seconds);
  const next = async (message: string): Promise<boolean> => {
    context.listener.progress({ stage: 'compare', fraction: null, message });
    await context.deps.pause();
    return !limited.shouldStop();
  };
  const prepared = prepare(problem);
  const twoLayer = (await next('The two-layer optimum of the same data')) ? twoLayerOptimum(posed, limited) : undefined;
  const budget: NonNullable<ThreeLayerRecord['budget']>[number][] = [];
  for (const count of [10, 30, 100]) {
    if (!(await next(`Value of ${count} sampled tuples`))) break;
    const s = sideSolve(problem, prepared, { count, seed: settings.seed }, limited, []);
    if (!unfinished(s.status)) budget.push({ tuples: s.tuples, objective: s.objective, dualBound: s.dualBound });
  }
  const descentRuns: DescentRunRecord[] = [];
  const networks: TrainedNetwork[] = [];
  const landscape: Landscape[] = [];
  const m1 = problem.hidden?.m1 ?? 2;
  for (const K of [1, 2, 4, 8]) {
    if (!settings.compare.enabled || !(await next(`Gradient descent with K = ${K}`))) break;
    const { epochs } = settings.compare;
    const run = descendThreeLayer(prepared, { m1, K, seed: settings.seed, rule: 'adam', epochs }, quiet(limited));
    if (run.cancelled) break;
    const s = sideSolve(problem, prepared, { count: 1, seed: settings.seed }, limited, [run.branches]);
    const refined = unfinished(s.status) ? undefined : { objective: s.objective, branches: s.branches };
    descentRuns.push({ ...descentRecord(run, K, settings.seed), harvested: refined?.objective ?? null });
    networks.push(refined ?? { objective: run.merged, branches: run.branches });
    landscape.push({ K, ...slice(prepared, m1, K, run, settings.seed) });
  }
  const record: Partial<ThreeLayerRecord> = {
    ...(twoLayer === undefined ? {} : { twoLayer }),
    budget,
    ...(descentRuns.length === 0 ? {} : { descentRuns, landscape }),
  };
  return { record, networks };
}

/** Ended before its time: what is there is no value of the program. Slightly above its tolerance is, with the gap shown. */
const unfinished = (status: SolveStatus): boolean => status === 'cancelled' || status === 'time-limit';

function twoLayerOptimum({ problem, data, settings }: Posed, control: Control): ThreeLayerRecord['twoLayer'] {
  const { status, objective, network } = solve(
    { ...problem, model: 'relu', arrangements: { kind: 'adaptive', seed: settings.seed } },
    { certifySeconds: 0, timeLimitSeconds: secondsPerSolve },
    quiet(control),
  );
  if (unfinished(status)) return undefined;
  const shape = networkShape(network, data);
  return { objective, neurons: network.W1.rows, ...(shape === undefined ? {} : { shape }) };
}

/** Optimum over sampled tuples and those of the given networks, never above the latter. */
function sideSolve(
  problem: Problem,
  prepared: PreparedProblem,
  { count, seed }: { readonly count: number; readonly seed: number },
  control: Control,
  harvest: readonly ThreeLayerDescent['branches'][],
): ReturnType<typeof solveThreeLayer> {
  return solveThreeLayer(
    { ...problem, arrangements: { kind: 'sampled', count, seed } },
    prepared,
    { harvest, certifySeconds: 0, timeLimitSeconds: secondsPerSolve },
    quiet(control),
  );
}

function descentRecord(run: ThreeLayerDescent, K: number, seed: number): Omit<DescentRunRecord, 'harvested'> {
  const { epochs, objective, final, merged, alignment } = run;
  return { K, seed, optimizer: 'adam', epochs, objective, final, merged, alignment };
}

const sliceSize = 25;

/** Objective on a plane through the trained parameters, two random orthonormal directions of the length of the parameters. */
function slice(
  prepared: PreparedProblem,
  m1: number,
  K: number,
  run: ThreeLayerDescent,
  seed: number,
): Omit<Landscape, 'K'> {
  const model = createParallelModel(prepared, m1, K);
  const rng = createRng(seed).fork(`slice ${K}`);
  const centre = run.theta;
  const p = Float64Array.from(centre, () => rng.normal());
  const q = Float64Array.from(centre, () => rng.normal());
  const length = Math.sqrt(centre.reduce((a, b) => a + b * b, 0)) || 1;
  const unit = (v: Float64Array): void => {
    const s = Math.sqrt(v.reduce((a, b) => a + b * b, 0));
    for (let i = 0; i < v.length; i++) v[i] *= length / s;
  };
  unit(p);
  const along = p.reduce((a, b, i) => a + b * q[i], 0) / (length * length);
  for (let i = 0; i < q.length; i++) q[i] -= along * p[i];
  unit(q);
  const value: number[] = [];
  const theta = model.vector();
  for (let a = 0; a < sliceSize; a++) {
    for (let b = 0; b < sliceSize; b++) {
      const s = (2 * a) / (sliceSize - 1) - 1;
      const t = (2 * b) / (sliceSize - 1) - 1;
      for (let i = 0; i < theta.length; i++) theta[i] = centre[i] + s * p[i] + t * q[i];
      value.push(model.addLoss(theta, null, 0, model.rows, null) + model.addPenalty(theta, 1, null));
    }
  }
  return { size: sliceSize, span: 1, value };
}
