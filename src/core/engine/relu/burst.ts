import { type Kernels, KernelsInterrupted, type RowSpan } from '../../base/kernels/kernels.ts';
import { interruptible, unlessStopped } from '../../base/kernels/interrupt.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import { denseMatrix, dot, norm2, rowOf } from '../../base/linalg/matrix.ts';
import { sampleGates } from '../../problem/patterns/sample.ts';
import { createRng } from '../../base/rng.ts';
import type { Control } from '../../base/control.ts';
import { manyRows } from '../../certify/global/sampledAscent.ts';
import type { LocalProblem, NeuronSeed } from './activeNeurons.ts';
import { DescentObjective, rowsOf, type Sample } from './descentObjective.ts';
import { anneal, minimizeSmooth } from './descentSteps.ts';

/** The quasi-Newton part ends when a step gains less than this relative to the objective, on average over a few; or after so many steps. */
const smallGain = 1e-3;
const maxSteps = 100;
/** Its first steps are taken with all neurons: after them many point the same way. */
const firstSteps = 12;
/** Steps of the annealed part at most, and multiplications that bound it; its first step relative to the size of the parameters. */
export const annealedSteps = { full: 600, rough: 150 } as const;
const fewestAnnealed = 20;
const annealedWork = 1.5e10;
const firstStep = 0.2;
/** Neurons smaller than this, relative to the mean, are what descent leaves of those that are not needed. */
const negligible = 1e-3;
/** Shares of the annealed steps after which those go, and neurons of one direction become one: the cost of a step falls with their number. */
const condenses = [0, 0.1, 0.25, 0.5, 1] as const;
/** Cosines of directions that may be one, and the relative rise of the objective that this may cost: steps that follow win it back. */
const sameDirection = [0.95, 0.99, 0.999] as const;
const mostRise = [3e-3, 1e-3, 3e-4, 1e-4, 1e-5] as const;

/** Steps of a falling length: how many, the first of them relative to the size of the parameters, and the relative rise that a union of neurons may cost after each share. */
interface Annealing {
  readonly steps: number;
  readonly firstStep: number;
  readonly mostRise: readonly number[];
}

/** Those from a good network and some new neurons. */
const again: Annealing = { steps: 200, firstStep: 0.05, mostRise: [3e-4, 1e-4, 3e-5, 1e-5, 1e-6] };

/** Rows that those parts look at where there are so many times more of them; the others look at all. */
const sampledRows = [2000, 2000, 10_000] as const;
const sampledFrom = 1.5;
/** Multiplications of the parts that look at a sample. */
const sampledWork = 4e9;
/** With `manyRows` steps look at few rows each, drawn without replacement from at most so many; their number, and the length of the first. */
const batches = { rows: 256, drawn: 2 ** 16, steps: 400, firstStep: 0.2 } as const;
/** Rows that judge which neurons may become one there. */
const judged = 4096;

export interface BurstWatch {
  /** Told objectives over all rows, falling. */
  readonly onStep: (objective: number, steps: number) => void;
  /** Given the network between the two parts of descent, when it was made on all rows. */
  readonly onNear: (near: BurstResult) => void;
}

export interface BurstResult {
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  readonly steps: number;
}

/**
 * Descends on the non-convex objective  l(sum_j a_j (X w_j)_+ + offset) + beta/2 sum_j (||w_j||^2 + a_j^2)  from the neurons given (balanced): by a limited-memory
 * quasi-Newton method, which some dozen steps take to where kinks matter, then by steps of a falling length, which kinks do not stop. With more neurons than are
 * needed most of the local minima that trap a narrow network are passed; those that turn out alike become one on the way, and where rows are many a sample of them
 * shows the way first. Returns convex coordinates u = |a| w.
 */
