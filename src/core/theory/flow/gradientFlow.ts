import { type DenseMatrix, dot } from '../../base/linalg/matrix.ts';
import { createRng } from '../../base/rng.ts';
import { type Control, uncontrolled } from '../../base/control.ts';
import { fieldPoint, logisticField, weightedField } from './logisticField.ts';
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
  const n = X.rows;
  const d = X.cols;
  const first = options.start ?? initialFlowNetwork(d, options);
  if (first.inputs !== d) throw new RangeError(`the network takes ${first.inputs} inputs, the data have ${d}`);
  const m = first.a.length;
  const size = m * d + m;
  const theta = new Float64Array(size);
  theta.set(first.W);
  theta.set(first.a, m * d);
  const here = fieldPoint(n, m);
  const there = fieldPoint(n, m);
  const kinks = new SlidingKinks(X, y, m);
  const k1 = new Float64Array(size);
  const k2 = new Float64Array(size);
  const velocity = new Float64Array(size);
  const raw = new Float64Array(size);
  const trial = new Float64Array(size);
  const balance0 = new Float64Array(m);
  const balanceOf = (j: number): number => {
    let s = theta[m * d + j] ** 2;
    for (let k = 0; k < d; k++) s -= theta[j * d + k] ** 2;
    return s;
  };
  for (let j = 0; j < m; j++) balance0[j] = balanceOf(j);
  const squareOf = (t: Float64Array): number => dot(t, t);

  let heldNorm: number | null = null;
  const snapshots: FlowSnapshot[] = [];
  let time = 0;
  let steps = 0;
  const copy = (): FlowNetwork => ({ inputs: d, W: theta.slice(0, m * d), a: theta.slice(m * d) });
  const snap = (): void => {
    const square = squareOf(theta);
    let drift = 0;
    for (let j = 0; j < m; j++) drift = Math.max(drift, Math.abs(balanceOf(j) - balance0[j]));
    const { logLoss, margin } = here;
    snapshots.push({
      time,
      step: steps,
      held: heldNorm !== null,
      logLoss,
      margin,
      normalizedMargin: margin / square,
      smoothedMargin: margin > 0 && logLoss < logOfLn2 ? inverseLoss(logLoss) / square : null,
      norm: Math.sqrt(square),
      balanceDrift: drift / square,
      onKinks: kinks.count,
      network: copy(),
    });
  };

  /** The velocity at a point from its raw field: along the kinks, and across theta once the norm is held. Returns d log ||theta|| / ds. */
  const directed = (point: Float64Array, field: Float64Array): number => {
    kinks.project(field);
    const radial = dot(field, point) / squareOf(point);
    if (heldNorm !== null) for (let i = 0; i < size; i++) field[i] -= radial * point[i];
    return radial;
  };
  let stiff: StiffPart | undefined;
  let radial = 0;
  let step = 1e-3;
  /**
   * The velocity at theta, after the kinks it came to have been looked at: with the weights rows relax to, because right after a kink is met
   * they are far from those with which the flow goes on.
   */
  const arrive = (): void => {
    for (let round = 0; ; round++) {
      logisticField(X, y, theta, kinks.held, here, velocity);
      raw.set(velocity);
      radial = directed(theta, velocity);
      stiff = here.q.some((q) => q >= stiffMargin) ? StiffPart.at(X, y, theta, here, kinks.bases) : undefined;
      // Letting go of one kink may lead straight onto another.
      if (round === mostRounds) return;
      if (stiff !== undefined) {
        k1.set(velocity);
        stiff.solve(k1, Math.max(relaxation, gamma * step));
        weightedField(X, y, theta, here, stiff.relaxed, raw);
      }
      if (!kinks.update(theta, raw, here.H, stiff?.relaxed ?? here.p, round === 0 ? there.H : here.H)) return;
    }
  };

  logisticField(X, y, theta, kinks.held, here, raw);
  kinks.begin(here.H);
  arrive();
  const begin = control.now();
  snap();
  // Snapshots are taken whenever the norm has changed by this factor, or directions may have moved: every so many steps before.
  let lastNorm = squareOf(theta);
  let lastLoss = here.logLoss;
  let everyNorm = 1.05;
  let stopped = false;
  let drop = 0;
  let bestSmoothed = -Infinity;
  const reference = theta.slice();
  let growth = 0;
  let speed: number | null = null;
  let settled = false;
  let atRest = false;
  let lastHeld = 0;
  while (steps < options.maxSteps && !settled && !atRest) {
    if (heldNorm === null && here.margin >= options.targetMargin) {
      heldNorm = Math.sqrt(squareOf(theta));
      directed(theta, velocity);
      reference.set(theta);
    }
    // A stiff step on hundreds of rows takes a good part of a tenth of a second.
    if ((stiff !== undefined || (steps & 15) === 0) && control.shouldStop()) {
      stopped = true;
      break;
    }
    if ((steps & 15) === 0) {
      control.report?.({
        iteration: steps,
        seconds: control.now() - begin,
        objective: here.margin,
        dualBound: NaN,
        active: m,
        phase: 'gradient flow',
      });
    }
    const length = Math.sqrt(squareOf(theta));
    if (heldNorm !== null) step = Math.min(step, mostGrowth / Math.max(radial, 1e-300));
    else if (here.margin <= 0 && Math.sqrt(squareOf(velocity)) * length < restSlope) {
      atRest = true;
      break;
    }
    let relative: number;
    do {
      k1.set(velocity);
      stiff?.solve(k1, gamma * step);
      for (let i = 0; i < size; i++) trial[i] = theta[i] + step * k1[i];
      logisticField(X, y, trial, kinks.held, there, k2);
      directed(trial, k2);
      for (let i = 0; i < size; i++) k2[i] -= 2 * k1[i];
      stiff?.solve(k2, gamma * step);
      let error = 0;
      for (let i = 0; i < size; i++) error += (k1[i] + k2[i]) ** 2;
      relative = (0.5 * step * Math.sqrt(error)) / (options.stepTolerance * length);
      if (!(relative > 1 && step > 1e-12)) break;
      step *= Math.max(0.2, 0.9 / Math.sqrt(relative));
    } while (!control.shouldStop());
    for (let i = 0; i < size; i++) theta[i] += step * (1.5 * k1[i] + 0.5 * k2[i]);
    if (heldNorm !== null) {
      const factor = heldNorm / Math.sqrt(squareOf(theta));
      for (let i = 0; i < size; i++) theta[i] *= factor;
    }
    time += step;
    steps++;
    growth += heldNorm === null ? 0 : step * radial;
    step *= Math.min(2, 0.9 / Math.sqrt(Math.max(relative, 1e-4)));
    arrive();
    const { logLoss, margin } = here;
    const square = squareOf(theta);
    if (growth >= settleGrowth) {
      let moved = 0;
      for (let i = 0; i < size; i++) moved += (theta[i] - reference[i]) ** 2;
      speed = Math.sqrt(moved / square) / growth;
      settled = speed <= options.settledSpeed;
      reference.set(theta);
      growth = 0;
    }
    if (margin > 0 && logLoss < logOfLn2) {
      const smoothed = inverseLoss(logLoss) / square;
      if (bestSmoothed > 0) drop = Math.max(drop, 1 - smoothed / bestSmoothed);
      bestSmoothed = Math.max(bestSmoothed, smoothed);
    }
    const changed =
      heldNorm !== null
        ? steps - lastHeld >= 20 * everyNorm
        : square > lastNorm * everyNorm || square < lastNorm / everyNorm || Math.abs(logLoss - lastLoss) > 0.05;
    if (changed) {
      snap();
      lastNorm = square;
      lastHeld = steps;
      lastLoss = logLoss;
      if (snapshots.length > 2 * options.snapshots) {
        // Keep every other one and go on more coarsely: even coverage on the logarithmic scale without knowing the end.
        for (let i = 1; 2 * i < snapshots.length; i++) snapshots[i] = snapshots[2 * i];
        snapshots.length = Math.ceil(snapshots.length / 2);
        everyNorm **= 2;
      }
    }
  }
  if (snapshots[snapshots.length - 1].step !== steps) snap();
  while (snapshots.length > options.snapshots && snapshots.length > 2) {
    const last = snapshots[snapshots.length - 1];
    for (let i = 1; 2 * i < snapshots.length; i++) snapshots[i] = snapshots[2 * i];
    snapshots.length = Math.ceil(snapshots.length / 2);
    snapshots[snapshots.length - 1] = last;
  }
  return {
    network: copy(),
    snapshots,
    steps,
    time,
    separated: here.margin > 0,
    onKinks: kinks.count,
    atRest,
    speed,
    settled,
    heldNorm,
    smoothedMarginDrop: Math.max(0, drop),
    stopped,
  };
}
