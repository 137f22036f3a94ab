import type { RowFormat } from '../core/data/rowSplitter.ts';
import type { Scaling } from '../core/data/scaling.ts';
import type { LossName, OutputPenalty } from '../core/problem/problem.ts';
import type { DeepRecord, StructureRecord } from './depth.ts';
import type { ModelComparisonRecord } from './modelComparison.ts';
import type { ChosenThreshold, ThresholdRule } from '../core/metrics/threshold.ts';
import type { ProofMethod, SolveStatus } from '../core/base/control.ts';
import type { BetaSetting, OptimizerName, SelectionRule, Task, TrainSettings } from './settings.ts';

/**
 * A run: what was trained on what, what came out, and how far it is proven. Written by the command line (`convexnet train`),
 * kept on disk by the editor, and all that the panel draws. Plain JSON; arrays over rows follow the order of `rows.line`.
 */
export interface RunRecord {
  readonly format: 'convexnet-run/1';
  readonly id: string;
  /** Short human name: file, target, beta, neurons, verdict. */
  readonly label: string;
  readonly createdAt: string;
  readonly version: string;
  readonly dataset: DatasetSummary;
  /** As asked for. */
  readonly settings: TrainSettings;
  /** What `auto` and defaults became. */
  readonly resolved: ResolvedSettings;
  readonly scaling: Scaling;
  readonly solution: SolutionSummary;
  /** Objective and bound against time while solving. */
  readonly trace: readonly TracePoint[];
  readonly neurons: readonly NeuronRecord[];
  /** Free output offsets of the network, on encoded targets; left out when all are zero. */
  readonly outputOffset?: readonly number[];
  readonly gates: GateRecord;
  /** With batch normalisation: objective of the network run as such, means and deviations of its hidden layer taken over the training rows. */
  readonly batchNorm?: { readonly objective: number };
  readonly rows: RowRecord;
  readonly metrics: readonly MetricRow[];
  readonly path?: PathRecord;
  readonly crossValidation?: CrossValidationRecord;
  /** Left out where there are fewer than two test rows, or no simple model. */
  readonly evaluation?: EvaluationRecord;
  readonly compare?: CompareRecord;
  /** Other models by the same cross-validation, where that was asked for. */
  readonly models?: ModelComparisonRecord;
  /** Which columns the network needs; not in records of earlier versions. */
  readonly importance?: ImportanceRecord;
  /** Function drawn over one or two original features. */
  readonly shape?: ShapeRecord;
  /** The dual constraint over all directions, when there are two or three effective inputs (the bias counts as one). */
  readonly landscape?: DualLandscape;
  /** Three-layer and linear networks: their layers and branches. */
  readonly deep?: DeepRecord;
  /** Closed forms that hold on this data, one-feature spline, class-mean geometry. */
  readonly structure?: StructureRecord;
  /** Stages that were not run or were cut short, in words. */
  readonly notes: readonly string[];
  /**
   * Stages that were asked for and had not ended when this was written: still to come while it trains; afterwards they were stopped, or the
   * window closed on them.
   */
  readonly missing?: readonly StageName[];
  /** Solved while beta was being tried: the solve alone, and ended when the next beta came. */
  readonly preview?: boolean;
  /** Counts the records of one run, so that a later one is known from an earlier. Not in records of earlier versions. */
  readonly revision?: number;
}

/** What can be missing of a run. */
export type StageName =
  | 'cross-validation'
  | 'solve'
  | 'threshold'
  | 'proof'
  | 'path'
  | 'structure'
  | 'extras'
  | 'compare'
  | 'refine'
  | 'importance'
  | 'models'
  | 'path-proof';

