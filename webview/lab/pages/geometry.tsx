import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import type { CircleGeometry, OutputGeometry, TouchingNeuron } from '../../../src/shared/labFlow.ts';
import { Chart } from '../../charts/chart.tsx';
import type { ChartSpec, SeriesSpec } from '../../charts/spec.ts';
import { formatNumber, formatPercent } from '../../ui/format.ts';
import { PagedTable } from '../../ui/pagedTable.tsx';
import { Num, Section } from '../../ui/pieces.tsx';

type Geometry = LabRecordOf<'geometry'>;
const names = { optimal: 'largest margin', flow: 'gradient flow' } as const;

/** Neurons as points; those of the optimum and of a run apart. */
function neuronSeries(
  neurons: readonly TouchingNeuron[],
  place: (neuron: TouchingNeuron) => readonly [number, number],
): SeriesSpec[] {
  return (['optimal', 'flow'] as const).flatMap((of) => {
    const mine = neurons.filter((neuron) => neuron.of === of);
    if (mine.length === 0) return [];
    return [
      {
        id: of,
        label: `neurons: ${names[of]}`,
        kind: 'points',
        mark: of === 'optimal' ? 'diamond' : 'triangle',
        x: mine.map((neuron) => place(neuron)[0]),
        y: mine.map((neuron) => place(neuron)[1]),
        tone: of === 'optimal' ? 1 : 2,
        describe: (i) => `${mine[i].sign > 0 ? 'positive' : 'negative'}, ${formatPercent(mine[i].share)} of the norm`,
      } satisfies SeriesSpec,
    ];
  });
}

/** Two inputs: the dual constraint over the circle of directions. */
export function circleChart(circle: CircleGeometry): ChartSpec {
  const degrees = (angle: number): number => (180 / Math.PI) * angle;
  return {
    id: 'geometry-circle',
    title: 'Dual constraint over all directions',
    summary: `λ'(Xu)₊ for every unit direction u; 0° is ${circle.axes[0]}, 90° is ${circle.axes[1]}. It touches ±1 where neurons may sit: positive ones at 1, negative ones at −1.`,
    x: { label: 'direction (degrees)', min: -180, max: 180, step: 60 },
    y: { label: "λ'(Xu)₊" },
    height: 340,
    series: [
      {
        id: 'constraint',
        label: 'dual constraint',
        kind: 'line',
        x: circle.angle.map(degrees),
        y: circle.value,
        tone: 0,
      },
      ...neuronSeries(circle.neurons, (neuron) => [degrees(neuron.angle ?? 0), neuron.sign * neuron.constraint]),
    ],
    guides: [
      { axis: 'y', value: 1, label: 'supporting plane', tone: 'foreground' },
      { axis: 'y', value: -1, label: 'supporting plane', tone: 'foreground' },
    ],
  };
}

