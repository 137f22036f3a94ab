import { unlessStopped } from '../../base/kernels/interrupt.ts';
import { dot } from '../../base/linalg/matrix.ts';
import type { ActiveNeurons, Neuron } from './activeNeurons.ts';
import { minimizeInBox } from '../../base/systems/boxProgram.ts';
import { gradientOf, slopesOf } from './kinks.ts';
import { atZero, directionOf, type Kink } from './kinkSystem.ts';
import { newtonSystem } from './newtonSystem.ts';

/** Kinks that are added to the model at a time, beside those held: the nearest along the step, between these as many as an eighth of the system's order; and how often. */
const fewestKinks = 16;
const mostKinks = 64;
const additions = 3;
/** A held kink whose multiplier is this near to an end of its interval, relative to its width, or beyond, is in the model; the others are firmly held. */
const nearEnd = 0.1;
/** Newton steps of the last box program. */
const boxSteps = 8;
/** A step ends on a kink when it comes this near to it, relative to how far from their kinks the neurons would end without these: a box program that was not solved to the end leaves some further away. */
const reached = 1e-9;
/** Relative distance to a hyperplane that is rounding. */
const still = 1e-13;

/** A kink in the model of a step: its multiplier lies in [low, high]. */
interface ModelKink extends Kink {
  readonly low: number;
  readonly high: number;
  multiplier: number;
}

export interface NewtonStep {
  /** Kinks on which the full step ends, and those that it leaves, with the side it goes to. */
  readonly aims: readonly Kink[];
  readonly releases: readonly (Kink & { readonly side: 1 | -1 })[];
}

/**
 * Step of Newton's method on the objective with its kinks: minimises  g'du + 1/2 du'K du + sum over kinks of max over kappa in [low, high] of -kappa (t + a'du), where g and K leave
 * out the rows on held hyperplanes, t + a'du is where a neuron stands to a hyperplane after the step, and low, high are the slopes that the rows of a kink add on its two sides
 * (Zhang et al. call such kinks the active set; here the dual, a quadratic program in a box, finds it whole, not row by row). Held kinks whose multipliers are near the ends of their
 * intervals are in the model from the start, the other held ones stay as they are; further ones
 * come in when the step would cross them and the objective is convex there, and lengths that it would make negative. Into `du` of the neurons and `doffset`; undefined when stopped or unsolvable. `gradients` comes first.
 */
export function newtonStep(
  state: ActiveNeurons,
  V: Float64Array,
  H: Float64Array,
  doffset: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): NewtonStep | undefined {
  return state.withOperator((_, kernels) =>
    unlessStopped(kernels, shouldStop, () => stepOf(state, V, H, doffset, damping, shouldStop)),
  );
}

function stepOf(
  state: ActiveNeurons,
  V: Float64Array,
  H: Float64Array,
  doffset: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): NewtonStep | undefined {
  const { neurons, d, c, problem } = state;
  const kinks = loosen(state, V);
  const system = newtonSystem(state, H, damping, shouldStop);
  if (system === undefined) return undefined;
  try {
    // the step without kinks, to which their multipliers add
    const plain = gradientOf(state, V).map((x) => -x);
    system.solve(plain);
    const take = (x: Float64Array): boolean => {
      if (x.some((value) => !Number.isFinite(value))) return false;
      for (const { at, du } of neurons) for (let j = 0; j < d; j++) du[j] = x[at + j];
      doffset.fill(0);
      if (problem.offset) for (let o = 0; o < c; o++) doffset[o] = x[neurons.length * d + o];
      state.multiply(neurons, ({ du }) => du, ({ dt }) => dt); // prettier-ignore
      return true;
    };
    if (!take(plain)) return undefined;
    const towards = new Map(neurons.map((neuron) => [neuron, { dt: neuron.dt.slice(), du: neuron.du.slice() }]));
    const limit = Math.min(mostKinks, Math.max(fewestKinks, Math.round(system.order / 8)));
    let Q: Float64Array | undefined;
    let passed: Uint8Array = new Uint8Array(0);
    for (let round = 0, exact = false; !exact; round++) {
      const before = kinks.length;
      if (round > 0 || before === 0) kinks.push(...crossed(state, kinks, V, limit));
      if (kinks.length === 0) break;
      if (shouldStop()) return undefined;
      if (round === 0 || kinks.length > before) Q = system.gram(kinks, shouldStop);
      if (Q === undefined) return undefined;
      // only the last model is worth its last digits
      exact = round === additions || (round > 0 && kinks.length === before);
      const p = Float64Array.from(kinks, ({ neuron, k }) => {
        const { dt, du } = towards.get(neuron)!;
        return k === atZero ? neuron.norm + dot(neuron.unit, du) : neuron.t[k] + dt[k];
      });
      const multipliers = Float64Array.from(kinks, ({ multiplier }) => multiplier);
      const low = Float64Array.from(kinks, (kink) => kink.low);
      const high = Float64Array.from(kinks, (kink) => kink.high);
      const maxSteps = exact ? boxSteps : 1;
      const ends = minimizeInBox(Q, p, { low, high }, multipliers, { maxSteps, kernels: problem.kernels, shouldStop });
      const near = reached * p.reduce((most, distance) => Math.max(most, Math.abs(distance)), 0);
      passed = Uint8Array.from(ends, (end) => (Math.abs(end) > near ? 1 : 0));
      const x = new Float64Array(system.order);
      kinks.forEach((kink, e) => {
        kink.multiplier = multipliers[e];
        if (kink.multiplier === 0) return;
        const a = directionOf(state, kink);
        for (let j = 0; j < d; j++) x[kink.neuron.at + j] += kink.multiplier * a[j];
      });
      system.solve(x);
      for (let j = 0; j < x.length; j++) x[j] += plain[j];
      if (!take(x)) return undefined;
    }
    return conclude(kinks, passed);
  } finally {
    system.dispose();
  }
}

