import { denseMatrix, norm2, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { alignment, type LayerAlignment } from '../../network/alignment.ts';
import { descendMetered } from '../../descent/metered.ts';
import type { TrainableModel } from '../../descent/model.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import { createRng, type Rng } from '../../base/rng.ts';
import type { Control } from '../../base/control.ts';
import { rankOneFactors } from './twoNeuron.ts';

/**
 * Parallel branches of L layers with ReLU after all but the last, W_1 (d x m), W_2 .. W_(L-2) (m x m), W_(L-1) (m x 1), W_L (1 x 1), on
 * rank-one data X = c a', as a trainable model with the penalty beta/L sum ||W_l||_F^L per branch. By the inequality of the means it is beta
 * times the product of the norms at best, as is beta/2 of the last two layers with inner layers of norm at most 1: so the convex dual of
 * rank-one data bounds it from below, and its optimum has layers of rank one, aligned, and of equal norm.
 *
 * A branch is positively homogeneous, so its output on row i is c_i f(a) for c_i > 0 and -c_i f(-a) otherwise: the layers run on two rows.
 */
export interface DeepBranchModel extends TrainableModel {
  readonly branches: number;
  /** Normal, every layer of Frobenius norm about `scale`. */
  initialise(rng: Rng, scale: number): Float64Array;
  /** The layers of one branch. */
  layers(theta: Float64Array, branch: number): DenseMatrix[];
  /** Outputs of one branch for a and -a. */
  sides(theta: Float64Array, branch: number): readonly [number, number];
}

/** `factors` of X = c a'; a datafit with one output. */
export function createDeepBranchModel(
  factors: { readonly c: Float64Array; readonly a: Float64Array },
  datafit: Datafit,
  beta: number,
  depth: number,
  width: number,
  branches: number,
): DeepBranchModel {
  const { c, a } = factors;
  const d = a.length;
  const sizes = Array.from({ length: depth + 1 }, (_, l) => (l === 0 ? d : l >= depth - 1 ? 1 : width));
  const starts = [0];
  for (let l = 0; l < depth; l++) starts.push(starts[l] + sizes[l] * sizes[l + 1]);
  const own = starts[depth];
  const n = c.length;
  const size = branches * own;
  // activations and their gradients of one branch on the two rows a and -a
  const A = sizes.map((m) => new Float64Array(2 * m));
  const B = sizes.map((m) => new Float64Array(2 * m));
  A[0].set(a);
  A[0].set(
    a.map((value) => -value),
    d,
  );
  const F = new Float64Array(n);
  const G = new Float64Array(n);

  /** Runs branch k; the outputs of its sides are in A[depth]. */
  const forward = (theta: Float64Array, k: number): void => {
    for (let l = 0; l < depth; l++) {
      const [p, q] = [sizes[l], sizes[l + 1]];
      const W = k * own + starts[l];
      A[l + 1].fill(0);
      for (let side = 0; side < 2; side++) {
        for (let i = 0; i < p; i++) {
          const value = A[l][side * p + i];
          if (value !== 0) for (let j = 0; j < q; j++) A[l + 1][side * q + j] += value * theta[W + i * q + j];
        }
      }
      if (l < depth - 1) for (let i = 0; i < A[l + 1].length; i++) if (!(A[l + 1][i] > 0)) A[l + 1][i] = 0;
    }
  };
  const norm = (theta: Float64Array, k: number, l: number): number =>
    norm2(theta.subarray(k * own + starts[l], k * own + starts[l + 1]));

  return {
    size,
    rows: n,
    branches,
    flopsPerRow: 4 + Math.ceil((12 * size) / n),
    addLoss(theta, order, start, count, gradient): number {
      let [plus, minus] = [0, 0];
      for (let k = 0; k < branches; k++) {
        forward(theta, k);
        plus += A[depth][0];
        minus += A[depth][1];
      }
      let [toPlus, toMinus] = [0, 0];
      const factor = (r: number): number => c[order === null ? start + r : order[start + r]];
      for (let r = 0; r < count; r++) F[r] = factor(r) > 0 ? factor(r) * plus : -factor(r) * minus;
      const loss = datafit.lossOfRows(F, order, start, count, G);
      if (gradient === null) return loss;
      for (let r = 0; r < count; r++) {
        if (factor(r) > 0) toPlus += G[r] * factor(r);
        else toMinus -= G[r] * factor(r);
      }
      for (let k = 0; k < branches; k++) {
        forward(theta, k);
        B[depth][0] = toPlus;
        B[depth][1] = toMinus;
        for (let l = depth - 1; l >= 0; l--) {
          const [p, q] = [sizes[l], sizes[l + 1]];
          const W = k * own + starts[l];
          for (let side = 0; side < 2; side++) {
            for (let i = 0; i < p; i++) {
              const value = A[l][side * p + i];
              // zero: behind a ReLU that is off, or an input that adds nothing
              let back = 0;
              for (let j = 0; j < q; j++) {
                const b = B[l + 1][side * q + j];
                gradient[W + i * q + j] += value * b;
                back += b * theta[W + i * q + j];
              }
              B[l][side * p + i] = l > 0 && !(value > 0) ? 0 : back;
            }
          }
        }
      }
      return loss;
    },
    addPenalty(theta, factor, gradient): number {
      let sum = 0;
      for (let k = 0; k < branches; k++) {
        for (let l = 0; l < depth; l++) {
          const length = norm(theta, k, l);
          sum += length ** depth;
          if (gradient === null || length === 0) continue;
          const pull = factor * beta * length ** (depth - 2);
          for (let i = k * own + starts[l]; i < k * own + starts[l + 1]; i++) gradient[i] += pull * theta[i];
        }
      }
      return (beta / depth) * sum;
    },
    vector: () => new Float64Array(size),
    release: () => undefined,
    dispose: () => undefined,
    initialise(rng, scale): Float64Array {
      const theta = new Float64Array(size);
      for (let k = 0; k < branches; k++) {
        for (let l = 0; l < depth; l++) {
          const s = scale / Math.sqrt(sizes[l] * sizes[l + 1]);
          for (let i = k * own + starts[l]; i < k * own + starts[l + 1]; i++) theta[i] = s * rng.normal();
        }
      }
      return theta;
    },
    layers: (theta, k) =>
      Array.from({ length: depth }, (_, l) =>
        denseMatrix(
          sizes[l],
          sizes[l + 1],
          Float64Array.from(theta.subarray(k * own + starts[l], k * own + starts[l + 1])),
        ),
      ),
    sides(theta, k) {
      forward(theta, k);
      return [A[depth][0], A[depth][1]];
    },
  };
}

/**
 * What the first layer passes on for a and -a together, |a'W_1|: the ReLU lets its positive part through on one side and the negative one on
 * the other, so it is this that the next layer has to be aligned with.
 */
function passedOn(a: Float64Array, { cols, data }: DenseMatrix): DenseMatrix {
  const out = denseMatrix(1, cols);
  a.forEach((value, i) => {
    for (let j = 0; j < cols; j++) out.data[j] += value * data[i * cols + j];
  });
  for (let j = 0; j < cols; j++) out.data[j] = Math.abs(out.data[j]);
  return out;
}

/** A layer on the alignment meter; of the first one, `alignment` is that of what it passes on. */
export type MeteredLayer = Pick<LayerAlignment, 'rankOneRatio' | 'alignment' | 'frobenius'>;

/** Gradient descent on parallel branches, and how close their layers come to those of the optimum. */
export interface BranchTraining {
  readonly width: number;
  /** Branches at the start, and those that are still worth more than a thousandth of the largest at the end, largest first. */
  readonly started: number;
  readonly branches: readonly {
    /** +1: on for rows with a positive factor only; -1: for the others only; 0: for both. */
    readonly side: 1 | -1 | 0;
    /** Product of the norms of its layers over the sum of such products. */
    readonly share: number;
    readonly layers: readonly MeteredLayer[];
  }[];
  /** Objective, and the layers of the branch that ends largest, at some epochs, dense at the start. */
  readonly points: readonly {
    readonly epoch: number;
    readonly objective: number;
    readonly layers: readonly MeteredLayer[];
  }[];
  readonly final: number;
  readonly learningRate: number;
  readonly cancelled: boolean;
}

const trainedWidth = 4;
const startedBranches = 12;
const meterPoints = 30;
const worthKeeping = 1e-3;
/** Random layers pass on only a part of what aligned ones of the same norm do. */
const startFactor = 1.2;

/** Trains branches on rank-one data by Adam; undefined when X is not of rank one. */
export function trainDeepBranches(
  X: DenseMatrix,
  targets: DenseMatrix,
  datafit: Datafit,
  beta: number,
  depth: number,
  { seed, epochs }: { readonly seed: number; readonly epochs: number },
  control: Control,
): BranchTraining | undefined {
  const factors = rankOneFactors(X);
  if (factors === undefined) return undefined;
  const model = createDeepBranchModel(factors, datafit, beta, depth, trainedWidth, startedBranches);
  // layers of a size at which the outputs of a branch are about as large as the targets
  const inputs = norm2(factors.a) * norm2(factors.c);
  const layerSize = Math.pow(norm2(targets.data) / inputs || 1, 1 / depth);
  const start = model.initialise(createRng(seed).fork(`branches ${depth}`), startFactor * layerSize);
  const taken: { epoch: number; objective: number; theta: Float64Array }[] = [];
  const { result, learningRate } = descendMetered(
    model,
    start,
    {
      rule: 'adam',
      rates: [0.001, 0.003, 0.01, 0.03, 0.1].map((rate) => rate * layerSize),
      epochs,
      points: meterPoints,
      curvePoints: 2,
      seed,
      stream: 'branch order',
    },
    (epoch, theta, objective) => taken.push({ epoch, objective, theta: Float64Array.from(theta) }),
    () => (taken.length = 0),
    control,
  );
  const meter = (theta: Float64Array, k: number): MeteredLayer[] => {
    const layers = model.layers(theta, k);
    const seen = alignment([passedOn(factors.a, layers[0]), ...layers.slice(1)])[0].alignment;
    return alignment(layers).map(({ rankOneRatio, alignment: next, frobenius }, l) => ({
      rankOneRatio,
      alignment: l === 0 ? seen : next,
      frobenius,
    }));
  };
  const worth = Array.from({ length: startedBranches }, (_, k) =>
    model.layers(result.theta, k).reduce((product, { data }) => product * norm2(data), 1),
  );
  const total = worth.reduce((a, b) => a + b, 0);
  const order = worth.map((_, k) => k).sort((a, b) => worth[b] - worth[a]);
  const kept = order.filter((k) => worth[k] > worthKeeping * worth[order[0]]);
  return {
    width: trainedWidth,
    started: startedBranches,
    branches: kept.map((k) => {
      const [plus, minus] = model.sides(result.theta, k);
      return {
        side: plus !== 0 && minus !== 0 ? 0 : plus !== 0 ? 1 : -1,
        share: worth[k] / total,
        layers: meter(result.theta, k),
      };
    }),
    points: taken.map(({ epoch, objective, theta }) => ({ epoch, objective, layers: meter(theta, order[0]) })),
    final: result.objective,
    learningRate,
    cancelled: result.cancelled,
  };
}
