import {
  differingSettings,
  type PairedScore,
  pairedScore,
  sameDirection,
  type SharedNeuron,
  sharedNeurons,
} from '../../src/shared/compareRuns.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { boundOverFamily } from '../../src/shared/verdict.ts';
import { placeInFiles } from '../../src/shared/runView.ts';
import { activeWords, isClassification, outputName, panelVerdict } from '../app/runData.ts';
import { scoreText } from '../app/runTables.ts';
import { timeWords } from '../app/times.ts';
import { neuronName } from '../app/views/neurons/neuronModel.ts';
import { certaintyOf } from '../app/views/overview/fitCharts.ts';
import { chartPicture } from '../charts/exportFile.ts';
import type { ChartSpec, SeriesSpec, Tone } from '../charts/spec.ts';
import { surfaceModel } from '../charts/surface/surfaceModel.ts';
import { surfacePicture } from '../charts/surface/surfacePicture.ts';
import { formatGap, formatInteger, formatNumber, formatPercent } from '../ui/format.ts';
import type { Block, ReportDocument } from './document.ts';

/** Pictures that need one for every run stop at this many runs. */
const mostPictures = 6;
/** Lines of a table of neurons that two runs share. */
const mostPairs = 30;
/** A run as it is called beside others. */
const nameOf = (at: number): string => (at === 0 ? 'Run 1 (baseline)' : `Run ${at + 1}`);
const toneOf = (at: number): Tone => (at % 6) as Tone;
const dashOf = (at: number): { readonly dash?: readonly number[] } => (at < 6 ? {} : { dash: [4, 3] });

const heading = (text: string): Block => ({ kind: 'heading', text });
const text = (words: string): Block => ({ kind: 'text', text: words });
const chart = (spec: ChartSpec): Block => ({ kind: 'picture', picture: chartPicture(spec) });

/** Runs beside each other, the first of them as the baseline: what was asked differently, what came out, and by how much on the same rows. */
export function comparisonReport(runs: readonly RunRecord[]): ReportDocument {
  const [first] = runs;
  return {
    title: `${formatInteger(runs.length)} runs: ${first.resolved.target}`,
    blocks: [
      {
        kind: 'list',
        items: runs.map((run, i) => `${nameOf(i)}: ${run.label}`),
      },
      ...settingBlocks(runs),
      ...resultBlocks(runs),
      ...pairedBlocks(runs),
      ...pathBlocks(runs),
      ...fitBlocks(runs),
      ...predictionBlocks(runs),
      ...neuronBlocks(runs),
    ],
  };
}

function settingBlocks(runs: readonly RunRecord[]): Block[] {
  const differing = differingSettings(runs);
  const shown = (value: unknown): string =>
    value === undefined
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
            caption: 'Settings that differ, by their names on the command line',
            header: ['Setting', ...runs.map((_, i) => nameOf(i))],
            rows: differing.map(({ name, values }) => [name, ...values.map(shown)]),
            numeric: [false, ...runs.map(() => false)],
          },
        },
  ];
}

function resultBlocks(runs: readonly RunRecord[]): Block[] {
  const measures = [...new Set(runs.flatMap(({ metrics }) => metrics.map(({ measure }) => measure)))];
  const ours = (run: RunRecord, measure: string): RunRecord['metrics'][number] | undefined =>
    run.metrics.find((row) => row.model === run.metrics[0].model && row.measure === measure);
  const line = (name: string, of: (run: RunRecord) => string): string[] => [name, ...runs.map(of)];
  return [
    heading('Results'),
    {
      kind: 'table',
      table: {
        caption: 'What came out',
        header: ['', ...runs.map((_, i) => nameOf(i))],
        rows: [
          line('Verdict', (run) => panelVerdict(run).word),
          line('Network', activeWords),
          line('Objective', (run) => formatNumber(run.solution.objective, 8)),
          line('Proven bound over all networks', (run) => {
            const bound = boundOverFamily(run);
            return bound === -Infinity ? 'none' : formatNumber(bound, 8);
          }),
          line('Gap of the program', (run) => formatGap(run.solution.relativeGap)),
          line('Beta', (run) => formatNumber(run.resolved.beta, 5)),
          line('Share of beta max', ({ resolved: { beta, betaMax } }) =>
            formatPercent(betaMax > 0 ? beta / betaMax : null),
          ),
          ...measures.flatMap((measure) => [
            line(`${measure}, train`, (run) => scoreText(ours(run, measure)?.train ?? null)),
            line(`${measure}, test`, (run) => scoreText(ours(run, measure)?.test ?? null)),
          ]),
          line('Time', timeWords),
        ],
        numeric: [false, ...runs.map(() => true)],
      },
    },
    text('Objectives compare only where loss, penalty, beta and data are the same.'),
  ];
}

function pairedBlocks(runs: readonly RunRecord[]): Block[] {
  const [baseline, ...others] = runs;
  const scores = others.map((run) => pairedScore(run, baseline));
  const known = scores.filter((score): score is PairedScore => score !== undefined);
  if (known.length === 0)
    return [text('No rows of the same file are held out of the baseline and another run, so errors cannot be paired.')];
  const words = ({ difference, standardError }: PairedScore): string =>
    Math.abs(difference) <= standardError ? 'level within chance' : difference < 0 ? 'better' : 'worse';
  return [
    {
      kind: 'table',
      table: {
        caption: 'Errors on the rows held out of both, paired with the baseline (mean of differences ± standard error)',
        header: ['', 'Measure', 'Rows', 'Run', 'Baseline', 'Difference', ''],
        rows: scores.flatMap((score, i) =>
          score === undefined
            ? [[nameOf(i + 1), 'other rows', '', '', '', '', '']]
            : [
                [
                  nameOf(i + 1),
                  score.measure,
                  formatInteger(score.rows),
                  formatNumber(score.run),
                  formatNumber(score.baseline),
                  `${formatNumber(score.difference, 3)} ± ${formatNumber(score.standardError, 2)}`,
                  words(score),
                ],
              ],
        ),
        numeric: [false, false, true, true, true, true, false],
      },
    },
  ];
}

