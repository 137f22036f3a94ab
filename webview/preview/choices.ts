import type { DataPreview, PreviewColumn, ReadChoices, TrainChoices } from '../../src/shared/preview.ts';
import type { MissingSetting } from '../../src/shared/settings.ts';
import type { Task } from '../../src/core/data/infer.ts';

export type ColumnTypeName = NonNullable<ReadChoices['columnTypes']>[string];
export type Role = 'target' | 'feature' | 'left-out';

/** What a person changed of the roles; null or absent: as inference has it. */
export interface Roles {
  readonly target: string | null;
  readonly task: Task | null;
  readonly chosen: Readonly<Record<string, boolean>>;
  /** What becomes of rows with gaps. */
  readonly missing: MissingSetting | null;
}

export const noRoles: Roles = { target: null, task: null, chosen: {}, missing: null };

/** The column that is predicted. */
export function targetOf(data: DataPreview, { target }: Roles): PreviewColumn | undefined {
  const named = (name: string): PreviewColumn | undefined => data.columns.find((column) => column.name === name);
  return (target === null ? undefined : named(target)) ?? named(data.target);
}

export function roleOf(column: PreviewColumn, target: PreviewColumn | undefined, { chosen }: Roles): Role {
  if (column === target) return 'target';
  const yes = Object.hasOwn(chosen, column.name) ? chosen[column.name] : column.suggested;
  return yes ? 'feature' : 'left-out';
}

/** Why a column is left out. */
export function reasonOf(column: PreviewColumn, role: Role, roles: Roles): string {
  if (role === 'left-out' && Object.hasOwn(roles.chosen, column.name) && column.suggested) return 'as you chose';
  return column.note;
}

/** The type that a column has now. */
export function typeOf(column: PreviewColumn, read: ReadChoices): ColumnTypeName {
  const types = read.columnTypes ?? {};
  if (Object.hasOwn(types, column.name)) return types[column.name];
  if (column.date) return 'date';
  return column.kind === 'categorical' || column.summary.kind === 'top' ? 'classes' : 'number';
}

/** What training is asked for. Features are named only where they are not those of inference, or not all columns are here. */
export function trainChoices(data: DataPreview, read: ReadChoices, roles: Roles): TrainChoices {
  const target = targetOf(data, roles);
  const changed = Object.keys(roles.chosen).length > 0;
  return {
    ...read,
    target: target?.name ?? data.target,
    task: roles.task ?? 'auto',
    ...(roles.missing === null ? {} : { missing: roles.missing }),
    features:
      changed && data.columnsInFile === data.columns.length
        ? data.columns.filter((column) => roleOf(column, target, roles) === 'feature').map(({ name }) => name)
        : [],
  };
}
