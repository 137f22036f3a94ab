import type { Control } from '../../base/control.ts';
import { norm2 } from '../../base/linalg/matrix.ts';
import { createRng } from '../../base/rng.ts';
import { ActiveNeurons, type LocalProblem, type NeuronSeed } from './activeNeurons.ts';
import { gradients, releaseConcave, violations } from './kinks.ts';
import { lineSearch } from './lineSearch.ts';
import { newtonStep } from './newtonStep.ts';
import { actTogether, releaseAll, smoothedStep } from './smoothedStep.ts';

export interface LocalResult {
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  /** Largest violation of the local optimality conditions, over beta. */
  readonly residual: number;
  readonly converged: boolean;
  /** Ended as more is not worth it. */
  readonly little: boolean;
}

/** How far neurons are to be brought. */
export interface LocalGoal {
  /** Violation of the conditions that is allowed, over beta. */
  readonly tolerance: number;
  readonly maxIterations: number;
  /** Steps end when the last few together have gained less than this (default: 0). */
  readonly worth?: number;
  /** Neurons come from descent, which leaves them near many kinks and on none. */
  readonly afterDescent?: boolean;
}

/** A network and its objective. */
export interface KeptNetwork {
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  readonly objective: number;
}

/** Those few. */
const worthSteps = 3;
/**
 * Damping of the Newton system in the metric of the penalty: steps that cannot be taken for the most part are shortened by it. `smoothDecay` is that of steps over many kinks at once.
 * Neurons that come from descent are near many kinks and on none: from so much damping on for each neuron, steps can be taken whole and put them onto kinks, some at a time; where
 * these are few, it falls faster.
 */
const damping = {
  start: 1,
  afterDescent: 200,
  again: 1e-3,
  least: 1e-12,
  afterFailure: 1e-8,
  most: 1e6,
  growth: 6,
  fastest: 100,
  decay: 0.3,
  decayFar: 0.1,
  fewAims: 64,
  smoothDecay: 0.05,
};
/** Steps shorter than this raise the damping, the shorter the more; full ones lower it, less quickly: too small it takes many steps that kinks cut short to be found out. */
const shortStep = 0.3;
/** Relative gain that is rounding, and steps in a row with no more: with nothing changed, and with kinks held or released. */
const noGain = 1e-15;
const quietSteps = 6;
const quietChanges = 40;

/** Samples of rows that judge a network, rows of each, and standard errors that leave no doubt. */
const judgement = { samples: 64, rows: 128, errors: 8 } as const;

/** The loss of a network on some rows. */
function lossOn(
  { X, datafit, offset: free }: LocalProblem,
  { neurons, offset }: Pick<KeptNetwork, 'neurons' | 'offset'>,
  order: Int32Array,
): number {
  const c = datafit.outputs;
  const F = new Float64Array(order.length * c);
  order.forEach((i, k) => {
    for (let o = 0; free && o < c; o++) F[k * c + o] = offset[o];
    for (const { u, sign, output } of neurons) {
      let t = 0;
      for (let j = 0, at = i * X.cols; j < u.length; j++) t += X.data[at + j] * u[j];
      if (t > 0) F[k * c + output] += sign * t;
    }
  });
  return datafit.lossOfRows(F, order, 0, order.length, new Float64Array(F.length));
}

/** Factor of the damping after a whole step that came to so many new kinks. */
function decayAfter(shift: number, aims: number): number {
  return shift > damping.start && aims <= damping.fewAims ? damping.decayFar : damping.decay;
}

/** Factor of the damping after a step that was cut short to `tau`. */
function growthAfter(tau: number): number {
  return Math.min(damping.fastest, Math.max(damping.growth, 1 / tau));
}

/**
 * Minimises  l(sum_j sign_j (X u_j)_+ + offset) + beta sum_j ||u_j||  locally over the neurons given, by Newton steps on a model that keeps the kinks near the
 * step (`newtonStep`): within the current activation patterns the objective is smooth and convex, and rows whose multipliers say so are held on
 * their hyperplanes (x_r'u_j = 0), any number of them a step. Neurons that no row separates are added up (never dearer, by the triangle inequality), and those that are better
 * off at zero are removed. The objective never rises.
 */
