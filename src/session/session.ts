import { columnNamed } from '../core/data/columnNames.ts';
import { DataError } from '../core/data/dataError.ts';
import { prepareData, type PreparedData } from '../core/data/prepareData.ts';
import { readTable, ReadStopped } from '../core/data/reader.ts';
import type { FileSource } from '../core/data/source.ts';
import { ProofError, writeProof } from '../core/family/proofFile.ts';
import type { ConicBound } from '../core/certify/conic/conicBound.ts';
import { networkOfRun } from './runNetwork.ts';
import { problemFile } from '../core/problem/exportProblem.ts';
import type { Problem } from '../core/problem/problem.ts';
import { ProblemError } from '../core/base/problemError.ts';
import { type Control, uncontrolled } from '../core/base/control.ts';
import type { TypedVerdict } from '../shared/lesson.ts';
import { boundOverFamily } from '../shared/verdict.ts';
import { NetworkError } from '../core/network/formats/networkError.ts';
import { judgeTyped } from './lesson/typedNetwork.ts';
import type { ModelComparisonRecord } from '../shared/modelComparison.ts';
import type { RunRecord, TrainProgress } from '../shared/run.ts';
import { isOfTestFile, partCount, placeInFiles } from '../shared/runView.ts';
import { modelTraits } from '../shared/models.ts';
import { memoryBytesOf, type TrainSettings } from '../shared/settings.ts';
import { type SessionDeps, type SessionListener, TrainStopped } from './context.ts';
import { type Decomposition, decomposeRun } from './decompose.ts';
import type { Draft, LoadedTable, Prepared } from './draft.ts';
import { inspectTable, type Inspection } from './inspection.ts';
import { fileChange, loadTable, openTest } from './read.ts';
import { type OriginalRows, readLines } from './rows.ts';
import { runStages } from './stages/pipeline.ts';
import { compareModels } from './stages/models.ts';
import { closer } from './stages/solve.ts';
import { findBetaMax, trainingProblem } from './trainingProblem.ts';

export { type SessionDeps, type SessionListener, TrainStopped };

export interface ResolveOptions {
  readonly final: boolean;
  readonly settings?: TrainSettings;
  /** The run whose beta is changed, where this session may not have trained it: its path and threshold are taken over. */
  readonly from?: RunRecord;
}

/** What a run is asked to be. */
interface Asked {
  readonly settings: TrainSettings;
  readonly beta: number;
  readonly preview?: boolean;
  /** The run that it completes. */
  readonly of?: RunRecord;
}

/** Everything that can be done with one data file. Errors about the data are `DataError`s (message, line, column). */
export interface Session {
  /** The last record, complete or not. */
  readonly run: RunRecord | null;
  /** What a training form is prefilled with, from the first rows of the file only. */
  /** Looks at the first rows of the file. @throws {TrainStopped} when stopped */
  inspect(dialect?: TrainSettings['dialect'], control?: Control): Promise<Inspection>;
  /**
   * Reads (when not read yet or changed), encodes, solves, certifies; then path and comparison. A stop gives a valid, marked
   * record; one that comes before the solve has begun raises `TrainStopped`.
   */
  train(settings: TrainSettings, listener: SessionListener, control: Control): Promise<RunRecord>;
  /** What settings give to train on, without solving: the data as they are encoded, and the training problem on them at the beta asked for. */
  problem(
    settings: TrainSettings,
    control: Control,
  ): Promise<{ readonly data: PreparedData; readonly problem: Problem }>;
  /**
   * The last run again with another beta, from the last solution. Not final: the solution alone (keeping the path, which does
   * not depend on beta); final: comparison as well. Without an earlier run `settings` are needed.
   */
  resolve(beta: number, options: ResolveOptions, listener: SessionListener, control: Control): Promise<RunRecord>;
  /**
   * Runs what is missing of a run of this file (stages that a stop or a closed window cut off): solved again at its beta, under its id, with its
   * complete path taken over.
   */
  complete(run: RunRecord, listener: SessionListener, control: Control): Promise<RunRecord>;
  /**
   * Judges other models beside a run of this file by the same cross-validation of beta, under its id. A stop keeps the models that are done, with a note.
   * @throws {DataError} where the file has changed since
   */
  compareModels(run: RunRecord, listener: SessionListener, control: Control): Promise<RunRecord>;
  /** Original cells of rows of a run of this file (the last one when left out). */
  rows(indices: readonly number[], run?: RunRecord): Promise<OriginalRows>;
  /**
   * The training problem of a run of this file (the last one when left out) in the problem format. The other exports need the
   * record only: `exportRun` (exportRun.ts).
   */
  exportProblem(run?: RunRecord): Promise<string>;
  /**
   * A proof file of a two-layer ReLU run of this file (null: the last one), which anyone can check without a solver; its relaxation runs for
   * the run's `certifySeconds` where it is not at hand. @throws {DataError} where there is none
   */
  exportProof(run: RunRecord | null, control: Control): Promise<string>;
  /** A network that somebody typed on the problem of a ReLU run of this file. @throws {DataError} saying what is wrong with it */
  judgeTyped(run: RunRecord, text: string, control: Control): Promise<TypedVerdict>;
  /** The ReLU network of a gated run of this file (null: the last one). Raises `TrainStopped` when stopped. */
  decompose(run: RunRecord | null, control: Control): Promise<Decomposition>;
}

