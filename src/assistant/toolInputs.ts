import * as v from 'valibot';
import { comparedRuns } from '../shared/compareRuns.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import type { tools } from './tools.ts';

const file = v.pipe(
  v.string(),
  v.minLength(1),
  v.description('Path of a CSV or TSV file: absolute, or from the folder of the workspace'),
);
const run = v.pipe(v.string(), v.minLength(1), v.description('Id of a run'));

/** What the tools of the editor take; package.json has the same as JSON Schema (`npm run tool-schemas`). */
export const editorToolInputs = {
  inspect: v.strictObject({ file }),
  train: v.strictObject({
    file,
    target: v.optional(v.pipe(v.string(), v.description('Column to predict; left out: inferred'))),
    model: v.optional(trainSettingsSchema.entries.model),
    betaShare: v.optional(
      v.pipe(
        v.number(),
        v.minValue(1e-6),
        v.maxValue(1),
        v.description(
          'Penalty as a share of the smallest one that gives the zero network; left out: as the settings say',
        ),
      ),
    ),
  }),
  verdict: v.strictObject({ run }),
  compare: v.strictObject({
    runs: v.pipe(v.array(run), v.minLength(comparedRuns.least), v.maxLength(comparedRuns.most)),
  }),
  predict: v.strictObject({ run, file }),
} as const satisfies Readonly<Record<keyof typeof tools, v.GenericSchema>>;
