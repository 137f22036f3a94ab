import { lossOf } from '../../../../src/core/problem/datafits/losses.ts';
import type { CollapseRecord, SplineRecord } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import type { ChartSpec, SeriesSpec } from '../../../charts/spec.ts';
import { formatInteger, formatNumber, formatPercent } from '../../../ui/format.ts';
import { curveAt } from '../overview/fitModel.ts';

/** Whether the output of a spline is the log-odds of a class. */
export const saysLogOdds = (loss: SplineRecord['loss']): boolean => lossOf(loss).targets === 'signs';

/** Names the spline of one output. */
export function splineTitle({ feature, output, loss }: SplineRecord): string {
  if (output === null) return `A spline in ${feature}`;
  return saysLogOdds(loss)
    ? `A spline in ${feature}: log-odds of ${output}`
    : `A spline in ${feature}: class ${output}`;
}

/** What the fit of a class is; undefined for a number. */
export function splineHint({ output, loss }: SplineRecord): string | undefined {
  if (output === null) return undefined;
  return saysLogOdds(loss)
    ? `Above zero the network says ${output}, below it another class. The rows are drawn above the curve when they are ${output}, and below it when not.`
    : `Squared loss on the target +1 for ${output} and −1 for every other class.`;
}

/** What beta → 0 tends to. */
export function limitWords({ interpolation, loss }: SplineRecord): string {
  if (interpolation === null) {
    return 'Where all rows of one value are of one class, more extreme log-odds always fit better, so as beta → 0 the fit tends to no finite function.';
  }
  return saysLogOdds(loss)
    ? 'The least norm of a function through the log-odds of the rows at every value, which beta → 0 tends to.'
    : 'The least norm of a function through all points, which beta → 0 tends to: the linear spline through the data.';
}

/** How the interpolation limit treats rows that differ at one value. */
export function repeatedWords({ interpolation, loss }: SplineRecord): string {
  if (interpolation === null) return '';
  return saysLogOdds(loss)
    ? ': the interpolation limit takes the log-odds of their classes'
    : ': no function goes through those, so the interpolation limit takes their mean';
}

/** Heights at which rows of the class and of all others are drawn beside a curve of log-odds: above and below both fits. */
function rowHeights({ free, regularized, points }: SplineRecord): readonly number[] {
  let largest = 1;
  for (const value of [...free, ...(regularized?.y ?? [])]) largest = Math.max(largest, Math.abs(value));
  return points.y.map((sign) => 1.15 * largest * sign);
}

/** The two fits of one feature over the data: bias free, and bias inside the norm. */
export function splineChart(run: RunRecord, spline: SplineRecord): ChartSpec {
  const { regularized } = spline;
  const classes = saysLogOdds(spline.loss);
  const series: SeriesSpec[] = [
    {
      id: 'rows',
      label: 'training rows',
      kind: 'points',
      x: spline.points.x,
      y: classes ? rowHeights(spline) : spline.points.y,
      ...(classes
        ? { describe: (i: number): string => (spline.points.y[i] > 0 ? `${spline.output}` : `not ${spline.output}`) }
        : {}),
      tone: 'muted',
    },
    { id: 'free', label: 'bias free', kind: 'line', x: spline.x, y: spline.free, tone: 0, width: 2.5 },
    {
      id: 'free-kinks',
      label: 'its kinks',
      kind: 'points',
      x: spline.kinks.map(({ at }) => at),
      y: spline.kinks.map(({ at }) => curveAt(spline.x, spline.free, at)),
      tone: 0,
      mark: 'square',
      describe: (i) => `slope changes by ${formatNumber(spline.kinks[i].change)}`,
    },
  ];
  if (regularized) {
    series.push(
      {
        id: 'inside',
        label: 'bias in the norm',
        kind: 'line',
        x: spline.x,
        y: regularized.y,
        tone: 1,
        width: 2,
        dash: [7, 4],
      },
      {
        id: 'inside-kinks',
        label: 'its kinks',
        kind: 'points',
        x: regularized.kinks,
        y: regularized.kinks.map((at) => curveAt(spline.x, regularized.y, at)),
        tone: 1,
        mark: 'diamond',
        hollow: true,
      },
    );
  }
  return {
    id: 'spline-fit',
    title: 'Optimal fit by where the bias is paid for',
    summary:
      spline.kinks.length === 0
        ? 'At this beta the free-bias fit has no kink.'
        : `With free biases the optimum bends ${spline.kinks.length === 1 ? 'once' : `${formatInteger(spline.kinks.length)} times`}, ${spline.kinkDistance <= 1e-6 ? `exactly at ${spline.kinks.length === 1 ? 'a data point' : 'data points'}` : `at most ${formatPercent(spline.kinkDistance, 2)} of the span from a data point`}.`,
    x: { label: spline.feature },
    y: { label: axisOf(run, spline) },
    ...(classes ? { guides: [{ axis: 'y', value: 0, label: 'even odds', tone: 'foreground', dash: [2, 3] }] } : {}),
    height: 320,
    series: series.filter(({ x }) => x.length > 0),
  };
}

