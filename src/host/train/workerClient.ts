import { editorLanguage } from '../inLanguage.ts';
import { wrap, type Remote } from 'comlink';
import * as vscode from 'vscode';
import type { WorkerProgram, WorkerThread } from '../../platform/platform.ts';
import type { StopMark, Stops } from '../../shared/stopFlag.ts';
import type { WorkerApi } from '../../worker/api.ts';
import { describe } from '../log.ts';

/** A stop is answered within some 20 ms of work; one that is not within this time means that the worker hangs. */
const stopPatienceMs = 5_000;

/** The worker ended, or had to be ended, before it answered. */
export class WorkerGone extends Error {
  override readonly name = 'WorkerGone';
}

interface Running {
  readonly worker: WorkerThread;
  readonly api: Remote<WorkerApi>;
  /** Rejects when the worker ends. */
  readonly gone: Promise<never>;
}

/**
 * The host's end of one worker. Starts it when it is first needed and again after it died; a stop is something that the worker sees in the
 * middle of its loops.
 */
export class WorkerClient {
  private running: Running | null = null;
  private readonly stops: Stops;
  private disposed = false;

  constructor(
    private readonly program: WorkerProgram,
    private readonly runFolder: string,
    /** What a new worker has to be told first. */
    private readonly prepare: (api: Remote<WorkerApi>) => Promise<void>,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.stops = program.createStops();
  }

  async call<T>(ask: (api: Remote<WorkerApi>) => Promise<T>): Promise<T> {
    if (this.disposed) throw new WorkerGone(vscode.l10n.t('The worker has been closed.'));
    this.running ??= this.start();
    const { api, gone } = this.running;
    return Promise.race([ask(api), gone]);
  }

  /** Runs a task that can be stopped; `stop` may be called at any time, also before the task has begun. */
  task<T>(ask: (api: Remote<WorkerApi>, mark: StopMark) => Promise<T>): { readonly done: Promise<T>; stop(): void } {
    const mark = this.stops.begin();
    let patience: NodeJS.Timeout | undefined;
    const done = this.call((api) => ask(api, mark)).finally(() => {
      clearTimeout(patience);
      this.stops.end(mark);
    });
    const stop = (): void => {
      if (patience) return;
      this.stops.stop(mark);
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
    running?.worker.terminate();
  }

  dispose(): void {
    this.disposed = true;
    this.end();
  }

  private start(): Running {
    const worker = this.program.start({ folder: this.runFolder, ...editorLanguage() });
    const api = wrap<WorkerApi>(worker.endpoint);
    const gone = new Promise<never>((_, reject) => {
      worker.onEnd((reason, error) => {
        if (error !== undefined) this.log.error(`Worker: ${describe(error)}`);
        if (this.running?.worker === worker) this.running = null;
        reject(new WorkerGone(reason));
      });
    });
    gone.catch(() => undefined); // a worker may end with nothing asked of it
    const ready = this.prepare(api);
    ready.catch((error: unknown) => this.log.error(`Worker: ${describe(error)}`));
    return { worker, api, gone };
  }
}
