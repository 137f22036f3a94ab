import * as v from 'valibot';
import { schemaWords } from '../core/base/schemaWords.ts';
import { columnTypes } from '../core/data/table.ts';
import { flatSettings, type HelpPart, type Kind, type Setting, withField } from '../shared/settingKinds.ts';
import { defaultSettings, trainingTable, type TrainSettings } from '../shared/settings.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import { modelTraits } from '../shared/models.ts';
import { weightDecayMessage } from '../shared/threeLayerWords.ts';
import { UsageError } from './usage.ts';

/** An option that takes part in a setting without being one. */
interface ExtraOption {
  readonly part: HelpPart;
  readonly argument?: string;
  readonly multiple?: true;
  readonly help: string;
}

const extraOptions: Readonly<Record<string, ExtraOption>> = {
  exclude: { part: 'data', argument: 'COLUMN', multiple: true, help: 'a column that is no feature; may be repeated' },
  type: {
    part: 'data',
    argument: 'COLUMN=TYPE',
    multiple: true,
    help: `what a column is: ${columnTypes.join(', ')}; may be repeated`,
  },
  'class-weight': {
    part: 'network',
    argument: 'CLASS=W',
    multiple: true,
    help: 'rows of the class count W times in the loss, those of other classes once; may be repeated',
  },
  beta: {
    part: 'network',
    argument: 'B',
    help: 'penalty as it stands (sum-half convention, on standardised data), or auto (the default): chosen by cross-validation on the training rows, within about a quarter of the time limit',
  },
  'beta-rel': {
    part: 'network',
    argument: 'R',
    help: 'penalty as a multiple of the smallest one that gives the zero network',
  },
  'weight-decay': {
    part: 'network',
    argument: 'B',
    help: 'says how ordinary weight decay relates to --beta; refused for three-layer, with the reason',
  },
  'no-path': { part: 'effort', help: 'no regularisation path: --path-points 0' },
};

/** The settings that have an option of their own, by it. */
const byOption = new Map(
  flatSettings(trainingTable).flatMap(([field, setting]) =>
    setting.option === undefined ? [] : [[setting.option.name, { field, setting }] as const],
  ),
);

function repeats({ type }: Setting<unknown>): boolean {
  return type.kind === 'texts';
}

interface ParseOption {
  readonly type: 'string' | 'boolean';
  readonly multiple: boolean;
}

/** The options that say how a data file is read, what is trained on it, and how; flags have a `no-` twin. */
export const settingOptions: Readonly<Record<string, ParseOption>> = Object.fromEntries([
  ...[...byOption].flatMap(([name, { setting }]): [string, ParseOption][] => {
    if (setting.type.kind !== 'flag') return [[name, { type: 'string', multiple: repeats(setting) }]];
    const yesNo: ParseOption = { type: 'boolean', multiple: false };
    return [
      [name, yesNo],
      [`no-${name}`, yesNo],
    ];
  }),
  ...Object.entries(extraOptions).map(([name, { argument, multiple }]): [string, ParseOption] => [
    name,
    { type: argument === undefined ? 'boolean' : 'string', multiple: multiple === true },
  ]),
]);

/** Options as they were given. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

const helpColumn = 27;
const helpWidth = 120;

/** One entry of the help, its text wrapped. */
function helpLines(left: string, text: string): string {
  const lines: string[] = [];
  let line = `  ${left}`.padEnd(helpColumn);
  if (line.length > helpColumn) {
    lines.push(line);
    line = ' '.repeat(helpColumn);
  }
  let words = 0;
  for (const word of text.split(' ')) {
    if (words > 0 && line.length + 1 + word.length > helpWidth) {
      lines.push(line);
      line = ' '.repeat(helpColumn);
      words = 0;
    }
    line += words === 0 ? word : ` ${word}`;
    words++;
  }
  return [...lines, line].join('\n');
}

