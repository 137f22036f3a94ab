import { denseMatrix, type DenseMatrix } from '../base/linalg/matrix.ts';
import { type Control, uncontrolled } from '../base/control.ts';
import { range } from '../base/range.ts';
import { chooseFeatures, chooseTarget, chooseTask } from './chooseColumns.ts';
import {
  chooseMissing,
  Drops,
  firstGaps,
  readClasses,
  reportSingletons,
  rowsOfClasses,
  usableRows,
} from './chooseRows.ts';
import { DataError } from './dataError.ts';
import { type DatePart, dateUnit } from './dates.ts';
import { checkSize, Encoder } from './encode.ts';
import { foldsOf } from './folds.ts';
import {
  type ColumnSplit,
  columnSplit,
  isOnlySplit,
  type RowOrder,
  splitByColumn,
  type SplitWay,
} from './splitColumn.ts';
import { profileTable, type ColumnKind, type ColumnProfile, type Task } from './infer.ts';
import { leakageWarnings } from './leakage.ts';
import { ReadStopped } from './reader.ts';
import { meanAndScale, type Scaling } from './scaling.ts';
import { splitRows } from './split.ts';
import { checkTestColumns } from './testRows.ts';
import { type ColumnType, placeOfRow, type Table } from './table.ts';
import { whitenInputs } from './whitenInputs.ts';

export interface PrepareOptions {
  /** Empty: inferred. */
  readonly target: string;
  readonly task: Task | 'auto';
  /** Rows of other classes are left out; left out: none is. */
  readonly onlyClasses?: readonly string[];
  /** Empty: inferred. */
  readonly features: readonly string[];
  /** auto: fill where leaving rows out would lose more than `lossShare` of them. */
  readonly missing: 'auto' | 'drop' | 'impute';
  /** By column name: columns marked leave-out are no features. */
  readonly columnTypes?: Readonly<Record<string, ColumnType>>;
  readonly standardize: boolean;
  /** What is made of columns of dates besides days. Left out: nothing. */
  readonly dateParts?: readonly DatePart[];
  /** Whether the inputs are made uncorrelated on the training rows (few rows: the rows orthogonal). Left out: no. */
  readonly whiten?: boolean;
  /** Whether they are centred and whitened for a network with batch normalisation in its hidden layer. Left out: no. */
  readonly batchNorm?: boolean;
  /** Share of the rows held out. */
  readonly testFraction: number;
  /** Instead: part `index`, from 0, of `count` parts of the rows (`foldsOf` with the seed) is held out. */
  readonly fold?: { readonly index: number; readonly count: number };
  /** How rows are held out where there is neither `fold` nor `assignment`; left out: drawn. */
  readonly split?: { readonly by: SplitWay; readonly column: string };
  readonly seed: number;
  /** What becomes of each used row (0 train, 1 test, 2 neither), in the order of a preparation without it, instead of a draw: a fold. */
  readonly assignment?: ArrayLike<number>;
}

export interface PreparedColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly role: 'target' | 'feature' | 'left-out';
  readonly note: string;
  readonly missing: number;
  readonly distinct: number;
}

/** A table turned into numbers: everything that a training problem and its reports need. */
export interface PreparedData {
  readonly target: string;
  readonly task: Task;
  /** Class names in the order of the class ids; two classes: -1 is the first, +1 the second. Empty for regression. */
  readonly classes: readonly string[];
  readonly scaling: Scaling;
  /** All used rows x encoded inputs. */
  readonly X: DenseMatrix;
  /** The same before whitening, when there is one. */
  readonly unwhitened?: DenseMatrix;
  /** Per used row: target in original units, or class id. */
  readonly y: Float64Array;
  /** Per used row: 0 train, 1 test (2 neither, in a fold). */
  readonly split: Uint8Array;
  /** Groups or times of the used rows, where rows are split by them. */
  readonly order?: RowOrder;
  readonly trainRows: Int32Array;
  readonly testRows: Int32Array;
  /** Per used row: line in the file. */
  readonly lines: Int32Array;
  readonly columns: readonly PreparedColumn[];
  readonly dropped: readonly { readonly reason: string; readonly count: number; readonly lines: readonly number[] }[];
  readonly warnings: readonly string[];
}

/**
 * Chooses target and features, drops or fills incomplete rows, splits, encodes, standardises and whitens. Throws `DataError`, and
 * `ReadStopped` when the control says so.
 */
