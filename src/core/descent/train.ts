import { createReferenceKernels } from '../base/kernels/reference.ts';
import type { Kernels } from '../base/kernels/kernels.ts';
import type { DenseMatrix } from '../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../network/network.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { createRng, type Rng } from '../base/rng.ts';
import { type Control, uncontrolled } from '../base/control.ts';
import { type DescentCurve, type Schedule, descend } from './descend.ts';
import { createBatchNormModel } from './batchNorm.ts';
import { type MergedNetwork, mergeAndBalance } from './merge.ts';
import type { TrainableModel } from './model.ts';
import type { UpdateRule } from './optimizer.ts';
import { type HiddenLayer, createTwoLayerModel } from './twoLayer.ts';

/** Rules that make sense on a regularised objective. */
export type DescentRule = Exclude<UpdateRule, 'flow'>;

/**
 * Gradient descent on the non-convex objective loss + beta/2 (sum ||w||^2 + a^2) of a two-layer network, beside the convex
 * program. The penalty is tied to the outputs such that the convex optimum over all patterns is a true lower bound (`UnitForm`).
 */
export interface GradientOptions {
  readonly rule: DescentRule;
  readonly seed: number;
  readonly epochs: number;
  /** Rows per step; 0: full batch. */
  readonly batchSize: number;
  /** Learning rate for the mean objective (1/n)(loss + penalty); left out: chosen by short probing runs. */
  readonly learningRate?: number;
  /** Divide the rate by 3, up to three times, when the run diverges. Default: only when the rate was chosen, not given. */
  readonly lowerOnDivergence?: boolean;
  /** Default `cosine`: it takes gradient descent closest to a stationary point in a given number of epochs. */
  readonly schedule?: Schedule;
  /** Multiplies the start weights; default 1 (He scaling). */
  readonly initScale?: number;
  /** Points on the curve, default 200. */
  readonly curvePoints?: number;
  readonly kernels?: Kernels;
}

export interface RateProbe {
  readonly learningRate: number;
  /** Objective after the probing epochs, null if it diverged. */
  readonly objective: number | null;
}

export interface GradientResult {
  readonly rule: DescentRule;
  readonly seed: number;
  /** The rate used, for the mean objective. */
  readonly learningRate: number;
  /** The probing runs that chose it; empty when the rate was given. */
  readonly probes: readonly RateProbe[];
  readonly curve: DescentCurve;
  readonly epochs: number;
  /** Non-convex objective of the last iterate (of the best recorded one when the run diverged). */
  readonly final: number;
  /** After merging and balancing the neurons: never larger, and still at least the convex optimum over all patterns. */
  readonly merged: number;
  /** Neurons that count, see `activeThreshold`. */
  readonly active: number;
  /** Hidden units of the trained network. */
  readonly width: number;
  readonly network: TwoLayerNetwork;
  readonly diverged: boolean;
  readonly cancelled: boolean;
  /** Seconds including probing. */
  readonly seconds: number;
  /** Parameters of the last iterate, to continue from. */
  readonly theta: Float64Array;
}

/**
 * What the trained network's hidden layer is: that of the problem, or one with batch normalisation on `inputs`, the training rows (n x d)
 * whose whitening is the problem's X.
 */
export type DescentLayer = HiddenLayer | NormalisedLayer;

interface NormalisedLayer {
  readonly kind: 'batch-norm';
  readonly width: number;
  readonly inputs: DenseMatrix;
}

/** A network that descent trains, and its image in the convex program. */
interface DescentSetup {
  readonly model: TrainableModel;
  readonly columns: number;
  initialise(rng: Rng, scale: number): Float64Array;
  merged(theta: Float64Array): MergedNetwork;
}

function createSetup(problem: PreparedProblem, hidden: DescentLayer, kernels: Kernels): DescentSetup {
  if (hidden.kind !== 'batch-norm') {
    const model = createTwoLayerModel(problem, hidden, kernels);
    return {
      model,
      columns: model.columns,
      initialise: (rng, scale) => model.initialise(rng, scale),
      merged: (theta) => mergeAndBalance(problem, model, theta),
    };
  }
  const model = createBatchNormModel(problem, hidden.inputs, hidden.width, kernels);
  return {
    model,
    columns: model.columns,
    initialise: (rng, scale) => model.initialise(rng, scale),
    merged(theta) {
      const whitened = createTwoLayerModel(problem, { kind: 'relu', width: model.columns }, kernels);
      try {
        return mergeAndBalance(problem, whitened, model.onWhitened(theta));
      } finally {
        whitened.dispose();
      }
    },
  };
}

/** Half decades; momentum multiplies the effective step by ten, Adam's steps do not depend on the gradient's size. */
const rateGrid: Readonly<Record<DescentRule, readonly number[]>> = {
  sgd: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  momentum: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
  adam: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
};

/** Share of the epochs that one probing run gets, and how many seeds at most share the choice of a rate. */
const probeShare = 0.05;
const probeSeeds = 3;

/**
 * The rate with the lowest mean objective over the seeds after a twentieth of the epochs. Several seeds because a rate that is lucky
 * on one start may switch the neurons of another off for good.
 */
