import { DataError } from '../core/data/dataError.ts';
import type { FormulaCells } from '../core/data/formulaCells.ts';
import { columnNamed } from '../core/data/columnNames.ts';
import { waveOfDays } from '../core/data/dates.ts';
import { ReadStopped } from '../core/data/reader.ts';
import type { FileSource } from '../core/data/source.ts';
import { cellCode, cellLabel, type Column, hasValue, isNumericCell, type Table } from '../core/data/table.ts';
import { whitened } from '../core/data/whiten.ts';
import { newPredictionsCsv } from '../core/metrics/predictions.ts';
import { denseMatrix, type DenseMatrix } from '../core/base/linalg/matrix.ts';
import { deepNetworkFit } from '../core/network/deepNetwork.ts';
import { networkFit } from '../core/network/evaluate.ts';
import type { Control } from '../core/base/control.ts';
import type { RunRecord } from '../shared/run.ts';
import { readAsRun, type ReadAs } from './readLike.ts';
import { deepNetworkOfRun, networkOfRun } from './runNetwork.ts';

/** Predictions of a run's network on the rows of another file. */
export interface NewPredictions {
  /** One line per row: line in the file, the target when the file has it, the prediction, and raw outputs and probabilities for classes; or why not. */
  readonly csv: string;
  /** Cells of it that got an apostrophe, so that no spreadsheet runs them. */
  readonly neutralized: number;
  readonly rows: number;
  /** Cells filled as in training (median or commonest category of the training rows), when the run fills gaps. */
  readonly filled: readonly { readonly column: string; readonly count: number }[];
  /** Rows with a gap in a column that the network needs and that the run does not fill: they have no prediction. */
  readonly gaps: { readonly count: number; readonly lines: readonly number[] };
  /** Cells with a category that was not among the ones encoded; all indicators of the column are 0 then, as in training. */
  readonly unknown: readonly { readonly column: string; readonly count: number }[];
  /** Where the file is written otherwise than the training data, and what the reader made of it. */
  readonly warnings: readonly string[];
}

const linesListed = 20;

/**
 * Runs the network of a run on another file, encoded exactly as the training data were: by column name, with the means, scales, categories and
 * whitening of the run; gaps are filled as in training, or leave their row without a prediction where training left such rows out. The file may
 * have other columns, in any order, another delimiter and encoding. Null when it was stopped.
 * @throws {DataError} naming file, line and column: a column is missing, or holds text where the network needs numbers or dates
 */
export async function predictOn(
  run: RunRecord,
  source: FileSource,
  control: Control,
  formulas: FormulaCells = 'neutralize',
  given: ReadAs = {},
): Promise<NewPredictions | null> {
  const read = await unlessStopped(readAsRun(run, source, given, control));
  if (read === null) return null;
  const { table, contradictions } = read;
  const { needed, columns, rows, gapLines } = rowsOf(run, table);
  const X = encodedRows(run, columns, rows);
  if (control.shouldStop()) return null;
  const fit = fitOf(run, X);
  checkFinite(run, table, rows, fit);
  return {
    ...predictionText(run, { table, columns, rows, fit }, formulas),
    rows: table.rows,
    filled: needed
      .map((name) => {
        const column = columns.get(name)!;
        return { column: name, count: rows.filter((row) => !hasValue(column, row)).length };
      })
      .filter(({ count }) => count > 0),
    gaps: { count: gapLines.length, lines: gapLines.slice(0, linesListed) },
    unknown: unknownCategories(run, columns, rows),
    warnings: [...contradictions, ...table.warnings],
  };
}

/** Null in place of a reading that was stopped. */
export async function unlessStopped<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ReadStopped) return null;
    throw error;
  }
}

export type Columns = ReadonlyMap<string, Column>;

/** What the network of a run takes of a table. */
export interface NetworkRows {
  /** Names of the columns that it needs. */
  readonly needed: readonly string[];
  /** These and the target, where it is there. */
  readonly columns: Columns;
  /** Rows that get a prediction, and the lines of those with a gap that the run does not fill. */
  readonly rows: readonly number[];
  readonly gapLines: readonly number[];
}

/** @throws {DataError} where a column is missing, or holds text where the network needs numbers or dates */
export function rowsOf(run: RunRecord, table: Table): NetworkRows {
  const needed = [...new Set(run.scaling.inputs.map(({ column }) => column))];
  const columns = columnsOf(table, [...needed, run.resolved.target]);
  checkColumns(run, table, needed, columns);
  return { needed, columns, ...splitRows(run, table, columns) };
}

