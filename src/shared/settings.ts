import { splitWays } from '../core/data/splitColumn.ts';
import { dateParts } from '../core/data/dates.ts';
import { columnTypes } from '../core/data/table.ts';
import type { Task } from '../core/data/infer.ts';
import { defaultMemoryBytes } from '../core/engine/solution/memoryBudget.ts';
import { thresholdRules } from '../core/metrics/threshold.ts';
import { lossNames } from '../core/problem/datafits/losses.ts';
import { penaltyNames } from '../core/problem/penalties/penalties.ts';
import { biasModes, defaultGateCount, modelNames } from '../core/problem/problem.ts';
import { sizeBounds } from './networkName.ts';
import {
  choice,
  choiceByName,
  choices,
  count,
  delimiter,
  fallbacksOf,
  flag,
  group,
  positive,
  positiveByName,
  range,
  text,
  texts,
  type ValuesOf,
} from './settingKinds.ts';

export type { Task };

const tasks = ['regression', 'binary', 'multiclass'] as const satisfies readonly Task[];
const betaKinds = ['auto', 'relative', 'absolute'] as const;
const optimizers = ['sgd', 'momentum', 'adam'] as const;
const selectionRules = ['smallest', 'one-standard-error'] as const;
const weightWays = ['equal', 'balanced', 'given'] as const;
export const missingWays = ['auto', 'drop', 'impute'] as const;

export type OptimizerName = (typeof optimizers)[number];
/**
 * How beta is meant: as it stands; as a multiple of the smallest beta that gives the zero network; or chosen by cross-validation on the training
 * rows, where `value` is the multiple that the first network is shown at.
 */
export type BetaSetting = TrainSettings['beta'];

/** Rows with missing cells: left out, filled in, or (auto) filled in where leaving them out would lose more than a twentieth of the rows. */
export type MissingSetting = (typeof missingWays)[number];

/** What cross-validation picks: the beta of the smallest error, or the largest whose error is within one standard error of it. */
export type SelectionRule = (typeof selectionRules)[number];

/**
 * Everything a training run depends on besides the data: the one place where a setting is declared. Its default, its bounds (settingsSchema.ts),
 * its option of the command line with the help (src/cli/trainOptions.ts), its declaration in package.json (settingsManifest.ts) and what the
 * editor reads (src/host/trainingSettings.ts) all follow from here.
 */
