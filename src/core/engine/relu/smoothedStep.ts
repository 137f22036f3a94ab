import { PositiveSystem } from '../../base/systems/positiveSystem.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import { pollInterrupt, unlessStopped } from '../../base/kernels/interrupt.ts';
import { createRng } from '../../base/rng.ts';
import type { ActiveNeurons, Neuron } from './activeNeurons.ts';
import { gradientOf } from './kinks.ts';
import { addBlocks } from './neuronSystem.ts';

/** Rows from which on kinks are so close to each other that many together act like a curvature. */
const fromRows = 20_000;
/** A residual above this many times what one row adds at its kink is that of many. */
const kinksTogether = 2;
/** Rows that the curvature of the loss is taken from: so many times the coordinates, and at least. */
const rowsPerCoordinate = 40;
const fewestRows = 8192;
/** Share of the rows on either side of a hyperplane that tell how the gradient changes there, and rows that tell how far they reach. */
const band = 0.05;
const bandSample = 2000;
/** Rows of the band that are enough. */
const bandRows = 2000;
/** Share of the first-order gain that is enough, factor of a step that has not, and how often. */
const enough = 0.1;
const shorter = 0.4;
const mostTrials = 8;

/** Whether a gradient of this size (its norm) is better followed by `smoothedStep`: V is the dual point, n x c. */
export function actTogether({ n, c, problem }: ActiveNeurons, V: Float64Array, reduced: number): boolean {
  if (n < fromRows) return false;
  const { scale } = problem.classes;
  let sum = 0;
  for (let i = 0, at = 0; i < n; i++) {
    let size = 0;
    for (let o = 0; o < c; o++, at++) size = Math.max(size, Math.abs(V[at]));
    sum += size * Math.abs(scale[i]);
  }
  return reduced > (kinksTogether * sum) / n;
}

/** Lets every held class go. */
export function releaseAll(state: ActiveNeurons): boolean {
  let released = false;
  for (const neuron of state.neurons) {
    for (const k of neuron.held) state.release(neuron, k, 1);
    released ||= neuron.held.length > 0;
    neuron.held = [];
    neuron.loose = [];
  }
  return released;
}

/**
 * A step of Newton's method where rows are so many that a step crosses thousands of kinks, none of which matters: the objective is close to a smooth one, whose
 * curvature is that of the loss (from a sample of the rows: Roosta-Khorasani and Mahoney 2019), that of the penalty, and what the rows near a neuron's hyperplane add
 * as they come and go: the derivative of -sum over x_i'u > 0 of v_i x_i, from the rows in a band around it; directions in which that is concave count as flat. The step is shortened until it gains enough.
 * Returns its length, 0 when none gains; undefined when stopped or unsolvable. `gradients` comes first; no class may be held.
 */
export function smoothedStep(
  state: ActiveNeurons,
  V: Float64Array,
  H: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): number | undefined {
  return state.withOperator((_, kernels) =>
    unlessStopped(kernels, shouldStop, () => {
      const direction = descentOf(state, V, H, damping, shouldStop);
      return direction === undefined ? undefined : follow(state, direction, shouldStop);
    }),
  );
}

interface Direction {
  /** d numbers for each neuron, then the offset. */
  readonly step: Float64Array;
  /** Derivative of the objective along it. */
  readonly slope: number;
}

function descentOf(
  state: ActiveNeurons,
  V: Float64Array,
  H: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): Direction | undefined {
  const { neurons, n, d, problem } = state;
  neurons.forEach((neuron, j) => (neuron.at = j * d));
  const gradient = gradientOf(state, V);
  const size = gradient.length;
  const system = new PositiveSystem(size, problem.kernels);
  try {
    system.clear();
    const parts = neurons.map((_, j) => ({ from: j * d, dim: d, basis: undefined }));
    const share = Math.max(fewestRows, rowsPerCoordinate * size) / n;
    const rows = share < 0.5 ? someRows(n, share) : undefined;
    pollInterrupt(state.kernels);
    addBlocks(state, H, parts, damping, system, {
      share,
      rows,
      extra: (neuron) => kinkCurvature(state, V, neuron),
    });
    if (shouldStop()) return undefined;
    const A = system.matrix;
    for (let i = 0; i < size; i++) A[i * size + i] *= 1 + 1e-12;
    if (!system.factor(shouldStop)) return undefined;
    const step = gradient.map((x) => -x);
    system.solve(step);
    const slope = step.reduce((sum, x, k) => sum + x * gradient[k], 0);
    return slope < 0 ? { step, slope } : undefined;
  } finally {
    system.dispose();
  }
}

/** Takes the step, or a part of it. */
function follow(state: ActiveNeurons, { step, slope }: Direction, shouldStop: () => boolean): number | undefined {
  const { neurons, d, offset } = state;
  const before = state.objective;
  const from = neurons.map(({ u }) => u);
  const start = offset.slice();
  const move = (tau: number): void => {
    neurons.forEach((neuron, j) => (neuron.u = from[j].map((x, k) => x + tau * step[j * d + k])));
    for (let o = 0; neurons.length * d + o < step.length; o++)
      offset[o] = start[o] + tau * step[neurons.length * d + o];
    state.clean(neurons);
    state.refresh();
  };
  let tau = 1;
  for (let trial = 0; trial < mostTrials && !shouldStop(); trial++, tau *= shorter) {
    move(tau);
    if (state.objective <= before + enough * tau * slope) return tau;
  }
  move(0);
  return shouldStop() ? undefined : 0;
}

/** What rows near the hyperplane of a neuron add to its block of the Hessian, d x d, its negative part left out. */
function kinkCurvature({ n, d, c, problem }: ActiveNeurons, V: Float64Array, neuron: Neuron): Float64Array {
  const { sign, output, t } = neuron;
  const { classOf, scale } = problem.classes;
  const x = problem.X.data;
  const distance = (i: number): number => (classOf[i] < 0 ? Infinity : Math.abs(scale[i] * t[classOf[i]]));
  const far = Math.max(1, Math.floor(n / bandSample));
  const seen = Float64Array.from({ length: Math.floor(n / far) }, (_, k) => distance(k * far)).sort();
  const reach = seen[Math.round(band * seen.length)];
  const block = new Float64Array(d * d);
  if (!(reach > 0) || !Number.isFinite(reach)) return block;
  const stride = Math.max(1, Math.floor((band * n) / bandRows));
  for (let i = 0; i < n; i += stride) {
    if (!(distance(i) < reach)) continue;
    const at = i * d;
    const weight = (-sign * stride * V[i * c + output]) / (2 * reach);
    for (let a = 0; a < d; a++) {
      const value = weight * x[at + a];
      for (let b = 0; b <= a; b++) block[a * d + b] += value * x[at + b];
    }
  }
  const { values, vectors } = symmetricEigen({ rows: d, cols: d, data: block });
  const out = new Float64Array(d * d);
  for (let k = 0; k < d; k++) {
    if (!(values[k] > 0)) continue;
    for (let a = 0; a < d; a++) {
      const value = values[k] * vectors[k * d + a];
      for (let b = 0; b < d; b++) out[a * d + b] += value * vectors[k * d + b];
    }
  }
  return out;
}

/** A share of n rows as bits, the same at every call. */
function someRows(n: number, share: number): Uint32Array {
  const rng = createRng(1).fork('rows of curvature');
  const bits = new Uint32Array((n + 31) >>> 5);
  for (let i = 0; i < n; i++) if (rng.uniform() < share) bits[i >>> 5] |= 1 << (i & 31);
  return bits;
}
