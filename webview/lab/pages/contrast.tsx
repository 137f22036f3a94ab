import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import { Chart } from '../../charts/chart.tsx';
import type { ChartSpec } from '../../charts/spec.ts';
import { formatInteger, formatNumber, formatPercent, formatSeconds } from '../../ui/format.ts';
import { Num, Section } from '../../ui/pieces.tsx';

type Contrast = LabRecordOf<'contrast'>;
const ranks = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

export function movedChart({ result }: Contrast): ChartSpec {
  const values = [...result.wide.displacement].reverse();
  return {
    id: 'contrast-moved',
    title: 'How far each neuron of the wide network moved',
    summary: 'Relative to its start, from the one that moved most.',
    x: { label: 'neuron by rank', log: values.length > 50, integer: true },
    y: { label: 'relative displacement', log: true },
    series: [
      { id: 'moved', label: 'wide network', kind: 'line-points', x: ranks(values.length), y: values, tone: 'descent' },
    ],
    guides: [{ axis: 'y', value: result.movedFrom, label: 'counts as moved', tone: 'muted' }],
  };
}

export function sizesChart({ result }: Contrast): ChartSpec {
  return {
    id: 'contrast-neurons',
    title: 'Neurons of the convex optimum',
    summary: 'All other neurons are exactly zero.',
    x: { label: 'neuron by rank', integer: true },
    y: { label: '|output weight| × input norm', min: 0 },
    series: [
      {
        id: 'sizes',
        label: 'convex optimum',
        kind: 'stems',
        x: ranks(result.convex.sizes.length),
        y: result.convex.sizes,
        tone: 'network',
      },
    ],
    empty: 'The optimum is the zero network: take a smaller β.',
  };
}

export function curveChart({ result }: Contrast): ChartSpec {
  const { curve } = result.wide;
  return {
    id: 'contrast-loss',
    title: 'Datafit of the wide network during training',
    summary: 'The wide network goes on towards fitting every row; the convex optimum trades fit against size.',
    x: { label: 'step' },
    y: { label: 'half the sum of squares', log: true },
    series: [{ id: 'wide', label: 'wide network', kind: 'line', x: curve.steps, y: curve.loss, tone: 'descent' }],
    guides: [{ axis: 'y', value: result.convex.datafit, label: 'convex optimum', tone: 'network' }],
  };
}

export function ContrastPage({ record }: { readonly record: Contrast }): VNode {
  const { wide, convex, measure } = record.result;
  const charts = useMemo(() => [movedChart(record), sizesChart(record), curveChart(record)], [record]);
  const error = (value: number | null): VNode | string =>
    measure === 'error rate' ? formatPercent(value) : <Num value={value} />;
  const rows: readonly (readonly [string, VNode | string, VNode | string])[] = [
    ['Neurons', formatInteger(wide.neurons), formatInteger(convex.neurons)],
    ['Neurons that moved, or are not zero', formatInteger(wide.moved), formatInteger(convex.moved)],
    ['Sum of |output weight| × input norm', <Num value={wide.norm} />, <Num value={convex.norm} />],
    ['Half the sum of squares', <Num value={wide.datafit} />, <Num value={convex.datafit} />],
    [`Training ${measure}`, error(wide.train), error(convex.train)],
    [`Test ${measure}`, error(wide.test), error(convex.test)],
    ['Time', formatSeconds(wide.seconds), formatSeconds(convex.seconds)],
  ];
  return (
    <div class="grid pairs">
      <Section
        title="Side by side"
        hint={`Wide: ${formatInteger(wide.steps)} steps without regularisation. Convex: β = ${convex.beta.toPrecision(3)}, relative gap ${convex.relativeGap === null ? 'unknown' : formatNumber(convex.relativeGap, 2)}.`}
      >
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Measures of both networks">
          <table class="scores">
            <thead>
              <tr>
                <th scope="col">
                  <span class="visually-hidden">Measure</span>
                </th>
                <th scope="col" class="numeric">
                  Wide network
                </th>
                <th scope="col" class="numeric">
                  Convex optimum
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map(([name, a, b]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="numeric">{a}</td>
                  <td class="numeric">{b}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Section>
      {charts.map((spec) => (
        <div class="card" key={spec.id}>
          <Chart spec={spec} />
        </div>
      ))}
    </div>
  );
}
