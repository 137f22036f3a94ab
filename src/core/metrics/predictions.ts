import { predictedClass } from '../metrics/predictedClass.ts';
import { type LossName, lossOf } from '../problem/datafits/losses.ts';
import { probabilityOfClass } from './probabilities.ts';
import { csvText, type CsvText } from '../data/csv.ts';
import type { FormulaCells } from '../data/formulaCells.ts';

export interface PredictionTable {
  readonly lines: ArrayLike<number>;
  /** 0 train, 1 test. */
  readonly split: ArrayLike<number>;
  readonly target: ArrayLike<number>;
  /** rows x outputs */
  readonly prediction: ArrayLike<number>;
  readonly outputs: number;
  readonly targetName: string;
  readonly classes: readonly string[];
  /** It says how outputs become probabilities. */
  readonly loss: LossName;
  /** Of one output of two classes; left out: zero. */
  readonly threshold?: number | undefined;
}

/** Names of the columns behind the prediction of a class: raw outputs, then probabilities where the loss gives them. */
function classColumns({ classes, outputs, loss }: Pick<PredictionTable, 'classes' | 'outputs' | 'loss'>): string[] {
  if (classes.length === 0) return [];
  const raw = outputs === 1 ? ['output'] : classes.map((name) => `output ${name}`);
  return lossOf(loss).logLoss === undefined ? raw : [...raw, ...classes.map((name) => `probability ${name}`)];
}

/** Prediction, raw outputs and probabilities of a row. */
function predictedCells(
  { classes, outputs, loss, threshold }: Pick<PredictionTable, 'classes' | 'outputs' | 'loss' | 'threshold'>,
  prediction: ArrayLike<number>,
  row: number,
): (string | number)[] {
  const values = Array.from({ length: outputs }, (_, o) => prediction[row * outputs + o]);
  if (classes.length === 0) return [values[0]];
  const probabilities = classes.flatMap((_, k) => probabilityOfClass({ prediction, outputs, loss }, row, k) ?? []);
  return [classes[predictedClass(prediction, row, outputs, threshold)], ...values, ...probabilities];
}

/** CSV with one line per used row: line in the data file, split, target, prediction; for classes raw outputs and probabilities as well. */
export function predictionsCsv(table: PredictionTable, formulas: FormulaCells): CsvText {
  const { classes, prediction } = table;
  const rows = Array.from(table.lines, (line, i) => {
    const split = table.split[i] === 0 ? 'train' : 'test';
    const target = classes.length === 0 ? table.target[i] : classes[table.target[i]];
    return [line, split, target, ...predictedCells(table, prediction, i)];
  });
  const fields = ['line', 'split', table.targetName, `predicted ${table.targetName}`, ...classColumns(table)];
  return csvText([fields, ...rows], formulas);
}

export interface NewPredictionTable extends Pick<
  PredictionTable,
  'lines' | 'targetName' | 'classes' | 'outputs' | 'loss' | 'threshold'
> {
  /** What became of a row in training; left out: nothing is said of it. */
  readonly part?: (row: number) => string;
  /** The target of a row as it stands in the file; left out when the file has none. */
  readonly target?: (row: number) => string;
  /** Outputs of a row (original units for regression), or why there is no prediction. */
  readonly output: (row: number) => ArrayLike<number> | string;
}

/**
 * CSV with one line per row of a file, in its order: line, its part in training when that is told, the target when it is there, prediction; for classes raw outputs and probabilities as
 * well. Where a row has no prediction, a last column says why.
 */
export function newPredictionsCsv(table: NewPredictionTable, formulas: FormulaCells): CsvText {
  const { targetName, target, part } = table;
  const columns = classColumns(table);
  const values = Array.from(table.lines, (_, row) => table.output(row));
  const reasons = values.some((value) => typeof value === 'string');
  const rows = Array.from(table.lines, (line, row) => {
    const value = values[row];
    const before = [line, ...(part === undefined ? [] : [part(row)]), ...(target === undefined ? [] : [target(row)])];
    if (typeof value === 'string') return [...before, '', ...columns.map(() => ''), value];
    return [...before, ...predictedCells(table, value, 0), ...(reasons ? [''] : [])];
  });
  const fields = [
    'line',
    ...(part === undefined ? [] : ['split']),
    ...(target === undefined ? [] : [targetName]),
    `predicted ${targetName}`,
    ...columns,
  ];
  return csvText([[...fields, ...(reasons ? ['no prediction because'] : [])], ...rows], formulas);
}
