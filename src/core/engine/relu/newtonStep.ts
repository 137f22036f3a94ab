import type { ActiveNeurons, Neuron } from './activeNeurons.ts';
import { minimizeInBox } from './boxProgram.ts';
import { slopesOf } from './kinks.ts';
import { type Kink, newtonSystem } from './newtonSystem.ts';

/** Kinks that are added to the model at a time, beside those held: the nearest along the step; and how often. */
const mostKinks = 64;
const additions = 3;
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
 * (Zhang et al. call such kinks the active set; here the dual, a quadratic program in a box, finds it whole, not row by row). Held kinks are in the model from the start, others
 * when the step would cross them and the objective is convex there. Into `du` of the neurons and `doffset`; undefined when stopped or unsolvable. `gradients` comes first.
 */
export function newtonStep(
  state: ActiveNeurons,
  V: Float64Array,
  H: Float64Array,
  doffset: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): NewtonStep | undefined {
  const { neurons, n, d, c, problem } = state;
  const system = newtonSystem(state, H, damping, shouldStop);
  if (system === undefined) return undefined;
  try {
    const free = new Float64Array(system.order);
    for (const { at, gradient } of neurons) for (let j = 0; j < d; j++) free[at + j] = -gradient[j];
    if (problem.offset) {
      const at = neurons.length * d;
      for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) free[at + o] += V[i * c + o];
    }
    const solve = (kinks: readonly ModelKink[]): boolean => {
      const x = free.slice();
      for (const { neuron, k, multiplier } of kinks) {
        if (multiplier === 0) continue;
        for (let j = 0; j < d; j++) x[neuron.at + j] += multiplier * problem.classes.directions[k * d + j];
      }
      system.solve(x);
      if (x.some((value) => !Number.isFinite(value))) return false;
      for (const { at, du } of neurons) for (let j = 0; j < d; j++) du[j] = x[at + j];
      doffset.fill(0);
      if (problem.offset) for (let o = 0; o < c; o++) doffset[o] = x[neurons.length * d + o];
      state.multiply(neurons, ({ du }) => du, ({ dt }) => dt); // prettier-ignore
      return true;
    };
    const kinks: ModelKink[] = [];
    for (const neuron of neurons) {
      neuron.held.forEach((k, e) => kinks.push(modelKink(state, neuron, k, V, neuron.multipliers[e])));
    }
    if (!solve([])) return undefined;
    for (let round = 0; round <= additions; round++) {
      const before = kinks.length;
      if (round > 0 || before === 0) kinks.push(...crossed(state, kinks, V));
      if (kinks.length === before && round > 0) break;
      if (kinks.length === 0) break;
      if (shouldStop()) return undefined;
      const Q = system.gram(kinks, shouldStop);
      if (Q === undefined || !solve([])) return undefined;
      const p = Float64Array.from(kinks, ({ neuron, k }) => neuron.t[k] + neuron.dt[k]);
      const multipliers = Float64Array.from(kinks, ({ multiplier }) => multiplier);
      const low = Float64Array.from(kinks, (kink) => kink.low);
      const high = Float64Array.from(kinks, (kink) => kink.high);
      minimizeInBox(Q, p, low, high, multipliers, shouldStop);
      kinks.forEach((kink, e) => (kink.multiplier = multipliers[e]));
      if (!solve(kinks)) return undefined;
    }
    return conclude(kinks);
  } finally {
    system.dispose();
  }
}

/** What becomes of the kinks of the model. */
function conclude(kinks: readonly ModelKink[]): NewtonStep {
  const aims: Kink[] = [];
  const releases: (Kink & { side: 1 | -1 })[] = [];
  for (const { neuron, k, multiplier, low, high } of kinks) {
    const inside = multiplier > low && multiplier < high;
    if (inside && neuron.side[k] === 0) neuron.dt[k] = 0;
    else if (inside) aims.push({ neuron, k });
    else if (neuron.side[k] === 0) releases.push({ neuron, k, side: multiplier <= low ? 1 : -1 });
  }
  return { aims, releases };
}

function modelKink(state: ActiveNeurons, neuron: Neuron, k: number, V: Float64Array, multiplier = 0): ModelKink {
  const [plus, minus] = slopesOf(state, neuron, k, V);
  const side = neuron.side[k];
  const width = Math.max(0, minus - plus);
  // the slope of the side that a neuron is on is part of its gradient already
  const low = side === 0 ? Math.min(plus, minus) : side > 0 ? 0 : -width;
  const high = side === 0 ? Math.max(plus, minus) : side > 0 ? width : 0;
  return { neuron, k, low, high, multiplier: Math.min(high, Math.max(low, multiplier)) };
}

/** Kinks outside the model that the step crosses and at which the objective is convex: the nearest. */
function crossed(state: ActiveNeurons, known: readonly ModelKink[], V: Float64Array): ModelKink[] {
  const inModel = new Map<Neuron, Set<number>>();
  for (const { neuron, k } of known) {
    const set = inModel.get(neuron) ?? new Set();
    inModel.set(neuron, set.add(k));
  }
  const found: { readonly tau: number; readonly kink: ModelKink }[] = [];
  for (const neuron of state.neurons) {
    const { t, dt, side, du } = neuron;
    const length = Math.hypot(...du);
    for (let k = 0; k < side.length; k++) {
      if (side[k] === 0 || side[k] * (t[k] + dt[k]) >= 0 || side[k] * dt[k] >= -still * length) continue;
      if (inModel.get(neuron)?.has(k) === true) continue;
      const kink = modelKink(state, neuron, k, V);
      if (kink.high > kink.low) found.push({ tau: -t[k] / dt[k], kink });
    }
  }
  if (found.length > mostKinks) found.sort((a, b) => a.tau - b.tau);
  return found.slice(0, mostKinks).map(({ kink }) => kink);
}
