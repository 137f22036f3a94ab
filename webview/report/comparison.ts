import {
  type AgainstBaseline,
  type ComparedRun,
  type Comparison,
  type PairedScore,
  sameDirection,
} from '../../src/shared/compareRuns.ts';
import type { MetricRow } from '../../src/shared/run.ts';
import { partNames } from '../../src/shared/runView.ts';
import { text as said } from '../../src/shared/texts.ts';
import { boundOverFamily, describeVerdict } from '../../src/shared/verdict.ts';
import { isClassification, outputName, panelFormat } from '../app/runData.ts';
import { scoreText } from '../app/runTables.ts';
import { timeWords } from '../app/times.ts';
import { neuronName } from '../app/views/neurons/neuronModel.ts';
import { certaintyOf } from '../app/views/overview/fitCharts.ts';
import type { ChartSpec, SeriesSpec, Tone } from '../charts/spec.ts';
import { formatCount, formatGap, formatInteger, formatNumber, formatPercent } from '../ui/format.ts';
import type { Block, ReportDocument } from './document.ts';

/** Pictures that need one for every run stop at this many runs. */
const mostPictures = 6;
/** Lines of a table of neurons that two runs share, or that one of them has alone. */
const mostPairs = 30;
const toneOf = (at: number): Tone => (at % 6) as Tone;
const dashOf = (at: number): { readonly dash?: readonly number[] } => (at < 6 ? {} : { dash: [4, 3] });

const heading = (text: string): Block => ({ kind: 'heading', text });
const text = (words: string): Block => ({ kind: 'text', text: words });
const chart = (spec: ChartSpec): Block => ({ kind: 'chart', chart: spec });

/** A run as it is called beside others. */
export function nameOf({ baseline }: Pick<Comparison, 'baseline'>, at: number): string {
  return at === baseline ? `Run ${at + 1} (baseline)` : `Run ${at + 1}`;
}

/** The runs that are measured by the baseline, with their places. */
interface Measured {
  readonly at: number;
  readonly run: ComparedRun;
  readonly against: AgainstBaseline;
}

function measured({ runs, against }: Comparison): Measured[] {
  return runs.flatMap((run, at) => {
    const found = against[at];
    return found === null ? [] : [{ at, run, against: found }];
  });
}

/** Runs beside each other, one of them as the baseline: what was asked differently, what came out, and by how much on the same rows. */
export function comparisonReport(comparison: Comparison): ReportDocument {
  const { runs } = comparison;
  return {
    title: `${formatInteger(runs.length)} runs: ${runs[0].resolved.target}`,
    blocks: [
      { kind: 'list', items: runs.map((run, i) => `${nameOf(comparison, i)}: ${run.label}`) },
      ...settingBlocks(comparison),
      ...resultBlocks(comparison),
      ...pairedBlocks(comparison),
      ...pathBlocks(comparison),
      ...fitBlocks(comparison),
      ...predictionBlocks(comparison),
      ...neuronBlocks(comparison),
    ],
  };
}

function settingBlocks(comparison: Comparison): Block[] {
  const { runs, differing, baseline } = comparison;
  const shown = (value: unknown): string =>
    value === undefined || value === null
      ? '–'
      : typeof value === 'number'
        ? formatNumber(value, 6)
        : typeof value === 'string'
          ? value
          : JSON.stringify(value);
  return [
    heading('What differs'),
    differing.length === 0
      ? text('Data and settings are the same.')
      : {
          kind: 'table',
          table: {
            caption: 'Settings that differ, by their names on the command line; bold: other than the baseline',
            header: ['Setting', ...runs.map((_, i) => nameOf(comparison, i))],
            rows: differing.map(({ name, values }) => [name, ...values.map(shown)]),
            marked: differing.map(({ values }) => [
              false,
              ...values.map((value) => JSON.stringify(value) !== JSON.stringify(values[baseline])),
            ]),
            numeric: [false, ...runs.map(() => false)],
          },
        },
  ];
}

/** A number of every run, how it is written, and how a difference of it is. */
interface Figure {
  readonly name: string;
  readonly of: (run: ComparedRun) => number | null;
  readonly written: (value: number | null) => string;
}

