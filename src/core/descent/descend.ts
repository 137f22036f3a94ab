import type { Control } from '../base/control.ts';
import { type Rng, shuffle } from '../base/rng.ts';
import type { TrainableModel } from './model.ts';
import { type Optimizer, type OptimizerState, type UpdateRule, createOptimizer } from './optimizer.ts';

/** How the learning rate moves over a run: constant, or half a cosine from the start value to zero. */
export type Schedule = 'constant' | 'cosine';

export interface DescentOptions {
  readonly rule: UpdateRule;
  /**
   * Learning rate for the MEAN objective, (1/n) (loss + penalty), as common frameworks count it: a step on the summed objective
   * has rate / n. For the rule `flow`: the largest step in units of the loss; a step that would raise the objective is taken back and
   * halved, because the gradient of the logarithm grows with the parameters and no fixed step stays stable.
   */
  readonly learningRate: number;
  readonly schedule: Schedule;
  readonly epochs: number;
  /** Rows per step; 0 or at least n: full batch. */
  readonly batchSize: number;
  /** At most about this many points on the curve (denser at the start). */
  readonly curvePoints: number;
  /** State of the update rule at the end of an earlier run, to continue it (warm restart). */
  readonly resume?: OptimizerState;
  /** Order of the rows at the end of that run (mini-batches only); with its `rng` the run goes on as if it had not been interrupted. */
  readonly order?: Int32Array;
  /** Also add up the lengths of the steps. */
  readonly trackPath?: boolean;
  /** Called for every recorded point, before the step that follows it; `theta` must not be changed or kept. */
  readonly observe?: (epoch: number, theta: Float64Array, objective: number) => void;
  /** Which epochs are recorded besides the first and the last; overrides `curvePoints`. */
  readonly recordAt?: readonly number[];
}

export interface DescentCurve {
  readonly epochs: number[];
  /** Seconds of training, evaluation of the curve not counted. */
  readonly seconds: number[];
  /** Full objective on all rows (sum-half convention, penalty included). */
  readonly objective: number[];
}

export interface DescentResult {
  /** Parameters after the last completed step, or at the best recorded point if the run diverged. */
  readonly theta: Float64Array;
  readonly objective: number;
  readonly curve: DescentCurve;
  readonly epochs: number;
  readonly diverged: boolean;
  /** Rule `flow` only: ended early, as the gradient is exactly zero or no representable step lowers the objective. */
  readonly settled: boolean;
  readonly cancelled: boolean;
  /** Sum of the step lengths, when asked for. */
  readonly pathLength?: number;
  readonly optimizer: OptimizerState;
  /** Order of the rows after the last epoch; null: full batch. */
  readonly order: Int32Array | null;
}

/** Below this share of the largest step the flow has settled: no step that changes the parameters lowers the objective. */
const smallestShare = 1e-12;

/** Work between two stop checks, in floating-point operations: some milliseconds on any machine. */
const workPerCheck = 1e7;
/** Fewer rows than this at once would make the matrix products needlessly slow. */
const fewestRows = 4;

/** Epochs at which the curve is recorded: every one at first, then ever sparser, always the last. */
function recordingEpochs(epochs: number, points: number): Set<number> {
  const out = new Set<number>([0, epochs]);
  const ratio = Math.max(1.02, Math.pow(Math.max(epochs, 2), 1 / Math.max(points - 1, 1)));
  for (let e = 1, x = 1; x < epochs; e = Math.max(e + 1, Math.round(e * ratio)), x = e) out.add(x);
  const linear = Math.max(1, Math.floor((2 * epochs) / Math.max(points, 1)));
  for (let e = linear; e < epochs; e += linear) out.add(e);
  return out;
}

/** Full objective at theta, gradient optional; undefined when stopped on the way. */
export function fullObjective(
  model: TrainableModel,
  theta: Float64Array,
  gradient: Float64Array | null,
  control: Control,
): number | undefined {
  const rows = Math.max(fewestRows, Math.floor(workPerCheck / model.flopsPerRow));
  let sum = 0;
  for (let from = 0; from < model.rows; from += rows) {
    if (from > 0 && control.shouldStop()) return undefined;
    sum += model.addLoss(theta, null, from, Math.min(rows, model.rows - from), gradient);
  }
  return sum + model.addPenalty(theta, 1, gradient);
}

/**
 * Minimises loss + penalty by (stochastic) gradient descent from `start` (not changed).
 *
 * A run counts as diverged when its objective is not finite or exceeds 1000 times the larger of its first value and the
 * objective of all-zero parameters; it then ends with the best point recorded. Deterministic: the order of rows comes from `rng`.
 */
