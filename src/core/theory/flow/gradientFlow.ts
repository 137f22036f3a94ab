import { type DenseMatrix, dot } from '../../base/linalg/matrix.ts';
import { createRng } from '../../base/rng.ts';
import { type Control, uncontrolled } from '../../base/control.ts';
import { type FieldPoint, fieldPoint, logisticField, weightedField } from './logisticField.ts';
import { SlidingKinks } from './slidingKinks.ts';
import { StiffPart } from './stiffStep.ts';

/** A two-layer ReLU network f(x) = sum_j a_j (w_j'x)_+ on effective inputs: inner weights m x d by rows, then m outer weights. */
export interface FlowNetwork {
  readonly inputs: number;
  readonly W: Float64Array;
  readonly a: Float64Array;
}

export interface FlowOptions {
  readonly width: number;
  readonly seed: number;
  /** Norm of a typical neuron at the start; small, so that directions settle before the norms grow. */
  readonly initScale: number;
  /** Start with |a_j| = ||w_j||, which the flow keeps. */
  readonly balanced: boolean;
  /** Start from this network instead. */
  readonly start?: FlowNetwork;
  /**
   * The flow runs until the smallest margin min y f reaches this value. From then on the norm of theta is held there and only its
   * direction follows the flow, until it settles: the direction's field depends on the norm only through the temperature 1 / margin, and
   * letting the norm grow on would take ever smaller steps.
   */
  readonly targetMargin: number;
  /** The direction has settled when it moves by less than this while the flow would make the norm grow by a factor e. */
  readonly settledSpeed: number;
  readonly maxSteps: number;
  /** Local error of one step relative to the norm of all weights. */
  readonly stepTolerance: number;
  /** Snapshots kept at most. */
  readonly snapshots: number;
}

export const defaultFlowOptions: FlowOptions = {
  width: 20,
  seed: 1,
  initScale: 1e-3,
  balanced: true,
  targetMargin: 1000,
  settledSpeed: 1e-5,
  maxSteps: 60_000,
  stepTolerance: 1e-4,
  snapshots: 120,
};

export interface FlowSnapshot {
  /** Flow time of the logarithm of the loss: d theta / ds = -grad log L. */
  readonly time: number;
  readonly step: number;
  /** False while theta flows, true once its norm is held. */
  readonly held: boolean;
  readonly logLoss: number;
  /** Smallest margin min_i y_i f(x_i), and divided by ||theta||^2. */
  readonly margin: number;
  readonly normalizedMargin: number;
  /** l^-1(L) / ||theta||^2 with l the logistic loss: never falls along the flow once the data are separated (Lyu and Li 2020); null before. */
  readonly smoothedMargin: number | null;
  readonly norm: number;
  /** Largest |a_j^2 - ||w_j||^2 - its start value| relative to ||theta||^2. */
  readonly balanceDrift: number;
  /** Pairs of a neuron and a kink it slides along. */
  readonly onKinks: number;
  /** The weights at this moment. */
  readonly network: FlowNetwork;
}

export interface FlowResult {
  readonly network: FlowNetwork;
  readonly snapshots: readonly FlowSnapshot[];
  readonly steps: number;
  readonly time: number;
  readonly separated: boolean;
  /** Pairs of a neuron and a kink that the flow slides along at the end. */
  readonly onKinks: number;
  /** The flow came to rest without separating: no neuron is left that could change the rows it has wrong. */
  readonly atRest: boolean;
  /** Movement of the direction per factor e of norm over the last steps; null if the norm was never held. */
  readonly speed: number | null;
  readonly settled: boolean;
  /** Norm at which the flow was held, if it got that far. */
  readonly heldNorm: number | null;
  /** The largest fall of the smoothed margin between snapshots after separation, relative; 0 for an exact flow. */
  readonly smoothedMarginDrop: number;
  readonly stopped: boolean;
}

/** Below this total loss its inverse image under one logistic loss is positive. */
const logOfLn2 = Math.log(Math.LN2);

/** The margin at which a single logistic loss equals exp(logLoss): -ln(e^L - 1). */
function inverseLoss(logLoss: number): number {
  return logLoss < -30 ? -logLoss : -Math.log(Math.expm1(Math.exp(logLoss)));
}

/** A held direction is looked at whenever the flow would have made the norm grow by a factor of e to this power. */
const settleGrowth = 0.5;
/** Growth of log ||theta|| in one step once the norm is held: what keeps the steps finite where nothing moves any more. */
const mostGrowth = 0.05;
/** From this margin on the flow is stiff: rows trade their weight far faster than directions move. */
const stiffMargin = 3;
/** gamma of the second-order Rosenbrock method: the smaller value for which it is L-stable. */
const gamma = 1 - Math.SQRT1_2;
/** What decides about kinks is the field after the weights of rows have relaxed for at least this much flow time. */
const relaxation = 0.1;
/** Rounds of looking at kinks after one step. */
const mostRounds = 4;
/** A relative change of theta this much at odds with any change of log L means the flow has come to rest. */
const restSlope = 1e-7;

