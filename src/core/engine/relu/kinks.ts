import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { dot } from '../../base/linalg/matrix.ts';
import { type ActiveNeurons, blocksOfRows, type Neuron } from './activeNeurons.ts';

/** A held class whose multiplier says that leaving its hyperplane pays, and to which side. */
export interface Violation {
  readonly neuron: Neuron;
  readonly k: number;
  readonly size: number;
  readonly side: 1 | -1;
  /** Leaving pays to either side. */
  readonly concave: boolean;
}

/** Gradient in the steps of all neurons, d numbers each at its `at`, then of the offset where there is one. `gradients` comes first. */
export function gradientOf({ neurons, n, d, c, problem }: ActiveNeurons, V: Float64Array): Float64Array {
  const free = neurons.length * d;
  const gradient = new Float64Array(free + (problem.offset ? c : 0));
  for (const neuron of neurons) gradient.set(neuron.gradient, neuron.at);
  if (problem.offset) for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) gradient[free + o] -= V[i * c + o];
  return gradient;
}

/**
 * Gradient of the objective in every neuron without its held rows, at the dual point V (n x c); returns the largest norm within the held
 * manifolds (and of the offset's, when it is free).
 */
export function gradients(state: ActiveNeurons, V: Float64Array): number {
  const { neurons, n, d, c, problem } = state;
  const m = neurons.length;
  const sums = new Float64Array(m * d);
  if (m > 0)
    state.withOperator((operator) => {
      const part = new Float64Array(m * d);
      const next = new Int32Array(m);
      for (const span of blocksOfRows(n)) {
        state.poll();
        const { from, to } = span;
        const weighted = state.room(m * (to - from)).fill(0, 0, m * (to - from));
        neurons.forEach(({ on, sign, output }, j) => {
          const at = j * (to - from) - from;
          let k = next[j];
          for (; k < on.length && on[k] < to; k++) weighted[at + on[k]] = -sign * V[on[k] * c + output];
          next[j] = k;
        });
        operator.sums(weighted, m, part, span);
        for (let k = 0; k < sums.length; k++) sums[k] += part[k];
      }
    });
  let worst = 0;
  neurons.forEach((neuron, j) => {
    const { gradient, unit } = neuron;
    for (let k = 0; k < d; k++) gradient[k] = sums[j * d + k] + problem.beta * unit[k];
    worst = Math.max(worst, Math.sqrt(state.alongHeld(neuron).squares(gradient, 0)));
  });
  if (problem.offset) {
    for (let o = 0; o < c; o++) {
      let s = 0;
      for (let i = 0; i < n; i++) s += V[i * c + o];
      worst = Math.max(worst, Math.abs(s));
    }
  }
  return worst;
}

/** The held classes whose multiplier lies outside the interval between the slopes of its two sides. `gradients` comes first. */
export function violations(state: ActiveNeurons, V: Float64Array): Violation[] {
  const found: Violation[] = [];
  for (const neuron of state.neurons) {
    if (neuron.held.length === 0) continue;
    const multipliers = multipliersOf(state, neuron);
    neuron.multipliers = multipliers;
    neuron.held.forEach((k, a) => {
      const [low, high] = slopesOf(state, neuron, k, V);
      const below = low - multipliers[a];
      const above = multipliers[a] - high;
      const size = Math.max(below, above);
      if (size > 0) found.push({ neuron, k, size, side: below >= above ? 1 : -1, concave: low > high });
    });
  }
  return found;
}

/** Lets go of the held kinks at which the objective is not convex any more; true when there was one. */
export function releaseConcave(state: ActiveNeurons, found: readonly Violation[]): boolean {
  const concave = found.filter((violation) => violation.concave);
  for (const { neuron, k, side } of concave) state.release(neuron, k, side);
  return concave.length > 0;
}

/** Multipliers kappa of the held classes: gradient = sum kappa_k direction_k, least squares. */
function multipliersOf({ problem }: ActiveNeurons, { held, gradient }: Neuron): Float64Array {
  const directions = held.map((k) => problem.classes.direction(k));
  const m = held.length;
  const G = new Float64Array(m * m);
  const kappa = new Float64Array(m);
  for (let a = 0; a < m; a++) {
    for (let b = 0; b <= a; b++) G[a * m + b] = dot(directions[a], directions[b]);
    kappa[a] = dot(directions[a], gradient);
  }
  factorSpd(G, m);
  solveSpd(G, m, kappa);
  return kappa;
}

/** Slopes that the rows of class k add on its two sides: the multiplier must lie between them for the kink to hold the neuron. */
export function slopesOf(
  { c, problem }: ActiveNeurons,
  { sign, output }: Neuron,
  k: number,
  V: Float64Array,
): [number, number] {
  const { start, rows, scale } = problem.classes;
  let plus = 0;
  let minus = 0;
  for (let m = start[k]; m < start[k + 1]; m++) {
    const i = rows[m];
    const value = sign * V[i * c + output] * scale[i];
    if (scale[i] > 0) plus += value;
    else minus += value;
  }
  return [plus, minus];
}