export function descend(
  model: TrainableModel,
  start: Float64Array,
  options: DescentOptions,
  rng: Rng,
  control: Control,
): DescentResult {
  const descent = new Descent(model, start, options, rng, control);
  try {
    return descent.run();
  } finally {
    descent.release();
  }
}

/** The last step of the flow that went down: what the next one goes on from, or back to. */
interface Accepted {
  readonly gradient: Float64Array;
  objective: number;
}

/** One run: its iterate, its curve, and why it ends. */
class Descent {
  private readonly theta: Float64Array;
  private readonly gradient: Float64Array;
  private readonly optimizer: Optimizer;
  private readonly flow: boolean;
  private readonly n: number;
  private readonly batch: number;
  /** Order of the rows; null: full batch. */
  private readonly order: Int32Array | null;
  private readonly record: ReadonlySet<number>;
  private readonly previous: Float64Array | undefined;
  private readonly accepted: Accepted | undefined;
  private readonly best: Float64Array;
  private readonly zeroObjective: number;
  private readonly stepsPerEpoch: number;
  private readonly rowsPerCheck: number;
  private readonly curve: DescentCurve = { epochs: [], seconds: [], objective: [] };
  private bestObjective = Infinity;
  private limit = Infinity;
  private seconds = 0;
  private step = 0;
  private done = 0;
  private workSinceCheck = 0;
  private pathLength = 0;
  private lastLength = 0;
  private settled = false;
  private diverged = false;
  private cancelled = false;

  constructor(
    private readonly model: TrainableModel,
    start: Float64Array,
    private readonly options: DescentOptions,
    private readonly rng: Rng,
    private readonly control: Control,
  ) {
    const { rows: n, size } = model;
    this.n = n;
    this.flow = options.rule === 'flow';
    const full = options.batchSize <= 0 || options.batchSize >= n;
    if (this.flow && !full) throw new RangeError('gradient flow is full batch');
    this.theta = model.vector();
    this.gradient = model.vector();
    this.optimizer = createOptimizer(options.rule, size, options.resume);
    this.batch = full ? n : options.batchSize;
    this.order = full ? null : (options.order?.slice() ?? Int32Array.from({ length: n }, (_, i) => i));
    this.record =
      options.recordAt === undefined
        ? recordingEpochs(options.epochs, options.curvePoints)
        : new Set([0, options.epochs, ...options.recordAt]);
    this.previous = options.trackPath === true || this.flow ? new Float64Array(size) : undefined;
    this.accepted = this.flow ? { gradient: new Float64Array(size), objective: Infinity } : undefined;
    this.best = Float64Array.from(start);
    this.zeroObjective = model.addLoss(this.theta, null, 0, n, null);
    this.theta.set(start);
    this.stepsPerEpoch = Math.ceil(n / this.batch);
    this.rowsPerCheck = Math.max(fewestRows, Math.floor(workPerCheck / model.flopsPerRow));
  }

  release(): void {
    this.model.release(this.theta);
    this.model.release(this.gradient);
  }

  run(): DescentResult {
    for (let epoch = 0; epoch <= this.options.epochs; epoch++) {
      const goesOn = this.order === null ? this.fullEpoch(epoch) : this.batchedEpoch(epoch, this.order);
      if (!goesOn) break;
      if (this.control.shouldStop()) this.cancelled = true;
      if (this.cancelled) break;
    }
    if (this.cancelled && !this.diverged) this.noteStop();
    const { diverged, settled, cancelled, curve, optimizer, options } = this;
    return {
      theta: diverged ? this.best : Float64Array.from(this.theta),
      objective: diverged ? this.bestObjective : (curve.objective[curve.objective.length - 1] ?? Infinity),
      curve,
      // A stop may come after a step whose epoch has not been counted yet.
      epochs: cancelled ? Math.floor(this.step / this.stepsPerEpoch) : this.done,
      diverged,
      settled,
      cancelled,
      pathLength: options.trackPath === true ? this.pathLength : undefined,
      optimizer: optimizer.state(),
      order: this.order,
    };
  }

  /** One step on all rows; false when the run ends here. */
  private fullEpoch(epoch: number): boolean {
    const { model, theta, gradient, flow, control, n } = this;
    let from = control.now();
    gradient.fill(0);
    const last = epoch === this.options.epochs;
    const found = fullObjective(model, theta, last && !flow ? null : gradient, control);
    if (found === undefined) {
      this.cancelled = true;
      return false;
    }
    const objective = this.judge(found);
    this.seconds += control.now() - from;
    if (this.record.has(epoch) || this.settled || !Number.isFinite(objective)) this.note(epoch, objective);
    this.done = epoch;
    if (last || this.diverged || this.settled) return false;
    from = control.now();
    if (!flow) for (let i = 0; i < gradient.length; i++) gradient[i] /= n;
    this.move();
    this.seconds += control.now() - from;
    return true;
  }