export function prepareData(table: Table, options: PrepareOptions, control: Control = uncontrolled): PreparedData {
  const poll = (): void => {
    if (control.shouldStop()) throw new ReadStopped('stopped while encoding');
  };
  const file = table.file;
  const warnings: string[] = [];
  const profiles = profileTable(table, poll);
  const target = chooseTarget(table, profiles, options.target);
  const splitColumn = columnSplit(table, profiles, target, options.split);
  const features = chooseFeatures(table, profiles, target, withoutSplit(options, splitColumn), warnings);
  const numericTarget = chooseTask(table, target, options.task) === 'regression';
  const drops = new Drops(table);
  for (const [ragged, of] of [
    [table.ragged, ''],
    [table.test?.ragged, `${table.test?.file}: `],
  ] as const) {
    if (ragged !== undefined && ragged.count > 0) drops.add(`${of}wrong number of cells`, ragged.count, ragged.lines);
  }
  checkTestColumns(table, target, features);
  const gapOf = firstGaps(table, features);
  const missing = options.missing === 'auto' ? chooseMissing(table, target, gapOf, warnings) : options.missing;
  const usable = usableRows(table, target, features, missing === 'drop' ? gapOf : undefined, drops);
  const rows =
    options.onlyClasses === undefined ? usable : rowsOfClasses(table, target, usable, options.onlyClasses, drops);
  checkRows(table, rows);

  const { y, classes } = numericTarget
    ? { y: Float64Array.from(rows, (row) => target.column.numbers[row]), classes: [] }
    : readClasses(table, target, rows);
  if (numericTarget && y.every((value) => value === y[0])) {
    throw new DataError('constant-target', `the target is always ${y[0]}: there is nothing to learn`, {
      file,
      column: target.column.index + 1,
      columnName: target.column.name,
    });
  }
  const byColumn = splitColumn && splitByColumn(table, rows, splitColumn, options);
  const fromFile = options.assignment === undefined ? testSplit(table, rows, options) : undefined;
  const drawn = options.assignment !== undefined || options.fold !== undefined || byColumn === undefined;
  const split = fromFile ?? (drawn ? splitOf(rows.length, y, classes.length, options) : byColumn.split);
  const [trainRows, testRows] = [indicesWhere(split, 0), indicesWhere(split, 1)];
  if (fromFile !== undefined) checkClasses(table, rows, y, classes, trainRows);
  reportSingletons(y, classes, warnings);
  reportTarget(target, classes.length, testRows.length, options, warnings);

  const encoder = new Encoder(
    table,
    rows,
    trainRows,
    { missing, standardize: options.standardize, dateParts: options.dateParts ?? [] },
    warnings,
  );
  for (const feature of features) {
    poll();
    encoder.add(feature);
  }
  if (encoder.inputs.length === 0) {
    throw new DataError('no-features', 'no feature is left: every column but the target is constant or left out', {
      file,
    });
  }
  const used = features.filter(({ profile }) => encoder.notes.get(profile.column.name)?.used === true);
  warnings.push(...leakageWarnings(used, target, rows, y, numericTarget, poll));
  const d = encoder.inputs.length;
  const X = denseMatrix(rows.length, d);
  encoder.values.forEach((values, j) => {
    if (j % 256 === 0) poll();
    for (let i = 0; i < rows.length; i++) X.data[i * d + j] = values[i];
  });
  const batchNorm = options.batchNorm === true;
  const whitening =
    batchNorm || options.whiten === true
      ? whitenInputs(X, encoder.inputs, trainRows, { batchNorm, file, poll }, warnings)
      : undefined;
  if (numericTarget) checkSize(table, target.column, rows, options.standardize);
  return {
    target: target.column.name,
    task: numericTarget ? 'regression' : classes.length === 2 ? 'binary' : 'multiclass',
    classes,
    scaling: {
      inputs: encoder.inputs,
      ...(whitening === undefined ? {} : { whitening: whitening.map }),
      ...(batchNorm ? { batchNorm } : {}),
      target: numericTarget && options.standardize ? scaleTarget(table, target, y, trainRows, warnings) : unscaled,
    },
    ...(whitening === undefined ? { X } : { X: whitening.X, unwhitened: X }),
    y,
    split,
    ...(byColumn?.order === undefined ? {} : { order: byColumn.order }),
    trainRows,
    testRows,
    lines: Int32Array.from(rows, (row) => table.lines[row]),
    columns: describeColumns(profiles, target, classes.length, encoder),
    dropped: drops.list(),
    warnings: [...table.warnings, ...warnings],
  };
}

const unscaled = { mean: 0, scale: 1 };

function checkRows(table: Table, rows: readonly number[]): void {
  const place = { file: table.file };
  if (rows.length === 0 && table.rows > 1) {
    throw new DataError(
      'missing',
      'no row has a value in the target and every feature; fill the gaps (missing: impute) or leave out the columns with gaps',
      place,
    );
  }
  if (rows.length < 2) {
    throw new DataError(
      'too-few-rows',
      `${rows.length === 1 ? 'only one row' : 'no row'} to train on; at least two are needed`,
      { ...place, line: rows.length === 1 ? table.lines[rows[0]] : undefined },
    );
  }
}

/** The column that only splits the rows is no feature. */
function withoutSplit(options: PrepareOptions, splitColumn: ColumnSplit | undefined): PrepareOptions {
  if (splitColumn === undefined || !isOnlySplit(splitColumn)) return options;
  const { name } = splitColumn.profile.column;
  return { ...options, columnTypes: { ...options.columnTypes, [name]: 'leave-out' } };
}

/**
 * Rows of the second file are held out, the others train; undefined where there is none.
 * @throws {DataError} where rows are to be held out in another way as well, or the file leaves none to test or train on
 */
