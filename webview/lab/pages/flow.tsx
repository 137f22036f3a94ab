import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import type { FlowRunRecord } from '../../../src/shared/labFlow.ts';
import { Chart } from '../../charts/chart.tsx';
import type { ChartSpec, SeriesSpec, Tone } from '../../charts/spec.ts';
import { Button, Dropdown } from '../../ui/controls.ts';
import { formatInteger, formatNumber, formatPercent } from '../../ui/format.ts';
import { PagedTable } from '../../ui/pagedTable.tsx';
import { Facts, Num, Section } from '../../ui/pieces.tsx';
import { settingsOf } from '../form.tsx';
import { useLab } from '../labContext.ts';
import { RowLinks } from '../verdicts.tsx';

type Flow = LabRecordOf<'flow'>;
const tone = (i: number): Tone => (i % 6) as Tone;
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

function startName({ seed, before }: FlowRunRecord): string {
  return before.length === 0
    ? `start ${seed}`
    : `start ${seed} + ${before.length} neuron${before.length > 1 ? 's' : ''}`;
}

/** Directions on the plane: rows, neurons of the largest margin, and where the neurons of a run came from and went. */
export function directionChart({ result }: Flow, run: FlowRunRecord | undefined): ChartSpec {
  const half = Array.from({ length: 181 }, (_, i) => Math.PI * (1 - i / 180));
  const rows = (label: number): SeriesSpec => {
    const mine = result.rows.filter((row) => row.label === label);
    return {
      id: `rows-${label}`,
      label: label > 0 ? 'rows of class +1' : 'rows of class −1',
      kind: 'points',
      mark: label > 0 ? 'circle' : 'square',
      hollow: true,
      x: mine.map((row) => row.x),
      y: mine.map((row) => row.y),
      tone: label > 0 ? 0 : 1,
    };
  };
  const paths = (run?.paths ?? []).flatMap((path): SeriesSpec[] => {
    const x = path.xy.filter((_, i) => i % 2 === 0);
    const y = path.xy.filter((_, i) => i % 2 === 1);
    const group = path.sign > 0 ? 'positive neurons' : 'negative neurons';
    return [
      {
        id: `end-${x[0]}-${y[0]}`,
        label: group,
        group,
        kind: 'points',
        mark: path.sign > 0 ? 'triangle' : 'cross',
        x: x.slice(-1),
        y: y.slice(-1),
        tone: path.sign > 0 ? 2 : 4,
        describe: () => `end, ${formatPercent(path.share)} of the squared norm`,
      },
    ];
  });
  return {
    id: 'flow-directions',
    title: 'Directions of rows and neurons',
    summary: result.plane.exact
      ? 'Every direction is a point of the circle.'
      : 'Projected on a plane: directions that leave it are nearer to the middle.',
    x: { label: result.plane.axes[0], min: -1.1, max: 1.1 },
    y: { label: result.plane.axes[1], min: -1.1, max: 1.1 },
    equalUnits: true,
    height: 420,
    series: [
      ...[1, -1].map((side): SeriesSpec => ({
        id: `circle-${side}`,
        label: 'unit circle',
        group: 'unit circle',
        kind: 'line',
        x: half.map(Math.cos),
        y: half.map((angle) => side * Math.sin(angle)),
        tone: 'muted',
        width: 1,
      })),
      rows(1),
      rows(-1),
      {
        id: 'optimal',
        label: 'largest margin',
        kind: 'points',
        mark: 'diamond',
        x: result.optimal.map((neuron) => neuron.x),
        y: result.optimal.map((neuron) => neuron.y),
        tone: 'foreground',
        describe: (i) => (result.optimal[i].sign > 0 ? 'positive neuron' : 'negative neuron'),
      },
      ...paths,
    ],
  };
}

