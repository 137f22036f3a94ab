import type { GlobalBound } from '../../certify/global/bound.ts';
import type { PatternSet } from '../../base/patterns.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../../network/network.ts';
import type { OptimalSet } from '../../certify/optimalSet.ts';
import type { SolveStatus } from '../../base/control.ts';

/** A non-zero group of the convex program: one gate (activation pattern), one sign, one output (or a block over outputs). */
export interface Group {
  /** Index into `Solution.gates`. */
  readonly gate: number;
  /** Output it feeds; -1 for a block over all outputs, then `vector` is d x c row-major. */
  readonly output: number;
  /** ReLU: which of u, u' it is. Gated: always 1. */
  readonly sign: 1 | -1;
  /** Group vector on the effective inputs (the ones column last when the bias is regularised). */
  readonly vector: Float64Array;
}

/**
 * What a solve returns. Objectives are recomputed from data and network by the certificate module, never the solver's own
 * running values.
 */
export interface Solution {
  readonly status: SolveStatus;
  readonly objective: number;
  readonly dualBound: number;
  readonly relativeGap: number;
  readonly datafit: number;
  /** Sum of group norms; the objective is datafit + beta * penalty. */
  readonly penalty: number;
  readonly scope: 'given-gates' | 'sampled' | 'all-arrangements';
  readonly global?: GlobalBound;
  /** P x d_eff gate directions in play, duplicates removed. */
  readonly gates: DenseMatrix;
  /** Rows of the data that each of them is on for. */
  readonly patterns: PatternSet;
  /** How many patterns were asked for and how many of them were duplicates or all-zero. */
  readonly requestedGates: number;
  readonly duplicateGates: number;
  /** Given or sampled gates: for each gate in play, its index among those asked for. */
  readonly gateSource?: Int32Array;
  /** Dual constraint of every gate (largest over outputs and signs), divided by beta. */
  readonly gateConstraint: Float64Array;
  readonly groups: readonly Group[];
  readonly network: TwoLayerNetwork;
  readonly networkObjective: number;
  /** ReLU: for each neuron of `network`, whether every optimal network has it, and among which candidates that is known. */
  readonly optimalSet?: OptimalSet;
  /** n x c, v = -gradient of the datafit at the fit. */
  readonly dual: DenseMatrix;
  /**
   * n x c: the dual point that proves `dualBound`: feasible for the program in scope, with -l*(-boundDual) = dualBound up to rounding.
   * Left out where the bound comes from elsewhere: linear networks of more than two layers, which are not convex.
   */
  readonly boundDual?: DenseMatrix;
  /** n x c fit on the training rows. */
  readonly fit: DenseMatrix;
  /** Left out when a stop came before the data were looked at for it. */
  readonly betaMax?: number;
  /** Proven upper bound of `betaMax` over all patterns, where they were searched or enumerated; `betaMax` itself is attained. */
  readonly betaMaxUpper?: number;
  /** Relative residuals of the optimality conditions, by separate code. */
  readonly kkt: { readonly stationarity: number; readonly cone: number; readonly complementarity: number };
  readonly iterations: number;
  readonly seconds: number;
  /** Seconds until a network within `foundWithin` of the final objective was there, and until the final one was (ReLU); the rest is proof. */
  readonly secondsFound?: number;
  readonly secondsFinal?: number;
  readonly method: string;
  readonly threads: number;
  /** Opaque: hand it to the next solve of the same data to continue from here. */
  readonly warm: unknown;
}

/** Relative excess over the final objective at which a network counts as found. */
export const foundWithin = 1e-4;

export interface SolveOptions {
  /** `Solution.warm` of an earlier solve on the same X, y (other beta, model or tolerance allowed). */
  readonly warm?: unknown;
  readonly timeLimitSeconds?: number;
  readonly threads?: number;
  /** Seconds for the proof over all networks (ReLU); 0 skips it. */
  readonly certifySeconds?: number;
  /** Bounds also what the time limit cut short: the proof then comes on top of it. A stop by the user is followed by nothing. */
  readonly certifyAfterLimit?: boolean;
  /** Told the solution before a proof over all networks begins (ReLU): final but for the bound, unless the proof finds a better neuron. */
  readonly onSolved?: (solution: Solution) => void;
  /** Engine for the gated program: the default, or the first-order twin as an independent check. */
  readonly engine?: 'newton' | 'first-order';
  /** Memory that the solve may take, 4 GiB when left out: larger problems are refused before anything is allocated. */
  readonly memoryBytes?: number;
  /** Numeric kernels to run on, not disposed of; plain TypeScript when left out. */
  readonly kernels?: Kernels;
}
