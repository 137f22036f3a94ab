import type { ActiveNeurons, Neuron } from './activeNeurons.ts';
import type { NewtonStep } from './newtonStep.ts';

/** Where a neuron crosses the hyperplane of a class. */
interface Crossing {
  readonly tau: number;
  readonly neuron: Neuron;
  readonly k: number;
}

/** Many of these, by the place of the neuron. */
interface Crossings {
  readonly tau: Float64Array;
  readonly neuron: Int32Array;
  readonly k: Int32Array;
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

/** Fit and its slope, n x c each, at a point of a ray, with the sides just after it. */
interface PointOfRay {
  readonly F: Float64Array;
  readonly slope: Float64Array;
}

/** The objective along u + tau du, offset + tau doffset. */
class Ray {
  /** Where it stands. */
  private point: PointOfRay;
  /** Another point, from which it can go on. */
  private base: PointOfRay;
  private readonly gradient: Float64Array;

  constructor(
    private readonly state: ActiveNeurons,
    private readonly doffset: Float64Array,
  ) {
    const size = state.F.length;
    this.point = { F: new Float64Array(size), slope: new Float64Array(size) };
    this.base = { F: new Float64Array(size), slope: new Float64Array(size) };
    this.gradient = new Float64Array(size);
  }

  /** Stands at 1, with the start as the base; objective and derivative at both. */
  ends(): { readonly values: readonly [number, number]; readonly slopes: readonly [number, number] } {
    const { neurons, offset, n, c, problem } = this.state;
    const { classOf, scale } = problem.classes;
    const { doffset, base, point } = this;
    if (problem.offset) {
      for (let i = 0, at = 0; i < n; i++) {
        for (let o = 0; o < c; o++, at++) {
          base.F[at] = offset[o];
          point.F[at] = offset[o] + doffset[o];
          base.slope[at] = point.slope[at] = doffset[o];
        }
      }
    }
    for (const { t, dt, side, sign, output } of neurons) {
      this.state.poll();
      for (let i = 0, at = output; i < n; i++, at += c) {
        const k = classOf[i];
        if (k < 0 || side[k] === 0) continue;
        const from = scale[i] * t[k];
        const along = scale[i] * dt[k];
        const to = from + along;
        if (from > 0 || (from === 0 && along > 0)) {
          base.F[at] += sign * from;
          base.slope[at] += sign * along;
        }
        if (to > 0 || (to === 0 && along > 0)) {
          point.F[at] += sign * to;
          point.slope[at] += sign * along;
        }
      }
    }
    const [value, slope] = [this.value(1), this.derivative(1)];
    this.swap();
    const ends = { values: [this.value(0), value], slopes: [this.derivative(0), slope] } as const;
    this.swap();
    return ends;
  }

  /** Exchanges the point where it stands with the base. */
  swap(): void {
    [this.point, this.base] = [this.base, this.point];
  }

  /** Goes from the base at `low` to `tau`, past the crossings between them. */
  goTo(tau: number, low: number, crossings: Crossings): void {
    const { point, base, state } = this;
    state.poll();
    const { start, rows } = state.problem.classes;
    point.slope.set(base.slope);
    for (let e = 0; e < point.F.length; e++) point.F[e] = base.F[e] + (tau - low) * base.slope[e];
    for (let e = 0; e < crossings.tau.length; e++) {
      const at = crossings.tau[e];
      if (!(at > low && at <= tau)) continue;
      const neuron = state.neurons[crossings.neuron[e]];
      const k = crossings.k[e];
      for (let m = start[k]; m < start[k + 1]; m++) {
        const change = this.turn(neuron, k, rows[m]);
        point.slope[rows[m] * state.c + neuron.output] += change;
        point.F[rows[m] * state.c + neuron.output] += (tau - at) * change;
      }
    }
  }

  /** How the slope of row i changes where the neuron leaves its side of class k. */
  private turn({ sign, dt, side }: Neuron, k: number, i: number): number {
    const scale = this.state.problem.classes.scale[i];
    const change = sign * scale * dt[k];
    return side[k] * scale > 0 ? -change : change;
  }

  /** Objective at tau, where it stands. */
  value(tau: number): number {
    return this.state.problem.datafit.value(this.point.F) + this.state.problem.beta * this.penalty(tau);
  }

  /** Its derivative. */
  derivative(tau: number): number {
    this.state.poll();
    const { neurons, problem } = this.state;
    const { gradient } = this;
    const { F, slope } = this.point;
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
    const { F, slope } = this.point;
    if (step !== 0) for (let i = 0; i < F.length; i++) F[i] += step * slope[i];
  }

