import { encodedName } from '../../../../src/core/data/scaling.ts';
import type { DualLandscape, RunRecord } from '../../../../src/shared/run.ts';
import { searchesPatterns } from '../../../../src/shared/verdict.ts';
import type { ChartSpec } from '../../../charts/spec.ts';
import { formatCount, formatInteger, formatNumber, formatLine } from '../../../ui/format.ts';
import type { Bar } from '../../../ui/pieces.tsx';
import { keptFor } from '../../perRun.ts';
import { outputName, targetText, trainRank, trainRows, partNames } from '../../runData.ts';

/** A dual constraint counts as tight when it is this close to beta, relative. */
export const tightness = 1e-3;

/** Dual values of one output, in the order of the training rows. */
export function dualsOf(run: RunRecord, output: number): Float64Array {
  const { outputs } = run.resolved;
  const values = new Float64Array(Math.floor(run.rows.dual.length / outputs));
  for (let i = 0; i < values.length; i++) values[i] = run.rows.dual[i * outputs + output];
  return values;
}

export type DualOrder = 'size' | 'data';

/** The chart and, per point, the row it stands for. */
export function dualChart(
  run: RunRecord,
  output: number,
  order: DualOrder,
): { readonly spec: ChartSpec; readonly rows: Int32Array } {
  const values = dualsOf(run, output);
  const all = trainRows(run);
  const at = new Int32Array(values.length);
  for (let i = 0; i < at.length; i++) at[i] = i;
  if (order === 'size') at.sort((a, b) => values[b] - values[a] || a - b);
  const rows = new Int32Array(at.length);
  const x = new Float64Array(at.length);
  const y = new Float64Array(at.length);
  for (let i = 0; i < at.length; i++) {
    rows[i] = all[at[i]];
    x[i] = order === 'size' ? i + 1 : run.rows.line[rows[i]];
    y[i] = values[at[i]];
  }
  const zero = values.reduce((count, v) => count + (Math.abs(v) < 1e-9 ? 1 : 0), 0);
  const regression = run.resolved.classes.length === 0;
  return {
    rows,
    spec: {
      id: 'dual-values',
      title: run.resolved.outputs > 1 ? `Dual values of ${outputName(run, output)}` : 'Dual values',
      summary: `${
        regression
          ? 'With squared loss the dual value of a row is its residual (scaled target minus fit).'
          : 'The dual value of a row says how strongly it pulls at the network.'
      }${zero > 0 ? ` Without any pull: ${formatCount(zero, 'row')}.` : ''}`,
      action: 'Choose a row to see it beside the table.',
      x:
        order === 'size'
          ? { label: 'training rows by dual value', integer: true }
          : { label: 'line in the file', integer: true },
      y: { label: 'dual value v' },
      height: 280,
      empty: 'There is no training row.',
      series: [
        {
          id: 'dual',
          label: 'dual value',
          kind: 'stems',
          x,
          y,
          tone: 'training',
          describe: (i) =>
            `line ${formatLine(run.rows.line[rows[i]])}, target ${targetText(run, rows[i], (v) => formatNumber(v))}`,
        },
      ],
      guides: [{ axis: 'y', value: 0, label: '', tone: 'muted', dash: [2, 3] }],
    },
  };
}

export function tightCount(run: RunRecord): number {
  return run.gates.constraint.reduce((count, value) => count + (value >= 1 - tightness ? 1 : 0), 0);
}

