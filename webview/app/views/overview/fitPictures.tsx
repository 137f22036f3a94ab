import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { RunRecord, ShapeRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import type { ChartSpec, SeriesSpec, Tone } from '../../../charts/spec.ts';
import { Surface } from '../../../charts/surface/surface.tsx';
import type { Certainty } from '../../../charts/surface/surfaceModel.ts';
import { Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber, formatPercent, formatLine } from '../../../ui/format.ts';
import { Section } from '../../../ui/pieces.tsx';
import { usePanel, useChoice, useSelection } from '../../panelContext.ts';
import { isClassification, outputName } from '../../runData.ts';
import type { Confusion } from './fitModel.ts';
import { confusion, curveAt, residuals } from './fitModel.ts';

/** Losses that model a probability of each class; the others order classes only. */
export function certaintyOf({ resolved }: Pick<RunRecord, 'resolved'>): Certainty {
  switch (resolved.loss) {
    case 'logistic':
    case 'softmax':
      return resolved.loss;
    case 'squared':
    case 'huber':
    case 'hinge':
      return null;
  }
}

/** The fit, drawn as well as its number of features allows. */
export function FitPictures({ run }: { readonly run: RunRecord }): VNode {
  const { shape } = run;
  return (
    <Section title="The fit" wide>
      <div class="grid">
        {shape?.kind === 'curve' && <Curve run={run} shape={shape} />}
        {shape?.kind === 'surface' && <Surface shape={shape} certainty={certaintyOf(run)} />}
        {isClassification(run) ? <ConfusionTable run={run} /> : <Residuals run={run} />}
      </div>
    </Section>
  );
}

/** Fitted function of one feature over the data, with its kinks. */
export function curveChart(run: RunRecord, shape: Extract<ShapeRecord, { kind: 'curve' }>): ChartSpec {
  const series: SeriesSpec[] = [0, 1].map((split) => {
    const at = shape.points.split.flatMap((s, i) => (s === split ? [i] : []));
    return {
      id: split === 0 ? 'train' : 'test',
      label: split === 0 ? 'training rows' : 'test rows',
      kind: 'points',
      x: at.map((i) => shape.points.x[i]),
      y: at.map((i) => shape.points.y[i]),
      tone: split === 0 ? 'training' : 'test',
      mark: split === 0 ? 'circle' : 'diamond',
      hollow: split === 1,
    };
  });
  shape.y.forEach((y, output) => {
    const many = shape.y.length > 1;
    series.push({
      id: `fit-${output}`,
      label: many ? `network: ${outputName(run, output)}` : 'network',
      kind: 'line',
      x: shape.x,
      y,
      tone: many ? ((output % 6) as Tone) : 'network',
      width: 2.5,
      dash: many && output > 0 ? [3 + 3 * output, 3] : undefined,
    });
    if (output === 0) {
      series.push({
        id: 'kinks',
        label: 'kinks',
        kind: 'points',
        x: shape.kinks,
        y: shape.kinks.map((kink) => curveAt(shape.x, y, kink)),
        tone: 'network',
        hollow: true,
        mark: 'square',
      });
    }
  });
  const inside = shape.kinks.filter((k) => k >= shape.x[0] && k <= shape.x[shape.x.length - 1]).length;
  return {
    id: 'fitted-curve',
    title: 'Fitted function',
    summary: `The network is a piecewise linear function of ${shape.feature}; it bends at ${formatCount(inside, 'place')} in this range, where a neuron switches.`,
    x: { label: shape.feature },
    y: { label: isClassification(run) ? 'network output' : run.resolved.target },
    height: 300,
    series: series.filter((s) => s.x.length > 0),
  };
}

function Curve({
  run,
  shape,
}: {
  readonly run: RunRecord;
  readonly shape: Extract<ShapeRecord, { kind: 'curve' }>;
}): VNode {
  const spec = useMemo(() => curveChart(run, shape), [run, shape]);
  return <Chart spec={spec} />;
}

function residualChart(run: RunRecord): ChartSpec {
  const series = [0, 1].map((split): SeriesSpec => {
    const { rows, predicted, residual } = residuals(run, split);
    return {
      id: split === 0 ? 'train' : 'test',
      label: split === 0 ? 'training rows' : 'test rows',
      kind: 'points',
      x: predicted,
      y: residual,
      tone: split === 0 ? 'training' : 'test',
      mark: split === 0 ? 'circle' : 'diamond',
      hollow: split === 1,
      describe: (i) => `line ${formatLine(run.rows.line[rows[i]])}, target ${formatNumber(run.rows.target[rows[i]])}`,
    };
  });
  return {
    id: 'residuals',
    title: 'Residuals',
    summary:
      'Target minus prediction against prediction. Structure here is what the network leaves unexplained. Enter or click opens the row.',
    x: { label: `predicted ${run.resolved.target}` },
    y: { label: 'target − prediction' },
    height: 300,
    series: series.filter((s) => s.x.length > 0),
    guides: [{ axis: 'y', value: 0, label: '', tone: 'muted' }],
    empty: 'There are no predictions to compare.',
  };
}

function Residuals({ run }: { readonly run: RunRecord }): VNode {
  const { openView } = usePanel();
  const [, selectRow] = useSelection('row');
  const spec = useMemo(() => residualChart(run), [run]);
  return (
    <Chart
      spec={spec}
      onPick={(series, index) => {
        selectRow(residuals(run, series === 'train' ? 0 : 1).rows[index]);
        openView('neurons');
      }}
    />
  );
}

function ConfusionTable({ run }: { readonly run: RunRecord }): VNode {
  const [split, setSplit] = useChoice('confusionSplit', run.resolved.testRows > 0 ? 'test' : 'train');
  const data: Confusion = useMemo(() => confusion(run, split === 'train' ? 0 : 1), [run, split]);
  const { classes } = run.resolved;
  const largest = Math.max(1, ...data.counts);
  return (
    <div class="confusion">
      <div class="chart-head">
        <h3>Confusion matrix</h3>
        {run.resolved.testRows > 0 && (
          <Dropdown
            label="Rows of the confusion matrix"
            quiet
            value={split}
            choices={[
              { value: 'train', label: 'training rows' },
              { value: 'test', label: 'test rows' },
            ]}
            onSelect={setSplit}
          />
        )}
      </div>
      <p class="chart-summary">
        {data.total === 0
          ? 'No rows.'
          : `${formatInteger(data.correct)} of ${formatCount(data.total, 'row')} (${formatPercent(data.correct / data.total)}) are on the diagonal.`}
      </p>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Confusion matrix">
        <table class="matrix">
          <caption class="visually-hidden">Confusion matrix: true class by predicted class</caption>
          <thead>
            <tr>
              <th scope="col">true ↓ predicted →</th>
              {classes.map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
              <th scope="col" class="numeric">
                right
              </th>
            </tr>
          </thead>
          <tbody>
            {classes.map((name, i) => {
              const row = data.counts.subarray(i * classes.length, (i + 1) * classes.length);
              const sum = row.reduce((a, b) => a + b, 0);
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {Array.from(row, (count, j) => (
                    <td
                      key={j}
                      class={`numeric ${i === j ? 'hit' : count > 0 ? 'miss' : ''}`}
                      style={{ '--share': `${Math.round((100 * count) / largest)}%` }}
                    >
                      {formatInteger(count)}
                    </td>
                  ))}
                  <td class="numeric">{sum > 0 ? formatPercent(row[i] / sum) : '–'}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </div>
  );
}
