import type { Kernels } from '../../base/kernels/kernels.ts';
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
  /** The products a_c' K^-1 a_e of the directions of kinks, in the coordinates of their neurons; those of the call before come first. Undefined when stopped. */
  gram(kinks: readonly Kink[], shouldStop: () => boolean): Float64Array | undefined;
  dispose(): void;
}

/** Damping of lengths, relative to the curvature of the penalty. */
export const radialDamping = 1e-10;

/** Rows that grow in number, for products of the new ones with all. */
export class GrowingRows {
  count = 0;
  private rows = new Float64Array(0);

  constructor(private readonly width: number) {}

  /** Takes the columns of `fresh` (width x k) as rows, and adds `factor` times their products with all rows to the last k rows of Q, m x m for m rows in all; lower triangle. */
  add(fresh: Float64Array, k: number, factor: number, Q: Float64Array, kernels: Kernels): void {
    const { width, count: before } = this;
    const m = before + k;
    const rows = new Float64Array(m * width);
    rows.set(this.rows);
    for (let e = 0; e < k; e++) {
      for (let j = 0, to = (before + e) * width; j < width; j++) rows[to + j] = fresh[j * k + e];
    }
    const products = new Float64Array(k * m);
    kernels.gemm(false, true, k, m, width, factor, rows.subarray(before * width), rows, 0, products);
    for (let e = 0; e < k; e++) {
      for (let f = 0, at = (before + e) * m; f <= before + e; f++) Q[at + f] += products[e * m + f];
    }
    this.rows = rows;
    this.count = m;
  }
}

/** The m x m matrix that holds the m0 x m0 one, with zeros beside. */
export function grown(Q: Float64Array, m: number): Float64Array {
  const before = Math.round(Math.sqrt(Q.length));
  const out = new Float64Array(m * m);
  for (let e = 0; e < before; e++) out.set(Q.subarray(e * before, (e + 1) * before), e * m);
  return out;
}

/** Copies the lower triangle to the upper one. */
export function mirror(Q: Float64Array, m: number): void {
  for (let e = 0; e < m; e++) for (let f = 0; f < e; f++) Q[f * m + e] = Q[e * m + f];
}

/** Normal of a hyperplane. */
export function directionOf({ problem }: ActiveNeurons, { neuron, k }: Kink): Float64Array {
  return k === atZero ? neuron.unit : problem.classes.direction(k);
}