function axisOf(run: RunRecord, { output, loss }: SplineRecord): string {
  if (output === null) return run.resolved.target;
  return saysLogOdds(loss) ? `log-odds of ${output}` : `output for ${output}`;
}

/** The dual functions of the position of a kink; they touch the lines +-1 where the optimum bends. */
export function dualChart(spline: SplineRecord): ChartSpec {
  const { at, right, left } = spline.dual;
  const valueAt = (place: number, values: readonly number[]): number => curveAt(at, values, place);
  const touching = spline.kinks.map((kink) => {
    const [r, l] = [valueAt(kink.at, right), valueAt(kink.at, left)];
    return Math.abs(r) >= Math.abs(l) ? r : l;
  });
  const largest = Math.max(0, ...right.map(Math.abs), ...left.map(Math.abs));
  const apart = Math.max(0, ...right.map((value, i) => Math.abs(value - left[i])));
  const loosest = touching.reduce((least, value) => Math.min(least, Math.abs(value)), 1);
  return {
    id: 'spline-dual',
    title: 'Dual curve over the place of a kink',
    summary:
      `It stays within ±${formatNumber(largest, 6)} of beta` +
      (touching.length === 0
        ? '.'
        : `, and is at least ${formatNumber(loosest, 6)} in size at every kink: only there it may bend.`) +
      (apart <= 1e-3 * largest ? ' Both curves lie on each other here.' : ''),
    x: { label: `place b of a kink (${spline.feature})` },
    y: { label: 'dual value over beta' },
    height: 260,
    series: [
      { id: 'right', label: 'Σ v (x − b)₊', kind: 'line', x: at, y: right, tone: 0, width: 2 },
      { id: 'left', label: 'Σ v (b − x)₊', kind: 'line', x: at, y: left, tone: 3, width: 2, dash: [6, 3] },
      {
        id: 'kinks',
        label: 'kinks of the fit',
        kind: 'points',
        x: spline.kinks.map((kink) => kink.at),
        y: touching,
        tone: 1,
        mark: 'square',
        describe: (i) => `slope changes by ${formatNumber(spline.kinks[i].change)}`,
      },
    ],
    guides: [
      { axis: 'y', value: 1, label: 'beta', tone: 'foreground', dash: [] },
      { axis: 'y', value: -1, label: '−beta', tone: 'foreground', dash: [] },
    ],
  };
}

/** Sum of |slope changes| of the free fit, original units: what the interpolation limit is the largest useful value of. */
export function totalChange(spline: SplineRecord): number {
  return spline.kinks.reduce((sum, { change }) => sum + Math.abs(change), 0);
}

export const collapseNames: Record<CollapseRecord['source'], string> = {
  inputs: 'Inputs as the network sees them',
  network: 'Last hidden features of this network',
  'batch-norm': 'Closed form with batch normalisation',
  'batch-norm-test': 'The same network on the held-out rows',
};

/** What cosines and scatter say, in one sentence; around their centre two means are opposite whatever the features, so nothing is said of that. */
export function collapseWords({ source, classes, deviation, withinOverBetween }: CollapseRecord): string {
  const spread =
    withinOverBetween === null
      ? 'the class means coincide'
      : `scatter within classes is ${formatNumber(withinOverBetween, 3)} of that between`;
  if (classes.length === 2) return `${source === 'batch-norm' ? 'At the optimum: ' : ''}${spread}.`;
  const shape = deviation < 1e-6 ? 'a simplex to rounding' : `off the simplex by up to ${formatNumber(deviation, 3)}`;
  return `${source === 'batch-norm' ? 'At the optimum: ' : ''}${shape}; ${spread}.`;
}
