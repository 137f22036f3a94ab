import { relativeGap } from '../../problem/gap.ts';
import { denseMatrix, dot, norm2, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { alignment, type LayerAlignment } from '../../network/alignment.ts';
import { bestDualScale, type Datafit } from '../../problem/datafits/datafit.ts';
import { createRng } from '../../base/rng.ts';
import { rankOneFactors, rankOneForm } from './twoNeuron.ts';

/** One branch of a deep ReLU network: layers W_1 (d x m), .., W_(L-1) (m x 1), W_L (1 x 1), ReLU after all but the last. */
export interface DeepBranch {
  /** +1: on for rows with a positive factor; -1: for the others. */
  readonly side: 1 | -1;
  readonly layers: readonly DenseMatrix[];
  readonly alignment: readonly LayerAlignment[];
}

/** The optimum of deep ReLU networks on rank-one data, built and checked. */
export interface DeepRankOne {
  readonly depth: number;
  readonly branches: readonly DeepBranch[];
  /** Loss plus beta/2 (||W_(L-1)||^2 + ||W_L||^2) summed over branches, by running the layers on the rows. */
  readonly primal: number;
  /** Value of the convex dual at v = -gradient of the loss, scaled into the feasible set. */
  readonly dual: number;
  readonly relativeGap: number;
  /** max |v'f| / beta over all unit branches: ||a|| max(|v'c_+|, |v'c_-|) / beta, 1 where a branch is active. */
  readonly dualConstraint: number;
  /** The largest |v'f| / beta among random unit branches, and how many were drawn: never above `dualConstraint`. */
  readonly sampled: { readonly count: number; readonly largest: number };
}

/** Hidden width of the branches that are built: any would do, one direction of it is used. */
const width = 4;
const draws = 200;

/**
 * L-layer ReLU networks of parallel branches on X = c a' (one output, no hidden bias): inner layers of Frobenius norm at most 1, penalty
 * beta/2 (||W_(L-1)||^2 + w_L^2) per branch (Ergen and Pilanci 2021, "Revealing the structure", rank-one data). All features of a unit
 * branch lie in the convex hull of 0 and ||a|| c_+, ||a|| c_-, so the dual is that of two layers for every depth, strong duality holds, and
 * two branches are optimal: W_1 = +-(a/||a||) r_1', W_l = r_(l-1) r_l' with non-negative unit vectors r_l, rank one and aligned. Undefined
 * when X is not of rank one. `datafit` has one output.
 */
export function deepRankOne(
  X: DenseMatrix,
  targets: DenseMatrix,
  datafit: Datafit,
  beta: number,
  depth: number,
  seed: number,
): DeepRankOne | undefined {
  const factors = rankOneFactors(X);
  if (factors === undefined) return undefined;
  const rng = createRng(seed).fork(`rank one ${depth}`);
  const { network } = rankOneForm(factors.c, factors.a, X, targets, datafit, beta);
  const branches = network.directions.map((direction, j): DeepBranch => {
    const weight = network.weights[j][0];
    const root = Math.sqrt(Math.abs(weight));
    // vectors between the layers: unit and non-negative, the last of length 1 has one entry
    const between = Array.from({ length: depth - 1 }, (_, l) => {
      if (l === depth - 2) return Float64Array.of(1);
      const r = Float64Array.from({ length: width }, () => Math.abs(rng.normal()));
      const length = norm2(r);
      return r.map((value) => value / length);
    });
    const layers = Array.from({ length: depth }, (_, l) => {
      const left = l === 0 ? direction : between[l - 1];
      const right = l === depth - 1 ? Float64Array.of(1) : between[l];
      const size = l === depth - 1 ? Math.sign(weight) * root : l === depth - 2 ? root : 1;
      const W = denseMatrix(left.length, right.length);
      left.forEach((a, i) => right.forEach((b, k) => (W.data[i * right.length + k] = size * a * b)));
      return W;
    });
    return { side: dot(direction, factors.a) > 0 ? 1 : -1, layers, alignment: alignment(layers) };
  });
  const fit = new Float64Array(X.rows);
  let penalty = 0;
  for (const { layers } of branches) {
    runBranch(X, layers).forEach((value, i) => (fit[i] += value));
    penalty += norm2(layers[depth - 2].data) ** 2 + norm2(layers[depth - 1].data) ** 2;
  }
  const primal = datafit.value(fit) + 0.5 * beta * penalty;
  const v = new Float64Array(X.rows);
  datafit.dualPoint(fit, v);
  const length = norm2(factors.a);
  const constraint =
    length *
    Math.max(
      ...[1, -1].map((sign) =>
        Math.abs(
          dot(
            v,
            factors.c.map((value) => Math.max(0, sign * value)),
          ),
        ),
      ),
    );
  const t = bestDualScale(datafit, v, constraint > 0 ? beta / constraint : 1);
  const dual = datafit.dualValue(v.map((value) => t * value));
  let largest = 0;
  for (let k = 0; k < draws; k++) {
    const layers = Array.from({ length: depth }, (_, l) => {
      const W = denseMatrix(l === 0 ? X.cols : width, l >= depth - 2 ? 1 : width);
      if (l === depth - 1) return denseMatrix(1, 1, Float64Array.of(1));
      for (let i = 0; i < W.data.length; i++) W.data[i] = rng.normal();
      const size = norm2(W.data);
      for (let i = 0; i < W.data.length; i++) W.data[i] /= size;
      return W;
    });
    largest = Math.max(largest, Math.abs(dot(runBranch(X, layers), v)) / beta);
  }
  return {
    depth,
    branches,
    primal,
    dual,
    relativeGap: relativeGap(primal, dual),
    dualConstraint: constraint / beta,
    sampled: { count: draws, largest },
  };
}

/** Output of a branch on every row: ReLU after every layer but the last. */
function runBranch(X: DenseMatrix, layers: readonly DenseMatrix[]): Float64Array {
  const out = new Float64Array(X.rows);
  for (let i = 0; i < X.rows; i++) {
    let h = Float64Array.from(rowOf(X, i));
    layers.forEach((W, l) => {
      const next = new Float64Array(W.cols);
      for (let a = 0; a < W.rows; a++) for (let b = 0; b < W.cols; b++) next[b] += h[a] * W.data[a * W.cols + b];
      h = l < layers.length - 1 ? next.map((value) => Math.max(0, value)) : next;
    });
    out[i] = h[0];
  }
  return out;
}