export const trainingTable = {
  /** What is not left to guessing about the file. */
  dialect: group(
    {
      delimiter: delimiter({
        optional: true,
        option: {
          name: 'delimiter',
          part: 'data',
          argument: 'C',
          help: 'one character, tab, or space for any white space (default: guessed)',
          spellings: {
            tab: '\t',
            '\\t': '\t',
            space: ' ',
            whitespace: ' ',
            comma: ',',
            semicolon: ';',
            bar: '|',
            pipe: '|',
          },
        },
      }),
      quote: choice(['"', "'", '\\"', ''], {
        optional: true,
        option: {
          name: 'quote',
          part: 'data',
          argument: 'Q',
          help: 'quotation mark: double, single, backslash (\\" inside cells) or none',
          spellings: { double: '"', single: "'", none: '', backslash: '\\"' },
        },
      }),
      decimal: choice(['.', ','], {
        optional: true,
        option: {
          name: 'decimal',
          part: 'data',
          argument: 'M',
          help: 'decimal mark, . or ,',
          spellings: { point: '.', comma: ',' },
        },
      }),
      header: flag({
        optional: true,
        option: { name: 'header', part: 'data', help: 'the first row holds the names of the columns, or does not' },
      }),
      /** Name of the encoding, as `utf-8`, `windows-1251`, `gbk`. */
      encoding: text(0, 40, {
        optional: true,
        option: { name: 'encoding', part: 'data', argument: 'NAME', help: 'utf-8, windows-1251, gbk, ...' },
      }),
      skip: count(0, 10_000, {
        optional: true,
        option: { name: 'skip', part: 'data', argument: 'N', help: 'lines at the top to pass over' },
      }),
      comment: text(1, 20, {
        optional: true,
        option: { name: 'comment', part: 'data', argument: 'TEXT', help: 'lines that begin with it are passed over' },
      }),
      na: texts(100, 100, {
        optional: true,
        option: {
          name: 'na',
          part: 'data',
          argument: 'TEXT,...',
          help: 'texts or numbers that are missing values, besides the usual ones; may be repeated',
        },
      }),
    },
    true,
  ),
  /** By column name, what the column is where that is not left to guessing. The command line has --type and --exclude. */
  columnTypes: choiceByName(columnTypes, { optional: true }),
  /** Name of the target column; empty: inferred. */
  target: text(0, 10_000, {
    fallback: '',
    perFile: true,
    option: { name: 'target', part: 'data', argument: 'COLUMN', help: 'column to predict (default: inferred)' },
  }),
  task: choice(['auto', ...tasks], {
    fallback: 'auto',
    perFile: true,
    option: { name: 'task', part: 'data', argument: 'TASK', help: 'what is asked of the target; auto: inferred' },
  }),
  /** Feature columns; empty: all columns but the target and those that inference leaves out. */
  features: texts(10_000, 100_000, {
    fallback: [],
    perFile: true,
    option: {
      name: 'features',
      part: 'data',
      argument: 'A,B,...',
      help: 'columns to learn from (default: inferred); may be repeated',
      whole: true,
    },
  }),
  model: choice(modelNames, {
    fallback: 'relu',
    option: { name: 'model', part: 'network', argument: 'MODEL', help: 'the network that is trained' },
  }),
  /** First hidden width of a branch of a three-layer network. */
  m1: count(sizeBounds.m1.least, sizeBounds.m1.most, {
    fallback: 2,
    option: {
      name: 'm1',
      part: 'network',
      argument: 'N',
      help: 'three-layer: neurons of the first hidden layer of a sub-network',
    },
  }),
  /** Layers of a linear network. */
  depth: count(sizeBounds.depth.least, sizeBounds.depth.most, {
    fallback: 2,
    option: { name: 'depth', part: 'network', argument: 'N', help: 'linear: layers' },
  }),
  /** auto: squared for regression, logistic for two classes, softmax for more. */
  loss: choice(['auto', ...lossNames], {
    fallback: 'auto',
    option: { name: 'loss', part: 'network', argument: 'LOSS', help: 'the loss, a sum over rows; auto: by task' },
  }),
  /** Huber loss: from this size of residual on it is linear, in units of the encoded target. */
  delta: positive(1e6, {
    fallback: 1,
    optional: true,
    option: {
      name: 'delta',
      part: 'network',
      argument: 'D',
      help: 'huber: linear from this size of residual on, on the standardised target',
    },
  }),
  /** How often a row counts in the loss, by its class: once; as rows / (classes * rows of its class); or as `given` says, else once. */
  classWeights: group(
    {
      by: choice(weightWays, {
        fallback: 'equal',
        perFile: true,
        option: {
          name: 'class-weights',
          part: 'network',
          argument: 'HOW',
          help: 'how much the rows of a class count in the loss; balanced: all classes alike; given: as --class-weight says',
        },
      }),
      /** By name of the class. The command line has --class-weight. */
      given: positiveByName(1e6, { optional: true, perFile: true }),
    },
    true,
  ),
  /** Where the one output of two classes parts them. */
  threshold: choice(thresholdRules, {
    fallback: 'usual',
    optional: true,
    option: {
      name: 'threshold',
      part: 'network',
      argument: 'RULE',
      help: 'two classes: where they part; usual: at a probability of one half; else where the rows that folds hold out score best (f1: of the rarer class)',
    },
  }),
  /** The command line has --beta and --beta-rel. */
  beta: group({
    kind: choice(betaKinds, { fallback: 'auto' }),
    value: positive(1e12, { fallback: 0.1 }),
  }),
  arrangements: choice(['sampled', 'adaptive', 'all'], {
    fallback: 'adaptive',
    option: { name: 'arrangements', part: 'network', argument: 'KIND', help: 'where activation patterns come from' },
  }),
  gates: count(1, 100_000, {
    fallback: defaultGateCount,
    trusted: true,
    option: { name: 'gates', part: 'network', argument: 'N', help: 'gates to sample' },
  }),
  seed: count(0, 4_294_967_295, {
    fallback: 1,
    option: {
      name: 'seed',
      part: 'network',
      argument: 'N',
      help: 'of everything random: split, sampling, gradient descent',
    },
  }),
  bias: choice(biasModes, {
    fallback: 'regularized',
    option: { name: 'bias', part: 'network', argument: 'KIND', help: 'the bias of the neurons' },
  }),
  standardize: flag({
    fallback: true,
    option: { name: 'standardize', part: 'data', help: 'inputs of mean 0 and deviation 1' },
  }),
  /** Whiten the inputs on the training rows. */
  whiten: flag({
    fallback: false,
    optional: true,
    option: {
      name: 'whiten',
      part: 'data',
      help: 'make the inputs uncorrelated, of deviation 1; with at most as many training rows as inputs, make the rows orthogonal, for the closed forms of whitened data (with --bias none)',
    },
  }),
  /** Batch normalisation in the hidden layer of a two-layer ReLU network. */
  batchNorm: flag({
    fallback: false,
    optional: true,
    option: {
      name: 'batch-norm',
      part: 'network',
      help: 'relu: batch normalisation in the hidden layer; beta/2 (scale^2 + shift^2 + outgoing weight^2) is paid, the inner weights are free; --bias none: no shift, free: the shift is not paid for',
    },
  }),
  outputPenalty: choice(penaltyNames, {
    fallback: 'per-output',
    option: {
      name: 'output-penalty',
      part: 'network',
      argument: 'KIND',
      help: 'the penalty when the network has several outputs',
    },
  }),
  /** What columns of dates say besides days. */
  dateParts: choices(dateParts, {
    fallback: [],
    optional: true,
    option: {
      name: 'date-parts',
      part: 'data',
      argument: 'A,B',
      help: 'what columns of dates say besides the number of days, each as sine and cosine',
    },
  }),
  /** What happens to rows with missing cells. */
  missing: choice(missingWays, {
    fallback: 'auto',
    option: {
      name: 'missing',
      part: 'data',
      argument: 'HOW',
      help: 'rows with missing cells; auto: impute where dropping loses more than 5 %',
    },
  }),
  /** Share of rows held out for testing. */
  testFraction: range(0, 0.9, {
    fallback: 0.2,
    option: { name: 'test-fraction', part: 'data', argument: 'F', help: 'share of the rows held out' },
  }),
  /** Instead of a share drawn at random: part `index` (from 0) of `count` equal parts of the rows is held out, the parts being drawn with the seed. */
  fold: group(
    {
      index: count(0, 49, { perFile: true }),
      count: count(2, 50, { perFile: true }),
    },
    true,
  ),
  /** How the rows held out are found; groups and time hold for the folds of cross-validation as well. */
  split: group(
    {
      by: choice(splitWays, {
        fallback: 'random',
        perFile: true,
        option: {
          name: 'split',
          part: 'data',
          argument: 'HOW',
          help: 'rows held out: drawn (stratified), named by a column (train, test), the last by a time, or whole groups',
        },
      }),
      column: text(0, 10_000, {
        fallback: '',
        perFile: true,
        option: {
          name: 'split-column',
          part: 'data',
          argument: 'COLUMN',
          help: 'column of --split; unless it is a time it is no feature',
        },
      }),
    },
    true,
  ),
  /** Instead: the rows of a second file, named from the folder of the first. */
  testFile: text(0, 10_000, {
    optional: true,
    perFile: true,
    option: {
      name: 'test',
      part: 'data',
      argument: 'FILE',
      help: 'test on the rows of this file instead; columns are matched by name',
    },
  }),
  /** Use at most this many rows (a seeded sample); 0: all. */
  maxRows: count(0, 1_000_000_000, {
    fallback: 10_000,
    trusted: true,
    option: { name: 'max-rows', part: 'data', argument: 'N', help: 'use at most N rows, a seeded sample; 0: all' },
  }),
  /** Relative duality gap. */
  tolerance: range(1e-12, 0.1, {
    fallback: 1e-6,
    option: { name: 'tolerance', part: 'effort', argument: 'T', help: 'relative duality gap' },
  }),
  timeLimitSeconds: positive(86_400, {
    fallback: 45,
    trusted: true,
    option: {
      name: 'time-limit',
      part: 'effort',
      argument: 'SECONDS',
      help: 'for a training but its proofs: choosing beta, the solve, the path and gradient descent share it',
    },
  }),
  /** Seconds that may go into proving the global bound of a ReLU network. */
  certifySeconds: range(0, 86_400, {
    fallback: 10,
    trusted: true,
    option: { name: 'certify-seconds', part: 'effort', argument: 'S', help: 'for the proof over all networks' },
  }),
  /** Memory that a solve may take, in GiB: larger problems are refused before anything is allocated. */
  memoryGiB: range(0.01, 1024, {
    fallback: defaultMemoryBytes / 2 ** 30,
    trusted: true,
    optional: true,
    option: {
      name: 'memory',
      part: 'effort',
      argument: 'GIB',
      help: 'memory that a solve may take; larger problems are refused at once',
    },
  }),
  path: group({
    points: count(0, 200, {
      fallback: 20,
      trusted: true,
      option: {
        name: 'path-points',
        part: 'effort',
        argument: 'N',
        help: 'points of the regularisation path; 0: none',
      },
    }),
    smallest: range(1e-6, 0.99, {
      fallback: 0.01,
      option: {
        name: 'path-smallest',
        part: 'effort',
        argument: 'R',
        help: 'smallest beta of the path, as a share of the largest',
      },
    }),
  }),
  /** How beta is chosen where it is `auto`. */
  crossValidation: group(
    {
      folds: count(2, 50, {
        fallback: 5,
        trusted: true,
        option: {
          name: 'folds',
          part: 'network',
          argument: 'K',
          help: '--beta auto: parts that the training rows are cut into',
        },
      }),
      rule: choice(selectionRules, {
        fallback: 'smallest',
        option: {
          name: 'beta-rule',
          part: 'network',
          argument: 'RULE',
          help: '--beta auto: the beta of the smallest error, or the largest within one standard error of it',
        },
      }),
    },
    true,
  ),
  /** Other models by the same cross-validation of beta. */
  compareModels: flag({
    fallback: false,
    trusted: true,
    optional: true,
    option: {
      name: 'compare-models',
      part: 'effort',
      help: 'judge ReLU, gated, batch-normalised and linear networks by the same cross-validation of beta, in one table',
    },
  }),
  compare: group({
    enabled: flag({
      fallback: true,
      trusted: true,
      option: { name: 'compare', part: 'effort', help: 'train the same network by gradient descent' },
    }),
    optimizers: choices(optimizers, {
      fallback: optimizers,
      trusted: true,
      option: { name: 'optimizers', part: 'effort', argument: 'A,B', help: 'gradient methods' },
    }),
    seeds: count(1, 50, {
      fallback: 3,
      trusted: true,
      option: { name: 'seeds', part: 'effort', argument: 'N', help: 'starting points per gradient method' },
    }),
    epochs: count(1, 1_000_000, {
      fallback: 1000,
      trusted: true,
      option: { name: 'epochs', part: 'effort', argument: 'N', help: 'epochs of gradient descent' },
    }),
    batchSize: count(0, 1_000_000, {
      fallback: 0,
      trusted: true,
      option: { name: 'batch-size', part: 'effort', argument: 'N', help: 'rows per gradient step; 0: all' },
    }),
  }),
} as const;

/** Settings that are about the editor rather than about training. */
export const editorTable = {
  runs: group({
    /** Runs kept on disk per workspace; older ones are removed when a new one is saved. 0 keeps all. */
    keep: count(0, 100_000, { fallback: 200, trusted: true }),
  }),
  export: group({
    /** Whether texts in exported tables that a spreadsheet would run as formulas are neutralised. */
    formulas: choice(['neutralize', 'keep'], { fallback: 'neutralize', trusted: true }),
  }),
} as const;

/** Everything a training run depends on besides the data. One validated record. */
export type TrainSettings = ValuesOf<typeof trainingTable>;

export const defaultSettings = fallbacksOf(trainingTable) as unknown as TrainSettings;

/** Bytes that a solve with these settings may take. */
export function memoryBytesOf({ memoryGiB = defaultSettings.memoryGiB! }: Pick<TrainSettings, 'memoryGiB'>): number {
  return memoryGiB * 2 ** 30;
}