/** Chooses the held classes that the step may let go, and gives their kinks. */
function loosen(state: ActiveNeurons, V: Float64Array): ModelKink[] {
  const kinks: ModelKink[] = [];
  for (const neuron of state.neurons) {
    const { held, multipliers } = neuron;
    const loose: number[] = [];
    held.forEach((k, e) => {
      const kink = modelKink(state, neuron, k, V, multipliers[e]);
      const margin = nearEnd * (kink.high - kink.low);
      if (multipliers[e] > kink.low + margin && multipliers[e] < kink.high - margin) return;
      loose.push(k);
      kinks.push(kink);
    });
    neuron.loose = loose;
  }
  return kinks;
}

/** What becomes of the kinks of the model; those marked in `passed` the step does not end on. */
function conclude(kinks: readonly ModelKink[], passed: Uint8Array): NewtonStep {
  const aims: Kink[] = [];
  const releases: (Kink & { side: 1 | -1 })[] = [];
  for (const [e, { neuron, k, multiplier, low, high }] of kinks.entries()) {
    if (k === atZero) continue;
    const inside = multiplier > low && multiplier < high;
    if (inside && neuron.side[k] === 0) neuron.dt[k] = 0;
    else if (inside && passed[e] === 0) aims.push({ neuron, k });
    else if (neuron.side[k] === 0) releases.push({ neuron, k, side: multiplier <= low ? 1 : -1 });
  }
  return { aims, releases };
}

function modelKink(state: ActiveNeurons, neuron: Neuron, k: number, V: Float64Array, multiplier = 0): ModelKink {
  // a length cannot be negative, at any price
  if (k === atZero) return { neuron, k, low: 0, high: Infinity, multiplier };
  const [plus, minus] = slopesOf(state, neuron, k, V);
  const side = neuron.side[k];
  const width = Math.max(0, minus - plus);
  // the slope of the side that a neuron is on is part of its gradient already
  const low = side === 0 ? Math.min(plus, minus) : side > 0 ? 0 : -width;
  const high = side === 0 ? Math.max(plus, minus) : side > 0 ? width : 0;
  return { neuron, k, low, high, multiplier: Math.min(high, Math.max(low, multiplier)) };
}

/** Kinks outside the model that the step crosses and at which the objective is convex: the nearest. */
function crossed(state: ActiveNeurons, known: readonly ModelKink[], V: Float64Array, limit: number): ModelKink[] {
  const { neurons } = state;
  const inModel = neurons.map(() => new Set<number>());
  const placeOf = new Map(neurons.map((neuron, a) => [neuron, a]));
  for (const { neuron, k } of known) inModel[placeOf.get(neuron)!].add(k);
  const found: ModelKink[] = [];
  neurons.forEach((neuron, a) => {
    if (!(neuron.norm > 0) || neuron.norm + dot(neuron.unit, neuron.du) >= 0 || inModel[a].has(atZero)) return;
    found.push(modelKink(state, neuron, atZero, V));
  });
  const taus: number[] = [];
  const owners: number[] = [];
  const classes: number[] = [];
  neurons.forEach(({ t, dt, side, du }, a) => {
    state.poll();
    const least = -still * Math.hypot(...du);
    const own = inModel[a];
    for (let k = 0; k < side.length; k++) {
      const on = side[k];
      if (on * (t[k] + dt[k]) >= 0 || on * dt[k] >= least || own.has(k)) continue;
      taus.push(-t[k] / dt[k]);
      owners.push(a);
      classes.push(k);
    }
  });
  const take = (e: number): void => {
    const kink = modelKink(state, neurons[owners[e]], classes[e], V);
    if (found.length < limit && kink.high > kink.low) found.push(kink);
  };
  if (taus.length <= limit) taus.forEach((_, e) => take(e));
  else {
    // the nearest first; those further away only where too many of these are not convex
    const sorted = Float64Array.from(taus).sort();
    for (let from = -Infinity, most = 4 * limit; found.length < limit && from < Infinity; most *= 4) {
      const to = most < sorted.length ? sorted[most] : Infinity;
      const order: number[] = [];
      for (let e = 0; e < taus.length; e++) if (taus[e] >= from && taus[e] < to) order.push(e);
      order.sort((e, f) => taus[e] - taus[f]).forEach(take);
      from = to;
    }
  }
  return found;
}