function pathBlocks(runs: readonly RunRecord[]): Block[] {
  const paths = runs.map(({ path }) => (path !== undefined && path.points.length > 0 ? path : undefined));
  const measures = new Set(paths.flatMap((path) => (path === undefined ? [] : [path.measure])));
  if (measures.size !== 1) return [];
  const [measure] = measures;
  const lines = (value: (point: NonNullable<RunRecord['path']>['points'][number]) => number | null): SeriesSpec[] =>
    paths.flatMap((path, i): SeriesSpec[] => {
      const known = path?.points.filter((point) => value(point) !== null) ?? [];
      if (known.length === 0) return [];
      return [
        {
          id: `run-${i}`,
          label: nameOf(i),
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

function fitBlocks(runs: readonly RunRecord[]): Block[] {
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
            label: nameOf(i),
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
  for (const { run, i, shape } of surfaces.slice(0, mostPictures)) {
    blocks.push({
      kind: 'picture',
      picture: surfacePicture(surfaceModel(shape, certaintyOf(run)), { title: nameOf(i) }),
    });
  }
  if (surfaces.length > mostPictures) blocks.push(text(`Pictures of the first ${mostPictures} runs only.`));
  return blocks.length === 0 ? [] : [heading('The fits'), ...blocks];
}

/** Rows that two runs of one file have, by line: row of the run, row of the baseline. */
function commonRows(run: RunRecord, baseline: RunRecord): readonly (readonly [number, number])[] {
  if (run.dataset.sha256 !== baseline.dataset.sha256) return [];
  if (run.dataset.test?.sha256 !== baseline.dataset.test?.sha256) return [];
  const at = new Map(baseline.rows.line.map((_, row) => [placeInFiles(baseline, row), row]));
  return run.rows.line.flatMap((_, row) => {
    const other = at.get(placeInFiles(run, row));
    return other === undefined ? [] : [[row, other] as const];
  });
}

function predictionBlocks(runs: readonly RunRecord[]): Block[] {
  const [baseline, ...others] = runs;
  const { outputs } = baseline.resolved;
  const series = others.flatMap((run, i): SeriesSpec[] => {
    const rows = run.resolved.outputs === outputs ? commonRows(run, baseline) : [];
    if (rows.length === 0) return [];
    return [
      {
        id: `run-${i + 1}`,
        label: nameOf(i + 1),
        kind: 'points',
        x: rows.map(([, other]) => baseline.rows.prediction[other * outputs]),
        y: rows.map(([row]) => run.rows.prediction[row * outputs]),
        tone: toneOf(i + 1),
        hollow: true,
      },
    ];
  });
  if (series.length === 0) return [];
  const what = isClassification(baseline)
    ? `output for ${outputName(baseline, 0)}`
    : `predicted ${baseline.resolved.target}`;
  const values = series.flatMap(({ x }) => Array.from(x));
  const ends = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  return [
    heading('Predicted against predicted'),
    chart({
      id: 'compared-predictions',
      title: 'Predictions of the runs over those of the baseline',
      summary: 'Rows of the same file, training and test; on the line both runs say the same.',
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

function neuronBlocks(runs: readonly RunRecord[]): Block[] {
  const [baseline, ...others] = runs;
  const found = others.map((run) => sharedNeurons(run, baseline));
  if (found.every((pairs) => pairs === undefined)) return [];
  const pairLines = (pairs: readonly SharedNeuron[], run: RunRecord): string[][] =>
    pairs
      .slice(0, mostPairs)
      .map((pair) => [
        neuronName(run.neurons[pair.run]),
        formatPercent(run.neurons[pair.run].share),
        neuronName(baseline.neurons[pair.baseline]),
        formatPercent(baseline.neurons[pair.baseline].share),
        formatNumber(pair.cosine, 5),
      ]);
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
        rows: others.map((run, i) => {
          const pairs = found[i];
          return pairs === undefined
            ? [nameOf(i + 1), formatInteger(run.neurons.length), 'not comparable', '', '']
            : [
                nameOf(i + 1),
                ...[
                  run.neurons.length,
                  pairs.length,
                  run.neurons.length - pairs.length,
                  baseline.neurons.length - pairs.length,
                ].map(formatInteger),
              ];
        }),
        numeric: [false, true, true, true, true],
      },
    },
    ...others.flatMap((run, i): Block[] => {
      const pairs = found[i];
      if (pairs === undefined || pairs.length === 0 || i >= mostPictures) return [];
      return [
        {
          kind: 'table',
          table: {
            caption: `${nameOf(i + 1)} and the baseline, nearest directions first${pairs.length > mostPairs ? ` (${mostPairs} of ${pairs.length})` : ''}`,
            header: [nameOf(i + 1), 'Share', 'Baseline', 'Share', 'Cosine'],
            rows: pairLines(pairs, run),
            numeric: [false, true, false, true, true],
          },
        },
      ];
    }),
  ];
}
