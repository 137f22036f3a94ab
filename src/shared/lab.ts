import * as v from 'valibot';
import type { KernelReport } from '../core/theory/wide/kernelReport.ts';
import type { SweepResult } from '../core/theory/wide/sweep.ts';
import type { ContrastResult } from './labContrast.ts';
import type { FlowResult, GeometryResult } from './labFlow.ts';
import type { MlpResult } from './labMlp.ts';
import { copySchema, saveFileSchema, saveTableSchema } from './savedFiles.ts';

/** The Lab: theorems about wide networks and about gradient flow, checked on a data file. One page per question. */
export const labPages = ['kernel', 'sweep', 'contrast', 'mlp', 'flow', 'geometry'] as const;
export type LabPage = (typeof labPages)[number];

const count = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const between = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.finite(), v.minValue(least), v.maxValue(most));
const name = v.pipe(v.string(), v.maxLength(10_000));
const widths = v.pipe(v.array(count(2, 1_000_000)), v.minLength(1), v.maxLength(12));

/** Which part of the file a page looks at. */
const data = {
  /** Name of the target column; empty: inferred. */
  target: name,
  /** The class that becomes +1, all others -1; empty: the target has two classes (or is a number, where that is allowed). */
  positive: name,
  /** At most this many rows, a seeded sample; 0: all. */
  maxRows: count(0, 1_000_000),
  seed: count(0, 4_294_967_295),
  standardize: v.boolean(),
  /** Networks have biases. */
  bias: v.boolean(),
};

const network = {
  activation: v.picklist(['relu', 'erf']),
  hiddenLayers: count(1, 6),
  /** Starting points per width. */
  seeds: count(1, 20),
};

/** A learning rate; 0: chosen by short trial runs (of the flow: its usual one). */
const learningRate = between(0, 1000);

export const labSettingsSchemas = {
  mlp: v.object({
    ...data,
    ...network,
    widths,
    /** Update rules, each on every width from every start. */
    rules: v.pipe(v.array(v.picklist(['sgd', 'momentum', 'adam', 'flow'])), v.minLength(1, 'choose at least one')),
    parametrization: v.picklist(['ntk', 'standard']),
    loss: v.picklist(['squared', 'logistic']),
    epochs: count(1, 1_000_000),
    /** Rows per step; 0: all. The flow always takes all. */
    batchSize: count(0, 1_000_000),
    /** For the mean loss, as common frameworks count it. */
    sgdRate: learningRate,
    momentumRate: learningRate,
    adamRate: learningRate,
    /** Largest step of the flow in units of the loss. */
    flowRate: learningRate,
    testFraction: between(0, 0.9),
  }),
  kernel: v.object({ ...data, ...network, widths }),
  sweep: v.object({
    ...data,
    ...network,
    widths,
    /** Where the scales of the layers are: in the forward pass (NTK), or in the size of the start weights (standard). */
    parametrization: v.picklist(['ntk', 'standard']),
    testFraction: between(0, 0.9),
    /** How outputs start: as drawn, or at zero by mirrored pairs (one hidden layer) or by subtracting them. */
    start: v.picklist(['random', 'mirrored', 'centered']),
    steps: count(2, 1_000_000),
    /** Step size as a share of the edge of stability 2 / lambda_max. */
    rate: between(1e-6, 2),
    /** Share of labels replaced in the runs with label noise; 0: no such runs. */
    noise: between(0, 1),
    /** Steps per cell of the grid of step sizes. */
    rateSteps: count(1, 100_000),
  }),
  contrast: v.object({
    ...data,
    testFraction: between(0, 0.9),
    width: count(2, 1_000_000),
    steps: count(2, 1_000_000),
    rate: between(1e-6, 2),
    /** Regularisation of the convex program as a share of beta max. */
    beta: between(1e-6, 1),
  }),
  flow: v.object({
    ...data,
    neurons: count(1, 100_000),
    seeds: count(1, 20),
    /** Size of the weights at the start. */
    initScale: between(1e-8, 10),
    steps: count(10, 10_000_000),
  }),
  geometry: v.object({
    ...data,
    /** The two or three features that are looked at; empty: as many as there are, or the first two. */
    features: v.pipe(v.array(name), v.maxLength(3)),
    /** Of the network that gradient flow trains for comparison. */
    neurons: count(1, 10_000),
    initScale: between(1e-8, 10),
    steps: count(10, 10_000_000),
  }),
};

export type LabSettings = { readonly [P in LabPage]: Readonly<v.InferOutput<(typeof labSettingsSchemas)[P]>> };
/** What every page has. */
export type LabDataSettings = Pick<LabSettings['kernel'], keyof typeof data>;

const defaultData = { target: '', positive: '', seed: 1, standardize: true, bias: true };

/** Where the forms start. How long they take depends on rows, inputs and machine; nothing is promised. */
export const defaultLabSettings: LabSettings = {
  mlp: {
    ...defaultData,
    maxRows: 150,
    rules: ['sgd', 'momentum', 'adam', 'flow'],
    widths: [32, 128],
    seeds: 2,
    hiddenLayers: 2,
    activation: 'relu',
    parametrization: 'ntk',
    loss: 'squared',
    epochs: 300,
    batchSize: 0,
    sgdRate: 0,
    momentumRate: 0,
    adamRate: 0,
    flowRate: 0,
    testFraction: 0.3,
  },
  kernel: {
    ...defaultData,
    maxRows: 150,
    activation: 'relu',
    hiddenLayers: 1,
    seeds: 3,
    widths: [64, 256, 1024, 4096],
  },
  sweep: {
    ...defaultData,
    maxRows: 100,
    activation: 'relu',
    hiddenLayers: 1,
    seeds: 2,
    widths: [64, 256, 1024],
    parametrization: 'ntk',
    testFraction: 0.3,
    start: 'mirrored',
    steps: 300,
    rate: 0.5,
    noise: 0.2,
    rateSteps: 40,
  },
  contrast: { ...defaultData, maxRows: 150, testFraction: 0.3, width: 1024, steps: 1000, rate: 0.5, beta: 0.05 },
  flow: { ...defaultData, maxRows: 40, bias: false, neurons: 20, seeds: 3, initScale: 1e-3, steps: 200_000 },
  geometry: { ...defaultData, maxRows: 12, bias: false, features: [], neurons: 20, initScale: 1e-3, steps: 60_000 },
};

