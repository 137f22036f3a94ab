import type { Control } from '../base/control.ts';
import type { Rng } from '../base/rng.ts';
import type { TrainableModel } from './model.ts';
import { type OptimizerState, type UpdateRule, createOptimizer } from './optimizer.ts';

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
  const n = model.rows;
  const flow = options.rule === 'flow';
  if (flow && !(options.batchSize <= 0 || options.batchSize >= n)) throw new RangeError('gradient flow is full batch');
  const theta = model.vector();
  theta.set(start);
  const gradient = model.vector();
  const optimizer = createOptimizer(options.rule, model.size, options.resume);
  const batch = options.batchSize <= 0 || options.batchSize >= n ? n : options.batchSize;
  const order = batch === n ? null : (options.order?.slice() ?? Int32Array.from({ length: n }, (_, i) => i));
  const record =
    options.recordAt === undefined
      ? recordingEpochs(options.epochs, options.curvePoints)
      : new Set([0, options.epochs, ...options.recordAt]);
  const previous = options.trackPath === true || flow ? new Float64Array(model.size) : undefined;
  const before = flow ? { gradient: new Float64Array(model.size), objective: Infinity } : undefined;
  let settled = false;
  let pathLength = 0;
  let lastLength = 0;
  const curve: DescentCurve = { epochs: [], seconds: [], objective: [] };
  const best = Float64Array.from(start);
  const zeroObjective = model.addLoss(theta.fill(0), null, 0, n, null);
  theta.set(start);
  let bestObjective = Infinity;
  let seconds = 0;
  let limit = Infinity;
  let diverged = false;
  let cancelled = false;
  let done = 0;
  const stepsPerEpoch = Math.ceil(n / batch);
  const totalSteps = Math.max(1, options.epochs * stepsPerEpoch);
  const rowsPerCheck = Math.max(fewestRows, Math.floor(workPerCheck / model.flopsPerRow));
  let workSinceCheck = 0;
  let step = 0;

  const rateNow = (): number =>
    options.schedule === 'constant'
      ? options.learningRate
      : options.learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / totalSteps));
  const move = (): void => {
    previous?.set(theta);
    optimizer.step(theta, gradient, rateNow());
    step++;
    if (previous === undefined) return;
    let s = 0;
    for (let i = 0; i < previous.length; i++) s += (theta[i] - previous[i]) ** 2;
    lastLength = Math.sqrt(s);
    pathLength += lastLength;
  };
  /** Judges the last step of the flow by the objective it led to, and makes `gradient` that of the logarithm of the objective. */
  const judge = (objective: number): number => {
    if (before === undefined || previous === undefined) return objective;
    if (before.objective === Infinity && !Number.isFinite(objective)) return objective;
    if (objective <= before.objective) {
      let norm = 0;
      for (let i = 0; i < gradient.length; i++) {
        gradient[i] /= objective;
        norm += gradient[i] * gradient[i];
      }
      // Zero: a stationary point, or a loss below the smallest number (then 0 / 0): either way there is nowhere to go.
      if (!(norm > 0)) settled = true;
      else if (before.objective < Infinity) optimizer.accepted();
      before.gradient.set(gradient);
      before.objective = objective;
      return objective;
    }
    theta.set(previous);
    pathLength -= lastLength;
    gradient.set(before.gradient);
    if (optimizer.rejected() < smallestShare) settled = true;
    return before.objective;
  };
  const note = (epoch: number, objective: number): void => {
    if (limit === Infinity) {
      limit = 1000 * Math.max(objective, zeroObjective);
    }
    if (!Number.isFinite(objective) || objective > limit) {
      diverged = true;
      return;
    }
    curve.epochs.push(epoch);
    curve.seconds.push(seconds);
    curve.objective.push(objective);
    options.observe?.(epoch, theta, objective);
    if (objective < bestObjective) {
      bestObjective = objective;
      best.set(theta);
    }
  };

  for (let epoch = 0; epoch <= options.epochs && !diverged && !cancelled && !settled; epoch++) {
    const recording = record.has(epoch);
    let from = control.now();
    if (batch === n) {
      gradient.fill(0);
      const last = epoch === options.epochs;
      const found = fullObjective(model, theta, last && !flow ? null : gradient, control);
      if (found === undefined) {
        cancelled = true;
        break;
      }
      const objective = judge(found);
      seconds += control.now() - from;
      if (recording || settled || !Number.isFinite(objective)) note(epoch, objective);
      done = epoch;
      if (last || diverged || settled) break;
      from = control.now();
      if (!flow) for (let i = 0; i < gradient.length; i++) gradient[i] /= n;
      move();
      seconds += control.now() - from;
    } else {
      if (recording) {
        const objective = fullObjective(model, theta, null, control);
        if (objective === undefined) {
          cancelled = true;
          break;
        }
        note(epoch, objective);
        from = control.now();
      }
      done = epoch;
      if (epoch === options.epochs || diverged || order === null) break;
      for (let i = n - 1; i > 0; i--) {
        const j = rng.integer(i + 1);
        const t = order[i];
        order[i] = order[j];
        order[j] = t;
      }
      for (let at = 0; at < n && !cancelled; at += batch) {
        const count = Math.min(batch, n - at);
        gradient.fill(0);
        for (let row = at; row < at + count; row += rowsPerCheck) {
          model.addLoss(theta, order, row, Math.min(rowsPerCheck, at + count - row), gradient);
          workSinceCheck += model.flopsPerRow * Math.min(rowsPerCheck, at + count - row);
          if (workSinceCheck >= workPerCheck) {
            workSinceCheck = 0;
            if (control.shouldStop()) {
              cancelled = true;
              break;
            }
          }
        }
        if (cancelled) break;
        for (let i = 0; i < gradient.length; i++) gradient[i] /= count;
        model.addPenalty(theta, 1 / n, gradient);
        move();
      }
      seconds += control.now() - from;
    }
    if (control.shouldStop()) cancelled = true;
  }
  if (cancelled && !diverged) {
    // The curve ends where the run was stopped (possibly within an epoch); this one evaluation is allowed to finish.
    const at = step / stepsPerEpoch;
    if (curve.epochs.length === 0 || curve.epochs[curve.epochs.length - 1] < at) {
      note(at, judge(model.addLoss(theta, null, 0, n, null) + model.addPenalty(theta, 1, null)));
    }
  }
  const end = diverged ? best : Float64Array.from(theta);
  model.release(theta);
  model.release(gradient);
  return {
    theta: end,
    objective: diverged ? bestObjective : (curve.objective[curve.objective.length - 1] ?? Infinity),
    curve,
    // A stop may come after a step whose epoch has not been counted yet.
    epochs: cancelled ? Math.floor(step / stepsPerEpoch) : done,
    diverged,
    settled,
    cancelled,
    pathLength: options.trackPath === true ? pathLength : undefined,
    optimizer: optimizer.state(),
    order,
  };
}