/** Every column that the network needs is there and holds what it needs. */
function checkColumns(run: RunRecord, table: Table, needed: readonly string[], columns: Columns): void {
  const missing = needed.filter((name) => !columns.has(name));
  if (missing.length > 0) {
    const names = missing.slice(0, 8).map((name) => `"${name}"`);
    throw new DataError(
      'unknown-column',
      `the network needs the ${missing.length === 1 ? 'column' : 'columns'} ${names.join(', ')}${missing.length > 8 ? ', ...' : ''}, which this file does not have`,
      { file: table.file },
    );
  }
  for (const { column, category, date } of run.scaling.inputs) {
    if (category === undefined) checkCells(table, columns.get(column)!, date === true);
  }
}

/** Columns whose gaps leave a row without a prediction. */
function unfilledColumns({ scaling }: RunRecord, columns: Columns): Column[] {
  return scaling.inputs.filter(({ fill }) => fill === undefined).map(({ column }) => columns.get(column)!);
}

function splitRows(run: RunRecord, table: Table, columns: Columns): Pick<NetworkRows, 'rows' | 'gapLines'> {
  const unfilled = unfilledColumns(run, columns);
  const rows: number[] = [];
  const gapLines: number[] = [];
  for (let row = 0; row < table.rows; row++) {
    if (unfilled.every((column) => hasValue(column, row))) rows.push(row);
    else gapLines.push(table.lines[row]);
  }
  return { rows, gapLines };
}

/** The rows as the network takes them (rows x inputs). */
export function encodedRows(run: RunRecord, columns: Columns, rows: readonly number[]): DenseMatrix {
  const { whitening } = run.scaling;
  const X = scaledRows(run, columns, rows);
  return whitening === undefined ? X : whitened(X, whitening);
}

/** The same before whitening: with means, scales, categories and fills of the run. */
export function scaledRows(run: RunRecord, columns: Columns, rows: readonly number[]): DenseMatrix {
  const { inputs } = run.scaling;
  const knownLabel = labelsOf(run);
  const d = inputs.length;
  const X = denseMatrix(rows.length, d);
  inputs.forEach(({ column: name, category, date, wave, fill, mean, scale }, k) => {
    const column = columns.get(name)!;
    const numbers = date === true ? column.dates! : column.numbers;
    rows.forEach((row, i) => {
      let value: number;
      if (!hasValue(column, row)) value = fill!;
      else if (category === undefined) value = wave === undefined ? numbers[row] : waveOfDays(numbers[row], wave);
      else value = knownLabel(column, row) === category ? 1 : 0;
      X.data[i * d + k] = (value - mean) / scale;
    });
  });
  return X;
}

/** Outputs of the network on encoded inputs, encoded targets. */
export function encodedFit(run: RunRecord, X: DenseMatrix): DenseMatrix {
  return run.deep === undefined ? networkFit(networkOfRun(run), X) : deepNetworkFit(deepNetworkOfRun(run, run.deep), X);
}

/** Outputs of the network (rows x outputs), in the units of the target for numbers. */
export function fitOf(run: RunRecord, X: DenseMatrix): DenseMatrix {
  const fit = encodedFit(run, X);
  const { mean, scale } = run.scaling.target;
  if (run.resolved.classes.length === 0)
    for (let k = 0; k < fit.data.length; k++) fit.data[k] = fit.data[k] * scale + mean;
  return fit;
}

export function checkFinite(run: RunRecord, table: Table, rows: readonly number[], fit: DenseMatrix): void {
  const far = fit.data.findIndex((value) => !Number.isFinite(value));
  if (far < 0) return;
  const line = table.lines[rows[Math.floor(far / run.resolved.outputs)]];
  throw new DataError('too-large', 'the values of this row are too large for the network to compute with', {
    file: table.file,
    line,
  });
}

/** Why a row that is not among those of `rowsOf` has no prediction. */
export function whyNot(run: RunRecord, columns: Columns, row: number): string {
  const gap = unfilledColumns(run, columns).find((column) => !hasValue(column, row))!;
  return `"${gap.name}" is ${gap.codes?.[row] === cellCode.notFinite ? 'infinite' : 'missing'}`;
}

