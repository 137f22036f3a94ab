import { denseMatrix, norm2, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { alignment, type LayerAlignment } from '../../network/alignment.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import { type BranchShape, createBranches } from '../../descent/branches.ts';
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
  { depth, width, branches }: Pick<BranchShape, 'depth' | 'width' | 'branches'>,
): DeepBranchModel {
  const { c, a } = factors;
  const n = c.length;
  const kernels = createReferenceKernels();
  const shape = { inputs: a.length, outputs: 1, depth, width, branches };
  const net = createBranches(shape, 2, kernels);
  const { network } = net;
  const sides = Float64Array.of(...a, ...a.map((value) => -value));
  const both = { order: null, start: 0, count: 2 };
  const F = new Float64Array(n);
  const G = new Float64Array(n);
  return {
    size: network.size,
    rows: n,
    branches,
    flopsPerRow: 4 + Math.ceil((12 * network.size) / n),
    addLoss(theta, order, start, count, gradient): number {
      network.forward(theta, sides, both);
      const [plus, minus] = network.output;
      const factor = (r: number): number => c[order === null ? start + r : order[start + r]];
      for (let r = 0; r < count; r++) F[r] = factor(r) > 0 ? factor(r) * plus : -factor(r) * minus;
      const loss = datafit.lossOfRows(F, order, start, count, G);
      if (gradient === null) return loss;
      const to = network.outputSignal.fill(0);
      for (let r = 0; r < count; r++) {
        if (factor(r) > 0) to[0] += G[r] * factor(r);
        else to[1] -= G[r] * factor(r);
      }
      network.backward(theta, both, gradient);
      return loss;
    },
    addPenalty: net.penalty(beta),
    vector: () => new Float64Array(network.size),
    release: () => undefined,
    dispose: () => network.dispose(),
    initialise: (rng, scale) => net.initialise(rng, (_, inputs, outputs) => scale / Math.sqrt(inputs * outputs)),
    layers: (theta, branch) => net.layers(theta, branch),
    sides(theta, k) {
      network.forward(theta, sides, both);
      return [net.part(theta, k, 0), net.part(theta, k, 1)];
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

/** What branches are trained on: data X with targets, and beta times the penalty. */
export interface BranchData {
  readonly X: DenseMatrix;
  readonly targets: DenseMatrix;
  readonly datafit: Datafit;
  readonly beta: number;
}

/** Trains branches on rank-one data by Adam; undefined when X is not of rank one. */
export function trainDeepBranches(
  { X, targets, datafit, beta }: BranchData,
  { depth, seed, epochs }: { readonly depth: number; readonly seed: number; readonly epochs: number },
  control: Control,
): BranchTraining | undefined {
  const factors = rankOneFactors(X);
  if (factors === undefined) return undefined;
  const model = createDeepBranchModel(factors, datafit, beta, {
    depth,
    width: trainedWidth,
    branches: startedBranches,
  });
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
