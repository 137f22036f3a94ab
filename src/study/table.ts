import { csvText } from '../core/data/csv.ts';
import type { FormulaCells } from '../core/data/formulaCells.ts';
import type { Cell } from './axes.ts';
import { type StudyTask, taskColumnsOf } from './plan.ts';
import { type FigureName, figureNames, type TaskResult } from './result.ts';
import type { Study } from './studyFile.ts';

/** A task with what it left behind. */
export interface StudyRow {
  readonly task: Pick<StudyTask, 'number' | 'key' | 'cells'>;
  readonly result: TaskResult;
}

/** The table of a study: a row per task that has ended, in the order of the tasks. */
export interface StudyTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** `target` is a column of the task already; the figure of that name says which one was inferred. */
const figureColumns = figureNames.filter((name) => name !== 'target');

export function tableOf(study: Study, rows: readonly StudyRow[]): StudyTable {
  const own = taskColumnsOf(study);
  const columns = ['task', ...own, 'outcome', 'reason', ...figureColumns, 'key'];
  return { columns, rows: rows.map((row) => cellsOf(row, own)) };
}

function cellsOf({ task, result }: StudyRow, own: readonly string[]): Cell[] {
  const figures: Partial<Record<FigureName, Cell>> = result.outcome === 'done' ? result.figures : {};
  const asked = own.map((name) => task.cells[name] ?? (name === 'target' ? figures.target : undefined) ?? null);
  return [
    task.number,
    ...asked,
    result.outcome,
    result.outcome === 'refused' ? result.reason : null,
    ...figureColumns.map((name) => figures[name] ?? null),
    task.key,
  ];
}

/** As CSV: nothing where there is nothing. */
export function csvOf({ columns, rows }: StudyTable, formulas: FormulaCells): string {
  const field = (cell: Cell): string | number => (typeof cell === 'number' ? cell : String(cell ?? ''));
  return csvText([columns, ...rows.map((row) => row.map(field))], formulas).csv;
}
