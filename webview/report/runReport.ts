import { effectChart, importanceRows, importanceWords } from '../app/views/predictions/importanceModel.ts';
import { plainText } from '../../src/core/data/plainText.ts';
import { batchNormWords } from '../../src/shared/batchNorm.ts';
import { trainCommandLine } from '../../src/shared/commandLine.ts';
import type { LinearRecord, ThreeLayerRecord } from '../../src/shared/depth.ts';
import { optimalSetWords, presenceWords } from '../../src/shared/optimalSet.ts';
import type { NeuronRecord, RunRecord } from '../../src/shared/run.ts';
import { recorded, recordedNote } from '../../src/shared/recorded.ts';
import { text as said } from '../../src/shared/texts.ts';
import { modelComparisonSentence } from '../../src/shared/modelComparison.ts';
import { stageNames } from '../../src/shared/runView.ts';
import { remarksOf } from '../../src/shared/remarks.ts';
import { crossValidationSentence, scoreHeadline, standingSentence } from '../../src/shared/usefulness.ts';
import { batchNormCheck, boundOverFamily, networkCheck } from '../../src/shared/verdict.ts';
import { activeWords, becauseWords, isClassification, outputName, panelFormat, panelVerdict } from '../app/runData.ts';
import {
  dataFacts,
  differenceWords,
  objectiveFacts,
  residualFacts,
  type RunFact,
  settingFacts,
} from '../app/runFacts.ts';
import { confusionAsText, scoresAsText } from '../app/runTables.ts';
import { compareWords, curvesChart, optimizerNames } from '../app/views/compare/compareModel.ts';
import { byShare as neuronsByShare, effectWords, neuronName } from '../app/views/neurons/neuronModel.ts';
import { certaintyOf, curveChart, residualChart } from '../app/views/overview/fitCharts.ts';
import { crossValidationChart } from '../app/views/sparsity/crossValidationModel.ts';
import { modelTable } from '../app/views/sparsity/modelComparisonModel.ts';
import { activeChart, errorChart } from '../app/views/sparsity/sparsityModel.ts';
import { branchName, byShare as branchesByShare, onCount } from '../app/views/subNetworks/subNetworksModel.ts';
import { chartPicture } from '../charts/exportFile.ts';
import type { ChartSpec } from '../charts/spec.ts';
import { surfaceModel } from '../charts/surface/surfaceModel.ts';
import { surfacePicture } from '../charts/surface/surfacePicture.ts';
import { formatCount, formatInteger, formatNumber, formatPercent, typeset } from '../ui/format.ts';
import type { TextTable } from '../ui/tableText.ts';
import type { Block, ReportDocument } from './document.ts';

/** Lines of a table of a report; what is beyond them is counted. */
const mostLines = 60;

const heading = (text: string): Block => ({ kind: 'heading', text });
const text = (words: string): Block => ({ kind: 'text', text: typeset(words) });
const chart = (spec: ChartSpec): Block => ({ kind: 'picture', picture: chartPicture(spec) });

/** Facts with their numbers in full where the value is rounded. */
const facts = (list: readonly RunFact[]): Block => ({
  kind: 'facts',
  facts: list.map(({ name, value, exact }) => ({
    name,
    value: exact === undefined || exact === value ? value : `${value} [${exact}]`,
  })),
});

/** A run as a report: what was trained on what, what came out, how far it is proven, and the command that repeats it. */
export function runReport(run: RunRecord): ReportDocument {
  return {
    title: `${run.dataset.name}: ${run.resolved.target}`,
    blocks: [
      ...verdictBlocks(run),
      ...scoreBlocks(run),
      ...fitBlocks(run),
      ...networkBlocks(run),
      ...importanceBlocks(run),
      ...pathBlocks(run),
      ...modelBlocks(run),
      ...compareBlocks(run),
      ...dataBlocks(run),
      heading('Settings and engine'),
      facts(settingFacts(run)),
      heading('To repeat it'),
      text('In the folder of the file, with the same version:'),
      { kind: 'code', text: trainCommandLine(run) },
      facts([
        { name: 'Run', value: run.id },
        { name: 'Trained', value: run.createdAt },
        { name: 'Version', value: run.version },
      ]),
    ],
  };
}

