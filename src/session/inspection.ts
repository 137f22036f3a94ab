import { inferTarget, profileTable, type ColumnKind, type Task } from '../core/data/infer.ts';
import { type Control, uncontrolled } from '../core/base/control.ts';
import { DataError } from '../core/data/dataError.ts';
import { byCodePoint } from '../core/data/chooseRows.ts';
import { dateUnit } from '../core/data/dates.ts';
import { ReadStopped } from '../core/data/reader.ts';
import { cellLabel, type Table } from '../core/data/table.ts';

/** What a training form is prefilled with, from the first rows of the file only. */
export interface Inspection {
  readonly encoding: string;
  readonly delimiter: string;
  readonly decimal: string;
  readonly header: boolean;
  readonly columns: readonly InspectedColumn[];
  /** The column that inference takes as target. */
  readonly target: string;
  readonly task: Task;
  /** What inference takes as features for that target. */
  readonly features: readonly string[];
  readonly rowsSeen: number;
  /** Data rows in the file; an estimate from its size when not all were looked at. */
  readonly rowsEstimate: number;
  /** False when the file has more rows than were looked at. */
  readonly complete: boolean;
  readonly warnings: readonly string[];
}

export interface InspectedColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Distinct values among the rows looked at. */
  readonly distinct: number;
  readonly missing: number;
  /** Up to three of its values. */
  readonly examples: readonly string[];
  /** Inference would use it as a feature (when it is not the target). */
  readonly suggested: boolean;
  /** Why not, what is wrong with it, or how it is read. */
  readonly note: string;
  /** The task it would be as a target; null when it cannot be one. */
  readonly task: Task | null;
  /** Its classes among the rows looked at, where it could be a target of at most 50; empty otherwise. */
  readonly classes: readonly string[];
  /** Another task is also reasonable. */
  readonly taskUnclear: boolean;
}

/** Classes of a column that are listed. */
const mostClasses = 50;

/** The different labels of a column, as numbers in their order, otherwise by code points. */
function labelsOf(table: Table, index: number): string[] {
  const column = table.columns[index];
  const labels = new Set<string>();
  for (let row = 0; row < table.rows; row++) {
    const label = cellLabel(column, row);
    if (label !== null) labels.add(label);
  }
  return [...labels].sort(column.texts === 0 ? (a, b) => Number(a) - Number(b) : byCodePoint);
}

/**
 * Sums up the head of a table; `fileBytes` scales the row count when it is only the head.
 * @throws {ReadStopped} when stopped, which is looked for at every column
 */
export function inspectTable(table: Table, fileBytes: number, control: Control = uncontrolled): Inspection {
  const poll = (): void => {
    if (control.shouldStop()) throw new ReadStopped('stopped while looking through the columns');
  };
  const profiles = profileTable(table, poll);
  const target = inferTarget(profiles);
  if (target === undefined) {
    throw new DataError('bad-target', 'no column can be a target: all are constant, empty or free text', {
      file: table.file,
    });
  }
  const columns = profiles.map((profile): InspectedColumn => {
    poll();
    const examples = new Set<string>();
    for (let row = 0; row < table.rows && examples.size < 3; row++) {
      const label = cellLabel(table.columns[profile.column.index], row);
      if (label !== null) examples.add(label);
    }
    const { kind, distinct, missing, suggested, note, task, taskUnclear } = profile;
    const isClasses = task !== null && (task !== 'regression' || taskUnclear) && distinct <= mostClasses;
    const bad =
      profile.bad === null
        ? ''
        : `${profile.bad.count} cells are not ${profile.date ? 'dates' : 'numbers'}, e.g. "${profile.bad.text.slice(0, 40)}"`;
    return {
      name: profile.column.name,
      kind,
      distinct,
      missing,
      examples: [...examples],
      suggested,
      note: [note, profile.date ? `dates as ${dateUnit}` : '', bad].filter((text) => text !== '').join(', '),
      task,
      classes: isClasses ? labelsOf(table, profile.column.index) : [],
      taskUnclear,
    };
  });
  const estimate = table.complete
    ? table.rowsInFile
    : Math.round((table.rows * fileBytes) / Math.max(1, table.bytesOfRows));
  return {
    encoding: table.encoding,
    delimiter: table.dialect.delimiter,
    decimal: table.dialect.decimal,
    header: table.dialect.header,
    columns,
    target: target.column.name,
    task: target.task ?? 'multiclass',
    features: profiles
      .filter((profile) => profile.suggested && profile !== target)
      .map((profile) => profile.column.name),
    rowsSeen: table.rows,
    rowsEstimate: Math.max(table.rows, estimate),
    complete: table.complete,
    warnings: table.warnings,
  };
}
