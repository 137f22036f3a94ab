import type { DenseMatrix } from '../linalg/matrix.ts';
import { createRng } from '../random/rng.ts';
import { type Control, uncontrolled } from '../solver/control.ts';

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
  /** The weights at this moment. */
  readonly network: FlowNetwork;
}

export interface FlowResult {
  readonly network: FlowNetwork;
  readonly snapshots: readonly FlowSnapshot[];
  readonly steps: number;
  readonly time: number;
  readonly separated: boolean;
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

/** Steps between two looks at how far a held direction has moved. */
const settleWindow = 500;

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
 *     d theta / ds = -grad L / L = sum_i p_i y_i grad f(x_i),   p_i = -l'(q_i) / L,
 * computed from logarithms, so that nothing underflows however large the margins get. Heun's method with its Euler error estimate; on a kink
 * the estimate makes the steps small and lets them pass. Deterministic by seed.
 */
export function gradientFlow(
  X: DenseMatrix,
  y: Float64Array,
  options: FlowOptions,
  control: Control = uncontrolled,
): FlowResult {
  const n = X.rows;
  const d = X.cols;
  const x = X.data;
  const first = options.start ?? initialFlowNetwork(d, options);
  if (first.inputs !== d) throw new RangeError(`the network takes ${first.inputs} inputs, the data have ${d}`);
  const m = first.a.length;
  const size = m * d + m;
  const theta = new Float64Array(size);
  theta.set(first.W);
  theta.set(first.a, m * d);
  const H = new Float64Array(n * m);
  const q = new Float64Array(n);
  const p = new Float64Array(n);
  const k1 = new Float64Array(size);
  const k2 = new Float64Array(size);
  const trial = new Float64Array(size);
  const balance0 = new Float64Array(m);
  const balanceOf = (j: number): number => {
    let s = theta[m * d + j] ** 2;
    for (let k = 0; k < d; k++) s -= theta[j * d + k] ** 2;
    return s;
  };
  for (let j = 0; j < m; j++) balance0[j] = balanceOf(j);

  let logLoss = 0;
  let margin = 0;
  /** out := -grad log L at t; sets logLoss and margin. */
  const field = (t: Float64Array, out: Float64Array): void => {
    margin = Infinity;
    let top = -Infinity;
    for (let i = 0, at = 0; i < n; i++, at += d) {
      let f = 0;
      for (let j = 0, w = 0; j < m; j++, w += d) {
        let s = 0;
        for (let k = 0; k < d; k++) s += t[w + k] * x[at + k];
        if (s > 0) f += s * t[m * d + j];
        H[i * m + j] = s;
      }
      q[i] = y[i] * f;
      margin = Math.min(margin, q[i]);
      // ln l(q) for l = ln(1 + e^-q): about -q for large q.
      p[i] = q[i] > 30 ? -q[i] - 0.5 * Math.exp(-q[i]) : Math.log(q[i] > -30 ? Math.log1p(Math.exp(-q[i])) : -q[i]);
      top = Math.max(top, p[i]);
    }
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.exp(p[i] - top);
    logLoss = top + Math.log(sum);
    out.fill(0);
    for (let i = 0, at = 0; i < n; i++, at += d) {
      // -l'(q) / L = sigmoid(-q) / L.
      const slope = -(q[i] > 0 ? q[i] + Math.log1p(Math.exp(-q[i])) : Math.log1p(Math.exp(q[i]))) - logLoss;
      if (slope < -745) continue;
      const force = y[i] * Math.exp(slope);
      for (let j = 0, w = 0, h = i * m; j < m; j++, w += d, h++) {
        const s = H[h];
        if (!(s > 0)) continue;
        out[m * d + j] += force * s;
        const back = force * t[m * d + j];
        for (let k = 0; k < d; k++) out[w + k] += back * x[at + k];
      }
    }
  };
  const norm2Of = (t: Float64Array): number => {
    let s = 0;
    for (let i = 0; i < size; i++) s += t[i] * t[i];
    return s;
  };

  let heldNorm: number | null = null;
  const snapshots: FlowSnapshot[] = [];
  let time = 0;
  let steps = 0;
  const copy = (): FlowNetwork => ({ inputs: d, W: theta.slice(0, m * d), a: theta.slice(m * d) });
  const snap = (): void => {
    const square = norm2Of(theta);
    let drift = 0;
    for (let j = 0; j < m; j++) drift = Math.max(drift, Math.abs(balanceOf(j) - balance0[j]));
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
      network: copy(),
    });
  };

  field(theta, k1);
  const begin = control.now();
  snap();
  // Snapshots are taken whenever the norm has changed by this factor, or directions may have moved: every so many steps before.
  let lastNorm = norm2Of(theta);
  let lastLoss = logLoss;
  let everyNorm = 1.05;
  let step = 1e-3;
  let stopped = false;
  let drop = 0;
  let bestSmoothed = -Infinity;
  const reference = new Float64Array(size);
  let growth = 0;
  let checked = 0;
  let speed: number | null = null;
  let settled = false;
  let lastHeld = 0;
  while (steps < options.maxSteps && !settled) {
    if (heldNorm === null && margin >= options.targetMargin) heldNorm = Math.sqrt(norm2Of(theta));
    if ((steps & 15) === 0) {
      if (control.shouldStop()) {
        stopped = true;
        break;
      }
      control.report?.({
        iteration: steps,
        seconds: control.now() - begin,
        objective: margin,
        dualBound: NaN,
        active: m,
        phase: 'gradient flow',
      });
    }
    const length = Math.sqrt(norm2Of(theta));
    for (let i = 0; i < size; i++) trial[i] = theta[i] + step * k1[i];
    const keptLoss = logLoss;
    const keptMargin = margin;
    field(trial, k2);
    let error = 0;
    for (let i = 0; i < size; i++) error += (k2[i] - k1[i]) ** 2;
    const relative = (0.5 * step * Math.sqrt(error)) / (options.stepTolerance * length);
    if (relative > 1 && step > 1e-12) {
      logLoss = keptLoss;
      margin = keptMargin;
      step *= Math.max(0.2, 0.9 / Math.sqrt(relative));
      continue;
    }
    for (let i = 0; i < size; i++) theta[i] += 0.5 * step * (k1[i] + k2[i]);
    if (heldNorm !== null) {
      const factor = heldNorm / Math.sqrt(norm2Of(theta));
      for (let i = 0; i < size; i++) theta[i] *= factor;
    }
    const taken = step;
    time += step;
    steps++;
    step *= Math.min(2, 0.9 / Math.sqrt(Math.max(relative, 1e-4)));
    field(theta, k1);
    const square = norm2Of(theta);
    if (heldNorm !== null) {
      // The field is the velocity; its radial part is the growth of log ||theta|| that is held back.
      let radial = 0;
      for (let i = 0; i < size; i++) radial += k1[i] * theta[i];
      growth += (taken * radial) / square;
      if (steps - checked >= settleWindow) {
        let moved = 0;
        for (let i = 0; i < size; i++) moved += (theta[i] - reference[i]) ** 2;
        if (checked > 0) {
          speed = Math.sqrt(moved / square) / growth;
          settled = growth > 0.1 && speed <= options.settledSpeed;
        }
        reference.set(theta);
        checked = steps;
        growth = 0;
      }
    }
    if (margin > 0 && logLoss < logOfLn2) {
      const smoothed = inverseLoss(logLoss) / square;
      if (bestSmoothed > 0) drop = Math.max(drop, 1 - smoothed / bestSmoothed);
      bestSmoothed = Math.max(bestSmoothed, smoothed);
    }
    const changed =
      heldNorm !== null
        ? steps - lastHeld >= 200 * everyNorm
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
    separated: margin > 0,
    speed,
    settled,
    heldNorm,
    smoothedMarginDrop: Math.max(0, drop),
    stopped,
  };
}
