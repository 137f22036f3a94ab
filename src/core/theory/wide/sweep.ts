import { median } from '../../base/median.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import { descend } from '../../descent/descend.ts';
import { type MlpShape, createMlpModel, initialiseMlp, predictMlp } from '../../descent/mlp.ts';
import { createRng } from '../../base/rng.ts';
import { type Control, uncontrolled } from '../../base/control.ts';
import { checkKernelRows, checkWidths, defaultBudgetBytes, defaultKernelRows, withWidth } from './budget.ts';
import {
  type Claim,
  type LazyExponents,
  assumptionClaim,
  interpolantClaim,
  lazyClaim,
  lazyExponents,
  linearRateClaim,
  type SlopeRatios,
  slopeRatios,
} from './claims.ts';
import {
  type AbsoluteRate,
  type EdgeRate,
  type LazyRun,
  type RegressionData,
  type StartMode,
  lazyRun,
} from './lazyRun.ts';
import { limitKernel } from './limitKernel.ts';
import { evenMoments, hermiteCoefficients } from './moments.ts';
import { type DependentRows, dependentRows, kernelSpectrum } from './spectrum.ts';

/** The width study: the five predictions about wide networks, checked on a data set. */
export interface SweepOptions {
  /** All but the widths, which are set per cell. */
  readonly shape: MlpShape;
  readonly start: StartMode;
  readonly widths: readonly number[];
  readonly seeds: readonly number[];
  /** Gradient descent steps of the main runs. */
  readonly steps: number;
  /** Step size of the main runs as a fraction of the edge of stability 2 / lambda_max(Theta_0), or absolute for the summed loss. */
  readonly rate: AbsoluteRate | EdgeRate;
  /** Shares of labels replaced at random, besides 0, tried at the largest width. */
  readonly noise: readonly number[];
  /** Binary targets (-1, +1) are flipped by noise, others are replaced by those of other rows. */
  readonly binary: boolean;
  /** Step sizes of the transfer grid: factors of the edge of stability of the reference kernel. */
  readonly rateFactors: readonly number[];
  readonly rateSteps: number;
  /** How many of the seeds the transfer grid uses. */
  readonly rateSeeds: number;
  /** The generalisation bound holds with probability 1 - delta. */
  readonly delta: number;
  readonly maxRows?: number;
  readonly budgetBytes?: number;
  readonly kernels?: Kernels;
}

/** Factors sqrt 2 apart from 1/8 to 4 of the edge of stability. */
export const defaultRateFactors: readonly number[] = Array.from({ length: 11 }, (_, k) => 2 ** ((k - 6) / 2));

export interface SweepCell extends LazyRun {
  /** Share of labels replaced. */
  readonly noise: number;
  readonly slope: SlopeRatios | null;
  /** Test minus training mean of min(|f - y|, 1); null without held-out rows. */
  readonly gap: number | null;
  readonly bound: number;
}

export interface RateCell {
  readonly width: number;
  readonly seed: number;
  readonly rate: number;
  /** Loss after the steps over the loss at the start; null when it diverged. */
  readonly loss: number | null;
  /** The loss fell in every one of the first steps. */
  readonly monotone: boolean;
}

export interface WidthRates {
  readonly width: number;
  /** Step size with the lowest loss (geometric mean over the seeds) of all that converged. */
  readonly best: number | null;
  /**
   * The same among those whose loss fell in every early step: beyond the edge of stability a run may still end well after its loss has
   * risen and the kernel has changed (catapult), and such steps do not carry over.
   */
  readonly bestMonotone: number | null;
  /** Largest step size with a monotone start for all seeds. */
  readonly largestMonotone: number | null;
}