/** The curve t -> points of the set, in the coordinates of two rows. */
export function outputChart(
  output: OutputGeometry,
  lines: readonly number[],
  first: number,
  second: number,
): ChartSpec {
  const n = output.rows.length;
  const column = (at: number): number[] => output.boundary.filter((_, i) => i % n === at);
  const planar = n === 2;
  const hullX = output.hull.filter((_, i) => i % 2 === 0);
  const hullY = output.hull.filter((_, i) => i % 2 === 1);
  const x = column(first);
  const y = column(second);
  // Counter-clockwise from the leftmost corner: the lower chain to the rightmost one, then the upper chain back.
  const turn = hullX.lastIndexOf(Math.max(...hullX));
  const chain = (id: string, from: number, to: number): SeriesSpec => ({
    id,
    label: 'convex hull',
    group: 'convex hull',
    kind: 'line',
    dash: [5, 4],
    x: [...hullX, hullX[0]].slice(from, to),
    y: [...hullY, hullY[0]].slice(from, to),
    tone: 'foreground',
    width: 1.2,
  });
  const edges = planar ? [chain('hull-lower', 0, turn + 1), chain('hull-upper', turn, hullX.length + 1)] : [];
  const [a, b] = [output.lambda[first], output.lambda[second]];
  const top = 1.08 * Math.max(...x, 1e-12);
  const right = 1.08 * Math.max(...y, 1e-12);
  const planes: SeriesSpec[] = !planar
    ? []
    : [1, -1].flatMap((level) => {
        const points = [
          ...(b !== 0 ? [0, top].map((px) => [px, (level - a * px) / b] as const) : []),
          ...(a !== 0 ? [0, right].map((py) => [(level - b * py) / a, py] as const) : []),
        ].filter(([px, py]) => px >= -1e-9 && px <= top * (1 + 1e-9) && py >= -1e-9 && py <= right * (1 + 1e-9));
        if (points.length < 2) return [];
        points.sort((p, q) => p[0] - q[0]);
        const ends = [points[0], points[points.length - 1]];
        return [
          {
            id: `plane-${level}`,
            label: `supporting plane at ${level}`,
            kind: 'line',
            x: ends.map(([px]) => px),
            y: ends.map(([, py]) => py),
            tone: 4,
          } satisfies SeriesSpec,
        ];
      });
  return {
    id: `geometry-outputs-${first}-${second}`,
    title: 'Rectified ellipsoid in the space of outputs',
    summary: `All (Xu)₊ with ‖u‖ = 1${planar ? ', its convex hull with the origin, and the plane on which the dual variable is 1' : ', seen along one of the three rows'}. Neurons sit where the plane touches.`,
    x: { label: `output at line ${lines[output.rows[first]]}`, min: -0.03 * top, max: top },
    y: { label: `output at line ${lines[output.rows[second]]}`, min: -0.03 * right, max: right },
    height: 360,
    series: [
      { id: 'boundary', label: 'rectified ellipsoid', kind: 'points', x, y, tone: 0 },
      ...edges,
      ...planes,
      ...neuronSeries(output.neurons, (neuron) => [neuron.point[first], neuron.point[second]]),
    ],
  };
}

export function GeometryPage({ record }: { readonly record: Geometry }): VNode {
  const { output, circle, margin } = record.result;
  const neurons = output?.neurons ?? circle?.neurons ?? [];
  const { lines } = record.data;
  const charts = useMemo(
    () => [
      ...(circle && margin?.value !== null ? [circleChart(circle)] : []),
      ...(output
        ? (output.rows.length === 2
            ? [[0, 1]]
            : [
                [0, 1],
                [0, 2],
                [1, 2],
              ]
          ).map(([a, b]) => outputChart(output, lines, a, b))
        : []),
    ],
    [record],
  );
  return (
    <div class="grid">
      {charts.map((spec) => (
        <div class="card" key={spec.id}>
          <Chart spec={spec} />
        </div>
      ))}
      <Section
        title="Neurons"
        hint="The dual constraint of a neuron is 1 exactly where it touches the supporting plane."
      >
        {neurons.length === 0 ? (
          <p>There are none: {margin?.reason ?? 'nothing was found'}.</p>
        ) : (
          <PagedTable
            caption="Neurons"
            hideCaption
            rows={neurons}
            rowKey={(_, i) => i}
            columns={[
              { id: 'of', title: 'Network', cell: (neuron) => names[neuron.of] },
              { id: 'sign', title: 'Sign', cell: (neuron) => (neuron.sign > 0 ? '+' : '−') },
              { id: 'share', title: 'Share of norm', numeric: true, cell: (neuron) => formatPercent(neuron.share) },
              {
                id: 'angle',
                title: 'Angle',
                numeric: true,
                cell: (neuron) => (neuron.angle === null ? '–' : `${formatNumber((180 / Math.PI) * neuron.angle, 4)}°`),
              },
              {
                id: 'constraint',
                title: 'Dual constraint',
                numeric: true,
                cell: (neuron) => <Num value={neuron.constraint} digits={7} />,
              },
            ]}
          />
        )}
      </Section>
    </div>
  );
}
