import type { GeometryResult, OutputGeometry, SphereGeometry, TouchingNeuron } from '../../../src/shared/labFlow.ts';
import type { Tone } from '../../charts/spec.ts';
import { formatCount, formatNumber, formatPercent } from '../../ui/format.ts';
import type { Layer, Scene, Vector } from '../scene/sceneModel.ts';

export const networkNames = { optimal: 'largest margin', flow: 'gradient flow' } as const;

/** A neuron in words. */
export function neuronWords(neuron: TouchingNeuron): string {
  const many =
    neuron.count !== undefined && neuron.count > 1 ? `, ${formatCount(neuron.count, 'neuron')} of this direction` : '';
  return `${neuron.sign > 0 ? 'positive' : 'negative'}, ${formatPercent(neuron.share)} of the norm, dual constraint ${formatNumber(neuron.constraint, 5)}${many}`;
}

function neuronLayers(neurons: readonly TouchingNeuron[], place: (index: number) => Vector): Layer[] {
  return (['optimal', 'flow'] as const).flatMap((of): Layer[] => {
    const mine = neurons.map((_, i) => i).filter((i) => neurons[i].of === of);
    if (mine.length === 0) return [];
    return [
      {
        id: of,
        label: `neurons: ${networkNames[of]}`,
        kind: 'marks',
        tone: of === 'optimal' ? 1 : 2,
        mark: of === 'optimal' ? 'diamond' : 'triangle',
        points: mine.map(place),
        describe: (i) => neuronWords(neurons[mine[i]]),
      },
    ];
  });
}

/** The rectified ellipsoid, its hull and the supporting planes, in space. */
export function outputScene(output: OutputGeometry, { neurons, margin }: GeometryResult): Scene {
  const set = { id: 'set', label: 'rectified ellipsoid', tone: 0 } as const;
  return {
    id: 'geometry-space',
    title: 'Rectified ellipsoid in the space of outputs',
    summary: output.exact
      ? 'All (Xu)₊ with ‖u‖ ≤ 1; every axis is the output at one row. Neurons sit where the planes of the dual variable touch the convex hull.'
      : 'All (Xu)₊ with ‖u‖ ≤ 1, seen along three directions of the space of outputs. The planes of the dual variable are seen edge-on, so neurons that touch them do so here as well.',
    axes: [output.axes[0], output.axes[1], output.axes[2]],
    layers: [
      output.columns > 0
        ? { ...set, kind: 'mesh', points: output.boundary, columns: output.columns }
        : { ...set, kind: 'curve', points: output.boundary },
      ...(output.faces.length > 0
        ? [
            {
              id: 'hull',
              label: 'convex hull',
              tone: 'foreground',
              kind: 'faces',
              corners: output.corners,
              faces: output.faces,
            } as const,
          ]
        : []),
      ...(margin.value === null
        ? []
        : [
            {
              id: 'planes',
              label: 'supporting planes',
              tone: 4,
              kind: 'planes',
              normal: [output.normal[0], output.normal[1], output.normal[2]],
              levels: [1, -1],
            } as const,
          ]),
      ...neuronLayers(neurons, (i) => [output.neurons[i][0], output.neurons[i][1], output.neurons[i][2]]),
    ],
  };
}

/** Directions of ring r and column c of the grid that the values belong to (see `SphereGeometry`). */
function gridDirection(index: number, columns: number, rows: number): Vector {
  const latitude = -Math.PI / 2 + (Math.PI * Math.floor(index / columns)) / (rows - 1);
  const longitude = (2 * Math.PI * (index % columns)) / (columns - 1);
  return [Math.cos(latitude) * Math.cos(longitude), Math.cos(latitude) * Math.sin(longitude), Math.sin(latitude)];
}

/** Three inputs: every direction u at the distance |lambda'(Xu)_+|; where it reaches the unit sphere neurons may sit. */
export function sphereScene(sphere: SphereGeometry, { neurons }: GeometryResult): Scene {
  const { columns, value } = sphere;
  const rows = value.length / columns;
  const positive: Tone = 0;
  const negative: Tone = 3;
  const unit: number[] = [];
  const radial: number[] = [];
  value.forEach((size, i) => {
    const u = gridDirection(i, columns, rows);
    unit.push(...u);
    radial.push(...u.map((x) => Math.abs(size) * x));
  });
  return {
    id: 'geometry-sphere',
    title: 'Dual constraint over all directions',
    summary:
      "Every direction u of the inputs at the distance |λ'(Xu)₊| from the middle; nothing may leave the unit sphere, and neurons sit where it is reached.",
    axes: sphere.axes,
    layers: [
      {
        id: 'constraint',
        label: 'dual constraint',
        tone: positive,
        kind: 'mesh',
        points: radial,
        columns,
        toneOf: (i) => (value[i] < 0 ? negative : positive),
      },
      {
        id: 'sphere',
        label: 'unit sphere',
        tone: 'muted',
        kind: 'mesh',
        points: unit,
        columns,
        hidden: true,
      },
      ...neuronLayers(neurons, (i) => {
        const { direction, constraint } = neurons[i];
        return [direction[0] * constraint, direction[1] * constraint, direction[2] * constraint];
      }),
    ],
  };
}
