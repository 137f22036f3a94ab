import Papa from 'papaparse';
import { type FormulaCells, neutralized } from './formulaCells.ts';

export interface CsvText {
  readonly csv: string;
  /** Cells that got an apostrophe. */
  readonly neutralized: number;
}

/** Rows of cells as RFC 4180 has them, the names of the columns first; numbers to the last digit. */
export function csvText(rows: readonly (readonly (string | number)[])[], formulas: FormulaCells): CsvText {
  let changed = 0;
  const cells = rows.map((row) =>
    row.map((value) => {
      if (typeof value === 'number' || formulas === 'keep') return value;
      const text = neutralized(value);
      if (text !== value) changed++;
      return text;
    }),
  );
  return { csv: `${Papa.unparse(cells, { newline: '\n' })}\n`, neutralized: changed };
}