/** A random start. */
export function initialFlowNetwork(inputs: number, options: FlowOptions): FlowNetwork {
  const rng = createRng(options.seed).fork('flow');
  const W = new Float64Array(options.width * inputs);
  const a = new Float64Array(options.width);
  for (let j = 0; j < options.width; j++) {
    let s = 0;
    for (let k = 0; k < inputs; k++) {
      const value = (options.initScale * rng.normal()) / Math.sqrt(inputs);
      W[j * inputs + k] = value;
      s += value * value;
    }
    const draw = rng.normal();
    a[j] = options.balanced ? Math.sign(draw || 1) * Math.sqrt(s) : options.initScale * draw;
  }
  return { inputs, W, a };
}

/**
 * Gradient flow of the logistic loss sum ln(1 + exp(-y f)) without regularisation, with time counted in units of the loss:
 *     d theta / ds = -grad L / L = sum_i p_i y_i grad f(x_i),   p_i = -l'(q_i) / L.
 * A two-stage Rosenbrock method of second order for any approximation of the derivative (Verwer et al. 1999) with its first-order error
 * estimate: explicit (Heun) while margins are small, later with the stiff part of the derivative. On kinks into which both sides point the
 * flow slides (`SlidingKinks`); others are passed, the error estimate making the steps small there. Deterministic by seed.
 */
export function gradientFlow(
  X: DenseMatrix,
  y: Float64Array,
  options: FlowOptions,
  control: Control = uncontrolled,
): FlowResult {
  const first = options.start ?? initialFlowNetwork(X.cols, options);
  if (first.inputs !== X.cols)
    throw new RangeError(`the network takes ${first.inputs} inputs, the data have ${X.cols}`);
  const flow = new MovingPoint(X, y, first);
  const begin = control.now();
  const history = new FlowHistory(flow, options.snapshots);
  const direction = new HeldDirection(flow, options.settledSpeed);
  let stopped = false;
  let drop = 0;
  let bestSmoothed = -Infinity;
  let atRest = false;
  while (flow.steps < options.maxSteps && !direction.settled) {
    if (flow.heldNorm === null && flow.here.margin >= options.targetMargin) {
      flow.hold();
      direction.begin();
    }
    // A stiff step on hundreds of rows takes a good part of a tenth of a second.
    if ((flow.isStiff || (flow.steps & 15) === 0) && control.shouldStop()) {
      stopped = true;
      break;
    }
    if ((flow.steps & 15) === 0) {
      control.report?.({
        iteration: flow.steps,
        seconds: control.now() - begin,
        objective: flow.here.margin,
        dualBound: NaN,
        active: first.a.length,
        phase: 'gradient flow',
      });
    }
    const length = Math.sqrt(squareOf(flow.theta));
    if (flow.heldNorm === null && flow.here.margin <= 0 && flow.speed * length < restSlope) {
      atRest = true;
      break;
    }
    const grown = flow.advance(length, options.stepTolerance, control);
    const { logLoss, margin } = flow.here;
    const square = squareOf(flow.theta);
    direction.look(grown, square);
    if (margin > 0 && logLoss < logOfLn2) {
      const smoothed = inverseLoss(logLoss) / square;
      if (bestSmoothed > 0) drop = Math.max(drop, 1 - smoothed / bestSmoothed);
      bestSmoothed = Math.max(bestSmoothed, smoothed);
    }
    history.look(square);
  }
  history.end();
  return {
    network: flow.network(),
    snapshots: history.snapshots,
    steps: flow.steps,
    time: flow.time,
    separated: flow.here.margin > 0,
    onKinks: flow.kinks.count,
    atRest,
    speed: direction.speed,
    settled: direction.settled,
    heldNorm: flow.heldNorm,
    smoothedMarginDrop: Math.max(0, drop),
    stopped,
  };
}

const squareOf = (t: Float64Array): number => dot(t, t);

/** The weights of a flow, its velocity there, and the adaptive step that moves them on. */
class MovingPoint {
  /** Inner weights m x d by rows, then m outer weights. */
  readonly theta: Float64Array;
  readonly here: FieldPoint;
  readonly kinks: SlidingKinks;
  heldNorm: number | null = null;
  time = 0;
  steps = 0;
  /** Length of the next step, and d log ||theta|| / ds of the flow before its norm is held. */
  private step = 1e-3;
  private radial = 0;
  private stiff: StiffPart | undefined;
  private readonly there: FieldPoint;
  private readonly velocity: Float64Array;
  private readonly raw: Float64Array;
  private readonly k1: Float64Array;
  private readonly k2: Float64Array;
  private readonly trial: Float64Array;

