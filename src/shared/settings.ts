import type { DialectOptions } from '../core/data/layout.ts';
import type { ColumnType } from '../core/data/table.ts';
import type { Task } from '../core/data/infer.ts';
import {
  type BiasMode,
  defaultGateCount,
  type LossName,
  type ModelName,
  type OutputPenalty,
} from '../core/problem/problem.ts';

export type { Task };
export type OptimizerName = 'sgd' | 'momentum' | 'adam';
/**
 * How beta is meant: as it stands; as a multiple of the smallest beta that gives the zero network; or chosen by cross-validation on the training
 * rows, where `value` is the multiple that the first network is shown at.
 */
export interface BetaSetting {
  readonly kind: BetaKind;
  readonly value: number;
}
export type BetaKind = 'auto' | 'relative' | 'absolute';

/** Rows with missing cells: left out, filled in, or (auto) filled in where leaving them out would lose more than a twentieth of the rows. */
export type MissingSetting = 'auto' | 'drop' | 'impute';

/** What cross-validation picks: the beta of the smallest error, or the largest whose error is within one standard error of it. */
export type SelectionRule = 'smallest' | 'one-standard-error';

/** Bounds of the sizes that some models have: first hidden width of a branch, number of layers. */
export const sizeBounds = { m1: { least: 1, most: 16 }, depth: { least: 2, most: 64 } } as const;

/** What a person chooses between: the models, and the ReLU network with batch normalisation as one of its own. */
export type NetworkName = ModelName | 'relu-batch-norm';

/** The network that settings ask for. */
export function networkNameOf({ model, batchNorm }: Pick<TrainSettings, 'model' | 'batchNorm'>): NetworkName {
  return model === 'relu' && batchNorm === true ? 'relu-batch-norm' : model;
}

/** The settings that ask for a network. */
export function networkSettings(name: NetworkName): { readonly model: ModelName; readonly batchNorm: boolean } {
  return name === 'relu-batch-norm' ? { model: 'relu', batchNorm: true } : { model: name, batchNorm: false };
}

/** Everything a training run depends on besides the data. One flat validated record. */
export interface TrainSettings {
  /** What is not left to guessing about the file: delimiter, quotation mark, decimal mark, encoding, header row, lines to skip, comments, missing markers. */
  readonly dialect?: DialectOptions;
  /** By column name, what the column is where that is not left to guessing. */
  readonly columnTypes?: Readonly<Record<string, ColumnType>>;
  /** Name of the target column; empty: inferred. */
  readonly target: string;
  readonly task: Task | 'auto';
  /** Feature columns; empty: all columns but the target and those that inference leaves out. */
  readonly features: readonly string[];
  readonly model: ModelName;
  /** First hidden width of a branch of a three-layer network. */
  readonly m1: number;
  /** Layers of a linear network. */
  readonly depth: number;
  /** auto: squared for regression, logistic for two classes, softmax for more. */
  readonly loss: LossName | 'auto';
  /** Huber loss: from this size of residual on it is linear, in units of the encoded target. Not in records of earlier runs. */
  readonly delta?: number;
  readonly beta: BetaSetting;
  readonly arrangements: 'sampled' | 'adaptive' | 'all';
  /** Gates to sample. */
  readonly gates: number;
  readonly seed: number;
  readonly bias: BiasMode;
  readonly standardize: boolean;
  /** Whiten the inputs on the training rows; not in records of earlier runs, where it means no. */
  readonly whiten?: boolean;
  /** Batch normalisation in the hidden layer of a two-layer ReLU network; not in records of earlier runs, where it means no. */
  readonly batchNorm?: boolean;
  readonly outputPenalty: OutputPenalty;
  /** What happens to rows with missing cells. */
  readonly missing: MissingSetting;
  /** Share of rows held out for testing, 0..0.9. */
  readonly testFraction: number;
  /** Use at most this many rows (a seeded sample); 0: all. */
  readonly maxRows: number;
  /** Relative duality gap. */
  readonly tolerance: number;
  readonly timeLimitSeconds: number;
  /** Seconds that may go into proving the global bound of a ReLU network. */
  readonly certifySeconds: number;
  /** Memory that a solve may take, in GiB: larger problems are refused before anything is allocated. Not in records of earlier runs. */
  readonly memoryGiB?: number;
  readonly path: { readonly points: number; readonly smallest: number };
  /** How beta is chosen where it is `auto`. Not in records of earlier runs. */
  readonly crossValidation?: { readonly folds: number; readonly rule: SelectionRule };
  readonly compare: {
    readonly enabled: boolean;
    readonly optimizers: readonly OptimizerName[];
    readonly seeds: number;
    readonly epochs: number;
    readonly batchSize: number;
  };
}

export const defaultSettings: TrainSettings = {
  target: '',
  task: 'auto',
  features: [],
  model: 'relu',
  m1: 2,
  depth: 2,
  loss: 'auto',
  delta: 1,
  beta: { kind: 'relative', value: 0.1 },
  arrangements: 'adaptive',
  gates: defaultGateCount,
  seed: 1,
  bias: 'regularized',
  standardize: true,
  whiten: false,
  batchNorm: false,
  outputPenalty: 'per-output',
  missing: 'auto',
  testFraction: 0.2,
  maxRows: 10_000,
  tolerance: 1e-6,
  timeLimitSeconds: 60,
  certifySeconds: 10,
  memoryGiB: 4,
  path: { points: 20, smallest: 0.01 },
  crossValidation: { folds: 5, rule: 'smallest' },
  compare: { enabled: true, optimizers: ['sgd', 'momentum', 'adam'], seeds: 3, epochs: 1000, batchSize: 0 },
};

/** Bytes that a solve with these settings may take. */
export function memoryBytesOf({ memoryGiB = defaultSettings.memoryGiB! }: Pick<TrainSettings, 'memoryGiB'>): number {
  return memoryGiB * 2 ** 30;
}