export type { Inspection, OriginalRows };

/** Rows of the head of a file that `inspect` looks at. */
const inspectedRows = 2000;
/** Original rows kept for the next request. */
const cachedRows = 5000;

export function createSession(source: FileSource, deps: SessionDeps): Session {
  return new FileSession(source, deps);
}

class FileSession implements Session {
  run: RunRecord | null = null;
  private loaded: LoadedTable | null = null;
  private trained: Prepared | null = null;
  /** By place (`placeInFiles`). */
  private readonly cells = new Map<string, readonly string[]>();
  private cellsOf = '';
  /** What the proof of the last solve left behind for a proof file. */
  private proved: { readonly run: RunRecord; readonly conic: ConicBound | undefined } | undefined;
  private counter = 0;

  constructor(
    private readonly source: FileSource,
    private readonly deps: SessionDeps,
  ) {}

  async inspect(dialect?: TrainSettings['dialect'], control: Control = uncontrolled): Promise<Inspection> {
    try {
      const table = await readTable(this.source, { headRows: inspectedRows, dialect }, control);
      return inspectTable(table, this.source.size, control);
    } catch (error) {
      if (error instanceof ReadStopped) throw new TrainStopped('Stopped before the file was looked through.');
      throw error;
    }
  }

  async train(settings: TrainSettings, listener: SessionListener, control: Control): Promise<RunRecord> {
    const trained = await this.prepare(settings, listener, control);
    return await this.finish(trained, { settings, beta: betaOf(settings, trained) }, listener, control);
  }

  async complete(run: RunRecord, listener: SessionListener, control: Control): Promise<RunRecord> {
    const settings: TrainSettings = { ...run.settings, beta: { kind: 'absolute', value: run.resolved.beta } };
    const trained = await this.trainedFor(settings, run, listener, control);
    this.checkUnchanged(trained.loaded, run, 'what is missing of it cannot be run');
    return await this.finish(trained, { settings: run.settings, beta: run.resolved.beta, of: run }, listener, control);
  }

  async compareModels(run: RunRecord, listener: SessionListener, control: Control): Promise<RunRecord> {
    const trained = await this.trainedFor(run.settings, run, listener, control);
    this.checkUnchanged(trained.loaded, run, 'no other models can be compared with it');
    const { beta } = run.resolved;
    const withModels = (models: ModelComparisonRecord, notes: readonly string[] = []): RunRecord => {
      const missing = (run.missing ?? []).filter((stage) => stage !== 'models' || !models.complete);
      this.run = {
        ...run,
        models,
        notes: [...run.notes, ...notes],
        missing: missing.length === 0 ? undefined : missing,
        revision: (run.revision ?? 0) + 1 + models.models.length,
      };
      return this.run;
    };
    const own = { ...run, beta, active: partCount(run) };
    const base = { ...trained, problem: { ...trained.problem, beta }, preview: false };
    const { record, notes } = await this.namingAsync(() =>
      compareModels(base, own, { deps: this.deps, listener, control }, (models) => listener.record(withModels(models))),
    );
    this.trained = { ...trained, models: record };
    return withModels(record, notes);
  }

