import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError } from './usage.ts';

type Parsed<T extends OptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>
>;
type OptionsConfig = NonNullable<ParseArgsConfig['options']>;

/** Arguments split into options and positionals; unknown options and missing values are refused with the command's help. */
export function parseOptions<const T extends OptionsConfig>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. To specify')[0], { showHelp: true });
  }
}

/** A non-negative number of an option, e.g. seconds. */
export function numberOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new UsageError(`--${name} needs a non-negative number, not "${text}"`);
  }
  return value;
}

/** A positive whole number of an option. */
export function countOption(name: string, text: string | undefined): number | undefined {
  const value = numberOption(name, text);
  if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
    throw new UsageError(`--${name} needs a positive whole number, not "${text}"`);
  }
  return value;
}

/** Bytes of `--memory`, given in GiB; undefined when left out. */
export function memoryOption(text: string | undefined): number | undefined {
  const value = numberOption('memory', text);
  if (value === 0) throw new UsageError(`--memory needs a positive number of GiB, not "${text}"`);
  return value === undefined ? undefined : value * 2 ** 30;
}