  /** The rows of a class change sides for a neuron. */
  cross({ neuron, k }: Crossing): void {
    const { c, problem } = this.state;
    const { start, rows } = problem.classes;
    for (let m = start[k]; m < start[k + 1]; m++) {
      this.point.slope[rows[m] * c + neuron.output] += this.turn(neuron, k, rows[m]);
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
  const {
    values: [first, full],
    slopes: [descent, ascent],
  } = ray.ends();
  let [low, lowSlope, lowValue] = [0, descent, first];
  let [high, highSlope] = [1, ascent];
  // where the gain is lost in rounding values say nothing, and a Newton step is as good as its model
  const unseen = Math.abs(lowSlope) <= invisible * Math.abs(lowValue);
  if (unseen && full <= lowValue + rounding * Math.abs(lowValue)) return { tau: 1 };
  if (lowSlope >= 0) {
    // no descent just after the start: a kink that the direction leaves at once, or rounding
    const { tau, neuron, k } = crossingsUpTo(state, 0);
    return tau.length > 0 ? { tau: 0, held: { tau: 0, neuron: state.neurons[neuron[0]], k: k[0] } } : { tau: 0 };
  }
  if (full <= lowValue + enough * lowSlope + noise * Math.abs(lowValue)) return { tau: 1 };
  let kinks = crossingsUpTo(state, 1);
  for (let round = 0; round < maxHalvings && kinks.tau.length > fewKinks; round++) {
    const secant = highSlope > 0 ? low + ((high - low) * -lowSlope) / (highSlope - lowSlope) : 0.5 * (low + high);
    const middle = Math.min(low + 0.8 * (high - low), Math.max(low + 0.2 * (high - low), secant));
    if (!(middle > low && middle < high)) break;
    ray.goTo(middle, low, kinks);
    const slope = ray.derivative(middle);
    const value = slope < 0 ? ray.value(middle) : Infinity;
    if (value <= lowValue) {
      low = middle;
      lowSlope = slope;
      lowValue = value;
      ray.swap();
    } else {
      high = middle;
      highSlope = slope;
    }
    kinks = between(kinks, low, high);
  }
  ray.swap();
  const last = Array.from(kinks.tau, (tau, e) => ({ tau, neuron: state.neurons[kinks.neuron[e]], k: kinks.k[e] }));
  return walk(ray, low, high, last.sort((a, b) => a.tau - b.tau)); // prettier-ignore
}

/** All crossings up to tau = limit. */
function crossingsUpTo(state: ActiveNeurons, limit: number): Crossings {
  const { neurons, problem } = state;
  const taus: number[] = [];
  const owners: number[] = [];
  const classes: number[] = [];
  const { count } = problem.classes;
  neurons.forEach(({ t, dt, side, du }, a) => {
    state.poll();
    const least = -still * Math.hypot(...du);
    for (let k = 0; k < count; k++) {
      if (side[k] === 0 || side[k] * dt[k] >= least) continue;
      const tau = Math.max(0, -t[k] / dt[k]);
      if (!(tau <= limit)) continue;
      taus.push(tau);
      owners.push(a);
      classes.push(k);
    }
  });
  return { tau: Float64Array.from(taus), neuron: Int32Array.from(owners), k: Int32Array.from(classes) };
}

/** Those from `low` to `high`. */
function between({ tau, neuron, k }: Crossings, low: number, high: number): Crossings {
  const inside = (_: number, e: number): boolean => tau[e] >= low && tau[e] <= high;
  return { tau: tau.filter(inside), neuron: neuron.filter(inside), k: k.filter(inside) };
}

/** From `low`, where the ray stands and the objective falls, through the kinks in order to the first minimum. */
function walk(ray: Ray, low: number, high: number, kinks: readonly Crossing[]): { tau: number; held?: Crossing } {
  let tau = low;
  for (let b = 0; ; b++) {
    const end = b < kinks.length ? kinks[b].tau : high;
    const from = tau;
    ray.advance(end - from);
    tau = end;
    if (end > from && ray.derivative(end) > 0) return { tau: withinPiece(ray, from, end) };
    if (b >= kinks.length) return { tau };
    // the ray stands just after a kink at the very start, which has been crossed already
    if (!(kinks[b].tau > low)) continue;
    ray.cross(kinks[b]);
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
