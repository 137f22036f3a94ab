import { expose, releaseProxy } from 'comlink';
import * as v from 'valibot';
import { DataError } from '../core/data/dataError.ts';
import { fileErrorWords } from '../core/base/fileErrors.ts';
import type { Kernels } from '../core/base/kernels/kernels.ts';
import { type Control, uncontrolled } from '../core/base/control.ts';
import { writeComparison, writeReport } from '../../webview/report/report.ts';
import { exportDecomposition, exportRun } from '../session/exportRun.ts';
import { LabRefusal } from '../session/labRefusal.ts';
import { readLesson } from '../session/lesson/readLesson.ts';
import { predictOn } from '../session/predictOn.ts';
import { previewFile } from '../session/preview.ts';
import { readChoicesSchema } from '../shared/preview.ts';
import { createSession, TrainStopped, type Session, type SessionListener } from '../session/session.ts';
import { compareRuns, comparisonRefusal } from '../shared/compareRuns.ts';
import type { RunRecord, TrainProgress } from '../shared/run.ts';
import { comparisonDigest } from '../shared/runDigest.ts';
import { type RunSummary, summarizeRun } from '../shared/runSummary.ts';
import { asLeft } from '../shared/runView.ts';
import type { StopMark } from '../shared/stopFlag.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import { readRun, runFile, RunFileError, runOfText, writeRun } from '../store/runFiles.ts';
import type { WorkerPlatform } from '../platform/platform.ts';
import type { ModelFile, Outcome, PanelRun, TaskError, TrainListener, WorkerApi } from './api.ts';
import { panelRecord } from './panelRecord.ts';
import { createLabTask } from './labTask.ts';
import { besideOf, openSource } from './source.ts';

/** A panel cannot show more progress than this, and every report costs the host a message. */
const progressEveryMs = 50;

let platform: WorkerPlatform;
const control = (mark: StopMark): Control => platform.control(mark);

/** One set of kernels, with its threads and memory, for the life of the worker. */
let kernels: Kernels | null = null;
let session: Promise<Session> | null = null;
let dataFile: ReturnType<typeof openSource> | null = null;
let labTask: ReturnType<typeof createLabTask> | null = null;
/** The full record that was trained or read last, and which of its rows the panel has. */
let latest: { readonly run: RunRecord; readonly rows: Int32Array | null } | null = null;

function opened(): Promise<Session> {
  if (!session) throw new Error('No data file was opened.');
  return session;
}

const bytes = (content: string | Uint8Array): Uint8Array =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content;

async function outcome<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: taskError(error) };
  }
}

function summarized({ value, error }: Outcome<Reported>): Outcome<RunSummary> {
  if (value === undefined) return { error };
  const { run, unsaved } = value;
  return { value: summarizeRun(run), ...(unsaved === undefined ? {} : { unsaved }) };
}

function taskError(error: unknown): TaskError {
  if (error instanceof TrainStopped) return { message: error.message, stopped: true };
  if (error instanceof LabRefusal) return { message: error.message, remedy: error.remedy, others: error.others };
  if (error instanceof DataError)
    return {
      message: error.message,
      text: error.text,
      line: error.line,
      column: error.column,
      columnName: error.columnName,
      file: error.file,
    };
  if (error instanceof RunFileError) return { message: error.message };
  if (error instanceof v.ValiError) return { message: `Settings: ${error.message}` };
  return { message: fileErrorWords(error), ...(error instanceof Error ? { stack: error.stack } : {}) };
}

function forPanel(run: RunRecord): PanelRun {
  const { record, rows } = panelRecord(run);
  latest = { run, rows };
  return { summary: summarizeRun(run), record };
}

async function fullRun(id: string): Promise<NonNullable<typeof latest>> {
  if (latest?.run.id !== id) forPanel(asLeft(await readRun(runFile(platform.data.folder, id), platform.files)));
  return latest!;
}

/** A run, and why it is not on disk when it should be: then the worker keeps it. */
interface Reported {
  readonly run: RunRecord;
  readonly unsaved: string | undefined;
}