export class NeuronNewton {
  private readonly state: ActiveNeurons;
  private readonly V: Float64Array;
  private readonly H: Float64Array;
  private readonly doffset: Float64Array;
  /** Damping at the end of the last run. */
  private shift: number = damping.start;
  /** The best network so far, whatever was under way when a stop came; noted where `shouldStop` is looked at. */
  kept: KeptNetwork = { neurons: [], offset: new Float64Array(0), objective: Infinity };

  /** `shouldStop`: as with `ActiveNeurons`; a stop in the midst of a method throws `KernelsInterrupted`. */
  constructor(
    private readonly problem: LocalProblem,
    private readonly shouldStop?: () => boolean,
  ) {
    const { datafit } = problem;
    const size = datafit.rows * datafit.outputs;
    this.state = new ActiveNeurons(problem, shouldStop);
    this.V = new Float64Array(size);
    this.H = new Float64Array(size * datafit.outputs);
    this.doffset = new Float64Array(datafit.outputs);
  }

  /** Keeps the data with the kernels while `work` runs, which calls the methods below. */
  session<T>(work: () => T): T {
    return this.state.withOperator(() => work());
  }

  /** Replaces the neurons; those with u = 0 are left out. */
  setNeurons(seeds: readonly NeuronSeed[], offset?: ArrayLike<number>): void {
    this.state.set(seeds, offset);
    this.keep();
  }

  private keep(): void {
    const { offset, objective } = this.state;
    if (this.shouldStop === undefined || objective > this.kept.objective) return;
    this.kept = { neurons: this.seeds(), offset: offset.slice(), objective };
  }