interface Predicted {
  readonly table: Table;
  readonly columns: Columns;
  /** Rows of the table that have a prediction, and their outputs. */
  readonly rows: readonly number[];
  readonly fit: DenseMatrix;
}

function predictionText(
  run: RunRecord,
  { table, columns, rows, fit }: Predicted,
  formulas: FormulaCells,
): Pick<NewPredictions, 'csv' | 'neutralized'> {
  const { classes, outputs, target, loss, threshold } = run.resolved;
  const outputAt = new Map(rows.map((row, i) => [row, i]));
  const truth = columns.get(target);
  return newPredictionsCsv(
    {
      lines: table.lines,
      targetName: target,
      target: truth === undefined ? undefined : (row) => cellLabel(truth, row) ?? '',
      classes,
      outputs,
      loss,
      threshold: threshold?.at,
      output: (row) => {
        const i = outputAt.get(row);
        if (i === undefined) return whyNot(run, columns, row);
        return fit.data.subarray(i * outputs, (i + 1) * outputs);
      },
    },
    formulas,
  );
}

/** Columns by the names that the run has for them. */
export function columnsOf(table: Table, names: readonly string[]): Map<string, Column> {
  const out = new Map<string, Column>();
  for (const name of names) {
    const column = columnNamed(table.columns, (own) => own.name, name);
    if (column !== undefined) out.set(name, column);
  }
  return out;
}

/** A category without regard to case, and a number without regard to how it is written: 7, 7.0 and 007 are one. */
function spelling(label: string): string {
  return /^[+-]?\d+(\.\d*)?$/.test(label) ? String(Number(label)) : label.toLowerCase();
}

/** The category of a cell as the run spells it, where it differs in case or in the form of a number only from one of them. */
function labelsOf(run: RunRecord): (column: Column, row: number) => string | null {
  const spellings = new Map<string, string | null>();
  for (const { category, other } of run.scaling.inputs) {
    for (const text of [category, other]) {
      if (text === undefined) continue;
      const lower = spelling(text);
      const known = spellings.get(lower);
      spellings.set(lower, known === undefined || known === text ? text : null);
    }
  }
  return (column, row) => {
    const label = cellLabel(column, row);
    return label === null ? null : (spellings.get(spelling(label)) ?? label);
  };
}

/** Every cell that is no gap must be a number, or a date. */
function checkCells(table: Table, column: Column, date: boolean): void {
  const { dates } = column;
  if (date && column.dateOrderOpen === true) {
    throw new DataError(
      'not-a-number',
      `day and month of these dates could be exchanged, and the training data do not say which comes first; name it: --type ${column.name}=date-day-first or =date-month-first`,
      { file: table.file, column: column.index + 1, columnName: column.name },
    );
  }
  for (let row = 0; row < table.rows; row++) {
    if (!hasValue(column, row)) continue;
    if (date ? dates !== null && !Number.isNaN(dates[row]) : isNumericCell(column, row)) continue;
    const cell = (cellLabel(column, row) ?? '').slice(0, 60);
    throw new DataError(
      'not-a-number',
      date
        ? `"${cell}" is not a date (YYYY-MM-DD), which the network needs in this column (another form: --type; a mark of missing values: --na)`
        : `"${cell}" is not a number, which the network needs in this column (decimal mark "${table.dialect.decimal}"; another one: --decimal; a mark of missing values: --na)`,
      { file: table.file, line: table.lines[row], column: column.index + 1, columnName: column.name },
    );
  }
}

/**
 * Cells outside the encoded categories. Where one indicator stands for two categories and the record does not name the other one (an earlier
 * version wrote it), any other category could be it, so such a column is not judged.
 */
function unknownCategories(
  run: RunRecord,
  columns: ReadonlyMap<string, Column>,
  rows: readonly number[],
): NewPredictions['unknown'] {
  const labelOf = labelsOf(run);
  const known = new Map<string, Set<string>>();
  for (const { column, category, other } of run.scaling.inputs) {
    if (category === undefined) continue;
    if (!known.has(column)) known.set(column, new Set());
    known.get(column)!.add(category);
    if (other !== undefined) known.get(column)!.add(other);
  }
  return [...known]
    .filter(([, categories]) => categories.size > 1)
    .map(([name, categories]) => {
      const column = columns.get(name)!;
      const unknown = rows.filter((row) => hasValue(column, row) && !categories.has(labelOf(column, row) ?? ''));
      return { column: name, count: unknown.length };
    })
    .filter(({ count }) => count > 0);
}
