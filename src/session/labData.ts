import { DataError } from '../core/data/dataError.ts';
import { prepareData, type PreparedData } from '../core/data/prepareData.ts';
import { readTable } from '../core/data/reader.ts';
import type { FileSource } from '../core/data/source.ts';
import { denseMatrix, type DenseMatrix } from '../core/base/linalg/matrix.ts';
import type { Control } from '../core/base/control.ts';
import type { LabData, LabDataSettings, LabRemedy } from '../shared/lab.ts';
import { LabRefusal } from './labRefusal.ts';
import type { SessionDeps } from './context.ts';
import { pickRows } from './pickRows.ts';

/** The rows of a page as numbers. */
export interface LabRows {
  readonly X: DenseMatrix;
  /** -1 / +1 for two classes; otherwise the target, standardised on the training rows. */
  readonly y: Float64Array;
  readonly test: { readonly X: DenseMatrix; readonly y: Float64Array } | null;
  /** Names of the columns of X. */
  readonly names: readonly string[];
  /** Units of the target per unit of y; 1 for classes. */
  readonly unit: number;
  /** Columns of the file that are one input each, by name. */
  readonly singleColumns: readonly string[];
  readonly data: LabData;
}

/** Classes that are offered one by one. */
const shownClasses = 12;

/** What a page asks of its rows. */
export interface LabRowOptions {
  readonly testFraction: number;
  /** Labels have to be two classes. */
  readonly binary: boolean;
  /** Features to keep; empty or left out: all. */
  readonly features?: readonly string[];
}

/** Where the rows of the Lab come from: a data file or a problem file. */
export type LabReader = (settings: LabDataSettings, options: LabRowOptions, control: Control) => Promise<LabRows>;

/**
 * Reads the file (a seeded sample of its rows), encodes it and makes the target one number per row.
 * @throws {LabRefusal} when the target has more than two classes and none is chosen, with the classes to choose from
 * @throws {DataError} when `binary` is asked of a numeric target
 */
export async function readLabRows(
  source: FileSource,
  deps: Pick<SessionDeps, 'createHash'>,
  settings: LabDataSettings,
  options: LabRowOptions,
  control: Control,
): Promise<LabRows> {
  const { positive: plus, negative: minus } = settings;
  if (minus !== '' && (plus === '' || plus === minus))
    throw new DataError('settings', 'a class that becomes -1 needs another one that becomes +1', { file: source.name });
  let hash = deps.createHash();
  const table = await readTable(
    source,
    {
      maxRows: settings.maxRows,
      seed: settings.seed,
      observer: { start: () => (hash = deps.createHash()), bytes: (chunk) => hash.update(chunk) },
    },
    control,
  );
  const sha256 = await hash.digest();
  const prepared = prepareData(
    table,
    {
      target: settings.target,
      task: settings.positive === '' ? 'auto' : 'multiclass',
      ...(minus === '' ? {} : { onlyClasses: [minus, plus] }),
      features: options.features ?? [],
      missing: 'drop',
      standardize: settings.standardize,
      testFraction: options.testFraction,
      seed: settings.seed,
    },
    control,
  );
  const { mean, scale } = prepared.scaling.target;
  const classes = classesOf(prepared, settings.positive, options.binary, source.name);
  const positive = prepared.classes.indexOf(classes[1] ?? '');
  const targets = (rows: Int32Array): Float64Array =>
    Float64Array.from(rows, (row) => {
      const value = prepared.y[row];
      if (classes.length === 0) return (value - mean) / scale;
      return value === positive ? 1 : -1;
    });
  return {
    X: pickRows(prepared.X, prepared.trainRows),
    y: targets(prepared.trainRows),
    test:
      prepared.testRows.length > 0
        ? { X: pickRows(prepared.X, prepared.testRows), y: targets(prepared.testRows) }
        : null,
    names: prepared.scaling.inputs.map((input) => input.name),
    unit: classes.length === 0 ? scale : 1,
    singleColumns: prepared.columns
      .filter(({ name, role }) => role === 'feature' && prepared.scaling.inputs.some((input) => input.name === name))
      .map(({ name }) => name),
    data: {
      name: source.name,
      sha256,
      target: prepared.target,
      task: classes.length === 0 ? 'regression' : 'binary',
      classes,
      features: prepared.scaling.inputs.map((input) => input.name),
      lines: Array.from(prepared.trainRows, (row) => prepared.lines[row]),
      testRows: prepared.testRows.length,
      rowsInFile: table.rowsInFile,
      warnings: [...table.warnings, ...prepared.warnings],
    },
  };
}

/** Names of the classes that become -1 and +1; none for a numeric target. */
function classesOf(data: PreparedData, positive: string, binary: boolean, file: string): readonly string[] {
  if (positive !== '') {
    if (!data.classes.includes(positive)) {
      throw new DataError(
        'settings',
        `the target "${data.target}" has no class "${positive}"; it has ${listed(data.classes)}`,
        { file },
      );
    }
    return [data.classes.length === 2 ? data.classes.find((name) => name !== positive)! : `not ${positive}`, positive];
  }
  if (data.task === 'binary') return data.classes;
  if (data.task === 'regression') {
    if (!binary) return [];
    throw new DataError(
      'settings',
      `this page needs two classes, and the target "${data.target}" is a number; choose another target column, or name one of its values as class`,
      { file },
    );
  }
  const choices = data.classes
    .slice(0, shownClasses)
    .map((name): LabRemedy => ({ label: `“${name}” against the others`, settings: { positive: name } }));
  throw new LabRefusal(
    `the target "${data.target}" has ${data.classes.length} classes (${listed(data.classes)}); name the one that is to be told apart from the others`,
    choices[0],
    choices.slice(1),
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => `"${name}"`);
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ');
}

/** Share of rows on the wrong side, or root mean squared error in units of the target, of outputs `fit`. */
export function errorMeasure(rows: LabRows): (fit: Float64Array, y: Float64Array) => number {
  if (rows.data.task === 'binary') {
    return (fit, y) => y.reduce((s, target, i) => s + (target * fit[i] > 0 ? 0 : 1), 0) / y.length;
  }
  return (fit, y) => rows.unit * Math.sqrt(y.reduce((s, target, i) => s + (target - fit[i]) ** 2, 0) / y.length);
}

/** X with a column of ones. */
export function withOnes(X: DenseMatrix): DenseMatrix {
  const out = denseMatrix(X.rows, X.cols + 1);
  for (let i = 0; i < X.rows; i++) {
    out.data.set(X.data.subarray(i * X.cols, (i + 1) * X.cols), i * (X.cols + 1));
    out.data[i * (X.cols + 1) + X.cols] = 1;
  }
  return out;
}
