import * as v from 'valibot';
import type { KernelReport } from '../core/theory/wide/kernelReport.ts';
import type { SweepResult } from '../core/theory/wide/sweep.ts';
import type { ContrastResult } from './labContrast.ts';
import type { FlowResult, GeometryResult } from './labFlow.ts';
import type { MlpResult } from './labMlp.ts';
import { type LabDataSettings, type LabPage, labPages, type LabSettings, labSettingsSchemas } from './labSettings.ts';
import { copySchema, saveFileSchema, saveTableSchema } from './savedFiles.ts';

export {
  defaultLabSettings,
  type LabDataSettings,
  type LabPage,
  labPages,
  type LabSettings,
  labSettingsSchemas,
  labTables,
} from './labSettings.ts';

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

/** A column that can be the target, with its classes where it is one of classes. */
export interface LabColumn {
  readonly name: string;
  readonly classes: readonly string[];
  /** It is taken where none is named. */
  readonly inferred: boolean;
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
      /** Name of the file whose rows the open run was tested on, which the Lab does not read; null without one. */
      readonly testFile: string | null;
      /** Columns to choose from; empty until they are known. */
      readonly columns: readonly LabColumn[];
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
  v.object({
    type: v.literal('revealLine'),
    line: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000_000)),
  }),
  v.object({ type: v.literal('exportRecord'), page: v.picklist(labPages) }),
  saveFileSchema,
  saveTableSchema,
  copySchema,
  v.object({ type: v.literal('openResults') }),
  v.object({ type: v.literal('showLog') }),
]);
export type FromLab = v.InferOutput<typeof fromLabSchema>;
