/** A cell as a text table has it: empty for nothing, dates in ISO 8601, structures as JSON. */
export function cellText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return '';
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? '' : dateText(value);
      return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));
    case 'undefined':
    case 'function':
    case 'symbol':
      return '';
  }
}

function dateText(date: Date): string {
  const text = date.toISOString();
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text;
}

/** A row of cells as a line of comma-separated text, every cell with a comma, a quotation mark, a line end or outer spaces quoted. */
export function lineOf(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\n\r]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`;
}

const pieceCharacters = 1 << 18;

/** Lines as bytes, in pieces. */
export async function* linesAsBytes(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let held = '';
  for await (const line of lines) {
    held += line;
    if (held.length < pieceCharacters) continue;
    yield encoder.encode(held);
    held = '';
  }
  if (held !== '') yield encoder.encode(held);
}
