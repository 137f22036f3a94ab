import type { LabRecordOf } from '../../../src/shared/lab.ts';
import type { FlowRunRecord } from '../../../src/shared/labFlow.ts';
import type { ChartSpec, SeriesSpec, Tone } from '../../charts/spec.ts';
import { formatCount, formatPercent } from '../../ui/format.ts';

type Flow = LabRecordOf<'flow'>;
const tone = (i: number): Tone => (i % 6) as Tone;

export function startName({ seed, before }: FlowRunRecord): string {
  return before.length === 0 ? `start ${seed}` : `start ${seed} + ${formatCount(before.length, 'neuron')}`;
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