/** One prediction: a number, the interval in which it agrees, and a sentence. */
export interface LabVerdict {
  readonly id: string;
  readonly title: string;
  readonly value: number | null;
  /** What the value is, e.g. "observed / predicted slope". */
  readonly quantity: string;
  readonly tolerance: readonly [number | null, number | null];
  /** A prediction that does not hold disagrees only where what it assumes does; otherwise it is not tested. */
  readonly verdict: 'agrees' | 'disagrees' | 'not tested';
  readonly sentence: string;
  /** What would meet the assumptions. */
  readonly remedy?: LabRemedy;
}

/** The rows that were used. */
export interface LabData {
  readonly name: string;
  readonly sha256: string;
  readonly target: string;
  readonly task: 'regression' | 'binary';
  /** Meaning of -1 and +1; empty for a numeric target. */
  readonly classes: readonly string[];
  readonly features: readonly string[];
  /** Line in the file of each training row, in the order of all results. */
  readonly lines: readonly number[];
  readonly testRows: number;
  readonly rowsInFile: number;
  readonly warnings: readonly string[];
}

interface LabResults {
  readonly mlp: MlpResult;
  readonly kernel: KernelReport;
  readonly sweep: SweepResult;
  readonly contrast: ContrastResult;
  readonly flow: FlowResult;
  readonly geometry: GeometryResult;
}

export type LabRecordOf<P extends LabPage> = {
  readonly [Q in P]: {
    readonly format: 'convexnet-lab/1';
    readonly page: Q;
    readonly createdAt: string;
    readonly version: string;
    /** Cancelled: the result holds what was finished before the stop. */
    readonly status: 'complete' | 'cancelled';
    readonly settings: LabSettings[Q];
    readonly data: LabData;
    readonly verdicts: readonly LabVerdict[];
    readonly result: LabResults[Q];
    readonly seconds: number;
  };
}[P];
export type LabRecord = LabRecordOf<LabPage>;

export interface LabProgress {
  readonly page: LabPage;
  /** What is being computed, e.g. "width 256, seed 1". */
  readonly message: string;
  /** Share that is done, 0..1; null: not known. */
  readonly fraction: number | null;
  /** A cell that has just been finished, in one line. */
  readonly cell?: string;
}

export interface LabError {
  readonly page: LabPage;
  readonly message: string;
  readonly line?: number;
  /** What would make the task possible, to be taken over into the form with one click. */
  readonly remedy?: LabRemedy;
  /** Others to choose from. */
  readonly others?: readonly LabRemedy[];
}

export interface LabRemedy {
  readonly label: string;
  readonly settings: Readonly<Record<string, number | string | boolean | readonly (number | string)[]>>;
}

/** Host -> Lab. Snapshots are whole; progress may get lost. */
export type ToLab =
  | {
      readonly type: 'lab';
      /** Address of the data file; the page keeps it, so that its panel can be restored. */
      readonly uri: string;
      readonly name: string;
      /** Settings to start the forms with, e.g. the target of the open run. */
      readonly preset: Partial<LabDataSettings>;
      readonly records: { readonly [P in LabPage]?: LabRecordOf<P> };
      readonly running: LabPage | null;
      readonly progress: LabProgress | null;
      /** Cells finished so far by the task that runs. */
      readonly cells: readonly string[];
      readonly error: LabError | null;
    }
  | { readonly type: 'labProgress'; readonly progress: LabProgress };

const request = v.variant('page', [
  v.object({
    page: v.literal('mlp'),
    settings: labSettingsSchemas.mlp,
    /** Go on from where the last runs ended, to the number of epochs asked for. */
    resume: v.optional(v.boolean()),
  }),
  v.object({ page: v.literal('kernel'), settings: labSettingsSchemas.kernel }),
  v.object({ page: v.literal('sweep'), settings: labSettingsSchemas.sweep }),
  v.object({ page: v.literal('contrast'), settings: labSettingsSchemas.contrast }),
  v.object({
    page: v.literal('flow'),
    settings: labSettingsSchemas.flow,
    /** Start from the end of the last run with its suggested neuron inserted. */
    insert: v.optional(v.boolean()),
  }),
  v.object({ page: v.literal('geometry'), settings: labSettingsSchemas.geometry }),
]);
export const labRequestSchema = request;
export type LabRequest = v.InferOutput<typeof request>;

export const fromLabSchema = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('run'), request }),
  v.object({ type: v.literal('stop') }),
  v.object({ type: v.literal('revealLine'), line: count(1, 1_000_000_000) }),
  v.object({ type: v.literal('exportRecord'), page: v.picklist(labPages) }),
  saveFileSchema,
  saveTableSchema,
  copySchema,
  v.object({ type: v.literal('openResults') }),
  v.object({ type: v.literal('showLog') }),
]);
export type FromLab = v.InferOutput<typeof fromLabSchema>;