/** What follows the sentence of an option: the choices there are, the default. */
function valueWords(type: Kind, fallback: unknown, spelled: boolean): string {
  switch (type.kind) {
    case 'choice':
      if (spelled) return '';
      return ` (${type.values.join(', ')}; default ${fallback as string})`;
    case 'choices':
      return ` (${type.values.join(', ')}; default: all)`;
    case 'count':
    case 'range':
    case 'positive':
      return fallback === undefined ? '' : ` (default ${fallback as number})`;
    case 'flag':
      return fallback === undefined ? '' : ` (default: ${fallback === true ? 'yes' : 'no'})`;
    case 'counts':
    case 'delimiter':
    case 'text':
    case 'texts':
    case 'choice-by-name':
    case 'positive-by-name':
      return '';
  }
}

/** The help of all options of a part. */
export function optionHelp(part: HelpPart, wanted: (name: string) => boolean = () => true): string {
  const own = [...byOption].flatMap(([name, { setting }]) => {
    const { type, fallback, option } = setting;
    if (option?.part !== part || !wanted(name)) return [];
    const left = type.kind === 'flag' ? `--${name}, --no-${name}` : `--${name} ${option.argument ?? 'VALUE'}`;
    const decimal = type.kind === 'choice' && type.values.includes('.');
    return [helpLines(left, option.help + valueWords(type, fallback, decimal || option.spellings !== undefined))];
  });
  const extra = Object.entries(extraOptions).flatMap(([name, { argument, help, part: its }]) =>
    its === part && wanted(name)
      ? [helpLines(argument === undefined ? `--${name}` : `--${name} ${argument}`, help)]
      : [],
  );
  return [...own, ...extra].join('\n');
}

/** A line for every option, for readers without a terminal. */
export function optionDescriptions(): string {
  const own = [...byOption].map(([name, { setting }]) => {
    const { type, fallback, option } = setting;
    return `${name}: ${option!.help}${valueWords(type, fallback, option!.spellings !== undefined)}`;
  });
  return [...own, ...Object.entries(extraOptions).map(([name, { help }]) => `${name}: ${help}`)].join('\n');
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new UsageError(`--${name} needs a number, not "${text}"`);
  return value;
}

const parts = (text: string): string[] => text.split(',').map((part) => part.trim());

/** What an option says, as the setting takes it; undefined when it was not given. */
function givenValue(values: OptionValues, name: string, { type, option }: Setting<unknown>): unknown {
  const given = values[name];
  switch (type.kind) {
    case 'flag': {
      const not = values[`no-${name}`];
      if (given === true && not === true) throw new UsageError(`--${name} and --no-${name} contradict each other`);
      return not === true ? false : given;
    }
    case 'count':
    case 'range':
    case 'positive':
      return given === undefined ? undefined : numberOf(name, String(given));
    case 'choice':
    case 'delimiter':
    case 'text':
      return given === undefined ? undefined : (option?.spellings?.[String(given)] ?? given);
    case 'choices':
      return given === undefined ? undefined : parts(String(given));
    case 'counts':
      return given === undefined ? undefined : parts(String(given)).map((part) => numberOf(name, part));
    case 'texts': {
      if (!Array.isArray(given)) return undefined;
      const texts = given.map(String);
      // names may hold commas: they are split where the columns are known
      return option?.whole === true ? texts.filter((text) => text.trim() !== '') : texts.flatMap(parts);
    }
    case 'choice-by-name':
    case 'positive-by-name':
      throw new Error(`--${name}: settings of kind ${type.kind} have no option of this form`);
  }
}

const texts = (given: OptionValues[string]): string[] => (Array.isArray(given) ? given.map(String) : []);

/** Weights of classes: `--class-weight NAME=W`. */
function classWeightsOf(values: OptionValues): Record<string, number> | undefined {
  const given = values['class-weight'];
  if (given === undefined) return undefined;
  if (values['class-weights'] !== undefined && values['class-weights'] !== 'given')
    throw new UsageError('give either --class-weights or --class-weight');
  const pairs = texts(given).map((text): [string, number] => {
    const at = text.lastIndexOf('=');
    const weight = at < 1 || text.slice(at + 1).trim() === '' ? NaN : Number(text.slice(at + 1));
    if (!(weight > 0)) throw new UsageError(`--class-weight needs CLASS=W with W above 0, not "${text}"`);
    return [text.slice(0, at).trim(), weight];
  });
  return Object.fromEntries(pairs);
}

