import { denseMatrix, type DenseMatrix, rowOf } from '../base/linalg/matrix.ts';
import { type Control, uncontrolled } from '../base/control.ts';
import { range } from '../base/range.ts';
import { DataError } from './dataError.ts';
import { dateOfDays, dateUnit } from './dates.ts';
import {
  categoryLimit,
  classLimit,
  inferTarget,
  profileTable,
  type ColumnKind,
  type ColumnProfile,
  type Task,
} from './infer.ts';
import { namedColumns, oneColumn } from './columnNames.ts';
import { plainText } from './plainText.ts';
import { ReadStopped } from './reader.ts';
import { meanAndScale, type InputScaling, type Scaling, type Whitening } from './scaling.ts';
import { splitRows } from './split.ts';
import { cellCode, cellLabel, hasValue, type Column, type ColumnType, type Table } from './table.ts';
import { whitened, whiteningOf, whitenLimit, whitenWork } from './whiten.ts';

export interface PrepareOptions {
  /** Empty: inferred. */
  readonly target: string;
  readonly task: Task | 'auto';
  /** Empty: inferred. */
  readonly features: readonly string[];
  /** auto: fill where leaving rows out would lose more than `lossShare` of them. */
  readonly missing: 'auto' | 'drop' | 'impute';
  /** By column name: columns marked leave-out are no features. */
  readonly columnTypes?: Readonly<Record<string, ColumnType>>;
  readonly standardize: boolean;
  /** Whether the inputs are made uncorrelated on the training rows (few rows: the rows orthogonal). Left out: no. */
  readonly whiten?: boolean;
  /** Whether they are centred and whitened for a network with batch normalisation in its hidden layer. Left out: no. */
  readonly batchNorm?: boolean;
  /** Share of the rows held out. */
  readonly testFraction: number;
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
  readonly trainRows: Int32Array;
  readonly testRows: Int32Array;
  /** Per used row: line in the file. */
  readonly lines: Int32Array;
  readonly columns: readonly PreparedColumn[];
  readonly dropped: readonly { readonly reason: string; readonly count: number; readonly lines: readonly number[] }[];
  readonly warnings: readonly string[];
}

const linesListed = 20;
/** Share of rows with a target that may be lost to gaps in features before gaps are filled instead. */
const lossShare = 0.05;

interface Feature {
  readonly profile: ColumnProfile;
  readonly encoding: 'number' | 'indicators';
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
  const features = chooseFeatures(table, profiles, target, options, warnings);
  const task = chooseTask(table, target, options.task);
  const numericTarget = task === 'regression';