  async problem(
    settings: TrainSettings,
    control: Control,
  ): Promise<{ readonly data: PreparedData; readonly problem: Problem }> {
    const silent: SessionListener = { progress: () => undefined, record: () => undefined };
    const trained = await this.prepare(settings, silent, control);
    return { data: trained.data, problem: { ...trained.problem, beta: betaOf(settings, trained) } };
  }

  async resolve(
    beta: number,
    options: ResolveOptions,
    listener: SessionListener,
    control: Control,
  ): Promise<RunRecord> {
    const settings = options.settings ?? this.trained?.settings;
    if (settings === undefined) throw new DataError('settings', 'nothing was trained yet');
    const trained = await this.trainedFor(settings, options.from, listener, control);
    const asked: TrainSettings = { ...settings, beta: { kind: 'absolute', value: beta } };
    return await this.finish(trained, { settings: asked, beta, preview: !options.final }, listener, control);
  }

  async rows(indices: readonly number[], run: RunRecord | null = this.run): Promise<OriginalRows> {
    if (run === null) throw new DataError('settings', 'nothing was trained yet');
    const header = run.dataset.columns.map(({ name }) => name);
    const lines = indices.map((index) => run.rows.line[index]);
    const unknown = indices.find((index) => run.rows.line[index] === undefined);
    if (unknown !== undefined) throw new DataError('settings', `the run has no row ${unknown}`);
    if (lines.length === 0) return { header, rows: [] };
    const stamp = await this.source.stat();
    const { test, delimiter, encoding } = run.dataset;
    const key = `${stamp?.size}:${stamp?.mtime}:${delimiter}:${encoding}:${test?.sha256 ?? ''}`;
    if (key !== this.cellsOf || this.cells.size > cachedRows) this.cells.clear();
    this.cellsOf = key;
    const keys = indices.map((index) => placeInFiles(run, index));
    const wanted = (ofTest: boolean): number[] =>
      lines.filter((_, i) => !this.cells.has(keys[i]) && isOfTestFile(run, indices[i]) === ofTest);
    const [own, second] = [wanted(false), wanted(true)];
    if (own.length > 0) {
      for (const [line, cells] of await readLines(this.source, run.dataset, own)) this.cells.set(`${line}`, cells);
    }
    if (second.length > 0 && test !== undefined) {
      const at = header.map((name) => columnNamed([...test.columns.keys()], (k) => test.columns[k], name));
      const source = await openTest(this.source, run.settings.testFile ?? '', this.deps);
      for (const [line, cells] of await readLines(source, test, second))
        this.cells.set(
          `test:${line}`,
          at.map((k) => (k === undefined ? '' : (cells[k] ?? ''))),
        );
    }
    return { header, rows: indices.map((index, i) => ({ index, line: lines[i], cells: this.cells.get(keys[i])! })) };
  }

  async exportProblem(run: RunRecord | null = this.run): Promise<string> {
    if (run === null) throw new DataError('settings', 'nothing was trained yet');
    const data = await this.dataOf(run, 'its training problem cannot be rebuilt', uncontrolled);
    return problemFile({ ...trainingProblem(data, run.settings), beta: run.resolved.beta });
  }

