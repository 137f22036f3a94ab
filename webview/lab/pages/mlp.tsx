import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import { type MlpRunRecord, ruleNames } from '../../../src/shared/labMlp.ts';
import { Chart } from '../../charts/chart.tsx';
import { type DataTable, tableMessage } from '../../charts/exportFile.ts';
import type { ChartSpec, MarkShape, Tone } from '../../charts/spec.ts';
import { Button, Dropdown, TextField } from '../../ui/controls.ts';
import { formatInteger, formatPercent, formatSeconds } from '../../ui/format.ts';
import { type Column, PagedTable } from '../../ui/pagedTable.tsx';
import { Num, Section } from '../../ui/pieces.tsx';
import { useLab } from '../labContext.ts';

type Mlp = LabRecordOf<'mlp'>;
const rules = Object.keys(ruleNames) as MlpRunRecord['rule'][];
const marks: readonly MarkShape[] = ['circle', 'square', 'diamond', 'triangle'];
const dashes: readonly (readonly number[] | undefined)[] = [undefined, [7, 4], [2, 3], [10, 3, 2, 3]];

type Over = 'epochs' | 'seconds';

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
function widthChart(
  { result }: Mlp,
  id: string,
  title: string,
  summary: string,
  label: string,
  value: (run: MlpRunRecord) => number,
): ChartSpec {
  return {
    id,
    title,
    summary,
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

const outcomeWords: Record<MlpRunRecord['outcome'], string> = {
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

/** More epochs for the networks that are there. */
function GoOn({ record }: { readonly record: Mlp }): VNode {
  const { state, send } = useLab();
  const { settings, status } = record;
  const [more, setMore] = useState(String(settings.epochs));
  const count = Number(more);
  const valid = Number.isInteger(count) && count > 0 && settings.epochs + count <= 1_000_000;
  const goOn = (epochs: number): void =>
    send({
      type: 'run',
      request: {
        page: 'mlp',
        settings: { ...settings, rules: [...settings.rules], widths: [...settings.widths], epochs },
        resume: true,
      },
    });
  const busy = state.running !== null;
  return (
    <div class="row">
      {status === 'cancelled' && (
        <Button look="primary" disabled={busy} onPress={() => goOn(settings.epochs)}>
          Finish what was stopped
        </Button>
      )}
      <TextField label="More epochs" value={more} size={7} disabled={busy} onCommit={setMore} />
      <Button disabled={busy || !valid} onPress={() => goOn(settings.epochs + count)}>
        Train on
      </Button>
      <Button onPress={() => send(tableMessage('mlp-runs.csv', runsTable(record)))}>Export table (CSV)</Button>
      {!valid && (
        <span class="problem" role="alert">
          More epochs: a whole number from 1, in all at most {formatInteger(1_000_000)}
        </span>
      )}
    </div>
  );
}

export function MlpPage({ record }: { readonly record: Mlp }): VNode {
  const { result } = record;
  const [over, setOver] = useState<'epochs' | 'seconds'>('epochs');
  const curves = useMemo(() => lossChart(record, over), [record, over]);
  const tested = useMemo(
    () => (result.runs.some((run) => run.curve.test.length > 0) ? testChart(record, over) : null),
    [record, over],
  );
  const others = useMemo(
    () => [
      widthChart(
        record,
        'mlp-final-loss',
        'Loss at the end',
        'By width; lower is better.',
        result.lossName,
        (run) => run.loss,
      ),
      widthChart(
        record,
        'mlp-moved',
        'Distance moved',
        'Distance of all parameters from their start over the size of the start: small for lazy training.',
        'relative distance',
        (run) => run.relativeDisplacement,
      ),
    ],
    [record],
  );
  const error = (value: number | null): VNode | string =>
    result.measure === 'error rate' ? formatPercent(value) : <Num value={value} digits={4} />;
  const numeric = (
    id: string,
    title: string,
    value: (run: MlpRunRecord) => number | null,
    cell?: (run: MlpRunRecord) => VNode | string,
    hint?: string,
  ): Column<MlpRunRecord> => ({
    id,
    title,
    ...(hint === undefined ? {} : { hint }),
    numeric: true,
    cell: cell ?? ((run) => <Num value={value(run)} digits={4} />),
    sortBy: (run) => value(run) ?? Infinity,
  });
  return (
    <>
      <Section title="Networks" wide>
        <p>{result.sentence}</p>
        <GoOn record={record} />
      </Section>
      <div class="grid pairs">
        <div class={tested ? 'card' : 'card wide'}>
          <Chart
            spec={curves}
            controls={
              <Dropdown
                label="Over"
                value={over}
                choices={[
                  { value: 'epochs', label: 'epochs' },
                  { value: 'seconds', label: 'time' },
                ]}
                onSelect={(chosen) => setOver(chosen === 'seconds' ? 'seconds' : 'epochs')}
              />
            }
          />
        </div>
        {tested && (
          <div class="card">
            <Chart spec={tested} />
          </div>
        )}
        <Section title="Runs" wide>
          <PagedTable
            caption="Runs"
            hideCaption
            rows={result.runs}
            rowKey={(run) => `${run.rule}-${run.width}-${run.seed}`}
            columns={[
              { id: 'rule', title: 'Rule', cell: (run) => ruleNames[run.rule], sortBy: (run) => ruleNames[run.rule] },
              numeric(
                'width',
                'Width',
                (run) => run.width,
                (run) => formatInteger(run.width),
              ),
              numeric(
                'seed',
                'Start',
                (run) => run.seed,
                (run) => String(run.seed),
              ),
              { id: 'end', title: 'End', cell: (run) => outcomeWords[run.outcome], sortBy: (run) => run.outcome },
              numeric('loss', 'Loss', (run) => run.loss, undefined, `${result.lossName}, at the end`),
              numeric(
                'train',
                `Training ${result.measure}`,
                (run) => run.train,
                (run) => error(run.train),
              ),
              numeric(
                'test',
                `Test ${result.measure}`,
                (run) => run.test,
                (run) => error(run.test),
              ),
              numeric(
                'moved',
                'Moved',
                (run) => run.displacement,
                undefined,
                'Distance of all parameters from their start',
              ),
              numeric(
                'rate',
                'Rate',
                (run) => run.learningRate,
                undefined,
                'Learning rate for the mean loss; of the flow its largest step in units of the loss',
              ),
              numeric(
                'epochs',
                'Epochs',
                (run) => run.epochs,
                (run) => formatInteger(run.epochs),
              ),
              numeric(
                'seconds',
                'Time',
                (run) => run.seconds,
                (run) => formatSeconds(run.seconds),
              ),
            ]}
          />
        </Section>
        {others.map((spec) => (
          <div class="card" key={spec.id}>
            <Chart spec={spec} />
          </div>
        ))}
      </div>
    </>
  );
}
