import type { GateSet, PatternSet } from '../../base/patterns.ts';
import type { Kernels, MaskedOperator } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import { createPenalty } from '../../problem/penalties/penalties.ts';
import type { BlockPenalty } from '../../problem/penalties/penalty.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';

/**
 * The gated ReLU program: min over blocks U_1..U_P (each d x c) of  l(sum_i D_i X U_i) + beta * penalty(U),
 * a group Lasso with the data matrix A = [D_1 X ... D_P X]. Blocks are stored one after the other, row-major.
 */
export interface GatedProgram {
  readonly X: DenseMatrix;
  readonly patterns: PatternSet;
  readonly datafit: Datafit;
  readonly penalty: BlockPenalty;
  readonly beta: number;
  readonly rows: number;
  readonly features: number;
  readonly outputs: number;
  readonly gates: number;
  readonly kernels: Kernels;
  readonly operator: MaskedOperator;
}

/** The program of a prepared problem on the given gates. Free it with `operator.dispose()`. */
export function gatedProgram(prepared: PreparedProblem, gateSet: GateSet, kernels: Kernels): GatedProgram {
  const { X, datafit, beta, outputs, outputPenalty } = prepared;
  return {
    X,
    patterns: gateSet.patterns,
    datafit,
    penalty: createPenalty(outputPenalty, X.cols, outputs),
    beta,
    rows: X.rows,
    features: X.cols,
    outputs,
    gates: gateSet.patterns.count,
    kernels,
    operator: kernels.createMaskedOperator(X, gateSet.patterns),
  };
}

/** Where an engine stands; also what a warm start hands over. Blocks for all P gates. */
export interface EngineState {
  /** P x d x c */
  readonly U: Float64Array;
  /** n x c dual point (inside the domain of the conjugate, not necessarily scaled to feasibility). */
  readonly V: Float64Array;
  /** Whether the points come from an earlier solve. */
  readonly isWarm: boolean;
}

/** What an engine returns: its best primal and dual points and why it ended. */
export interface EngineResult extends EngineState {
  /** Lower bound that the engine saw for `V`; the certificate computes its own. */
  readonly dualBound: number;
  readonly status: 'optimal' | 'iteration-limit' | 'stopped' | 'numerical-error';
  readonly iterations: number;
  readonly method: string;
}

/** How an engine is run. */
export interface EngineRun {
  /** Relative duality gap to reach. */
  readonly tolerance: number;
  readonly maxIterations: number;
  shouldStop(): boolean;
  /** Called after every iteration with the best primal value and dual bound so far. */
  report(iteration: number, objective: number, dualBound: number, active: number, phase: string): void;
}
