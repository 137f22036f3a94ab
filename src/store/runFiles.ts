import * as v from 'valibot';
import { fileErrorWords } from '../core/base/fileErrors.ts';
import type { WorkerFiles } from '../platform/platform.ts';
import type { RunRecord } from '../shared/run.ts';
import { faultText, runFault, runOfJson } from '../shared/runSchema.ts';
import { runIdSchema } from '../shared/runSummary.ts';

const suffix = '.run.json';

/** The file that holds a run. The id is checked because it comes from files and messages and becomes part of a path. */
export function runFile(folder: string, id: string): string {
  return `${folder}/${v.parse(runIdSchema, id)}${suffix}`;
}

/** The run id that a file name stands for, or null when the file is not a run. */
export function runIdOf(fileName: string): string | null {
  return fileName.endsWith(suffix) ? fileName.slice(0, -suffix.length) : null;
}

/** Of files that are being written. */
export const temporarySuffix = '.tmp';

/** A run file that cannot be used; the message is one sentence for a person. */
export class RunFileError extends Error {
  override readonly name = 'RunFileError';
}

/** Reads and checks a run. Throws `RunFileError` when the file is missing, cut off or something else. */
export async function readRun(file: string, files: Pick<WorkerFiles, 'read'>): Promise<RunRecord> {
  const base = /[^/\\]*$/.exec(file)![0];
  let content: string;
  try {
    content = await files.read(file);
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
export async function writeRun(
  folder: string,
  run: RunRecord,
  files: Pick<WorkerFiles, 'writeWhole'>,
): Promise<string> {
  const fault = runFault(run);
  if (fault !== undefined) throw new RunFileError(`The run cannot be kept: ${faultText(fault)}.`);
  const file = runFile(folder, run.id);
  await files.writeWhole(file, JSON.stringify(run));
  return file;
}
