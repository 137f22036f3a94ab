import { scalingWords } from '../core/data/scaling.ts';
import type { MetricRow, RunRecord } from '../shared/run.ts';
import { classWeightWords, splitWords, stageNames, timeWords } from '../shared/runView.ts';
import { optimalSetWords, presenceWords } from '../shared/optimalSet.ts';
import {
  crossValidationSentence,
  meanWords,
  scoreHeadline,
  standingSentence,
  thresholdSentence,
} from '../shared/usefulness.ts';
import { batchNormCheck, betaMaxIsProven, describeVerdict } from '../shared/verdict.ts';
import { remarksOf } from '../shared/remarks.ts';
import { bestModel, modelComparisonSentence } from '../shared/modelComparison.ts';
import { batchNormWords } from '../shared/batchNorm.ts';
import { linearLines, structureLines, threeLayerLines } from './deepReport.ts';
import { number, plural, table } from './reportText.ts';

function metricTable(metrics: readonly MetricRow[]): string[] {
  const measures = [...new Set(metrics.map(({ measure }) => measure))];
  const models = [...new Set(metrics.map(({ model }) => model))];
  const header = ['', ...measures.flatMap((measure) => [`${measure} train`, 'test'])];
  const rows = models.map((model) => [
    model,
    ...measures.flatMap((measure) => {
      const row = metrics.find((metric) => metric.model === model && metric.measure === measure);
      return row === undefined ? ['-', '-'] : [number(row.train, 4), number(row.test, 4)];
    }),
  ]);
  return table([header, ...rows]);
}

function neuronTable(run: RunRecord): string[] {
  const shown = run.neurons.slice(0, 10);
  const { optimalSet } = run.solution;
  const rows = shown.map((neuron) => {
    const { id, sign, norm, share, onCount, original, output } = neuron;
    const slopes = original.weights[Math.max(0, output)];
    const strongest = slopes
      .map((slope, k) => ({ slope, k, size: Math.abs(slope) * run.scaling.inputs[k].scale }))
      .sort((a, b) => b.size - a.size)
      .slice(0, 3)
      .filter(({ size }) => size > 0)
      .map(({ slope, k }) => `${number(slope, 3)} ${run.scaling.inputs[k].name}`);
    return [
      String(id),
      run.resolved.outputs > 1 ? (output >= 0 ? run.resolved.classes[output] : 'several') : sign > 0 ? '+' : '-',
      number(norm, 4),
      `${(100 * share).toFixed(1)} %`,
      `${onCount}`,
      ...(optimalSet === undefined ? [] : [presenceWords(neuron, optimalSet) ?? '-']),
      strongest.join(', '),
    ];
  });
  const lines = table([
    [
      '',
      run.resolved.outputs > 1 ? 'feeds' : 'sign',
      'norm',
      'share',
      'rows on',
      ...(optimalSet === undefined ? [] : ['optima']),
      'strongest slopes',
    ],
    ...rows,
  ]);
  return run.neurons.length > shown.length ? [...lines, `  ... and ${run.neurons.length - shown.length} more`] : lines;
}

function networkLines(run: RunRecord): string[] {
  if (run.deep?.kind === 'three-layer') return threeLayerLines(run, run.deep);
  if (run.deep?.kind === 'linear') return linearLines(run, run.deep);
  const optima = optimalSetWords(run);
  return [
    `${plural(run.neurons.length, 'active neuron')}, ${plural(run.gates.count, 'gate')} in play`,
    ...(run.neurons.length > 0 ? neuronTable(run) : []),
    ...(optima === undefined ? [] : [optima]),
  ];
}

function batchNormLines(run: RunRecord): string[] {
  const [words, check] = [batchNormWords(run), batchNormCheck(run)];
  return words === undefined || check === undefined
    ? []
    : [
        `batch normalisation: ${words}`,
        `  run with the statistics of the training rows: objective ${number(check.objective, 10)} (relative difference ${number(check.difference, 2)})`,
      ];
}

/** Score first, then how beta came about and what to beware of. */
function usefulnessLines(run: RunRecord): string[] {
  const { evaluation, crossValidation } = run;
  const headline = scoreHeadline(run);
  const threshold = thresholdSentence(run.resolved);
  return [
    ...(headline === undefined ? [] : [`result: ${headline}`]),
    ...(evaluation === undefined ? [] : [`  ${standingSentence(evaluation)}`]),
    ...(crossValidation === undefined ? [] : [`  ${crossValidationSentence(crossValidation)}`]),
    ...(threshold === undefined ? [] : [`  ${threshold}`]),
    ...remarksOf(run).map(({ text }) => `  beware: ${text}`),
  ];
}

