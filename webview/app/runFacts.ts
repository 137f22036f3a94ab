import { recorded } from '../../src/shared/recorded.ts';
import { text } from '../../src/shared/texts.ts';
import { scalingWords } from '../../src/core/data/scaling.ts';
import { batchNormWords } from '../../src/shared/batchNorm.ts';
import { networkNameOf, networkNames } from '../../src/shared/networkName.ts';
import { outputPenaltyNames, outputPenaltyWords } from '../../src/shared/outputs.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { classWeightWords, isOfTestFile, splitWords } from '../../src/shared/runView.ts';
import { thresholdSentence } from '../../src/shared/usefulness.ts';
import { betaMaxHint, betaMaxIsProven, searchesPatterns } from '../../src/shared/verdict.ts';
import {
  exactNumber,
  formatBytes,
  formatCount,
  formatGap,
  formatInteger,
  formatNumber,
  formatPercent,
} from '../ui/format.ts';
import { betaMaxWords, partNames } from './runData.ts';
import { timeWords } from './times.ts';

/** Something that is said of a run, in text: pages and reports show the same. */
export interface RunFact {
  readonly name: string;
  readonly value: string;
  /** The number in full, where the value is rounded. */
  readonly exact?: string;
  readonly hint?: string;
  /** It is the relative gap of the program. */
  readonly gap?: true;
}

const numberFact = (name: string, value: number, digits: number, hint?: string): RunFact => ({
  name,
  value: formatNumber(value, digits),
  exact: exactNumber(value),
  ...(hint === undefined ? {} : { hint }),
});

/** The objective and what is proven below it. */
export function objectiveFacts(run: RunRecord): RunFact[] {
  const { solution } = run;
  const facts: RunFact[] = [
    numberFact(
      'Objective',
      solution.objective,
      7,
      'Datafit plus beta times the sum of group norms. Losses are summed over rows; squared loss is half the sum of squares.',
    ),
    numberFact(
      solution.scope === 'all-arrangements'
        ? 'Proven lower bound'
        : searchesPatterns(run)
          ? 'Lower bound for the patterns found'
          : `Lower bound for these ${partNames(run).gates}`,
      solution.dualBound,
      7,
      'Value of a feasible dual point: no network of the program has a smaller objective.',
    ),
    {
      name:
        searchesPatterns(run) && solution.scope === 'sampled' ? 'Relative gap for the patterns found' : 'Relative gap',
      value: formatGap(solution.relativeGap),
      exact: exactNumber(solution.relativeGap),
      gap: true,
    },
  ];
  const over = solution.global && solution.global.proof !== 'none' ? solution.global.lowerBound : null;
  if (solution.global && over !== null && Math.abs(over - solution.dualBound) > 1e-9 * Math.abs(over))
    facts.push(numberFact('Lower bound over all networks', over, 7, recorded(solution.global.reason)));
  return facts;
}

/** Residuals of the optimality conditions, those that were computed. */
export function residualFacts({ solution: { kkt } }: RunRecord): RunFact[] {
  const residual = (name: string, value: number | undefined, hint: string): RunFact[] =>
    value === undefined ? [] : [numberFact(name, value, 2, hint)];
  return [
    ...residual(
      'Stationarity',
      kkt.stationarity,
      'Relative distance of minus the gradient to the subdifferential of the penalty.',
    ),
    ...residual('Cone', kkt.cone, 'Largest violation of the activation constraints, relative.'),
    ...residual(
      'Complementarity',
      kkt.complementarity,
      'How far the penalty is from what the dual values pay for the fit, relative to the objective.',
    ),
  ];
}

