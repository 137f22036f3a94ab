import { predictedClass } from '../metrics/predictedClass.ts';
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
}

/** CSV with one line per used row: line in the data file, split, target, prediction; for classes the raw outputs as well. */
export function predictionsCsv(table: PredictionTable, formulas: FormulaCells): CsvText {
  const { classes, outputs, prediction } = table;
  const raw = classes.length === 0 ? [] : outputs === 1 ? ['output'] : classes.map((name) => `output ${name}`);
  const rows = Array.from(table.lines, (line, i) => {
    const split = table.split[i] === 0 ? 'train' : 'test';
    if (classes.length === 0) return [line, split, table.target[i], prediction[i]];
    const values = Array.from({ length: outputs }, (_, o) => prediction[i * outputs + o]);
    return [line, split, classes[table.target[i]], classes[predictedClass(prediction, i, outputs)], ...values];
  });
  const fields = ['line', 'split', table.targetName, `predicted ${table.targetName}`, ...raw];
  return csvText([fields, ...rows], formulas);
}

export interface NewPredictionTable {
  /** Line in the file of each row. */
  readonly lines: ArrayLike<number>;
  readonly targetName: string;
  /** The target of a row as it stands in the file; left out when the file has none. */
  readonly target?: (row: number) => string;
  readonly classes: readonly string[];
  readonly outputs: number;
  /** Outputs of a row (original units for regression); undefined where there is no prediction. */
  readonly output: (row: number) => ArrayLike<number> | undefined;
}

/** CSV with one line per row of another file: its line, the target when it is there, prediction; for classes the raw outputs as well. */
export function newPredictionsCsv(table: NewPredictionTable, formulas: FormulaCells): CsvText {
  const { classes, outputs, targetName, target } = table;
  const raw = classes.length === 0 ? [] : outputs === 1 ? ['output'] : classes.map((name) => `output ${name}`);
  const rows = Array.from(table.lines, (line, row) => {
    const values = table.output(row);
    const before = [line, ...(target === undefined ? [] : [target(row)])];
    if (values === undefined) return [...before, '', ...raw.map(() => '')];
    if (classes.length === 0) return [...before, values[0]];
    return [...before, classes[predictedClass(values, 0, outputs)], ...Array.from(values)];
  });
  const fields = ['line', ...(target === undefined ? [] : [targetName]), `predicted ${targetName}`, ...raw];
  return csvText([fields, ...rows], formulas);
}
