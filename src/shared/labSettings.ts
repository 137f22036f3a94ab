import type { InferOutput } from 'valibot';
import { choice, choices, count, counts, fallbacksOf, flag, range, text, texts } from './settingKinds.ts';
import { tableSchema } from './tableSchema.ts';

/** Settings of the Lab, one table per page: bounds, defaults; schema, form and command line follow. How long a page takes depends on rows, inputs and machine. */

/** The Lab: theorems about wide networks and about gradient flow, checked on a data file. One page per question. */
export const labPages = ['kernel', 'sweep', 'contrast', 'mlp', 'flow', 'geometry'] as const;
export type LabPage = (typeof labPages)[number];

/** Which part of the file a page looks at. */
const data = {
  /** Name of the target column; empty: inferred. */
  target: text(0, 10_000, { fallback: '' }),
  /** The class that becomes +1, all others -1; empty: the target has two classes (or is a number, where that is allowed). */
  positive: text(0, 10_000, { fallback: '' }),
  /** The class that becomes -1, rows of further classes being left out; empty: all that are not `positive`. */
  negative: text(0, 10_000, { fallback: '' }),
  seed: count(0, 4_294_967_295, { fallback: 1 }),
  standardize: flag({ fallback: true }),
  /** Networks have biases. */
  bias: flag({ fallback: true }),
};

/** At most this many rows, a seeded sample; 0: all. */
const maxRows = (fallback: number) => count(0, 1_000_000, { fallback });
const withoutBias = { bias: flag({ fallback: false }) };

const activation = choice(['relu', 'erf'], { fallback: 'relu' });
const hiddenLayers = (fallback: number) => count(1, 6, { fallback });
/** Starting points per width. */
const seeds = (fallback: number) => count(1, 20, { fallback });
const widths = (fallback: readonly number[]) => counts(2, 1_000_000, 12, { fallback });
/** A learning rate; 0: chosen by short trial runs (of the flow: its usual one). */
const learningRate = range(0, 1000, { fallback: 0 });
const testFraction = range(0, 0.9, { fallback: 0.3 });
/** Where the scales of the layers are: in the forward pass (NTK), or in the size of the start weights (standard). */
const parametrization = choice(['ntk', 'standard'], { fallback: 'ntk' });
/** Step size as a share of the edge of stability 2 / lambda_max. */
const rate = range(1e-6, 2, { fallback: 0.5 });
/** Size of the weights at the start. */
const initScale = range(1e-8, 10, { fallback: 1e-3 });

export const labTables = {
  mlp: {
    ...data,
    maxRows: maxRows(150),
    activation,
    hiddenLayers: hiddenLayers(2),
    seeds: seeds(2),
    widths: widths([32, 128]),
    /** Update rules, each on every width from every start. */
    rules: choices(['sgd', 'momentum', 'adam', 'flow'], { fallback: ['sgd', 'momentum', 'adam', 'flow'], least: 1 }),
    parametrization,
    loss: choice(['squared', 'logistic'], { fallback: 'squared' }),
    epochs: count(1, 1_000_000, { fallback: 300 }),
    /** Rows per step; 0: all. The flow always takes all. */
    batchSize: count(0, 1_000_000, { fallback: 0 }),
    /** For the mean loss, as common frameworks count it. */
    sgdRate: learningRate,
    momentumRate: learningRate,
    adamRate: learningRate,
    /** Largest step of the flow in units of the loss. */
    flowRate: learningRate,
    testFraction,
  },
  kernel: {
    ...data,
    maxRows: maxRows(150),
    activation,
    hiddenLayers: hiddenLayers(1),
    seeds: seeds(3),
    widths: widths([64, 256, 1024, 4096]),
  },
  sweep: {
    ...data,
    maxRows: maxRows(100),
    activation,
    hiddenLayers: hiddenLayers(1),
    seeds: seeds(2),
    widths: widths([64, 256, 1024]),
    parametrization,
    testFraction,
    /** How outputs start: as drawn, or at zero by mirrored pairs (one hidden layer) or by subtracting them. */
    start: choice(['random', 'mirrored', 'centered'], { fallback: 'mirrored' }),
    steps: count(2, 1_000_000, { fallback: 300 }),
    rate,
    /** Share of labels replaced in the runs with label noise; 0: no such runs. */
    noise: range(0, 1, { fallback: 0.2 }),
    /** Steps per cell of the grid of step sizes. */
    rateSteps: count(1, 100_000, { fallback: 40 }),
  },
  contrast: {
    ...data,
    maxRows: maxRows(150),
    testFraction,
    width: count(2, 1_000_000, { fallback: 1024 }),
    steps: count(2, 1_000_000, { fallback: 1000 }),
    rate,
    /** Regularisation of the convex program as a share of beta max. */
    beta: range(1e-6, 1, { fallback: 0.05 }),
  },
  flow: {
    ...data,
    ...withoutBias,
    maxRows: maxRows(40),
    neurons: count(1, 100_000, { fallback: 20 }),
    seeds: seeds(3),
    initScale,
    steps: count(10, 10_000_000, { fallback: 200_000 }),
  },
  geometry: {
    ...data,
    ...withoutBias,
    maxRows: maxRows(12),
    /** The two or three features that are looked at; empty: as many as there are, or the first two. */
    features: texts(10_000, 3, { fallback: [] }),
    /** Of the network that gradient flow trains for comparison. */
    neurons: count(1, 10_000, { fallback: 20 }),
    initScale,
    steps: count(10, 10_000_000, { fallback: 60_000 }),
  },
} as const;

/** Bounds of the settings; what enters from outside (forms, command line, records) passes through here. */
export const labSettingsSchemas = {
  mlp: tableSchema(labTables.mlp),
  kernel: tableSchema(labTables.kernel),
  sweep: tableSchema(labTables.sweep),
  contrast: tableSchema(labTables.contrast),
  flow: tableSchema(labTables.flow),
  geometry: tableSchema(labTables.geometry),
};

export type LabSettings = { readonly [P in LabPage]: Readonly<InferOutput<(typeof labSettingsSchemas)[P]>> };
/** What every page has. */
export type LabDataSettings = Pick<LabSettings['kernel'], keyof typeof data | 'maxRows'>;

/** Where the forms start. */
export const defaultLabSettings = Object.fromEntries(
  labPages.map((page) => [page, fallbacksOf(labTables[page])]),
) as unknown as LabSettings;
