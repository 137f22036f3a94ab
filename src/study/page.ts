import * as v from 'valibot';
import { saveFileSchema, saveTableSchema } from '../shared/savedFiles.ts';
import type { Cell } from './axes.ts';

/** Engines that the page can start. */
export const pageEngines = ['local', 'slurm'] as const;

/** From the Study page to the extension. */
export const fromStudySchema = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('openRun'), key: v.pipe(v.string(), v.regex(/^[0-9a-f]{20}$/)) }),
  v.object({ type: v.literal('resume'), engine: v.picklist(pageEngines) }),
  v.object({ type: v.literal('stop') }),
  saveFileSchema,
  saveTableSchema,
  v.object({ type: v.literal('showLog') }),
]);
export type FromStudy = v.InferOutput<typeof fromStudySchema>;

/** How far a study is, as the page shows it. */
export interface StudyProgress {
  readonly tasks: number;
  readonly done: number;
  readonly running: number;
  readonly failed: number;
  /** A process started from the editor sees it through. */
  readonly started: boolean;
}

/** From the extension to the Study page. */
export type ToStudy =
  | {
      readonly type: 'study';
      readonly uri: string;
      readonly name: string;
      /** Columns that tell tasks apart. */
      readonly own: readonly string[];
      readonly columns: readonly string[];
      readonly rows: readonly (readonly Cell[])[];
      /** Tasks have records that can be opened. */
      readonly keepsRuns: boolean;
      /** Null before anybody looked. */
      readonly progress: StudyProgress | null;
      readonly error: string | null;
    }
  /** Between two snapshots. */
  | { readonly type: 'progress'; readonly progress: StudyProgress; readonly error: string | null };
