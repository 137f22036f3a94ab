import type { PreparedData } from '../core/data/prepareData.ts';
import { trainChain } from '../core/descent/chainModel.ts';
import { gapNetworks, parallelObjective } from '../core/theory/closedForm/gapNetworks.ts';
import { solveNuclear } from '../core/engine/linear/nuclear.ts';
import { solveLinear } from '../core/engine/linear/solveLinear.ts';
import { svd } from '../core/base/linalg/svd.ts';
import { denseMatrix, type DenseMatrix, withOnesColumn } from '../core/base/linalg/matrix.ts';
import { mainMeasure, scoreOf } from '../core/metrics/scores.ts';
import { prepare, type PreparedProblem } from '../core/problem/prepare.ts';
import type { Problem } from '../core/problem/problem.ts';
import { createRng } from '../core/base/rng.ts';
import { type Control, type SolveStatus, withDeadline } from '../core/base/control.ts';
import { betaGrid } from '../core/engine/path.ts';
import { solve } from '../core/engine/solve.ts';
import { createParallelModel } from '../core/descent/parallelModel.ts';
import { type Rival, trainRival } from '../core/descent/threeLayerRival.ts';
import { solveThreeLayer } from '../core/engine/threeLayer/solveThreeLayer.ts';
import { forward } from '../core/network/threeLayer/subNetwork.ts';
import type { DeepRecord, LinearRecord, RivalRecord, ThreeLayerRecord } from '../shared/depth.ts';
import type { CompareRecord, GradientRun, PathPoint, PathRecord } from '../shared/run.ts';
import type { TrainSettings } from '../shared/settings.ts';
import { type DeepOutcome, deepPredictions, solveDeep } from './deepModel.ts';
import { excessOf, type TrainedNetwork } from './harvest.ts';
import type { SessionDeps, SessionListener } from './session.ts';
import { shapeOf } from './shape.ts';

/** The stages that follow the solve of a deep model; each gives what it has when time is up or Stop is pressed. */
interface StageContext {
  readonly problem: Problem;
  readonly data: PreparedData;
  readonly settings: TrainSettings;
  readonly deps: SessionDeps;
  readonly listener: SessionListener;
  readonly control: Control;
}

/** Solves from betaMax downwards within the time limit of a run. */
export async function deepPath(context: StageContext, betaMax: number): Promise<PathRecord> {
  const { problem, data, settings, deps, listener, control } = context;
  const limited = withDeadline(control, settings.timeLimitSeconds);
  const measure = mainMeasure(data.classes.length);
  const { points: count, smallest } = settings.path;
  const points: PathPoint[] = [];
  for (const beta of betaGrid(betaMax, count, smallest)) {
    listener.progress({
      stage: 'path',
      fraction: points.length / count,
      message: `Path: point ${points.length + 1} of ${count}`,
    });
    await deps.pause();
    if (limited.shouldStop()) break;
    const { solution, predict, active } = solveDeep({ ...problem, beta }, data, { certifySeconds: 0 }, quiet(limited));
    if (cutShort(solution.status)) break;
    const predictions = deepPredictions(predict(data.X), data, problem);
    points.push({
      beta,
      objective: solution.objective,
      relativeGap: solution.relativeGap,
      active,
      norm: solution.penalty,
      train: scoreOf(predictions, data.trainRows, measure),
      test: data.testRows.length > 0 ? scoreOf(predictions, data.testRows, measure) : null,
      seconds: solution.seconds,
    });
  }
  return { betaMax, measure, points, complete: points.length === count };
}

/** Ended before its time: what is there is no value of the program. Slightly above its tolerance is, with the gap shown. */
const cutShort = (status: SolveStatus): boolean => status === 'cancelled' || status === 'time-limit';

const quiet = (control: Control): Control => ({ shouldStop: () => control.shouldStop(), now: () => control.now() });

/** What belongs to the model beside its solution: two-layer twin, tuple budget, rivals, landscape; rank path and training of layers. */
export async function deepExtras(
  context: StageContext,
  outcome: DeepOutcome,
): Promise<{ readonly record: DeepRecord; readonly networks: readonly TrainedNetwork[] }> {
  return outcome.record.kind === 'linear'
    ? { record: await linearExtras(context, outcome.record), networks: [] }
    : await threeLayerExtras(context, outcome.record);
}

