/** Words and tables of the printed summaries. */

/** Up to `digits` significant digits. */
export function number(value: number | null, digits = 5): string {
  if (value === null) return '-';
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7))
    return value.toExponential(Math.max(0, digits - 2));
  return String(Number(value.toPrecision(digits)));
}

export { plural } from '../shared/plural.ts';

/** Indented columns: words to the left, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const width = rows[0].map((_, k) => Math.max(...rows.map((row) => row[k].length)));
  return rows.map((row) =>
    `  ${row.map((cell, k) => (k === 0 || /[a-z]{3}/i.test(cell) ? cell.padEnd(width[k]) : cell.padStart(width[k]))).join('  ')}`.trimEnd(),
  );
}

/** What is said of a table in which texts were neutralised. */
export function formulaWords(what: string): string {
  return `${what} would be run as formulas by a spreadsheet: an apostrophe was put before them (--keep-formulas leaves them as they are)\n`;
}
