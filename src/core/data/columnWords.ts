import { plainText } from './plainText.ts';
import { sentinels } from './markers.ts';
import type { Column, ColumnNotes } from './table.ts';

const shown = (text: string): string => `"${plainText(text.length > 40 ? `${text.slice(0, 40)}...` : text)}"`;
const listed = (texts: readonly string[]): string =>
  `${texts.slice(0, 5).map(shown).join(', ')}${texts.length > 5 ? ', ...' : ''}`;

/** Whether there is anything to say; for files of very many columns, of which few are odd. */
const isOdd = ({ leadingZeros, dateOrderOpen }: Column, notes: ColumnNotes): boolean =>
  leadingZeros === true ||
  dateOrderOpen === true ||
  notes.odd !== null ||
  notes.folded ||
  notes.tooLong ||
  notes.padded ||
  notes.how.length + notes.kept.length + notes.gaps.length > 0;

/** What the reader made of a column, in sentences that say how to have it otherwise. `lineOf` gives the line of a row. */
export function columnWarnings(column: Column, notes: ColumnNotes, lineOf: (row: number) => number): string[] {
  const out: string[] = [];
  const sentinel = sentinelOf(column);
  if (!isOdd(column, notes) && sentinel === undefined) return out;
  const name = shown(column.name);
  if (notes.odd !== null) {
    const { count, rows, text } = notes.odd;
    const where = rows.map(lineOf).sort((a, b) => a - b);
    out.push(
      `${name} (column ${column.index + 1}): ${shown(text)} ${count === 1 ? 'is' : `and ${count - 1} more are`} no ${column.dates === null ? 'number' : 'date'} and taken as missing ` +
        `(line ${where.join(', ')}${count > rows.length ? ', ...' : ''}).`,
    );
  }
  if (notes.how.length > 0)
    out.push(
      `${name}: read as numbers, ${notes.how
        .slice(0, 4)
        .map((how) => plainText(how))
        .join('; ')}.`,
    );
  if (notes.kept.length > 0)
    out.push(
      `${name}: ${listed(notes.kept)} ${notes.kept.length === 1 ? 'is' : 'are'} taken for text, not as missing (--na makes it missing).`,
    );
  if (notes.gaps.length > 0)
    out.push(
      `${name}: ${listed(notes.gaps)} ${notes.gaps.length === 1 ? 'is' : 'are'} taken as missing (--type ${plainText(column.name)}=classes keeps it).`,
    );
  if (notes.folded)
    out.push(
      `${name}: texts that differ in case or spaces only are put together (--type ${plainText(column.name)}=classes keeps them apart).`,
    );
  if (notes.tooLong)
    out.push(`${name}: integers of more than 15 digits do not fit into a number and are read as texts.`);
  if (notes.padded) {
    out.push(
      `${name}: codes with leading zeros are read as classes, as they are written (--type ${plainText(column.name)}=number reads them as numbers).`,
    );
  } else if (column.leadingZeros === true && column.codes === null) {
    out.push(
      `${name}: codes with leading zeros are read as numbers (--type ${plainText(column.name)}=classes keeps them as they are written).`,
    );
  }
  if (column.dateOrderOpen === true) {
    out.push(
      `${name}: dates whose day and month could be exchanged are left out; --type ${plainText(column.name)}=date-day-first or date-month-first reads them.`,
    );
  }
  if (sentinel !== undefined) out.push(`${name}: ${sentinel} looks like a mark of missing values (--na=${sentinel}).`);
  return out;
}

/** A number often written for "no value" that is far from all others of its column. */
function sentinelOf({ numbers }: Column): number | undefined {
  let [low, high] = [Infinity, -Infinity];
  const found = new Set<number>();
  // by index: an iterator takes several times as long
  for (let row = 0; row < numbers.length; row++) {
    const value = numbers[row];
    if (value !== value) continue;
    if ((value < -98 || value > 9998) && sentinelSet.has(value)) found.add(value);
    else {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const spread = high - low;
  return [...found].find((value) => spread >= 0 && (value < low - 3 * spread - 1 || value > high + 3 * spread + 1));
}

const sentinelSet = new Set(sentinels);
