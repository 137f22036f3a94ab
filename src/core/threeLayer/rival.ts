import { descend } from '../nonconvex/descend.ts';
import type { UpdateRule } from '../nonconvex/optimizer.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { createRng } from '../random/rng.ts';
import type { Control } from '../solver/control.ts';
import { createParallelModel } from './parallelModel.ts';
import { forward, groupNorm, type SubNetwork, toSubNetwork, toSubVector } from './subNetwork.ts';

export interface RivalOptions {
  readonly m1: number;
  /** Branches per output. */
  readonly K: number;
  readonly seed: number;
  readonly rule: Exclude<UpdateRule, 'flow'>;
  readonly epochs: number;
}

export interface Rival {
  readonly epochs: readonly number[];
  readonly seconds: readonly number[];
  /** loss + cubic penalty at the recorded epochs. */
  readonly objective: readonly number[];
  readonly final: number;
  /** Objective of the same branches at their best scaling, i.e. of their convex image as a network. */
  readonly merged: number;
  readonly branches: readonly SubNetwork[];
  readonly learningRate: number;
  /** Trained parameters of the parallel model, as they came out. */
  readonly theta: Float64Array;
  readonly cancelled: boolean;
}

const rates: Readonly<Record<RivalOptions['rule'], readonly number[]>> = {
  sgd: [0.01, 0.03, 0.1, 0.3, 1],
  momentum: [0.001, 0.003, 0.01, 0.03, 0.1],
  adam: [0.003, 0.01, 0.03, 0.1],
};

/**
 * The fair non-convex rival of the three-layer convex program: the same architecture, loss and (cubic) penalty, full-batch descent from a
 * seeded start, learning rate picked by short probes. Every value it reaches lies above the proven bound over such networks.
 */
export function trainRival(problem: PreparedProblem, options: RivalOptions, control: Control): Rival {
  const { m1, K, seed, rule, epochs } = options;
  const model = createParallelModel(problem, m1, K);
  const start = model.initialise(createRng(seed).fork('three-layer start'), 1);
  const run = (learningRate: number, length: number): ReturnType<typeof descend> =>
    descend(
      model,
      start,
      { rule, learningRate, schedule: 'cosine', epochs: length, batchSize: 0, curvePoints: 200 },
      createRng(seed).fork('three-layer order'),
      control,
    );
  let rate = rates[rule][0];
  let lowest = Infinity;
  for (const candidate of rates[rule]) {
    const probe = run(candidate, Math.max(20, Math.round(epochs / 20)));
    if (probe.diverged || probe.cancelled) break;
    if (probe.objective < lowest) [lowest, rate] = [probe.objective, candidate];
  }
  let result = run(rate, epochs);
  for (let k = 0; k < 3 && result.diverged; k++) result = run((rate /= 3), epochs);
  const branches = model.branches(result.theta);
  const vectors = branches.map(toSubVector).filter(({ u }) => groupNorm(u, m1) > 0);
  const fit = forward(problem.X, vectors.map(toSubNetwork), problem.outputs);
  const penalty = vectors.reduce((sum, { u }) => sum + groupNorm(u, m1), 0);
  return {
    epochs: result.curve.epochs,
    seconds: result.curve.seconds,
    objective: result.curve.objective,
    final: result.objective,
    merged: problem.datafit.value(fit.data) + problem.beta * penalty,
    branches: vectors.map(toSubNetwork),
    learningRate: rate,
    theta: result.theta,
    cancelled: result.cancelled,
  };
}
