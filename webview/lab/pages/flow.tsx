import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { recorded } from '../../../src/shared/recorded.ts';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import type { FlowRunRecord } from '../../../src/shared/labFlow.ts';
import { Chart } from '../../charts/chart.tsx';
import { Button, Dropdown } from '../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber } from '../../ui/format.ts';
import { type Column, PagedTable } from '../../ui/pagedTable.tsx';
import { Facts, Num, Section } from '../../ui/pieces.tsx';
import { settingsOf } from '../form.tsx';
import { useLab } from '../labContext.ts';
import { RowLinks } from '../verdicts.tsx';
import { directionChart, driftChart, marginChart, pathChart, startName } from './flowCharts.ts';

type Flow = LabRecordOf<'flow'>;
const verdictWords: Record<FlowRunRecord['certificate']['verdict'], string> = {
  global: 'global',
  'kkt-not-global': 'stationary, not global',
  'not-converged': 'not converged',
  'not-separated': 'rows not separated',
};

const endWords: Record<FlowRunRecord['ended'], string> = {
  settled: 'direction settled',
  'at-rest': 'came to rest',
  steps: 'steps used up',
  stopped: 'stopped',
};

/** What the rows allow, and which of them stand in the way. */
function Rows({ record }: { readonly record: Flow }): VNode {
  const lab = useLab();
  const { lines } = record.data;
  const { report } = record.result;
  const reveal = (line: number): void => lab.send({ type: 'revealLine', line });
  const offenders = report.orthogonalSeparable ? report.spikeFreeOffenders : report.orthogonalOffenders;
  return (
    <Section title="The rows" hint={report.consequence}>
      <Facts
        facts={[
          { name: 'Class +1', value: formatInteger(report.positives) },
          { name: 'Class −1', value: formatInteger(report.negatives) },
          { name: 'Orthogonally separable', value: report.orthogonalSeparable ? 'yes' : 'no' },
          { name: 'Spike-free', value: report.spikeFree ? 'yes' : 'no', hint: report.spikeFreeReason },
        ]}
      />
      {report.conflicts.length > 0 && (
        <ul>
          {report.conflicts.slice(0, 10).map((conflict) => (
            <li key={conflict.rows.join(',')}>
              No network separates <RowLinks rows={conflict.rows} lines={lines} onReveal={reveal} />: {conflict.reason}.
            </li>
          ))}
        </ul>
      )}
      {offenders.length > 0 && (
        <PagedTable
          caption={
            report.orthogonalSeparable
              ? 'Pairs that break spike-freeness'
              : 'Pairs that break orthogonal separability, worst first'
          }
          rows={offenders}
          rowKey={(pair) => pair.rows.join(',')}
          pageSize={5}
          columns={[
            {
              id: 'rows',
              title: 'Rows',
              cell: (pair) => <RowLinks rows={pair.rows} lines={lines} onReveal={reveal} />,
            },
            { id: 'value', title: 'Value', numeric: true, cell: (pair) => <Num value={pair.value} digits={4} /> },
            {
              id: 'cosine',
              title: 'Cosine',
              numeric: true,
              cell: (pair) => <Num value={pair.cosine} digits={4} />,
            },
          ]}
        />
      )}
    </Section>
  );
}

function Margin({ margin }: { readonly margin: NonNullable<Flow['result']['margin']> }): VNode {
  return (
    <Section
      title="Largest margin of any network"
      hint={
        margin.proof === 'exact'
          ? 'Proven over all networks of two layers.'
          : `Bounded over all networks of two layers: ${margin.reason}.`
      }
    >
      {margin.value === null ? (
        <p>
          {margin.status === 'not-separable'
            ? `These rows cannot be separated: ${margin.reason}.`
            : 'Stopped before anything was found.'}
        </p>
      ) : (
        <Facts
          facts={[
            { name: 'Value (half squared norm)', value: <Num value={margin.value} digits={7} /> },
            { name: 'Lower bound', value: <Num value={margin.lowerBound} digits={7} /> },
            { name: 'Relative gap', value: <Num value={margin.relativeGap} digits={2} /> },
            { name: 'Neurons', value: formatInteger(margin.neurons.length) },
            { name: 'Normalised margin', value: <Num value={margin.normalizedMargin} /> },
            { name: 'At most', value: <Num value={margin.marginBound} /> },
            {
              name: 'Support rows',
              value: formatInteger(margin.lambda.filter((value) => Math.abs(value) > 1e-6).length),
            },
          ]}
        />
      )}
    </Section>
  );
}

export function FlowPage({ record }: { readonly record: Flow }): VNode {
  const { margin, runs } = record.result;
  const [chosen, setChosen] = useState('0');
  const run = runs.at(Math.min(Number(chosen), runs.length - 1));
  const directions = useMemo(() => directionChart(record, run), [record, run]);
  const paths = useMemo(() => (run ? pathChart(record, run) : null), [record, run]);
  const curves = useMemo(() => (runs.length > 0 ? [marginChart(record), driftChart(record)] : []), [record]);
  const suggests = runs.some((other) => other.certificate.suggested !== null);
  return (
    <>
      <div class="grid pairs">
        <Rows record={record} />
        {margin && <Margin margin={margin} />}
        {runs.length > 0 && <Runs record={record} suggests={suggests} />}
        <div class="card">
          <Chart
            spec={directions}
            controls={
              runs.length > 1 && (
                <Dropdown
                  label="Run"
                  value={chosen}
                  choices={runs.map((other, i) => ({
                    value: String(i),
                    label: startName(other),
                  }))}
                  onSelect={setChosen}
                />
              )
            }
          />
        </div>
        {paths && (
          <div class="card">
            <Chart spec={paths} />
          </div>
        )}
        {curves.map((spec) => (
          <div class="card" key={spec.id}>
            <Chart spec={spec} />
          </div>
        ))}
      </div>
    </>
  );
}