  const drops = new Drops(table);
  if (table.ragged.count > 0) {
    drops.add('wrong number of cells', table.ragged.count, table.ragged.lines);
  }
  const gapOf = firstGaps(table, features);
  const missing = options.missing === 'auto' ? chooseMissing(table, target, gapOf, warnings) : options.missing;
  const rows = usableRows(table, target, features, missing === 'drop' ? gapOf : undefined, drops);
  const place = { file };
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
      {
        ...place,
        line: rows.length === 1 ? table.lines[rows[0]] : undefined,
      },
    );
  }

  const { y, classes } = numericTarget
    ? { y: Float64Array.from(rows, (row) => target.column.numbers[row]), classes: [] }
    : readClasses(table, target, rows);
  if (numericTarget && y.every((value) => value === y[0])) {
    throw new DataError('constant-target', `the target is always ${y[0]}: there is nothing to learn`, {
      ...place,
      column: target.column.index + 1,
      columnName: target.column.name,
    });
  }
  const finalTask: Task = numericTarget ? 'regression' : classes.length === 2 ? 'binary' : 'multiclass';
  const split = options.assignment
    ? Uint8Array.from(options.assignment)
    : splitRows(
        rows.length,
        options.testFraction,
        options.seed,
        numericTarget ? undefined : { ids: y, count: classes.length },
      );
  if (split.length !== rows.length) throw new RangeError(`${split.length} rows assigned where ${rows.length} are used`);
  const trainRows = indicesWhere(split, 0);
  const testRows = indicesWhere(split, 1);
  reportSingletons(y, classes, warnings);
  if (options.testFraction > 0 && testRows.length === 0) {
    warnings.push(
      'There are too few rows to hold any out: all rows are used for training and there are no test scores.',
    );
  }
  if (options.task === 'multiclass' && classes.length === 2) {
    warnings.push('The target has two classes: trained as a two-class problem.');
  }
  if (target.taskUnclear && options.task === 'auto') {
    warnings.push(
      numericTarget
        ? `The target "${target.column.name}" has ${target.distinct} different integers, read as numbers (regression); --task multiclass, or the task in the wizard, takes them for classes.`
        : `The target "${target.column.name}" has ${target.distinct} different integers, read as classes; --task regression, or the task in the wizard, takes them for numbers.`,
    );
  }
  if (target.idLike)
    warnings.push(`The target "${target.column.name}" ${target.note.replace(/^integers/, 'holds integers')}.`);

  const encoder = new Encoder(table, rows, trainRows, { missing, standardize: options.standardize }, warnings);
  for (const feature of features) {
    poll();
    encoder.add(feature);
  }
  if (encoder.inputs.length === 0) {
    throw new DataError(
      'no-features',
      'no feature is left: every column but the target is constant or left out',
      place,
    );
  }
  const d = encoder.inputs.length;
  const X = denseMatrix(rows.length, d);
  encoder.values.forEach((values, j) => {
    if (j % 256 === 0) poll();
    for (let i = 0; i < rows.length; i++) X.data[i * d + j] = values[i];
  });

  const batchNorm = options.batchNorm === true;
  const whitening =
    batchNorm || options.whiten === true
      ? whiten(X, encoder.inputs, trainRows, { batchNorm, file, poll }, warnings)
      : undefined;

  let targetScaling = { mean: 0, scale: 1 };
  if (numericTarget) {
    checkSize(table, target.column, rows, options.standardize);
    if (options.standardize) {
      const { mean, scale } = meanAndScale(y, trainRows);
      if (scale === 0) warnings.push('The target is the same in all training rows.');
      else if (scale < range.smallest) {
        throw new DataError(
          'too-large',
          `the values differ by no more than ${scale.toPrecision(2)}, too little to compute with (rescale the column)`,
          { ...place, column: target.column.index + 1, columnName: target.column.name },
        );
      }
      targetScaling = { mean, scale: scale === 0 ? 1 : scale };
    }
  }

  const columns = profiles.map((profile): PreparedColumn => {
    const { name } = profile.column;
    const base = { name, kind: profile.kind, missing: profile.missing, distinct: profile.distinct };
    if (profile === target) {
      const note = numericTarget
        ? `regression target${target.date ? ` (date as ${dateUnit})` : ''}`
        : `${classes.length} classes`;
      return { ...base, role: 'target', note };
    }
    const encoded = encoder.notes.get(name);
    if (encoded?.used === true) return { ...base, role: 'feature', note: encoded.note };
    const why = encoded?.note ?? (profile.note || 'not chosen');
    return { ...base, role: 'left-out', note: why };
  });
  return {
    target: target.column.name,
    task: finalTask,
    classes,
    scaling: {
      inputs: encoder.inputs,
      ...(whitening === undefined ? {} : { whitening: whitening.map }),
      ...(batchNorm ? { batchNorm } : {}),
      target: targetScaling,
    },
    ...(whitening === undefined ? { X } : { X: whitening.X, unwhitened: X }),
    y,
    split,
    trainRows,
    testRows,
    lines: Int32Array.from(rows, (row) => table.lines[row]),
    columns,
    dropped: drops.list(),
    warnings: [...table.warnings, ...warnings],
  };
}