export interface DatasetSummary {
  /** Where the file lies, which the store of runs goes by; in a run that was exported the name alone, as a relative reference. */
  readonly uri: string;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly encoding: string;
  readonly delimiter: string;
  readonly decimal: string;
  /** The first row holds the column names. */
  readonly header: boolean;
  /** How its rows are found. Not in records of earlier versions: by the delimiter alone. */
  readonly format?: RowFormat;
  /** Texts that were found to be marks of missing values, besides the usual ones and those of the settings. */
  readonly markers?: readonly string[];
  /** Data rows in the file, rows used, and why the others were left out. */
  readonly rowsTotal: number;
  readonly rowsUsed: number;
  readonly dropped: readonly { readonly reason: string; readonly count: number; readonly lines: readonly number[] }[];
  /** The second file that the test rows come from; their lines are of that file. */
  readonly test?: TestFileSummary;
  readonly columns: readonly ColumnSummary[];
  readonly warnings: readonly string[];
}

export interface TestFileSummary extends Pick<
  DatasetSummary,
  'name' | 'bytes' | 'sha256' | 'encoding' | 'delimiter' | 'format'
> {
  /** Names of its columns, in order. */
  readonly columns: readonly string[];
}

export interface ColumnSummary {
  readonly name: string;
  readonly kind: 'numeric' | 'categorical' | 'constant' | 'id';
  readonly role: 'target' | 'feature' | 'left-out';
  /** Why it was left out, or how it was encoded. */
  readonly note: string;
  readonly missing: number;
  readonly distinct: number;
}

export interface ResolvedSettings {
  readonly target: string;
  readonly task: Task;
  readonly loss: LossName;
  readonly outputPenalty: OutputPenalty;
  /** Class names in the order of the outputs / class ids; -1 is the first, +1 the second for two classes. */
  readonly classes: readonly string[];
  /** How often a row of each class counts in the loss, in the errors that beta is chosen by and in `evaluation`; left out: once. */
  readonly classWeights?: readonly number[];
  /**
   * Where the one output of two classes parts them, chosen on rows that folds held out; left out: at zero. `score` in the measure of the rule on those
   * rows, `usual` that of zero. Scores of the network, predictions and pictures use it; simple models, descent and points of the path part at zero.
   */
  readonly threshold?: ThresholdRecord;
  readonly beta: number;
  /** From here on the zero network is optimal; found by search where activation patterns are searched for. */
  readonly betaMax: number;
  /** Then: a proven upper bound of it. `betaMaxIsProven` (verdict.ts) compares the two. */
  readonly betaMaxUpper?: number;
  readonly trainRows: number;
  readonly testRows: number;
  /** Encoded features, without the bias column. */
  readonly inputs: number;
  readonly outputs: number;
}

export interface ThresholdRecord extends ChosenThreshold {
  readonly rule: Exclude<ThresholdRule, 'usual'>;
  readonly folds: number;
}

/** How much is proven about the network over ALL networks of its family. */
export interface GlobalCertificate {
  readonly lowerBound: number;
  readonly relativeGap: number;
  readonly proof: 'exact' | 'bound' | 'none';
  /** Proven upper bound of the dual maximum M(v), and the best value that search found; both over beta. */
  readonly maxDualConstraint: number;
  readonly searchEstimate: number;
  /** What would be proven if no direction were better than the best one found. Not in records of earlier versions. */
  readonly searchedBound?: number;
  /** The lower bound comes from another dual point, that of the fit times this factor; both figures above are of the fit's own. */
  readonly dualPointShrink?: number;
  /** Cells of the arrangement when they were enumerated. */
  readonly cells?: number;
  /** The direction (encoded inputs, then bias) of the worst dual constraint found. */
  readonly worstDirection?: readonly number[];
  /** Several outputs: the outgoing weights (norm 1) with which a neuron along it lowers the objective most. */
  readonly worstOuter?: readonly number[];
  /** What each method proved, the one that `lowerBound` comes from first. */
  readonly methods?: readonly {
    readonly method: ProofMethod | 'patterns' | 'norms';
    readonly lowerBound: number;
    readonly seconds: number;
    /** Cones or patterns visited, or Newton steps. */
    readonly steps: number;
  }[];
  /** One sentence: what was proven how. */
  readonly reason: string;
}

