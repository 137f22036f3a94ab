import { closeSync, fstatSync, openSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { ProblemError } from '../core/base/problemError.ts';
import type { ReadRelated } from '../core/problem/problemFile.ts';
import { fileErrorWords } from '../core/base/fileErrors.ts';
import { readWithoutWaiting, refuseUnlessRegular } from '../platform/node/regularFile.ts';
import type { TrainSettings } from '../shared/settings.ts';
import { UsageError } from './usage.ts';

/** A file as the system knows it, whatever its names. */
export function identity({ dev, ino }: { readonly dev: number | bigint; readonly ino: number | bigint }): string {
  return `${dev}:${ino}`;
}

/** Contents of a regular file. */
function readRegular(file: string, check?: (stats: Stats) => void): Buffer {
  const descriptor = openSync(file, readWithoutWaiting);
  try {
    const stats = fstatSync(descriptor);
    refuseUnlessRegular(stats);
    check?.(stats);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Reads a file that was named on the command line. */
export function readInput(file: string): Buffer {
  try {
    return readRegular(file);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${fileErrorWords(error)}`);
  }
}

export function readTextInput(file: string): string {
  try {
    return readRegular(file).toString('utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${fileErrorWords(error)}`);
  }
}

/**
 * Settings of training on `file` whose file of test rows, checked by `check`, is named from the folder of the data as the session wants it.
 */
export function besideData(
  file: string,
  settings: TrainSettings,
  check: (file: string) => string = (named) => {
    checkInput(named);
    return path.resolve(named);
  },
): TrainSettings {
  const { testFile = '' } = settings;
  if (testFile === '') return settings;
  const relative = path.relative(path.dirname(path.resolve(file)), check(testFile));
  return { ...settings, testFile: relative.replaceAll(path.sep, '/') };
}

/** Refuses a file that cannot be read, before anything is computed. */
export function checkInput(file: string): void {
  try {
    refuseUnlessRegular(statSync(file));
    closeSync(openSync(file, readWithoutWaiting));
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${fileErrorWords(error)}`);
  }
}

/** An error of computing with a problem names the file, as those of reading it do. */
export function aboutProblem(error: unknown, file: string): unknown {
  return error instanceof ProblemError ? error.in(file) : error;
}

export interface RelatedFiles {
  /** Paths that leave the problem's folder are read as well. */
  readonly allowPaths: boolean;
  /** Identities of the files that this run of the program is going to write. */
  readonly outputs: readonly string[];
}

/**
 * Reads the files that a problem file names. A problem may come from somebody else, so it may name only files at or below its own folder (links
 * followed), unless the person allows more.
 */
export function relatedReader(problemFile: string, { allowPaths, outputs }: RelatedFiles): ReadRelated {
  return (name) => {
    if (name.includes('\0')) throw new Error('the name holds a character that no file name has');
    const folder = realpathSync(path.dirname(problemFile));
    const wanted = path.resolve(folder, name);
    let file: string;
    if (allowPaths) file = wanted;
    else {
      // a path that leaves the folder is refused whether or not something is there
      if (path.isAbsolute(name) || !isBelow(folder, wanted)) throw new Error(outside);
      try {
        file = realpathSync(wanted);
      } catch (error) {
        throw new Error(fileErrorWords(error), { cause: error });
      }
      if (!isBelow(folder, file)) throw new Error(outside);
    }
    try {
      return readRegular(file, (stats) => {
        if (outputs.includes(identity(stats))) throw new Error('an output of this command has the same name');
      }).toString('utf8');
    } catch (error) {
      throw new Error(fileErrorWords(error), { cause: error });
    }
  };
}

const outside = 'it is not below the folder of the problem file (--allow-paths reads it all the same)';

function isBelow(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