export function burst(
  problem: LocalProblem,
  sample: Sample,
  start: { readonly neurons: readonly NeuronSeed[]; readonly offset: Float64Array },
  { annealed: mostAnnealed, seed }: { readonly annealed: number; readonly seed: number },
  control: Control,
  { onStep, onNear }: BurstWatch,
): BurstResult {
  const kernels = problem.kernels ?? createReferenceKernels();
  const shouldStop = (): boolean => control.shouldStop();
  if (problem.X.rows >= manyRows) {
    return interruptible(kernels, shouldStop, () => inBatches(problem, start, seed, kernels, shouldStop));
  }
  const descent = new Descent(new BurstStage(problem, sample, start.neurons, start.offset, kernels), shouldStop);
  const told = (value: number, step: number): void => {
    // what a sample says is no objective
    if (descent.stage.sample.order === null) onStep(value, step);
  };
  return descent.run(kernels, () => {
    for (const most of [firstSteps, maxSteps - firstSteps]) {
      const { stage, steps: before } = descent;
      const options = { maxSteps: most, smallGain, shouldStop };
      descent.steps += minimizeSmooth(stage.evaluate, stage.theta, options, (value, step) =>
        told(value, before + step),
      );
      descent.stage = stage.condensed(mostRise[0]);
    }
    if (descent.stage.sample.order === null && !shouldStop()) onNear(descent.result());
    for (let part = 1; part < condenses.length && !shouldStop(); part++) {
      if (descent.stage.sample.order !== null) descent.stage = descent.stage.over(sampleOf(problem, seed, part - 1));
      const { sample: looked, size } = descent.stage;
      const work = 4 * looked.X.rows * problem.X.cols * size;
      const most = Math.round((looked.order === null ? annealedWork : sampledWork) / work);
      const steps = Math.max(fewestAnnealed, Math.min(mostAnnealed, most));
      descent.anneal(part, { steps, firstStep, mostRise }, told);
    }
  });
}

/**
 * Steps of a falling length on all rows from a network that is good already and neurons that are new to it, in the coordinates and on the objective of `burst`. They take a fraction of the
 * time of a Newton step each where neurons are many, and let dozens of new neurons find their places at once.
 */
export function descendAgain(
  problem: LocalProblem,
  start: { readonly neurons: readonly NeuronSeed[]; readonly offset: Float64Array },
  control: Control,
  onStep: BurstWatch['onStep'],
): BurstResult {
  const kernels = problem.kernels ?? createReferenceKernels();
  const shouldStop = (): boolean => control.shouldStop();
  const sample = { X: problem.X, order: null, beta: problem.beta };
  const descent = new Descent(new BurstStage(problem, sample, start.neurons, start.offset, kernels), shouldStop);
  return descent.run(kernels, () => {
    for (let part = 1; part < condenses.length && !shouldStop(); part++) descent.anneal(part, again, onStep);
  });
}

/** Descent by stages, as far as it has come. */
class Descent {
  steps = 0;

  constructor(
    public stage: BurstStage,
    private readonly shouldStop: () => boolean,
  ) {}

  /** Does some work that descends, which a stop may end: theta of the stage is always the best point so far. */
  run(kernels: Kernels, work: () => void): BurstResult {
    try {
      unlessStopped(kernels, this.shouldStop, work);
    } finally {
      this.stage.dispose();
    }
    return this.result();
  }

  /** A part of annealed steps, after which neurons that turn out alike become one. */
  anneal(
    part: number,
    { steps, firstStep: length, mostRise: rise }: Annealing,
    onStep: (value: number, steps: number) => void,
  ): void {
    const { stage, shouldStop, steps: before } = this;
    const [from, to] = [condenses[part - 1], condenses[part]].map((share) => Math.round(share * steps));
    this.steps += anneal(
      (x, g) => stage.evaluate(x, g),
      stage.theta,
      { steps, from, to, firstStep: length, shouldStop },
      (value, step) => onStep(value, before + step),
    );
    this.stage = stage.condensed(rise[part]);
  }

  result(): BurstResult {
    return { ...this.stage.network(negligible), steps: this.steps };
  }
}

/** Descent by steps that look at some rows each: with many rows the neighbourhood is found before each has been seen once. */
function inBatches(
  problem: LocalProblem,
  start: { readonly neurons: readonly NeuronSeed[]; readonly offset: Float64Array },
  seed: number,
  kernels: Kernels,
  shouldStop: () => boolean,
): BurstResult {
  const order = drawnPlaces(problem.X.rows, Math.min(batches.drawn, problem.X.rows), seed);
  const rows = order.length;
  const sample = { X: problem.X, order, gathered: true, beta: (problem.beta * rows) / problem.X.rows };
  let stage = new BurstStage(problem, sample, start.neurons, start.offset, kernels);
  let steps = 0;
  try {
    for (let part = 0; part < condenses.length && !shouldStop(); part++) {
      const [from, to] = [condenses[part - 1] ?? 0, condenses[part]].map((share) => Math.round(share * batches.steps));
      const options = { steps: batches.steps, from, to, firstStep: batches.firstStep, noisy: true, shouldStop };
      steps += anneal(
        (x, g, step) => {
          const at = ((from + step) * batches.rows) % (rows - batches.rows);
          return stage.evaluate(x, g, { from: at, to: at + batches.rows });
        },
        stage.theta,
        options,
      );
      stage = stage.condensed(mostRise[part], { from: 0, to: Math.min(rows, judged) });
    }
  } catch (error) {
    if (!(error instanceof KernelsInterrupted)) throw error;
  } finally {
    stage.dispose();
  }
  return { ...stage.network(negligible), steps };
}

