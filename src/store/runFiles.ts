import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { gapMatches } from '../core/problem/gap.ts';
import type { RunRecord } from '../shared/run.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
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
 * A crash leaves the old file and perhaps a temporary one.
 */
export async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}${temporarySuffix}`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Every gap of a solution is that of the numbers it is shown with: a run that claims more than they say is not shown. */
function gapsAgree({ objective, dualBound, relativeGap, global }: ClaimedGaps): boolean {
  return (
    (dualBound === null || relativeGap === null || gapMatches(relativeGap, objective, dualBound)) &&
    (global === undefined || gapMatches(global.relativeGap, objective, global.lowerBound))
  );
}

interface ClaimedGaps {
  readonly objective: number;
  readonly dualBound: number | null;
  readonly relativeGap: number | null;
  readonly global?: { readonly lowerBound: number; readonly relativeGap: number } | undefined;
}

const numbers = v.array(v.number());
const text = v.string();

/**
 * As much of a run as has to hold before anything is drawn from it. JSON has no infinities: a number that was not finite
 * comes back as null, which is let through only where a run may have one.
 */
const runSchema = v.pipe(
  v.looseObject({
    format: v.literal('convexnet-run/1', 'it is not a run of this version'),
    id: runIdSchema,
    label: text,
    createdAt: text,
    version: text,
    dataset: v.looseObject({
      uri: text,
      name: text,
      bytes: v.number(),
      sha256: text,
      columns: v.array(v.looseObject({ name: text, kind: text, role: text })),
      warnings: v.array(text),
    }),
    settings: trainSettingsSchema,
    resolved: v.looseObject({
      target: text,
      task: text,
      loss: text,
      classes: v.array(text),
      beta: v.number(),
      betaMax: v.number(),
      trainRows: v.number(),
      outputs: v.pipe(v.number(), v.integer(), v.minValue(1)),
    }),
    scaling: v.looseObject({
      inputs: v.array(
        v.looseObject({
          name: text,
          column: text,
          mean: v.number(),
          scale: v.number(),
          // not in runs of earlier versions
          other: v.optional(text),
          date: v.optional(v.boolean()),
          fill: v.optional(v.number()),
        }),
      ),
      target: v.object({ mean: v.number(), scale: v.number() }),
    }),
    solution: v.looseObject({
      status: text,
      objective: v.number(),
      dualBound: v.nullable(v.number()),
      relativeGap: v.nullable(v.number()),
      global: v.optional(v.looseObject({ lowerBound: v.number(), relativeGap: v.number() })),
      // not in runs of earlier versions: then nothing is said about other optimal networks
      optimalSet: v.optional(
        v.looseObject({ scope: v.picklist(['proven', 'found']), directions: v.optional(v.number()) }),
      ),
    }),
    trace: v.array(v.looseObject({ seconds: v.number(), objective: v.nullable(v.number()) })),
    neurons: v.array(
      v.looseObject({
        id: v.number(),
        weights: numbers,
        outer: numbers,
        norm: v.number(),
        on: text,
        presence: v.optional(v.picklist(['every', 'not every', 'unknown'])),
      }),
    ),
    gates: v.looseObject({ count: v.number(), constraint: numbers, norm: numbers }),
    rows: v.looseObject({ line: numbers, split: numbers, target: numbers, prediction: numbers, dual: numbers }),
    metrics: v.array(v.looseObject({ model: text, measure: text })),
    notes: v.array(text),
  }),
  v.check(
    ({ rows, resolved }) =>
      rows.split.length === rows.line.length &&
      rows.target.length === rows.line.length &&
      rows.prediction.length === rows.line.length * resolved.outputs,
    'its tables have different lengths',
  ),
  v.check(({ solution }) => gapsAgree(solution), 'a gap is not that of the objective and the bound beside it'),
);

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
    throw new RunFileError(`The run file ${base} cannot be read: ${(error as Error).message}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    throw new RunFileError(`The run file ${base} is damaged: it is not complete JSON.`);
  }
  const parsed = v.safeParse(runSchema, value);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const at = v.getDotPath(issue);
    throw new RunFileError(`The run file ${base} is damaged: ${at ? `${at}: ` : ''}${issue.message}.`);
  }
  return value as RunRecord;
}

/** Writes a run into the folder of runs and gives the file. */
export async function writeRun(folder: string, run: RunRecord): Promise<string> {
  const file = runFile(folder, run.id);
  if (!gapsAgree(run.solution)) throw new RangeError('a gap is not that of the objective and the bound beside it');
  await writeWhole(file, JSON.stringify(run));
  return file;
}
