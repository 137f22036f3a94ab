import type { PreparedData } from '../../core/data/prepareData.ts';
import type { Kernels } from '../../core/base/kernels/kernels.ts';
import type { DenseMatrix } from '../../core/base/linalg/matrix.ts';
import type { LossName, Problem } from '../../core/problem/problem.ts';
import type { Control } from '../../core/base/control.ts';
import type { Solution, SolveOptions } from '../../core/engine/solution/solution.ts';
import type { SubNetwork } from '../../core/network/threeLayer/subNetwork.ts';
import type { DeepRecord } from '../../shared/depth.ts';
import type { DualLandscape, GateRecord, GradientRun, NeuronRecord, Residuals, ShapeRecord } from '../../shared/run.ts';
import type { TrainSettings } from '../../shared/settings.ts';
import type { StageContext, TrainingContext } from '../context.ts';

/** The numbers that every solve gives, whatever the family; recomputed from data and network. */
export interface Solved extends Pick<
  Solution,
  | 'status'
  | 'objective'
  | 'dualBound'
  | 'relativeGap'
  | 'datafit'
  | 'penalty'
  | 'scope'
  | 'global'
  | 'networkObjective'
  | 'optimalSet'
  | 'dual'
  | 'betaMax'
  | 'betaMaxUpper'
  | 'iterations'
  | 'seconds'
  | 'method'
  | 'threads'
  | 'warm'
> {
  /** Those residuals of the optimality conditions that somebody computed. */
  readonly kkt: Residuals;
}

/** A solved network. */
export interface Outcome {
  readonly solution: Solved;
  /** Neurons, branches or directions that are not zero. */
  readonly active: number;
  /** Outputs on encoded inputs (rows x outputs); undefined when given up. */
  predict(X: DenseMatrix, giveUp?: () => boolean): DenseMatrix | undefined;
  /** Last hidden features on encoded inputs (rows x features); undefined when it has none. */
  features(X: DenseMatrix): DenseMatrix | undefined;
  /** What a record says about the network, from running it on all rows. */
  describe(kernels: Kernels | undefined): Description;
}

/** A network as the record has it; a family that lacks a part has none. */
export interface Description {
  /** rows x outputs on all rows, encoded targets. */
  readonly fit: DenseMatrix;
  readonly neurons: readonly NeuronRecord[];
  readonly gates: GateRecord;
  /** Free output offsets, when some are not zero. */
  readonly outputOffset?: readonly number[];
  readonly shape?: ShapeRecord;
  readonly landscape?: DualLandscape;
  readonly batchNorm?: { readonly objective: number };
  readonly deep?: DeepRecord;
}

/** A problem with the data it is made from. */
export interface Posed {
  readonly problem: Problem;
  readonly data: PreparedData;
  readonly settings: TrainSettings;
}

export interface FamilyOptions extends Omit<SolveOptions, 'onSolved' | 'engine'> {
  /** Told the outcome before a proof over all networks begins: final but for the bound, unless the proof finds a better neuron. */
  readonly onSolved?: (outcome: Outcome) => void;
  /** Trained networks whose patterns must be in play: the result is then never worse than any of them. */
  readonly harvest?: readonly (readonly SubNetwork[])[];
}

/** A network that came out of gradient descent, or of the convex program on its patterns, with its objective at its best scaling. */
export interface TrainedNetwork {
  readonly objective: number;
  readonly branches: readonly SubNetwork[];
}

/** One run of gradient descent; scores and excess come from `fit` and `merged`. */
export interface DescentRun extends Pick<
  GradientRun,
  | 'optimizer'
  | 'seed'
  | 'learningRate'
  | 'epochs'
  | 'seconds'
  | 'objective'
  | 'final'
  | 'merged'
  | 'active'
  | 'diverged'
> {
  /** Outputs on all rows, encoded targets. */
  readonly fit: DenseMatrix;
  readonly cancelled: boolean;
  /** Given where the family can take its patterns over. */
  readonly network?: TrainedNetwork;
}

/** How a family is trained by gradient descent beside its convex program: same objective, same size. */
export interface Descent {
  readonly width: number;
  /** Proven lower bound of all that descent can reach; null when there is none. */
  readonly lowerBound: number | null;
  train(
    rule: GradientRun['optimizer'],
    seeds: readonly number[],
    control: Control,
    onRun: (run: DescentRun) => void,
  ): Promise<void>;
}

/** What belongs to a family beside its solution. */
export interface Extras {
  /** Fields that are added to `RunRecord.deep`. */
  readonly record: Partial<DeepRecord>;
  readonly networks: readonly TrainedNetwork[];
}

/** The threshold from which on the zero network is optimal, and a proven upper bound where it was searched for. */
export interface Threshold {
  readonly betaMax: number;
  readonly betaMaxUpper?: number;
}

/**
 * A family of networks as the stages of a run need it. The registry (registry.ts) is the only place that chooses by the name of a model; what a
 * family does not have it leaves out.
 */
export interface Family {
  /** Fields of the training problem that depend on the family. */
  problemFields(settings: TrainSettings): Partial<Problem>;
  /** Loss that `auto` stands for, where it is not that of the task. */
  autoLoss?(settings: Pick<TrainSettings, 'depth'>): LossName | undefined;
  /** It is defined by gates that are drawn, so that none can be searched for. */
  readonly drawnGates: boolean;
  readonly batchNorm: boolean;
  /** By solving at a beta for which the zero network is certainly optimal; undefined when a stop came first. */
  threshold(problem: Problem, options: FamilyOptions, control: Control): Threshold | undefined;
  solve(posed: Posed, options: FamilyOptions, control: Control): Outcome;
  /** A sentence where there is nothing to compare. */
  descent(posed: Posed, outcome: Outcome, context: TrainingContext): Descent | string;
  extras?(posed: Posed, outcome: Outcome, context: StageContext): Promise<Extras>;
  /** Solves again so as not to lie above the given networks, which do not. Undefined when a stop came first. */
  refine?(
    posed: Posed,
    outcome: Outcome,
    below: readonly TrainedNetwork[],
    options: FamilyOptions,
    control: Control,
  ): { readonly outcome: Outcome; readonly patterns: string } | undefined;
}