/** What a part of descent looks at: all rows, or of many so many. */
export function sampleOf(problem: LocalProblem, seed: number, part = 0): Sample {
  const { X, beta } = problem;
  const count = part < sampledRows.length ? sampledRows[part] : X.rows;
  return X.rows <= sampledFrom * count ? { X, order: null, beta } : drawnRows(problem, count, seed);
}

/** So many rows, drawn without replacement. */
function drawnRows({ X, beta }: LocalProblem, count: number, seed: number): Sample {
  const { cols: d, data } = X;
  const order = drawnPlaces(X.rows, count, seed);
  const rows = denseMatrix(count, d);
  for (let k = 0, to = 0; k < count; k++) {
    for (let j = 0, from = order[k] * d; j < d; j++) rows.data[to++] = data[from++];
  }
  return { X: rows, order, beta: (beta * count) / X.rows };
}

/** `count` of n places, drawn without replacement. */
function drawnPlaces(n: number, count: number, seed: number): Int32Array {
  const rng = createRng(seed).fork('rows of descent');
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let k = 0; k < count; k++) {
    const other = k + rng.integer(n - k);
    const row = order[other];
    order[other] = order[k];
    order[k] = row;
  }
  return order.slice(0, count);
}

/** `count` random directions through the data, each with the sign that its score at the dual point V (n x c) asks for. */
export function drawnNeurons(
  problem: LocalProblem,
  { X, order }: Sample,
  V: Float64Array,
  count: number,
  seed: number,
  shouldStop: () => boolean,
): NeuronSeed[] {
  const c = problem.datafit.outputs;
  const gates = sampleGates(X, count, seed, shouldStop);
  return Array.from({ length: gates.rows }, (_, k): NeuronSeed => {
    const g = rowOf(gates, k);
    const size = norm2(g.subarray(0, problem.penalizedCols)) || 1;
    const output = k % c;
    let score = 0;
    for (let i = 0; i < X.rows; i++) {
      let t = 0;
      for (let j = 0; j < X.cols; j++) t += X.data[i * X.cols + j] * g[j];
      if (t > 0) score += V[(order === null ? i : order[i]) * c + output] * t;
    }
    return { u: g.map((x) => x / size), sign: score < 0 ? -1 : 1, output };
  });
}

/** Neurons in the coordinates of descent, with the objective there. */
class BurstStage {
  /** (w, a, offset) */
  readonly theta: Float64Array;
  private readonly objective: DescentObjective;

  constructor(
    private readonly problem: LocalProblem,
    readonly sample: Sample,
    private readonly start: readonly NeuronSeed[],
    offset: Float64Array,
    private readonly kernels: Kernels,
  ) {
    const d = problem.X.cols;
    const m = start.length;
    this.objective = new DescentObjective(problem, sample, start, kernels);
    this.theta = new Float64Array(m * (d + 1) + offset.length);
    start.forEach(({ u, sign }, j) => {
      const root = Math.sqrt(Math.max(normOf(u, problem.penalizedCols), Number.MIN_VALUE));
      for (let k = 0; k < d; k++) this.theta[j * d + k] = u[k] / root;
      this.theta[m * d + j] = sign * root;
    });
    this.theta.set(offset, m * (d + 1));
  }

  get size(): number {
    return this.start.length;
  }

  readonly evaluate = (x: Float64Array, g: Float64Array, span?: RowSpan): number => this.objective.evaluate(x, g, span);

