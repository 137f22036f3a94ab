import { relativeGap } from '../../../../src/core/problem/gap.ts';
import type { LayerRecord, LinearRecord, MeteredLayer } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import type { ChartSpec, GuideSpec, MarkShape, SeriesSpec, Tone } from '../../../charts/spec.ts';
import { formatCount, formatNumber, formatPercent, typeset } from '../../../ui/format.ts';
import { betaGuides } from '../sparsity/sparsityModel.ts';

const marks: readonly MarkShape[] = ['circle', 'square', 'triangle', 'diamond', 'cross'];
const dashes: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [8, 3, 2, 3], [12, 4]];
const look = (i: number): Pick<SeriesSpec, 'tone' | 'mark' | 'dash'> => ({
  tone: (i % 6) as Tone,
  mark: marks[i % marks.length],
  dash: dashes[i % dashes.length],
});

/** Layers beyond this are left out of charts; the table has all. */
export const maxLayers = 8;

/** Singular values of every layer, by place. */
export function singularChart(layers: readonly LayerRecord[]): ChartSpec {
  const shown = layers.slice(0, maxLayers);
  return {
    id: 'layer-singular-values',
    title: 'Singular values of each layer',
    summary:
      'At the optimum every layer of a network carries the same singular values, and only as many as the map has rank.',
    x: { label: 'place', integer: true, min: 0.5 },
    y: { label: 'singular value', min: 0 },
    height: 260,
    empty: 'All layers are zero.',
    series: shown.map((layer, l) => ({
      id: `layer-${l}`,
      label: `layer ${l + 1}`,
      kind: 'points',
      // side by side, so that equal values stay visible
      x: layer.singularValues.map((_, i) => i + 1 + (shown.length > 1 ? 0.3 * (l / (shown.length - 1) - 0.5) : 0)),
      y: layer.singularValues,
      ...look(l),
      dash: undefined,
    })),
  };
}

export type Meter = 'rank-one' | 'alignment' | 'norm';

const meters: Record<
  Meter,
  {
    readonly title: string;
    readonly axis: string;
    readonly summary: string;
    readonly of: (layer: MeteredLayer) => number;
  }
> = {
  'rank-one': {
    title: 'Second over first singular value',
    axis: 'σ₂ / σ₁',
    summary: 'Zero when a layer has rank one, as it must for one output.',
    of: (layer) => layer.rankOneRatio,
  },
  alignment: {
    title: 'Alignment with the next layer',
    axis: 'alignment',
    summary:
      'Right singular vectors of a layer against left ones of the next: one when aligned, and for layers of rank one the cosine of the two vectors.',
    of: (layer) => layer.alignment ?? NaN,
  },
  norm: {
    title: 'Norm of each layer',
    axis: 'Frobenius norm',
    summary: 'At the optimum all layers have the same norm.',
    of: (layer) => layer.frobenius,
  },
};

/** A moment of training on the alignment meter. */
export interface MeteredMoment {
  readonly epoch: number;
  readonly layers: readonly MeteredLayer[];
}

/** How close gradient descent on the layers comes to what the theorem predicts, over training; null where it predicts no number. */
export function meterChart(training: readonly MeteredMoment[], meter: Meter, predicted: number | null): ChartSpec {
  const { title, axis, summary, of } = meters[meter];
  const count = Math.min(maxLayers, training[0]?.layers.length ?? 0);
  return {
    id: `meter-${meter}`,
    title,
    summary,
    x: { label: 'epoch', integer: true, min: 0 },
    y: { label: axis, min: 0, ...(meter === 'alignment' ? { max: 1.05 } : {}) },
    height: 240,
    series: Array.from({ length: count }, (_, l): SeriesSpec => ({
      id: `layer-${l}`,
      label: `layer ${l + 1}`,
      kind: 'line-points',
      x: training.map(({ epoch }) => epoch),
      y: training.map(({ layers }) => of(layers[l])),
      ...look(l),
    })).filter(({ y }) => Array.prototype.some.call(y, Number.isFinite)),
    guides:
      predicted === null ? [] : [{ axis: 'y', value: predicted, label: 'optimum', tone: 'foreground', dash: [2, 3] }],
  };
}

/** What the meter reads on the optimal network of a run: its first layer stands for all, which are equal there. */
export function optimalMeter({ layers }: LinearRecord, meter: Meter): number | null {
  const first = layers.length === 1 ? layers[0].at(0) : undefined;
  return first === undefined ? null : meter === 'alignment' ? 1 : meters[meter].of(first);
}

/** Objective of gradient descent on the layers against the optimum. */
export function trainingChart(
  run: RunRecord,
  deep: LinearRecord,
  training: NonNullable<LinearRecord['training']>,
): ChartSpec {
  const same = deep.layers.length === 1;
  const last = training.at(-1)?.objective ?? NaN;
  const excess = (last - run.solution.objective) / Math.max(Math.abs(run.solution.objective), 1e-300);
  return {
    id: 'layer-training',
    title: 'Gradient descent on the layers',
    summary: same
      ? `Ends ${formatPercent(excess, 3)} above the optimum of this run.`
      : 'One serial network for all outputs: another problem than one network per output, so the objectives do not compare.',
    x: { label: 'epoch', integer: true, min: 0 },
    y: { label: 'objective', log: training.every(({ objective }) => objective > 0) && run.solution.objective > 0 },
    height: 240,
    series: [
      {
        id: 'objective',
        label: 'gradient descent',
        kind: 'line-points',
        x: training.map(({ epoch }) => epoch),
        y: training.map(({ objective }) => objective),
        tone: 'descent',
      },
    ],
    guides: same ? [{ axis: 'y', value: run.solution.objective, label: 'optimum', tone: 'foreground', dash: [] }] : [],
  };
}