/** Runs a task that reports to the host, and keeps its run on disk each time there is more of it. What cannot be written fails nothing. */
async function report(
  task: StopMark,
  listener: TrainListener,
  keep: boolean,
  work: (listener: SessionListener, control: Control) => Promise<RunRecord>,
): Promise<Reported> {
  let lastAt = -Infinity;
  let lastStage: TrainProgress['stage'] | null = null;
  let unsaved: string | undefined;
  let newest: RunRecord | null = null;
  let writing: Promise<void> | null = null;
  const writeAll = async (): Promise<void> => {
    while (newest !== null) {
      const next: RunRecord = newest;
      newest = null;
      try {
        await writeRun(platform.data.folder, next, platform.files);
        unsaved = undefined;
      } catch (error) {
        unsaved = fileErrorWords(error);
        continue;
      }
      await listener.stored(summarizeRun(asLeft(next)));
    }
  };
  /** One write at a time; records that come meanwhile are skipped for the newest. */
  const write = (run: RunRecord): Promise<void> => {
    if (!keep) return Promise.resolve();
    newest = run;
    writing ??= writeAll().finally(() => (writing = null));
    return writing;
  };
  try {
    const run = await work(
      {
        progress(progress) {
          const now = performance.now();
          if (progress.stage === lastStage && now - lastAt < progressEveryMs) return;
          lastStage = progress.stage;
          lastAt = now;
          listener.progress(progress);
        },
        record(run) {
          void listener.record(forPanel(run));
          void write(run).catch(() => undefined); // what goes wrong then is told at the end, with the last record
        },
      },
      control(task),
    );
    const shown = listener.record(forPanel(run));
    await write(run);
    await shown; // records and answers take different channels: the answer must not overtake the record
    return { run, unsaved };
  } finally {
    (listener as unknown as { [releaseProxy]?: () => void })[releaseProxy]?.();
  }
}

/** Runs from disk that can be beside each other. */
async function comparable(ids: readonly string[]): Promise<RunRecord[]> {
  const runs: RunRecord[] = [];
  for (const id of ids) runs.push(asLeft(await readRun(runFile(platform.data.folder, id), platform.files)));
  const refusal = comparisonRefusal(runs);
  if (refusal !== undefined) throw new RunFileError(refusal);
  return runs;
}