  /** Those that are larger than this share of the mean. */
  network(share: number): { readonly neurons: readonly NeuronSeed[]; readonly offset: Float64Array } {
    const { theta, start, problem } = this;
    const d = problem.X.cols;
    const m = start.length;
    const neurons = start.map(({ output }, j): NeuronSeed => {
      const a = theta[m * d + j];
      return { u: theta.slice(j * d, (j + 1) * d).map((w) => Math.abs(a) * w), sign: a < 0 ? -1 : 1, output };
    });
    const sizes = neurons.map(({ u }) => normOf(u, problem.penalizedCols));
    const mean = sizes.reduce((s, size) => s + size, 0) / Math.max(1, m);
    return { neurons: neurons.filter((_, j) => sizes[j] > share * mean), offset: theta.slice(m * (d + 1)) };
  }

  /**
   * The stage that goes on without what is negligible and with one neuron for those of nearly one direction, sign and output, as many as the objective allows
   * to be put together at a relative rise of `rise` (on the rows of a span); this one ends when there are any.
   */
  condensed(rise: number, span?: RowSpan): BurstStage {
    const { neurons, offset } = this.network(negligible);
    if (united(neurons, sameDirection[0]).length === this.size) return this;
    const most = this.evaluate(this.theta, new Float64Array(this.theta.length), span) * (1 + rise);
    for (const cosine of sameDirection) {
      const together = united(neurons, cosine);
      if (together.length === this.size || together.length === 0) return this;
      const next = new BurstStage(this.problem, this.sample, together, offset, this.kernels);
      if (next.evaluate(next.theta, new Float64Array(next.theta.length), span) <= most) {
        this.dispose();
        return next;
      }
      next.dispose();
    }
    return this;
  }

  /** The same network on other rows; this stage ends when they are others. */
  over(sample: Sample): BurstStage {
    if (rowsOf(sample) === rowsOf(this.sample)) return this;
    const { neurons, offset } = this.network(negligible);
    const next = new BurstStage(this.problem, sample, neurons, offset, this.kernels);
    this.dispose();
    return next;
  }

  dispose(): void {
    this.objective.dispose();
  }
}

/** Neurons of one sign and output with directions of at least this cosine to the largest among them, added up. */
function united(neurons: readonly NeuronSeed[], cosine: number): NeuronSeed[] {
  const length = (u: Float64Array): number => Math.hypot(...u);
  const sorted = neurons.map((neuron) => ({ ...neuron, size: length(neuron.u) })).sort((a, b) => b.size - a.size);
  const kept: { first: Float64Array; size: number; sum: NeuronSeed }[] = [];
  for (const { u, sign, output, size } of sorted) {
    const twin = kept.find(
      ({ first, size: other, sum }) =>
        sum.sign === sign && sum.output === output && dot(first, u) > cosine * other * size,
    );
    if (twin === undefined) kept.push({ first: u, size, sum: { u: u.slice(), sign, output } });
    else for (let j = 0; j < u.length; j++) twin.sum.u[j] += u[j];
  }
  return kept.map(({ sum }) => sum);
}

/** Gives balanced neurons along directions the common length that lowers the objective on the sample, by one step of its quadratic bound at the dual point V (n x c). */
export function scaled(
  problem: LocalProblem,
  { X, order, beta }: Sample,
  V: Float64Array,
  seeds: readonly NeuronSeed[],
): NeuronSeed[] {
  const { datafit, penalizedCols } = problem;
  const c = datafit.outputs;
  const phi = new Float64Array(X.rows * c);
  let price = 0;
  for (const { u, sign, output } of seeds) {
    price += beta * normOf(u, penalizedCols);
    for (let i = 0, at = 0; i < X.rows; i++, at += X.cols) {
      let t = 0;
      for (let j = 0; j < X.cols; j++) t += X.data[at + j] * u[j];
      if (t > 0) phi[i * c + output] += sign * t;
    }
  }
  let [along, squares] = [0, 0];
  for (let i = 0, at = 0; i < X.rows; i++) {
    const from = (order === null ? i : order[i]) * c;
    for (let o = 0; o < c; o++, at++) {
      along += V[from + o] * phi[at];
      squares += phi[at] * phi[at];
    }
  }
  const best = (along - price) / (datafit.lipschitz * squares);
  const step = best > 0 && Number.isFinite(best) ? best : 1e-3 / Math.max(1, seeds.length);
  return seeds.map((seed) => ({ ...seed, u: seed.u.map((x) => step * x) }));
}

function normOf(u: Float64Array, penalizedCols: number): number {
  let s = 0;
  for (let j = 0; j < penalizedCols; j++) s += u[j] * u[j];
  return Math.sqrt(s);
}