export interface SolutionSummary {
  readonly status: SolveStatus;
  readonly objective: number;
  readonly dualBound: number;
  readonly relativeGap: number;
  readonly datafit: number;
  readonly penalty: number;
  readonly scope: 'given-gates' | 'sampled' | 'all-arrangements';
  /** The proof over all networks is still running, so `global` is missing. On disk: it was when the window closed. */
  readonly proving?: boolean;
  readonly global?: GlobalCertificate;
  /** ReLU: what is known about all optimal networks; `presence` of each neuron says more. */
  readonly optimalSet?: OptimalSetRecord;
  /** Objective of the exported network, computed by running it. */
  readonly networkObjective: number;
  readonly kkt: Residuals;
  readonly iterations: number;
  /** All of the solve, its proof included. */
  readonly seconds: number;
  /** Not in records of earlier versions. */
  readonly times?: SolveTimes;
  readonly method: string;
  readonly threads: number;
}

/** Largest violation of each optimality condition, relative; only those that were computed. */
export interface Residuals {
  readonly stationarity?: number;
  /** Of the activation constraints. */
  readonly cone?: number;
  readonly complementarity?: number;
}

/** Seconds from the beginning of a solve. */
export interface SolveTimes {
  /** Until a point was reached whose objective is within the tolerance of that of the network. */
  readonly found: number;
  /** Until the network did not change any more. */
  readonly final: number;
  /** Of the proof over all networks after that; left out when there was none. */
  readonly proof?: number;
}

/** Among which candidates it is known whether a neuron can be replaced. */
export interface OptimalSetRecord {
  /** 'proven': all directions of all activation patterns; 'found': the neurons of the network itself. */
  readonly scope: 'proven' | 'found';
  /** Proven: how many directions optimal networks can be made of. */
  readonly directions?: number;
}

export interface TracePoint {
  readonly seconds: number;
  readonly iteration: number;
  readonly objective: number;
  readonly dualBound: number;
  readonly active: number;
  /** During a proof over all networks: what `dualBound` comes from, which is then the bound of this method alone. */
  readonly method?: ProofMethod;
}

/** One neuron of the exported network; weights are balanced (norm of the inner weights = |outer weights|). */
export interface NeuronRecord {
  readonly id: number;
  /** Index into `gates`, or -1 when the neuron was generated rather than taken from the list. */
  readonly gate: number;
  readonly sign: 1 | -1;
  /** Which output it feeds, or -1 when several. */
  readonly output: number;
  /** On encoded inputs. */
  readonly weights: readonly number[];
  readonly bias: number;
  readonly outer: readonly number[];
  /** Gated models: the neuron passes on where gate . x + bias >= 0, on encoded inputs. */
  readonly gateDirection?: { readonly weights: readonly number[]; readonly bias: number };
  /** Group norm ||u||: the neuron's share of the penalty is beta times this. */
  readonly norm: number;
  /** Share of the fit: norm of its contribution over the sum of such norms. */
  readonly share: number;
  /** The same neuron in original units, outer weights folded in: slope per original input, then offset, per output. */
  readonly original: { readonly weights: readonly (readonly number[])[]; readonly offset: readonly number[] };
  /** Rows it is on for, as base64 of bits (row r is bit r & 7 of byte r >> 3), over all rows of the run. */
  readonly on: string;
  readonly onCount: number;
  /** Whether every optimal network has this neuron (up to its length); left out where `SolutionSummary.optimalSet` is. */
  readonly presence?: 'every' | 'not every' | 'unknown';
}

/** The dual constraint of every gate that was in play: value over beta, at most 1 at the optimum, tight where active. */
export interface GateRecord {
  readonly count: number;
  /** Patterns asked for, and how many were duplicates or all zero; tuples of three layers are not counted so. */
  readonly requested?: number;
  readonly duplicates?: number;
  readonly constraint: readonly number[];
  /** Group norm of the gate (all outputs and signs together). */
  readonly norm: readonly number[];
  /** Rows that each gate is on for; a tuple has several patterns and none of this. */
  readonly onCount?: readonly number[];
}