/**
 * Whitens on the training rows. Rows that are at most as many as the inputs can be made orthogonal, but not once a mean is taken off
 * (their sum would be zero), so the means are put back first, in `X` and in `inputs`. Batch normalisation takes them off instead. With one
 * input the map is a number, which goes into its scale.
 */
function whiten(
  X: DenseMatrix,
  inputs: InputScaling[],
  trainRows: Int32Array,
  { batchNorm, file, poll }: { readonly batchNorm: boolean; readonly file: string; readonly poll: () => void },
  warnings: string[],
): { readonly map: Whitening; readonly X: DenseMatrix } | undefined {
  const [n, d] = [trainRows.length, X.cols];
  if (d > whitenLimit || n * d * Math.min(n, d) > whitenWork) {
    throw new DataError(
      'settings',
      `${n} training rows by ${d} inputs are too many to ${batchNorm ? 'batch-normalise' : 'whiten'} (at most ${whitenLimit} inputs, and rows times inputs squared up to ${whitenWork.toExponential(0)}); ` +
        `choose fewer features or rows, or ${batchNorm ? 'leave batch normalisation out' : 'do not whiten'}`,
      { file },
    );
  }
  if (batchNorm) {
    inputs.forEach((input, k) => {
      let mean = 0;
      for (const row of trainRows) mean += X.data[row * d + k] / n;
      for (let i = 0; i < X.rows; i++) X.data[i * d + k] -= mean;
      inputs[k] = { ...input, mean: input.mean + mean * input.scale };
    });
  } else if (n <= d) {
    inputs.forEach((input, k) => {
      const shift = input.mean / input.scale;
      for (let i = 0; i < X.rows; i++) X.data[i * d + k] += shift;
      inputs[k] = { ...input, mean: 0 };
    });
  }
  const train = denseMatrix(n, d);
  trainRows.forEach((row, i) => train.data.set(rowOf(X, row), i * d));
  const map = whiteningOf(train, poll);
  if (map === undefined) return undefined;
  if (d === 1) {
    const [[factor]] = map.matrix;
    for (let i = 0; i < X.rows; i++) X.data[i] *= factor;
    inputs[0] = { ...inputs[0], scale: inputs[0].scale / factor };
    return undefined;
  }
  if (batchNorm) {
    if (map.rank < Math.min(n - 1, d)) {
      warnings.push(
        `Batch normalisation: the training rows vary in ${map.rank} dimensions only; directions without variation are left out.`,
      );
    }
  } else if (n <= d && !map.rowsOrthogonal) {
    warnings.push(
      `Whitening: the ${n} training rows span ${map.rank} dimensions only, so they cannot all be made orthogonal.`,
    );
  } else if (map.rank < Math.min(n, d)) {
    warnings.push(
      `Whitening: the ${d} inputs span ${map.rank === 1 ? 'one dimension' : `${map.rank} dimensions`} only; the others are combinations of them.`,
    );
  }
  return { map, X: whitened(X, map, poll) };
}

/** Row left out: counted by reason, first lines listed. */
class Drops {
  private readonly reasons = new Map<string, { count: number; lines: number[] }>();

  constructor(private readonly table: Table) {}

  add(reason: string, count: number, lines: readonly number[]): void {
    this.reasons.set(reason, { count, lines: lines.slice(0, linesListed) });
  }

  row(reason: string, row: number): void {
    let entry = this.reasons.get(reason);
    if (entry === undefined) this.reasons.set(reason, (entry = { count: 0, lines: [] }));
    entry.count++;
    if (entry.lines.length < linesListed) entry.lines.push(this.table.lines[row]);
  }

  list(): { reason: string; count: number; lines: number[] }[] {
    return [...this.reasons].map(([reason, entry]) => ({ reason, ...entry }));
  }
}

