import type { ActiveNeurons, Neuron } from './activeNeurons.ts';

/** A hyperplane of a neuron: its class of rows, or `atZero`, at which its length vanishes. */
export interface Kink {
  readonly neuron: Neuron;
  readonly k: number;
}

/** Stands for the class of the hyperplane through zero across the direction of a neuron. */
export const atZero = -1;

/**
 * The factored Newton matrix K of all neurons (d coordinates each, from `at` on) and the offset, on the steps that keep the firmly held
 * classes: K^-1 stands for Z (Z'KZ)^-1 Z', where the columns of Z span these.
 */
export interface NewtonSystem {
  /** Coordinates of all neurons, and the offset. */
  readonly order: number;
  /** x := K^-1 x */
  solve(x: Float64Array): void;
  /** The products a_c' K^-1 a_e of the directions of kinks, in the coordinates of their neurons; undefined when stopped. */
  gram(kinks: readonly Kink[], shouldStop: () => boolean): Float64Array | undefined;
  dispose(): void;
}

/** Damping of lengths, relative to the curvature of the penalty. */
export const radialDamping = 1e-10;

/** Copies the lower triangle to the upper one. */
export function mirror(Q: Float64Array, m: number): void {
  for (let e = 0; e < m; e++) for (let f = 0; f < e; f++) Q[f * m + e] = Q[e * m + f];
}

/** Normal of a hyperplane. */
export function directionOf({ problem }: ActiveNeurons, { neuron, k }: Kink): Float64Array {
  return k === atZero ? neuron.unit : problem.classes.direction(k);
}
