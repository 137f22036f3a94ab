import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { schemaWords } from '../../core/base/schemaWords.ts';
import { runFileEnd } from '../../shared/manifest.ts';
import type { RunRecord } from '../../shared/run.ts';
import { type StudyPlan, type StudyTask, tasksOf } from '../../study/plan.ts';
import { resultSchema, type TaskResult } from '../../study/result.ts';
import { studySchema } from '../../study/studyFile.ts';
import type { StudyRow } from '../../study/table.ts';
import { nodeFiles } from '../../platform/node/nodeFiles.ts';
import { temporarySuffix } from '../runFiles.ts';
import { Claims } from './claims.ts';

const dataFileSchema = v.object({ name: v.string(), file: v.string(), bytes: v.number(), sha256: v.string() });
const planSchema = v.object({
  format: v.literal('convexnet-plan/1'),
  study: studySchema,
  files: v.array(dataFileSchema),
});

const keysSchema = v.object({ of: v.string(), keys: v.array(v.string()) });
const failureSchema = v.object({ key: v.string(), message: v.string(), at: v.string() });
/** An attempt that ended neither in figures nor in a refusal; the task is tried again when the study goes on. */
export type TaskFailure = v.InferOutput<typeof failureSchema>;

/** A folder that is not one of a study, or a file in it that cannot be used; one sentence for a person. */
export class StudyFolderError extends Error {
  override readonly name = 'StudyFolderError';
}

export interface StudyStatus {
  readonly tasks: number;
  readonly done: number;
  /** Being worked on by somebody who lives. */
  readonly running: number;
  /** Ended by an error and not done since. */
  readonly failed: number;
}

const resultSuffix = '.json';
const keyPattern = /^[0-9a-f]{20}$/;

/** SHA-256 in hexadecimal digits. */
export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The tasks of a plan. @throws {StudyError} */
export function tasksOfPlan(plan: StudyPlan): StudyTask[] {
  return tasksOf(plan, hashOf);
}

/**
 * A study on disk, which is where its processes meet: `plan.json` says what there is to do, `results` has a file per task that has ended
 * (written whole or not at all), `runs` the records behind them, `claims` who works on what, `failures` the last error of tasks that ended in one.
 */
export class StudyFolder {
  readonly claims: Claims;
  private readonly read = new Map<string, TaskResult>();

  constructor(readonly folder: string) {
    this.claims = new Claims(this.at('claims'));
  }

  at(...names: string[]): string {
    return path.join(this.folder, ...names);
  }

  /** Whether there is a study in it. */
  exists(): boolean {
    return statSync(this.at('plan.json'), { throwIfNoEntry: false }) !== undefined;
  }

  /** Makes the folder, or gives it another plan: what was done for the former one and belongs to this one as well is not done again. */
  async write(plan: StudyPlan, tasks: readonly Pick<StudyTask, 'key'>[]): Promise<void> {
    for (const name of ['results', 'runs', 'claims', 'failures']) mkdirSync(this.at(name), { recursive: true });
    const content = `${JSON.stringify({ format: 'convexnet-plan/1', ...plan }, null, 1)}\n`;
    await nodeFiles.writeWhole(this.at('plan.json'), content);
    const keys = { of: hashOf(content), keys: tasks.map(({ key }) => key) };
    await nodeFiles.writeWhole(this.keyFile, JSON.stringify(keys));
  }

  /** The tasks of the plan by their keys alone, as they were written with it; where that is missing or of another plan, all are worked out. */
  listed(): readonly Pick<StudyTask, 'key'>[] {
    try {
      const { of, keys } = v.parse(keysSchema, JSON.parse(readFileSync(this.keyFile, 'utf8')));
      if (of === hashOf(readFileSync(this.at('plan.json'), 'utf8'))) return keys.map((key) => ({ key }));
    } catch {
      // written by an earlier version, or cut off
    }
    return tasksOfPlan(this.plan());
  }

  private get keyFile(): string {
    return this.at('keys.json');
  }