/** Everything the study found; the fields are plain numbers, ready for JSON and plots. */
export interface SweepResult {
  readonly format: 'convexnet-sweep/1';
  readonly status: 'complete' | 'cancelled';
  readonly setting: {
    readonly activation: MlpShape['activation'];
    readonly parametrization: MlpShape['parametrization'];
    readonly hiddenLayers: number;
    readonly inputScale: number;
    readonly weightScale: number;
    readonly biasScale: number;
    readonly start: StartMode;
    readonly widths: readonly number[];
    readonly seeds: readonly number[];
    readonly steps: number;
    readonly delta: number;
  };
  readonly rows: number;
  readonly testRows: number;
  readonly inputs: number;
  /** Infinite-width kernel; null in standard parametrisation, where it grows with the width. */
  readonly limit: {
    readonly lambdaMin: number;
    readonly lambdaMax: number;
    readonly trace: number;
    readonly singular: boolean;
    /** 2 / lambda_max: largest stable step for the summed loss. */
    readonly edge: number;
  } | null;
  readonly dependentRows: readonly DependentRows[];
  /** M_2k = mean of ||x||^(2k), k = 1..number of layers. */
  readonly moments: readonly number[];
  readonly hermite: readonly number[];
  readonly cells: readonly SweepCell[];
  readonly rateGrid: readonly number[];
  readonly rateCells: readonly RateCell[];
  readonly rates: readonly WidthRates[];
  readonly exponents: LazyExponents | null;
  readonly claims: readonly Claim[];
  readonly seconds: number;
}

/**
 * Rademacher bound on (expected - training) error for the class of linearised networks with ||theta - theta_0|| <= B and the
 * 1-Lipschitz error min(|f - y|, 1) (Bartlett and Mendelson 2002):
 *     2 B sqrt(tr Theta_0) / n + 3 sqrt(ln(2 / delta') / (2n)).
 * B is not fixed in advance: it is rounded up to 2^k, and delta' = delta / (3.16 (1 + k^2)) pays for all integers k (their sum is below 1).
 */
export function generalizationBound(displacement: number, trace: number, rows: number, delta: number): number {
  const k = displacement > 0 ? Math.ceil(Math.log2(displacement)) : -30;
  const paid = delta / (3.16 * (1 + k * k));
  return (2 * 2 ** k * Math.sqrt(trace)) / rows + 3 * Math.sqrt(Math.log(2 / paid) / (2 * rows));
}

/** Replaces a share of the labels, in both parts alike, so that training and held-out rows follow one law. */
function withNoise(data: RegressionData, share: number, binary: boolean, seed: number): RegressionData {
  if (share === 0) return data;
  const rng = createRng(seed).fork('label noise');
  const corrupt = (y: Float64Array): Float64Array =>
    y.map((value) => (rng.uniform() >= share ? value : binary ? -value : data.y[rng.integer(data.y.length)]));
  return {
    X: data.X,
    y: corrupt(data.y),
    test: data.test === null ? null : { X: data.test.X, y: corrupt(data.test.y) },
  };
}

/** Steps whose losses must all fall for a rate to count as monotone. */
const monotoneSteps = 20;

function rateCell(
  data: RegressionData,
  options: SweepOptions,
  { width, seed, rate }: Pick<RateCell, 'width' | 'seed' | 'rate'>,
  kernels: Kernels,
  control: Control,
): RateCell | undefined {
  const shape = withWidth(options.shape, width);
  const n = data.X.rows;
  const theta = initialiseMlp(
    shape,
    createRng(seed).fork('start'),
    options.start === 'mirrored' ? 'mirrored' : 'random',
  );
  const offset = options.start === 'centered' ? predictMlp(shape, theta, data.X, kernels) : null;
  const model = createMlpModel(shape, data.X, data.y, 'squared', kernels, offset);
  try {
    const run = descend(
      model,
      theta,
      {
        rule: 'sgd',
        learningRate: rate * n,
        schedule: 'constant',
        epochs: options.rateSteps,
        batchSize: 0,
        curvePoints: 0,
        recordAt: Array.from({ length: Math.min(monotoneSteps, options.rateSteps) }, (_, k) => k + 1),
      },
      createRng(seed),
      control,
    );
    if (run.cancelled) return undefined;
    const { objective } = run.curve;
    // Divergence cuts the curve short; a diverging run may still have fallen in the steps that were recorded.
    let monotone = !run.diverged;
    for (let k = 1; k < Math.min(objective.length, monotoneSteps + 1); k++) {
      // Rounding is not a rise: once the loss is at 1e-24 of its start, it only jitters.
      if (objective[k] > objective[k - 1] && objective[k] > 1e-24 * objective[0]) monotone = false;
    }
    return { width, seed, rate, loss: run.diverged ? null : run.objective / objective[0], monotone };
  } finally {
    model.dispose();
  }
}

