import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { fileErrorWords } from '../core/base/fileErrors.ts';
import type { RunRecord } from '../shared/run.ts';
import { faultText, runFault, runOfJson } from '../shared/runSchema.ts';
import { runIdSchema } from '../shared/runSummary.ts';

const suffix = '.run.json';

/** The file that holds a run. The id is checked because it comes from files and messages and becomes part of a path. */
export function runFile(folder: string, id: string): string {
  return path.join(folder, v.parse(runIdSchema, id) + suffix);
}

/** The run id that a file name stands for, or null when the file is not a run. */
export function runIdOf(fileName: string): string | null {
  return fileName.endsWith(suffix) ? fileName.slice(0, -suffix.length) : null;
}

export const temporarySuffix = '.tmp';

/**
 * Writes a file whole or not at all: everything goes to a file beside it, reaches the disk, and takes the name in one step.
 * A crash leaves the old file and perhaps a temporary one; without `durable`, which saves a wait for the disk, a power cut may leave an empty one.
 */
export async function writeWhole(file: string, content: string | Uint8Array, durable = true): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}${temporarySuffix}`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(content);
      if (durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A run file that cannot be used; the message is one sentence for a person. */
export class RunFileError extends Error {
  override readonly name = 'RunFileError';
}

/** Reads and checks a run. Throws `RunFileError` when the file is missing, cut off or something else. */
export async function readRun(file: string): Promise<RunRecord> {
  const base = path.basename(file);
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new RunFileError(`The run file ${base} cannot be read: ${fileErrorWords(error)}.`);
  }
  return runOfText(content, base);
}

/** The run that the text of a file holds, checked; `base` names the file in messages. */
export function runOfText(content: string, base: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(content.startsWith('\uFEFF') ? content.slice(1) : content);
  } catch {
    throw new RunFileError(`The run file ${base} is damaged: it is not complete JSON.`);
  }
  const read = runOfJson(value);
  if ('run' in read) return read.run;
  throw new RunFileError(`The run file ${base} is damaged: ${faultText(read.fault)}.`);
}

/**
 * Writes a run into the folder of runs and gives the file.
 * @throws {RunFileError} when the run could not be read again: it names the field
 */
export async function writeRun(folder: string, run: RunRecord): Promise<string> {
  const fault = runFault(run);
  if (fault !== undefined) throw new RunFileError(`The run cannot be kept: ${faultText(fault)}.`);
  const file = runFile(folder, run.id);
  await writeWhole(file, JSON.stringify(run));
  return file;
}
