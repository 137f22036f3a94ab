/** Texts that stand for "no value" in any column, in lower case: spreadsheet errors, database and runtime markers. */
const anywhere = new Set([
  ...['n/a', '#n/a', '#n/a n/a', '#na', '<na>', 'nan', '-nan', '+nan', 'nat', '\\n', '(null)', '<null>', 'n.a.'],
  ...['nan(ind)', '-nan(ind)', '1.#qnan', '-1.#qnan', '1.#ind', '-1.#ind', '1.#nan'],
  ...['#div/0!', '#value!', '#num!', '#ref!', '#name?', '#null!'],
  ...['#n/d', '#nv', '#wert!', '#valeur!', '#valor!', '#bezug!', '#spill!', '#calc!', '#getting_data'],
]);

/** Texts that are words or signs of their own in a column of texts and stand for "no value" only among numbers or dates. */
const amongNumbers = new Set([
  ...['na', 'null', 'none', 'nil', 'unknown', 'missing', 'undefined', 'n/k', 'not available'],
  ...[
    'nd',
    'n.d.',
    'unk',
    'blank',
    '(blank)',
    'empty',
    'nodata',
    'no data',
    'not applicable',
    'n\\a',
    '[null]',
    'k.a.',
    'tbd',
  ],
  ...['?', '-', '--', '---', '\u2013', '\u2014', '.', '..', '...', '*'],
]);

/** Texts that stand for "no value" in any column, in lower case. */
export const markersAnywhere: readonly string[] = [...anywhere];

const longest = Math.max(...[...anywhere, ...amongNumbers].map((text) => text.length));

export type Marker = 'anywhere' | 'among-numbers';

/** Whether a trimmed, non-empty cell is a usual marker of a missing value, and where it counts as one. */
export function markerOf(cell: string): Marker | undefined {
  if (cell.length > longest) return undefined;
  const lower = cell.toLowerCase();
  return anywhere.has(lower) ? 'anywhere' : amongNumbers.has(lower) ? 'among-numbers' : undefined;
}

const capitalCode = /^[A-Z]{2,3}$/;

/** Whether a marker counts as missing in a column of texts. NA does, unless the column holds codes of capitals, of which it is one (Namibia). */
export function missingAmongTexts(cell: string, others: readonly string[]): boolean {
  if (markerOf(cell) === 'anywhere') return true;
  if (cell.toLowerCase() !== 'na') return false;
  return !(cell === 'NA' && others.length > 0 && others.every((text) => capitalCode.test(text)));
}

/** Numbers that data loggers and surveys write for "no value". */
export const sentinels: readonly number[] = [
  -9999, -999, -99, 9999, 99_999, 999_999, -99_999, -32_768, 9999.9, -9999.9, -999.9, -99.9,
];
