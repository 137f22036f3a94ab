import { norm2 } from '../base/linalg/matrix.ts';
import { descendMetered } from './metered.ts';
import type { UpdateRule } from './optimizer.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { createRng } from '../base/rng.ts';
import type { Control } from '../base/control.ts';
import { createParallelModel } from './parallelModel.ts';
import { forward, groupNorm, type SubNetwork, toSubNetwork, toSubVector } from '../network/threeLayer/subNetwork.ts';

export interface ThreeLayerDescentOptions {
  readonly m1: number;
  /** Branches per output. */
  readonly K: number;
  readonly seed: number;
  readonly rule: Exclude<UpdateRule, 'flow'>;
  readonly epochs: number;
}

export interface ThreeLayerDescent {
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
  /** The alignment meter at some epochs, dense at the start. */
  readonly alignment: readonly (BranchAlignment & { readonly epoch: number })[];
}

/** How close trained branches come to what the optimum has, averaged over branches by their group norm. */
export interface BranchAlignment {
  /** Cosine between |w2| and the norms of the columns of W1: 1 where Cauchy and Schwarz are tight. */
  readonly columns: number;
  /** Smallest over largest of ||W1||, ||w2||, |w3|: 1 at the optimum of the cubic penalty. */
  readonly balance: number;
}

/**
 * The alignment meter of parallel ReLU branches: the convex penalty of a branch is reached only with |w2_j| in proportion to the column
 * norms of W1 and, for the cubic penalty, layers of equal norm (equality in Cauchy-Schwarz and in the inequality of the means).
 */
export function branchAlignment(branches: readonly SubNetwork[]): BranchAlignment {
  let weight = 0;
  let columns = 0;
  let balance = 0;
  for (const { W1, w2, w3 } of branches) {
    const m1 = w2.length;
    const norms = new Float64Array(m1);
    for (let k = 0; k < W1.rows; k++) for (let j = 0; j < m1; j++) norms[j] += W1.data[k * m1 + j] ** 2;
    for (let j = 0; j < m1; j++) norms[j] = Math.sqrt(norms[j]);
    const path = norms.reduce((sum, norm, j) => sum + norm * Math.abs(w2[j]), 0);
    const layers = [norm2(norms), norm2(w2), Math.abs(w3)];
    const share = path * Math.abs(w3);
    if (!(share > 0)) continue;
    weight += share;
    columns += (share * path) / (layers[0] * layers[1]);
    balance += (share * Math.min(...layers)) / Math.max(...layers);
  }
  return weight > 0 ? { columns: columns / weight, balance: balance / weight } : { columns: 0, balance: 0 };
}

const meterPoints = 30;

const rates: Readonly<Record<ThreeLayerDescentOptions['rule'], readonly number[]>> = {
  sgd: [0.01, 0.03, 0.1, 0.3, 1],
  momentum: [0.001, 0.003, 0.01, 0.03, 0.1],
  adam: [0.003, 0.01, 0.03, 0.1],
};

/**
 * Gradient descent beside the three-layer convex program: the same architecture, loss and (cubic) penalty, full-batch descent from a
 * seeded start, learning rate picked by short probes. Every value it reaches lies above the proven bound over such networks.
 */
export function descendThreeLayer(
  problem: PreparedProblem,
  options: ThreeLayerDescentOptions,
  control: Control,
): ThreeLayerDescent {
  const { m1, K, seed, rule, epochs } = options;
  const model = createParallelModel(problem, m1, K);
  const taken: (BranchAlignment & { epoch: number })[] = [];
  const { result, learningRate } = descendMetered(
    model,
    model.initialise(createRng(seed).fork('three-layer start'), 1),
    { rule, rates: rates[rule], epochs, points: meterPoints, curvePoints: 200, seed, stream: 'three-layer order' },
    (epoch, theta) => taken.push({ epoch, ...branchAlignment(model.branches(theta)) }),
    () => (taken.length = 0),
    control,
  );
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
    learningRate,
    theta: result.theta,
    cancelled: result.cancelled,
    alignment: taken,
  };
}