  constructor(
    private readonly X: DenseMatrix,
    private readonly y: Float64Array,
    first: FlowNetwork,
  ) {
    const m = first.a.length;
    const size = m * X.cols + m;
    this.theta = new Float64Array(size);
    this.theta.set(first.W);
    this.theta.set(first.a, m * X.cols);
    this.here = fieldPoint(X.rows, m);
    this.there = fieldPoint(X.rows, m);
    this.kinks = new SlidingKinks(X, y, m);
    this.k1 = new Float64Array(size);
    this.k2 = new Float64Array(size);
    this.velocity = new Float64Array(size);
    this.raw = new Float64Array(size);
    this.trial = new Float64Array(size);
    logisticField(X, y, this.theta, this.kinks.held, this.here, this.raw);
    this.kinks.begin(this.here.H);
    this.arrive();
  }

  get isStiff(): boolean {
    return this.stiff !== undefined;
  }

  /** Norm of the velocity. */
  get speed(): number {
    return Math.sqrt(squareOf(this.velocity));
  }

  network(): FlowNetwork {
    const inner = this.kinks.neurons * this.X.cols;
    return { inputs: this.X.cols, W: this.theta.slice(0, inner), a: this.theta.slice(inner) };
  }

  /** a_j^2 - ||w_j||^2, which an exact flow keeps. */
  balanceOf(j: number): number {
    const d = this.X.cols;
    let s = this.theta[this.kinks.neurons * d + j] ** 2;
    for (let k = 0; k < d; k++) s -= this.theta[j * d + k] ** 2;
    return s;
  }

  /** From here on the norm stays what it is. */
  hold(): void {
    this.heldNorm = Math.sqrt(squareOf(this.theta));
    this.directed(this.theta, this.velocity);
  }

  /** One step from a theta of norm `length`. Returns the growth of log ||theta|| that holding the norm took away. */
  advance(length: number, tolerance: number, control: Control): number {
    const { theta, k1, k2 } = this;
    const size = theta.length;
    if (this.heldNorm !== null) this.step = Math.min(this.step, mostGrowth / Math.max(this.radial, 1e-300));
    const relative = this.stages(length, tolerance, control);
    const { step } = this;
    for (let i = 0; i < size; i++) theta[i] += step * (1.5 * k1[i] + 0.5 * k2[i]);
    if (this.heldNorm !== null) {
      const factor = this.heldNorm / Math.sqrt(squareOf(theta));
      for (let i = 0; i < size; i++) theta[i] *= factor;
    }
    this.time += step;
    this.steps++;
    const grown = this.heldNorm === null ? 0 : step * this.radial;
    this.step *= Math.min(2, 0.9 / Math.sqrt(Math.max(relative, 1e-4)));
    this.arrive();
    return grown;
  }

  /** Both stages, with a step short enough for the tolerance. Returns the error estimate relative to it. */
  private stages(length: number, tolerance: number, control: Control): number {
    const { X, y, theta, k1, k2, trial } = this;
    const size = theta.length;
    let relative: number;
    do {
      k1.set(this.velocity);
      this.stiff?.solve(k1, gamma * this.step);
      for (let i = 0; i < size; i++) trial[i] = theta[i] + this.step * k1[i];
      logisticField(X, y, trial, this.kinks.held, this.there, k2);
      this.directed(trial, k2);
      for (let i = 0; i < size; i++) k2[i] -= 2 * k1[i];
      this.stiff?.solve(k2, gamma * this.step);
      let error = 0;
      for (let i = 0; i < size; i++) error += (k1[i] + k2[i]) ** 2;
      relative = (0.5 * this.step * Math.sqrt(error)) / (tolerance * length);
      if (!(relative > 1 && this.step > 1e-12)) break;
      this.step *= Math.max(0.2, 0.9 / Math.sqrt(relative));
    } while (!control.shouldStop());
    return relative;
  }

  /** The velocity at a point from its raw field: along the kinks, and across theta once the norm is held. Returns d log ||theta|| / ds. */
  private directed(point: Float64Array, field: Float64Array): number {
    this.kinks.project(field);
    const radial = dot(field, point) / squareOf(point);
    if (this.heldNorm !== null) for (let i = 0; i < field.length; i++) field[i] -= radial * point[i];
    return radial;
  }

