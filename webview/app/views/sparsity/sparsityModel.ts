import { text } from '../../../../src/shared/texts.ts';
import type { PathProof } from '../../../../src/shared/pathProof.ts';
import type { PathRecord, RunRecord } from '../../../../src/shared/run.ts';
import { betaMaxHint, betaMaxIsProven, searchesPatterns } from '../../../../src/shared/verdict.ts';
import { type ChartSpec, type GuideSpec, spansDecades } from '../../../charts/spec.ts';
import {
  formatCount,
  formatGap,
  formatInteger,
  formatNumber,
  formatPercent,
  formatSeconds,
} from '../../../ui/format.ts';
import { partNames } from '../../runData.ts';

/** Group norms of all gates in play, largest first, with the gate each belongs to. */
export function sortedNorms(run: RunRecord): {
  readonly norm: Float64Array;
  readonly gate: Int32Array;
  readonly active: number;
} {
  const { norm } = run.gates;
  const gate = Int32Array.from(norm, (_, i) => i).sort((a, b) => norm[b] - norm[a] || a - b);
  const sorted = Float64Array.from(gate, (i) => norm[i]);
  let active = 0;
  while (active < sorted.length && sorted[active] > 0) active += 1;
  return { norm: sorted, gate, active };
}

export function normChart(run: RunRecord): ChartSpec {
  const { norm, gate, active } = sortedNorms(run);
  return {
    id: 'group-norms',
    title: 'Group norms, sorted',
    summary:
      active === norm.length
        ? `All ${formatCount(norm.length, partNames(run).gate)} in play carry a ${partNames(run).one}${searchesPatterns(run) ? ': they were generated only where they improve the network' : ''}.`
        : `${formatInteger(active)} of ${formatCount(norm.length, partNames(run).gate)} are not zero. The penalty sets the others to exactly zero.`,
    x: { label: `${partNames(run).gates} by norm`, integer: true, min: 0.5, max: norm.length + 0.5 },
    y: { label: 'norm ‖u‖', min: undefined },
    height: 280,
    empty: 'No gate is in play.',
    series: [
      {
        id: 'norm',
        label: 'norm',
        kind: 'stems',
        x: Float64Array.from(norm, (_, i) => i + 1),
        y: norm,
        tone: 'network',
        describe: (i) =>
          `${partNames(run).gate} ${formatInteger(gate[i] + 1)}` +
          (run.deep || run.gates.onCount === undefined
            ? ''
            : `, on for ${formatCount(run.gates.onCount[gate[i]], 'row')}`),
      },
    ],
    guides: [
      {
        axis: 'y',
        value: 0,
        label: norm.length > active ? `zero: ${formatCount(norm.length - active, partNames(run).gate)}` : '',
        tone: 'muted',
        dash: [2, 3],
      },
    ],
  };
}

/** The marks that belong on every axis of beta. */
export function betaGuides(run: RunRecord, betaMax: number, beta: number): GuideSpec[] {
  const label = betaMaxIsProven(run) ? 'β max' : 'β max, at least';
  return [
    ...(betaMax > 0 ? [{ axis: 'x', value: betaMax, label, tone: 'muted', dash: [2, 3] } as const] : []),
    { axis: 'x', value: beta, label: 'this run', tone: 'network' },
  ];
}

function pathBase(run: RunRecord, path: PathRecord): Pick<ChartSpec, 'x' | 'guides' | 'height' | 'empty'> {
  return {
    x: { label: 'beta', log: true, format: (v) => formatNumber(v, 3) },
    guides: betaGuides(run, path.betaMax, run.resolved.beta),
    height: 260,
    empty: 'The path was not computed for this run.',
  };
}

const pathWords =
  (path: PathRecord) =>
  (i: number): string => {
    const point = path.points[i];
    const share = path.betaMax > 0 ? `${formatPercent(point.beta / path.betaMax)} of β max, ` : '';
    return `${share}${formatInteger(point.active)} active, gap ${formatGap(point.relativeGap)}, ${formatSeconds(point.seconds)}`;
  };