/** Coordinates of the strongest neurons' directions over the steps. */
export function pathChart({ result }: Flow, run: FlowRunRecord): ChartSpec {
  const angle = (path: FlowRunRecord['paths'][number]): number[] =>
    path.xy.flatMap((x, i) => (i % 2 === 0 ? [(180 / Math.PI) * Math.atan2(path.xy[i + 1], x)] : []));
  return {
    id: 'flow-angles',
    title: 'Angle of the neurons over time',
    summary: `On the plane of the picture of directions${result.plane.exact ? '' : ' (projected)'}. Flow ends at few directions.`,
    x: { label: 'step', log: true },
    y: { label: 'degrees', min: -180, max: 180, step: 60 },
    series: run.paths.map((path, i) => ({
      id: `path-${i}`,
      label: `neuron ${i + 1}`,
      group: path.sign > 0 ? 'positive neurons' : 'negative neurons',
      kind: 'line',
      x: run.at.map((step) => step + 1),
      y: angle(path),
      tone: path.sign > 0 ? 2 : 4,
      dash: path.sign > 0 ? undefined : [6, 4],
      width: 1.2,
    })),
  };
}

export function marginChart({ result }: Flow): ChartSpec {
  return {
    id: 'flow-margin',
    title: 'Normalised margin over time',
    summary: 'Smallest y f(x) over the squared norm of the parameters. No network can be above the line.',
    x: { label: 'step', log: true },
    y: { label: 'normalised margin' },
    series: result.runs.map((run, i) => ({
      id: `run-${i}`,
      label: startName(run),
      kind: 'line',
      x: run.at.map((step) => step + 1),
      y: run.margin,
      tone: tone(i),
    })),
    guides: result.margin?.value
      ? [{ axis: 'y', value: result.margin.normalizedMargin, label: 'largest possible', tone: 'foreground' }]
      : [],
    empty: 'No run is finished.',
  };
}

export function driftChart({ result }: Flow): ChartSpec {
  return {
    id: 'flow-balance',
    title: 'Balancedness',
    summary: 'Gradient flow keeps a² − ‖w‖² of every neuron. This is the largest drift from its start.',
    x: { label: 'step', log: true },
    y: { label: 'largest drift', log: true },
    series: result.runs.map((run, i) => ({
      id: `run-${i}`,
      label: startName(run),
      kind: 'line',
      x: run.at.map((step) => step + 1),
      y: run.drift,
      tone: tone(i),
    })),
    empty: 'No run is finished.',
  };
}

export function FlowPage({ record }: { readonly record: Flow }): VNode {
  const lab = useLab();
  const { result, data } = record;
  const { report, margin, runs } = result;
  const [chosen, setChosen] = useState('0');
  const run = runs.at(Math.min(Number(chosen), runs.length - 1));
  const directions = useMemo(() => directionChart(record, run), [record, run]);
  const paths = useMemo(() => (run ? pathChart(record, run) : null), [record, run]);
  const curves = useMemo(() => (runs.length > 0 ? [marginChart(record), driftChart(record)] : []), [record]);
  const reveal = (line: number): void => lab.send({ type: 'revealLine', line });
  const offenders = report.orthogonalSeparable ? report.spikeFreeOffenders : report.orthogonalOffenders;
  const suggests = runs.some((other) => other.certificate.suggested !== null);
  return (
    <>
      <div class="grid pairs">
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
                  No network separates <RowLinks rows={conflict.rows} lines={data.lines} onReveal={reveal} />:{' '}
                  {conflict.reason}.
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
                  cell: (pair) => <RowLinks rows={pair.rows} lines={data.lines} onReveal={reveal} />,
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
        {margin && (
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
        )}
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
      <PagedTable
        caption="Certificates"
        hideCaption
        rows={runs}
        rowKey={(_, i) => i}
        columns={[
          { id: 'seed', title: 'Start', cell: (run) => startName(run).replace('start ', '') },
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
                    return last.value === null ? (
                      `loss ${formatNumber(last.loss)}`
                    ) : (
                      <Num value={last.value} digits={6} />
                    );
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
        ]}
      />
      {runs.map(
        (run) =>
          run.certificate.suggested && (
            <p key={`${run.seed}`}>
              Start {run.seed}: {run.certificate.sentence} Suggested: a{' '}
              {run.certificate.suggested.sign > 0 ? 'positive' : 'negative'} neuron in direction (
              {run.certificate.suggested.direction
                .slice(0, 6)
                .map((value) => formatNumber(value, 3))
                .join(', ')}
              {run.certificate.suggested.direction.length > 6 ? ', …' : ''}).
            </p>
          ),
      )}
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
