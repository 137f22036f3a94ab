import path from 'node:path';
import { nodeFiles } from '../../platform/node/nodeFiles.ts';
import { fileErrorWords } from '../../core/base/fileErrors.ts';
import { plural } from '../../shared/plural.ts';
import { StudyFolder, StudyFolderError, tasksOfPlan } from '../../store/study/studyFolder.ts';
import { axesOf, type StudyPlan, type StudyTask, taskColumnsOf } from '../../study/plan.ts';
import { StudyError } from '../../study/studyError.ts';
import { summaryOf } from '../../study/summary.ts';
import { csvOf, type StudyTable, tableOf } from '../../study/table.ts';
import { countOption, numberOption, parseOptions } from '../options.ts';
import { Outputs } from '../outputs.ts';
import { type Command, exitStatus, UsageError } from '../usage.ts';
import { coordinate } from './coordinate.ts';
import type { Engine } from './engine.ts';
import { type EngineOptions, engineNames, engineOf } from './engines.ts';
import { parquetOf } from './parquet.ts';
import { StudyProgress } from './progress.ts';
import { planOf, readStudy, type StudySource } from './readStudy.ts';
import { runElement, serveTasks } from './work.ts';

const help = `convexnet study STUDY.yaml [options]      run a study: every data set, target, setting, solver and fold with each other
convexnet study status FOLDER             how far it is; --json for programs
convexnet study table FOLDER [outputs]    its table as it is by now (CSV on standard output unless outputs are named)
convexnet study resume FOLDER [options]   go on with the study of a folder, without its file
convexnet study stop FOLDER               stop whoever works on it, cluster jobs included; what is done stays

  --out FOLDER             where the study lives (default: STUDY.study beside the file)
  --resume                 go on with what is in the folder; nothing that is done is done again
  --dry-run                say how many tasks there are, and run none
  --plan                   make the folder, and run nothing
  --engine ENGINE          ${engineNames.join(', ')} (default local)
  --retries N              how often a task whose process died is tried again (default 2)

  --processes N            local: tasks side by side (default: one per core)

  --throttle N             slurm: elements of the job array that run at a time (default 64)
  --chunk N                slurm: tasks per element (default: so that every slot gets about four)
  --memory MIB             slurm: memory per task instead of the estimate
  --seconds S              slurm: time per task instead of the estimate
  --partition NAME         slurm: partition
  --sbatch OPTION          slurm: a further option for sbatch, as "--account=me"; may be repeated
  --detach                 slurm: return as soon as the job is submitted; "--resume" resubmits what failed

Outputs of "table", and of a study that has ended:
  --csv FILE               a row per task (default: table.csv in the folder)
  --summary FILE           median and range over seeds and folds (CSV; default: summary.csv in the folder)
  --parquet FILE           a row per task, as Parquet
  --keep-formulas          texts that a spreadsheet would run as formulas as they are

docs/studies.md describes study files; their schema is docs/study.schema.json.
Exit status: 0 every task has ended, 2 bad input, 3 stopped or some tasks failed, 1 internal error.
`;

const tableOptions = {
  csv: { type: 'string' },
  summary: { type: 'string' },
  parquet: { type: 'string' },
  'keep-formulas': { type: 'boolean' },
} as const;

type TableValues = {
  readonly [K in keyof typeof tableOptions]?: (typeof tableOptions)[K]['type'] extends 'boolean' ? boolean : string;
};

/** What can be done besides running a study, by name. */
const verbs: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  resume: resumeStudy,
  status: statusOf,
  table: writeTables,
  stop: stopStudy,
  work: workOn,
};

export const studyCommand: Command = {
  summary: 'run many trainings as one thing, here or on a cluster',
  help,
  async run(args) {
    const [first, ...rest] = args;
    try {
      if (first !== undefined && Object.hasOwn(verbs, first)) return await verbs[first](rest);
      return await runStudy(args);
    } catch (error) {
      if (error instanceof StudyFolderError) throw new UsageError(error.message);
      throw error;
    }
  },
};

const runOptions = {
  ...tableOptions,
  out: { type: 'string' },
  resume: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  plan: { type: 'boolean' },
  engine: { type: 'string' },
  retries: { type: 'string' },
  processes: { type: 'string' },
  throttle: { type: 'string' },
  chunk: { type: 'string' },
  memory: { type: 'string' },
  seconds: { type: 'string' },
  partition: { type: 'string' },
  sbatch: { type: 'string', multiple: true },
  detach: { type: 'boolean' },
} as const;

type RunValues = ReturnType<typeof parseOptions<typeof runOptions>>['values'];

