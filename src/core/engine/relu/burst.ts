import { type Kernels, KernelsInterrupted, type RowOperator } from '../../base/kernels/kernels.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import type { Control } from '../../base/control.ts';
import type { LocalProblem, NeuronSeed } from './activeNeurons.ts';
import { anneal, minimizeSmooth } from './descentSteps.ts';

/** The quasi-Newton part ends when a step gains less than this relative to the objective, on average over a few; or after so many steps. */
const smallGain = 1e-3;
const maxSteps = 100;
/** Steps of the annealed part at most, and multiplications that bound it; its first step relative to the size of the parameters. */
export const annealedSteps = { full: 600, rough: 150 } as const;
const fewestAnnealed = 20;
const annealedWork = 1.5e10;
const firstStep = 0.2;
/** Neurons smaller than this, relative to the mean, are what descent leaves of those that are not needed. */
const negligible = 1e-3;

export interface BurstResult {
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  readonly steps: number;
}

/**
 * Descends on the non-convex objective  l(sum_j a_j (X w_j)_+ + offset) + beta/2 sum_j (||w_j||^2 + a_j^2)  from the neurons given (balanced): by a limited-memory
 * quasi-Newton method, which some dozen steps take to where kinks matter, then by steps of a falling length, which kinks do not stop. With more neurons than are
 * needed most of the local minima that trap a narrow network are passed. Returns convex coordinates u = |a| w; the objective of the network is not above that of the start.
 */
export function burst(
  problem: LocalProblem,
  start: readonly NeuronSeed[],
  offset: Float64Array,
  mostAnnealed: number,
  control: Control,
  onStep?: (objective: number, steps: number) => void,
): BurstResult {
  const kernels = problem.kernels ?? createReferenceKernels();
  const outer = kernels.interrupt;
  kernels.interrupt = () => control.shouldStop();
  const shouldStop = (): boolean => control.shouldStop();
  let stage = new BurstStage(problem, start, offset, kernels);
  let steps = 0;
  const work = (): number => 4 * problem.X.rows * problem.X.cols * stage.size;
  try {
    steps = minimizeSmooth(stage.evaluate, stage.theta, { maxSteps, smallGain, shouldStop }, onStep);
    // where work bounds the steps, those that matter get them all
    if (annealedWork < mostAnnealed * work()) stage = stage.without(negligible);
    const annealed = Math.max(fewestAnnealed, Math.min(mostAnnealed, Math.round(annealedWork / work())));
    const before = steps;
    steps += anneal(stage.evaluate, stage.theta, { steps: annealed, firstStep, shouldStop }, (value, step) =>
      onStep?.(value, before + step),
    );
  } catch (error) {
    // theta is always the best point so far
    if (!(error instanceof KernelsInterrupted)) throw error;
  } finally {
    kernels.interrupt = outer;
    stage.dispose();
  }
  return { ...stage.network(negligible), steps };
}

/** Neurons in the coordinates of descent, with the objective there. */
class BurstStage {
  /** (w, a, offset) */
  readonly theta: Float64Array;
  private readonly objective: DescentObjective;

  constructor(
    private readonly problem: LocalProblem,
    private readonly start: readonly NeuronSeed[],
    offset: Float64Array,
    private readonly kernels: Kernels,
  ) {
    const d = problem.X.cols;
    const m = start.length;
    this.objective = new DescentObjective(problem, start, kernels);
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

  readonly evaluate = (x: Float64Array, g: Float64Array): number => this.objective.evaluate(x, g);

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

  /** The stage that goes on with those; this one ends. */
  without(share: number): BurstStage {
    const { neurons, offset } = this.network(share);
    if (neurons.length === this.size || neurons.length === 0) return this;
    this.dispose();
    return new BurstStage(this.problem, neurons, offset, this.kernels);
  }

  dispose(): void {
    this.objective.dispose();
  }
}

/** Gives balanced neurons along directions the common length that lowers the objective, by one step of its quadratic bound. */
export function scaled(problem: LocalProblem, fit: Float64Array, seeds: readonly NeuronSeed[]): NeuronSeed[] {
  const { X, datafit, beta, penalizedCols } = problem;
  const c = datafit.outputs;
  const V = new Float64Array(fit.length);
  datafit.dualPoint(fit, V);
  const phi = new Float64Array(fit.length);
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
  for (let i = 0; i < phi.length; i++) {
    along += V[i] * phi[i];
    squares += phi[i] * phi[i];
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

/** Objective and gradient in (w, a, offset), the products with X on the kernels. */
class DescentObjective {
  private readonly operator: RowOperator;
  private readonly n: number;
  private readonly d: number;
  private readonly c: number;
  private readonly m: number;
  private readonly outputs: Int32Array;
  private readonly datafit: Datafit;
  private readonly T: Float64Array;
  private readonly F: Float64Array;
  private readonly G: Float64Array;

  constructor(
    private readonly problem: LocalProblem,
    start: readonly NeuronSeed[],
    private readonly kernels: Kernels,
  ) {
    const { X, datafit } = problem;
    this.n = X.rows;
    this.d = X.cols;
    this.c = datafit.outputs;
    this.m = start.length;
    this.outputs = Int32Array.from(start, ({ output }) => output);
    this.datafit = datafit;
    this.operator = kernels.createRowOperator(X);
    this.T = kernels.alloc(this.m * this.n);
    this.F = new Float64Array(this.n * this.c);
    this.G = new Float64Array(this.n * this.c);
  }

  dispose(): void {
    this.operator.dispose();
    this.kernels.free(this.T);
  }

  evaluate(theta: Float64Array, gradient: Float64Array): number {
    const { n, d, c, m, T, F, G, outputs, problem, datafit } = this;
    const { beta, penalizedCols } = problem;
    const inner = m * d;
    const free = inner + m;
    this.operator.products(theta, m, T);
    for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) F[i * c + o] = problem.offset ? theta[free + o] : 0;
    for (let j = 0, at = 0; j < m; j++) {
      const a = theta[inner + j];
      for (let i = 0, f = outputs[j]; i < n; i++, f += c, at++) if (T[at] > 0) F[f] += a * T[at];
    }
    let value = datafit.value(F);
    datafit.gradient(F, G);
    for (let j = 0, at = 0; j < m; j++) {
      const a = theta[inner + j];
      let s = 0;
      for (let i = 0, f = outputs[j]; i < n; i++, f += c, at++) {
        if (T[at] > 0) {
          s += G[f] * T[at];
          T[at] = a * G[f];
        } else T[at] = 0;
      }
      gradient[inner + j] = s + beta * a;
      value += 0.5 * beta * a * a;
    }
    this.operator.sums(T, m, gradient);
    for (let j = 0; j < m; j++) {
      for (let k = j * d; k < j * d + penalizedCols; k++) {
        gradient[k] += beta * theta[k];
        value += 0.5 * beta * theta[k] * theta[k];
      }
    }
    for (let o = 0; free + o < theta.length; o++) {
      let s = 0;
      if (problem.offset) for (let i = 0; i < n; i++) s += G[i * c + o];
      gradient[free + o] = s;
    }
    return value;
  }
}