async function linearExtras(
  { problem, deps, settings, listener, control }: StageContext,
  solved: LinearRecord,
): Promise<LinearRecord> {
  const limited = withDeadline(control, settings.timeLimitSeconds);
  const record = await builtNetworks(problem, solved, deps, limited);
  const betaMax = record.threshold.betaMax;
  const rankPath: LinearRecord['rankPath'][number][] = [];
  for (const beta of betaMax > 0 ? betaGrid(betaMax, 24, 0.001) : []) {
    await deps.pause();
    if (limited.shouldStop()) break;
    const at = { ...problem, beta };
    const { s } = svd(solveLinear(at, prepare(at), quiet(limited)).map);
    rankPath.push({
      beta,
      rank: s.filter((value) => value > 1e-7 * Math.max(s[0], 1e-300)).length,
      singularValues: Array.from(s),
    });
  }
  listener.progress({ stage: 'compare', fraction: null, message: 'Gradient descent on the layers' });
  await deps.pause();
  if (limited.shouldStop()) return { ...record, rankPath };
  const run = trainChain(
    prepare(problem),
    {
      depth: record.depth,
      width: Math.min(8, Math.max(2, problem.outputs + 2)),
      seed: settings.seed,
      rule: 'adam',
      epochs: settings.compare.epochs,
      points: 30,
    },
    quiet(limited),
  );
  return {
    ...record,
    rankPath,
    training: run.points.map(({ epoch, objective, layers }) => ({ epoch, objective, layers })),
  };
}

/** The networks that the duality gap speaks of, built and run. */
async function builtNetworks(
  problem: Problem,
  record: LinearRecord,
  deps: SessionDeps,
  control: Control,
): Promise<LinearRecord> {
  const { X, targets, datafit, beta, outputs, tolerance } = prepare(problem);
  const gap: LinearRecord['gap'][number][] = [];
  for (const point of record.gap) {
    await deps.pause();
    if (control.shouldStop()) return record;
    const { serial, parallel, branches, dual, fitError } = gapNetworks(X, targets, point.depth);
    gap.push({ ...point, built: { serial, parallel, branches, dual, fitError } });
  }
  if (outputs === 1 || problem.loss !== 'squared') return { ...record, gap };
  await deps.pause();
  const depth = Math.max(3, record.depth);
  const { Z, dualBound } = solveNuclear(X, datafit, beta, tolerance, quiet(control));
  if (control.shouldStop()) return { ...record, gap };
  return { ...record, gap, parallel: { depth, objective: parallelObjective(X, Z, depth, datafit, beta), dualBound } };
}

async function threeLayerExtras(
  context: StageContext,
  record: ThreeLayerRecord,
): Promise<{ readonly record: ThreeLayerRecord; readonly networks: readonly TrainedNetwork[] }> {
  const { problem, data, settings, deps, listener, control } = context;
  const limited = withDeadline(control, settings.timeLimitSeconds);
  let out = record;
  const stage = async (message: string): Promise<boolean> => {
    listener.progress({ stage: 'compare', fraction: null, message });
    await deps.pause();
    return !limited.shouldStop();
  };
  if (await stage('The two-layer optimum of the same data')) {
    const two = solve(
      { ...problem, model: 'relu', arrangements: { kind: 'adaptive', seed: settings.seed } },
      { certifySeconds: 0, timeLimitSeconds: Math.min(10, settings.timeLimitSeconds) },
      quiet(limited),
    );
    const shape = shapeOf(two.network, data);
    out = {
      ...out,
      twoLayer: {
        objective: two.objective,
        neurons: two.network.W1.rows,
        ...(shape === undefined ? {} : { shape }),
      },
    };
  }
  const prepared = prepare(problem);
  const budget: NonNullable<ThreeLayerRecord['budget']>[number][] = [];
  for (const count of [10, 30, 100]) {
    if (!(await stage(`Value of ${count} sampled tuples`))) break;
    const s = solveThreeLayer(
      { ...problem, arrangements: { kind: 'sampled', count, seed: settings.seed } },
      prepared,
      { certifySeconds: 0, timeLimitSeconds: Math.min(10, settings.timeLimitSeconds) },
      quiet(limited),
    );
    if (!cutShort(s.status)) budget.push({ tuples: s.tuples, objective: s.objective, dualBound: s.dualBound });
  }
  out = { ...out, budget };
  const rivals: RivalRecord[] = [];
  const networks: TrainedNetwork[] = [];
  const landscape: NonNullable<ThreeLayerRecord['landscape']>[number][] = [];
  for (const K of [1, 2, 4, 8]) {
    if (!settings.compare.enabled || !(await stage(`Gradient descent with K = ${K}`))) break;
    const rival = trainRival(
      prepared,
      { m1: record.m1, K, seed: settings.seed, rule: 'adam', epochs: settings.compare.epochs },
      quiet(limited),
    );
    if (rival.cancelled) break;
    const refined = harvest(problem, prepared, rival, settings, limited);
    rivals.push({ ...rivalRecord(rival, K, settings.seed, 'adam'), harvested: refined?.objective ?? null });
    networks.push(refined ?? { objective: rival.merged, branches: rival.branches });
    landscape.push({ K, ...slice(prepared, record.m1, K, rival, settings.seed) });
    out = { ...out, rivals: [...rivals], landscape: [...landscape] };
  }
  return { record: out, networks };
}

