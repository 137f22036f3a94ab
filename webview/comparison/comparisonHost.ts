import * as v from 'valibot';
import {
  type ChosenRuns,
  chosenRunsSchema,
  type FromComparison,
  type ToComparison,
} from '../../src/shared/comparisonPage.ts';
import { connectEditor, type Editor } from '../ui/editor.ts';

export type ComparisonHost = Editor<FromComparison, ToComparison, ChosenRuns | null>;

export function connectComparison(): ComparisonHost {
  return connectEditor((value) => {
    const kept = v.safeParse(chosenRunsSchema, value);
    return kept.success ? kept.output : null;
  });
}
