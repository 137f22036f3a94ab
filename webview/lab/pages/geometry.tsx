import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import type { CircleGeometry, OutputGeometry, TouchingNeuron } from '../../../src/shared/labFlow.ts';
import { Chart } from '../../charts/chart.tsx';
import type { ChartSpec, SeriesSpec } from '../../charts/spec.ts';
import { formatInteger, formatNumber, formatPercent } from '../../ui/format.ts';
import { PagedTable } from '../../ui/pagedTable.tsx';
import { Num, Section } from '../../ui/pieces.tsx';
import type { Scene } from '../scene/sceneModel.ts';
import { SceneView } from '../scene/sceneView.tsx';
import { networkNames, neuronWords, outputScene, sphereScene } from './geometryScenes.ts';

type Geometry = LabRecordOf<'geometry'>;
type Result = Geometry['result'];

/** Neurons as points; those of the optimum and of a run apart. */
function neuronSeries(
  neurons: readonly TouchingNeuron[],
  place: (index: number) => readonly [number, number],
): SeriesSpec[] {
  return (['optimal', 'flow'] as const).flatMap((of) => {
    const mine = neurons.map((_, i) => i).filter((i) => neurons[i].of === of);
    if (mine.length === 0) return [];
    return [
      {
        id: of,
        label: `neurons: ${networkNames[of]}`,
        kind: 'points',
        mark: of === 'optimal' ? 'diamond' : 'triangle',
        x: mine.map((i) => place(i)[0]),
        y: mine.map((i) => place(i)[1]),
        tone: of === 'optimal' ? 1 : 2,
        describe: (i) => neuronWords(neurons[mine[i]]),
      } satisfies SeriesSpec,
    ];
  });
}

const degrees = (angle: number): number => (180 / Math.PI) * angle;
const angleOf = ({ direction }: TouchingNeuron): number => degrees(Math.atan2(direction[1], direction[0]));

/** Two inputs: the dual constraint over the circle of directions. */
export function circleChart(circle: CircleGeometry, neurons: readonly TouchingNeuron[]): ChartSpec {
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
      ...neuronSeries(neurons, (i) => [angleOf(neurons[i]), neurons[i].sign * neurons[i].constraint]),
    ],
    guides: [
      { axis: 'y', value: 1, label: 'supporting plane', tone: 'foreground' },
      { axis: 'y', value: -1, label: 'supporting plane', tone: 'foreground' },
    ],
  };
}

/** Two rows: the set in the plane. */
export function outputChart(output: OutputGeometry, neurons: readonly TouchingNeuron[]): ChartSpec {
  const column = (list: readonly number[], k: number): number[] => list.filter((_, i) => i % 2 === k);
  const hullX = column(output.corners, 0);
  const hullY = column(output.corners, 1);
  const x = column(output.boundary, 0);
  const y = column(output.boundary, 1);
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
  const [a, b] = output.normal;
  const right = 1.08 * Math.max(...x, 1e-12);
  const top = 1.08 * Math.max(...y, 1e-12);
  const planes = [1, -1].flatMap((level): SeriesSpec[] => {
    const points = [
      ...(b !== 0 ? [0, right].map((px) => [px, (level - a * px) / b] as const) : []),
      ...(a !== 0 ? [0, top].map((py) => [(level - b * py) / a, py] as const) : []),
    ].filter(([px, py]) => px >= -1e-9 && px <= right * (1 + 1e-9) && py >= -1e-9 && py <= top * (1 + 1e-9));
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
      },
    ];
  });
  return {
    id: 'geometry-outputs',
    title: 'Rectified ellipsoid in the space of outputs',
    summary:
      'All (Xu)₊ with ‖u‖ = 1, its convex hull with the origin, and the planes on which the dual variable is 1 or −1. Neurons sit where a plane touches.',
    x: { label: output.axes[0], min: -0.03 * right, max: right },
    y: { label: output.axes[1], min: -0.03 * top, max: top },
    height: 360,
    series: [
      { id: 'boundary', label: 'rectified ellipsoid', kind: 'points', x, y, tone: 0 },
      chain('hull-lower', 0, turn + 1),
      chain('hull-upper', turn, hullX.length + 1),
      ...planes,
      ...neuronSeries(neurons, (i) => [output.neurons[i][0], output.neurons[i][1]]),
    ],
  };
}

function chartsOf({ circle, output, margin, neurons }: Result): ChartSpec[] {
  return [
    ...(output?.dimension === 2 ? [outputChart(output, neurons)] : []),
    ...(circle && margin.value !== null ? [circleChart(circle, neurons)] : []),
  ];
}

function scenesOf(result: Result): Scene[] {
  const { output, sphere, margin } = result;
  return [
    ...(output?.dimension === 3 ? [outputScene(output, result)] : []),
    ...(sphere && margin.value !== null ? [sphereScene(sphere, result)] : []),
  ];
}

export function GeometryPage({ record }: { readonly record: Geometry }): VNode {
  const { result } = record;
  const { neurons, margin } = result;
  const charts = useMemo(() => chartsOf(result), [result]);
  const scenes = useMemo(() => scenesOf(result), [result]);
  return (
    <div class="grid">
      {scenes.map((scene) => (
        <div class="card wide" key={`${scene.id} ${record.createdAt}`}>
          <SceneView scene={scene} />
        </div>
      ))}
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
          <p>There are none: {margin.reason}.</p>
        ) : (
          <PagedTable
            caption="Neurons"
            hideCaption
            rows={neurons}
            rowKey={(_, i) => i}
            columns={[
              { id: 'of', title: 'Network', cell: (neuron) => networkNames[neuron.of] },
              { id: 'sign', title: 'Sign', cell: (neuron) => (neuron.sign > 0 ? '+' : '−') },
              { id: 'share', title: 'Share of norm', numeric: true, cell: (neuron) => formatPercent(neuron.share) },
              ...(neurons.some(({ count = 1 }) => count > 1)
                ? [
                    {
                      id: 'count',
                      title: 'Neurons of it',
                      hint: 'Neurons of one sign whose directions are less than a degree apart are one.',
                      numeric: true,
                      cell: (neuron: TouchingNeuron) => formatInteger(neuron.count ?? 1),
                    },
                  ]
                : []),
              ...(neurons[0].direction.length > 0
                ? [
                    {
                      id: 'direction',
                      title: 'Direction',
                      cell: (neuron: TouchingNeuron) => neuron.direction.map((x) => formatNumber(x, 3)).join(', '),
                    },
                  ]
                : []),
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