function figuresOf(runs: readonly ComparedRun[]): Figure[] {
  const measures = [...new Set(runs.flatMap(({ metrics }) => metrics.map(({ measure }) => measure)))];
  const ours = (run: ComparedRun, measure: string): MetricRow | undefined =>
    run.metrics.find((row) => row.model === run.metrics[0].model && row.measure === measure);
  const plain = (value: number | null): string => formatNumber(value, 5);
  return [
    { name: 'Objective', of: ({ solution }) => solution.objective, written: (value) => formatNumber(value, 8) },
    {
      name: 'Proven bound over all networks',
      of: (run) => {
        const bound = boundOverFamily(run);
        return bound === -Infinity ? null : bound;
      },
      written: (value) => (value === null ? said('none') : formatNumber(value, 8)),
    },
    { name: 'Beta', of: ({ resolved }) => resolved.beta, written: plain },
    {
      name: 'Share of beta max',
      of: ({ resolved: { beta, betaMax } }) => (betaMax > 0 ? beta / betaMax : null),
      written: (value) => formatPercent(value),
    },
    { name: 'Active parts', of: ({ parts }) => parts, written: (value) => formatInteger(value ?? 0) },
    ...measures.flatMap((measure): Figure[] => [
      { name: `${said(measure)}, train`, of: (run) => ours(run, measure)?.train ?? null, written: scoreText },
      { name: `${said(measure)}, test`, of: (run) => ours(run, measure)?.test ?? null, written: scoreText },
    ]),
  ];
}

function resultBlocks(comparison: Comparison): Block[] {
  const { runs, baseline } = comparison;
  const figures = figuresOf(runs);
  const base = runs[baseline];
  const others = runs.flatMap((run, at) => (at === baseline ? [] : [{ run, at }]));
  const line = (name: string, of: (run: ComparedRun) => string): string[] => [name, ...runs.map(of)];
  const differences = figures.flatMap(({ name, of, written }) => {
    const from = of(base);
    const cells = others.map(({ run }) => {
      const value = of(run);
      if (value === null || from === null) return '';
      const difference = value - from;
      return difference > 0 ? `+${written(difference)}` : written(difference);
    });
    return cells.every((cell) => cell === '') ? [] : [[name, ...cells]];
  });
  return [
    heading('Results'),
    {
      kind: 'table',
      table: {
        caption: 'What came out',
        header: ['', ...runs.map((_, i) => nameOf(comparison, i))],
        rows: [
          line('Verdict', (run) => describeVerdict(run, panelFormat).word),
          line('Network', (run) => {
            const { one, many } = partNames(run);
            return formatCount(run.parts, `active ${one}`, `active ${many}`);
          }),
          ...figures.map(({ name, of, written }) => line(name, (run) => written(of(run)))),
          line('Gap of the program', (run) => formatGap(run.solution.relativeGap)),
          line('Time', timeWords),
        ],
        numeric: [false, ...runs.map(() => true)],
      },
    },
    {
      kind: 'table',
      table: {
        caption: `Differences from ${nameOf(comparison, baseline)}`,
        header: ['', ...others.map(({ at }) => nameOf(comparison, at))],
        rows: differences,
        numeric: [false, ...others.map(() => true)],
      },
    },
    text('Objectives compare only where loss, penalty, beta and data are the same.'),
  ];
}

function pairedBlocks(comparison: Comparison): Block[] {
  const all = measured(comparison);
  if (all.every(({ against }) => against.paired === null))
    return [text('No rows of the same file are held out of the baseline and another run, so errors cannot be paired.')];
  const words = ({ difference, standardError }: PairedScore): string =>
    Math.abs(difference) <= standardError ? 'level within chance' : difference < 0 ? 'better' : 'worse';
  return [
    {
      kind: 'table',
      table: {
        caption: 'Errors on the rows held out of both, paired with the baseline (mean of differences ± standard error)',
        header: ['', 'Measure', 'Rows', 'Run', 'Baseline', 'Difference', ''],
        rows: all.map(({ at, against: { paired } }) =>
          paired === null
            ? [nameOf(comparison, at), 'other rows', '', '', '', '', '']
            : [
                nameOf(comparison, at),
                said(paired.measure),
                formatInteger(paired.rows),
                formatNumber(paired.run),
                formatNumber(paired.baseline),
                `${formatNumber(paired.difference, 3)} ± ${formatNumber(paired.standardError, 2)}`,
                words(paired),
              ],
        ),
        numeric: [false, false, true, true, true, true, false],
      },
    },
  ];
}

