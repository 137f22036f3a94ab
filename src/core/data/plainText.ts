/**
 * The one place where text that comes from data (column names, labels, cells, file names, messages that quote them) becomes text
 * that can be shown anywhere: in notifications, lists, tooltips, the status bar, the log, a terminal. See docs/safety.md.
 */

/**
 * What a reader cannot see or what a terminal or editor acts on: control characters, line ends, marks that reorder or hide text,
 * tags, halves of surrogate pairs. The joiners U+200C and U+200D stay: scripts and emoji need them.
 */
const unseen =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  if (named[character] !== undefined) return named[character];
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * Text as one line that is only text: characters that cannot be seen are written as escapes (`\x1b`), a link or image `[a](b)`
 * becomes `[a] (b)`, an editor icon `$(name)` becomes `$ (name)`. Applying it twice changes nothing more.
 */
export function plainText(text: string): string {
  return text
    .replace(unseen, escaped)
    .replace(/\](?=\()/g, '] ')
    .replace(/\$(?=\()/g, '$ ');
}

/** The same, at most `limit` characters long. */
export function plainExcerpt(text: string, limit: number): string {
  // what is beyond the limit need not be looked at: nothing becomes shorter
  const plain = plainText(text.length <= limit ? text : text.slice(0, limit).replace(/[\ud800-\udbff]$/, ''));
  return plain.length <= limit && text.length <= limit ? plain : `${plain.slice(0, limit - 1)}…`;
}

/** Several lines, each plain: for stack traces and reports, whose own line ends stay. */
export function plainLines(text: string): string {
  return text.split('\n').map(plainText).join('\n');
}

/** A copy of a plain value in which every string, also of a key, is plain: what a report shows of a record. */
export function plainCopy<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value === 'string') return plainText(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return typeof value[0] === 'number' ? value : value.map(copy);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [plainText(key), copy(inner)]));
}