export interface RowRecord {
  /** Line in the file, from 1, of each used row (header is line 1). */
  readonly line: readonly number[];
  /** 0 train, 1 test. */
  readonly split: readonly number[];
  /** Target in original units, or class index. */
  readonly target: readonly number[];
  /** rows x outputs: prediction in original units, or logits. */
  readonly prediction: readonly number[];
  /**
   * trainRows x outputs, in the order of the rows with split 0: dual value v = -gradient of the datafit at the fit. In the units
   * of the training program: for squared loss (target - prediction) / Scaling.target.scale.
   */
  readonly dual: readonly number[];
  /**
   * Regression with squared loss, where the proof is tight enough: for each training row and output, how far the target may move down (`lower`, at most 0) and
   * up (`upper`), in its own units and all others fixed, while the network provably stays within `share` of the best.
   */
  readonly targetIntervals?: {
    readonly share: number;
    readonly lower: readonly number[];
    readonly upper: readonly number[];
  };
}

/** One model's scores; `train` and `test` in the same named measure. */
export interface MetricRow {
  readonly model: string;
  readonly measure: string;
  readonly train: number;
  readonly test: number | null;
  readonly higherIsBetter: boolean;
}

export interface PathPoint {
  readonly beta: number;
  readonly objective: number;
  readonly relativeGap: number;
  readonly active: number;
  readonly norm: number;
  readonly train: number;
  readonly test: number | null;
  readonly seconds: number;
  /** Proven over all networks of the family at this beta; left out where it was not tried. */
  readonly lowerBound?: number;
}

/** How beta was chosen by cross-validation on the training rows. */
export interface CrossValidationRecord {
  /** What is averaged: squared error in squared units of the target, log loss in nats, or the share of wrong classes. */
  readonly measure: 'squared error' | 'log loss' | 'misclassification';
  /** Rows count by the weights of their classes. */
  readonly classWeighted?: boolean;
  readonly rule: SelectionRule;
  readonly folds: number;
  /** From large to small beta (of all training rows; a fold's is in proportion to its rows). */
  readonly points: readonly CrossPointRecord[];
  /** Index of the smallest mean error, and of the largest beta within one standard error of it. */
  readonly best: number;
  readonly oneStandardError: number;
  /** Why there is no further point. */
  readonly end: 'risen' | 'smallest' | 'cut short';
  readonly seconds: number;
}

export interface CrossPointRecord {
  readonly beta: number;
  readonly mean: number;
  readonly standardError: number;
  /** Mean error of each fold. */
  readonly folds: readonly number[];
  /** Neurons, mean over the folds. */
  readonly active: number;
}

/** The network beside the best simple model on the same test rows. */
export interface EvaluationRecord {
  readonly measure: CrossValidationRecord['measure'];
  /** Rows count by the weights of their classes. */
  readonly classWeighted?: boolean;
  readonly rows: number;
  /** Mean errors. */
  readonly network: number;
  readonly baseline: number;
  readonly baselineModel: string;
  /** Mean of network - baseline over the rows, and its standard error: below zero where the network is better. */
  readonly difference: number;
  readonly standardError: number;
}

/** Permutation importance of the columns and partial dependence on them, in original units. */
export interface ImportanceRecord {
  readonly measure: CrossValidationRecord['measure'];
  /** Rows count by the weights of their classes. */
  readonly classWeighted?: boolean;
  /** The rows that were looked at: 1 test, 0 train; and how many (a seeded sample where there are many). */
  readonly split: 0 | 1;
  readonly rows: number;
  /** Shuffles of each column. */
  readonly repeats: number;
  /** Most important first. */
  readonly features: readonly FeatureImportance[];
  /** False: a stop or the time limit left columns out. */
  readonly complete: boolean;
}

export interface FeatureImportance {
  readonly column: string;
  /** What the mean error gains when the column is shuffled, and its standard deviation over shuffles; 0 for a column that is not looked at. */
  readonly mean: number;
  readonly deviation: number;
  /**
   * Partial dependence: the mean over the rows when the column is `at` in all of them (numbers, days of dates, or categories) of the prediction, or of the
   * probability of each class (of two classes the second; outputs where there are no probabilities).
   */
  readonly effect?: { readonly at: readonly (number | string)[]; readonly value: readonly (readonly number[])[] };
}

