import { DataError } from '../core/data/dataError.ts';
import type { FileSource } from '../core/data/source.ts';
import { cellLabel, hasValue } from '../core/data/table.ts';
import type { Control } from '../core/base/control.ts';
import { rowOf } from '../core/base/linalg/matrix.ts';
import { rowOutput } from '../shared/rowModel.ts';
import type { ImportanceRecord, RunRecord } from '../shared/run.ts';
import { importanceOf } from './importance.ts';
import { encodedFit, rowsOf, scaledRows, unlessStopped } from './predictOn.ts';
import { readAsRun } from './readLike.ts';

/** What adds up to the outputs of one row. */
export interface RowParts {
  readonly line: number;
  /** Per output: in original units, or raw outputs of classes. */
  readonly outputs: readonly number[];
  /** Per output: what the network says when no neuron is on. */
  readonly base: readonly number[];
  /** The neurons that are on, and what each adds to each output: with the base they sum to the outputs. */
  readonly neurons: readonly { readonly id: number; readonly adds: readonly number[] }[];
}

export interface Explanation {
  /** On the rows of the file that have a target; left out where it has none. */
  readonly importance?: Omit<ImportanceRecord, 'split'>;
  readonly rows: readonly RowParts[];
  readonly warnings: readonly string[];
}

/**
 * Explains a run's network on the rows of a file, read and encoded as in training: the importance of every column, and for the rows on the lines asked for what
 * each neuron adds. Null when stopped.
 * @throws {DataError} where the file is not as the network needs it, a line holds no row that it can be run on, or the network has no list of neurons
 */
export async function explainOn(
  run: RunRecord,
  source: FileSource,
  lines: readonly number[],
  control: Control,
): Promise<Explanation | null> {
  if (lines.length > 0 && run.deep !== undefined)
    throw new DataError('settings', 'what each neuron adds is told of two-layer networks');
  const read = await unlessStopped(readAsRun(run, source, {}, control));
  if (read === null) return null;
  const { table, contradictions } = read;
  const { columns, rows } = rowsOf(run, table);
  const parts = lines.map((line): RowParts => {
    const row = rows.find((at) => table.lines[at] === line);
    if (row === undefined) {
      const why = 'no row begins here that the network can be run on';
      throw new DataError('unreadable', why, { file: table.file, line });
    }
    const x = rowOf(scaledRows(run, columns, [row]), 0);
    const values = run.scaling.inputs.map(({ mean, scale }, k) => x[k] * scale + mean);
    const { outputs, base, neurons } = rowOutput(run, values);
    const on = neurons.filter((neuron) => neuron.on).map(({ neuron, adds }) => ({ id: neuron.id, adds }));
    return { line, outputs, base, neurons: on };
  });
  const truth = columns.get(run.resolved.target);
  const { classes, loss, classWeights, threshold } = run.resolved;
  const valueOf = (row: number): number => {
    if (truth === undefined || !hasValue(truth, row)) return NaN;
    return classes.length === 0 ? truth.numbers[row] : classes.indexOf(cellLabel(truth, row) ?? '');
  };
  const judged = rows
    .map((row) => ({ row, target: valueOf(row) }))
    .filter(({ target }) => target >= 0 || (classes.length === 0 && Number.isFinite(target)));
  if (control.shouldStop()) return null;
  const importance =
    judged.length === 0
      ? undefined
      : importanceOf(
          {
            ...{ classes: classes.length, loss, classWeights, threshold: threshold?.at },
            scaling: run.scaling,
            X: scaledRows(
              run,
              columns,
              judged.map(({ row }) => row),
            ),
            target: judged.map(({ target }) => target),
            predict: (X) => encodedFit(run, X),
            seed: run.settings.seed,
          },
          control,
        );
  if (control.shouldStop()) return null;
  return { ...(importance && { importance }), rows: parts, warnings: [...contradictions, ...table.warnings] };
}