function verdictBlocks(run: RunRecord): Block[] {
  const verdict = panelVerdict(run);
  const check = networkCheck(run);
  const normalised = batchNormCheck(run);
  const optima = optimalSetWords(run);
  const headline = scoreHeadline(run, panelFormat);
  const bound = boundOverFamily(run);
  const unfinished = run.missing ?? [];
  return [
    { kind: 'text', text: `${verdict.word}. ${typeset(verdict.headline)}`, strong: true },
    ...(headline === undefined ? [] : [text(headline)]),
    ...(run.evaluation === undefined ? [] : [text(standingSentence(run.evaluation))]),
    ...(run.crossValidation === undefined ? [] : [text(crossValidationSentence(run.crossValidation))]),
    ...remarksOf(run, panelFormat).map(({ text: remark }) => text(`Beware: ${remark}`)),
    heading('Certificate'),
    text(becauseWords(run)),
    facts([
      ...objectiveFacts(run),
      ...(bound === -Infinity ? [{ name: 'Bound over all networks', value: said('none') }] : []),
      ...residualFacts(run),
    ]),
    text(
      check.agrees
        ? `Checked by running the exported network on the training rows: its own objective is ${formatNumber(run.solution.networkObjective, 8)}, ${differenceWords(check.difference)}.`
        : `Warning: the exported network, run on the training rows, has objective ${formatNumber(run.solution.networkObjective, 8)}, which differs by a relative ${formatNumber(check.difference, 2)}.`,
    ),
    ...(normalised === undefined
      ? []
      : [
          text(
            `${batchNormWords(run)} Run in that form on the training rows, its objective is ${formatNumber(normalised.objective, 8)}, ${differenceWords(normalised.difference)}.`,
          ),
        ]),
    ...(optima === undefined ? [] : [text(optima)]),
    ...(unfinished.length === 0
      ? []
      : [text(`Not run to the end: ${unfinished.map((name) => stageNames[name]).join(', ')}.`)]),
    ...(run.notes.length === 0
      ? []
      : [{ kind: 'list', items: run.notes.map((note) => typeset(recorded(note))) } as const]),
  ];
}

function scoreBlocks(run: RunRecord): Block[] {
  return run.metrics.length === 0 ? [] : [heading('Scores'), { kind: 'table', table: scoresAsText(run) }];
}

function fitBlocks(run: RunRecord): Block[] {
  const { shape } = run;
  return [
    heading('The fit'),
    ...(shape?.kind === 'curve' ? [chart(curveChart(run, shape))] : []),
    ...(shape?.kind === 'surface'
      ? [{ kind: 'picture', picture: surfacePicture(surfaceModel(shape, certaintyOf(run))) } as const]
      : []),
    isClassification(run)
      ? { kind: 'table', table: confusionAsText(run, run.resolved.testRows > 0 ? 1 : 0) }
      : chart(residualChart(run)),
  ];
}

function limited(table: TextTable): Block[] {
  const more = table.rows.length - mostLines;
  return [
    { kind: 'table', table: { ...table, rows: table.rows.slice(0, mostLines) } },
    ...(more > 0 ? [text(`and ${formatInteger(more)} more.`)] : []),
  ];
}

function networkBlocks(run: RunRecord): Block[] {
  const { deep } = run;
  const table =
    deep === undefined
      ? neuronTable(run)
      : deep.kind === 'three-layer'
        ? branchTable(run, deep)
        : layerTable(run, deep);
  return [heading('The network'), text(`${activeWords(run)}.`), ...(table.rows.length === 0 ? [] : limited(table))];
}

/** Steepest inputs of a neuron in original units, by what one deviation of the input changes. */
function slopes(run: RunRecord, { original, outer }: NeuronRecord): string {
  const main = outer.reduce((best, value, k) => (Math.abs(value) > Math.abs(outer[best]) ? k : best), 0);
  return (original.weights[main] ?? [])
    .map((slope, k) => ({ slope, input: run.scaling.inputs[k] }))
    .sort((a, b) => Math.abs(b.slope * b.input.scale) - Math.abs(a.slope * a.input.scale))
    .slice(0, 4)
    .filter(({ slope }) => slope !== 0)
    .map(({ slope, input }) => `${formatNumber(slope, 3)} · ${input.name}`)
    .join(', ');
}

function neuronTable(run: RunRecord): TextTable {
  const { optimalSet } = run.solution;
  const proven = optimalSet !== undefined;
  return {
    caption: 'Neurons by share of the fit; slopes in original units, outgoing weight folded in',
    header: ['Neuron', 'Effect', 'Share', 'Norm', 'Rows on', ...(proven ? ['Optima'] : []), 'Steepest slopes'],
    rows: neuronsByShare(run).map((neuron) => [
      neuronName(neuron),
      effectWords(run, neuron),
      formatPercent(neuron.share),
      formatNumber(neuron.norm),
      formatInteger(neuron.onCount),
      ...(proven ? [presenceWords(neuron, optimalSet) ?? '–'] : []),
      slopes(run, neuron),
    ]),
    numeric: [false, false, true, true, true, ...(proven ? [false] : []), false],
  };
}

