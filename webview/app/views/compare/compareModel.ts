import { median } from '../../../../src/core/base/median.ts';
import type { CompareRecord, OptimizerName, RunRecord } from '../../../../src/shared/run.ts';
import type { ChartSpec, GuideSpec, SeriesSpec } from '../../../charts/spec.ts';
import { formatCount, formatInteger, formatNumber, formatPercent, formatSeconds } from '../../../ui/format.ts';
import { curveAt } from '../overview/fitModel.ts';

export const optimizerNames: Record<OptimizerName, string> = {
  sgd: 'SGD',
  momentum: 'SGD with momentum',
  adam: 'Adam',
};

const looks: Record<OptimizerName, Pick<SeriesSpec, 'tone' | 'dash'>> = {
  sgd: { tone: 'descent', dash: [2, 3] },
  momentum: { tone: 'descent-2', dash: [8, 4] },
  adam: { tone: 'descent-3' },
};

/** Ends closer than this, relative, count as a tie. */
export const tie = 1e-3;

export type Clock = 'epochs' | 'seconds';
export type Measure = 'excess' | 'objective';

export function excess(objective: number, compare: CompareRecord): number {
  return (objective - compare.convexObjective) / Math.max(Math.abs(compare.convexObjective), 1e-300);
}

/** Points that are drawn per curve: enough for any screen. */
const pointsPerCurve = 600;

/** Indices of at most `limit` of n points, evenly spaced, with both ends. */
export function thin(n: number, limit: number): number[] {
  if (n <= limit) return Array.from({ length: n }, (_, i) => i);
  return Array.from({ length: limit }, (_, k) => Math.round((k * (n - 1)) / (limit - 1)));
}

/** Smallest positive excess of any run at any time; 1 without one. Where a log axis begins. */
function lowestExcess(compare: CompareRecord): number {
  let low = Infinity;
  for (const run of compare.runs) {
    for (const objective of run.objective) {
      const value = excess(objective, compare);
      if (value > 0 && value < low) low = value;
    }
  }
  return low === Infinity ? 1 : low;
}

/** One rule: the median over its starts, and from the best to the worst of them. A run that has ended keeps its last value. */
function curves(optimizer: OptimizerName, compare: CompareRecord, clock: Clock, measure: Measure): SeriesSpec[] {
  const runs = compare.runs.filter((run) => run.optimizer === optimizer && run.objective.length > 0);
  if (runs.length === 0) return [];
  const longest = runs.reduce((a, b) => ((a[clock].at(-1) ?? 0) >= (b[clock].at(-1) ?? 0) ? a : b));
  const x = thin(longest[clock].length, pointsPerCurve).map((i) => longest[clock][i]);
  const floor = lowestExcess(compare);
  const shown = (objective: number): number =>
    measure === 'excess' ? Math.max(floor, excess(objective, compare)) : objective;
  const at = x.map((place) => runs.map((run) => shown(curveAt(run[clock], run.objective, place))));
  const group = optimizerNames[optimizer];
  const middle = at.map(median);
  const line: SeriesSpec = {
    id: optimizer,
    label: group,
    group,
    kind: 'line',
    x,
    y: middle,
    width: 2,
    ...looks[optimizer],
    describe: (i) =>
      runs.length === 1
        ? '1 start'
        : `median of ${formatInteger(runs.length)} starts, ${formatNumber(Math.min(...at[i]), 4)} to ${formatNumber(Math.max(...at[i]), 4)}`,
  };
  if (runs.length === 1) return [line];
  return [
    line,
    {
      id: `${optimizer}-range`,
      label: `${group}, range`,
      group,
      kind: 'band',
      x,
      y: at.map((values) => Math.min(...values)),
      upper: at.map((values) => Math.max(...values)),
      tone: looks[optimizer].tone,
      describe: (i) => `to ${formatNumber(Math.max(...at[i]), 6)}`,
    },
  ];
}

/** Loss curves of gradient descent with the convex optimum as a line. */
export function curvesChart(compare: CompareRecord, clock: Clock, measure: Measure): ChartSpec {
  const optimizers = [...new Set(compare.runs.map((item) => item.optimizer))];
  const series = optimizers.flatMap((optimizer) => curves(optimizer, compare, clock, measure));
  const positive =
    compare.convexObjective > 0 && series.every((item) => Array.prototype.every.call(item.y, (v: number) => !(v <= 0)));
  const guides: GuideSpec[] =
    measure === 'excess'
      ? []
      : [
          {
            axis: 'y',
            value: compare.convexObjective,
            label: `convex solution ${formatNumber(compare.convexObjective, 6)}`,
            tone: 'foreground',
            dash: [],
          },
          ...(compare.lowerBound !== null && (!positive || compare.lowerBound > 0)
            ? [
                {
                  axis: 'y',
                  value: compare.lowerBound,
                  label: `proven lower bound ${formatNumber(compare.lowerBound, 6)}`,
                  tone: 'bound',
                  dash: [2, 3],
                } as const,
              ]
            : []),
        ];
  const below = compare.runs.filter((item) => item.objective.some((v) => excess(v, compare) < -1e-9)).length;
  return {
    id: `descent-${measure}-${clock}`,
    title: measure === 'excess' ? 'Excess over the convex solution' : 'Objective',
    summary:
      measure === 'excess'
        ? `Lines: median over starts; bands: best to worst. (objective − convex) / convex, ${clock === 'epochs' ? 'by epoch' : 'by time'}. The convex solution itself is 0, below any log axis; ${boundWords(compare)}.${below > 0 ? ` Parts of ${formatCount(below, 'curve')} lie below the convex solution and are drawn at the lower end; the table has them.` : ''}`
        : `The objective that both minimise, ${clock === 'epochs' ? 'by epoch' : 'by time'}.`,
    x:
      clock === 'epochs' ? { label: 'epoch', integer: true, min: 0 } : { label: 'time', min: 0, format: formatSeconds },
    y: {
      label: measure === 'excess' ? 'relative excess' : 'objective',
      log: measure === 'excess' || positive,
    },
    height: 340,
    empty: 'No curve was recorded.',
    series,
    guides,
  };
}