function ratesOf(cells: readonly RateCell[], widths: readonly number[], grid: readonly number[]): WidthRates[] {
  return widths.flatMap((width) => {
    let best: number | null = null;
    let bestMonotone: number | null = null;
    let lowest = Infinity;
    let lowestMonotone = Infinity;
    let largestMonotone: number | null = null;
    let complete = true;
    for (const rate of grid) {
      const here = cells.filter((cell) => cell.width === width && cell.rate === rate);
      if (here.length === 0) {
        complete = false;
        continue;
      }
      const monotone = here.every((cell) => cell.monotone);
      if (monotone) largestMonotone = Math.max(largestMonotone ?? 0, rate);
      if (here.some((cell) => cell.loss === null)) continue;
      const mean = here.reduce((s, cell) => s + Math.log(Math.max(cell.loss!, 1e-30)), 0) / here.length;
      if (mean < lowest) {
        lowest = mean;
        best = rate;
      }
      if (monotone && mean < lowestMonotone) {
        lowestMonotone = mean;
        bestMonotone = rate;
      }
    }
    return complete ? [{ width, best, bestMonotone, largestMonotone }] : [];
  });
}

function transferClaim(rates: readonly WidthRates[], grid: readonly number[], wide: readonly number[]): Claim {
  const used = rates.filter((entry) => wide.includes(entry.width) && entry.bestMonotone !== null);
  const index = used.map((entry) => grid.indexOf(entry.bestMonotone!));
  const value = used.length >= 2 ? Math.max(...index) - Math.min(...index) : null;
  const step = grid.length > 1 ? grid[1] / grid[0] : 1;
  const monotone = used.map((entry) => (entry.largestMonotone === null ? -1 : grid.indexOf(entry.largestMonotone)));
  const monotoneSpread = used.length >= 2 ? Math.max(...monotone) - Math.min(...monotone) : 0;
  const base = {
    id: 'rate-transfer' as const,
    quantity: 'spread over the widths of the best step size with monotonically falling loss, in grid steps',
    expected: 0,
    tolerance: [0, 1] as const,
  };
  if (value === null) {
    return { ...base, value, verdict: 'not tested', sentence: 'The grid was not finished at two widths.' };
  }
  const verdict = value <= 1 ? ('agrees' as const) : ('disagrees' as const);
  return {
    ...base,
    value,
    verdict,
    sentence:
      `Over widths ${used.map((entry) => entry.width).join(', ')} the best stable step size moves by ${value} grid step${value === 1 ? '' : 's'} ` +
      `(a factor ${step.toFixed(2)} each), the largest with a monotone start by ${monotoneSpread}: ` +
      `${verdict === 'agrees' ? 'it carries over' : 'it does not carry over'}.`,
  };
}

