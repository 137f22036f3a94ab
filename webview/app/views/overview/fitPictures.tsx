import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { RunRecord, ShapeRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Surface } from '../../../charts/surface/surface.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { CopyTable } from '../../../ui/copyTable.tsx';
import { confusionAsText } from '../../runTables.ts';
import { formatCount, formatInteger, formatPercent } from '../../../ui/format.ts';
import { Section } from '../../../ui/pieces.tsx';
import { usePanel, useChoice, useSelection } from '../../panelContext.ts';
import { isClassification } from '../../runData.ts';
import type { Confusion } from './fitModel.ts';
import { certaintyOf, curveChart, residualChart } from './fitCharts.ts';
import { confusion, residuals } from './fitModel.ts';

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
        <CopyTable caption="Confusion matrix" table={() => confusionAsText(run, split === 'train' ? 0 : 1)} />
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
