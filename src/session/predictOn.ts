import { DataError } from '../core/data/dataError.ts';
import type { FormulaCells } from '../core/data/formulaCells.ts';
import { readTable, ReadStopped } from '../core/data/reader.ts';
import type { FileSource } from '../core/data/source.ts';
import { cellLabel, type Column, hasValue, isNumericCell, type Table } from '../core/data/table.ts';
import { whitened } from '../core/data/whiten.ts';
import { newPredictionsCsv } from '../core/metrics/predictions.ts';
import { denseMatrix } from '../core/base/linalg/matrix.ts';
import { deepNetworkFit } from '../core/network/deepNetwork.ts';
import { networkFit } from '../core/network/evaluate.ts';
import type { Control } from '../core/base/control.ts';
import type { RunRecord } from '../shared/run.ts';
import { deepNetworkOfRun, networkOfRun } from './runNetwork.ts';

/** Predictions of a run's network on the rows of another file. */
export interface NewPredictions {
  /** One line per row: line in the file, the target when the file has it, the prediction, and raw outputs for classes. */
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
): Promise<NewPredictions | null> {
  let table: Table;
  try {
    table = await readTable(source, { dialect: { header: run.dataset.header } }, control);
  } catch (error) {
    if (error instanceof ReadStopped) return null;
    throw error;
  }
  const { inputs } = run.scaling;
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  const needed = [...new Set(inputs.map(({ column }) => column))];
  const missing = needed.filter((name) => !columns.has(name));
  if (missing.length > 0) {
    const names = missing.slice(0, 8).map((name) => `"${name}"`);
    throw new DataError(
      'unknown-column',
      `the network needs the ${missing.length === 1 ? 'column' : 'columns'} ${names.join(', ')}${missing.length > 8 ? ', ...' : ''}, which this file does not have`,
      { file: table.file },
    );
  }
  for (const { column, category, date } of inputs) {
    if (category === undefined) checkCells(table, columns.get(column)!, date === true);
  }

  const unfilled = inputs.filter(({ fill }) => fill === undefined).map(({ column }) => columns.get(column)!);
  const rows: number[] = [];
  const gapLines: number[] = [];
  for (let row = 0; row < table.rows; row++) {
    if (unfilled.every((column) => hasValue(column, row))) rows.push(row);
    else gapLines.push(table.lines[row]);
  }
  const d = inputs.length;
  const X = denseMatrix(rows.length, d);
  inputs.forEach(({ column: name, category, date, fill, mean, scale }, k) => {
    const column = columns.get(name)!;
    const numbers = date === true ? column.dates! : column.numbers;
    rows.forEach((row, i) => {
      let value: number;
      if (!hasValue(column, row)) value = fill!;
      else if (category === undefined) value = numbers[row];
      else value = cellLabel(column, row) === category ? 1 : 0;
      X.data[i * d + k] = (value - mean) / scale;
    });
  });
  if (control.shouldStop()) return null;
  const { whitening } = run.scaling;
  const encoded = whitening === undefined ? X : whitened(X, whitening);
  const fit =
    run.deep === undefined
      ? networkFit(networkOfRun(run), encoded)
      : deepNetworkFit(deepNetworkOfRun(run, run.deep), encoded);

  const { classes, outputs, target } = run.resolved;
  const { mean, scale } = run.scaling.target;
  if (classes.length === 0) for (let k = 0; k < fit.data.length; k++) fit.data[k] = fit.data[k] * scale + mean;
  const far = fit.data.findIndex((value) => !Number.isFinite(value));
  if (far >= 0) {
    const line = table.lines[rows[Math.floor(far / outputs)]];
    throw new DataError('too-large', 'the values of this row are too large for the network to compute with', {
      file: table.file,
      line,
    });
  }
  const outputAt = new Map(rows.map((row, i) => [row, i]));
  const truth = columns.get(target);
  const text = newPredictionsCsv(
    {
      lines: table.lines,
      targetName: target,
      target: truth === undefined ? undefined : (row) => cellLabel(truth, row) ?? '',
      classes,
      outputs,
      output: (row) => {
        const i = outputAt.get(row);
        if (i === undefined) return undefined;
        return fit.data.subarray(i * outputs, (i + 1) * outputs);
      },
    },
    formulas,
  );
  return {
    ...text,
    rows: table.rows,
    filled: needed
      .map((name) => {
        const column = columns.get(name)!;
        return { column: name, count: rows.filter((row) => !hasValue(column, row)).length };
      })
      .filter(({ count }) => count > 0),
    gaps: { count: gapLines.length, lines: gapLines.slice(0, linesListed) },
    unknown: unknownCategories(run, columns, rows),
  };
}

/** Every cell that is no gap must be a number, or a date. */
function checkCells(table: Table, column: Column, date: boolean): void {
  const { dates } = column;
  for (let row = 0; row < table.rows; row++) {
    if (!hasValue(column, row)) continue;
    if (date ? dates !== null && !Number.isNaN(dates[row]) : isNumericCell(column, row)) continue;
    throw new DataError(
      'not-a-number',
      `"${(cellLabel(column, row) ?? '').slice(0, 60)}" is not a ${date ? 'date (YYYY-MM-DD)' : 'number'}, which the network needs in this column`,
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
      const unknown = rows.filter((row) => hasValue(column, row) && !categories.has(cellLabel(column, row) ?? ''));
      return { column: name, count: unknown.length };
    })
    .filter(({ count }) => count > 0);
}