function testSplit({ test, file }: Table, rows: readonly number[], options: PrepareOptions): Uint8Array | undefined {
  if (test === undefined) return undefined;
  if (options.fold !== undefined || (options.split !== undefined && options.split.by !== 'random'))
    throw new DataError('settings', 'rows are held out by a file of their own (--test) or by a split, not by both', {
      file,
    });
  const split = Uint8Array.from(rows, (row) => (row >= test.from ? 1 : 0));
  const held = split.reduce((sum, side) => sum + side, 0);
  const gaps = 'has a value in the target and every feature (missing: impute fills gaps)';
  if (held === 0) throw new DataError('too-few-rows', `no row to test on ${gaps}`, { file: test.file });
  if (rows.length - held < 2) throw new DataError('too-few-rows', 'at least two rows are needed to train on', { file });
  return split;
}

/** @throws {DataError} where a row of the second file is of a class that no training row has */
function checkClasses(
  table: Table,
  rows: readonly number[],
  y: Float64Array,
  classes: readonly string[],
  trainRows: Int32Array,
): void {
  if (classes.length === 0) return;
  const known = new Set(Array.from(trainRows, (row) => y[row]));
  const unknown = y.findIndex((id) => !known.has(id));
  if (unknown < 0) return;
  throw new DataError('class-count', `no row to train on is of the class "${classes[y[unknown]]}"`, {
    ...placeOfRow(table, rows[unknown]),
  });
}

/** What becomes of each row; `classes` 0: the target is a number. */
function splitOf(
  rows: number,
  y: Float64Array,
  classes: number,
  { assignment, fold, testFraction, seed }: PrepareOptions,
): Uint8Array {
  if (fold !== undefined && assignment === undefined) {
    const parts = foldsOf(rows, { count: fold.count, seed, classes: classes === 0 ? undefined : y });
    return Uint8Array.from(parts, (part) => (part === fold.index ? 1 : 0));
  }
  const split =
    assignment === undefined
      ? splitRows(rows, testFraction, seed, classes === 0 ? undefined : { ids: y, count: classes })
      : Uint8Array.from(assignment);
  if (split.length !== rows) throw new RangeError(`${split.length} rows assigned where ${rows} are used`);
  return split;
}

/** What a person should know of the target and of how it was taken. */
function reportTarget(
  target: ColumnProfile,
  classes: number,
  testRows: number,
  options: PrepareOptions,
  warnings: string[],
): void {
  const { name } = target.column;
  if ((options.testFraction > 0 || options.fold !== undefined) && testRows === 0) {
    warnings.push(
      'There are too few rows to hold any out: all rows are used for training and there are no test scores.',
    );
  }
  if (options.task === 'multiclass' && classes === 2) {
    warnings.push('The target has two classes: trained as a two-class problem.');
  }
  if (target.taskUnclear && options.task === 'auto') {
    warnings.push(
      classes === 0
        ? `The target "${name}" has ${target.distinct} different integers, read as numbers (regression); --task multiclass, or the task in the wizard, takes them for classes.`
        : `The target "${name}" has ${target.distinct} different integers, read as classes; --task regression, or the task in the wizard, takes them for numbers.`,
    );
  }
  if (target.idLike) warnings.push(`The target "${name}" ${target.note.replace(/^integers/, 'holds integers')}.`);
}

function scaleTarget(
  table: Table,
  target: ColumnProfile,
  y: Float64Array,
  trainRows: Int32Array,
  warnings: string[],
): { mean: number; scale: number } {
  const { mean, scale } = meanAndScale(y, trainRows);
  if (scale === 0) warnings.push('The target is the same in all training rows.');
  else if (scale < range.smallest) {
    throw new DataError(
      'too-large',
      `the values differ by no more than ${scale.toPrecision(2)}, too little to compute with (rescale the column)`,
      { file: table.file, column: target.column.index + 1, columnName: target.column.name },
    );
  }
  return { mean, scale: scale === 0 ? 1 : scale };
}

function describeColumns(
  profiles: readonly ColumnProfile[],
  target: ColumnProfile,
  classes: number,
  encoder: Encoder,
): PreparedColumn[] {
  return profiles.map((profile): PreparedColumn => {
    const { name } = profile.column;
    const base = { name, kind: profile.kind, missing: profile.missing, distinct: profile.distinct };
    if (profile === target) {
      const note =
        classes === 0 ? `regression target${target.date ? ` (date as ${dateUnit})` : ''}` : `${classes} classes`;
      return { ...base, role: 'target', note };
    }
    const encoded = encoder.notes.get(name);
    if (encoded?.used === true) return { ...base, role: 'feature', note: encoded.note };
    const why = encoded?.note ?? (profile.note || 'not chosen');
    return { ...base, role: 'left-out', note: why };
  });
}

function indicesWhere(split: Uint8Array, value: number): Int32Array {
  const out: number[] = [];
  split.forEach((s, i) => {
    if (s === value) out.push(i);
  });
  return Int32Array.from(out);
}
