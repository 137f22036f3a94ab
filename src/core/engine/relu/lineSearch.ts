import type { ActiveNeurons, Neuron } from './activeNeurons.ts';
import type { NewtonStep } from './newtonStep.ts';

/** Step lengths at which a neuron crosses the hyperplane of a class. */
interface Crossing {
  readonly tau: number;
  readonly neuron: Neuron;
  readonly k: number;
}

/** The interval is halved until it holds at most this many kinks, which are then gone through in order. */
const fewKinks = 6;
/** Relative speed towards a hyperplane below which it is rounding. */
const still = 1e-13;
/** Relative increase of the objective that is rounding. */
const rounding = 1e-13;
const maxHalvings = 60;
/** Share of the first-order gain from which on a full step is taken (a Newton step promises half), and relative noise of the objective. */
const enough = 0.2;
const noise = 1e-15;
/** Relative gain that values do not show reliably. */
const invisible = 1e-12;

export interface Moved {
  /** Length of the step, 1 being the full one. */
  readonly tau: number;
  /** A kink was held or left. */
  readonly changed: boolean;
}

/** The objective along u + tau du, offset + tau doffset. */
class Ray {
  readonly F: Float64Array;
  readonly slope: Float64Array;
  private readonly gradient: Float64Array;
  value = 0;

  constructor(
    private readonly state: ActiveNeurons,
    private readonly doffset: Float64Array,
  ) {
    this.F = new Float64Array(state.F.length);
    this.slope = new Float64Array(state.F.length);
    this.gradient = new Float64Array(state.F.length);
  }

  /** Fit and its slope at tau, with the sides just after it; sets `value`, returns the derivative. */
  at(tau: number): number {
    const { neurons, offset, n, c, problem } = this.state;
    const { classOf, scale } = problem.classes;
    const { F, slope, doffset } = this;
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < c; o++) {
        F[i * c + o] = problem.offset ? offset[o] + tau * doffset[o] : 0;
        slope[i * c + o] = problem.offset ? doffset[o] : 0;
      }
    }
    for (const { t, dt, side, sign, output } of neurons) {
      for (let i = 0; i < n; i++) {
        const k = classOf[i];
        if (k < 0 || side[k] === 0) continue;
        const along = scale[i] * dt[k];
        const z = scale[i] * t[k] + tau * along;
        if (z > 0 || (z === 0 && along > 0)) {
          F[i * c + output] += sign * z;
          slope[i * c + output] += sign * along;
        }
      }
    }
    this.value = problem.datafit.value(F) + problem.beta * this.penalty(tau);
    return this.derivative(tau);
  }

  /** Derivative of the objective at tau, from F and its slope there. */
  derivative(tau: number): number {
    const { neurons, problem } = this.state;
    const { F, slope, gradient } = this;
    problem.datafit.gradient(F, gradient);
    let s = 0;
    for (let i = 0; i < F.length; i++) s += gradient[i] * slope[i];
    for (const { u, du } of neurons) {
      let uu = 0;
      let ud = 0;
      for (let j = 0; j < problem.penalizedCols; j++) {
        const value = u[j] + tau * du[j];
        uu += value * value;
        ud += value * du[j];
      }
      if (uu > 0) s += (problem.beta * ud) / Math.sqrt(uu);
    }
    return s;
  }

  private penalty(tau: number): number {
    const { neurons, problem } = this.state;
    let sum = 0;
    for (const { u, du } of neurons) {
      let uu = 0;
      for (let j = 0; j < problem.penalizedCols; j++) uu += (u[j] + tau * du[j]) ** 2;
      sum += Math.sqrt(uu);
    }
    return sum;
  }

  /** Moves on within a piece. */
  advance(step: number): void {
    const { F, slope } = this;
    if (step !== 0) for (let i = 0; i < F.length; i++) F[i] += step * slope[i];
  }

  /** The rows of a class change sides for a neuron. */
  cross({ neuron, k }: Crossing, side: number): void {
    const { c, problem } = this.state;
    const { start, rows, scale } = problem.classes;
    for (let m = start[k]; m < start[k + 1]; m++) {
      const i = rows[m];
      const change = neuron.sign * scale[i] * neuron.dt[k];
      this.slope[i * c + neuron.output] += side * scale[i] > 0 ? -change : change;
    }
  }
}

/**
 * Moves along the directions `du` and `doffset`: the full step when it gains enough, and then the kinks that it aims at are held; otherwise to a minimum before, within a piece or on
 * a kink, whose class is then held. The interval that holds a minimum lower than its start is halved by values and slopes, so that of
 * thousands of kinks only a handful is looked at one by one. The objective does not rise.
 */
