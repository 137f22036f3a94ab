import { DataError } from '../core/data/dataError.ts';
import { prepareData, type PreparedData } from '../core/data/prepareData.ts';
import { readTable, ReadStopped } from '../core/data/reader.ts';
import type { FileSource, FileStamp } from '../core/data/source.ts';
import type { Table } from '../core/data/table.ts';
import { problemFile } from '../core/problem/exportProblem.ts';
import type { Kernels } from '../core/base/kernels/kernels.ts';
import type { Problem } from '../core/problem/problem.ts';
import { ProblemError } from '../core/problem/problemError.ts';
import { type Control, uncontrolled, withDeadline } from '../core/base/control.ts';
import { solve } from '../core/engine/solve.ts';
import type { Solution, SolveOptions } from '../core/engine/solution/solution.ts';
import type { CompareRecord, PathRecord, RunRecord, TracePoint, TrainProgress } from '../shared/run.ts';
import type { StructureRecord } from '../shared/depth.ts';
import { memoryBytesOf, type TrainSettings } from '../shared/settings.ts';
import { baselineRows } from './baselineRows.ts';
import { compareWithDescent } from './compare.ts';
import { type Decomposition, decomposeRun } from './decompose.ts';
import { inspectTable, type Inspection } from './inspection.ts';
import { tracePath } from './path.ts';
import { type DeepOutcome, isDeep, solveDeep } from './deepModel.ts';
import { deepCompare, deepExtras, deepPath } from './deepStages.ts';
import { comparedWith, refineBelow, type TrainedNetwork } from './harvest.ts';
import { assembleRun, describeSolution, type RunParts } from './record.ts';
import { type OriginalRows, readLines } from './rows.ts';
import { hiddenFeatures, structureRecord } from './structureRecord.ts';
import { findBetaMax, trainingProblem } from './trainingProblem.ts';

/** What the session needs from its platform. */
export interface SessionDeps {
  /** A streaming SHA-256 (hex digest). */
  createHash(): { update(bytes: Uint8Array): void; digest(): string };
  /** Lets messages and timers through between stages. */
  pause(): Promise<void>;
  /** Wall clock for `createdAt` and the id. */
  date(): Date;
  /** Threads the solver may use; 1 when left out. */
  readonly threads?: number;
  /** Numeric kernels to run on; plain TypeScript when left out. */
  readonly kernels?: Kernels;
}

export interface SessionListener {
  progress(progress: TrainProgress): void;
  /**
   * The whole record so far: when the network is solved and its proof begins (`solution.proving`), after the proof, and again with the
   * path, and again with the comparison.
   */
  record(run: RunRecord): void;
}

/** Stopped before there was a solution to show. */
export class TrainStopped extends Error {
  override readonly name = 'TrainStopped';
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
  resolve(
    beta: number,
    options: { readonly final: boolean; readonly settings?: TrainSettings },
    listener: SessionListener,
    control: Control,
  ): Promise<RunRecord>;
  /** Original cells of rows of a run of this file (the last one when left out). */
  rows(indices: readonly number[], run?: RunRecord): Promise<OriginalRows>;
  /**
   * The training problem of a run of this file (the last one when left out) in the problem format. The other exports need the
   * record only: `exportRun` (exportRun.ts).
   */
  exportProblem(run?: RunRecord): Promise<string>;
  /** The ReLU network of a gated run of this file (null: the last one). Raises `TrainStopped` when stopped. */
  decompose(run: RunRecord | null, control: Control): Promise<Decomposition>;
}

export type { Inspection, OriginalRows };

/** Rows of the head of a file that `inspect` looks at. */
const inspectedRows = 2000;
const tracePoints = 500;
/** Original rows kept for the next request. */
const cachedRows = 5000;

interface LoadedTable {
  readonly key: string;
  readonly table: Table;
  readonly stamp: FileStamp | null;
  readonly sha256: string;
}

/** What stays between a run and the next one with another beta. */
interface Trained {
  readonly settings: TrainSettings;
  readonly loaded: LoadedTable;
  readonly data: PreparedData;
  readonly problem: Problem;
  readonly betaMax: number;
  /** Proven upper bound of betaMax, as good as it has become so far. */
  betaMaxUpper?: number;
  warm: unknown;
  path?: PathRecord;
  readonly baselines: RunParts['baselines'];
}

export function createSession(source: FileSource, deps: SessionDeps): Session {
  return new FileSession(source, deps);
}

