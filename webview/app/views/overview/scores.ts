import { text } from '../../../../src/shared/texts.ts';
import type { MetricRow, RunRecord } from '../../../../src/shared/run.ts';
import { standingOf } from '../../../../src/shared/usefulness.ts';
import { formatNumber } from '../../../ui/format.ts';

export interface ScoreTable {
  readonly measures: readonly { readonly name: string; readonly higherIsBetter: boolean }[];
  readonly models: readonly {
    readonly name: string;
    /** One per measure; empty where the model was not scored in it. */
    readonly cells: readonly {
      readonly train: number | null;
      readonly test: number | null;
      readonly bestTrain: boolean;
      readonly bestTest: boolean;
    }[];
  }[];
}

/** Models by measures, with the best of each column marked (ties share the mark; a lone model gets none). */
export function scoreTable(metrics: readonly MetricRow[]): ScoreTable {
  const measures = [...new Map(metrics.map((row) => [row.measure, row.higherIsBetter])).entries()].map(
    ([name, higherIsBetter]) => ({ name, higherIsBetter }),
  );
  const names = [...new Set(metrics.map((row) => row.model))];
  const best = (measure: string, higher: boolean, of: (row: MetricRow) => number | null): number | null => {
    const values = metrics
      .filter((row) => row.measure === measure)
      .map(of)
      .filter((v) => v !== null && Number.isFinite(v));
    if (values.length < 2) return null;
    return higher ? Math.max(...(values as number[])) : Math.min(...(values as number[]));
  };
  // Scores that print alike are a tie.
  const same = (a: number | null, b: number | null): boolean =>
    a !== null && b !== null && Math.abs(a - b) <= 5e-5 * Math.max(Math.abs(a), Math.abs(b));
  return {
    measures,
    models: names.map((name) => ({
      name,
      cells: measures.map((measure) => {
        const row = metrics.find((r) => r.model === name && r.measure === measure.name);
        if (!row) return { train: null, test: null, bestTrain: false, bestTest: false };
        return {
          train: row.train,
          test: row.test,
          bestTrain: same(
            row.train,
            best(measure.name, measure.higherIsBetter, (r) => r.train),
          ),
          bestTest: same(
            row.test,
            best(measure.name, measure.higherIsBetter, (r) => r.test),
          ),
        };
      }),
    })),
  };
}

export interface ScoreTile {
  readonly value: string;
  readonly name: string;
  readonly words: string;
  /** Whether the network is better than the best simple model, or not. */
  readonly look: 'ahead' | 'behind' | 'even';
}

/** The network's score on the test rows (without any: on the training rows) against the best of the simple models; null without scores. */
export function scoreTile({ metrics, evaluation }: Pick<RunRecord, 'metrics' | 'evaluation'>): ScoreTile | null {
  const ours = metrics.at(0);
  if (!ours) return null;
  const tested = ours.test !== null;
  const of = (row: MetricRow): number | null => (tested ? row.test : row.train);
  const mine = of(ours);
  if (mine === null) return null;
  const where = tested ? 'test rows' : 'training rows, none held out';
  const value = formatNumber(mine);
  const name = `${text(ours.measure)} on the ${where}`;
  const sign = ours.higherIsBetter ? 1 : -1;
  let best: { readonly model: string; readonly score: number } | null = null;
  for (const row of metrics) {
    const score = of(row);
    if (row.measure !== ours.measure || row.model === ours.model || score === null) continue;
    if (best === null || sign * (score - best.score) > 0) best = { model: row.model, score };
  }
  if (best === null) return { value, name, words: '', look: 'even' };
  const gain = sign * (mine - best.score);
  const even = Math.abs(gain) <= 5e-5 * Math.max(Math.abs(mine), Math.abs(best.score));
  const look = even ? 'even' : gain > 0 ? 'ahead' : 'behind';
  const verb = { ahead: 'better than', behind: 'worse than', even: 'the same as' }[look];
  const words = `${verb} ${text(best.model)}: ${formatNumber(best.score)}`;
  // what differs by chance only is level, whatever the last digits say
  return { value, name, words, look: tested && standingOf(evaluation) === 'tied' ? 'even' : look };
}
