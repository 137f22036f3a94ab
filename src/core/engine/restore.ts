import { type DenseMatrix, denseMatrix, dot, rowOf } from '../base/linalg/matrix.ts';
import { networkObjectiveUnless } from '../network/evaluate.ts';
import type { TwoLayerNetwork } from '../network/network.ts';
import { type Frame, neuronBack } from '../problem/presolve.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { type BiasMode, biasOf, type Problem } from '../problem/problem.ts';
import type { GlobalBound } from '../certify/global/bound.ts';
import type { Solution } from './solution/solution.ts';

/**
 * A solution found in a frame (`presolve`), in the units of the problem: network, groups, gates, thresholds and dual maxima. Objective, bound, fit and
 * dual points are the same in both; the objective of the network is computed anew, on the inputs as given, unless there is a stop.
 */
export function restore(
  solution: Solution,
  problem: Problem,
  prepared: PreparedProblem,
  frame: Frame,
  shouldStop: () => boolean,
): Solution {
  const { X, bias, outputPenalty } = problem;
  const { datafit, beta } = prepared;
  const { scale } = frame;
  const network = networkBack(solution.network, problem, frame);
  return {
    ...solution,
    ...(solution.global === undefined ? {} : { global: globalBack(solution.global, problem, frame) }),
    gates: gatesBack(solution.gates, bias, frame),
    groups: solution.groups.map((group) => ({
      ...group,
      vector: groupBack(group.vector, solution.gates.cols, bias, frame),
    })),
    network,
    networkObjective:
      networkObjectiveUnless(shouldStop, network, { X, datafit, beta, outputPenalty, bias }) ??
      solution.networkObjective,
    penalty: solution.penalty / scale,
    ...(solution.betaMax === undefined ? {} : { betaMax: solution.betaMax * scale }),
    ...(solution.betaMaxUpper === undefined ? {} : { betaMaxUpper: solution.betaMaxUpper * scale }),
  };
}

/** A group of d x c numbers, each of its c columns a neuron on the d effective inputs. */
function groupBack(vector: Float64Array, d: number, bias: BiasMode, frame: Frame): Float64Array {
  const c = vector.length / d;
  const out = new Float64Array(vector.length);
  for (let o = 0; o < c; o++) {
    const u = Float64Array.from({ length: d }, (_, k) => vector[k * c + o]);
    neuronBack(frame, bias, u);
    for (let k = 0; k < d; k++) out[k * c + o] = u[k];
  }
  return out;
}

/** Gates as directions: the same rows are on. */
function gatesBack(gates: DenseMatrix, bias: BiasMode, frame: Frame): DenseMatrix {
  if (!biasOf(bias).free) return gates;
  const out = denseMatrix(gates.rows, gates.cols, gates.data.slice());
  for (let p = 0; p < gates.rows; p++) directionBack(rowOf(out, p), frame);
  return out;
}

/** A direction (w, b) with a free bias, in place: the slope keeps its length. */
function directionBack(u: Float64Array, { scale, centre }: Frame): void {
  const d = u.length - 1;
  u[d] = scale * u[d] - (centre === undefined ? 0 : dot(centre, u.subarray(0, d)));
}

function globalBack(global: GlobalBound, { bias }: Problem, frame: Frame): GlobalBound {
  const { scale } = frame;
  const bracket = 'bracket' in global ? (global.bracket as { lower: number; upper: number }) : undefined;
  let direction = global.worstDirection;
  if (direction !== undefined && biasOf(bias).free) {
    direction = direction.slice();
    directionBack(direction, frame);
  }
  return {
    ...global,
    ...(bracket === undefined ? {} : { bracket: { lower: scale * bracket.lower, upper: scale * bracket.upper } }),
    ...(direction === undefined ? {} : { worstDirection: direction }),
    maxDualConstraint: scale * global.maxDualConstraint,
    searchEstimate: scale * global.searchEstimate,
  };
}

/**
 * The network in the units of the problem, balanced as before: with w = w' / s its two layers differ by s, which the square root of s takes from one to the
 * other. Where a regularised bias was a column of the frame it becomes one again.
 */
function networkBack(network: TwoLayerNetwork, { X, bias }: Problem, frame: Frame): TwoLayerNetwork {
  const { W1, b1, W2, b2, gates, gateBias } = network;
  const root = Math.sqrt(frame.scale);
  const d = X.cols;
  const m = W1.rows;
  const out = {
    W1: denseMatrix(m, d),
    b1: new Float64Array(m),
    W2: denseMatrix(
      m,
      W2.cols,
      W2.data.map((a) => a / root),
    ),
    b2,
  };
  const split = (rows: DenseMatrix, biases: ArrayLike<number> | undefined, j: number): Float64Array =>
    !biasOf(bias).column || rows.cols > d
      ? rowOf(rows, j).slice()
      : Float64Array.of(...rowOf(rows, j), biases === undefined ? 0 : biases[j]);
  for (let j = 0; j < m; j++) {
    const u = split(W1, b1, j);
    neuronBack(frame, bias, u);
    for (let k = 0; k < d; k++) out.W1.data[j * d + k] = root * u[k];
    // (w'/s) sqrt s in the first layer, a' / sqrt s in the second: their product is that of w' / s and a'
    if (biasOf(bias).column) out.b1[j] = root * u[d];
  }
  if (gates === undefined) return out;
  const own = denseMatrix(m, d);
  const ownBias = new Float64Array(m);
  for (let j = 0; j < m; j++) {
    const g = split(gates, gateBias, j);
    if (biasOf(bias).free) directionBack(g, frame);
    own.data.set(g.subarray(0, d), j * d);
    if (biasOf(bias).column) ownBias[j] = g[d];
  }
  return { ...out, gates: own, gateBias: ownBias };
}