/** Rank of the map along beta. */
export function rankChart(run: RunRecord, deep: LinearRecord): ChartSpec {
  return {
    ...alongBeta(run, deep),
    id: 'rank-path',
    title: 'Rank of the map along beta',
    summary: 'Larger beta, fewer directions: a direction disappears where beta passes its threshold.',
    y: { label: 'rank', integer: true, min: 0 },
    series: [
      {
        id: 'rank',
        label: 'rank',
        kind: 'step',
        x: deep.rankPath.map(({ beta }) => beta),
        y: deep.rankPath.map(({ rank }) => rank),
        tone: 0,
        width: 2,
      },
    ],
  };
}

/** Singular values of the map along beta. */
export function mapChart(run: RunRecord, deep: LinearRecord): ChartSpec {
  const count = Math.min(6, Math.max(0, ...deep.rankPath.map(({ singularValues }) => singularValues.length)));
  return {
    ...alongBeta(run, deep),
    id: 'map-singular-values',
    title: 'Singular values of the map along beta',
    summary: typeset(deep.threshold.message),
    y: { label: 'singular value', min: 0 },
    series: Array.from({ length: count }, (_, i) => ({
      id: `value-${i}`,
      label: `σ${i + 1}`,
      kind: 'line-points' as const,
      x: deep.rankPath.map(({ beta }) => beta),
      y: deep.rankPath.map(({ singularValues }) => singularValues[i] ?? NaN),
      ...look(i),
    })),
  };
}

function alongBeta(run: RunRecord, deep: LinearRecord): Pick<ChartSpec, 'x' | 'guides' | 'height' | 'empty'> {
  const guides: GuideSpec[] = betaGuides(run, deep.threshold.betaMax, run.resolved.beta);
  return {
    x: { label: 'beta', log: true, format: (v) => formatNumber(v, 3) },
    guides,
    height: 260,
    empty: 'The rank path was not computed for this run.',
  };
}

/** Minimum-norm fit of serial networks of each depth against the convex dual. */
export function gapChart(deep: LinearRecord): ChartSpec {
  const depth = deep.gap.map((point) => point.depth);
  return {
    id: 'serial-gap',
    title: 'Serial networks against their convex dual',
    summary: gapWords(deep),
    x: { label: 'layers', integer: true },
    y: { label: 'least norm of a fit', min: 0 },
    height: 260,
    series: [
      {
        id: 'serial',
        label: 'serial network',
        kind: 'line-points',
        x: depth,
        y: deep.gap.map(({ primal }) => primal),
        tone: 'network',
        mark: 'square',
        describe: (i) => `duality gap ${formatPercent(gapOfPoint(deep.gap[i]), 3)}`,
      },
      {
        id: 'dual',
        label: deep.gap.some(({ built }) => built !== undefined)
          ? 'convex dual, at a feasible point'
          : 'convex dual, by the formula',
        kind: 'line-points',
        x: depth,
        y: deep.gap.map(({ dual, built }) => built?.dual ?? dual),
        tone: 'bound',
        dash: [6, 3],
      },
    ],
  };
}

/** The gap of a serial network and its dual; rounding alone can put the dual above. */
export function gapOfPoint({ primal, dual }: { readonly primal: number; readonly dual: number }): number {
  return Math.max(0, relativeGap(primal, dual));
}

/** What the parallel networks built from these data come to. */
function parallelWords({ gap }: LinearRecord): string {
  const built = gap.flatMap((point) => (point.built === undefined ? [] : [point.built]));
  if (built.length === 0) return 'The parallel networks that would close it were not built in this run.';
  const worst = Math.max(...built.map(({ parallel, dual }) => gapOfPoint({ primal: parallel, dual })));
  return `Parallel branches, one per singular direction (${built[0].branches}), built and run on these rows, come within ${formatNumber(worst, 2)} (relative) of the dual at every depth shown.`;
}

/** What the gap says on these data. */
export function gapWords(deep: LinearRecord): string {
  const open = deep.gap.filter((point) => gapOfPoint(point) > 1e-9);
  if (open.length === 0) {
    return 'No gap at any depth: the least squares map of these data has rank one (or is zero), so serial networks reach the convex dual.';
  }
  return `From ${formatCount(open[0].depth, 'layer')} on a serial network cannot reach the convex dual here: the gap is ${formatPercent(gapOfPoint(open[0]), 3)} there and ${formatPercent(gapOfPoint(open[open.length - 1]), 3)} at ${open[open.length - 1].depth}. ${parallelWords(deep)}`;
}
