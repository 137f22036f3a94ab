import * as v from 'valibot';
import { defaultSettings, type TrainSettings } from '../shared/settings.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import { weightDecayMessage } from '../shared/threeLayerWords.ts';
import type { parseOptions } from './options.ts';
import { UsageError } from './usage.ts';

/** The options that say how a data file is read, what is trained on it, and how. */
export const settingOptions = {
  target: { type: 'string' },
  task: { type: 'string' },
  features: { type: 'string', multiple: true },
  model: { type: 'string' },
  m1: { type: 'string' },
  depth: { type: 'string' },
  loss: { type: 'string' },
  delta: { type: 'string' },
  beta: { type: 'string' },
  folds: { type: 'string' },
  'beta-rule': { type: 'string' },
  'beta-rel': { type: 'string' },
  'weight-decay': { type: 'string' },
  arrangements: { type: 'string' },
  gates: { type: 'string' },
  seed: { type: 'string' },
  bias: { type: 'string' },
  'output-penalty': { type: 'string' },
  standardize: { type: 'boolean' },
  'no-standardize': { type: 'boolean' },
  whiten: { type: 'boolean' },
  'batch-norm': { type: 'boolean' },
  missing: { type: 'string' },
  'test-fraction': { type: 'string' },
  'max-rows': { type: 'string' },
  delimiter: { type: 'string' },
  quote: { type: 'string' },
  encoding: { type: 'string' },
  skip: { type: 'string' },
  comment: { type: 'string' },
  na: { type: 'string', multiple: true },
  type: { type: 'string', multiple: true },
  exclude: { type: 'string', multiple: true },
  decimal: { type: 'string' },
  header: { type: 'boolean' },
  'no-header': { type: 'boolean' },
  tolerance: { type: 'string' },
  'time-limit': { type: 'string' },
  'certify-seconds': { type: 'string' },
  memory: { type: 'string' },
  'path-points': { type: 'string' },
  'path-smallest': { type: 'string' },
  'no-path': { type: 'boolean' },
  optimizers: { type: 'string' },
  seeds: { type: 'string' },
  epochs: { type: 'string' },
  'batch-size': { type: 'string' },
  'no-compare': { type: 'boolean' },
} as const;

const delimiterNames: Readonly<Record<string, string>> = {
  tab: '\t',
  '\\t': '\t',
  space: ' ',
  whitespace: ' ',
  comma: ',',
  semicolon: ';',
  bar: '|',
  pipe: '|',
};
const quoteNames: Readonly<Record<string, string>> = { double: '"', single: "'", none: '', backslash: '\\"' };

/** Types of columns: `--type NAME=TYPE` and `--exclude NAME`. */
function columnTypesOf({ type, exclude }: Values): Record<string, string> | undefined {
  if (type === undefined && exclude === undefined) return undefined;
  const pairs = (type ?? []).map((text): [string, string] => {
    const at = text.lastIndexOf('=');
    if (at < 1)
      throw new UsageError(
        `--type needs COLUMN=number, classes, date, date-day-first, date-month-first or leave-out, not "${text}"`,
      );
    return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  });
  return Object.fromEntries([...pairs, ...(exclude ?? []).map((name): [string, string] => [name, 'leave-out'])]);
}

type Values = ReturnType<typeof parseOptions<typeof settingOptions>>['values'];

/** Which option a setting comes from, where the name differs. */
const optionOf: Record<string, string> = {
  outputPenalty: 'output-penalty',
  batchNorm: 'batch-norm',
  testFraction: 'test-fraction',
  maxRows: 'max-rows',
  timeLimitSeconds: 'time-limit',
  certifySeconds: 'certify-seconds',
  memoryGiB: 'memory',
  'path.points': 'path-points',
  'path.smallest': 'path-smallest',
  'crossValidation.folds': 'folds',
  'crossValidation.rule': 'beta-rule',
  'compare.optimizers': 'optimizers',
  'compare.seeds': 'seeds',
  'compare.epochs': 'epochs',
  'compare.batchSize': 'batch-size',
  'dialect.delimiter': 'delimiter',
  'dialect.decimal': 'decimal',
  'dialect.quote': 'quote',
  'dialect.encoding': 'encoding',
  'dialect.skip': 'skip',
  'dialect.comment': 'comment',
  'dialect.na': 'na',
};