function branchTable(run: RunRecord, deep: ThreeLayerRecord): TextTable {
  const rows = run.rows.line.length;
  return {
    caption: 'Branches by share of the fit',
    header: ['Branch', 'Effect', 'Share', 'Norm', 'Rows on'],
    rows: branchesByShare(deep).map((branch) => [
      branchName(branch),
      branch.sign > 0 ? `raises ${outputName(run, branch.output)}` : `lowers ${outputName(run, branch.output)}`,
      formatPercent(branch.share),
      formatNumber(branch.norm),
      formatInteger(onCount(branch.second, rows)),
    ]),
    numeric: [false, false, true, true, true],
  };
}

function layerTable(run: RunRecord, deep: LinearRecord): TextTable {
  const several = deep.layers.length > 1;
  return {
    caption: 'Layers of the optimal network',
    header: [...(several ? ['Output'] : []), 'Layer', 'Norm', 'Singular values', 'Alignment with the next'],
    rows: deep.layers.flatMap((layers, output) =>
      layers.map((layer, l) => [
        ...(several ? [outputName(run, output)] : []),
        String(l + 1),
        formatNumber(layer.frobenius),
        `${layer.singularValues
          .slice(0, 4)
          .map((value) => formatNumber(value))
          .join(', ')}${layer.singularValues.length > 4 ? ', …' : ''}`,
        formatNumber(layer.alignment, 6),
      ]),
    ),
    numeric: [...(several ? [false] : []), true, true, false, true],
  };
}

function importanceBlocks(run: RunRecord): Block[] {
  const { importance } = run;
  if (importance === undefined || importance.features.length === 0) return [];
  const curves = importance.features.flatMap((feature) => effectChart(run, feature) ?? []).slice(0, 2);
  return [
    heading('Columns'),
    ...limited({
      caption: importanceWords(importance),
      header: ['Column', 'Gain of the error', 'Deviation'],
      rows: importanceRows(importance),
      numeric: [false, true, true],
    }),
    ...curves.map(chart),
  ];
}

function pathBlocks(run: RunRecord): Block[] {
  const { path, crossValidation } = run;
  const points = path?.points ?? [];
  if (points.length === 0 && crossValidation === undefined) return [];
  return [
    heading('Along beta'),
    ...(crossValidation === undefined ? [] : [chart(crossValidationChart(run, crossValidation))]),
    ...(path === undefined || points.length === 0 ? [] : [chart(activeChart(run, path)), chart(errorChart(run, path))]),
  ];
}

function modelBlocks({ models }: RunRecord): Block[] {
  if (models === undefined || models.models.length === 0) return [];
  const sentence = modelComparisonSentence(models);
  return [
    heading('Other models'),
    ...(sentence === undefined ? [] : [text(sentence)]),
    { kind: 'table', table: modelTable(models) },
  ];
}

function compareBlocks(run: RunRecord): Block[] {
  const { compare } = run;
  if (compare === undefined || compare.runs.length === 0) return [];
  return [
    heading('Gradient descent on the same problem'),
    ...compareWords(run, compare).map(text),
    chart(curvesChart(compare, 'epochs', 'excess')),
    ...limited({
      caption: `Networks of width ${compare.width} trained by gradient descent; excess over the convex objective`,
      header: [
        'Optimiser',
        'Seed',
        'Rate',
        'Excess',
        `${said(compare.measure)}, train`,
        `${said(compare.measure)}, test`,
      ],
      rows: compare.runs.map((descent) => [
        optimizerNames[descent.optimizer],
        String(descent.seed),
        formatNumber(descent.learningRate, 2),
        descent.diverged ? 'diverged' : formatNumber(descent.excess, 3),
        formatNumber(descent.train),
        formatNumber(descent.test),
      ]),
      numeric: [false, true, true, true, true, true],
    }),
  ];
}

function dataBlocks(run: RunRecord): Block[] {
  const { dataset } = run;
  const left = dataset.dropped.map(
    ({ reason, count, lines }) =>
      `${formatCount(count, 'row')} left out: ${recorded(reason)}${lines.length > 0 ? ` (line ${lines.slice(0, 8).join(', ')}${count > Math.min(8, lines.length) ? ', …' : ''})` : ''}`,
  );
  return [
    heading('Data'),
    facts(dataFacts(run)),
    ...(left.length + dataset.warnings.length === 0
      ? []
      : [{ kind: 'list', items: [...left, ...dataset.warnings.map(recorded)].map(plainText) } as const]),
    ...limited({
      caption: 'Columns of the file',
      header: ['Column', 'Role', 'Kind', 'Distinct', 'Missing', 'Encoding'],
      rows: dataset.columns.map((column) => [
        column.name,
        said(column.role),
        said(column.kind),
        formatInteger(column.distinct),
        formatInteger(column.missing),
        recordedNote(column.note),
      ]),
      numeric: [false, false, false, true, true, false],
    }),
  ];
}
