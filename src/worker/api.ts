import type { FileStamp } from '../core/data/source.ts';
import type { FormulaCells } from '../core/data/formulaCells.ts';
import type { Decomposition } from '../session/decompose.ts';
import type { NewPredictions } from '../session/predictOn.ts';
import type { OnnxExport } from '../session/exportRun.ts';
import type { Inspection, OriginalRows } from '../session/session.ts';
import type { Comparison } from '../shared/compareRuns.ts';
import type { ComparisonFormat } from '../shared/comparisonPage.ts';
import type { LabError, LabProgress, LabRecord, LabRequest } from '../shared/lab.ts';
import type { Lesson, TypedVerdict } from '../shared/lesson.ts';
import type { RunRecord, TrainProgress } from '../shared/run.ts';
import type { RunSummary } from '../shared/runSummary.ts';
import type { Language } from '../shared/texts.ts';
import type { StopMark } from '../shared/stopFlag.ts';
import type { DataPreview, ReadChoices } from '../shared/preview.ts';
import type { TrainSettings } from '../shared/settings.ts';

/**
 * What the extension host asks of a data set's worker (through comlink). Everything large stays on the worker's side: it reads
 * the data, solves, and writes and reads run files; the host gets summaries and records cut down to what a panel can draw.
 */
export interface WorkerApi {
  /** `remote` (a comlink proxy) is there when the worker cannot reach the file itself. */
  open(source: SourceSpec, remote: RemoteFile | null): void;
  inspect(task: StopMark, dialect?: TrainSettings['dialect']): Promise<Outcome<Inspection>>;
  train(task: StopMark, settings: TrainSettings, listener: TrainListener): Promise<Outcome<RunSummary>>;
  /**
   * The run `of` again with another beta, warm where possible; `settings` hold for a session that has nothing trained yet. Only a
   * `final` one is kept on disk.
   */
  resolve(
    task: StopMark,
    beta: number,
    options: { readonly final: boolean; readonly settings: TrainSettings; readonly of: string },
    listener: TrainListener,
  ): Promise<Outcome<RunSummary>>;
  /** Runs what is missing of a run on disk, under its id. */
  complete(task: StopMark, id: string, listener: TrainListener): Promise<Outcome<RunSummary>>;
  /** Judges other models beside a run on disk by the same cross-validation. */
  compareModels(task: StopMark, id: string, listener: TrainListener): Promise<Outcome<RunSummary>>;
  /** Reads a run from disk. */
  load(id: string): Promise<Outcome<PanelRun>>;
  /** Reads a run from a file of its own anywhere, and keeps it for `export`. */
  loadFile(file: SourceSpec, remote: RemoteFile | null): Promise<Outcome<PanelRun>>;
  /** Runs from disk beside each other, measured by the one at `baseline`: for a page. */
  compare(ids: readonly string[], baseline: number): Promise<Outcome<Comparison>>;
  /** The same as a file. */
  writeComparison(
    ids: readonly string[],
    baseline: number,
    format: ComparisonFormat,
    formulas: FormulaCells,
  ): Promise<Outcome<string>>;
  /** The same for an assistant, as JSON; the first is the baseline. */
  compareDigest(ids: readonly string[]): Promise<Outcome<string>>;
  /** Puts the run of `loadFile` among the runs of this window, as one of the data file `uri`. */
  adopt(uri: string): Promise<Outcome<RunSummary>>;
  /** Original cells of rows of a run on disk (or the last trained one); indices are those of the panel's record. */
  rows(id: string, indices: readonly number[]): Promise<Outcome<OriginalRows>>;
  /** `formulas`: what becomes of texts in a table that a spreadsheet would run. */
  export(id: string, what: ExportKind, formulas: FormulaCells): Promise<Outcome<Uint8Array>>;
  /** The network of a run on another file; `remote` as in `open`. */
  predict(
    task: StopMark,
    id: string,
    source: SourceSpec,
    remote: RemoteFile | null,
    formulas: FormulaCells,
  ): Promise<Outcome<NewPredictions>>;
  /** The ReLU network of a gated run by cone decomposition: what it costs, and its files. */
  decompose(task: StopMark, id: string): Promise<Outcome<DecomposedRun>>;
  /** A network that somebody typed, on the problem of a run. */
  judgeTyped(task: StopMark, id: string, text: string): Promise<Outcome<TypedVerdict>>;
  /** Reads a lesson. */
  readLesson(file: SourceSpec, remote: RemoteFile | null): Promise<Outcome<Lesson>>;
  /** Looks at the data: `part` (a comlink proxy) gets the first rows at once, then the share that is read. */
  preview(
    task: StopMark,
    choices: ReadChoices,
    part: (data: DataPreview | null, fraction: number) => void,
  ): Promise<Outcome<DataPreview>>;
  /** Runs a page of the Lab. */
  lab(task: StopMark, request: LabRequest, onProgress: (progress: LabProgress) => void): Promise<Outcome<LabRecord>>;
}

export interface DecomposedRun extends Omit<Decomposition, 'network'> {
  readonly files: Readonly<Record<ModelFile, Uint8Array>>;
}

/** Formats of a two-layer network. */
export type ModelFile = 'onnx' | 'json' | 'pytorch';

export type ExportKind =
  | 'run'
  | 'predictions'
  | OnnxExport
  | 'json'
  | 'pytorch'
  | 'python'
  | 'problem'
  | 'proof'
  /** One HTML page, or Markdown. */
  | 'report'
  | 'report-markdown';

export interface WorkerData {
  /** Where run files are, as the platform names files. */
  readonly folder: string;
  /** What files for people are written in; left out: English. */
  readonly language?: Language;
}

/** Where the data comes from. */
export interface SourceSpec {
  readonly uri: string;
  readonly name: string;
  /** Path on this machine, for `file:` addresses: the worker reads those itself. */
  readonly path: string | null;
}

/** The editor's file system for one file. */
export interface RemoteFile {
  read(): Promise<Uint8Array>;
  stat(): Promise<FileStamp | null>;
  /** Another file, named from the folder of this one. */
  readBeside(name: string): Promise<Uint8Array>;
  statBeside(name: string): Promise<FileStamp | null>;
}

/** A comlink proxy: the worker calls it while it trains. */
export interface TrainListener {
  progress(progress: TrainProgress): void;
  /** Settles when the host has taken the record. */
  record(run: PanelRun): void | Promise<void>;
  /** The run is on disk, as far as it has come: told again whenever more of it is. */
  stored(summary: RunSummary): void | Promise<void>;
}

/** A run as a panel gets it. */
export interface PanelRun {
  readonly summary: RunSummary;
  readonly record: RunRecord;
}

/** Either a value or an error. Errors cross the boundary as values, because a thrown one would lose its line and column. */
export interface Outcome<T> {
  readonly value?: T;
  readonly error?: TaskError;
  /** There is a value, and its run could not be written to the folder of runs: why. The worker keeps it until the next one. */
  readonly unsaved?: string;
}

export interface TaskError {
  /** One sentence for a person. */
  readonly message: string;
  /** The same without its place, which the fields below hold. */
  readonly text?: string;
  readonly line?: number;
  readonly column?: number;
  readonly columnName?: string;
  /** Name of the file that it is about. */
  readonly file?: string;
  /** A person stopped it before there was anything to show. */
  readonly stopped?: boolean;
  /** What would make a Lab task possible. */
  readonly remedy?: LabError['remedy'];
  readonly others?: LabError['others'];
  /** For the log, when it is not the data that is wrong but the program. */
  readonly stack?: string;
}
