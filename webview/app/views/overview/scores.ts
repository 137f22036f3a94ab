import type { MetricRow } from '../../../../src/shared/run.ts';

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