/** Row by row the first feature without a value, -1 where there is none. */
function firstGaps(table: Table, features: readonly Feature[]): Int32Array {
  const gapOf = new Int32Array(table.rows).fill(-1);
  features.forEach(({ profile: { column } }, k) => {
    if (column.codes === null) return;
    for (let row = 0; row < table.rows; row++) if (gapOf[row] < 0 && !hasValue(column, row)) gapOf[row] = k;
  });
  return gapOf;
}

/** Fill gaps when leaving their rows out would lose too many, or a class, or nearly all; said when there are any. */
function chooseMissing(table: Table, target: ColumnProfile, gapOf: Int32Array, warnings: string[]): 'drop' | 'impute' {
  let usable = 0;
  let gaps = 0;
  for (let row = 0; row < table.rows; row++) {
    if (!hasValue(target.column, row)) continue;
    usable++;
    if (gapOf[row] >= 0) gaps++;
  }
  if (gaps <= lossShare * usable) return 'drop';
  warnings.push(
    `${gaps} of ${usable} rows have gaps in the features: gaps are filled (median, or commonest category, of the training rows). ` +
      '--missing drop, or the setting, leaves such rows out instead.',
  );
  return 'impute';
}

/** Rows with a target and, unless gaps are filled, with all features. */
function usableRows(
  table: Table,
  target: ColumnProfile,
  features: readonly Feature[],
  gapOf: Int32Array | undefined,
  drops: Drops,
): number[] {
  const rows: number[] = [];
  for (let row = 0; row < table.rows; row++) {
    if (!hasValue(target.column, row)) {
      drops.row(whyEmpty(target.column, row, 'target '), row);
      continue;
    }
    const gap = gapOf === undefined ? -1 : gapOf[row];
    if (gap < 0) rows.push(row);
    else drops.row(whyEmpty(features[gap].profile.column, row, ''), row);
  }
  return rows;
}

function whyEmpty(column: Column, row: number, prefix: string): string {
  return column.codes?.[row] === cellCode.notFinite
    ? `${prefix}"${column.name}" is infinite`
    : `${prefix}"${column.name}" is missing`;
}

function indicesWhere(split: Uint8Array, value: number): Int32Array {
  const out: number[] = [];
  split.forEach((s, i) => {
    if (s === value) out.push(i);
  });
  return Int32Array.from(out);
}

function chooseTarget(table: Table, profiles: readonly ColumnProfile[], name: string): ColumnProfile {
  if (name !== '') return oneColumn(table, profiles, name, 'target');
  const found = inferTarget(profiles);
  if (found === undefined) {
    throw new DataError('bad-target', 'no column can be a target: all are constant, empty or free text', {
      file: table.file,
    });
  }
  return found;
}

function chooseTask(table: Table, target: ColumnProfile, wanted: Task | 'auto'): Task {
  const { column } = target;
  const place = { file: table.file, column: column.index + 1, columnName: column.name };
  if (target.kind === 'constant') {
    if (target.missing === table.rows) throw new DataError('bad-target', 'the target has no values', place);
    const isText = column.texts > 0;
    throw new DataError(
      isText || wanted === 'binary' || wanted === 'multiclass' ? 'one-class' : 'constant-target',
      isText || wanted === 'binary' || wanted === 'multiclass'
        ? `the target has one class only (${target.note}): there is nothing to tell apart`
        : `the target is ${target.note}: there is nothing to learn`,
      place,
    );
  }
  if (target.date && wanted !== 'auto' && wanted !== 'regression') {
    throw new DataError('bad-target', `the target holds dates (${dateUnit}), which cannot be classes`, place);
  }
  const task = wanted === 'auto' ? target.task : wanted;
  const numeric = column.texts === 0 || target.bad !== null;
  if (task === 'regression') {
    if (numeric) {
      if (target.bad !== null) throw badCell(table, target);
      return task;
    }
    const row = column.codes!.findIndex((code) => code >= 0 || code === cellCode.overflow);
    throw new DataError(
      'not-a-number',
      `"${cellLabel(column, row) ?? ''}" is not a number, and regression needs a numeric target (${column.texts} such cells)`,
      { ...place, line: table.lines[row] },
    );
  }
  if (target.distinct > classLimit) {
    const count = column.overflow ? `more than ${column.dictionary.length}` : target.distinct;
    throw new DataError(
      'too-many-classes',
      numeric && target.bad === null
        ? `the target has ${count} distinct numbers, too many for classes (at most ${classLimit}); train a regression instead`
        : `the target has ${count} distinct texts: this is not a class label (at most ${classLimit} classes)`,
      place,
    );
  }
  if (task === 'binary' && target.distinct !== 2) {
    throw new DataError('class-count', `the target has ${target.distinct} distinct values, not two`, place);
  }
  return task ?? 'multiclass';
}

