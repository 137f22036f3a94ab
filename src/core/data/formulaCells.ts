/**
 * Spreadsheets run cells that begin like a formula when they open a CSV file, so texts from data are neutralised unless they are
 * asked for as they are: an apostrophe goes before what would be run.
 */
export type FormulaCells = 'neutralize' | 'keep';

/** A number as people write it, not longer than one would be; no spreadsheet runs it. */
const numeral = /^ *[+-]?(\d[\d .,'’]*|[.,]\d+)(e[+-]?\d+)? *%? *$/i;
const numeralLength = 40;

/**
 * Where a formula could begin: at the start, and after what another locale takes for the end of a cell or a line. The full-width
 * signs count as well (some editions read them like the plain ones).
 */
const formula = /(^|[;,|\t\r\n"])([^\S\t\r\n]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/** Text with an apostrophe wherever a spreadsheet would begin to read a formula. Numbers stay. */
export function neutralized(text: string): string {
  if (text.length <= numeralLength && numeral.test(text)) return text;
  const marked = text.replace(formula, "$1'$2");
  return /^[\t\r\n\0]/.test(marked) ? `'${marked}` : marked;
}

/** Those of `names` that a spreadsheet would run. */
export function formulasAmong(names: readonly string[]): readonly string[] {
  return [...new Set(names)].filter((name) => neutralized(name) !== name);
}