  async exportProof(of: RunRecord | null, control: Control): Promise<string> {
    const run = of ?? this.run;
    if (run === null) throw new DataError('settings', 'nothing was trained yet');
    if (!modelTraits(run.settings.model).proofFile) {
      throw new DataError('settings', 'proof files are for two-layer ReLU networks (model relu)');
    }
    const data = await this.dataOf(run, 'its proof cannot be made', control);
    const problem = { ...trainingProblem(data, run.settings), beta: run.resolved.beta };
    const sha256 = (bytes: Uint8Array): string | Promise<string> => {
      const hash = this.deps.createHash();
      hash.update(bytes);
      return hash.digest();
    };
    const conic = this.proved?.run === run ? this.proved.conic : undefined;
    const seconds = Math.max(1, run.settings.certifySeconds);
    try {
      return await writeProof(
        problem,
        networkOfRun(run),
        { conic, seconds, kernels: this.deps.kernels },
        sha256,
        control,
      );
    } catch (error) {
      if (error instanceof ProofError) throw new DataError('settings', error.message, { file: this.source.name });
      throw error;
    }
  }

  async judgeTyped(run: RunRecord, text: string, control: Control): Promise<TypedVerdict> {
    const data = await this.dataOf(run, 'no network can be compared with it', control);
    const problem = { ...trainingProblem(data, run.settings), beta: run.resolved.beta };
    const { kernels } = this.deps;
    try {
      return judgeTyped(
        problem,
        text,
        { proven: boundOverFamily(run), trained: run.solution.objective, kernels },
        control,
      );
    } catch (error) {
      if (error instanceof NetworkError) throw new DataError('settings', error.message);
      throw error;
    }
  }

  async decompose(of: RunRecord | null, control: Control): Promise<Decomposition> {
    const run = of ?? this.run;
    if (run === null) throw new DataError('settings', 'nothing was trained yet');
    try {
      const data = await this.dataOf(run, 'its ReLU network cannot be computed', control);
      const decomposition = this.naming(() => decomposeRun(run, data, control));
      if (decomposition !== null) return decomposition;
    } catch (error) {
      if (!(error instanceof ReadStopped)) throw error;
    }
    throw new TrainStopped('Stopped before the ReLU network was there.');
  }

  /** The data of a run as it was trained on them. */
  private async dataOf(run: RunRecord, otherwise: string, control: Control): Promise<PreparedData> {
    const loaded = await this.load(run.settings, () => undefined, control);
    this.checkUnchanged(loaded, run, otherwise);
    return prepareData(loaded.table, run.settings);
  }

  private checkUnchanged({ sha256, test }: LoadedTable, { dataset }: RunRecord, otherwise: string): void {
    const same = sha256 === dataset.sha256;
    if (same && test?.facts.sha256 === dataset.test?.sha256) return;
    throw new DataError('unreadable', `the file has changed since the run, so ${otherwise}`, {
      file: same ? dataset.test?.name : this.source.name,
    });
  }

  /** The table in memory, read again when the file or the way to read it has changed. */
  private async load(
    settings: TrainSettings,
    progress: (progress: TrainProgress) => void,
    control: Control,
  ): Promise<LoadedTable> {
    this.loaded = await loadTable(this.source, settings, this.loaded, this.deps, progress, control);
    return this.loaded;
  }

  /** All that comes before the solve. */
  private async prepare(settings: TrainSettings, listener: SessionListener, control: Control): Promise<Prepared> {
    const { kernels } = this.deps;
    const memoryBytes = memoryBytesOf(settings);
    if (kernels) kernels.budgetBytes = memoryBytes;
    listener.progress({ stage: 'reading', fraction: 0, message: `Reading ${this.source.name}` });
    try {
      const loaded = await this.load(settings, (progress) => listener.progress(progress), control);
      await this.deps.pause();
      listener.progress({ stage: 'preparing', fraction: null, message: 'Encoding and splitting' });
      return this.naming(() => {
        const data = prepareData(loaded.table, settings, control);
        const problem = trainingProblem(data, settings);
        const found = findBetaMax(problem, { kernels, memoryBytes }, control);
        if (found === undefined || control.shouldStop()) throw new TrainStopped('Stopped before the solve began.');
        this.trained = { settings, loaded, data, problem, ...found };
        return this.trained;
      });
    } catch (error) {
      if (error instanceof ReadStopped) throw new TrainStopped('Stopped before the solve began.');
      throw error;
    }
  }