function badCell(table: Table, profile: ColumnProfile): DataError {
  const { column } = profile;
  const { row, count, text } = profile.bad!;
  return new DataError(
    'not-a-number',
    `"${text.slice(0, 60)}" is not ${profile.date ? 'a date (YYYY-MM-DD) in a column of dates' : 'a number in a column of numbers'} (${count} such ${count === 1 ? 'cell' : 'cells'} in ` +
      `${table.rows} rows); correct it, leave it empty, or leave the column out`,
    { file: table.file, line: table.lines[row], column: column.index + 1, columnName: column.name },
  );
}

function chooseFeatures(
  table: Table,
  profiles: readonly ColumnProfile[],
  target: ColumnProfile,
  { features: names, columnTypes = {} }: Pick<PrepareOptions, 'features' | 'columnTypes'>,
  warnings: string[],
): Feature[] {
  const leftOut = new Set(
    Object.entries(columnTypes)
      .filter(([, type]) => type === 'leave-out')
      .flatMap(([name]) => namedColumns(table, profiles, [name], 'column to leave out')),
  );
  const chosen =
    names.length === 0
      ? profiles.filter((profile) => profile.suggested && profile !== target && !leftOut.has(profile))
      : namedColumns(table, profiles, names, 'feature').filter((profile) => !leftOut.has(profile));
  const out: Feature[] = [];
  for (const profile of chosen) {
    if (profile === target) {
      throw new DataError('settings', 'the target cannot be a feature as well', {
        file: table.file,
        columnName: profile.column.name,
      });
    }
    if (profile.bad !== null) throw badCell(table, profile);
    if (profile.kind === 'constant') {
      warnings.push(`"${profile.column.name}" is left out: ${profile.note}.`);
      continue;
    }
    out.push({ profile, encoding: profile.column.texts > 0 ? 'indicators' : 'number' });
  }
  if (out.length === 0) {
    const reasons = profiles
      .filter((profile) => profile !== target)
      .slice(0, 8)
      .map(({ column, note }) => `"${plainText(column.name)}" (${plainText(note === '' ? 'not chosen' : note)})`);
    throw new DataError(
      'no-features',
      `no feature is left beside the target "${plainText(target.column.name)}": ${reasons.length === 0 ? 'there is no other column' : reasons.join(', ')}; choose features (--features) or give types (--type)`,
      { file: table.file },
    );
  }
  return out;
}

function readClasses(
  table: Table,
  target: ColumnProfile,
  rows: readonly number[],
): { y: Float64Array; classes: readonly string[] } {
  const { column } = target;
  const labels = rows.map((row) => cellLabel(column, row)!);
  const numeric = column.texts === 0;
  const classes = [...new Set(labels)].sort(numeric ? (a, b) => Number(a) - Number(b) : byCodePoint);
  if (classes.length < 2) {
    throw new DataError(
      'one-class',
      `the target has one class only ("${classes[0]}"): there is nothing to tell apart`,
      {
        file: table.file,
        column: column.index + 1,
        columnName: column.name,
      },
    );
  }
  const id = new Map(classes.map((name, k) => [name, k]));
  return { y: Float64Array.from(labels, (label) => id.get(label)!), classes };
}

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function reportSingletons(y: Float64Array, classes: readonly string[], warnings: string[]): void {
  const counts = new Int32Array(classes.length);
  if (classes.length > 0) for (const k of y) counts[k]++;
  const single = classes.filter((_, k) => counts[k] === 1);
  if (single.length > 0) {
    const names = single.slice(0, 5).map((name) => `"${name}"`);
    warnings.push(
      `${single.length === 1 ? 'Class' : 'Classes'} ${names.join(', ')}${single.length > 5 ? ', ...' : ''} ` +
        `${single.length === 1 ? 'has' : 'have'} one row only; it is used for training.`,
    );
  }
}

