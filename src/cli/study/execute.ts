import { KernelMemoryError } from '../../core/base/kernels/kernels.ts';
import { createKernels } from '../../core/base/kernels/createKernels.ts';
import type { Kernels } from '../../core/base/kernels/kernels.ts';
import { ProblemError } from '../../core/base/problemError.ts';
import { DataError } from '../../core/data/dataError.ts';
import { nodeFoldThreads } from '../../platform/node/foldThreads.ts';
import { nodeFileSource, nodeSessionDeps } from '../../platform/node/nodeSession.ts';
import { createSession, type Session } from '../../session/session.ts';
import { fileErrorWords } from '../../core/base/fileErrors.ts';
import type { Claim } from '../../store/study/claims.ts';
import { type StudyFolder, tasksOfPlan } from '../../store/study/studyFolder.ts';
import type { StudyTask } from '../../study/plan.ts';
import { resultOf, type TaskResult } from '../../study/result.ts';
import { createPooledKernels } from '../../platform/node/kernelPool.ts';

/**
 * How a task went: it has a result (`done`, perhaps a refusal), somebody else works on it, it ended in an error that is noted in the folder, or
 * its result cannot be written, which no other task would fare better with.
 */
export type TaskOutcome = { readonly kind: 'done' | 'busy' } | NoResult;

interface NoResult {
  readonly kind: 'failed' | 'unwritable';
  readonly message: string;
}

/** Data files held ready at the same time. */
const sessionsKept = 4;

/** Runs tasks of one study, one after the other, in this process. Every task has its claim while it runs and leaves its result whole or not at all. */
export class TaskRunner {
  private readonly tasks: ReadonlyMap<string, StudyTask>;
  private readonly sessions = new Map<string, Session>();
  private readonly kernels: Kernels;
  private readonly threads: number;
  private readonly keepRuns: boolean;

  /** @throws {StudyFolderError} where the folder is none of a study */
  constructor(private readonly folder: StudyFolder) {
    const plan = folder.plan();
    this.tasks = new Map(tasksOfPlan(plan).map((task) => [task.key, task]));
    this.threads = plan.study.resources?.threads ?? 1;
    this.keepRuns = plan.study.keepRuns ?? true;
    this.kernels = this.threads === 1 ? createKernels({}) : createPooledKernels({ threads: this.threads });
  }

  async run(key: string): Promise<TaskOutcome> {
    const task = this.tasks.get(key);
    if (task === undefined) return { kind: 'failed', message: `there is no task ${key} in the plan` };
    if (this.folder.isDone(key)) return { kind: 'done' };
    let claim: Claim | null;
    try {
      claim = this.folder.claims.take(key);
    } catch (error) {
      return { kind: 'unwritable', message: fileErrorWords(error) };
    }
    if (claim === null) return { kind: 'busy' };
    try {
      // done between the look and the claim
      if (this.folder.isDone(key)) return { kind: 'done' };
      return await this.solve(task, claim);
    } finally {
      claim.release();
    }
  }

  dispose(): void {
    this.kernels.dispose();
  }

  private async solve(task: StudyTask, claim: Claim): Promise<TaskOutcome> {
    const begin = performance.now();
    const processor = process.cpuUsage();
    let found: Awaited<ReturnType<TaskRunner['train']>>;
    try {
      found = await this.train(task, claim, () => {
        const { user, system } = process.cpuUsage(processor);
        return { taskSeconds: (performance.now() - begin) / 1000, processorSeconds: (user + system) / 1e6 };
      });
    } catch (error) {
      this.sessions.delete(task.data.file);
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      try {
        await this.folder.fail(task.key, message);
      } catch (refused) {
        return { kind: 'unwritable', message: fileErrorWords(refused) };
      }
      return { kind: 'failed', message: message.split('\n', 1)[0] };
    }
    try {
      await this.folder.finish(found.result, this.keepRuns ? found.run : null);
      return { kind: 'done' };
    } catch (error) {
      return { kind: 'unwritable', message: fileErrorWords(error) };
    }
  }

  private async train(
    task: StudyTask,
    claim: Claim,
    times: () => Parameters<typeof resultOf>[3],
  ): Promise<{ readonly result: TaskResult; readonly run: Parameters<StudyFolder['finish']>[1] }> {
    const refused = (reason: string): { result: TaskResult; run: null } => ({
      result: { format: 'convexnet-result/1', key: task.key, outcome: 'refused', reason },
      run: null,
    });
    const control = {
      shouldStop: () => {
        claim.beat();
        return false;
      },
      now: () => performance.now() / 1000,
    };
    try {
      const session = await this.session(task.data.file);
      const record = await session.train(task.settings, silent, control);
      if (record.dataset.sha256 !== task.data.sha256)
        return refused(`${task.data.file} is not what it was when the study was planned`);
      // the same in every run of the study, and no other run's
      const run = { ...record, id: `study-${task.key}` };
      return { result: resultOf(task.key, task.solver, run, times()), run };
    } catch (error) {
      if (error instanceof DataError || error instanceof ProblemError || error instanceof KernelMemoryError)
        return refused(error.message);
      throw error;
    }
  }

  private async session(file: string): Promise<Session> {
    const known = this.sessions.get(file);
    if (known) return known;
    if (this.sessions.size >= sessionsKept) this.sessions.delete(this.sessions.keys().next().value!);
    const session = createSession(
      await nodeFileSource(file),
      nodeSessionDeps({ threads: this.threads, kernels: this.kernels, folds: nodeFoldThreads(this.threads) }),
    );
    this.sessions.set(file, session);
    return session;
  }
}

const silent = { progress: () => undefined, record: () => undefined };
