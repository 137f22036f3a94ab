import type { RunRecord } from './run.ts';
import { fieldOf, flatSettings, type Setting } from './settingKinds.ts';
import { trainingTable, type TrainSettings } from './settings.ts';

/**
 * A word of a command line for POSIX shells. What cannot be seen, or reorders what is read, is written as an escape, so that the line is what it
 * looks like.
 */
export function shellWord(text: string): string {
  if (/^[\w@%+:,./=-]+$/.test(text)) return text;
  const unseen = /[^\x20-\x7e\p{L}\p{N}\p{P}\p{S}]/u;
  if (!unseen.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const escaped = Array.from(text, (character) => {
    if (character === "'" || character === '\\') return `\\${character}`;
    if (!unseen.test(character)) return character;
    const code = character.codePointAt(0)!;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
  });
  return `$'${escaped.join('')}'`;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The arguments that ask for a value of a setting. */
function wordsOf({ type, option }: Setting<unknown>, value: unknown): string[] {
  const { name, spellings, whole } = option!;
  switch (type.kind) {
    case 'flag':
      return [value === true ? `--${name}` : `--no-${name}`];
    case 'count':
    case 'range':
    case 'positive':
    case 'text':
    case 'choice':
    case 'delimiter': {
      const spelled = Object.entries(spellings ?? {}).find(([, meant]) => meant === value);
      return [`--${name}=${spelled?.[0] ?? String(value)}`];
    }
    case 'choices':
    case 'counts':
      return [`--${name}=${(value as readonly (string | number)[]).join(',')}`];
    case 'texts': {
      const texts = value as readonly string[];
      return whole === true ? texts.map((text) => `--${name}=${text}`) : [`--${name}=${texts.join(',')}`];
    }
    case 'choice-by-name':
    case 'positive-by-name':
      throw new Error(`${name}: settings by name have no option of this form`);
  }
}

/** The arguments of `convexnet train` that ask for these settings; those with the default of the command line are left out. */
export function settingArguments(settings: TrainSettings): string[] {
  const words = flatSettings(trainingTable).flatMap(([field, setting]) => {
    if (setting.option === undefined) return [];
    const value = fieldOf(settings, field);
    return value === undefined || same(value, setting.fallback) ? [] : wordsOf(setting, value);
  });
  const columns = Object.entries(settings.columnTypes ?? {}).map(([column, type]) =>
    type === 'leave-out' ? `--exclude=${column}` : `--type=${column}=${type}`,
  );
  const weights = Object.entries(settings.classWeights?.given ?? {}).map(([name, w]) => `--class-weight=${name}=${w}`);
  const { kind, value } = settings.beta;
  const fallback = trainingTable.beta.group;
  const beta =
    kind === fallback.kind.fallback && value === fallback.value.fallback
      ? []
      : [kind === 'auto' ? '--beta=auto' : kind === 'relative' ? `--beta-rel=${value}` : `--beta=${value}`];
  return [...words, ...columns, ...weights, ...beta];
}

/**
 * The command that trains the same network on the same file again, without the folder of the file. Beta is given as it stands where the run shows
 * another one than its settings ask for (chosen from the path, or by hand).
 */
export function trainCommandLine({ dataset, settings }: Pick<RunRecord, 'dataset' | 'settings'>): string {
  const file = dataset.name.startsWith('-') ? `./${dataset.name}` : dataset.name;
  return ['convexnet', 'train', file, ...settingArguments(settings)].map(shellWord).join(' ');
}