const runColumns = (runs: readonly FlowRunRecord[]): readonly Column<FlowRunRecord>[] => [
  { id: 'seed', title: 'Start', cell: (run) => startName(run) },
  { id: 'verdict', title: 'End', cell: (run) => verdictWords[run.certificate.verdict] },
  {
    id: 'ended',
    title: 'Flow',
    cell: (run) => endWords[run.ended],
  },
  { id: 'steps', title: 'Steps', numeric: true, cell: (run) => formatInteger(run.steps) },
  { id: 'kinks', title: 'On kinks', numeric: true, cell: (run) => formatInteger(run.onKinks) },
  {
    id: 'primal',
    title: 'Value',
    numeric: true,
    cell: (run) => <Num value={run.certificate.primal} digits={6} />,
  },
  ...(runs.some((run) => run.before.length > 0)
    ? [
        {
          id: 'before',
          title: 'Before insertion',
          numeric: true,
          cell: (run: FlowRunRecord) => {
            const last = run.before.at(-1);
            if (last === undefined) return '–';
            return last.value === null ? `loss ${formatNumber(last.loss)}` : <Num value={last.value} digits={6} />;
          },
        },
      ]
    : []),
  ...(runs.some((run) => run.certificate.verdict === 'not-separated')
    ? [
        {
          id: 'loss',
          title: 'Loss',
          numeric: true,
          cell: (run: FlowRunRecord) => <Num value={run.loss.at(-1) ?? null} />,
        },
      ]
    : []),
  {
    id: 'bound',
    title: 'Bound',
    numeric: true,
    cell: (run) => <Num value={run.certificate.bound} digits={6} />,
  },
  { id: 'nu', title: 'ν', numeric: true, cell: (run) => <Num value={run.certificate.nu} digits={5} /> },
  {
    id: 'residual',
    title: 'Stationarity',
    numeric: true,
    cell: (run) => <Num value={run.certificate.stationarity} digits={2} />,
  },
];

/** Runs for which a neuron is suggested, those that ended alike together. */
function sharedEnds(runs: readonly FlowRunRecord[]): FlowRunRecord[][] {
  const by = new Map<string, FlowRunRecord[]>();
  for (const run of runs) {
    if (!run.certificate.suggested) continue;
    const { verdict } = run.certificate;
    by.set(verdict, [...(by.get(verdict) ?? []), run]);
  }
  return [...by.values()];
}

/** One paragraph for what runs that ended alike share, then the neuron that is suggested to each; its figures are in the table. */
function Suggestions({ runs }: { readonly runs: readonly FlowRunRecord[] }): VNode {
  const by = new Map<string, string[]>();
  for (const run of runs) {
    const { sign, direction } = run.certificate.suggested!;
    const numbers = direction.slice(0, 6).map((value) => formatNumber(value, 3));
    const place = `(${numbers.join(', ')}${direction.length > 6 ? ', …' : ''})`;
    const words = sign > 0 ? `a positive neuron in direction ${place}` : `a negative neuron in direction ${place}`;
    by.set(words, [...(by.get(words) ?? []), startName(run)]);
  }
  const suggested = [...by];
  return (
    <>
      <p>
        {runs.length === 1
          ? recorded(runs[0].certificate.sentence)
          : `${formatCount(runs.length, 'start')}: ${verdictWords[runs[0].certificate.verdict]}. A neuron in the suggested direction makes each of them better.`}
      </p>
      <ul>
        {suggested.map(([words, starts]) => (
          <li key={words}>
            Suggested to {starts.join(', ')}: {words}.
          </li>
        ))}
      </ul>
    </>
  );
}

function Runs({ record, suggests }: { readonly record: Flow; readonly suggests: boolean }): VNode {
  const { state, forms, send } = useLab();
  const { runs } = record.result;
  return (
    <Section
      title="Certificates of the runs"
      wide
      hint={
        'Dual variables are fitted to the end of each run; ν is the largest dual constraint over all directions, and at most 1 exactly where the end is global. ' +
        'On kinks: how often a neuron ends orthogonal to a row and slides along that boundary, because the flow on either side points back to it. ' +
        'A flow that came to rest has rows on the wrong side that none of its neurons can change any more.'
      }
    >
      <PagedTable caption="Certificates" hideCaption rows={runs} rowKey={(_, i) => i} columns={runColumns(runs)} />
      {sharedEnds(runs).map((ends) => (
        <Suggestions key={ends[0].certificate.verdict} runs={ends} />
      ))}
      {suggests && (
        <div class="row">
          <Button
            disabled={state.running !== null}
            onPress={() =>
              send({
                type: 'run',
                request: { page: 'flow', settings: settingsOf('flow', state.preset, forms.flow), insert: true },
              })
            }
          >
            Insert the suggested neuron and train on
          </Button>
        </div>
      )}
    </Section>
  );
}