function chooseRate(
  setup: DescentSetup,
  seeds: readonly number[],
  options: Omit<GradientOptions, 'seed' | 'learningRate'>,
  control: Control,
): { readonly rate: number; readonly probes: readonly RateProbe[] } {
  const grid = rateGrid[options.rule];
  const epochs = Math.min(options.epochs, Math.max(20, Math.round(probeShare * options.epochs)));
  const probes: RateProbe[] = [];
  let best = grid[0];
  let bestObjective = Infinity;
  for (const learningRate of grid) {
    let total = 0;
    let diverged = false;
    for (const seed of seeds.slice(0, probeSeeds)) {
      const run = descend(
        setup.model,
        startOf(setup, seed, options.initScale),
        {
          rule: options.rule,
          learningRate,
          schedule: options.schedule ?? 'cosine',
          epochs,
          batchSize: options.batchSize,
          curvePoints: 4,
        },
        createRng(seed).fork('probe'),
        control,
      );
      if (run.cancelled) return { rate: best, probes };
      diverged ||= run.diverged;
      if (diverged) break;
      total += run.objective / Math.min(seeds.length, probeSeeds);
    }
    probes.push({ learningRate, objective: diverged ? null : total });
    if (!diverged && total < bestObjective) {
      bestObjective = total;
      best = learningRate;
    }
    // Past the edge of stability larger rates are hopeless, too.
    if (diverged) break;
  }
  return { rate: best, probes };
}

/** The start that belongs to a seed: the same for every rule. */
function startOf(setup: DescentSetup, seed: number, scale = 1): Float64Array {
  return setup.initialise(createRng(seed).fork('start'), scale);
}

/**
 * One run. Deterministic by seed (same seed, same start for every rule). Bad problems raise ProblemError; a stop returns what there is.
 */
export function trainGradient(
  problem: PreparedProblem,
  hidden: DescentLayer,
  options: GradientOptions,
  control: Control = uncontrolled,
): GradientResult {
  const kernels = options.kernels ?? createReferenceKernels();
  const begin = control.now();
  const setup = createSetup(problem, hidden, kernels);
  try {
    const start = startOf(setup, options.seed, options.initScale);
    const chosen =
      options.learningRate === undefined
        ? chooseRate(setup, [options.seed], options, control)
        : { rate: options.learningRate, probes: [] };
    let learningRate = chosen.rate;
    const run = (): ReturnType<typeof descend> =>
      descend(
        setup.model,
        start,
        {
          rule: options.rule,
          learningRate,
          schedule: options.schedule ?? 'cosine',
          epochs: options.epochs,
          batchSize: options.batchSize,
          curvePoints: options.curvePoints ?? 200,
        },
        createRng(options.seed).fork('order'),
        control,
      );
    const mayLower = options.lowerOnDivergence ?? options.learningRate === undefined;
    let result = run();
    // A rate that survived its probe may still blow up later.
    for (let attempt = 0; attempt < 3 && result.diverged && mayLower; attempt++) {
      learningRate /= 3;
      result = run();
    }
    const merged = setup.merged(result.theta);
    return {
      rule: options.rule,
      seed: options.seed,
      learningRate,
      probes: chosen.probes,
      curve: result.curve,
      epochs: result.epochs,
      final: result.objective,
      merged: merged.objective,
      active: merged.active,
      width: setup.columns,
      network: merged.network,
      diverged: result.diverged,
      cancelled: result.cancelled,
      seconds: control.now() - begin,
      theta: result.theta,
    };
  } finally {
    setup.model.dispose();
  }
}

/** Chooses a rate for several seeds at once. */
function probeRates(
  problem: PreparedProblem,
  hidden: DescentLayer,
  options: Omit<GradientOptions, 'seed' | 'learningRate'>,
  seeds: readonly number[],
  control: Control,
): { readonly rate: number; readonly probes: readonly RateProbe[] } {
  const setup = createSetup(problem, hidden, options.kernels ?? createReferenceKernels());
  try {
    return chooseRate(setup, seeds, options, control);
  } finally {
    setup.model.dispose();
  }
}

export interface ComparisonOptions extends Omit<GradientOptions, 'rule' | 'seed' | 'learningRate'> {
  readonly rules: readonly DescentRule[];
  readonly seeds: readonly number[];
  /** Rates by rule; those left out are chosen once, on the first three seeds together, and used for all seeds. */
  readonly learningRates?: Partial<Record<DescentRule, number>>;
}

/** Every rule with every seed, one after the other; `onRun` gets each finished run at once, so that a stop loses nothing. */
export function compareGradient(
  problem: PreparedProblem,
  hidden: DescentLayer,
  options: ComparisonOptions,
  control: Control = uncontrolled,
  onRun: (run: GradientResult, done: number, total: number) => void = () => undefined,
): readonly GradientResult[] {
  const runs: GradientResult[] = [];
  const total = options.rules.length * options.seeds.length;
  for (const rule of options.rules) {
    const given = options.learningRates?.[rule];
    const chosen =
      given === undefined ? probeRates(problem, hidden, { ...options, rule }, options.seeds, control) : undefined;
    for (const seed of options.seeds) {
      if (control.shouldStop()) return runs;
      const learningRate = given ?? chosen?.rate;
      const run = {
        ...trainGradient(
          problem,
          hidden,
          { ...options, rule, seed, learningRate, lowerOnDivergence: given === undefined },
          control,
        ),
        probes: chosen?.probes ?? [],
      };
      if (run.curve.objective.length === 0) return runs;
      runs.push(run);
      onRun(run, runs.length, total);
      if (run.cancelled) return runs;
    }
  }
  return runs;
}