  /** @throws {StudyFolderError} */
  plan(): StudyPlan {
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(this.at('plan.json'), 'utf8'));
    } catch (error) {
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      throw new StudyFolderError(
        gone
          ? `${this.folder} is not the folder of a study: it has no plan.json`
          : `plan.json of ${this.folder} is damaged`,
      );
    }
    const parsed = v.safeParse(planSchema, value);
    if (parsed.success) return parsed.output;
    const [issue] = parsed.issues;
    throw new StudyFolderError(
      `plan.json of ${this.folder} cannot be used: ${v.getDotPath(issue) ?? 'file'}: ${schemaWords(issue)}`,
    );
  }

  /** Keys of all tasks that have ended, of this plan or another; looks at names alone. */
  ended(): ReadonlySet<string> {
    return new Set(this.keysIn('results', resultSuffix));
  }

  failedKeys(): readonly string[] {
    return this.keysIn('failures', '.json');
  }

  /** Looks at names alone, so it is there at once for ten thousand tasks. */
  status(tasks: readonly Pick<StudyTask, 'key'>[]): StudyStatus {
    const ended = this.ended();
    const keys = new Set(tasks.map(({ key }) => key));
    const open = (key: string): boolean => keys.has(key) && !ended.has(key);
    return {
      tasks: tasks.length,
      done: tasks.filter(({ key }) => ended.has(key)).length,
      running: this.claims.held().filter(open).length,
      failed: this.failedKeys().filter(open).length,
    };
  }

  isDone(key: string): boolean {
    return statSync(this.resultFile(key), { throwIfNoEntry: false }) !== undefined;
  }

  /** The record first: where there is a row, there is what it came from. @throws where the disk refuses */
  async finish(result: TaskResult, run: RunRecord | null): Promise<void> {
    if (run !== null) await nodeFiles.writeWhole(this.runFile(result.key), JSON.stringify(run));
    await nodeFiles.writeWhole(this.resultFile(result.key), `${JSON.stringify(result)}\n`);
    rmSync(this.at('failures', `${result.key}.json`), { force: true });
  }

  async fail(key: string, message: string): Promise<void> {
    const failure: TaskFailure = { key, message, at: new Date().toISOString() };
    await nodeFiles.writeWhole(this.at('failures', `${key}.json`), `${JSON.stringify(failure)}\n`, false);
  }

  /** The failures of these tasks. */
  failures(tasks: readonly Pick<StudyTask, 'key'>[]): ReadonlyMap<string, TaskFailure> {
    const keys = new Set(tasks.map(({ key }) => key));
    const found = new Map<string, TaskFailure>();
    for (const key of this.failedKeys()) {
      if (!keys.has(key)) continue;
      try {
        found.set(key, v.parse(failureSchema, JSON.parse(readFileSync(this.at('failures', `${key}.json`), 'utf8'))));
      } catch {
        // gone since it was listed
      }
    }
    return found;
  }

  /** So that these tasks are tried again. */
  forgetFailures(tasks: readonly Pick<StudyTask, 'key'>[]): void {
    for (const key of this.failures(tasks).keys()) rmSync(this.at('failures', `${key}.json`), { force: true });
  }

  /** A row for every task that has ended; what was read once is not read again. @throws {StudyFolderError} for a damaged file */
  async rows(tasks: readonly StudyTask[]): Promise<StudyRow[]> {
    const ended = this.ended();
    const wanted = tasks.filter(({ key }) => ended.has(key));
    const unread = wanted.filter(({ key }) => !this.read.has(key));
    for (let at = 0; at < unread.length; at += batch)
      await Promise.all(
        unread.slice(at, at + batch).map(async ({ key }) => this.read.set(key, await this.result(key))),
      );
    return wanted.map((task) => ({ task, result: this.read.get(task.key)! }));
  }

  resultFile(key: string): string {
    return this.at('results', key + resultSuffix);
  }

  runFile(key: string): string {
    return this.at('runs', key + runFileEnd);
  }

  /** Asks everybody who works on the study to stop, or takes that back. */
  get stopFile(): string {
    return this.at('stop');
  }

  stopAsked(): boolean {
    return statSync(this.stopFile, { throwIfNoEntry: false }) !== undefined;
  }

  /** Removes what a kill left half written, when nobody who lives can be writing it. */
  sweep(): void {
    const patience = 3_600_000;
    for (const folder of ['results', 'runs', 'failures']) {
      for (const name of readdirSync(this.at(folder))) {
        if (!name.endsWith(temporarySuffix)) continue;
        const stats = statSync(this.at(folder, name), { throwIfNoEntry: false });
        if (stats !== undefined && Date.now() - stats.mtimeMs > patience)
          rmSync(this.at(folder, name), { force: true });
      }
    }
  }

  private async result(key: string): Promise<TaskResult> {
    const file = this.resultFile(key);
    try {
      return v.parse(resultSchema, JSON.parse(await readFile(file, 'utf8')));
    } catch {
      throw new StudyFolderError(`${file} is damaged; remove it, and the study does that task again`);
    }
  }

  private keysIn(folder: string, suffix: string): string[] {
    let names: string[];
    try {
      names = readdirSync(this.at(folder));
    } catch {
      return [];
    }
    return names.flatMap((name) => {
      const key = name.slice(0, -suffix.length);
      return name.endsWith(suffix) && keyPattern.test(key) ? [key] : [];
    });
  }
}

/** Files that are read at the same time. */
const batch = 64;
