import { text } from '../../../../src/shared/texts.ts';
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { penaltyOf } from '../../../../src/core/problem/penalties/penalties.ts';
import { modelTraits } from '../../../../src/shared/models.ts';
import { sharesNeurons } from '../../../../src/shared/outputs.ts';
import type { CompareRecord, GradientRun, RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Button, Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber, formatPercent, formatSeconds } from '../../../ui/format.ts';
import type { Column } from '../../../ui/pagedTable.tsx';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import { Num, Section } from '../../../ui/pieces.tsx';
import { useChoice, usePanel } from '../../panelContext.ts';
import { partCount, partNames } from '../../runData.ts';
import { networkSeconds, timeWords } from '../../times.ts';
import type { ViewDefinition } from '../../registry.ts';
import type { Clock, Measure } from './compareModel.ts';
import { compareWords, curvesChart, finalChart, optimizerNames, tie } from './compareModel.ts';

export const compareView: ViewDefinition = {
  id: 'gradient-descent',
  title: 'Gradient descent',
  question: 'What does gradient descent make of the same data, network size and penalty?',
  available: (run) => modelTraits(run.settings.model).descent,
  View: Compare,
};

function Compare({ run }: { readonly run: RunRecord }): VNode {
  const { compare } = run;
  if (!compare || compare.runs.length === 0) {
    return (
      <Section title="Not compared" wide>
        <p>
          {run.settings.compare.enabled
            ? 'Gradient descent has not been run for this solution: it is left out while beta is only being tried, or it was stopped.'
            : 'The comparison with gradient descent is switched off in the settings.'}
        </p>
        <LabLink />
      </Section>
    );
  }
  return <Comparison run={run} compare={compare} />;
}

/** Whether all runs are there. */
function progressWords({ complete, runs }: CompareRecord, training: boolean): string {
  if (complete) return '';
  return training ? ` ${formatCount(runs.length, 'run')} so far.` : ' The comparison was cut short.';
}

/** The Lab looks at gradient descent on the same file more closely. */
function LabLink(): VNode {
  const { send } = usePanel();
  return (
    <div class="row">
      <Button onPress={() => send({ type: 'openLab' })}>Open Lab</Button>
      <span class="muted">Wide networks and gradient flow on the same rows, with the theory checked.</span>
    </div>
  );
}