class FileSession implements Session {
  run: RunRecord | null = null;
  private loaded: LoadedTable | null = null;
  private trained: Trained | null = null;
  private readonly cells = new Map<number, readonly string[]>();
  private cellsOf = '';
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
    return await this.solveAt(trained, betaOf(settings, trained), settings, true, listener, control);
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
    options: { readonly final: boolean; readonly settings?: TrainSettings },
    listener: SessionListener,
    control: Control,
  ): Promise<RunRecord> {
    const settings = options.settings ?? this.trained?.settings;
    if (settings === undefined) throw new DataError('settings', 'nothing was trained yet');
    const current = options.settings === undefined || sameProblem(options.settings, this.trained?.settings);
    const trained = this.trained !== null && current ? this.trained : await this.prepare(settings, listener, control);
    const asked: TrainSettings = { ...settings, beta: { kind: 'absolute', value: beta } };
    return await this.solveAt(trained, beta, asked, options.final, listener, control);
  }

  async rows(indices: readonly number[], run: RunRecord | null = this.run): Promise<OriginalRows> {
    if (run === null) throw new DataError('settings', 'nothing was trained yet');
    const header = run.dataset.columns.map(({ name }) => name);
    const lines = indices.map((index) => run.rows.line[index]);
    const unknown = indices.find((index) => run.rows.line[index] === undefined);
    if (unknown !== undefined) throw new DataError('settings', `the run has no row ${unknown}`);
    if (lines.length === 0) return { header, rows: [] };
    const stamp = await this.source.stat();
    const key = `${stamp?.size}:${stamp?.mtime}:${run.dataset.delimiter}:${run.dataset.encoding}`;
    if (key !== this.cellsOf || this.cells.size > cachedRows) this.cells.clear();
    this.cellsOf = key;
    const missing = lines.filter((line) => !this.cells.has(line));
    if (missing.length > 0) {
      for (const [line, cells] of await readLines(this.source, run.dataset, missing)) this.cells.set(line, cells);
    }
    return { header, rows: indices.map((index, i) => ({ index, line: lines[i], cells: this.cells.get(lines[i])! })) };
  }

  async exportProblem(run: RunRecord | null = this.run): Promise<string> {
    if (run === null) throw new DataError('settings', 'nothing was trained yet');
    const data = await this.dataOf(run, 'its training problem cannot be rebuilt', uncontrolled);
    return problemFile({ ...trainingProblem(data, run.settings), beta: run.resolved.beta });
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
    if (loaded.sha256 !== run.dataset.sha256) {
      throw new DataError('unreadable', `the file has changed since the run, so ${otherwise}`, {
        file: this.source.name,
      });
    }
    return prepareData(loaded.table, run.settings);
  }

  /** The table in memory, read again when the file or the way to read it has changed. */
  private async load(
    settings: TrainSettings,
    progress: (progress: TrainProgress) => void,
    control: Control,
  ): Promise<LoadedTable> {
    const stamp = await this.source.stat();
    const key = JSON.stringify([stamp, settings.dialect, settings.maxRows, settings.maxRows > 0 ? settings.seed : 0]);
    if (this.loaded?.key === key) return this.loaded;
    const size = stamp?.size ?? this.source.size;
    let hash = this.deps.createHash();
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    const table = await readTable(
      this.source,
      {
        dialect: settings.dialect,
        maxRows: settings.maxRows,
        seed: settings.seed,
        observer: { start: () => (hash = this.deps.createHash()), bytes: (chunk) => hash.update(chunk) },
        progress: (bytes) =>
          progress({
            stage: 'reading',
            fraction: size > 0 ? Math.min(1, bytes / size) : null,
            message: size > 0 ? `${megabytes(bytes)} of ${megabytes(size)}` : megabytes(bytes),
          }),
      },
      control,
    );
    this.loaded = { key, table, stamp, sha256: hash.digest() };
    return this.loaded;
  }

  /** All that comes before the solve. */
  private async prepare(settings: TrainSettings, listener: SessionListener, control: Control): Promise<Trained> {
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
        const { betaMax, betaMaxUpper } = findBetaMax(problem, { kernels, memoryBytes }, control);
        const baselines = control.shouldStop()
          ? []
          : baselineRows(data, withDeadline(control, settings.timeLimitSeconds));
        if (control.shouldStop()) throw new TrainStopped('Stopped before the solve began.');
        this.trained = { settings, loaded, data, problem, betaMax, betaMaxUpper, warm: undefined, baselines };
        return this.trained;
      });
    } catch (error) {
      if (error instanceof ReadStopped) throw new TrainStopped('Stopped before the solve began.');
      throw error;
    }
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

  private async solveAt(
    trained: Trained,
    beta: number,
    settings: TrainSettings,
    everything: boolean,
    listener: SessionListener,
    control: Control,
  ): Promise<RunRecord> {
    const created = this.deps.date();
    const trace: TracePoint[] = [];
    listener.progress({ stage: 'solving', fraction: null, message: 'Solving the convex program' });
    await this.deps.pause();
    const problem: Problem = { ...trained.problem, beta };
    const watched = reporting(control, trace, listener);
    const id = `${created.toISOString().replace(/\D/g, '').slice(0, 14)}-${trained.loaded.sha256.slice(0, 6)}-${this.counter}`;
    this.counter++;
    const common = {
      id,
      created,
      source: this.source,
      sha256: trained.loaded.sha256,
      table: trained.loaded.table,
      data: trained.data,
      settings,
      problem,
      betaMax: trained.betaMax,
      baselines: trained.baselines,
    };
    const options: SolveOptions = {
      warm: trained.warm,
      timeLimitSeconds: settings.timeLimitSeconds,
      certifySeconds: everything ? settings.certifySeconds : 0,
      certifyAfterLimit: true,
      threads: this.deps.threads,
      kernels: this.deps.kernels,
      memoryBytes: memoryBytesOf(settings),
    };
    // the network is there and only its bound is missing: a person need not wait for that
    const onSolved = (solution: Solution): void => {
      const { betaMaxUpper, path } = trained;
      this.run = assembleRun({
        ...common,
        betaMaxUpper,
        path,
        solution,
        described: describeSolution(problem, trained.data, solution, undefined, this.deps.kernels),
        proving: true,
        trace: thinned(trace),
        notes: [],
      });
      listener.record(this.run);
    };
    let deep: DeepOutcome | undefined = isDeep(problem.model)
      ? this.naming(() => solveDeep(problem, trained.data, options, watched))
      : undefined;
    let solution = deep?.solution ?? this.naming(() => solve(problem, { ...options, onSolved }, watched));
    let deepRecord = deep?.record;
    let structure: StructureRecord | undefined;
    trained.warm = solution.warm;
    trained.betaMaxUpper = closer(trained.betaMaxUpper, solution.betaMaxUpper);
    const notes: string[] = solutionNotes(solution, settings);
    const solvedNotes = notes.length;
    let described = describeSolution(problem, trained.data, solution, deep, this.deps.kernels);
    const parts = (extra: { path?: PathRecord; compare?: CompareRecord }): RunParts => ({
      ...common,
      betaMaxUpper: trained.betaMaxUpper,
      solution,
      described,
      ...(deep === undefined ? {} : { deep, deepRecord }),
      ...(structure === undefined ? {} : { structure }),
      trace: thinned(trace),
      notes,
      ...extra,
    });
    const emit = (extra: { path?: PathRecord; compare?: CompareRecord }): RunRecord => {
      this.run = assembleRun(parts(extra));
      listener.record(this.run);
      return this.run;
    };
    let path = trained.path;
    const first = emit({ path });
    if (!everything) return first;
    const context = { problem, data: trained.data, settings, deps: this.deps, listener, control };
    if (path?.complete !== true && settings.path.points > 0) {
      await this.deps.pause();
      path = deep
        ? await deepPath(context, trained.betaMax)
        : await tracePath(trained.problem, trained.data, trained.betaMax, settings, this.deps, listener, control);
      trained.path = path;
      notes.push(...pathNotes(path, settings, control));
      emit({ path });
    }
    listener.progress({ stage: 'structure', fraction: null, message: 'Closed forms, splines, class means' });
    await this.deps.pause();
    const describeStructure = (): void => {
      const features = deep?.features ?? hiddenFeatures(solution.network);
      structure = this.naming(() => structureRecord(problem, trained.data, features, settings, control));
    };
    if (!control.shouldStop()) {
      describeStructure();
      emit({ path });
    }
    const networks: TrainedNetwork[] = [];
    if (deep) {
      const extras = await deepExtras(context, deep);
      deepRecord = extras.record;
      networks.push(...extras.networks);
      emit({ path });
    }
    let compare: CompareRecord | undefined;
    if (settings.compare.enabled) {
      await this.deps.pause();
      const onRun = (partial: CompareRecord): RunRecord => emit({ path, compare: partial });
      const outcome = deep
        ? await deepCompare(context, deep, onRun, (network) => networks.push(network))
        : await compareWithDescent(problem, trained.data, solution, settings, this.deps, listener, control, onRun);
      if (typeof outcome === 'string') notes.push(outcome);
      else {
        compare = outcome;
        const total = settings.compare.optimizers.length * settings.compare.seeds;
        if (!compare.complete)
          notes.push(cutShort('The comparison', control, `${compare.runs.length} of ${total} runs`));
      }
    }
    // never above what gradient descent has reached: its patterns are taken over
    const refined = deep && refineBelow(deep, networks, problem, trained.data, options, watched);
    if (refined !== undefined) notes.push(refined.note);
    if (refined?.outcome !== undefined && deepRecord !== undefined) {
      deep = refined.outcome;
      solution = deep.solution;
      trained.warm = solution.warm;
      described = describeSolution(problem, trained.data, solution, deep, this.deps.kernels);
      deepRecord = { ...deepRecord, ...deep.record };
      compare = compare && comparedWith(compare, deep);
      notes.splice(0, notes.length, ...solutionNotes(solution, settings), ...notes.slice(solvedNotes));
      if (!control.shouldStop()) describeStructure();
    }
    const change = await this.fileChange(trained.loaded.stamp);
    if (change !== null) notes.push(change);
    return emit({ path, compare });
  }

  /** Says when the file is not what was read. */
  private async fileChange(then: FileStamp | null): Promise<string | null> {
    const now = await this.source.stat();
    if (now === null) return `${this.source.name} has vanished since it was read; the run is of its former content.`;
    if (then !== null && (now.size !== then.size || now.mtime !== then.mtime)) {
      return `${this.source.name} changed while training; the run is of the content before.`;
    }
    return null;
  }
}