export function lineSearch(state: ActiveNeurons, doffset: Float64Array, { aims, releases }: NewtonStep): Moved {
  const { neurons } = state;
  for (const { neuron, k, side } of releases) state.release(neuron, k, side);
  state.straighten();
  if (!doffset.some((value) => value !== 0) && !neurons.some(({ du }) => du.some((value) => value !== 0)))
    return { tau: 0, changed: false };
  const ray = new Ray(state, doffset);
  const { tau, held } = locate(state, ray);
  const before = state.objective;
  const saved = neurons.map(({ u, held: kinks }) => ({ u, kinks }));
  for (const neuron of neurons) neuron.u = neuron.u.map((value, j) => value + tau * neuron.du[j]);
  for (let o = 0; o < doffset.length; o++) state.offset[o] += tau * doffset[o];
  const wanted = held !== undefined ? [held] : tau === 1 ? aims : [];
  const sides = wanted.map(({ neuron, k }) => neuron.side[k]);
  for (const { neuron } of wanted) neuron.held = neuron.held.slice();
  for (const { neuron, k } of wanted) state.hold(neuron, k);
  state.clean(neurons);
  state.refresh();
  if (state.objective > before + rounding * Math.abs(before)) {
    wanted.forEach(({ neuron, k }, e) => (neuron.side[k] = sides[e]));
    neurons.forEach((neuron, a) => {
      neuron.u = saved[a].u;
      neuron.held = saved[a].kinks;
      neuron.along = undefined;
    });
    for (let o = 0; o < doffset.length; o++) state.offset[o] -= tau * doffset[o];
    state.clean(neurons);
    state.refresh();
    return { tau: 0, changed: releases.length > 0 };
  }
  return { tau, changed: wanted.length > 0 || releases.length > 0 };
}

/** The step length, and the kink on which it ends. */
function locate(state: ActiveNeurons, ray: Ray): { tau: number; held?: Crossing } {
  let low = 0;
  let lowSlope = ray.at(0);
  let lowValue = ray.value;
  let high = 1;
  let highSlope = ray.at(1);
  // where the gain is lost in rounding values say nothing, and a Newton step is as good as its model
  const unseen = Math.abs(lowSlope) <= invisible * Math.abs(lowValue);
  if (unseen && ray.value <= lowValue + rounding * Math.abs(lowValue)) return { tau: 1 };
  if (lowSlope >= 0) {
    // no descent just after the start: a kink that the direction leaves at once, or rounding
    const first = crossings(state, 0).filter(({ tau }) => tau === 0);
    return first.length > 0 ? { tau: 0, held: first[0] } : { tau: 0 };
  }
  if (ray.value <= lowValue + enough * lowSlope + noise * Math.abs(lowValue)) return { tau: 1 };
  let kinks = crossings(state, 1);
  for (let round = 0; round < maxHalvings && kinks.length > fewKinks; round++) {
    const secant = highSlope > 0 ? low + ((high - low) * -lowSlope) / (highSlope - lowSlope) : 0.5 * (low + high);
    const middle = Math.min(low + 0.8 * (high - low), Math.max(low + 0.2 * (high - low), secant));
    if (!(middle > low && middle < high)) break;
    const slope = ray.at(middle);
    if (slope < 0 && ray.value <= lowValue) {
      low = middle;
      lowSlope = slope;
      lowValue = ray.value;
    } else {
      high = middle;
      highSlope = slope;
    }
    kinks = kinks.filter(({ tau }) => tau >= low && tau <= high);
  }
  return walk(ray, low, high, kinks.sort((a, b) => a.tau - b.tau)); // prettier-ignore
}

/** All crossings up to tau = limit. */
function crossings({ neurons, problem }: ActiveNeurons, limit: number): Crossing[] {
  const found: Crossing[] = [];
  for (const neuron of neurons) {
    const { t, dt, side, du } = neuron;
    const length = Math.hypot(...du);
    for (let k = 0; k < problem.classes.count; k++) {
      if (side[k] === 0 || side[k] * dt[k] >= -still * length) continue;
      const tau = Math.max(0, -t[k] / dt[k]);
      if (tau <= limit) found.push({ tau, neuron, k });
    }
  }
  return found;
}

/** From `low`, where the objective falls, through the kinks in order to the first minimum. */
function walk(ray: Ray, low: number, high: number, kinks: readonly Crossing[]): { tau: number; held?: Crossing } {
  ray.at(low);
  let tau = low;
  for (let b = 0; ; b++) {
    const end = b < kinks.length ? kinks[b].tau : high;
    const from = tau;
    ray.advance(end - from);
    tau = end;
    if (end > from && ray.derivative(end) > 0) return { tau: withinPiece(ray, from, end) };
    if (b >= kinks.length) return { tau };
    // `at` takes the side just after a kink, so that one at the very start has been crossed already
    if (!(kinks[b].tau > low)) continue;
    ray.cross(kinks[b], kinks[b].neuron.side[kinks[b].k]);
    if (ray.derivative(tau) >= 0) return { tau, held: kinks[b] };
  }
}

/** The root of the derivative between two points without a kink in between: regula falsi with bisection (Illinois); F stands at `to`. */
function withinPiece(ray: Ray, from: number, to: number): number {
  let [low, high] = [from, to];
  let tau = to;
  const at = (next: number): number => {
    ray.advance(next - tau);
    tau = next;
    return ray.derivative(next);
  };
  let highSlope = ray.derivative(to);
  let lowSlope = at(from);
  if (lowSlope >= 0) return from;
  const first = lowSlope;
  for (let round = 0; round < 60 && high - low > 1e-15 * high; round++) {
    let middle = low - (lowSlope * (high - low)) / (highSlope - lowSlope);
    if (!(middle > low && middle < high)) middle = 0.5 * (low + high);
    const slope = at(middle);
    if (Math.abs(slope) <= 1e-14 * Math.abs(first)) break;
    if (slope < 0) {
      low = middle;
      lowSlope = slope;
      highSlope *= 0.5;
    } else {
      high = middle;
      highSlope = slope;
      lowSlope *= 0.5;
    }
  }
  return tau;
}