const api: WorkerApi = {
  open(source, remote) {
    const file = openSource(source, remote, platform);
    dataFile = file;
    labTask = createLabTask(file, (kernels) => platform.sessionDeps(kernels), control);
    session = file.then((file) => {
      const deps = platform.sessionDeps((kernels ??= platform.createKernels()));
      const openBeside = besideOf(remote, platform) ?? deps.openBeside;
      return createSession(file, { ...deps, ...(openBeside === undefined ? {} : { openBeside }) });
    });
    session.catch(() => undefined); // whoever asks for it next is told
  },

  inspect: (task, dialect) =>
    outcome(async () => {
      const checked = v.parse(trainSettingsSchema.entries.dialect, dialect);
      return (await opened()).inspect(checked, control(task));
    }),

  preview: (task, choices, part) =>
    outcome(async () => {
      if (!dataFile) throw new Error('No data file was opened.');
      let lastAt = -Infinity;
      try {
        return await previewFile(
          await dataFile,
          v.parse(readChoicesSchema, choices),
          (data, fraction) => {
            const now = performance.now();
            if (data === null && now - lastAt < progressEveryMs) return;
            lastAt = now;
            part(data, fraction);
          },
          control(task),
        );
      } finally {
        (part as unknown as { [releaseProxy]?: () => void })[releaseProxy]?.();
      }
    }),

  train: (task, settings, listener) =>
    outcome(async () => {
      const checked = v.parse(trainSettingsSchema, settings);
      const current = await opened();
      return report(task, listener, true, (events, control) => current.train(checked, events, control));
    }).then(summarized),

  resolve: (task, beta, { final, settings, of }, listener) =>
    outcome(async () => {
      const checked = v.parse(trainSettingsSchema, settings);
      const current = await opened();
      // a run that is gone from disk only has nothing to take over
      const from = await fullRun(of).then(
        ({ run }) => run,
        () => undefined,
      );
      return report(task, listener, final, (events, control) =>
        current.resolve(beta, { final, settings: checked, from }, events, control),
      );
    }).then(summarized),

  complete: (task, id, listener) =>
    outcome(async () => {
      const { run } = await fullRun(id);
      const current = await opened();
      return report(task, listener, true, (events, control) => current.complete(run, events, control));
    }).then(summarized),

  compareModels: (task, id, listener) =>
    outcome(async () => {
      const { run } = await fullRun(id);
      const current = await opened();
      return report(task, listener, true, (events, control) => current.compareModels(run, events, control));
    }).then(summarized),

  lab: (task, request, onProgress) =>
    outcome(async () => {
      if (!labTask) throw new Error('No data file was opened.');
      return labTask(task, request, onProgress);
    }),

  load: (id) => outcome(async () => forPanel((await fullRun(id)).run)),

  loadFile: ({ name, path }, remote) =>
    outcome(async () => {
      const run =
        path === null
          ? runOfText(new TextDecoder().decode(await remote!.read()), name)
          : await readRun(path, platform.files);
      return forPanel(asLeft(run));
    }),

  compare: (ids, baseline) => outcome(async () => compareRuns(await comparable(ids), baseline)),
  writeComparison: (ids, baseline, format, formulas) =>
    outcome(async () =>
      writeComparison(await comparable(ids), format, { baseline, formulas, language: platform.data.language }),
    ),
  compareDigest: (ids) => outcome(async () => JSON.stringify(comparisonDigest(await comparable(ids)))),

  adopt: (uri) =>
    outcome(async () => {
      const { run } = latest!;
      const own = { ...run, dataset: { ...run.dataset, uri } };
      await writeRun(platform.data.folder, own, platform.files);
      return summarizeRun(own);
    }),

  rows: (id, indices) =>
    outcome(async () => {
      const { run, rows: shown } = await fullRun(id);
      const full = indices.map((index) => (shown ? shown[index] : index));
      const { header, rows } = await (await opened()).rows(full, run);
      return { header, rows: rows.map((row, i) => ({ ...row, index: indices[i] })) };
    }),

  predict: (task, id, source, remote, formulas) =>
    outcome(async () => {
      const { run } = await fullRun(id);
      const predicted = await predictOn(run, await openSource(source, remote, platform), control(task), formulas);
      if (predicted === null) throw new TrainStopped('Stopped before the predictions were there.');
      return predicted;
    }),

  decompose: (task, id) =>
    outcome(async () => {
      const { run } = await fullRun(id);
      const decomposition = await (await opened()).decompose(run, control(task));
      const file = (what: ModelFile): Uint8Array => bytes(exportDecomposition(run, decomposition, what));
      const { neurons, gatedNeurons, objective, gatedObjective, fitDifference } = decomposition;
      const facts = { neurons, gatedNeurons, objective, gatedObjective, fitDifference };
      return { ...facts, files: { onnx: file('onnx'), json: file('json'), pytorch: file('pytorch') } };
    }),

  judgeTyped: (task, id, text) =>
    outcome(async () => {
      const { run } = await fullRun(id);
      return (await opened()).judgeTyped(run, text, control(task));
    }),

  readLesson: ({ name, path }, remote) =>
    outcome(async () => {
      const text = path === null ? new TextDecoder().decode(await remote!.read()) : await platform.files.read(path);
      return readLesson(text, name);
    }),

  export: (id, what, formulas) =>
    outcome(async () => {
      const { run } = await fullRun(id);
      switch (what) {
        case 'problem':
          return bytes(await (await opened()).exportProblem(run));
        case 'proof':
          return bytes(await (await opened()).exportProof(run, uncontrolled));
        case 'report':
          return bytes(writeReport(run, 'html', { language: platform.data.language }));
        case 'report-markdown':
          return bytes(writeReport(run, 'md', { language: platform.data.language }));
        case 'run':
        case 'predictions':
        case 'onnx':
        case 'onnx-float32':
        case 'onnx-raw':
        case 'onnx-raw-float32':
        case 'json':
        case 'pytorch':
        case 'python':
          return bytes(exportRun(run, what, formulas));
      }
    }),
};

/** Answers the host, on this platform, for the life of the worker. */
export function serve(on: WorkerPlatform): void {
  platform = on;
  expose(api, on.endpoint);
}