function rivalRecord(rival: Rival, K: number, seed: number, optimizer: string): RivalRecord {
  return {
    K,
    seed,
    optimizer,
    epochs: rival.epochs,
    objective: rival.objective,
    final: rival.final,
    merged: rival.merged,
    alignment: rival.alignment,
    harvested: null,
  };
}

/** Optimum over the rival's own tuples and a sampled one, never above the rival; undefined when time ran out. */
function harvest(
  problem: Problem,
  prepared: PreparedProblem,
  rival: Rival,
  settings: TrainSettings,
  control: Control,
): TrainedNetwork | undefined {
  const s = solveThreeLayer(
    { ...problem, arrangements: { kind: 'sampled', count: 1, seed: settings.seed } },
    prepared,
    { harvest: [rival.branches], certifySeconds: 0, timeLimitSeconds: 10 },
    quiet(control),
  );
  return cutShort(s.status) ? undefined : { objective: s.objective, branches: s.branches };
}

const sliceSize = 25;

/** Objective on a plane through the trained parameters, two random orthonormal directions of the length of the parameters. */
function slice(
  prepared: PreparedProblem,
  m1: number,
  K: number,
  rival: Rival,
  seed: number,
): { size: number; span: number; value: number[] } {
  const model = createParallelModel(prepared, m1, K);
  const rng = createRng(seed).fork(`slice ${K}`);
  const centre = rival.theta;
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

/**
 * Gradient descent on the same architecture: every optimiser with every seed; a sentence when there is nothing to compare. `onNetwork` is given what
 * each run ends with.
 */
export async function deepCompare(
  context: StageContext,
  outcome: DeepOutcome,
  onRun: (partial: CompareRecord) => void,
  onNetwork: (network: TrainedNetwork) => void,
): Promise<CompareRecord | string> {
  const { problem, data, settings, deps, listener, control } = context;
  if (outcome.active === 0) return 'No comparison with gradient descent: the zero network is optimal at this beta.';
  if (problem.model === 'linear')
    return 'The comparison of a linear network is the training of its layers in the Layers view.';
  const limited = withDeadline(control, settings.timeLimitSeconds);
  const prepared = prepare(problem);
  const measure = mainMeasure(data.classes.length);
  const K = Math.max(2, outcome.active);
  const m1 = problem.hidden?.m1 ?? 2;
  const runs: GradientRun[] = [];
  const total = settings.compare.optimizers.length * settings.compare.seeds;
  const record = (complete: boolean): CompareRecord => ({
    measure,
    width: K,
    convexObjective: outcome.solution.objective,
    lowerBound: outcome.solution.global?.lowerBound ?? null,
    runs: [...runs],
    complete,
  });
  const X: DenseMatrix = problem.bias === 'none' ? data.X : withOnesColumn(data.X);
  for (const rule of settings.compare.optimizers) {
    for (let k = 0; k < settings.compare.seeds; k++) {
      listener.progress({
        stage: 'compare',
        fraction: runs.length / total,
        message: `Gradient descent: ${rule}, run ${runs.length + 1} of ${total}`,
      });
      await deps.pause();
      if (limited.shouldStop())
        return runs.length > 0
          ? record(false)
          : 'No comparison with gradient descent: it was stopped before the first run ended.';
      const seed = settings.seed + k;
      const rival = trainRival(prepared, { m1, K, seed, rule, epochs: settings.compare.epochs }, quiet(limited));
      const fit = forward(X, rival.branches, problem.outputs);
      const predictions = deepPredictions(denseMatrix(fit.rows, fit.cols, fit.data), data, problem);
      onNetwork({ objective: rival.merged, branches: rival.branches });
      const norms = rival.branches.filter(({ w3 }) => Math.abs(w3) > 1e-3).length;
      runs.push({
        optimizer: rule,
        seed,
        learningRate: rival.learningRate,
        epochs: rival.epochs,
        seconds: rival.seconds,
        objective: rival.objective,
        final: rival.final,
        merged: rival.merged,
        excess: excessOf(rival.merged, outcome.solution.objective),
        active: norms,
        train: scoreOf(predictions, data.trainRows, measure),
        test: data.testRows.length > 0 ? scoreOf(predictions, data.testRows, measure) : null,
        diverged: false,
      });
      if (!rival.cancelled) onRun(record(runs.length === total));
    }
  }
  return record(runs.length === total);
}
