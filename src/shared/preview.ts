import * as v from 'valibot';
import type { ColumnKind, Task } from '../core/data/infer.ts';
import type { MissingSetting } from './settings.ts';
import { trainSettingsSchema } from './settingsSchema.ts';

/** A look at a data file before training. All counts are of the rows that were looked at. */
export interface DataPreview {
  readonly encoding: string;
  readonly delimiter: string;
  readonly decimal: string;
  readonly header: boolean;
  /** Rows that were looked at: the first ones, or a seeded sample of all. */
  readonly rows: number;
  /** Data rows in the file; about that many while `complete` is false. */
  readonly rowsInFile: number;
  /** The whole file was read. */
  readonly complete: boolean;
  /** What inference takes as target. */
  readonly target: string;
  /** The columns, at most `previewColumns` of them. */
  readonly columns: readonly PreviewColumn[];
  readonly columnsInFile: number;
  readonly notices: readonly PreviewNotice[];
}

export interface PreviewColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly date: boolean;
  readonly distinct: number;
  readonly missing: number;
  /** Inference would use it as a feature, and why not. */
  readonly suggested: boolean;
  readonly note: string;
  /** The task that it makes as a target; null when it cannot be one. */
  readonly task: Task | null;
  readonly taskUnclear: boolean;
  readonly summary: ColumnSummary;
}

/** Numbers in bins of equal width from `least` to `most` (as written for dates), or the commonest texts. */
export type ColumnSummary =
  | { readonly kind: 'bins'; readonly least: string; readonly most: string; readonly counts: readonly number[] }
  | {
      readonly kind: 'top';
      readonly values: readonly { readonly label: string; readonly count: number }[];
      /** Rows with other values. */
      readonly others: number;
    };

export interface PreviewNotice {
  readonly text: string;
  /** Lines of the file that it is about. */
  readonly lines: readonly number[];
}

/** More columns than this are counted and not shown. */
export const previewColumns = 500;

/** How a file is read, as far as it is not left to guessing. */
export const readChoicesSchema = v.pick(trainSettingsSchema, ['dialect', 'columnTypes']);
export type ReadChoices = v.InferOutput<typeof readChoicesSchema>;

/** What training is asked for from the page. */
const trainChoicesSchema = v.object({
  ...v.pick(trainSettingsSchema, ['dialect', 'columnTypes', 'target', 'task', 'features']).entries,
  missing: v.optional(trainSettingsSchema.entries.missing),
});
export type TrainChoices = v.InferOutput<typeof trainChoicesSchema>;

export interface ToPreview {
  readonly type: 'preview';
  readonly uri: string;
  readonly name: string;
  readonly data: DataPreview | null;
  /** How the data that are shown were read. */
  readonly read: ReadChoices;
  /** What the settings say of rows with gaps. */
  readonly missing: MissingSetting;
  /** Share of the file that is read so far, while it is read. */
  readonly reading: number | null;
  readonly error: { readonly message: string; readonly line?: number } | null;
}

export const fromPreviewSchema = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('read'), choices: readChoicesSchema }),
  v.object({ type: v.literal('train'), choices: trainChoicesSchema }),
  v.object({ type: v.literal('revealLine'), line: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1e9)) }),
  v.object({ type: v.literal('stop') }),
]);
export type FromPreview = v.InferOutput<typeof fromPreviewSchema>;
