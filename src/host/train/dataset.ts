import { proxy } from 'comlink';
import * as vscode from 'vscode';
import { errorWords } from '../inLanguage.ts';
import type { HostPlatform } from '../../platform/platform.ts';
import type { TypedVerdict } from '../../shared/lesson.ts';
import type { StopMark } from '../../shared/stopFlag.ts';
import type { FormulaCells } from '../../core/data/formulaCells.ts';
import type { NewPredictions } from '../../session/predictOn.ts';
import type { Inspection, OriginalRows } from '../../session/session.ts';
import type { PanelSnapshot } from '../../shared/protocol.ts';
import type { TracePoint, TrainProgress } from '../../shared/run.ts';
import type { RunSummary } from '../../shared/runSummary.ts';
import type { TrainSettings } from '../../shared/settings.ts';
import type { DecomposedRun, ExportKind, Outcome, PanelRun, TaskError, TrainListener } from '../../worker/api.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { TextOrFile } from '../unsavedText.ts';
import { reachableAs, sourceSpec } from './remoteFile.ts';
import { TaskFailure, valueOf } from './taskFailure.ts';
import { WorkerClient } from './workerClient.ts';

/** A worker, with the data it has read and the last solution, is kept this long after the last panel of its file closed. */
const graceMs = 60_000;
/** A preview (slider) that takes longer than this is stopped for the next one; a quicker one may finish, so that something shows. */
const previewPatienceMs = 400;
/** Points of the live curve that are kept; beyond it every second one goes. */
const tracePoints = 2_000;

interface Job {
  readonly preview: boolean;
  readonly startedAt: number;
  stop(): void;
  readonly ended: Promise<void>;
}

type State = PanelSnapshot['state'];

/** One data file in this window: its worker, the task that runs, and the run that is shown. */
export class Dataset {
  private readonly changed = new vscode.EventEmitter<void>();
  /** Something that a snapshot shows is different. */
  readonly onDidChange = this.changed.event;
  private readonly progressed = new vscode.EventEmitter<TrainProgress>();
  readonly onDidProgress = this.progressed.event;

  private readonly client: WorkerClient;
  private job: Job | null = null;
  private looking: { stop(): void } | null = null;
  private request = 0;
  private graceTimer: NodeJS.Timeout | undefined;
  private users = 0;

  state: State = 'idle';
  run: PanelRun | null = null;
  progress: TrainProgress | null = null;
  trace: TracePoint[] = [];
  error: TaskError | null = null;
  /** The file is no longer what the run was trained on. */
  stale = false;
  /** The run that is shown could not be written to the folder of runs, and why; the worker holds it until the next one. */
  unsaved: string | null = null;
  /** Whether rows come from the editor's text instead of the file on disk. */
  private fromText: boolean;
  /** What was asked for last, whether it worked or not. */
  asked: TrainSettings | null = null;

  constructor(
    readonly uri: vscode.Uri,
    platform: HostPlatform,
    private readonly store: RunStore,
    log: vscode.LogOutputChannel,
  ) {
    this.fromText = uri.scheme === 'untitled';
    this.client = new WorkerClient(
      platform.program,
      store.folder,
      (api) => api.open(...reachableAs(uri, this.fromText ? 'text' : 'file')),
      log,
    );
  }

  /** From now on rows come from the text of the editor that has the file open, or from the file; what runs is stopped and kept first. */
  async readFrom(source: 'text' | 'file'): Promise<void> {
    const fromText = source === 'text' || this.uri.scheme === 'untitled';
    if (fromText === this.fromText) return;
    this.job?.stop();
    await this.job?.ended;
    this.fromText = fromText;
    // what a worker has read is of the other source
    this.client.end();
  }

  get name(): string {
    return sourceSpec(this.uri).name;
  }

  get training(): boolean {
    return this.job !== null;
  }

  /** When the task that runs began (ms since 1970), or null. */
  get startedAt(): number | null {
    return this.job?.startedAt ?? null;
  }

  /** Looks at the head of the file. */
  inspect(dialect?: TrainSettings['dialect']): Promise<Inspection> {
    const task = this.client.task((api, number) => api.inspect(number, dialect));
    this.looking = task;
    return task.done.then(valueOf).finally(() => {
      if (this.looking === task) this.looking = null;
    });
  }

  /** Trains and keeps the run. Undefined when a newer request took its place. */
  train(settings: TrainSettings): Promise<RunSummary | undefined> {
    this.asked = settings;
    return this.begin(false, (api, task, listener) => api.train(task, settings, listener));
  }

  /** The open run again with another beta. `final` false: a preview, which is not kept. */
  resolve(beta: number, final: boolean): Promise<RunSummary | undefined> {
    if (!this.run)
      throw new TaskFailure({ message: vscode.l10n.t('There is no run yet whose beta could be changed.') });
    const { record, summary } = this.run;
    const options = { final, settings: record.settings, of: summary.id };
    return this.begin(!final, (api, task, listener) => api.resolve(task, beta, options, listener));
  }

  /** Runs the stages that are missing of the open run, which a stop or the end of a window cut off. */
  complete(): Promise<RunSummary | undefined> {
    const { id } = this.openRun().summary;
    return this.begin(false, (api, task, listener) => api.complete(task, id, listener));
  }

  /** Judges other models beside the open run by the same cross-validation. */
  compareModels(): Promise<RunSummary | undefined> {
    const { id } = this.openRun().summary;
    return this.begin(false, (api, task, listener) => api.compareModels(task, id, listener));
  }

  /** Ends the task that runs; the best point reached is kept with its gap. */
  stop(): void {
    this.job?.stop();
  }

