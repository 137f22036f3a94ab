import * as v from 'valibot';
import { betaPatch, checkPatch, isGroup, type Patch, patchOf, settingPaths } from './settingPaths.ts';
import { StudyError } from './studyError.ts';
import { type Range, rangeSchema } from './studyFile.ts';

/** What a cell of the table can hold; null where there is nothing. */
export type Cell = string | number | boolean | null;

/** One value of what is varied: its cells in the table, and the settings it stands for. */
export interface AxisValue {
  readonly cells: Readonly<Record<string, Cell>>;
  readonly patch: Patch;
}

/** Something that is varied. */
export interface Axis {
  readonly name: string;
  readonly columns: readonly string[];
  readonly values: readonly AxisValue[];
}

/** Names of columns that tasks have besides what is varied. */
export const taskColumns = ['data', 'target', 'solver', 'fold'] as const;

const mostValues = 200_000;

/** The values of a range. @throws {StudyError} when it says too little, or too much */
export function valuesOfRange({ from, to, step, points, scale }: Range, path: readonly (string | number)[]): number[] {
  if (step !== undefined && points !== undefined)
    throw new StudyError('a range has a step or a number of points, not both', path);
  if (scale === 'log') {
    if (points === undefined) throw new StudyError('a range on a log scale needs its number of points', path);
    if (!(from > 0 && to > 0)) throw new StudyError('a range on a log scale lies above zero', path);
  }
  if (points !== undefined) {
    const at = (k: number): number => {
      if (k === 0) return from;
      if (k === points - 1) return to;
      const share = k / (points - 1);
      // short decimals, the same wherever they are computed
      const value = scale === 'log' ? from * Math.pow(to / from, share) : from + share * (to - from);
      return Number(value.toPrecision(6));
    };
    return Array.from({ length: points }, (_, k) => at(k));
  }
  const by = step ?? 1;
  const count = Math.floor((to - from) / by + 1e-9) + 1;
  if (count < 1) throw new StudyError('a range goes upwards: "to" is below "from"', path);
  if (count > mostValues) throw new StudyError(`a range of ${count} values is too long`, path);
  return Array.from({ length: count }, (_, k) => Number((from + k * by).toPrecision(12)));
}

function listOf(value: unknown, path: readonly (string | number)[]): readonly unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  const range = v.safeParse(rangeSchema, value);
  return range.success ? valuesOfRange(range.output, path) : [value];
}

/** Beta: every entry one or several values of one kind. */
function betaValues(entries: readonly unknown[], path: readonly (string | number)[]): AxisValue[] {
  return entries.flatMap((entry, k) => {
    const place = [...path, k];
    const kind =
      typeof entry === 'object' && entry !== null
        ? (['relative', 'absolute'] as const).find((one) => Object.hasOwn(entry, one))
        : undefined;
    const one = (value: unknown): AxisValue => {
      const patch = betaPatch(value, place);
      checkPatch(patch, place);
      const number = patch['beta.value'];
      const cells = {
        'beta.kind': String(patch['beta.kind']),
        'beta.value': typeof number === 'number' ? number : null,
      };
      return { cells, patch };
    };
    if (kind === undefined) return [one(entry)];
    return listOf((entry as Record<string, unknown>)[kind], place).map((value) => one({ [kind]: value }));
  });
}

function cellOf(value: unknown): Cell {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  return JSON.stringify(value);
}

/** One entry of `vary`. @throws {StudyError} when it is neither a setting nor a parameter */
export function axisOf(name: string, value: unknown, path: readonly (string | number)[]): Axis {
  if ((taskColumns as readonly string[]).includes(name))
    throw new StudyError(`"${name}" is varied by its own field of the study, not here`, path);
  if (name === 'beta') {
    const values = betaValues(Array.isArray(value) ? (value as unknown[]) : [value], path);
    return checked({ name, columns: ['beta.kind', 'beta.value'], values }, path);
  }
  if (settingPaths.has(name)) {
    const list = listOf(value, path);
    const values = list.map((entry, k): AxisValue => {
      const patch = { [name]: entry };
      checkPatch(patch, Array.isArray(value) ? [...path, k] : path);
      return { cells: { [name]: cellOf(entry) }, patch };
    });
    return checked({ name, columns: [name], values }, path);
  }
  if (isGroup(name))
    throw new StudyError(`"${name}" is a group of settings: vary one of them, by a name like "${name}.…"`, path);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || v.is(rangeSchema, value))
    throw new StudyError(
      `there is no setting "${name}"; a parameter of your own says, by the name of each of its values, the settings that belong to it`,
      path,
    );
  const values = Object.entries(value).map(([label, map]): AxisValue => {
    const place = [...path, label];
    const patch = patchOf(v.is(v.record(v.string(), v.unknown()), map) ? map : {}, place);
    checkPatch(patch, place);
    return { cells: { [name]: label }, patch };
  });
  return checked({ name, columns: [name], values }, path);
}

function checked(axis: Axis, path: readonly (string | number)[]): Axis {
  if (axis.values.length === 0) throw new StudyError(`"${axis.name}" has no value`, path);
  const seen = new Set<string>();
  for (const { cells } of axis.values) {
    const text = JSON.stringify(cells);
    if (seen.has(text)) throw new StudyError(`"${axis.name}" has the value ${text} twice`, path);
    seen.add(text);
  }
  return axis;
}