/** How far below the convex solution a network can be at most, as it is proven. */
function boundWords({ convexObjective, lowerBound }: CompareRecord): string {
  if (lowerBound === null) return 'how far below it a network can be is not proven';
  const gap = Math.max(0, convexObjective - lowerBound) / Math.max(Math.abs(convexObjective), 1e-300);
  return `proven is that no network is more than ${formatPercent(gap, 2)} below it`;
}

/** Distribution of the final excess, one column of points per optimiser. */
export function finalChart(compare: CompareRecord): ChartSpec {
  const optimizers = [...new Set(compare.runs.map((item) => item.optimizer))];
  return {
    id: 'descent-final',
    title: 'Final excess by seed',
    summary: 'After merging and balancing the neurons, which never makes a network worse. Zero is the convex solution.',
    x: {
      label: 'optimiser',
      integer: true,
      min: 0.5,
      max: optimizers.length + 0.5,
      format: (v) => (Number.isInteger(v) ? (optimizers[v - 1] ? optimizerNames[optimizers[v - 1]] : '') : ''),
    },
    y: { label: 'relative excess', format: (v) => formatPercent(v, 3) },
    height: 260,
    series: optimizers.map((optimizer, k) => {
      const runs = compare.runs.filter((item) => item.optimizer === optimizer && !item.diverged);
      return {
        id: optimizer,
        label: optimizerNames[optimizer],
        kind: 'points',
        x: runs.map((_, i) => k + 1 + (runs.length > 1 ? (i / (runs.length - 1) - 0.5) * 0.4 : 0)),
        y: runs.map((item) => item.excess),
        tone: looks[optimizer].tone,
        mark: (['circle', 'triangle', 'diamond'] as const)[k % 3],
        describe: (i) => `seed ${runs[i].seed}`,
      };
    }),
    guides: [{ axis: 'y', value: 0, label: '', tone: 'foreground', dash: [] }],
  };
}

/** What the comparison shows, per optimiser, ties and defeats included. */
export function compareWords(run: RunRecord, compare: CompareRecord): string[] {
  const words: string[] = [];
  for (const optimizer of new Set(compare.runs.map((item) => item.optimizer))) {
    const runs = compare.runs.filter((item) => item.optimizer === optimizer);
    const ended = runs.filter((item) => !item.diverged);
    const name = optimizerNames[optimizer];
    if (ended.length === 0) {
      words.push(`${name} diverged for ${runs.length === 1 ? 'its seed' : `all ${formatInteger(runs.length)} seeds`}.`);
      continue;
    }
    const values = ended.map((item) => item.excess).sort((a, b) => a - b);
    const tied = values.filter((v) => Math.abs(v) <= tie).length;
    const below = values.filter((v) => v < -tie).length;
    const above = values.filter((v) => v > tie);
    const parts: string[] = [];
    if (tied > 0)
      parts.push(`ties with the convex solution (within ${formatPercent(tie)}) for ${seeds(tied, runs.length)}`);
    if (below > 0) {
      parts.push(`ends below it for ${seeds(below, runs.length)}, by up to ${formatPercent(-values[0])}`);
    }
    if (above.length > 0) {
      const [low, high] = [above[0], above[above.length - 1]];
      parts.push(
        `ends ${low === high ? formatPercent(low) : `${formatPercent(low)} to ${formatPercent(high)}`} above it for ${seeds(above.length, runs.length)}`,
      );
    }
    const lost = runs.length - ended.length;
    if (lost > 0) parts.push(`diverged for ${seeds(lost, runs.length)}`);
    words.push(`${name} ${parts.join(', ')}.`);
  }
  if (compare.runs.some((item) => item.excess < -tie)) {
    words.push(
      run.solution.scope === 'all-arrangements' || (run.solution.global && run.solution.global.proof !== 'none')
        ? 'A network below the convex solution means that solution was stopped before its tolerance.'
        : 'A network can lie below the convex solution because that is optimal for its gates only, and gradient descent is free to find others.',
    );
  }
  return words;
}

const seeds = (count: number, total: number): string =>
  count === total
    ? total === 1
      ? 'its seed'
      : `all ${formatInteger(total)} seeds`
    : `${formatInteger(count)} of ${formatInteger(total)} seeds`;