  /** What was prepared for the same problem, or prepared now with what an earlier run of it knows: path, its cross-validation and threshold do not depend on beta. */
  private async trainedFor(
    settings: TrainSettings,
    from: RunRecord | undefined,
    listener: SessionListener,
    control: Control,
  ): Promise<Prepared> {
    if (this.trained !== null && sameProblem(settings, this.trained.settings)) return this.trained;
    const trained = await this.prepare(settings, listener, control);
    if (from?.dataset.sha256 !== trained.loaded.sha256 || !sameProblem(settings, from.settings)) return trained;
    const { betaMax, betaMaxUpper } = from.resolved;
    this.trained = {
      ...trained,
      betaMax: Math.max(betaMax, trained.betaMax),
      betaMaxUpper: closer(betaMaxUpper, trained.betaMaxUpper),
      ...(from.path === undefined ? {} : { path: from.path }),
      ...(from.crossValidation === undefined ? {} : { crossValidation: from.crossValidation }),
      ...(from.models === undefined ? {} : { models: from.models }),
    };
    return this.trained;
  }

  /** Errors about settings and problems get the file's name. */
  private naming<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const { name: file } = this.source;
      if (error instanceof ProblemError) throw new DataError('settings', error.message, { file });
      if (error instanceof DataError && error.file === undefined)
        throw new DataError(error.code, error.message, { file });
      throw error;
    }
  }

  /** The stages of a run, and what of it is kept for the next beta. */
  private async finish(
    trained: Prepared,
    { settings, beta, preview = false, of }: Asked,
    listener: SessionListener,
    control: Control,
  ): Promise<RunRecord> {
    const created = of === undefined ? this.deps.date() : new Date(of.createdAt);
    const draft: Draft = {
      ...trained,
      id: of?.id ?? this.newId(created, trained.loaded.sha256),
      created,
      revision: (of?.revision ?? -1) + 1,
      source: this.source,
      settings,
      problem: this.naming(() => ({ ...trained.problem, beta })),
      preview,
      trace: [],
      notes: {},
      networks: [],
    };
    const shown: SessionListener = {
      progress: (progress) => listener.progress(progress),
      record: (run) => {
        this.run = run;
        listener.record(run);
      },
    };
    const context = { deps: this.deps, listener: shown, control };
    const { run, draft: ended } = await this.namingAsync(() =>
      runStages(draft, context, async (solved) => {
        if (preview) return solved;
        const { stamp, test } = trained.loaded;
        const changes = [
          await fileChange(this.source, stamp),
          test === undefined ? null : await fileChange(test.source, test.stamp),
        ].filter((change) => change !== null);
        return changes.length === 0 ? solved : { ...solved, notes: { ...solved.notes, file: changes } };
      }),
    );
    const { betaMax, betaMaxUpper, baselines, path, crossValidation, models, warm } = ended;
    this.trained = { ...trained, betaMax, betaMaxUpper, baselines, path, crossValidation, models, warm };
    this.proved = { run, conic: ended.outcome.solution.global?.conic };
    return run;
  }

  private newId(created: Date, sha256: string): string {
    const stamp = created.toISOString().replace(/\D/g, '').slice(0, 14);
    return `${stamp}-${sha256.slice(0, 6)}-${this.counter++}`;
  }

  private async namingAsync<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      return this.naming<T>(() => {
        throw error;
      });
    }
  }
}

function betaOf({ beta }: TrainSettings, { betaMax }: Prepared): number {
  return beta.kind === 'absolute' ? beta.value : beta.value * betaMax;
}

/** Whether two settings ask for the same problem but for beta. */
function sameProblem(a: TrainSettings, b: TrainSettings | undefined): boolean {
  if (b === undefined) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof TrainSettings>;
  names.delete('beta');
  return [...names].every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));
}
