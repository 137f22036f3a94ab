import { withDeadline } from '../../core/base/control.ts';
import { ProblemError } from '../../core/base/problemError.ts';
import { DataError } from '../../core/data/dataError.ts';
import { ReadStopped } from '../../core/data/reader.ts';
import { chooseThreshold } from '../../core/metrics/threshold.ts';
import { defaultSettings } from '../../shared/settings.ts';
import type { SolvedDraft, Stage } from '../draft.ts';
import { foldsOfDraft, patience } from './folds.ts';

/**
 * Chooses where the one output of two classes parts them: the network of each fold of the training rows is trained at beta, and the threshold is that at which
 * the rows held out, each by the network that has not seen it, score best.
 */
export const thresholdStage: Stage = {
  name: 'threshold',
  wanted: ({ settings, threshold, preview }) =>
    (settings.threshold ?? 'usual') !== 'usual' && threshold === undefined && !preview,
  async run(draft, context) {
    const { data, problem, settings } = draft;
    const rule = settings.threshold ?? 'usual';
    const without = (why: string): SolvedDraft => ({
      ...draft,
      notes: { ...draft.notes, threshold: [`No threshold was chosen: ${why}.`] },
    });
    if (rule === 'usual') return draft;
    if (data.task !== 'binary') return without('there are not two classes');
    if (problem.outputs !== 1) return without(`the ${problem.loss} loss has an output for each class`);
    const limited = withDeadline(context.control, context.seconds);
    const { folds: count } = settings.crossValidation ?? defaultSettings.crossValidation!;
    try {
      const { folds, dispose } = foldsOfDraft(draft, count, { ...context, control: limited }, patience.once);
      const output: number[] = [];
      const second: boolean[] = [];
      const all = folds.map(async (fold) => ({ fold, found: await fold.solve(problem.beta * fold.share, undefined) }));
      for (const { fold, found } of await Promise.all(all).finally(dispose)) {
        if (found === undefined)
          return without(
            `${context.control.shouldStop() ? 'Stop' : 'the time limit'} came before all folds were trained`,
          );
        for (const row of fold.rows) {
          output.push(found.fit.data[row]);
          second.push(data.y[row] === 1);
        }
      }
      const chosen = chooseThreshold(output, second, rule);
      if (chosen === undefined) return without('the rows held out are of one class');
      return { ...draft, threshold: { ...chosen, rule, folds: folds.length } };
    } catch (error) {
      if (error instanceof ReadStopped) return without('the time limit came before its folds were prepared');
      if (!(error instanceof DataError || error instanceof ProblemError)) throw error;
      return without(`on the rows of a fold, ${error.message}`);
    }
  },
};