function generalizationClaim(cells: readonly SweepCell[]): Claim {
  const used = cells.filter((cell) => cell.gap !== null && !cell.diverged);
  const held = used.filter((cell) => cell.gap! <= cell.bound).length;
  const base = {
    id: 'generalization' as const,
    quantity: 'share of runs whose measured gap is within the bound',
    expected: 1,
    tolerance: [1, 1] as const,
  };
  if (used.length === 0) {
    return {
      ...base,
      value: null,
      verdict: 'not tested',
      sentence: 'There are no held-out rows, or no run converged.',
    };
  }
  const value = held / used.length;
  const vacuous = used.filter((cell) => cell.bound >= 1).length;
  const largest = Math.max(...used.map((cell) => cell.gap!));
  return {
    ...base,
    value,
    verdict: value === 1 ? 'agrees' : 'disagrees',
    sentence:
      `${held} of ${used.length} measured gaps (largest ${largest.toFixed(3)}) are within their bound (smallest ${Math.min(...used.map((c) => c.bound)).toFixed(3)})` +
      (vacuous > 0
        ? `; ${vacuous} bounds are at least 1 and say nothing by themselves, only how they order the runs.`
        : '.'),
  };
}

/**
 * Runs the study. Cells come one by one through `onCell`, so that nothing is lost by a stop; the result of a stopped study holds
 * what was finished, with the claims made from that.
 * @throws {ProblemError} for too many rows, KernelMemoryError for widths beyond the memory budget
 */
export function widthSweep(
  data: RegressionData,
  options: SweepOptions,
  control: Control = uncontrolled,
  onCell: (cell: SweepCell | RateCell, done: number, total: number) => void = () => undefined,
): SweepResult {
  const kernels = options.kernels ?? createReferenceKernels();
  const begin = control.now();
  const n = data.X.rows;
  const { shape, seeds } = options;
  const widths = [...options.widths].sort((a, b) => a - b);
  checkKernelRows(n, options.maxRows ?? defaultKernelRows);
  checkWidths(shape, widths, n, options.budgetBytes ?? defaultBudgetBytes);
  const limit = shape.parametrization === 'ntk' ? limitOf(shape, data) : null;
  const plan = plannedRuns(options, widths);
  const rateSeeds = seeds.slice(0, Math.max(1, options.rateSeeds));
  const total = plan.length + widths.length * rateSeeds.length * options.rateFactors.length;
  const progress = new StudyProgress(total, begin, control, onCell);

  const cells = mainRuns(data, options, plan, kernels, control, progress);
  // Reference for the grid of step sizes: the limit kernel, or in standard parametrisation the kernel at the smallest width.
  const smallest = cells.filter((cell) => cell.width === widths[0] && cell.noise === 0).map((cell) => cell.lambdaMax);
  const edge = limit?.edge ?? (smallest.length > 0 ? 2 / median(smallest) : null);
  const grid = edge === null ? [] : options.rateFactors.map((factor) => factor * edge);
  const settings = widths.flatMap((width) => grid.flatMap((rate) => rateSeeds.map((seed) => ({ width, rate, seed }))));
  const rateCells = progress.cancelled ? [] : rateRuns(data, options, settings, kernels, control, progress);

  const rates = ratesOf(rateCells, widths, grid);
  const clean = cells.filter((cell) => cell.noise === 0);
  const exponents = clean.length > 0 ? lazyExponents(clean, n) : null;
  const claims =
    clean.length === 0
      ? []
      : [
          assumptionClaim(clean, limit?.lambdaMin ?? null, limit?.singular ?? false),
          linearRateClaim(clean),
          interpolantClaim(clean),
          generalizationClaim(cells),
          lazyClaim(clean, n),
          transferClaim(rates, grid, exponents?.widths ?? widths),
        ];
  return {
    format: 'convexnet-sweep/1',
    status: progress.cancelled ? 'cancelled' : 'complete',
    setting: {
      activation: shape.activation,
      parametrization: shape.parametrization,
      hiddenLayers: shape.hidden.length,
      inputScale: shape.inputScale,
      weightScale: shape.weightScale,
      biasScale: shape.biasScale,
      start: options.start,
      widths,
      seeds,
      steps: options.steps,
      delta: options.delta,
    },
    rows: n,
    testRows: data.test?.X.rows ?? 0,
    inputs: data.X.cols,
    limit,
    dependentRows: dependentRows(data.X, shape.activation, shape.biasScale !== 0),
    moments: Array.from(evenMoments(data.X, shape.hidden.length + 1)),
    hermite: Array.from(hermiteCoefficients(shape.activation, 11)),
    cells,
    rateGrid: grid,
    rateCells,
    rates,
    exponents,
    claims,
    seconds: control.now() - begin,
  };
}