/** Dual constraint of every gate over beta, largest first; tight ones have a shape of their own. */
export function constraintChart(run: RunRecord): ChartSpec {
  const { constraint, norm } = run.gates;
  const { gate, gates: gateNames, many } = partNames(run);
  const order = Int32Array.from(constraint, (_, i) => i).sort((a, b) => constraint[b] - constraint[a] || a - b);
  const tight = tightCount(run);
  const part = (from: number, to: number): { x: number[]; y: number[]; gates: number[] } => {
    const gates = Array.from(order.subarray(from, to));
    return { gates, x: gates.map((_, i) => from + i + 1), y: gates.map((k) => constraint[k]) };
  };
  const words =
    (gates: readonly number[]) =>
    (i: number): string =>
      `${gate} ${formatInteger(gates[i] + 1)}, norm ${formatNumber(norm[gates[i]])}, slack ${formatNumber(1 - constraint[gates[i]], 2)}`;
  const on = part(0, tight);
  const off = part(tight, order.length);
  return {
    id: 'dual-constraints',
    title: `Dual constraint of each ${gate}`,
    summary: `At the optimum no constraint exceeds beta. ${formatInteger(tight)} of ${formatCount(order.length, 'constraint')} ${tight === 1 ? 'is' : 'are'} tight; only those ${gateNames} can carry ${many}.${tight === order.length && searchesPatterns(run) ? ' They were generated only where they are needed; how all other directions do is in the certificate.' : ''}`,
    x: { label: `${gateNames} by constraint`, integer: true },
    // Differences of tight constraints are rounding: the axis always starts at zero.
    y: { label: 'constraint / beta', min: 0, max: 1.08 * Math.max(1, ...constraint) },
    height: 280,
    empty: `No ${gate} is in play.`,
    series: [
      {
        id: 'tight',
        label: 'tight',
        kind: 'points',
        ...pick(on),
        tone: 'network',
        mark: 'diamond',
        describe: words(on.gates),
      } as const,
      {
        id: 'slack',
        label: 'slack',
        kind: 'points',
        ...pick(off),
        tone: 'muted',
        mark: 'circle',
        hollow: true,
        describe: words(off.gates),
      } as const,
    ].filter((series) => series.x.length > 0),
    guides: [{ axis: 'y', value: 1, label: 'beta', tone: 'foreground' }],
  };
}

const pick = ({ x, y }: { x: number[]; y: number[] }): { x: number[]; y: number[] } => ({ x, y });

/** Largest product of norm and slack, over the sum of norms: zero at an exact optimum. */
export function slackness(run: RunRecord): number {
  const { constraint, norm } = run.gates;
  const total = norm.reduce((a, b) => a + b, 0);
  if (total === 0) return 0;
  return norm.reduce((worst, value, i) => Math.max(worst, (value * Math.abs(1 - constraint[i])) / total), 0);
}

/** Norm against slack: at the optimum every gate lies on one of the two axes. */
export function slacknessChart(run: RunRecord): ChartSpec {
  const { constraint, norm } = run.gates;
  const words = (i: number): string => `${partNames(run).gate} ${formatInteger(i + 1)}`;
  const slack = constraint.map((value) => 1 - value);
  const active = norm.map((value, i) => (value > 0 ? 1 - constraint[i] : NaN));
  const idle = norm.map((value, i) => (value > 0 ? NaN : 1 - constraint[i]));
  const some = (values: readonly number[]): boolean => values.some((value) => !Number.isNaN(value));
  return {
    id: 'complementary-slackness',
    title: 'Complementary slackness',
    summary: `At an optimum every ${partNames(run).gate} is tight or unused, and all points lie on the axes. Largest norm × slack over the sum of norms: ${formatNumber(slackness(run), 2)}.`,
    x: {
      label: 'slack: 1 − constraint / beta',
      min: Math.min(-0.03, ...slack),
      max: 1.05 * Math.max(0.2, ...slack),
    },
    y: { label: 'norm ‖u‖' },
    height: 280,
    empty: 'No gate is in play.',
    series: [
      ...(some(active)
        ? [
            {
              id: 'active',
              label: 'in use',
              kind: 'points',
              x: active,
              y: norm,
              tone: 'network',
              mark: 'diamond',
              describe: words,
            } as const,
          ]
        : []),
      ...(some(idle)
        ? [
            {
              id: 'idle',
              label: 'unused',
              kind: 'points',
              x: idle,
              y: norm,
              tone: 'muted',
              mark: 'circle',
              hollow: true,
              describe: words,
            } as const,
          ]
        : []),
    ],
    guides: [
      { axis: 'x', value: 0, label: 'tight', tone: 'muted', dash: [2, 3] },
      { axis: 'y', value: 0, label: '', tone: 'muted', dash: [2, 3] },
    ],
  };
}

/** Training rows by influence, with their share of the total. */
export interface RankedRow {
  readonly row: number;
  readonly rank: number;
  /** Dual value of largest size over outputs, signed. */
  readonly dual: number;
  readonly share: number;
}

export const rankRows = keptFor((run: RunRecord): readonly RankedRow[] => {
  const { outputs } = run.resolved;
  const rows = trainRows(run);
  const n = Math.floor(run.rows.dual.length / outputs);
  const values = new Float64Array(n);
  const sizes = new Float64Array(n);
  const order = new Int32Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < outputs; k++) {
      const v = run.rows.dual[i * outputs + k];
      if (Math.abs(v) > Math.abs(values[i])) values[i] = v;
    }
    sizes[i] = Math.abs(values[i]);
    total += sizes[i];
    order[i] = i;
  }
  order.sort((a, b) => sizes[b] - sizes[a] || rows[a] - rows[b]);
  return Array.from(order, (i, at) => ({
    row: rows[i],
    rank: at + 1,
    dual: values[i],
    share: total > 0 ? sizes[i] / total : 0,
  }));
});

