import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Rng } from '../../src/core/base/rng.ts';
import type { Table } from '../../src/core/data/table.ts';

const folder = path.resolve(import.meta.dirname, '../fixtures/files');

/** The files as people have them, byte by byte. */
export function tableTexts(): readonly string[] {
  return readdirSync(folder).map((name) => readFileSync(path.join(folder, name)).toString('latin1'));
}

const pieces = ['"', "'", ',', ';', '\t', '|', '\n', '\r', '\r\n', '\0', '\x1a', '\ufeff', '-', '#', '=', '1,5', 'NA', '(', '\\"', '1e999']; // prettier-ignore
const cells = ['', 'NA', '-', '?', '"7,390"', '7.390,5', '#REF!', 'Total', '1e999', '2020-13-45', '9'.repeat(30), ' ', 'x'.repeat(300), "'5", '\u00a0', '=1+1', '0x1F', '--', '\\N']; // prettier-ignore
const lines = ['', '# a note', 'A title', '---,---,---', ',,', ';;;', 'sep=;', 'Total,1,2', 'a,b,c,d,e,f,g,h,i,j', '\\', '<table>', '[]', '{"a":1}']; // prettier-ignore

type Change = (rng: Rng, text: string) => string;
const pick = <T>(rng: Rng, from: readonly T[]): T => from[rng.integer(from.length)];

/** Changes one line of the text, or puts others beside it. */
const atLine =
  (change: (rng: Rng, line: string, all: readonly string[]) => readonly string[]): Change =>
  (rng, text) => {
    const all = text.split('\n');
    const at = rng.integer(all.length);
    return [...all.slice(0, at), ...change(rng, all[at], all), ...all.slice(at + 1)].join('\n');
  };

const atCell = (change: (rng: Rng, parts: string[], at: number) => string[]): Change =>
  atLine((rng, line) => {
    const mark = /[,;\t|]/.exec(line)?.[0] ?? ',';
    const parts = line.split(mark);
    return [change(rng, parts, rng.integer(parts.length)).join(mark)];
  });

const changes: readonly Change[] = [
  (rng, text) => {
    const at = rng.integer(text.length + 1);
    const cut = rng.integer(3) === 0 ? rng.integer(40) : 0;
    return text.slice(0, at) + pick(rng, pieces) + text.slice(at + cut);
  },
  atCell((rng, parts, at) => parts.with(at, pick(rng, cells))),
  atCell((_, parts, at) => parts.toSpliced(at, 1)),
  atCell((_, parts, at) => parts.toSpliced(at, 0, parts[at])),
  atCell((rng, parts, at) => parts.with(at, `"${parts[at]}${rng.integer(2) === 0 ? '"' : ''}`)),
  atCell((_, parts) => parts.reverse()),
  atLine(() => []),
  atLine((_, line) => [line, line]),
  atLine((rng, line, all) => [line, pick(rng, all)]),
  atLine((_, line, all) => [line, all[0]]),
  atLine((rng, line) => [line, pick(rng, lines)]),
  (rng, text) => `${pick(rng, lines)}\n${text}`,
  (rng, text) => `${text}${pick(rng, lines)}`,
  (rng, text) => text.slice(0, rng.integer(text.length + 1)),
  (rng, text) => text.replaceAll('\n', pick(rng, ['\r', '\r\n', '\n\n'])),
  (rng, text) => text.replaceAll(pick(rng, [',', ';', '\t']), pick(rng, [',', ';', '\t', '|', ' '])),
];

/** A text with one to four changes to its characters, cells and lines. */
export function damagedText(rng: Rng, texts: readonly string[]): string {
  let text = pick(rng, texts);
  for (let k = 1 + rng.integer(4); k > 0; k--) text = pick(rng, changes)(rng, text);
  return text;
}

/** Every row of the text is in the table or counted, and every cell is what its code says. */
export function assertCounted(table: Table, text: string): void {
  assert.equal(table.rows + table.ragged.count, table.rowsInFile, text);
  for (const column of table.columns) {
    for (let row = 0; row < table.rows; row++) {
      const code = column.codes?.[row] ?? -1;
      assert.ok(code < column.dictionary.length && (code !== -1 || Number.isFinite(column.numbers[row])), text);
    }
  }
  // where no cell is quoted, a row is a line
  if (!table.encoding.startsWith('utf-8') || /["'\0\x1a]/.test(text)) return;
  const whole = Buffer.from(text, 'latin1')
    .toString('utf8')
    .split(/\r\n?|\n/);
  const { delimiter } = table.dialect;
  const isRow = (line: string): boolean => line.trim() !== '' || (delimiter !== ' ' && line.includes(delimiter));
  const written = whole.slice(table.format.skip ?? 0).filter(isRow).length;
  const other = table.noData.reduce((sum, { count }) => sum + count, 0);
  assert.equal(table.rowsInFile + other + (table.dialect.header ? 1 : 0), written, text);
}