function Comparison({ run, compare }: { readonly run: RunRecord; readonly compare: CompareRecord }): VNode {
  const [clock, setClock] = useChoice('compareClock', 'epochs');
  const [measure, setMeasure] = useChoice('compareMeasure', 'excess');
  const curves = useMemo(() => curvesChart(compare, clock as Clock, measure as Measure), [compare, clock, measure]);
  const finals = useMemo(() => finalChart(compare), [compare]);
  const { state } = usePanel();
  const words = useMemo(() => compareWords(run, compare), [run, compare]);
  return (
    <>
      <Section
        title="Gradient descent against the convex solution"
        wide
        hint={`Networks of ${formatCount(compare.width, partNames(run).one, partNames(run).many)}, the same loss and the same penalty${sharesNeurons(run) && penaltyOf(run.resolved.outputPenalty).decay.same ? ' (plain weight decay, every neuron feeding all outputs)' : ''}, started at random.${run.settings.batchNorm === true ? ' Every step normalises the hidden layer by mean and deviation of its pre-activations over all training rows, and trains inner weights, scales, shifts and outgoing weights.' : ''}${progressWords(compare, state.phase === 'training')}`}
      >
        <ul class="findings">
          {words.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
        <Chart
          spec={curves}
          controls={
            <>
              <Dropdown
                label="Over"
                value={clock}
                choices={[
                  { value: 'epochs', label: 'epochs' },
                  { value: 'seconds', label: 'time' },
                ]}
                onSelect={setClock}
              />
              <Dropdown
                label="Show"
                value={measure}
                choices={[
                  { value: 'excess', label: 'excess' },
                  { value: 'objective', label: 'objective' },
                ]}
                onSelect={setMeasure}
              />
            </>
          }
        />
        <p class="muted">
          Time of the convex solution: {timeWords(run)}
          {compare.lowerBound === null
            ? '. No lower bound over all networks is proven for this run.'
            : `. No network ${modelTraits(run.settings.model).patterns === 'own' && run.solution.scope !== 'all-arrangements' ? 'on the same gates ' : ''}can be below ${formatNumber(compare.lowerBound, 7)}, the proven lower bound.`}
        </p>
      </Section>
      <Section title="Where each run ends" wide>
        <Chart spec={finals} />
        <RunTable run={run} compare={compare} />
      </Section>
      <LabLink />
    </>
  );
}

type Line = { readonly kind: 'convex' } | { readonly kind: 'descent'; readonly item: GradientRun };

function RunTable({ run, compare }: { readonly run: RunRecord; readonly compare: CompareRecord }): VNode {
  const lines: Line[] = [{ kind: 'convex' }, ...compare.runs.map((item): Line => ({ kind: 'descent', item }))];
  const ours = run.metrics.find((row) => row.measure === compare.measure);
  const hasTest = compare.runs.some((item) => item.test !== null);
  const from = <T,>(line: Line, convex: T, descent: (item: GradientRun) => T): T =>
    line.kind === 'convex' ? convex : descent(line.item);
  const columns: Column<Line>[] = [
    {
      id: 'name',
      title: 'Trained by',
      cell: (line) => from(line, 'convex program', (item) => `${optimizerNames[item.optimizer]}, seed ${item.seed}`),
      sortBy: (line) => from(line, '', (item) => `${item.optimizer}${item.seed}`),
    },
    {
      id: 'excess',
      title: 'Final excess',
      hint: 'After merging and balancing, relative to the convex solution.',
      numeric: true,
      cell: (line) =>
        from<VNode | string>(line, '0', (item) =>
          item.diverged ? (
            'diverged'
          ) : (
            <span title={String(item.excess)}>
              {formatPercent(item.excess)}
              {Math.abs(item.excess) <= tie ? ' (tie)' : item.excess < 0 ? ' (below)' : ''}
            </span>
          ),
        ),
      sortBy: (line) => from(line, 0, (item) => (item.diverged ? Infinity : item.excess)),
    },
    {
      id: 'objective',
      title: 'Objective',
      numeric: true,
      cell: (line) => <Num value={from(line, compare.convexObjective, (item) => item.merged)} digits={6} />,
      sortBy: (line) => from(line, compare.convexObjective, (item) => item.merged),
    },
    {
      id: 'active',
      title: 'Active',
      numeric: true,
      cell: (line) => formatInteger(from(line, partCount(run), (item) => item.active)),
      sortBy: (line) => from(line, partCount(run), (item) => item.active),
    },
    {
      id: 'train',
      title: `${text(compare.measure)}, train`,
      numeric: true,
      cell: (line) => <Num value={from(line, ours?.train ?? null, (item) => item.train)} digits={4} />,
      sortBy: (line) => from(line, ours?.train ?? NaN, (item) => item.train),
    },
    ...(hasTest
      ? [
          {
            id: 'test',
            title: `${text(compare.measure)}, test`,
            numeric: true,
            cell: (line: Line) => <Num value={from(line, ours?.test ?? null, (item) => item.test)} digits={4} />,
            sortBy: (line: Line) => from(line, ours?.test ?? NaN, (item) => item.test ?? NaN),
          },
        ]
      : []),
    {
      id: 'time',
      title: 'Time',
      hint: 'Of the convex program: to its final network. The proof over all networks comes after that; where a run has only the sum of both, no time is given.',
      numeric: true,
      cell: (line) => formatSeconds(from(line, networkSeconds(run) ?? NaN, (item) => item.seconds.at(-1) ?? NaN)),
      sortBy: (line) => from(line, networkSeconds(run) ?? NaN, (item) => item.seconds.at(-1) ?? NaN),
    },
    {
      id: 'rate',
      title: 'Step size',
      numeric: true,
      cell: (line) => from<VNode | string>(line, '–', (item) => <Num value={item.learningRate} digits={2} />),
    },
  ];
  return (
    <PagedTable
      caption="Final objective, excess, scores and size of every run"
      hideCaption
      rows={lines}
      columns={columns}
      rowKey={(line) => from(line, 'convex', (item) => `${item.optimizer}-${item.seed}`)}
      selected={(line) => line.kind === 'convex'}
      pageSize={20}
    />
  );
}