/** The proven interval for the target of a training row (one output), in its own units. */
export function targetMoves(
  run: RunRecord,
): { readonly share: number; of(row: number): { readonly from: number; readonly to: number } } | undefined {
  const { targetIntervals, target } = run.rows;
  if (targetIntervals === undefined || run.resolved.outputs !== 1) return undefined;
  const { share, lower, upper } = targetIntervals;
  const rank = trainRank(run);
  return {
    share,
    of: (row) => ({ from: target[row] + lower[rank[row]], to: target[row] + upper[rank[row]] }),
  };
}

/** Share of all influence that the k largest rows have. */
export function concentration(ranked: readonly RankedRow[], k: number): number {
  return ranked.slice(0, k).reduce((sum, entry) => sum + entry.share, 0);
}

/** Outgoing weights with which a neuron along the worst direction lowers the objective most; none with one output. */
export function worstOuter(run: RunRecord): Bar[] {
  return (run.solution.global?.worstOuter ?? []).flatMap((value, output) =>
    value === 0 ? [] : [{ name: outputName(run, output), value }],
  );
}

/** The worst direction of the certificate by input, largest first. */
export function worstDirection(run: RunRecord): Bar[] {
  const direction = run.solution.global?.worstDirection;
  if (!direction) return [];
  return direction
    .map((value, k) => ({ name: encodedName(run.scaling, k), value }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
}

const degrees = (radians: number): number => (radians * 180) / Math.PI;

export function circleChart(
  landscape: Extract<DualLandscape, { kind: 'circle' }>,
  names: (id: number) => string,
  joint: boolean,
): ChartSpec {
  const largest = landscape.value.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return {
    id: 'dual-landscape',
    title: 'Dual constraint over all directions',
    summary: `Each angle is a neuron that could be added${joint ? ', feeding all outputs' : ''}. ${joint ? 'Above the line' : 'Outside the two lines'} it would pay; at an optimum the curve stays ${joint ? 'below' : 'between'} and touches at the neurons of the network. The largest value on this grid is ${formatNumber(largest, 6)}.`,
    x: { label: `angle from ${landscape.axes[0]} to ${landscape.axes[1]} (degrees)`, min: 0, max: 360, step: 90 },
    y: { label: joint ? '‖V′(Xu)₊‖ / beta' : 'v′(Xu)₊ / beta' },
    height: 300,
    series: [
      {
        id: 'curve',
        label: 'constraint',
        kind: 'line',
        x: landscape.angle.map(degrees),
        y: landscape.value,
        tone: 'bound',
      },
      {
        id: 'neurons',
        label: 'neurons',
        kind: 'points',
        x: landscape.neurons.map((neuron) => degrees(neuron.angle)),
        y: landscape.neurons.map((neuron) => neuron.value),
        tone: 'network',
        mark: 'diamond',
        describe: (i) => names(landscape.neurons[i].id),
      },
    ],
    guides: [
      { axis: 'y', value: 1, label: 'beta', tone: 'foreground' },
      ...(joint ? [] : [{ axis: 'y', value: -1, label: '−beta', tone: 'foreground' } as const]),
    ],
  };
}

/** The statement of the certificate over all directions, in words. */
export function certificateWords(run: RunRecord): string {
  const { global } = run.solution;
  if (!global) {
    return run.solution.scope === 'all-arrangements'
      ? 'All activation patterns of the data are in the program, so its own gap is the certificate.'
      : 'For this run only the gates in play were checked. A certificate over all activation patterns was not computed.';
  }
  const { one: part, sought } = partNames(run);
  const proven =
    global.proof === 'none'
      ? 'No useful upper bound of the dual maximum was proven'
      : global.maxDualConstraint <= 1 + tightness
        ? `Proven: the dual maximum is at most ${formatNumber(global.maxDualConstraint, 7)} β, so no ${part} anywhere can improve the network by more than the gap`
        : `Proven: the dual maximum is at most ${formatNumber(global.maxDualConstraint, 4)} β`;
  const elsewhere =
    global.dualPointShrink === undefined
      ? ''
      : ` The lower bound comes from another dual point, that of the fit times ${formatNumber(global.dualPointShrink, 3)}, where it is higher.`;
  return `${proven}. The best ${sought} that a search found reaches ${formatNumber(global.searchEstimate, 7)} β.${elsewhere}`;
}