function pathBlocks(comparison: Comparison): Block[] {
  const { runs } = comparison;
  const paths = runs.map(({ path }) => (path !== undefined && path.points.length > 0 ? path : undefined));
  const measures = new Set(paths.flatMap((path) => (path === undefined ? [] : [path.measure])));
  if (measures.size !== 1) return [];
  const measure = said([...measures][0]);
  const lines = (value: (point: NonNullable<ComparedRun['path']>['points'][number]) => number | null): SeriesSpec[] =>
    paths.flatMap((path, i): SeriesSpec[] => {
      const known = path?.points.filter((point) => value(point) !== null) ?? [];
      if (known.length === 0) return [];
      return [
        {
          id: `run-${i}`,
          label: nameOf(comparison, i),
          kind: 'line-points',
          x: known.map(({ beta }) => beta / path!.betaMax),
          y: known.map((point) => value(point)!),
          tone: toneOf(i),
          ...dashOf(i),
        },
      ];
    });
  const tested = paths.some((path) => path?.points.some(({ test }) => test !== null) === true);
  const x = { label: 'share of beta max', log: true };
  return [
    heading('Along beta'),
    chart({
      id: 'compared-error',
      title: `${measure} along beta`,
      summary: tested ? 'On the test rows, by which nothing is chosen.' : 'On the training rows.',
      x,
      y: { label: `${measure}, ${tested ? 'test' : 'train'}` },
      series: lines(({ train, test }) => (tested ? test : train)),
    }),
    chart({
      id: 'compared-active',
      title: 'Active parts along beta',
      summary: 'Neurons, branches or directions of the network.',
      x,
      y: { label: 'active', integer: true, min: 0 },
      series: lines(({ active }) => active),
    }),
  ];
}

function fitBlocks(comparison: Comparison): Block[] {
  const { runs } = comparison;
  const curves = runs.flatMap((run, i) => (run.shape?.kind === 'curve' ? [{ run, i, shape: run.shape }] : []));
  const [first] = curves;
  const blocks: Block[] = [];
  if (first !== undefined && curves.every(({ shape }) => shape.feature === first.shape.feature)) {
    const { points } = first.shape;
    blocks.push(
      chart({
        id: 'compared-fits',
        title: 'Fitted functions',
        summary: 'The first output of each network over the one feature; points are the rows of the first run.',
        x: { label: first.shape.feature },
        y: { label: isClassification(first.run) ? 'network output' : first.run.resolved.target },
        height: 340,
        series: [
          { id: 'rows', label: 'rows', kind: 'points', x: points.x, y: points.y, tone: 'muted', hollow: true },
          ...curves.map(({ i, shape }): SeriesSpec => ({
            id: `fit-${i}`,
            label: nameOf(comparison, i),
            kind: 'line',
            x: shape.x,
            y: shape.y[0],
            tone: toneOf(i),
            width: 2,
            ...dashOf(i),
          })),
        ],
      }),
    );
  }
  const surfaces = runs.flatMap((run, i) => (run.shape?.kind === 'surface' ? [{ run, i, shape: run.shape }] : []));
  if (surfaces.length > 0)
    blocks.push({
      kind: 'surfaces',
      surfaces: surfaces.slice(0, mostPictures).map(({ run, i, shape }) => ({
        id: `fit-${i + 1}`,
        title: nameOf(comparison, i),
        shape,
        certainty: certaintyOf(run),
      })),
    });
  if (surfaces.length > mostPictures) blocks.push(text(`Pictures of the first ${mostPictures} runs only.`));
  return blocks.length === 0 ? [] : [heading('The fits'), ...blocks];
}

