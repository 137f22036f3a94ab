import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import { Chart } from '../../charts/chart.tsx';
import type { ChartSpec } from '../../charts/spec.ts';
import { formatInteger } from '../../ui/format.ts';
import { Facts, Num, Section } from '../../ui/pieces.tsx';
import { useLab } from '../labContext.ts';
import { RowLinks } from '../verdicts.tsx';

type Kernel = LabRecordOf<'kernel'>;

export function spectrumChart({ result }: Kernel): ChartSpec {
  const ranks = (values: readonly number[]): number[] => values.map((_, i) => values.length - i);
  const { limit, empirical } = result;
  return {
    id: 'kernel-spectrum',
    title: 'Spectrum of the kernel',
    summary:
      'Eigenvalues from the largest (left) to the smallest. Small ones are directions that gradient descent learns slowly.',
    x: { label: 'rank', integer: true },
    y: { label: 'eigenvalue', log: true },
    series: [
      ...(limit === null
        ? []
        : [
            {
              id: 'limit',
              label: 'infinite width',
              kind: 'line',
              x: ranks(limit.eigenvalues),
              y: limit.eigenvalues,
              tone: 0,
            } as const,
          ]),
      ...(empirical === null
        ? []
        : [
            {
              id: 'empirical',
              label: `width ${empirical.width}`,
              kind: 'points',
              x: ranks(empirical.eigenvalues),
              y: empirical.eigenvalues,
              tone: 1,
              hollow: true,
            } as const,
          ]),
    ],
    empty: 'There is no kernel yet.',
  };
}

export function widthChart({ result }: Kernel): ChartSpec {
  const { samples, limit } = result;
  return {
    id: 'kernel-lambda-min',
    title: 'Smallest eigenvalue over widths',
    summary: 'One point per start. The theory asks that it stays away from zero; it tends to the infinite-width value.',
    x: { label: 'width', log: true },
    y: { label: 'smallest eigenvalue', min: 0 },
    series: [
      {
        id: 'samples',
        label: 'networks',
        kind: 'points',
        x: samples.map((sample) => sample.width),
        y: samples.map((sample) => sample.lambdaMin),
        tone: 1,
        describe: (i) => `start ${samples[i].seed}`,
      },
    ],
    guides: limit === null ? [] : [{ axis: 'y', value: limit.lambdaMin, label: 'infinite width', tone: 0 }],
  };
}

export function distanceChart({ result }: Kernel): ChartSpec {
  const samples = result.samples.filter((sample) => sample.relativeError !== null);
  const widths = [...new Set(samples.map((sample) => sample.width))];
  const mean = (width: number): number => {
    const here = samples.filter((sample) => sample.width === width).map((sample) => sample.relativeError!);
    return here.reduce((a, b) => a + b, 0) / here.length;
  };
  const first = widths.length > 0 ? mean(widths[0]) : NaN;
  return {
    id: 'kernel-distance',
    title: 'Distance to the infinite-width kernel',
    summary: 'Relative, in the Frobenius norm. It falls like one over the square root of the width (dashed).',
    x: { label: 'width', log: true },
    y: { label: 'relative distance', log: true },
    series: [
      {
        id: 'distance',
        label: 'networks',
        kind: 'points',
        x: samples.map((sample) => sample.width),
        y: samples.map((sample) => sample.relativeError!),
        tone: 1,
        describe: (i) => `start ${samples[i].seed}`,
      },
      {
        id: 'rate',
        label: 'width to the −1/2',
        kind: 'line',
        dash: [6, 4],
        x: widths,
        y: widths.map((width) => first * Math.sqrt(widths[0] / width)),
        tone: 'muted',
      },
    ],
    empty: 'In standard parametrisation there is no infinite-width kernel.',
  };
}

export function KernelPage({ record }: { readonly record: Kernel }): VNode {
  const { send } = useLab();
  const { result, data } = record;
  const charts = useMemo(() => [spectrumChart(record), widthChart(record), distanceChart(record)], [record]);
  const summary = result.limit ?? result.empirical;
  const reveal = (line: number): void => send({ type: 'revealLine', line });
  return (
    <>
      <div class="grid">
        {charts.map((spec) => (
          <div class="card" key={spec.id}>
            <Chart spec={spec} />
          </div>
        ))}
        <Section title="Numbers" hint={result.limit ? 'Of the infinite-width kernel.' : 'Of the widest network.'}>
          {summary && (
            <Facts
              facts={[
                { name: 'Smallest eigenvalue', value: <Num value={summary.lambdaMin} /> },
                { name: 'Largest eigenvalue', value: <Num value={summary.lambdaMax} /> },
                { name: 'Condition number', value: <Num value={summary.condition ?? Infinity} digits={4} /> },
                { name: 'Trace', value: <Num value={summary.trace} /> },
                { name: 'Zero to working precision', value: formatInteger(summary.numericallyZero) },
                { name: 'Largest stable step 2 / λmax', value: <Num value={summary.largestStep} /> },
              ]}
            />
          )}
          <h3>Rows that make it singular</h3>
          {result.dependentRows.length === 0 ? (
            <p>No rows are equal{record.settings.bias ? '' : ' or multiples of one another'}.</p>
          ) : (
            <ul>
              {result.dependentRows.slice(0, 20).map((group) => (
                <li key={group.rows.join(',')}>
                  {group.kind === 'zero'
                    ? 'All zero'
                    : group.kind === 'duplicate'
                      ? 'Equal'
                      : group.kind === 'collinear'
                        ? 'Multiples'
                        : 'Opposite'}
                  : <RowLinks rows={group.rows} lines={data.lines} onReveal={reveal} />
                </li>
              ))}
            </ul>
          )}
          {summary && (
            <>
              <h3>Rows that are hardest to tell apart</h3>
              <p>
                They weigh most in the eigenvector of the smallest eigenvalue:{' '}
                <RowLinks
                  rows={summary.weakest.slice(0, 5).map((entry) => entry.row)}
                  lines={data.lines}
                  onReveal={reveal}
                />
              </p>
            </>
          )}
        </Section>
        <Constants moments={result.moments} hermite={result.hermite} />
      </div>
    </>
  );
}

/** Even-order moments and Hermite coefficients, which enter the constants of the theory. */
export function Constants(props: { readonly moments: readonly number[]; readonly hermite: readonly number[] }): VNode {
  return (
    <details class="more wide">
      <summary>Moments and Hermite coefficients, which enter the constants of the theory</summary>
      <div class="lab-tables">
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Moments of the rows">
          <table>
            <thead>
              <tr>
                <th scope="col">Moment of the rows</th>
                <th scope="col" class="numeric">
                  Mean
                </th>
              </tr>
            </thead>
            <tbody>
              {props.moments.map((value, k) => (
                <tr key={k}>
                  <th scope="row">‖x‖ to the {2 * (k + 1)}</th>
                  <td class="numeric">
                    <Num value={value} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Hermite coefficients of the activation">
          <table>
            <thead>
              <tr>
                <th scope="col">Hermite coefficient</th>
                <th scope="col" class="numeric">
                  Of the activation
                </th>
              </tr>
            </thead>
            <tbody>
              {props.hermite.map((value, k) => (
                <tr key={k}>
                  <th scope="row">of degree {k}</th>
                  <td class="numeric">
                    <Num value={value} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </details>
  );
}
