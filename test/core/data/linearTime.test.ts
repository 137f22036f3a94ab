import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { DataError } from '../../../src/core/data/dataError.ts';
import { profileTable } from '../../../src/core/data/infer.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import { memorySource } from '../../support/memorySource.ts';

const times = (n: number, part: (k: number) => string): string => Array.from({ length: n }, (_, k) => part(k)).join('');

/** Texts of about `size` characters, each of a kind that a reader easily takes quadratic time for. */
const kinds: Readonly<Record<string, (size: number) => string>> = {
  'columns of one name': (size) => `${times(size / 8, () => 'same,')}y\n${times(size / 8, (k) => `${k % 10},`)}1\n`,
  'very many columns': (size) => `${times(size / 16, (k) => `c${k},`)}y\n${times(size / 16, (k) => `${k % 10},`)}1\n`,
  'columns without a name': (size) =>
    `${','.repeat(size / 4)}y\n${'1,'.repeat(size / 4)}2\n${'3,'.repeat(size / 8)}4\n`,
  'decimal commas that could be thousands': (size) =>
    `a;b\n${times(size / 24, (k) => `1,${100 + (k % 900)},000;2,${k % 1000}\n`)}`,
  'one long run of digits and commas': (size) => `a;b\n1;${'1,000'.repeat(size / 5)}x\n2;3\n`,
  'a quotation mark that is never closed': (size) =>
    `a,b\n${times(size / 16, (k) => `${k},2\n`)}"open,${times(size / 16, (k) => `${k},2\n`)}`,
  'marks inside every cell': (size) => `a,b\n${times(size / 12, (k) => `x"y${k},2\n`)}`,
  'doubled marks': (size) => `a,b\n"${'""'.repeat(size / 2)}",1\n2,3\n`,
  'long fields': (size) => `a,b\n${'z'.repeat(size / 2)},1\n${' '.repeat(size / 2)},2\n`,
  'spaces between cells': (size) => `a b\n${times(size / 40, (k) => `${k}${' '.repeat(32)}2\n`)}`,
  comments: (size) => `${times(size / 10, (k) => `# ${k}\n`)}a,b\n1,2\n3,4\n`,
  'lines of one cell above': (size) => `${times(size / 10, (k) => `title ${k}\n`)}a,b\n1,2\n3,4\n`,
  'texts that are all different': (size) => `a,b\n${times(size / 16, (k) => `text ${k},1\n`)}`,
  'long texts that are nearly dates': (size) => `a,b\n${times(size / 64, (k) => `${'1 day '.repeat(9)}x${k},1\n`)}`,
  'carriage returns': (size) => `a,b\r${times(size / 8, (k) => `${k},2\r`)}`,
  'zero bytes': (size) => `a,b\n${times(size / 12, (k) => `${k},2\n`)}${'\0'.repeat(size / 100)}`,
};

/** CPU time (s) of reading and looking through it. */
async function work(text: string): Promise<number> {
  const before = process.cpuUsage();
  try {
    profileTable(await readTable(memorySource(text), {}, uncontrolled));
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

// threads that collect garbage wait for each other, which counts as processor time and says nothing of the reader
setFlagsFromString('--no-parallel-scavenge');

/** Characters of the small file, and how many times as many the large one has. */
const sizes = { size: 40_000, factor: 8 };
/** With a column a few characters, that which is kept of columns must be more than the young generation of the heap in both files. */
const columnSizes = { size: 160_000, factor: 4 };
/** Twice the bytes take at most twice the time; what a clock says of a busy machine is off by this. */
const noise = 1.5;
/** What is done for every file alike, and below what a clock says nothing (s). */
const smallest = 0.003;
const rounds = 8;

describe('time of reading', () => {
  for (const [kind, make] of Object.entries(kinds)) {
    it(`is linear in the bytes: ${kind}`, async () => {
      const { size, factor } = kind.includes('column') ? columnSizes : sizes;
      const [small, large] = [make(size), make(size * factor)];
      assert.ok(Math.abs(large.length / small.length / factor - 1) < 0.15, `${small.length} ${large.length}`);
      const most = (noise * large.length) / small.length;
      await work(small); // compiled
      let [short, long] = [Infinity, Infinity];
      // other work on the machine makes a time longer, never shorter: the least of a few is the program's own
      for (let k = 0; k === 0 || (k < rounds && long > most * Math.max(smallest, short)); k++) {
        for (let j = 0; j < 2; j++) short = Math.min(short, await work(small));
        long = Math.min(long, await work(large));
      }
      assert.ok(
        long <= most * Math.max(smallest, short),
        `${factor} times the bytes take ${(long / short).toFixed(1)} times the time`,
      );
    });
  }
});