async function runStudy(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, runOptions);
  if (positionals.length !== 1)
    throw new UsageError(positionals.length === 0 ? 'no study file given' : 'one study file at a time', {
      showHelp: true,
    });
  const outputs = tableOutputs(values, positionals);
  const engine = engineFor(values);
  const source = readStudy(positionals[0]);
  const plan = await planOf(source);
  const tasks = tasksOrComplaint(source, plan);
  process.stderr.write(`${sizeWords(plan, tasks)}\n`);
  if (values['dry-run'] === true) return exitStatus.ok;
  const folder = await preparedFolder(values.out ?? defaultFolder(positionals[0]), plan, tasks, values.resume === true);
  if (values.plan === true) return exitStatus.ok;
  return carriedOut(engine, { folder, plan, tasks }, values, outputs);
}

async function resumeStudy(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, runOptions);
  const folder = folderOf(positionals);
  const outputs = tableOutputs(values, []);
  const engine = engineFor(values);
  const plan = folder.plan();
  const tasks = tasksOfPlan(plan);
  process.stderr.write(`${sizeWords(plan, tasks)}\n`);
  return carriedOut(engine, { folder, plan, tasks }, values, outputs);
}

function engineFor(values: RunValues): Engine {
  const options: EngineOptions = {
    processes: countOption('processes', values.processes),
    throttle: countOption('throttle', values.throttle),
    chunk: countOption('chunk', values.chunk),
    partition: values.partition,
    sbatch: values.sbatch,
    detach: values.detach,
    program: path.resolve(process.argv[1]),
  };
  return engineOf(values.engine ?? 'local', options);
}

/** Sees a study through and writes its tables. */
async function carriedOut(
  engine: Engine,
  given: Pick<Parameters<typeof coordinate>[0], 'folder' | 'plan' | 'tasks'>,
  values: RunValues,
  outputs: Outputs,
): Promise<number> {
  const { folder, plan, tasks } = given;
  const retries = numberOption('retries', values.retries) ?? 2;
  const needs = {
    ...(values.memory === undefined ? {} : { memoryMiB: countOption('memory', values.memory) }),
    ...(values.seconds === undefined ? {} : { seconds: countOption('seconds', values.seconds) }),
  };
  const complete = await seenThrough(engine, { ...given, retries, needs });
  const table = tableOf(plan.study, await folder.rows(tasks));
  const summary = summaryOf(table, taskColumnsOf(plan.study));
  const formulas = values['keep-formulas'] === true ? 'keep' : 'neutralize';
  await putTables(outputs, values, table, summary);
  try {
    if (values.csv === undefined) await nodeFiles.writeWhole(folder.at('table.csv'), csvOf(table, formulas));
    if (values.summary === undefined) await nodeFiles.writeWhole(folder.at('summary.csv'), csvOf(summary, formulas));
  } catch (error) {
    process.stderr.write(`convexnet study: the table cannot be written: ${fileErrorWords(error)}\n`);
    return exitStatus.badInput;
  }
  return outputs.status(complete ? exitStatus.ok : exitStatus.stopped);
}

/** Runs the study and says how it ended; whether every task has ended. */
async function seenThrough(
  engine: Engine,
  given: Omit<Parameters<typeof coordinate>[0], 'engine' | 'say' | 'progress'>,
): Promise<boolean> {
  const shown = new StudyProgress(given.tasks.length);
  const { folder } = given;
  let end: Awaited<ReturnType<typeof coordinate>>;
  try {
    end = await coordinate({ ...given, engine, say: (text) => shown.say(text), progress: (done) => shown.show(done) });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UsageError(`${folder.folder}: ${fileErrorWords(error)}`);
  } finally {
    shown.end();
  }
  const failed = end.failed > 0 ? `, ${plural(end.failed, 'task')} failed (why: ${folder.at('failures')})` : '';
  shown.say(`${end.done} of ${plural(end.tasks, 'task')} done${failed}: ${folder.at('table.csv')}`);
  if (end.gaveUp !== undefined) shown.say(`Ended early: ${end.gaveUp}. --resume goes on from here.`);
  if (end.goesOn !== undefined) shown.say(end.goesOn);
  return end.done === end.tasks;
}

function tasksOrComplaint(source: StudySource, plan: StudyPlan): StudyTask[] {
  try {
    return tasksOfPlan(plan);
  } catch (error) {
    throw error instanceof StudyError ? source.located(error) : error;
  }
}

function defaultFolder(file: string): string {
  return `${file.replace(/\.(ya?ml|json)$/i, '')}.study`;
}

