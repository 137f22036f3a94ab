import { parentPort, Worker, workerData } from 'node:worker_threads';
import { expose, proxy, releaseProxy, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import { KernelMemoryError } from '../core/base/kernels/kernels.ts';
import { ProblemError } from '../core/base/problemError.ts';
import type { Control, SolverProgress } from '../core/base/control.ts';
import { sharedControl, type SharedMark, SharedStops } from '../shared/stopFlag.ts';
import { onStop } from './signals.ts';
import { UsageError } from './usage.ts';

/**
 * Runs a computation in a worker thread, so that the main thread stays free for signals (a solve is one synchronous call).
 * The bundle starts itself as the worker; what to run goes by name. Ctrl-C raises a flag that the computation polls.
 */
export interface BackgroundJob {
  readonly task: string;
  /** Cloned into the worker. */
  readonly input: unknown;
}

/** How a task ended. Errors cross as values, because a thrown one would lose its class. */
type Ending =
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

/** What the worker offers (through comlink). */
interface BackgroundApi {
  run(job: BackgroundJob, onProgress: OnProgress | null): Promise<Ending>;
}

interface BackgroundData {
  readonly mark: SharedMark;
}

/** A task as the worker knows it. */
export type Task = (input: never, control: Control) => unknown;

type Tasks = Readonly<Record<string, Task>>;
type OnProgress = (progress: SolverProgress) => void;

/** Between two progress reports, in seconds. */
const reportEvery = 0.1;

let tasksHere: Tasks | undefined;

/** From now on jobs run on the thread that asks: for a program that stays and is asked again and again. */
export function runJobsHere(tasks: Tasks): void {
  tasksHere = tasks;
}

/** Starts the job; resolves to what the task returned. Wrong input is a UsageError. `signal` stops this job as Ctrl-C stops all. */
export async function runInBackground(
  job: BackgroundJob,
  onProgress?: OnProgress,
  signal?: AbortSignal,
): Promise<unknown> {
  const stops = new SharedStops();
  const mark = stops.begin();
  const halt = (): void => stops.stop(mark);
  const off = onStop(halt);
  signal?.addEventListener('abort', halt);
  if (signal?.aborted === true) halt();
  try {
    const ending =
      tasksHere === undefined
        ? await inWorker(mark, job, onProgress)
        : structuredClone(await endingOf(tasksHere, mark, structuredClone(job), onProgress)); // as between threads
    switch (ending.kind) {
      case 'done':
        return ending.output;
      case 'refused':
        throw new UsageError(ending.message);
      case 'failed':
        throw new Error(ending.message);
    }
  } finally {
    off();
    signal?.removeEventListener('abort', halt);
  }
}

/** A worker runs one job in its life. */
async function inWorker(mark: SharedMark, job: BackgroundJob, onProgress: OnProgress | undefined): Promise<Ending> {
  const workerData: BackgroundData = { mark };
  const worker = new Worker(__filename, { workerData });
  const ended = new Promise<never>((_, reject) => {
    worker.on('error', reject);
    worker.on('exit', (code) => {
      reject(new Error(`the computation ended without a result (status ${code})`));
    });
  });
  // a report may come after the answer, which takes another channel
  let listening = true;
  const report = onProgress && proxy((progress: SolverProgress) => void (listening && onProgress(progress)));
  const api = wrap<BackgroundApi>(nodeEndpoint(worker));
  try {
    return await Promise.race([api.run(job, report ?? null), ended]);
  } finally {
    listening = false;
    // held until here: the worker ends when its proxy is collected
    api[releaseProxy]();
    ended.catch(() => undefined);
    await worker.terminate();
  }
}

/** The worker's side: runs the named task and reports. */
export function serveBackground(tasks: Tasks): void {
  const { mark } = workerData as BackgroundData;
  const api: BackgroundApi = {
    async run(job, onProgress) {
      try {
        return await endingOf(tasks, mark, job, onProgress ?? undefined);
      } finally {
        (onProgress as { [releaseProxy]?: () => void } | null)?.[releaseProxy]?.();
      }
    },
  };
  expose(api, nodeEndpoint(parentPort!));
}

/** Runs the named task, which reports now and then; an error is an ending as well. */
async function endingOf(
  tasks: Tasks,
  mark: SharedMark,
  { task, input }: BackgroundJob,
  onProgress: OnProgress | undefined,
): Promise<Ending> {
  const control = sharedControl(mark);
  let reported = -Infinity;
  const report = (state: SolverProgress): void => {
    if (control.now() - reported < reportEvery) return;
    reported = control.now();
    onProgress?.(state);
  };
  try {
    return { kind: 'done', output: await tasks[task](input as never, onProgress ? { ...control, report } : control) };
  } catch (error) {
    const refused = error instanceof UsageError || error instanceof ProblemError || error instanceof KernelMemoryError;
    if (refused) return { kind: 'refused', message: error.message };
    return { kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