  /**
   * The velocity at theta, after the kinks it came to have been looked at: with the weights rows relax to, because right after a kink is met
   * they are far from those with which the flow goes on.
   */
  private arrive(): void {
    const { X, y, theta, here, there, kinks, velocity, raw, k1 } = this;
    for (let round = 0; ; round++) {
      logisticField(X, y, theta, kinks.held, here, velocity);
      raw.set(velocity);
      this.radial = this.directed(theta, velocity);
      this.stiff = here.q.some((q) => q >= stiffMargin) ? StiffPart.at(X, y, theta, here, kinks.bases) : undefined;
      // Letting go of one kink may lead straight onto another.
      if (round === mostRounds) return;
      if (this.stiff !== undefined) {
        k1.set(velocity);
        this.stiff.solve(k1, Math.max(relaxation, gamma * this.step));
        weightedField(X, y, theta, here, this.stiff.relaxed, raw);
      }
      if (!kinks.update(theta, raw, here.H, this.stiff?.relaxed ?? here.p, round === 0 ? there.H : here.H)) return;
    }
  }
}

/** How fast the direction still moves once the norm is held. */
class HeldDirection {
  speed: number | null = null;
  settled = false;
  private growth = 0;
  private readonly reference: Float64Array;

  constructor(
    private readonly flow: MovingPoint,
    private readonly settledSpeed: number,
  ) {
    this.reference = flow.theta.slice();
  }

  begin(): void {
    this.reference.set(this.flow.theta);
  }

  /** After a step that would have made log ||theta|| grow by `grown`; `square` is ||theta||^2. */
  look(grown: number, square: number): void {
    const { reference } = this;
    const { theta } = this.flow;
    this.growth += grown;
    if (this.growth < settleGrowth) return;
    let moved = 0;
    for (let i = 0; i < theta.length; i++) moved += (theta[i] - reference[i]) ** 2;
    this.speed = Math.sqrt(moved / square) / this.growth;
    this.settled = this.speed <= this.settledSpeed;
    reference.set(theta);
    this.growth = 0;
  }
}

/** Snapshots of a flow: taken whenever the norm has changed by a factor, or directions may have moved: every so many steps before. */
class FlowHistory {
  readonly snapshots: FlowSnapshot[] = [];
  private readonly balance0: Float64Array;
  private everyNorm = 1.05;
  private lastNorm: number;
  private lastLoss: number;
  private lastHeld = 0;

  constructor(
    private readonly flow: MovingPoint,
    private readonly most: number,
  ) {
    this.balance0 = Float64Array.from({ length: flow.kinks.neurons }, (_, j) => flow.balanceOf(j));
    this.lastNorm = squareOf(flow.theta);
    this.lastLoss = flow.here.logLoss;
    this.snap();
  }

  /** After a step; `square` is ||theta||^2. */
  look(square: number): void {
    const { steps, heldNorm, here } = this.flow;
    const { everyNorm, lastNorm } = this;
    const changed =
      heldNorm !== null
        ? steps - this.lastHeld >= 20 * everyNorm
        : square > lastNorm * everyNorm ||
          square < lastNorm / everyNorm ||
          Math.abs(here.logLoss - this.lastLoss) > 0.05;
    if (!changed) return;
    this.snap();
    this.lastNorm = square;
    this.lastHeld = steps;
    this.lastLoss = here.logLoss;
    if (this.snapshots.length <= 2 * this.most) return;
    this.halve();
    this.everyNorm **= 2;
  }

  /** The last point is kept, and no more of the others than asked for. */
  end(): void {
    const { snapshots } = this;
    if (snapshots[snapshots.length - 1].step !== this.flow.steps) this.snap();
    while (snapshots.length > this.most && snapshots.length > 2) {
      const last = snapshots[snapshots.length - 1];
      this.halve();
      snapshots[snapshots.length - 1] = last;
    }
  }

  /** Keeps every other one: even coverage on the logarithmic scale without knowing the end. */
  private halve(): void {
    const { snapshots } = this;
    for (let i = 1; 2 * i < snapshots.length; i++) snapshots[i] = snapshots[2 * i];
    snapshots.length = Math.ceil(snapshots.length / 2);
  }

  private snap(): void {
    const { flow, balance0 } = this;
    const square = squareOf(flow.theta);
    let drift = 0;
    for (let j = 0; j < balance0.length; j++) drift = Math.max(drift, Math.abs(flow.balanceOf(j) - balance0[j]));
    const { logLoss, margin } = flow.here;
    this.snapshots.push({
      time: flow.time,
      step: flow.steps,
      held: flow.heldNorm !== null,
      logLoss,
      margin,
      normalizedMargin: margin / square,
      smoothedMargin: margin > 0 && logLoss < logOfLn2 ? inverseLoss(logLoss) / square : null,
      norm: Math.sqrt(square),
      balanceDrift: drift / square,
      onKinks: flow.kinks.count,
      network: flow.network(),
    });
  }
}
