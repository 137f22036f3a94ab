import { Worker } from 'node:worker_threads';
import { wrap, type Remote } from 'comlink';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import * as vscode from 'vscode';
import { createStopFlag, stopTask } from '../../shared/stopFlag.ts';
import type { WorkerApi, WorkerData } from '../../worker/api.ts';
import { describe } from '../log.ts';

/** A stop is answered within some 20 ms of work; one that is not within this time means that the worker hangs. */
const stopPatienceMs = 5_000;

/** The worker ended, or had to be ended, before it answered. */
export class WorkerGone extends Error {
  override readonly name = 'WorkerGone';
}

interface Running {
  readonly worker: Worker;
  readonly api: Remote<WorkerApi>;
  /** Rejects when the worker ends. */
  readonly gone: Promise<never>;
}

/**
 * The host's end of one worker thread. Starts it when it is first needed and again after it died; a stop is a write into
 * shared memory, which the worker sees in the middle of its loops.
 */
export class WorkerClient {
  private running: Running | null = null;
  private readonly stopFlag = createStopFlag();
  private lastTask = 0;
  private disposed = false;

  constructor(
    private readonly workerFile: string,
    private readonly runFolder: string,
    /** What a new worker has to be told first. */
    private readonly prepare: (api: Remote<WorkerApi>) => Promise<void>,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  async call<T>(ask: (api: Remote<WorkerApi>) => Promise<T>): Promise<T> {
    if (this.disposed) throw new WorkerGone('The worker has been closed.');
    this.running ??= this.start();
    const { api, gone } = this.running;
    return Promise.race([ask(api), gone]);
  }

  /** Runs a task that can be stopped; `stop` may be called at any time, also before the task has begun. */
  task<T>(ask: (api: Remote<WorkerApi>, task: number) => Promise<T>): { readonly done: Promise<T>; stop(): void } {
    const task = ++this.lastTask;
    let patience: NodeJS.Timeout | undefined;
    const done = this.call((api) => ask(api, task)).finally(() => clearTimeout(patience));
    const stop = (): void => {
      if (patience) return;
      stopTask(this.stopFlag, task);
      patience = setTimeout(() => {
        this.log.error('The worker did not answer a stop and was ended.');
        this.end();
      }, stopPatienceMs);
    };
    return { done, stop };
  }

  /** Ends the worker; the next call starts another. */
  end(): void {
    const running = this.running;
    this.running = null;
    void running?.worker.terminate();
  }

  dispose(): void {
    this.disposed = true;
    this.end();
  }

  private start(): Running {
    const workerData: WorkerData = { folder: this.runFolder, stopFlag: this.stopFlag };
    const worker = new Worker(this.workerFile, { workerData, name: 'convex-network' });
    const api = wrap<WorkerApi>(nodeEndpoint(worker));
    const gone = new Promise<never>((_, reject) => {
      const fail = (reason: string): void => {
        if (this.running?.worker === worker) this.running = null;
        reject(new WorkerGone(reason));
      };
      worker.once('error', (error) => {
        this.log.error(`Worker: ${describe(error)}`);
        fail(
          (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? vscode.l10n.t(
                'The worker ran out of memory. The setting "Convex Net: Max Rows" trains on a sample of the rows.',
              )
            : vscode.l10n.t('The worker failed: {0}', error.message),
        );
      });
      worker.once('exit', (code) => fail(vscode.l10n.t('The worker ended ({0}).', code)));
    });
    gone.catch(() => undefined); // a worker may end with nothing asked of it
    worker.unref();
    const ready = this.prepare(api);
    ready.catch((error: unknown) => this.log.error(`Worker: ${describe(error)}`));
    return { worker, api, gone };
  }
}