function betaOf({ beta }: TrainSettings, { betaMax }: Trained): number {
  return beta.kind === 'absolute' ? beta.value : beta.value * betaMax;
}

/** The smaller of two upper bounds, where there are any. */
function closer(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** Whether two settings ask for the same problem but for beta. */
function sameProblem(a: TrainSettings, b: TrainSettings | undefined): boolean {
  if (b === undefined) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof TrainSettings>;
  names.delete('beta');
  return [...names].every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));
}

function cutShort(what: string, control: Control, done: string): string {
  return `${what} was cut short by ${control.shouldStop() ? 'Stop' : 'the time limit'}: ${done}.`;
}

function pathNotes({ points, complete }: PathRecord, settings: TrainSettings, control: Control): string[] {
  const loose = points.filter((point) => point.relativeGap > settings.tolerance).length;
  return [
    ...(complete
      ? []
      : [cutShort('The regularisation path', control, `${points.length} of ${settings.path.points} points`)]),
    ...(loose === 0
      ? []
      : [`${loose} of the ${points.length} points of the path did not reach the tolerance; see their gaps.`]),
  ];
}

function solutionNotes(solution: Solution, settings: TrainSettings): string[] {
  const gap = solution.relativeGap.toExponential(1);
  switch (solution.status) {
    case 'optimal':
      return [];
    case 'cancelled':
      return [`Stopped: this is the best point reached, within a relative gap of ${gap} of the program's optimum.`];
    case 'time-limit':
      return [`The time limit of ${settings.timeLimitSeconds} s ended the solve at a relative gap of ${gap}.`];
    case 'iteration-limit':
      return [`The iteration limit ended the solve at a relative gap of ${gap}.`];
    case 'numerical-error':
      return [`The solve ended early for numerical reasons at a relative gap of ${gap}.`];
  }
}

/** A control that keeps the trace and passes it on. */
function reporting(control: Control, trace: TracePoint[], listener: SessionListener): Control {
  return {
    shouldStop: () => control.shouldStop(),
    now: () => control.now(),
    report(progress) {
      const { seconds, iteration, objective, dualBound, active, phase } = progress;
      const point = { seconds, iteration, objective, dualBound, active };
      trace.push(point);
      listener.progress({
        stage: /certif|proof|proving/i.test(phase) ? 'certifying' : 'solving',
        fraction: null,
        message: phase,
        point,
      });
      control.report?.(progress);
    },
  };
}

/** At most about `tracePoints` of the points, first and last among them. */
function thinned(trace: readonly TracePoint[]): TracePoint[] {
  if (trace.length <= tracePoints) return [...trace];
  return Array.from({ length: tracePoints }, (_, i) => trace[Math.round((i * (trace.length - 1)) / (tracePoints - 1))]);
}