/** The settings that options ask for, on top of the defaults. */
export function settingsOf(values: Values): TrainSettings {
  const base = defaultSettings;
  const number = (name: keyof Values, fallback: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    const value = Number(text);
    if (typeof text !== 'string' || text.trim() === '' || Number.isNaN(value)) {
      throw new UsageError(`--${name} needs a number, not "${String(text)}"`);
    }
    return value;
  };
  const either = (yes: boolean | undefined, no: boolean | undefined, name: string): boolean | undefined => {
    if (yes === true && no === true) throw new UsageError(`--${name} and --no-${name} contradict each other`);
    return yes === true ? true : no === true ? false : undefined;
  };
  if (values['weight-decay'] !== undefined) {
    throw new UsageError(
      values.model === 'three-layer'
        ? `--weight-decay: ${weightDecayMessage} Give --beta for the convex penalty.`
        : '--weight-decay: for two layers with one output, and for linear networks, it is the penalty of --beta (beta/2 times the sum of all squared weights); give --beta',
    );
  }
  if (values.beta !== undefined && values['beta-rel'] !== undefined) {
    throw new UsageError('give either --beta or --beta-rel');
  }
  const header = either(values.header, values['no-header'], 'header');
  const types = columnTypesOf(values);
  const raw = {
    dialect: {
      ...(values.delimiter === undefined ? {} : { delimiter: delimiterNames[values.delimiter] ?? values.delimiter }),
      ...(values.quote === undefined ? {} : { quote: quoteNames[values.quote] ?? values.quote }),
      ...(values.decimal === undefined ? {} : { decimal: values.decimal }),
      ...(values.encoding === undefined ? {} : { encoding: values.encoding }),
      ...(values.skip === undefined ? {} : { skip: number('skip', 0) }),
      ...(values.comment === undefined ? {} : { comment: values.comment }),
      ...(values.na === undefined
        ? {}
        : { na: values.na.flatMap((text) => text.split(',')).map((text) => text.trim()) }),
      ...(header === undefined ? {} : { header }),
    },
    ...(types === undefined ? {} : { columnTypes: types }),
    target: values.target ?? base.target,
    task: values.task ?? base.task,
    // names may hold commas: split where the columns are known
    features: (values.features ?? []).filter((name) => name.trim() !== ''),
    model: values.model ?? base.model,
    m1: number('m1', base.m1),
    depth: number('depth', base.depth),
    loss: values.loss ?? base.loss,
    delta: number('delta', base.delta!),
    beta:
      values.beta === undefined
        ? {
            kind: values['beta-rel'] === undefined ? base.beta.kind : 'relative',
            value: number('beta-rel', base.beta.value),
          }
        : values.beta === 'auto'
          ? { kind: 'auto', value: base.beta.value }
          : { kind: 'absolute', value: number('beta', 0) },
    arrangements: values.arrangements ?? base.arrangements,
    gates: number('gates', base.gates),
    seed: number('seed', base.seed),
    bias: values.bias ?? base.bias,
    standardize: either(values.standardize, values['no-standardize'], 'standardize') ?? base.standardize,
    whiten: values.whiten ?? base.whiten,
    batchNorm: values['batch-norm'] ?? base.batchNorm,
    outputPenalty: values['output-penalty'] ?? base.outputPenalty,
    missing: values.missing ?? base.missing,
    testFraction: number('test-fraction', base.testFraction),
    maxRows: number('max-rows', base.maxRows),
    tolerance: number('tolerance', base.tolerance),
    timeLimitSeconds: number('time-limit', base.timeLimitSeconds),
    certifySeconds: number('certify-seconds', base.certifySeconds),
    memoryGiB: number('memory', base.memoryGiB!),
    path: {
      points: values['no-path'] === true ? 0 : number('path-points', base.path.points),
      smallest: number('path-smallest', base.path.smallest),
    },
    crossValidation: {
      folds: number('folds', base.crossValidation!.folds),
      rule: values['beta-rule'] ?? base.crossValidation!.rule,
    },
    compare: {
      enabled: values['no-compare'] !== true,
      optimizers: values.optimizers?.split(',').map((name) => name.trim()) ?? [...base.compare.optimizers],
      seeds: number('seeds', base.compare.seeds),
      epochs: number('epochs', base.compare.epochs),
      batchSize: number('batch-size', base.compare.batchSize),
    },
  };
  const parsed = v.safeParse(trainSettingsSchema, raw);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = (issue.path ?? [])
    .map(({ key }) => String(key))
    .filter((key) => !/^\d+$/.test(key))
    .join('.');
  const name = path.startsWith('beta') ? (values.beta === undefined ? 'beta-rel' : 'beta') : (optionOf[path] ?? path);
  throw new UsageError(`--${name}: ${issue.message}`);
}