export interface PathRecord {
  readonly betaMax: number;
  readonly measure: string;
  readonly points: readonly PathPoint[];
  readonly complete: boolean;
  /** Time that went into the bounds of its points; left out while that is to come. */
  readonly proofSeconds?: number;
}

export interface GradientRun {
  readonly optimizer: OptimizerName;
  readonly seed: number;
  readonly learningRate: number;
  /** Curve of the full non-convex objective. */
  readonly epochs: readonly number[];
  readonly seconds: readonly number[];
  readonly objective: readonly number[];
  /** Last objective, and after merging and balancing its neurons. */
  readonly final: number;
  readonly merged: number;
  /** (merged - convex objective) / |convex objective|. */
  readonly excess: number;
  readonly active: number;
  readonly train: number;
  readonly test: number | null;
  readonly diverged: boolean;
}

export interface CompareRecord {
  readonly measure: string;
  readonly width: number;
  readonly convexObjective: number;
  /** Proven lower bound for every network of the family, when there is one. */
  readonly lowerBound: number | null;
  readonly runs: readonly GradientRun[];
  readonly complete: boolean;
}

export type ShapeRecord =
  | {
      readonly kind: 'curve';
      readonly feature: string;
      readonly x: readonly number[];
      /** One curve per output. */
      readonly y: readonly (readonly number[])[];
      /** Kinks of the fitted function, original units. */
      readonly kinks: readonly number[];
      readonly points: {
        readonly x: readonly number[];
        readonly y: readonly number[];
        readonly split: readonly number[];
      };
    }
  | {
      readonly kind: 'surface';
      readonly features: readonly [string, string];
      readonly x: readonly number[];
      readonly y: readonly number[];
      /** y-major grid: value, or class index. */
      readonly value: readonly number[];
      readonly classes: readonly string[];
      /** Classes: the outputs behind `value`, cell by cell, to six digits; not in records of earlier runs, nor for many classes. */
      readonly logits?: readonly number[];
      /** Of the one output of two classes, where it is not zero. */
      readonly threshold?: number;
      readonly points: {
        readonly x: readonly number[];
        readonly y: readonly number[];
        readonly target: readonly number[];
        readonly split: readonly number[];
      };
      /** Hinges of the neurons, as segments x1 y1 x2 y2 in original units. */
      readonly hinges: readonly (readonly [number, number, number, number])[];
    };

/**
 * v'(Xu)_+ / beta over unit directions u of the encoded inputs (then the bias), v the dual values; a network is optimal over all
 * networks exactly when this stays within -1 .. 1, and its neurons are the directions that touch. With several outputs the
 * signed value of the output where it is largest in size, or, where neurons feed all outputs, the norm over them.
 */
export type DualLandscape =
  | {
      /** u = (cos angle, sin angle), radians in [0, 2 pi). */
      readonly kind: 'circle';
      readonly axes: readonly [string, string];
      readonly angle: readonly number[];
      readonly value: readonly number[];
      readonly neurons: readonly { readonly id: number; readonly angle: number; readonly value: number }[];
    }
  | {
      /** u = (cos latitude cos longitude, cos latitude sin longitude, sin latitude); values latitude-major. */
      readonly kind: 'sphere';
      readonly axes: readonly [string, string, string];
      readonly longitude: readonly number[];
      readonly latitude: readonly number[];
      readonly value: readonly number[];
      readonly neurons: readonly {
        readonly id: number;
        readonly longitude: number;
        readonly latitude: number;
        readonly value: number;
      }[];
    };

/** What a worker tells while it trains. */
export interface TrainProgress {
  readonly stage:
    | 'reading'
    | 'preparing'
    | 'cross-validation'
    | 'solving'
    | 'certifying'
    | 'path'
    | 'structure'
    | 'compare'
    | 'models'
    | 'path-proof'
    | 'saving';
  /** 0..1 within the stage when known. */
  readonly fraction: number | null;
  readonly message: string;
  readonly point?: TracePoint;
}

export type { BetaSetting, OptimizerName, Scaling, SolveStatus, Task, TrainSettings };
