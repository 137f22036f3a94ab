import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { recorded } from '../../../src/shared/recorded.ts';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import { type MlpRunRecord, ruleNames } from '../../../src/shared/labMlp.ts';
import { Chart } from '../../charts/chart.tsx';
import { tableMessage } from '../../charts/exportFile.ts';
import { Button, Dropdown, TextField } from '../../ui/controls.ts';
import { formatInteger, formatPercent, formatSeconds } from '../../ui/format.ts';
import { type Column, PagedTable } from '../../ui/pagedTable.tsx';
import { Num, Section } from '../../ui/pieces.tsx';
import { useLab } from '../labContext.ts';
import { lossChart, type Over, outcomeWords, runsTable, testChart, widthChart } from './mlpCharts.ts';

type Mlp = LabRecordOf<'mlp'>;

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

/** One line of the table of runs. */
function runColumns(result: Mlp['result']): readonly Column<MlpRunRecord>[] {
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
  return [
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
    numeric('moved', 'Moved', (run) => run.displacement, undefined, 'Distance of all parameters from their start'),
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
  ];
}

export function MlpPage({ record }: { readonly record: Mlp }): VNode {
  const { result } = record;
  const [over, setOver] = useState<Over>('epochs');
  const curves = useMemo(() => lossChart(record, over), [record, over]);
  const tested = useMemo(
    () => (result.runs.some((run) => run.curve.test.length > 0) ? testChart(record, over) : null),
    [record, over],
  );
  const others = useMemo(
    () => [
      widthChart(
        record,
        {
          id: 'mlp-final-loss',
          title: 'Loss at the end',
          summary: 'By width; lower is better.',
          label: result.lossName,
        },
        (run) => run.loss,
      ),
      widthChart(
        record,
        {
          id: 'mlp-moved',
          title: 'Distance moved',
          summary: 'Distance of all parameters from their start over the size of the start: small for lazy training.',
          label: 'relative distance',
        },
        (run) => run.relativeDisplacement,
      ),
    ],
    [record],
  );
  const columns = useMemo(() => runColumns(result), [result]);
  return (
    <>
      <Section title="Networks" wide>
        <p>{recorded(result.sentence)}</p>
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
            columns={columns}
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