/** Other models by the same cross-validation; the one that would be chosen has a mark. */
function modelLines({ models }: RunRecord): string[] {
  if (models === undefined || models.models.length === 0) return [];
  const chosen = bestModel(models);
  const sentence = modelComparisonSentence(models);
  return [
    '',
    `models by ${models.folds}-fold cross-validation on the training rows, ${meanWords(models)}`,
    ...table([
      ['', 'mean', 'deviation', 'beta/max', 'neurons', 'proven gap'],
      ...models.models.map(({ network, point, betaMax, trained }, k) => [
        `${k === chosen ? '* ' : '  '}${network}`,
        ...(point === undefined
          ? ['-', '-', '-']
          : [number(point.mean, 4), number(point.standardError, 2), number(point.beta / betaMax!, 2)]),
        trained === undefined ? '-' : String(trained.active),
        trained?.gap === undefined ? '-' : `${number(trained.gap, 2)}${trained.over === 'gates' ? ' (its gates)' : ''}`,
      ]),
    ]),
    ...models.models.flatMap(({ network, refused }) => (refused === undefined ? [] : [`  ${network}: ${refused}`])),
    ...(sentence === undefined ? [] : [`  ${sentence}`]),
  ];
}

/** Columns and classes that are listed one by one. */
const mostListed = 30;

function someOf(words: readonly string[]): string {
  const more = words.length - mostListed;
  return words.slice(0, mostListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** The summary that `convexnet train` prints. */
export function describeRun(run: RunRecord, targetInferred: boolean): string {
  const { dataset, resolved, solution } = run;
  const verdict = describeVerdict(run);
  const weights = classWeightWords(resolved);
  const left = dataset.columns.filter(({ role }) => role === 'left-out');
  const lines = [
    `${dataset.name}: ${plural(dataset.rowsTotal, 'row')}, ${plural(dataset.columns.length, 'column')}; ` +
      `${resolved.trainRows} for training, ${resolved.testRows} for testing (${splitWords(run)})`,
    `target: ${resolved.target}${targetInferred ? ' (inferred)' : ''}, ${resolved.task}` +
      (resolved.classes.length > 0 ? ` (${someOf(resolved.classes)})` : '') +
      (weights === undefined ? '' : `; ${weights}`),
    `inputs: ${resolved.inputs} encoded (${scalingWords(run.scaling)})` +
      (left.length > 0 ? `; left out: ${someOf(left.map(({ name, note }) => `${name} (${note})`))}` : ''),
    ...dataset.dropped.map(
      ({ reason, count, lines: at }) =>
        `left out ${plural(count, 'row')}: ${reason}${at.length > 0 ? ` (line ${at.slice(0, 5).join(', ')}${count > 5 ? ', ...' : ''})` : ''}`,
    ),
    ...dataset.warnings.map((text) => `warning: ${text}`),
    '',
    `${run.settings.model}${run.settings.batchNorm === true ? ' with batch normalisation' : ''}, ${resolved.loss} loss, beta ${number(resolved.beta)} ` +
      `(${number(resolved.beta / resolved.betaMax, 3)} of betaMax ${betaMaxIsProven(run) ? '' : 'at least '}${number(resolved.betaMax)})`,
    ...usefulnessLines(run),
    `verdict: ${verdict.headline}`,
    `  ${verdict.because}`,
    `objective ${number(solution.objective, 10)}, dual bound ${number(solution.dualBound, 10)}, relative gap ${number(Math.max(0, solution.relativeGap), 2)}`,
    `the exported network's own objective: ${number(solution.networkObjective, 10)}`,
    ...batchNormLines(run),
    `${solution.method}: ${plural(solution.iterations, 'iteration')}, ${timeWords(run, (s) => `${s.toFixed(2)} s`)}`,
    '',
    ...metricTable(run.metrics),
    '',
    ...networkLines(run),
  ];
  if (run.path !== undefined && run.path.points.length > 0) {
    lines.push('', `path: ${plural(run.path.points.length, 'beta', 'betas')}`);
    lines.push(
      ...table([
        ['beta', 'active', `${run.path.measure} train`, 'test', 'gap'],
        ...run.path.points.map((point) => [
          number(point.beta, 4),
          String(point.active),
          number(point.train, 4),
          number(point.test, 4),
          number(Math.max(0, point.relativeGap), 2),
        ]),
      ]),
    );
  }
  lines.push(...modelLines(run));
  if (run.structure !== undefined) {
    const structure = structureLines(run.structure);
    if (structure.length > 0) lines.push('', ...structure);
  }
  if (run.compare !== undefined) {
    lines.push('', `gradient descent, width ${run.compare.width}: excess over the convex objective`);
    lines.push(
      ...table([
        ['', 'seed', 'rate', 'excess', `${run.compare.measure} train`, 'test', 'active'],
        ...run.compare.runs.map((descent) => [
          descent.optimizer,
          String(descent.seed),
          number(descent.learningRate, 2),
          descent.diverged ? 'diverged' : number(descent.excess, 3),
          number(descent.train, 4),
          number(descent.test, 4),
          String(descent.active),
        ]),
      ]),
    );
  }
  if (run.missing !== undefined)
    lines.push('', `not run to the end: ${run.missing.map((name) => stageNames[name]).join(', ')}`);
  if (run.notes.length > 0) lines.push('', ...run.notes.map((note) => `note: ${note}`));
  return `${lines.join('\n')}\n`;
}
