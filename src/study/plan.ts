import type { TrainSettings } from '../shared/settings.ts';
import { type Axis, axisOf, type Cell, taskColumns } from './axes.ts';
import { checkPatch, type Patch, patchOf, settingsFrom } from './settingPaths.ts';
import { StudyError } from './studyError.ts';
import type { Condition, SolverName, Study } from './studyFile.ts';

/** A data file of a study as it was found. */
export interface DataFile {
  readonly name: string;
  /** Absolute. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** One solve: its place in the study, what tells it from the others, and everything it depends on. */
export interface StudyTask {
  /** From 1. */
  readonly number: number;
  /** The same for the same data, settings, solver and fold, whatever study it is in. */
  readonly key: string;
  readonly cells: Readonly<Record<string, Cell>>;
  readonly data: DataFile;
  readonly solver: SolverName;
  readonly settings: TrainSettings;
}

/** A study with its data files: all that its tasks follow from. */
export interface StudyPlan {
  readonly study: Study;
  /** In the order of `study.data`. */
  readonly files: readonly DataFile[];
}

const mostTasks = 200_000;

/** What is varied, in the order of the study. @throws {StudyError} */
export function axesOf(study: Study): Axis[] {
  return Object.entries(study.vary ?? {}).map(([name, value]) => axisOf(name, value, ['vary', name]));
}

/** Columns that say which task a row of the table is. */
export function taskColumnsOf(study: Study): string[] {
  const fixed = taskColumns.filter((name) => name !== 'fold' || study.folds !== undefined);
  return [...fixed, ...axesOf(study).flatMap(({ columns }) => columns)];
}

/**
 * The tasks of a study, in an order that depends on the study alone.
 * @param hash a digest of a text, as hexadecimal digits
 * @throws {StudyError} for what cannot be run
 */
export function tasksOf({ study, files }: StudyPlan, hash: (text: string) => string): StudyTask[] {
  checkConditions(study, taskColumnsOf(study));
  const tasks: StudyTask[] = [];
  const seen = new Set<string>();
  for (const { file, cells, patches, solver } of [...combinations({ study, files })]) {
    const settings = settingsFrom(patches);
    const key = hash(canonical([file.sha256, solver, settings])).slice(0, 20);
    if (seen.has(key)) continue; // values that come to the same task
    seen.add(key);
    tasks.push({ number: tasks.length + 1, key, cells, data: file, solver, settings });
  }
  if (tasks.length === 0) throw new StudyError('no task is left: "skip" and "only" leave out all of them');
  return tasks;
}

interface Combination {
  readonly file: DataFile;
  readonly cells: Readonly<Record<string, Cell>>;
  readonly patches: readonly Patch[];
  readonly solver: SolverName;
}

/** Everything with everything, but for what the conditions leave out. */
function* combinations({ study, files }: StudyPlan): Generator<Combination> {
  const axes = axesOf(study);
  const base = checkPatch(patchOf(study.settings ?? {}, ['settings']), ['settings']);
  const folds = study.folds === undefined ? [undefined] : Array.from({ length: study.folds }, (_, k) => k + 1);
  let count = 0;
  for (const [k, entry] of study.data.entries()) {
    const place = ['data', k, 'settings'];
    const own = checkPatch(patchOf(entry.settings ?? {}, place), place);
    for (const target of entry.targets ?? ['']) {
      for (const values of product(axes)) {
        const varied = Object.assign({}, ...values.map(({ cells }) => cells)) as Record<string, Cell>;
        for (const solver of study.solvers ?? (['convex'] as const)) {
          for (const fold of folds) {
            const start = { data: files[k].name, target: target === '' ? null : target, solver };
            const cells = { ...start, ...(fold === undefined ? {} : { fold }), ...varied };
            if (!wanted(cells, study)) continue;
            if (++count > mostTasks) throw new StudyError(`more than ${mostTasks} tasks; split the study`);
            const last: Patch = fold === undefined ? {} : { 'fold.index': fold - 1, 'fold.count': study.folds };
            const patches = [base, own, { target }, ...values.map(({ patch }) => patch), last, solverPatch(solver)];
            yield { file: files[k], cells, patches, solver };
          }
        }
      }
    }
  }
}

/** Gradient descent runs once, by the optimiser of the task, beside the convex program, which says its width. */
function solverPatch(solver: SolverName): Patch {
  if (solver === 'convex') return {};
  return { 'compare.enabled': true, 'compare.optimizers': [solver], 'compare.seeds': 1 };
}

function* product(axes: readonly Axis[], at = 0): Generator<Axis['values']> {
  if (at === axes.length) {
    yield [];
    return;
  }
  for (const value of axes[at].values) for (const rest of product(axes, at + 1)) yield [value, ...rest];
}

function wanted(cells: Readonly<Record<string, Cell>>, { skip = [], only }: Study): boolean {
  return !skip.some((one) => holds(one, cells)) && (only?.some((one) => holds(one, cells)) ?? true);
}

function holds(condition: Condition, cells: Readonly<Record<string, Cell>>): boolean {
  return Object.entries(condition).every(([name, wish]) => {
    const cell = cells[name] ?? null;
    if (Array.isArray(wish)) return wish.includes(cell);
    if (typeof wish === 'object' && wish !== null)
      return typeof cell === 'number' && cell >= (wish.least ?? -Infinity) && cell <= (wish.most ?? Infinity);
    return wish === cell;
  });
}

function checkConditions(study: Study, columns: readonly string[]): void {
  for (const field of ['skip', 'only'] as const) {
    for (const [k, condition] of (study[field] ?? []).entries()) {
      const unknown = Object.keys(condition).find((name) => !columns.includes(name));
      if (unknown !== undefined)
        throw new StudyError(`there is no "${unknown}" among what tasks differ in: ${columns.join(', ')}`, [
          field,
          k,
          unknown,
        ]);
    }
  }
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