function predictionBlocks(comparison: Comparison): Block[] {
  const baseline = comparison.runs[comparison.baseline];
  const drawn = measured(comparison).flatMap(({ at, against: { common } }) =>
    common === null ? [] : [{ at, common }],
  );
  if (drawn.length === 0) return [];
  const series = drawn.map(({ at, common }): SeriesSpec => ({
    id: `run-${at}`,
    label: nameOf(comparison, at),
    kind: 'points',
    x: common.baseline,
    y: common.run,
    tone: toneOf(at),
    hollow: true,
  }));
  const what = isClassification(baseline)
    ? `output for ${outputName(baseline, 0)}`
    : `predicted ${baseline.resolved.target}`;
  const values = series.flatMap(({ x }) => Array.from(x));
  const ends = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  const rows = Math.max(...drawn.map(({ common }) => common.rows));
  const most = Math.max(...drawn.map(({ common }) => common.run.length));
  const sample =
    rows > most ? ` An even sample of ${formatInteger(most)} of ${formatInteger(rows)} rows is drawn.` : '';
  return [
    heading('Predicted against predicted'),
    chart({
      id: 'compared-predictions',
      title: 'Predictions of the runs over those of the baseline',
      summary: `Rows of the same file, training and test; on the line both runs say the same.${sample}`,
      x: { label: `${what}, baseline` },
      y: { label: what },
      height: 360,
      series: [
        ...series,
        { id: 'same', label: 'the same', kind: 'line', x: ends, y: ends, tone: 'foreground', width: 1 },
      ],
    }),
  ];
}

function neuronBlocks(comparison: Comparison): Block[] {
  const baseline = comparison.runs[comparison.baseline];
  const all = measured(comparison);
  if (all.every(({ against }) => against.shared === null)) return [];
  return [
    heading('Neurons'),
    text(
      `Neurons count as shared where their directions on scaled inputs have a cosine of at least ${sameDirection} and they move the same output the same way.`,
    ),
    {
      kind: 'table',
      table: {
        caption: 'Shared with the baseline',
        header: ['', 'Neurons', 'Shared', 'Only in the run', 'Only in the baseline'],
        rows: all.map(({ at, run, against: { shared } }) =>
          shared === null
            ? [nameOf(comparison, at), formatInteger(run.neurons.length), 'not comparable', '', '']
            : [
                nameOf(comparison, at),
                ...[
                  run.neurons.length,
                  shared.length,
                  run.neurons.length - shared.length,
                  baseline.neurons.length - shared.length,
                ].map(formatInteger),
              ],
        ),
        numeric: [false, true, true, true, true],
      },
    },
    ...all.slice(0, mostPictures).flatMap((one) => neuronTables(comparison, one)),
  ];
}

/** The neurons that a run shares with the baseline, and those that only one of the two has, the largest first. */
function neuronTables(comparison: Comparison, { at, run, against: { shared } }: Measured): Block[] {
  if (shared === null) return [];
  const baseline = comparison.runs[comparison.baseline];
  const name = nameOf(comparison, at);
  const share = (neuron: ComparedRun['neurons'][number]): string => formatPercent(neuron.share);
  const limit = (count: number): string => (count > mostPairs ? ` (${mostPairs} of ${count})` : '');
  const alone = [
    ...run.neurons.flatMap((neuron, i) => (shared.some((pair) => pair.run === i) ? [] : [{ where: name, neuron }])),
    ...baseline.neurons.flatMap((neuron, i) =>
      shared.some((pair) => pair.baseline === i) ? [] : [{ where: nameOf(comparison, comparison.baseline), neuron }],
    ),
  ].sort((a, b) => b.neuron.share - a.neuron.share);
  const blocks: Block[] = [];
  if (shared.length > 0)
    blocks.push({
      kind: 'table',
      table: {
        caption: `${name} and the baseline, nearest directions first${limit(shared.length)}`,
        header: [name, 'Share', 'Baseline', 'Share', 'Cosine'],
        rows: shared
          .slice(0, mostPairs)
          .map((pair) => [
            neuronName(run.neurons[pair.run]),
            share(run.neurons[pair.run]),
            neuronName(baseline.neurons[pair.baseline]),
            share(baseline.neurons[pair.baseline]),
            formatNumber(pair.cosine, 5),
          ]),
        numeric: [false, true, false, true, true],
      },
    });
  if (alone.length > 0)
    blocks.push({
      kind: 'table',
      table: {
        caption: `In one of ${name} and the baseline only, largest share first${limit(alone.length)}`,
        header: ['Neuron', 'Share', 'Only in'],
        rows: alone.slice(0, mostPairs).map(({ where, neuron }) => [neuronName(neuron), share(neuron), where]),
        numeric: [false, true, false],
      },
    });
  return blocks;
}
