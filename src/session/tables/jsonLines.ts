import { DataError } from '../../core/data/dataError.ts';
import { cellText, lineOf } from './rowsToText.ts';

type Json = Record<string, unknown>;

/** Lines of a text, streamed. */
async function* textLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of chunks) {
    const lines = (held + decoder.decode(chunk, { stream: true })).split('\n');
    held = lines.pop()!;
    yield* lines;
  }
  held += decoder.decode();
  if (held !== '') yield held;
}

/** Objects inside a record become columns of their own, named `outer.inner`. */
function flattened(record: Json, prefix = '', out: Json = {}): Json {
  for (const [name, value] of Object.entries(record)) {
    const own = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (own) flattened(value as Json, `${prefix}${name}.`, out);
    else Object.defineProperty(out, prefix + name, { value, enumerable: true, configurable: true, writable: true });
  }
  return out;
}

function recordOf(line: string, number: number, file: string): Json | undefined {
  if (line.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new DataError('not-text', `this line is not valid JSON (${(error as Error).message.slice(0, 120)})`, {
      file,
      line: number,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DataError('not-text', 'a line of JSON Lines holds one record, {"name": value, ...}', {
      file,
      line: number,
    });
  }
  return flattened(value as Json);
}

/**
 * The records of JSON Lines as lines of comma-separated text under a line of all names that occur. Reads twice: names first.
 * @throws {DataError} naming the line that is no record
 */
export async function* jsonLinesText(read: () => AsyncIterable<Uint8Array>, file: string): AsyncGenerator<string> {
  const names = new Set<string>();
  let number = 0;
  for await (const line of textLines(read())) {
    const record = recordOf(line, ++number, file);
    if (record !== undefined) for (const name of Object.keys(record)) names.add(name);
  }
  yield lineOf([...names]);
  number = 0;
  for await (const line of textLines(read())) {
    const record = recordOf(line, ++number, file);
    if (record !== undefined)
      yield lineOf([...names].map((name) => (Object.hasOwn(record, name) ? cellText(record[name]) : '')));
  }
}

/** Whether a file begins with a record on a line of its own. */
export function looksLikeJsonLines(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head).replace(/^\uFEFF/, '');
  if (!/^\s*\{\s*"/.test(text)) return false;
  const [first, second] = text.trimStart().split('\n');
  try {
    JSON.parse(first);
  } catch {
    // a record longer than the head
    return second === undefined && text.length >= head.length / 2 && head.length >= 4096;
  }
  return second === undefined || second.trim() === '' || second.trimStart().startsWith('{');
}