/** Types of columns: `--type NAME=TYPE` and `--exclude NAME`. */
function columnTypesOf({ type, exclude }: OptionValues): Record<string, string> | undefined {
  if (type === undefined && exclude === undefined) return undefined;
  const pairs = texts(type).map((text): [string, string] => {
    const at = text.lastIndexOf('=');
    if (at < 1)
      throw new UsageError(`--type needs COLUMN=TYPE with TYPE one of ${columnTypes.join(', ')}, not "${text}"`);
    return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  });
  return Object.fromEntries([...pairs, ...texts(exclude).map((name): [string, string] => [name, 'leave-out'])]);
}

/** Options that say how a file is read. */
const isReading = (name: string): boolean =>
  name === 'type' || (byOption.get(name.replace(/^no-/, ''))?.field.startsWith('dialect.') ?? false);

export const readingOptions: Readonly<Record<string, ParseOption>> = Object.fromEntries(
  Object.entries(settingOptions).filter(([name]) => isReading(name)),
);

/** The help of the options that say how a file is read. */
export const readingHelp = (): string => optionHelp('data', isReading);

/** How beta is meant: `--beta B`, `--beta auto` or `--beta-rel R`. */
function betaOf({ beta, 'beta-rel': relative }: OptionValues): { readonly kind: string; readonly value: number } {
  if (beta !== undefined && relative !== undefined) throw new UsageError('give either --beta or --beta-rel');
  if (beta === 'auto') return { kind: 'auto', value: defaultSettings.beta.value };
  if (beta !== undefined) return { kind: 'absolute', value: numberOf('beta', String(beta)) };
  if (relative !== undefined) return { kind: 'relative', value: numberOf('beta-rel', String(relative)) };
  return defaultSettings.beta;
}

/** How a file is read, as far as options say. */
export function readAsOf(values: OptionValues): Pick<TrainSettings, 'dialect' | 'columnTypes'> {
  const { dialect, columnTypes } = settingsOf(
    Object.fromEntries(Object.entries(values).filter(([name]) => isReading(name))),
  );
  return { ...(dialect === undefined ? {} : { dialect }), ...(columnTypes === undefined ? {} : { columnTypes }) };
}

function refuseWeightDecay({ 'weight-decay': given }: OptionValues, { model }: TrainSettings): void {
  if (given === undefined) return;
  throw new UsageError(
    !modelTraits(model).weightDecay
      ? `--weight-decay: ${weightDecayMessage} Give --beta for the convex penalty.`
      : '--weight-decay: for two layers with one output, and for linear networks, it is the penalty of --beta (beta/2 times the sum of all squared weights); give --beta',
  );
}

/**
 * The settings that options ask for, on top of the defaults.
 * @throws {UsageError} on the option that is wrong
 */
export function settingsOf(values: OptionValues): TrainSettings {
  const columns = columnTypesOf(values);
  let raw: object = {
    ...defaultSettings,
    beta: betaOf(values),
    ...(columns === undefined ? {} : { columnTypes: columns }),
  };
  for (const [name, { field, setting }] of byOption) {
    const value = givenValue(values, name, setting);
    if (value !== undefined) raw = withField(raw, field, value);
  }
  const weights = classWeightsOf(values);
  if (weights !== undefined) raw = withField(raw, 'classWeights', { by: 'given', given: weights });
  if (values['no-path'] === true) {
    if (values['path-points'] !== undefined) throw new UsageError('give either --path-points or --no-path');
    raw = withField(raw, 'path.points', 0);
  }
  const parsed = v.safeParse(trainSettingsSchema, raw);
  if (parsed.success) {
    refuseWeightDecay(values, parsed.output);
    return parsed.output;
  }
  const [issue] = parsed.issues;
  throw new UsageError(`--${optionOfField(v.getDotPath(issue) ?? '', values)}: ${schemaWords(issue)}`);
}

/** The option that a field of the settings comes from; entries of lists and records belong to their field. */
function optionOfField(path: string, values: OptionValues): string {
  if (path.startsWith('beta.')) return values.beta === undefined ? 'beta-rel' : 'beta';
  if (path.startsWith('columnTypes')) return 'type';
  if (path.startsWith('classWeights.given')) return 'class-weight';
  const [name] = [...byOption].find(([, { field }]) => path === field || path.startsWith(`${field}.`)) ?? [path];
  return name;
}
