import type { LabRecordOf } from '../../../src/shared/lab.ts';
import { type MlpRunRecord, ruleNames } from '../../../src/shared/labMlp.ts';
import type { DataTable } from '../../charts/exportFile.ts';
import type { ChartSpec, MarkShape, Tone } from '../../charts/spec.ts';

type Mlp = LabRecordOf<'mlp'>;
const rules = Object.keys(ruleNames) as MlpRunRecord['rule'][];
const marks: readonly MarkShape[] = ['circle', 'square', 'diamond', 'triangle'];
const dashes: readonly (readonly number[] | undefined)[] = [undefined, [7, 4], [2, 3], [10, 3, 2, 3]];

export type Over = 'epochs' | 'seconds';

/** A curve of every run: a colour for every rule, a dash for every width; starts share both. */
function curveChart(
  { result }: Mlp,
  over: Over,
  spec: Pick<ChartSpec, 'id' | 'title' | 'summary' | 'y' | 'empty'>,
  value: (run: MlpRunRecord) => readonly (number | null)[],
): ChartSpec {
  const widths = [...new Set(result.runs.map((run) => run.width))];
  return {
    ...spec,
    x: { label: over === 'epochs' ? 'epoch' : 'seconds of training', min: 0 },
    height: 320,
    series: result.runs.map((run) => {
      const dash = dashes[widths.indexOf(run.width) % dashes.length];
      const y = value(run);
      const known = y.flatMap((number, i) => (number === null ? [] : [i]));
      return {
        id: `${run.rule}-${run.width}-${run.seed}`,
        label: `${nameOf(run)}, start ${run.seed}`,
        group: nameOf(run),
        kind: 'line',
        x: known.map((i) => run.curve[over][i]),
        y: known.map((i) => y[i]!),
        tone: rules.indexOf(run.rule) as Tone,
        ...(dash === undefined ? {} : { dash }),
      } as const;
    }),
  };
}

export function lossChart(record: Mlp, over: Over): ChartSpec {
  return curveChart(
    record,
    over,
    {
      id: `mlp-loss-${over}`,
      title: 'Loss during training',
      summary: 'A colour for every update rule, a dash for every width, one line per start.',
      y: { label: record.result.lossName, log: true },
    },
    (run) => run.curve.loss,
  );
}

export function testChart(record: Mlp, over: Over): ChartSpec {
  const { measure } = record.result;
  return curveChart(
    record,
    over,
    {
      id: `mlp-test-${over}`,
      title: 'Test error during training',
      summary: `${measure === 'RMSE' ? 'RMSE' : 'Share of wrong rows'} on the rows kept for testing. Where it rises while the loss falls, training longer does not help.`,
      y: { label: `test ${measure}`, min: 0 },
    },
    (run) => run.curve.test,
  );
}

/** One number of every run against the width. */
export function widthChart(
  { result }: Mlp,
  { label, ...spec }: Pick<ChartSpec, 'id' | 'title' | 'summary'> & { readonly label: string },
  value: (run: MlpRunRecord) => number,
): ChartSpec {
  return {
    ...spec,
    x: { label: 'width', log: true },
    y: { label, log: true },
    series: rules.flatMap((rule, at) => {
      const runs = result.runs.filter((run) => run.rule === rule && run.outcome !== 'diverged');
      if (runs.length === 0) return [];
      return [
        {
          id: rule,
          label: ruleNames[rule],
          kind: 'points',
          mark: marks[at],
          x: runs.map((run) => run.width),
          y: runs.map(value),
          tone: at as Tone,
          describe: (i: number) => `start ${runs[i].seed}`,
        } as const,
      ];
    }),
    empty: 'Every run diverged.',
  };
}

const nameOf = (run: MlpRunRecord): string => `${ruleNames[run.rule]}, width ${run.width}`;

export const outcomeWords: Record<MlpRunRecord['outcome'], string> = {
  finished: 'finished',
  settled: 'settled',
  diverged: 'diverged',
  stopped: 'stopped',
};

/** What the table lists, with full numbers, for a spreadsheet. */
export function runsTable({ result }: Mlp): DataTable {
  const columns: readonly (readonly [string, (run: MlpRunRecord) => string | number | null])[] = [
    ['rule', (run) => ruleNames[run.rule]],
    ['width', (run) => run.width],
    ['start', (run) => run.seed],
    ['parameters', (run) => run.parameters],
    ['learning rate', (run) => run.learningRate],
    ['end', (run) => outcomeWords[run.outcome]],
    ['epochs', (run) => run.epochs],
    ['seconds', (run) => run.seconds],
    [result.lossName, (run) => run.loss],
    [`training ${result.measure}`, (run) => run.train],
    [`test ${result.measure}`, (run) => run.test],
    ['distance moved', (run) => run.displacement],
    ['distance moved / size of the start', (run) => run.relativeDisplacement],
  ];
  return {
    header: columns.map(([name]) => name),
    rows: result.runs.length,
    cell: (row, column) => columns[column][1](result.runs[row]),
  };
}
