import { preferredModel } from './modelComparison.ts';
import { networkNames } from './networkName.ts';
import type { TrainingRemedy } from './remedy.ts';
import type { EvaluationRecord, RunRecord } from './run.ts';
import { isClassification, predictedClass, searchesBeta } from './runView.ts';
import { text } from './texts.ts';
import { capital, standingOf } from './usefulness.ts';
import { plainFormat, type VerdictFormat } from './verdict.ts';

/** What a person should know before using the network; `remedy` says what mends it. */
export interface Remark {
  readonly code: 'one-class' | 'rows-dropped' | 'baseline-better' | 'beta-at-end' | 'zero-network' | 'beta-unsettled';
  readonly text: string;
  readonly remedy: Remedy;
}

/**
 * By training again; `compare-models` by cross-validation, `best-model`: train the one that had the smallest error there; `baseline`: use the simple
 * model.
 */
export type Remedy = TrainingRemedy | 'compare-models' | 'best-model' | 'baseline';

/** Everything that a good proof does not say, most important first. */
export function remarksOf(run: Omit<RunRecord, 'label'>, format: VerdictFormat = plainFormat): Remark[] {
  const { dataset, evaluation, crossValidation, solution } = run;
  const remarks: Remark[] = [];
  const automatic = searchesBeta(run);
  if (solution.penalty === 0) {
    remarks.push({
      code: 'zero-network',
      text: 'Beta is so large that the network is zero: it predicts the same for every row.',
      remedy: automatic ? 'longer' : 'choose-beta',
    });
  } else if (isClassification(run) && oneClass(run)) {
    remarks.push({
      code: 'one-class',
      text: 'All rows get one class.',
      remedy: automatic ? 'smaller-beta' : 'choose-beta',
    });
  }
  if (evaluation !== undefined && standingOf(evaluation) === 'worse') {
    remarks.push(betterBaseline(run, evaluation));
  }
  if (crossValidation !== undefined && crossValidation.points.length > 0) {
    const { best, points, end } = crossValidation;
    if (end === 'cut short' && best === points.length - 1) {
      remarks.push({
        code: 'beta-unsettled',
        text: 'Cross-validation ran out of time before the error had risen again: a smaller beta may do better.',
        remedy: 'longer',
      });
    } else if (best === points.length - 1 && points.length > 1) {
      remarks.push({
        code: 'beta-at-end',
        text: 'The best beta lies at the end of the path: a smaller one may do better.',
        remedy: 'smaller-beta',
      });
    }
  }
  const incomplete = dataset.dropped
    .filter(({ reason }) => reason !== 'not in the seeded sample of rows')
    .reduce((sum, { count }) => sum + count, 0);
  if (incomplete > dataset.rowsUsed) {
    const share = format.percent(incomplete / (incomplete + dataset.rowsUsed));
    remarks.push({
      code: 'rows-dropped',
      text: `${share} of the rows were left out because of gaps: the network knows only the rest.`,
      remedy: 'impute',
    });
  }
  return remarks;
}

/** With beta chosen by the data, another model may be what is wanted: cross-validation, never the test rows, says which. */
function betterBaseline(run: Omit<RunRecord, 'label'>, { baselineModel }: EvaluationRecord): Remark {
  const simple = capital(text(baselineModel));
  const code = 'baseline-better';
  const words = `${simple} does better on the held-out rows, beyond one standard error.`;
  if (!searchesBeta(run)) return { code, text: words, remedy: 'choose-beta' };
  if (run.models?.complete !== true) return { code, text: words, remedy: 'compare-models' };
  const best = preferredModel(run);
  if (best === undefined) return { code, text: words, remedy: 'baseline' };
  return {
    code,
    text: `${simple} does better on the held-out rows, beyond one standard error; cross-validation prefers another network: ${text(networkNames[best.network])}.`,
    remedy: 'best-model',
  };
}

function oneClass(run: Omit<RunRecord, 'label'>): boolean {
  const first = predictedClass(run, 0);
  return run.rows.line.every((_, row) => predictedClass(run, row) === first);
}
