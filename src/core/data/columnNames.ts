import { DataError } from './dataError.ts';
import type { ColumnProfile } from './infer.ts';
import { plainText } from './plainText.ts';
import type { Table } from './table.ts';

/** The column of a name: as it is written, else the only one that differs in case and outer spaces only. */
export function columnNamed<T>(columns: readonly T[], nameOf: (column: T) => string, name: string): T | undefined {
  const exact = columns.find((column) => nameOf(column) === name);
  if (exact !== undefined) return exact;
  const plain = name.trim().toLowerCase();
  const alike = columns.filter((column) => nameOf(column).trim().toLowerCase() === plain);
  return alike.length === 1 ? alike[0] : undefined;
}

const nameOf = (profile: ColumnProfile): string => profile.column.name;

/** @throws {DataError} naming the columns there are */
export function oneColumn(table: Table, profiles: readonly ColumnProfile[], name: string, role: string): ColumnProfile {
  const found = columnNamed(profiles, nameOf, name);
  if (found !== undefined) return found;
  const names = profiles.map((profile) => plainText(profile.column.name));
  const shown =
    names.length > 12 ? `${names.slice(0, 12).join(', ')}, ... (${names.length} columns)` : names.join(', ');
  throw new DataError(
    'unknown-column',
    `there is no column "${plainText(name)}" to use as ${role}; the columns are ${shown}`,
    { file: table.file },
  );
}

/**
 * The columns that a list of names stands for. Each entry is a name or several with commas between; a name may hold commas itself, so the longest
 * stretch that is a name counts.
 */
export function namedColumns(
  table: Table,
  profiles: readonly ColumnProfile[],
  entries: readonly string[],
  role: string,
): ColumnProfile[] {
  const out = new Set<ColumnProfile>();
  for (const entry of entries) {
    const whole = columnNamed(profiles, nameOf, entry);
    if (whole !== undefined) {
      out.add(whole);
      continue;
    }
    const parts = entry.split(',');
    for (let from = 0; from < parts.length;) {
      let to = parts.length;
      let found: ColumnProfile | undefined;
      for (; to > from && found === undefined; to--)
        found = columnNamed(profiles, nameOf, parts.slice(from, to).join(','));
      if (found === undefined) {
        const name = parts[from].trim();
        from++;
        if (name !== '') out.add(oneColumn(table, profiles, name, role));
      } else {
        out.add(found);
        from = to + 1;
      }
    }
  }
  return [...out];
}