export function activeChart(run: RunRecord, path: PathRecord): ChartSpec {
  return {
    ...pathBase(run, path),
    id: 'path-active',
    title: `Active ${partNames(run).many} along beta`,
    summary: betaMaxHint(run),
    action: 'Choose a point to solve for its beta.',
    y: { label: `active ${partNames(run).many}`, integer: true, min: 0 },
    series: [
      {
        id: 'active',
        label: `active ${partNames(run).many}`,
        kind: 'line-points',
        x: path.points.map((point) => point.beta),
        y: path.points.map((point) => point.active),
        tone: 'network',
        describe: pathWords(path),
      },
    ],
  };
}

export function errorChart(run: RunRecord, path: PathRecord): ChartSpec {
  const beta = path.points.map((point) => point.beta);
  const tested = path.points.some((point) => point.test !== null);
  return {
    ...pathBase(run, path),
    id: 'path-error',
    title: `${capitalised(text(path.measure))} along beta`,
    summary: tested
      ? 'Scores on the training rows, and thinly on the test rows, by which nothing is chosen.'
      : 'Scores on the training rows.',
    action: 'Choose a point to solve for its beta.',
    y: { label: text(path.measure), log: spansDecades(path.points.flatMap(({ train, test }) => [train, test ?? NaN])) },
    series: [
      {
        id: 'train',
        label: 'training rows',
        kind: 'line-points',
        x: beta,
        y: path.points.map((point) => point.train),
        tone: 'training',
        mark: 'circle',
        describe: pathWords(path),
      },
      ...(tested
        ? [
            {
              id: 'test',
              label: 'test rows',
              kind: 'line-points',
              x: beta,
              y: path.points.map((point) => point.test ?? NaN),
              tone: 'test',
              mark: 'diamond',
              hollow: true,
              dash: [6, 3],
              width: 1,
              describe: pathWords(path),
            } as const,
          ]
        : []),
    ],
  };
}

const capitalised = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}`;

/** Points drawn of each segment of a proven path, between which both curves are nearly straight. */
const drawnPerSegment = 12;

/** Objective and proven lower bound for every beta between the ends of what is proven of a path. */
export function provenChart(run: RunRecord, path: PathRecord, proof: PathProof): ChartSpec {
  const bounds = new Map(path.points.map(({ beta, lowerBound }) => [beta, lowerBound]));
  const x: number[] = [];
  const lower: number[] = [];
  for (const { from, to } of proof.segments) {
    for (let k = 0; k <= drawnPerSegment; k++) {
      const s = k / drawnPerSegment;
      x.push(from + s * (to - from));
      lower.push((1 - s) * bounds.get(from)! + s * bounds.get(to)!);
    }
  }
  const proven = path.points.filter(({ lowerBound }) => lowerBound !== undefined);
  return {
    ...pathBase(run, path),
    id: 'path-proof',
    title: 'What is proven along beta',
    summary: `For every β from ${formatNumber(proof.from, 3)} to ${formatNumber(proof.to, 3)}, not only at the points, a network of this path is proven within ${formatPercent(proof.gap)} of the best of all networks.`,
    y: { label: 'objective' },
    series: [
      {
        id: 'open',
        label: 'where the optimum lies',
        kind: 'band',
        x,
        y: lower,
        upper: x.map((beta) => proof.objectiveAt(beta)),
        tone: 'bound',
      },
      {
        id: 'objective',
        label: 'best network of the path',
        kind: 'line',
        x,
        y: x.map((beta) => proof.objectiveAt(beta)),
        tone: 'network',
      },
      {
        id: 'bound',
        label: 'proven lower bound',
        kind: 'points',
        x: proven.map(({ beta }) => beta),
        y: proven.map(({ lowerBound }) => lowerBound!),
        tone: 'bound',
        mark: 'triangle',
        hollow: true,
      },
    ],
  };
}

/** Index of the path point closest to a beta on the log axis, when it is that beta to three digits. */
export function pointAt(path: PathRecord, beta: number): number | null {
  const i = path.points.findIndex((point) => Math.abs(Math.log(point.beta / beta)) < 1e-3);
  return i < 0 ? null : i;
}
