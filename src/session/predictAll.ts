import type { FormulaCells } from '../core/data/formulaCells.ts';
import { readTable } from '../core/data/reader.ts';
import type { FileSource } from '../core/data/source.ts';
import { cellLabel } from '../core/data/table.ts';
import type { CsvText } from '../core/data/csv.ts';
import type { Control } from '../core/base/control.ts';
import { newPredictionsCsv } from '../core/metrics/predictions.ts';
import type { RunRecord } from '../shared/run.ts';
import { isOfTestFile } from '../shared/runView.ts';
import { checkFinite, encodedRows, fitOf, rowsOf, unlessStopped, whyNot } from './predictOn.ts';

/**
 * CSV with one line per row of the file that a run was trained on, in its order: line, part (train, test, unused), target, prediction, for classes raw outputs and
 * probabilities; where a row has no prediction, a last column says why. Rows that training did not use (no target, not in the sample) are predicted where the
 * network can be run on them. Null when stopped.
 */
export async function predictAllRows(
  run: RunRecord,
  source: FileSource,
  formulas: FormulaCells,
  control: Control,
): Promise<CsvText | null> {
  const { dialect, columnTypes } = run.settings;
  const table = await unlessStopped(readTable(source, { dialect, columnTypes, maxRows: 0 }, control));
  if (table === null) return null;
  const { classes, outputs, target, loss, threshold } = run.resolved;
  const { columns, rows } = rowsOf(run, table);
  const fit = fitOf(run, encodedRows(run, columns, rows));
  checkFinite(run, table, rows, fit);
  if (control.shouldStop()) return null;
  const fitAt = new Map(rows.map((row, i) => [row, i]));
  // rows of a second file are none of this one
  const own = [...run.rows.line.keys()].filter((row) => !isOfTestFile(run, row));
  const usedAt = new Map(own.map((row) => [run.rows.line[row], row]));
  // rows with a wrong number of cells are in no column of the table
  const all = [
    ...Array.from(table.lines, (line, row) => ({ line, row })),
    ...table.ragged.lines.map((line) => ({ line, row: -1 })),
  ].sort((a, b) => a.line - b.line);
  const truth = columns.get(target);
  return newPredictionsCsv(
    {
      lines: all.map(({ line }) => line),
      part: (at) => {
        const used = usedAt.get(all[at].line);
        return used === undefined ? 'unused' : run.rows.split[used] === 0 ? 'train' : 'test';
      },
      targetName: target,
      target: (at) => {
        const { line, row } = all[at];
        const used = usedAt.get(line);
        if (used !== undefined) return classes[run.rows.target[used]] ?? String(run.rows.target[used]);
        return truth === undefined || row < 0 ? '' : (cellLabel(truth, row) ?? '');
      },
      ...{ classes, outputs, loss, threshold: threshold?.at },
      output: (at) => {
        const { line, row } = all[at];
        if (row < 0) return 'wrong number of cells';
        const used = usedAt.get(line);
        if (used !== undefined) return run.rows.prediction.slice(used * outputs, (used + 1) * outputs);
        const i = fitAt.get(row);
        return i === undefined ? whyNot(run, columns, row) : fit.data.subarray(i * outputs, (i + 1) * outputs);
      },
    },
    formulas,
  );
}