  /** Takes a network that was not set for the one that is kept where drawn rows leave no doubt that its objective is lower: a way through all rows takes longer than one waits after a stop. */
  keepIfLower({ neurons, offset }: Pick<KeptNetwork, 'neurons' | 'offset'>): void {
    const { problem, kept, state } = this;
    const { beta, penalizedCols } = problem;
    const rng = createRng(1).fork('rows of judgement');
    const gains = Array.from({ length: judgement.samples }, () => {
      const order = Int32Array.from({ length: judgement.rows }, () => rng.integer(state.n));
      return (state.n / judgement.rows) * (lossOn(problem, kept, order) - lossOn(problem, { neurons, offset }, order));
    });
    const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
    const spread = Math.sqrt(gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0)) / gains.length;
    const penaltyOf = (network: Pick<KeptNetwork, 'neurons'>): number =>
      beta * network.neurons.reduce((sum, { u }) => sum + norm2(u.subarray(0, penalizedCols)), 0);
    const gain = mean + penaltyOf(kept) - penaltyOf({ neurons });
    if (gain > judgement.errors * spread) this.kept = { neurons, offset, objective: kept.objective - gain };
  }

  get value(): number {
    return this.state.objective;
  }

  /** Sum of the norms. */
  get penalty(): number {
    return this.state.neurons.reduce((sum, { norm }) => sum + norm, 0);
  }

  get count(): number {
    return this.state.neurons.length;
  }

  get offset(): Float64Array {
    return this.state.offset;
  }

  seeds(): NeuronSeed[] {
    return this.state.seeds();
  }

  /** n x c, not to be changed. */
  get fit(): Float64Array {
    return this.state.F;
  }

  /** v = -gradient of the loss at the current fit, n x c. */
  dual(): Float64Array {
    this.problem.datafit.dualPoint(this.state.F, this.V);
    return this.V.slice();
  }

  /** Adds a neuron along `seed.u` with the length that minimises the objective; false when no positive length lowers it. */
  insert(seed: NeuronSeed): boolean {
    const inserted = this.state.insert(seed);
    if (inserted) this.keep();
    return inserted;
  }

  /** Runs to local optimality (residual below `tolerance` times beta), the iteration limit, little gain, or a stop. `onStep` is told every objective. */
  run(
    goal: LocalGoal,
    control: Control,
    onStep?: (objective: number, active: number, iterations: number) => void,
  ): LocalResult {
    return this.session(() => this.iterate(goal, control, onStep));
  }

  private iterate(
    { tolerance, maxIterations, worth = 0, afterDescent = false }: LocalGoal,
    control: Control,
    onStep?: (objective: number, active: number, iterations: number) => void,
  ): LocalResult {
    const { state, V, H } = this;
    const { beta, datafit, offset } = this.problem;
    let iterations = 0;
    let converged = false;
    let residual = Infinity;
    let shift = afterDescent
      ? damping.afterDescent * state.neurons.length
      : Math.min(damping.start, Math.max(damping.again, this.shift));
    let quiet = 0;
    const values: number[] = [];
    let little = false;
    state.tidy();
    for (; iterations < maxIterations && !control.shouldStop(); iterations++) {
      values.push(state.objective);
      const gained = values[Math.max(0, values.length - 1 - worthSteps)] - state.objective;
      // as long as steps are kept short by damping they gain little, whatever there is to gain
      const early = iterations < worthSteps || (afterDescent && shift > damping.start);
      if ((little = worth > 0 && !early && gained < worth)) break;
      datafit.dualPoint(state.F, V);
      datafit.hessian(state.F, H);
      let reduced = gradients(state, V);
      if (actTogether(state, V, reduced)) {
        if (releaseAll(state)) reduced = gradients(state, V);
        residual = reduced / beta;
        if ((converged = residual <= tolerance)) break;
        const before = state.objective;
        const tau = smoothedStep(state, V, H, shift, () => control.shouldStop());
        if (tau === undefined) state.poll();
        if (tau === undefined || tau < shortStep) shift = Math.max(damping.afterFailure, shift * damping.growth);
        else if (tau === 1) shift = Math.max(damping.least, shift * damping.smoothDecay);
        if (shift > damping.most) break;
        state.tidy();
        this.keep();
        onStep?.(state.objective, state.neurons.length, iterations + 1);
        if (before - state.objective > noGain * Math.abs(before)) quiet = 0;
        else if (++quiet > quietSteps) break;
        continue;
      }
      const found = violations(state, V);
      const slack = found.reduce((worst, { size }) => Math.max(worst, size), 0);
      residual = Math.max(reduced, slack) / beta;
      // an offset alone costs nothing to find to the last digit
      if (residual <= tolerance && (state.neurons.length > 0 || !offset || iterations > 1)) {
        converged = true;
        break;
      }
      const released = releaseConcave(state, found);
      if (released) {
        gradients(state, V);
        violations(state, V);
      }
      if (state.neurons.length === 0 && !offset) {
        converged = true;
        residual = 0;
        break;
      }
      const step = newtonStep(state, V, H, this.doffset, shift, () => control.shouldStop());
      if (step === undefined) {
        shift = Math.max(damping.afterFailure, shift * damping.growth);
        if (shift > damping.most) break;
        continue;
      }
      const before = state.objective;
      const { tau, changed } = lineSearch(state, this.doffset, step);
      const removed = state.tidy();
      this.keep();
      onStep?.(state.objective, state.neurons.length, iterations + 1);
      const gain = before - state.objective;
      if (tau < shortStep) shift = Math.min(damping.most, shift * growthAfter(tau));
      else if (tau === 1) shift = Math.max(damping.least, shift * decayAfter(shift, step.aims.length));
      if (gain > noGain * Math.abs(before)) quiet = 0;
      else if (changed || removed || released) {
        if (++quiet > quietChanges + 4 * state.d) break;
      } else if (++quiet > quietSteps) break;
    }
    this.shift = shift;
    return {
      neurons: this.seeds(),
      offset: state.offset.slice(),
      objective: state.objective,
      iterations,
      residual,
      converged,
      little,
    };
  }
}
