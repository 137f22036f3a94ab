import { parentPort, Worker, workerData } from 'node:worker_threads';
import { KernelMemoryError } from '../core/base/kernels/kernels.ts';
import { ProblemError } from '../core/base/problemError.ts';
import type { Control, SolverProgress } from '../core/base/control.ts';
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

type Report =
  | { readonly kind: 'progress'; readonly progress: SolverProgress }
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

/** A task as the worker knows it. */
export type Task = (input: never, control: Control) => unknown;

/** Between two progress reports, in seconds. */
const reportEvery = 0.1;

/** Starts the job; resolves to what the task returned. Wrong input is a UsageError. */
export function runInBackground(job: BackgroundJob, onProgress?: (progress: SolverProgress) => void): Promise<unknown> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(__filename, { workerData: { job, stop, progress: onProgress !== undefined } });
  const off = onStop(() => void Atomics.store(stop, 0, 1));
  return new Promise<unknown>((resolve, reject) => {
    worker.on('message', (report: Report) => {
      switch (report.kind) {
        case 'progress':
          onProgress?.(report.progress);
          break;
        case 'done':
          resolve(report.output);
          break;
        case 'refused':
          reject(new UsageError(report.message));
          break;
        case 'failed':
          reject(new Error(report.message));
          break;
      }
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      reject(new Error(`the computation ended without a result (status ${code})`));
    });
  }).finally(off);
}

/** The worker's side: runs the named task and reports. */
export async function serveBackground(tasks: Readonly<Record<string, Task>>): Promise<void> {
  const { job, stop, progress } = workerData as { job: BackgroundJob; stop: Int32Array; progress: boolean };
  const port = parentPort!;
  const send = (report: Report): void => {
    port.postMessage(report);
  };
  const now = (): number => performance.now() / 1000;
  let reported = -Infinity;
  const control: Control = {
    shouldStop: () => Atomics.load(stop, 0) !== 0,
    now,
    report: progress
      ? (state) => {
          if (now() - reported < reportEvery) return;
          reported = now();
          send({ kind: 'progress', progress: state });
        }
      : undefined,
  };
  try {
    send({ kind: 'done', output: await tasks[job.task](job.input as never, control) });
  } catch (error) {
    const refused = error instanceof UsageError || error instanceof ProblemError || error instanceof KernelMemoryError;
    if (refused) send({ kind: 'refused', message: error.message });
    else send({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