/** "1000 tasks: 2 data sets x model (5) x beta (10) x seed (10)" */
function sizeWords({ study }: StudyPlan, tasks: readonly StudyTask[]): string {
  const targets = study.data.reduce((sum, { targets: list = [''] }) => sum + list.length, 0);
  const parts = [
    plural(study.data.length, 'data set'),
    ...(targets > study.data.length ? [plural(targets, 'target')] : []),
    ...axesOf(study).map(({ name, values }) => `${name} (${values.length})`),
    ...(study.solvers === undefined ? [] : [plural(study.solvers.length, 'solver')]),
    ...(study.folds === undefined ? [] : [plural(study.folds, 'fold')]),
  ];
  return `${plural(tasks.length, 'task')}: ${parts.join(' x ')}${study.skip || study.only ? ', less what the conditions leave out' : ''}`;
}

/** @throws {UsageError} where the folder has results, and going on was not asked for */
async function preparedFolder(
  name: string,
  plan: StudyPlan,
  tasks: readonly StudyTask[],
  resume: boolean,
): Promise<StudyFolder> {
  const folder = new StudyFolder(path.resolve(name));
  if (!folder.exists() && resume) throw new UsageError(`there is nothing to resume: ${name} holds no study`);
  if (folder.exists() && !resume) {
    const { done } = folder.status(tasks);
    throw new UsageError(
      `${name} holds a study already (${done} of the ${plural(tasks.length, 'task')} done): --resume goes on with it, --out names another folder`,
    );
  }
  try {
    // unchanged, so that whoever works on it is not disturbed
    if (!folder.exists() || JSON.stringify(folder.plan()) !== JSON.stringify({ format: 'convexnet-plan/1', ...plan }))
      await folder.write(plan, tasks);
  } catch (error) {
    if (error instanceof StudyFolderError) throw error;
    throw new UsageError(`${name}: ${fileErrorWords(error)}`);
  }
  return folder;
}

async function statusOf(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, { json: { type: 'boolean' } });
  const folder = folderOf(positionals);
  const status = folder.status(folder.listed());
  const { tasks, done, running, failed } = status;
  const text =
    values.json === true
      ? JSON.stringify(status)
      : `${done} of ${plural(tasks, 'task')} done, ${running} running, ${failed} failed`;
  await new Outputs({}, []).print(`${text}\n`);
  return exitStatus.ok;
}

function tableOutputs(values: TableValues, inputs: readonly string[]): Outputs {
  return new Outputs({ '--csv': values.csv, '--summary': values.summary, '--parquet': values.parquet }, inputs);
}

async function putTables(outputs: Outputs, values: TableValues, table: StudyTable, summary: StudyTable): Promise<void> {
  const formulas = values['keep-formulas'] === true ? 'keep' : 'neutralize';
  await outputs.write('--csv', csvOf(table, formulas));
  await outputs.write('--summary', csvOf(summary, formulas));
  if (values.parquet !== undefined) await outputs.write('--parquet', parquetOf(table));
}

async function writeTables(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, tableOptions);
  const folder = folderOf(positionals);
  const outputs = tableOutputs(values, []);
  const plan = folder.plan();
  const table = tableOf(plan.study, await folder.rows(tasksOfPlan(plan)));
  await putTables(outputs, values, table, summaryOf(table, taskColumnsOf(plan.study)));
  if (values.csv === undefined && values.summary === undefined && values.parquet === undefined)
    await outputs.result('--csv', 'table.csv', csvOf(table, values['keep-formulas'] === true ? 'keep' : 'neutralize'));
  return outputs.status(exitStatus.ok);
}

async function stopStudy(args: readonly string[]): Promise<number> {
  const folder = folderOf(parseOptions(args, {}).positionals);
  folder.plan();
  await nodeFiles.writeWhole(folder.stopFile, '');
  for (const name of engineNames) engineOf(name, { program: process.argv[1] }).stop?.(folder);
  await new Outputs({}, []).print('asked to stop; --resume takes that back\n');
  return exitStatus.ok;
}

/** Processes that engines start. */
async function workOn(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, { list: { type: 'string' }, element: { type: 'string' } });
  const folder = folderOf(positionals).folder;
  if (values.list === undefined) return serveTasks(folder);
  return runElement(folder, values.list, numberOption('element', values.element) ?? 0);
}

function folderOf(positionals: readonly string[]): StudyFolder {
  if (positionals.length !== 1) throw new UsageError('name the folder of one study', { showHelp: true });
  return new StudyFolder(path.resolve(positionals[0]));
}