  /** One pass over the rows in a new order; false when the run ends here. */
  private batchedEpoch(epoch: number, order: Int32Array): boolean {
    const { model, theta, control, n, batch } = this;
    let from = control.now();
    if (this.record.has(epoch)) {
      const objective = fullObjective(model, theta, null, control);
      if (objective === undefined) {
        this.cancelled = true;
        return false;
      }
      this.note(epoch, objective);
      from = control.now();
    }
    this.done = epoch;
    if (epoch === this.options.epochs || this.diverged) return false;
    shuffle(order, this.rng);
    for (let at = 0; at < n && !this.cancelled; at += batch) this.batchStep(order, at, Math.min(batch, n - at));
    this.seconds += control.now() - from;
    return true;
  }

  private batchStep(order: Int32Array, at: number, count: number): void {
    const { model, theta, gradient, rowsPerCheck, n } = this;
    gradient.fill(0);
    for (let row = at; row < at + count; row += rowsPerCheck) {
      const rows = Math.min(rowsPerCheck, at + count - row);
      model.addLoss(theta, order, row, rows, gradient);
      this.workSinceCheck += model.flopsPerRow * rows;
      if (this.workSinceCheck < workPerCheck) continue;
      this.workSinceCheck = 0;
      if (this.control.shouldStop()) {
        this.cancelled = true;
        return;
      }
    }
    for (let i = 0; i < gradient.length; i++) gradient[i] /= count;
    model.addPenalty(theta, 1 / n, gradient);
    this.move();
  }

  private rateNow(): number {
    const { schedule, learningRate, epochs } = this.options;
    const totalSteps = Math.max(1, epochs * this.stepsPerEpoch);
    switch (schedule) {
      case 'constant':
        return learningRate;
      case 'cosine':
        return learningRate * 0.5 * (1 + Math.cos((Math.PI * this.step) / totalSteps));
    }
  }

  private move(): void {
    const { theta, previous } = this;
    previous?.set(theta);
    this.optimizer.step(theta, this.gradient, this.rateNow());
    this.step++;
    if (previous === undefined) return;
    let s = 0;
    for (let i = 0; i < previous.length; i++) s += (theta[i] - previous[i]) ** 2;
    this.lastLength = Math.sqrt(s);
    this.pathLength += this.lastLength;
  }

  /** Judges the last step of the flow by the objective it led to, and makes `gradient` that of the logarithm of the objective. */
  private judge(objective: number): number {
    const { accepted: before, previous, gradient, optimizer, theta } = this;
    if (before === undefined || previous === undefined) return objective;
    if (before.objective === Infinity && !Number.isFinite(objective)) return objective;
    if (objective <= before.objective) {
      let norm = 0;
      for (let i = 0; i < gradient.length; i++) {
        gradient[i] /= objective;
        norm += gradient[i] * gradient[i];
      }
      // Zero: a stationary point, or a loss below the smallest number (then 0 / 0): either way there is nowhere to go.
      if (!(norm > 0)) this.settled = true;
      else if (before.objective < Infinity) optimizer.accepted();
      before.gradient.set(gradient);
      before.objective = objective;
      return objective;
    }
    theta.set(previous);
    this.pathLength -= this.lastLength;
    gradient.set(before.gradient);
    if (optimizer.rejected() < smallestShare) this.settled = true;
    return before.objective;
  }

  private note(epoch: number, objective: number): void {
    const { curve, theta } = this;
    if (this.limit === Infinity) this.limit = 1000 * Math.max(objective, this.zeroObjective);
    if (!Number.isFinite(objective) || objective > this.limit) {
      this.diverged = true;
      return;
    }
    curve.epochs.push(epoch);
    curve.seconds.push(this.seconds);
    curve.objective.push(objective);
    this.options.observe?.(epoch, theta, objective);
    if (objective < this.bestObjective) {
      this.bestObjective = objective;
      this.best.set(theta);
    }
  }

  /** The curve ends where the run was stopped (possibly within an epoch); this one evaluation is allowed to finish. */
  private noteStop(): void {
    const { model, theta, curve, n } = this;
    const at = this.step / this.stepsPerEpoch;
    if (curve.epochs.length > 0 && curve.epochs[curve.epochs.length - 1] >= at) return;
    this.note(at, this.judge(model.addLoss(theta, null, 0, n, null) + model.addPenalty(theta, 1, null)));
  }
}