function separatorName(delimiter: string): string {
  return { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar', ' ': 'space' }[delimiter] ?? `“${delimiter}”`;
}

/** The file, and how it was read. */
export function dataFacts(run: RunRecord): RunFact[] {
  const { dataset, resolved } = run;
  return [
    { name: 'File', value: dataset.name, hint: dataset.uri },
    { name: 'Size', value: formatBytes(dataset.bytes) },
    { name: 'Rows used', value: `${formatInteger(dataset.rowsUsed)} of ${formatInteger(dataset.rowsTotal)}` },
    {
      name: 'Split',
      value: `${formatInteger(resolved.trainRows)} train, ${formatInteger(resolved.testRows)} test; ${splitWords(run)}`,
    },
    { name: 'Encoded inputs', value: formatInteger(resolved.inputs) },
    {
      name: 'Read as',
      value: `${dataset.encoding}, separator ${separatorName(dataset.delimiter)}, decimal “${dataset.decimal}”`,
    },
    { name: 'SHA-256', value: `${dataset.sha256.slice(0, 12)}…`, exact: dataset.sha256 },
  ];
}

/** What was asked for, what it became, and how it was solved. */
export function settingFacts(run: RunRecord): RunFact[] {
  const { settings, resolved, solution } = run;
  const asked = (value: string, given: string): string => (given === 'auto' ? `${value} (chosen)` : value);
  const weights = classWeightWords(resolved);
  const threshold = thresholdSentence(resolved);
  const share = resolved.betaMax > 0 ? resolved.beta / resolved.betaMax : null;
  return [
    { name: 'Model', value: networkNames[networkNameOf(settings)], hint: batchNormWords(run) },
    { name: 'Task', value: asked(text(resolved.task), settings.task) },
    { name: 'Loss', value: asked(text(resolved.loss), settings.loss) },
    ...(threshold === undefined ? [] : [{ name: text('Threshold'), value: threshold }]),
    ...(weights === undefined ? [] : [{ name: 'Class weights', value: weights }]),
    {
      name: 'Beta',
      value: `${formatNumber(resolved.beta, 5)} (${formatPercent(share)} of beta max)`,
      exact: exactNumber(resolved.beta),
      hint: `Belongs to the features ${text(scalingWords(run.scaling))}.`,
    },
    {
      name: 'Beta max',
      value: betaMaxIsProven(run)
        ? `${betaMaxWords(run)} (${text(searchesPatterns(run) ? 'proven' : 'exact')})`
        : betaMaxWords(run),
      exact: exactNumber(resolved.betaMax),
      hint: betaMaxHint(run),
    },
    { name: 'Features', value: text(scalingWords(run.scaling)) },
    { name: 'Bias', value: text({ regularized: 'regularised', free: 'free', none: 'none' }[settings.bias]) },
    {
      name: 'Activation patterns',
      value:
        settings.arrangements === 'sampled' ? `${formatInteger(settings.gates)} sampled` : text(settings.arrangements),
    },
    ...(resolved.outputs > 1
      ? [
          {
            name: 'Penalty over outputs',
            value: outputPenaltyNames[resolved.outputPenalty],
            hint: outputPenaltyWords(networkNameOf(settings), resolved.outputPenalty),
          },
        ]
      : []),
    { name: 'Seed', value: String(settings.seed) },
    numberFact('Tolerance', settings.tolerance, 2),
    { name: 'Solver', value: recorded(solution.method) },
    { name: 'Ended', value: text(solution.status.replace('-', ' ')) },
    { name: 'Steps', value: formatInteger(solution.iterations) },
    { name: 'Time', value: `${timeWords(run)}; ${formatCount(solution.threads, 'thread')}` },
    { name: 'Version', value: run.version },
  ];
}

/** "line 7", or "line 7 of test.csv" where the test rows are a file of their own. */
export const lineWords = (run: RunRecord, row: number): string =>
  isOfTestFile(run, row) ? `line ${run.rows.line[row]} of ${run.dataset.test!.name}` : `line ${run.rows.line[row]}`;

/** "the same number", or how far apart two objectives are. */
export const differenceWords = (difference: number): string =>
  difference < 1e-15 ? 'the same number' : `a relative difference of ${formatNumber(difference, 2)}`;