/** The infinite-width kernel of ntk parametrisation. */
function limitOf(shape: MlpShape, { X }: RegressionData): NonNullable<SweepResult['limit']> {
  const spectrum = kernelSpectrum(limitKernel(shape, X));
  return {
    lambdaMin: spectrum.min,
    lambdaMax: spectrum.max,
    trace: spectrum.trace,
    singular: spectrum.numericallyZero > 0,
    edge: 2 / spectrum.max,
  };
}

interface PlannedRun {
  readonly width: number;
  readonly seed: number;
  readonly noise: number;
}

/** All widths without label noise, then the noise at the widest. */
function plannedRuns({ seeds, noise }: SweepOptions, widths: readonly number[]): PlannedRun[] {
  const widest = widths[widths.length - 1];
  return [
    ...widths.flatMap((width) => seeds.map((seed) => ({ width, seed, noise: 0 }))),
    ...noise
      .filter((share) => share > 0)
      .flatMap((share) => seeds.map((seed) => ({ width: widest, seed, noise: share }))),
  ];
}

/** What is done of a study, told to whoever watches it. */
class StudyProgress {
  cancelled = false;
  private done = 0;

  constructor(
    private readonly total: number,
    private readonly begin: number,
    private readonly control: Control,
    private readonly onCell: (cell: SweepCell | RateCell, done: number, total: number) => void,
  ) {}

  at(phase: string): void {
    const { done, total, control } = this;
    control.report?.({
      iteration: done,
      seconds: control.now() - this.begin,
      objective: NaN,
      dualBound: NaN,
      active: 0,
      phase: `${phase} (${done} of ${total})`,
      fraction: done / total,
    });
  }

  finished(cell: SweepCell | RateCell): void {
    this.done++;
    this.onCell(cell, this.done, this.total);
  }
}

function mainRuns(
  data: RegressionData,
  options: SweepOptions,
  plan: readonly PlannedRun[],
  kernels: Kernels,
  control: Control,
  progress: StudyProgress,
): SweepCell[] {
  const cells: SweepCell[] = [];
  const { start, rate, steps } = options;
  for (const { width, seed, noise } of plan) {
    progress.at(`width ${width}, seed ${seed}${noise > 0 ? `, label noise ${noise}` : ''}`);
    const noisy = withNoise(data, noise, options.binary, seed);
    const shape = withWidth(options.shape, width);
    const run = control.shouldStop()
      ? undefined
      : lazyRun(noisy, { shape, start, seed, rate, steps }, kernels, control);
    if (run === undefined) {
      progress.cancelled = true;
      break;
    }
    const cell: SweepCell = {
      ...run,
      noise,
      slope: slopeRatios(run),
      gap: run.testError === null ? null : run.testError - run.trainError,
      bound: generalizationBound(run.predictedDisplacement, run.trace, data.X.rows, options.delta),
    };
    cells.push(cell);
    progress.finished(cell);
  }
  return cells;
}

function rateRuns(
  data: RegressionData,
  options: SweepOptions,
  settings: readonly Pick<RateCell, 'width' | 'seed' | 'rate'>[],
  kernels: Kernels,
  control: Control,
  progress: StudyProgress,
): RateCell[] {
  const cells: RateCell[] = [];
  for (const setting of settings) {
    progress.at(`step size ${setting.rate.toPrecision(3)}, width ${setting.width}`);
    const cell = control.shouldStop() ? undefined : rateCell(data, options, setting, kernels, control);
    if (cell === undefined) {
      progress.cancelled = true;
      break;
    }
    cells.push(cell);
    progress.finished(cell);
  }
  return cells;
}
