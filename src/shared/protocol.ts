import { remedies } from './remedy.ts';
import * as v from 'valibot';
import type { RunRecord, TracePoint, TrainProgress } from './run.ts';
import { runIdSchema } from './runSummary.ts';
import { copySchema, saveFileSchema, saveTableSchema } from './savedFiles.ts';
import { trainSettingsSchema } from './settingsSchema.ts';

/**
 * Host <-> panel. The host always sends whole snapshots, never deltas, because hidden panels drop messages; live progress is
 * the only stream, and losing parts of it costs nothing. What the panel sends is validated before anything looks at it.
 */
export interface PanelSnapshot {
  readonly type: 'snapshot';
  readonly state: 'idle' | 'training' | 'done' | 'failed';
  readonly run: RunRecord | null;
  /** Set while training or re-solving. */
  readonly progress: TrainProgress | null;
  readonly trace: readonly TracePoint[];
  /** Set when failed: one clear message, with file, line and column where they apply. */
  readonly error: { readonly message: string; readonly line?: number; readonly column?: number } | null;
  /** The file changed on disk since the run. */
  readonly stale: boolean;
  /** Runs of the same file, newest first, to switch between and to compare. */
  readonly history: readonly { readonly id: string; readonly label: string }[];
  /** A view to go to. */
  readonly openView?: string;
}

export interface PanelProgress {
  readonly type: 'progress';
  readonly progress: TrainProgress;
}

/** The original cells of rows that the panel asked for, by index into `RunRecord.rows`. */
export interface PanelRows {
  readonly type: 'rows';
  readonly requestId: number;
  readonly header: readonly string[];
  readonly rows: readonly { readonly index: number; readonly cells: readonly string[] }[];
}

export type ToPanel = PanelSnapshot | PanelProgress | PanelRows;

const finitePositive = v.pipe(v.number(), v.finite(), v.minValue(0));
const rowIndex = v.pipe(v.number(), v.integer(), v.minValue(0));

export const fromPanelSchema = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('stop') }),
  /** `final` false while a slider is being dragged: re-solve only, no path, no comparison. */
  v.object({ type: v.literal('setBeta'), beta: finitePositive, final: v.boolean() }),
  v.object({
    type: v.literal('setModel'),
    model: trainSettingsSchema.entries.model,
    /** The size of a three-layer or linear network; left out: the one of the shown run. */
    m1: v.optional(trainSettingsSchema.entries.m1),
    depth: v.optional(trainSettingsSchema.entries.depth),
    /** Batch normalisation (model relu); left out: none. */
    batchNorm: v.optional(v.boolean()),
    /** How the penalty joins several outputs; left out: as in the shown run. */
    outputPenalty: v.optional(trainSettingsSchema.entries.outputPenalty),
  }),
  v.object({ type: v.literal('openRun'), id: runIdSchema }),
  v.object({ type: v.literal('trainAgain') }),
  /** Runs the stages that are missing of the shown run. */
  v.object({ type: v.literal('complete') }),
  /** Judges other models beside the shown run by the same cross-validation. */
  v.object({ type: v.literal('compareModels') }),
  /** Train again so as to mend what a remark says (usefulness.ts). */
  v.object({ type: v.literal('remedy'), remedy: v.picklist(remedies) }),
  v.object({ type: v.literal('revealRow'), index: rowIndex }),
  v.object({
    type: v.literal('requestRows'),
    requestId: v.pipe(v.number(), v.integer()),
    indices: v.pipe(v.array(rowIndex), v.maxLength(500)),
  }),
  v.object({
    type: v.literal('export'),
    what: v.picklist([
      'run',
      'predictions',
      'onnx',
      'onnx-raw',
      'json',
      'pytorch',
      'python',
      'problem',
      'report',
      'report-markdown',
    ]),
  }),
  saveFileSchema,
  saveTableSchema,
  copySchema,
  /** The command line that repeats the shown run, for the clipboard. */
  v.object({ type: v.literal('copyCommandLine') }),
  v.object({ type: v.literal('openLab') }),
  v.object({ type: v.literal('openSettings') }),
  v.object({ type: v.literal('showLog') }),
  v.object({ type: v.literal('openError') }),
]);

export type FromPanel = v.InferOutput<typeof fromPanelSchema>;
