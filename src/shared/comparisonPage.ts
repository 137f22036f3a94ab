import * as v from 'valibot';
import { comparedRuns, type Comparison } from './compareRuns.ts';
import { runIdSchema } from './runSummary.ts';
import { copySchema, saveFileSchema, saveTableSchema } from './savedFiles.ts';

/** How a comparison is written to a file. */
export const comparisonFormats = ['html', 'md', 'csv'] as const;
export type ComparisonFormat = (typeof comparisonFormats)[number];

/** From the page of runs beside each other to the extension. */
export const fromComparisonSchema = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  /** The run that the others are measured by. */
  v.object({ type: v.literal('baseline'), id: runIdSchema }),
  v.object({ type: v.literal('openRun'), id: runIdSchema }),
  v.object({ type: v.literal('export') }),
  copySchema,
  saveFileSchema,
  saveTableSchema,
]);
export type FromComparison = v.InferOutput<typeof fromComparisonSchema>;

/** Which runs a page shows: what it keeps across reloads, and is restored from. */
export const chosenRunsSchema = v.object({
  version: v.literal(1),
  ids: v.pipe(v.array(runIdSchema), v.minLength(comparedRuns.least), v.maxLength(comparedRuns.most)),
  baseline: runIdSchema,
});
export type ChosenRuns = v.InferOutput<typeof chosenRunsSchema>;

/** From the extension to the page. */
export interface ToComparison {
  readonly type: 'comparison';
  readonly chosen: ChosenRuns;
  /** Null until it is made, and where it cannot be. */
  readonly comparison: Comparison | null;
  readonly error: string | null;
}