function checkSize(table: Table, column: Column, rows: readonly number[], scaled: boolean): void {
  for (const row of rows) {
    if (Math.abs(column.numbers[row]) > range.largest) {
      throw new DataError(
        'too-large',
        `${column.numbers[row]} is too large to compute with (limit ${range.largest}; ${scaled ? 'rescale' : 'standardise, or rescale'} the column)`,
        { file: table.file, line: table.lines[row], column: column.index + 1, columnName: column.name },
      );
    }
  }
}

/** Turns columns into standardised inputs, with statistics of the training rows only. */
class Encoder {
  readonly inputs: InputScaling[] = [];
  readonly values: Float64Array[] = [];
  readonly notes = new Map<string, { used: boolean; note: string }>();

  constructor(
    private readonly table: Table,
    private readonly rows: readonly number[],
    private readonly trainRows: Int32Array,
    private readonly options: { readonly missing: 'drop' | 'impute'; readonly standardize: boolean },
    private readonly warnings: string[],
  ) {}

  add({ profile, encoding }: Feature): void {
    if (encoding === 'number') this.addNumber(profile);
    else this.addIndicators(profile);
  }

  private addNumber({ column, date }: ColumnProfile): void {
    const { table, rows, trainRows, options } = this;
    const values = Float64Array.from(rows, (row) => column.numbers[row]);
    const gaps = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
    const notes = date ? [`date as ${dateUnit}`] : [];
    let fill: number | undefined;
    if (options.missing === 'impute') {
      const present = Float64Array.from(trainRows, (i) => values[i]).filter((value) => !Number.isNaN(value));
      if (present.length === 0) return this.leave(column.name, 'no values in the training rows');
      fill = median(present);
      for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) values[i] = fill;
      if (gaps > 0) {
        notes.push(
          `${gaps} missing ${gaps === 1 ? 'cell' : 'cells'} filled with the median ${date ? dateOfDays(fill) : fill} of the training rows`,
        );
      }
    }
    checkSize(table, column, rows, options.standardize);
    const { mean, scale } = meanAndScale(values, trainRows);
    if (scale === 0) return this.leave(column.name, 'constant in the training rows');
    if (options.standardize) {
      if (scale < range.smallest)
        return this.leave(
          column.name,
          `its values differ by no more than ${scale.toPrecision(2)}, too little to compute with`,
        );
      const far = values.findIndex((value) => Math.abs(value - mean) / scale > range.largest);
      if (far >= 0) {
        throw new DataError('too-large', `${values[far]} is too far from the training rows to compute with`, {
          file: table.file,
          line: table.lines[rows[far]],
          column: column.index + 1,
          columnName: column.name,
        });
      }
    }
    this.warnOutlier(column, values, mean, scale);
    this.push(
      {
        name: date ? `${column.name} (${dateUnit})` : column.name,
        column: column.name,
        ...(date ? { date } : {}),
        ...(fill === undefined ? {} : { fill }),
        mean,
        scale,
      },
      values,
    );
    this.notes.set(column.name, { used: true, note: notes.join('; ') });
  }

  /** One cell can stretch the scale so far that the rest of the column says nothing. */
  private warnOutlier(column: Column, values: Float64Array, mean: number, scale: number): void {
    const { trainRows, table, rows } = this;
    let top = -1;
    for (const i of trainRows) if (top < 0 || Math.abs(values[i]) > Math.abs(values[top])) top = i;
    let second = 0;
    for (const i of trainRows) if (i !== top) second = Math.max(second, Math.abs(values[i]));
    if (Math.abs(values[top]) > 1e6 * second && Math.abs(values[top] - mean) > 2 * scale) {
      this.warnings.push(
        `"${column.name}": ${values[top]} on line ${table.lines[rows[top]]} is more than a million times every other value; ` +
          'next to it the rest of the column is all but constant.',
      );
    }
  }

  private addIndicators({ column }: ColumnProfile): void {
    const { rows, trainRows } = this;
    const labels = rows.map((row) => (hasValue(column, row) ? (cellLabel(column, row) ?? '') : null));
    const counts = new Map<string, number>();
    for (const i of trainRows) {
      const label = labels[i];
      if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const byCount = [...counts].sort((a, b) => b[1] - a[1] || byCodePoint(a[0], b[0]));
    if (byCount.length < 2) {
      return this.leave(
        column.name,
        byCount.length === 0 ? 'no values in the training rows' : 'constant in the training rows',
      );
    }
    const notes: string[] = [];
    const gaps = labels.filter((label) => label === null).length;
    const mode = byCount[0][0];
    if (gaps > 0) {
      labels.forEach((label, i) => {
        if (label === null) labels[i] = mode;
      });
      notes.push(`${gaps} missing ${gaps === 1 ? 'cell' : 'cells'} filled with the commonest "${mode}"`);
    }
    const kept = byCount
      .slice(0, categoryLimit)
      .map(([label]) => label)
      .sort(byCodePoint);
    if (byCount.length > kept.length) {
      notes.push(`the ${kept.length} commonest of ${byCount.length} categories; the others have no indicator`);
      this.warnings.push(
        `"${column.name}" has ${byCount.length} categories; only the ${kept.length} commonest are encoded.`,
      );
    }
    const unseen = labels.filter((label) => !counts.has(label!)).length;
    if (unseen > 0)
      notes.push(`${unseen} test ${unseen === 1 ? 'row has' : 'rows have'} a category that training has not`);
    // The second of two categories says everything; with more, each gets its own indicator, so that none is singled out.
    const single = byCount.length === 2;
    const shown = single ? kept.slice(1) : kept;
    for (const category of shown) {
      const values = Float64Array.from(labels, (label) => (label === category ? 1 : 0));
      const { mean, scale } = meanAndScale(values, trainRows);
      if (scale === 0) continue;
      this.push(
        {
          name: `${column.name} = ${category}`,
          column: column.name,
          category,
          ...(single ? { other: kept[0] } : {}),
          ...(this.options.missing === 'impute' ? { fill: mode === category ? 1 : 0 } : {}),
          mean,
          scale,
        },
        values,
      );
    }
    notes.unshift(`${shown.length} ${shown.length === 1 ? 'indicator' : 'indicators'}`);
    this.notes.set(column.name, { used: true, note: notes.join('; ') });
  }

  private push(input: InputScaling, values: Float64Array): void {
    if (this.options.standardize) {
      const { mean, scale } = input;
      for (let i = 0; i < values.length; i++) values[i] = (values[i] - mean) / scale;
      this.inputs.push(input);
    } else {
      this.inputs.push({ ...input, mean: 0, scale: 1 });
    }
    this.values.push(values);
  }

  private leave(name: string, note: string): void {
    this.notes.set(name, { used: false, note });
    this.warnings.push(`"${name}" is left out: ${note}.`);
  }
}

/** Middle value, or mean of the two middle ones. Reorders `values`. */
function median(values: Float64Array): number {
  values.sort();
  const half = values.length >> 1;
  return values.length % 2 === 1 ? values[half] : values[half - 1] + (values[half] - values[half - 1]) / 2;
}
