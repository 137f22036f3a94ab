import { text } from '../../src/shared/texts.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { formatInteger, formatNumber } from '../ui/format.ts';
import type { TextTable } from '../ui/tableText.ts';
import { confusion } from './views/overview/fitModel.ts';
import { scoreTable } from './views/overview/scores.ts';

/** A score in a table; sizes at the rounding of the sums are zero, not small numbers. */
export const scoreText = (value: number | null): string =>
  formatNumber(value !== null && Math.abs(value) < 1e-12 ? 0 : value, 4);

/** Scores of the network and of simple models. */
export function scoresAsText({ metrics, resolved }: Pick<RunRecord, 'metrics' | 'resolved'>): TextTable {
  const scores = scoreTable(metrics);
  const tested = resolved.testRows > 0;
  return {
    caption: 'Scores of the network and of simple models',
    header: [
      'Model',
      ...scores.measures.flatMap(({ name }) =>
        tested ? [`${text(name)}, train`, `${text(name)}, test`] : [`${text(name)}, train`],
      ),
    ],
    rows: scores.models.map(({ name, cells }) => [
      text(name),
      ...cells.flatMap(({ train, test }) => (tested ? [scoreText(train), scoreText(test)] : [scoreText(train)])),
    ]),
    numeric: [false, ...scores.measures.flatMap(() => (tested ? [true, true] : [true]))],
  };
}

/** True class by predicted class. */
export function confusionAsText(run: RunRecord, split: 0 | 1): TextTable {
  const { classes } = run.resolved;
  const { counts } = confusion(run, split);
  return {
    caption: `True class by predicted class, ${split === 1 ? 'test rows' : 'training rows'}`,
    header: ['true / predicted', ...classes],
    rows: classes.map((name, i) => [name, ...classes.map((_, j) => formatInteger(counts[i * classes.length + j]))]),
    numeric: [false, ...classes.map(() => true)],
  };
}