  /** Ends a look at the head of the file. */
  stopLooking(): void {
    this.looking?.stop();
  }

  /** Shows a run from disk. */
  async open(id: string): Promise<void> {
    const request = ++this.request;
    this.job?.stop();
    await this.job?.ended;
    const run = await this.store.load(id);
    if (request !== this.request) return;
    this.run = run;
    this.unsaved = null;
    this.state = 'done';
    this.error = null;
    this.changed.fire();
  }

  rows(indices: readonly number[]): Promise<OriginalRows> {
    return this.client.call((api) => api.rows(this.openRun().summary.id, indices)).then(valueOf);
  }

  export(what: ExportKind, formulas: FormulaCells = 'neutralize'): Promise<Uint8Array> {
    return this.client.call((api) => api.export(this.openRun().summary.id, what, formulas)).then(valueOf);
  }

  /** The network of the open run on another file, or on the text of its editor. */
  predict(
    file: vscode.Uri,
    formulas: FormulaCells = 'neutralize',
    source: TextOrFile = file.scheme === 'untitled' ? 'text' : 'file',
  ): { readonly done: Promise<NewPredictions>; stop(): void } {
    const { id } = this.openRun().summary;
    const task = this.client.task((api, number) => api.predict(number, id, ...reachableAs(file, source), formulas));
    return { done: task.done.then(valueOf), stop: () => task.stop() };
  }

  /** A network that somebody typed, on the problem of the run `id`. */
  judgeTyped(id: string, text: string): Promise<TypedVerdict> {
    return this.client.task((api, task) => api.judgeTyped(task, id, text)).done.then(valueOf);
  }

  /** The open gated run as a ReLU network; it can be stopped. */
  decompose(): { readonly done: Promise<DecomposedRun>; stop(): void } {
    const { id } = this.openRun().summary;
    const task = this.client.task((api, number) => api.decompose(number, id));
    return { done: task.done.then(valueOf), stop: () => task.stop() };
  }

  setStale(stale: boolean): void {
    if (this.stale === stale) return;
    this.stale = stale;
    this.changed.fire();
  }

  /** A panel or a command needs the worker; give it back by disposing. */
  use(): vscode.Disposable {
    this.users++;
    clearTimeout(this.graceTimer);
    let given = false;
    return new vscode.Disposable(() => {
      if (given) return;
      given = true;
      if (--this.users > 0) return;
      this.graceTimer = setTimeout(() => {
        if (!this.job) this.client.end();
      }, graceMs);
    });
  }

  dispose(): void {
    clearTimeout(this.graceTimer);
    this.client.dispose();
    this.changed.dispose();
    this.progressed.dispose();
  }

  private openRun(): PanelRun {
    if (!this.run) throw new TaskFailure({ message: vscode.l10n.t('There is no run yet.') });
    return this.run;
  }

  /** Runs one task at a time; a newer request stops the one that runs, and requests in between are dropped. */
  private async begin(
    preview: boolean,
    ask: (
      api: Parameters<Parameters<WorkerClient['call']>[0]>[0],
      task: StopMark,
      listener: TrainListener,
    ) => Promise<Outcome<RunSummary>>,
  ): Promise<RunSummary | undefined> {
    const request = ++this.request;
    const before = this.job;
    if (before) {
      const patience = preview && before.preview ? previewPatienceMs - (Date.now() - before.startedAt) : 0;
      const timer = setTimeout(() => before.stop(), Math.max(0, patience));
      await before.ended;
      clearTimeout(timer);
    }
    if (request !== this.request) return undefined;

    const inUse = this.use();
    const superseded = (): boolean => request !== this.request && !preview;
    let kept = false;
    const listener = proxy({
      progress: (progress: TrainProgress) => {
        if (superseded()) return;
        this.progress = progress;
        if (progress.point) this.addTracePoint(progress.point);
        this.progressed.fire(progress);
      },
      record: (run: PanelRun) => {
        if (superseded()) return;
        this.run = run;
        this.stale = false;
        this.changed.fire();
      },
      // taken up as soon as it is on disk, so that the end of the window loses no solved run
      stored: async (summary: RunSummary) => {
        if (superseded()) return;
        kept = true;
        await this.store.add(summary);
        this.changed.fire();
      },
    });
    const running = this.client.task((api, task) => ask(api, task, listener));
    let end: () => void = () => undefined;
    this.job = {
      preview,
      startedAt: Date.now(),
      stop: () => running.stop(),
      ended: new Promise((resolve) => (end = resolve)),
    };
    this.state = 'training';
    this.error = null;
    this.progress = null;
    this.trace = [];
    this.changed.fire();
    try {
      const outcome = await running.done;
      const summary = valueOf(outcome);
      this.unsaved = outcome.unsaved ?? null;
      if (!preview && this.unsaved === null) {
        if (superseded() && summary.status === 'cancelled' && !kept) await this.store.discard(summary.id);
        else await this.store.add(summary);
      }
      this.state = 'done';
      return summary;
    } catch (error) {
      if (error instanceof TaskFailure && error.detail.stopped) {
        this.state = this.run ? 'done' : 'idle';
        return undefined;
      }
      this.state = 'failed';
      this.error = error instanceof TaskFailure ? error.detail : { message: errorWords(error) };
      throw error;
    } finally {
      this.job = null;
      this.progress = null;
      end();
      inUse.dispose();
      if (request === this.request) this.changed.fire();
    }
  }

  private addTracePoint(point: TracePoint): void {
    this.trace.push(point);
    if (this.trace.length > tracePoints) this.trace = this.trace.filter((_, i) => i % 2 === 0 || i > tracePoints / 2);
  }
}
