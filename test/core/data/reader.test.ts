import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DataError } from '../../../src/core/data/dataError.ts';
import { readTable, ReadStopped, type ReadOptions } from '../../../src/core/data/reader.ts';
import { RowSplitter } from '../../../src/core/data/rowSplitter.ts';
import { cellLabel, dictionaryLimit, type Table } from '../../../src/core/data/table.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { memorySource } from '../../support/memorySource.ts';
import { naiveRows } from './naiveCsv.ts';

const read = (content: string | Uint8Array, options: ReadOptions = {}, chunk?: number): Promise<Table> =>
  readTable(memorySource(content, { chunk }), options, uncontrolled);

const numbers = (table: Table, column: number): number[] => Array.from(table.columns[column].numbers);
const names = (table: Table): string[] => table.columns.map(({ name }) => name);

async function fails(content: string | Uint8Array, expected: Partial<DataError>, pattern: RegExp): Promise<void> {
  await assert.rejects(read(content), (error: unknown) => {
    assert.ok(error instanceof DataError, String(error));
    for (const [key, value] of Object.entries(expected)) assert.equal(error[key as keyof DataError], value, key);
    assert.match(error.message, pattern);
    assert.match(error.message, /^data\.csv/, 'names the file');
    return true;
  });
}

describe('reading delimited text', () => {
  it('reads numbers and texts into columns, with lines', async () => {
    const table = await read('a,b,c\n1,x,2.5\n-3e2,y,\n');
    assert.deepEqual(names(table), ['a', 'b', 'c']);
    assert.deepEqual(numbers(table, 0), [1, -300]);
    assert.equal(table.columns[0].codes, null);
    assert.deepEqual([cellLabel(table.columns[1], 0), cellLabel(table.columns[1], 1)], ['x', 'y']);
    assert.equal(table.columns[2].missing, 1);
    assert.deepEqual(Array.from(table.lines), [2, 3]);
    assert.deepEqual(table.warnings, []);
  });

  it('keeps line numbers right over quoted newlines and blank lines', async () => {
    const table = await read('a,b\r\n"one\r\ntwo",1\r\n\r\n"x ""y""\n\nz",2\r\nlast,3');
    assert.deepEqual(Array.from(table.lines), [2, 5, 8]);
    assert.equal(table.columns[0].dictionary[1], 'x "y"\n\nz');
    assert.deepEqual(numbers(table, 1), [1, 2, 3]);
  });

  for (const [what, delimiter] of [
    ['semicolons', ';'],
    ['tabs', '\t'],
    ['bars', '|'],
    ['commas', ','],
  ]) {
    it(`finds ${what}`, async () => {
      const rows = [
        ['first name', 'x', 'y'],
        ['Smith; J|r\t, x', '1', '2'],
        ['Jones', '3', '4'],
        ['Doe', '5', '6'],
      ];
      const text = rows
        .map((row) => row.map((cell) => (/[,;|\t]/.test(cell) ? `"${cell}"` : cell)).join(delimiter))
        .join('\n');
      const table = await read(text);
      assert.equal(table.dialect.delimiter, delimiter);
      assert.deepEqual(numbers(table, 2), [2, 4, 6]);
    });
  }

  it('reads decimal commas and grouped thousands', async () => {
    const table = await read('name;x;y\na;1,5;1.234,5\nb;-0,25;12\nc;3;1.000.000\n');
    assert.deepEqual(table.dialect, { delimiter: ';', decimal: ',', header: true });
    assert.deepEqual(numbers(table, 1), [1.5, -0.25, 3]);
    assert.deepEqual(numbers(table, 2), [1234.5, 12, 1_000_000]);
    const tabs = await read('x\ty\n1,5\t2\n2,5\t3\n');
    assert.deepEqual(numbers(tabs, 0), [1.5, 2.5]);
    const quoted = await read('x,y\n"1,234.5",2\n7.5,3\n8.5,3\n');
    assert.deepEqual(numbers(quoted, 0), [1234.5, 7.5, 8.5]);
  });

  it('lets the caller fix delimiter, decimal mark and header', async () => {
    const table = await read('1,5;2\n3,5;4\n', { dialect: { delimiter: ';', decimal: ',', header: false } });
    assert.deepEqual(names(table), ['column 1', 'column 2']);
    assert.deepEqual(numbers(table, 0), [1.5, 3.5]);
  });

  it('notices that there is no header', async () => {
    const table = await read('1,2,a\n3,4,b\n5,6,a\n');
    assert.equal(table.dialect.header, false);
    assert.equal(table.rows, 3);
    assert.match(table.warnings[0], /No header row/);
    assert.equal((await read('year,2019,2020\na,1.5,2\nb,2.5,3\nc,3,4')).dialect.header, true);
    assert.equal((await read('name,colour\na,red\nb,blue')).dialect.header, true);
  });

  it('renames duplicate and empty column names and says so', async () => {
    const table = await read('x,x,,x (2), y \n1,2,3,4,5\n');
    assert.deepEqual(names(table), ['x', 'x (3)', 'column 3', 'x (2)', 'y']);
    assert.equal(table.warnings.length, 2);
    assert.match(table.warnings[0], /"x" occurs twice; column 2/);
    assert.match(table.warnings[1], /Column 3 has no name/);
    // one sentence for a name, however often it occurs
    const many = await read(`${'a,'.repeat(3000)},,b\n${'1,'.repeat(3002)}2\n`);
    assert.deepEqual(many.warnings, [
      'The column name "a" occurs 3000 times; the later ones are called "a (2)" to "a (3000)".',
      '2 columns have no name; they are called "column 3001" to "column 3002".',
    ]);
  });

  it('takes NA, N/A, nan, null, ?, - and empty cells as missing, and infinities as not finite', async () => {
    const table = await read('x,y\nNA,1\nn/a,1\nNaN,1\nNULL,1\n?,1\n-,1\n ,1\ninf,1\n-Infinity,1\n1e999,1\n4,1\n');
    assert.equal(table.columns[0].missing, 7);
    assert.equal(table.columns[0].notFinite, 3);
    assert.equal(table.columns[0].texts, 0);
    assert.equal(table.columns[0].numbers[10], 4);
  });

  it('does not take hexadecimal and the like for numbers', async () => {
    const table = await read('x,y\n0x10,1\n0b1,1\n1_000,2\n1e,3\n');
    assert.equal(table.columns[0].texts, 4);
  });

  it('tolerates one empty cell after a trailing delimiter', async () => {
    const table = await read('a,b\n1,2,\n3,4,\n');
    assert.deepEqual(numbers(table, 1), [2, 4]);
  });

  it('drops and counts ragged rows when they are few', async () => {
    const rows = Array.from({ length: 300 }, (_, i) => (i === 150 ? 'total' : `${i},1`));
    const table = await read(`a,b\n${rows.join('\n')}\n`);
    assert.equal(table.rows, 299);
    assert.deepEqual(table.ragged, { count: 1, lines: [152] });
  });
});

describe('encodings', () => {
  const text = 'größe,naïve\n1,é\n2,日本\n';
  const utf16 = (littleEndian: boolean, mark: boolean): Uint8Array => {
    const all = (mark ? '\ufeff' : '') + text;
    const view = new DataView(new ArrayBuffer(all.length * 2));
    for (let i = 0; i < all.length; i++) view.setUint16(2 * i, all.charCodeAt(i), littleEndian);
    return new Uint8Array(view.buffer);
  };
  const expectText = (table: Table): void => {
    assert.deepEqual(names(table), ['größe', 'naïve']);
    assert.deepEqual(table.columns[1].dictionary, ['é', '日本']);
  };

  it('reads UTF-8 with and without byte order mark', async () => {
    expectText(await read(text));
    expectText(await read(`\ufeff${text}`));
  });

  it('reads UTF-16 of both byte orders, with mark, in odd chunks', async () => {
    for (const littleEndian of [true, false]) {
      for (const chunk of [1, 3, 1000]) {
        const table = await read(utf16(littleEndian, true), {}, chunk);
        expectText(table);
        assert.equal(table.encoding, littleEndian ? 'utf-16le' : 'utf-16be');
      }
    }
  });

  it('recognises UTF-16 without a mark', async () => {
    for (const littleEndian of [true, false]) {
      const plain = new Uint8Array(
        Array.from('a,b\n1,2\n3,4\n').flatMap((c) => (littleEndian ? [c.charCodeAt(0), 0] : [0, c.charCodeAt(0)])),
      );
      assert.deepEqual(numbers(await read(plain), 1), [2, 4]);
    }
  });

  it('falls back to Windows-1252, also when the first bad byte comes late', async () => {
    const bytes = Uint8Array.from([
      ...new TextEncoder().encode('name,x\n'),
      0x4d,
      0xfc,
      0x80,
      ...new TextEncoder().encode(',1\nb,2\n'),
    ]);
    const table = await read(bytes);
    assert.equal(table.columns[0].dictionary[0], 'Mü€');
    assert.match(table.warnings[0], /Windows-1252/);
    const filler = new TextEncoder().encode(`name,x\n${'abc,1\n'.repeat(30_000)}`);
    const late = new Uint8Array(filler.length + 4);
    late.set(filler);
    late.set([0xe9, 0x2c, 0x32, 0x0a], filler.length);
    const source = memorySource(late);
    const again = await readTable(source, {}, uncontrolled);
    assert.equal(source.reads, 2);
    assert.equal(again.rows, 30_001);
    assert.equal(again.columns[0].dictionary[1], 'é');
  });

  it('reads files with the line ends of old Macs', async () => {
    const table = await read('a,b\r1,2\r3,4\r');
    assert.deepEqual(numbers(table, 1), [2, 4]);
    assert.deepEqual(Array.from(table.lines), [2, 3]);
  });
});

describe('files that cannot be a table', () => {
  it('empty file', async () => {
    await fails('', { code: 'empty-file' }, /the file is empty/);
    await fails('\n  \n\n', { code: 'empty-file' }, /the file is empty/);
    await fails('\ufeff', { code: 'empty-file' }, /the file is empty/);
  });
  it('header only', () => fails('a,b,c\n', { code: 'no-rows', line: 1 }, /header but no data row/));
  it('one column', () => fails('a\n1\n2\n', { code: 'one-column', line: 1 }, /only one column/));
  it('ragged rows', () =>
    fails(
      'a,b,c\n1,2,3\n4,5\n6,7,8,9\n',
      { code: 'ragged-row', line: 3 },
      /line 3: 2 cells where the header has 3 \(2 of 3 rows/,
    ));
  it('a quote that is never closed', () => fails('a,b\n1,2\n"x,3\n4,5\n', { code: 'quote', line: 3 }, /never closed/));
  it('text after a closing quote', () =>
    fails('a,b\n1,2\n"x"y,3\n4,5\n', { code: 'quote', line: 3 }, /text follows a closing quotation mark/));
  it('a row without end', () =>
    fails(`a,b\n1,"${'x'.repeat(9_000_000)}`, { code: 'quote', line: 2 }, /a quotation mark/));
  it('a workbook, an archive, a binary file', async () => {
    await fails(Uint8Array.from([0x50, 0x4b, 3, 4, 20, 0]), { code: 'not-text' }, /Excel workbook/);
    await fails(Uint8Array.from([0x1f, 0x8b, 8, 0]), { code: 'not-text' }, /gzip/);
    await fails(Uint8Array.from([1, 2, 0, 0, 0, 5, 0, 0, 1, 0, 0, 0]), { code: 'not-text' }, /binary/);
  });
  it('a file that vanishes while it is read', async () => {
    const source = {
      ...memorySource('a,b\n1,2\n'),
      // oxlint-disable-next-line typescript/require-await
      async *read() {
        yield new TextEncoder().encode('a,b\n1,2\n');
        throw new Error('ENOENT: no such file');
      },
    };
    await assert.rejects(readTable(source, {}, uncontrolled), (error: unknown) => {
      assert.ok(error instanceof DataError);
      assert.equal(error.code, 'unreadable');
      assert.match(error.message, /data\.csv: the file cannot be read: there is no such file or folder/);
      return true;
    });
  });
});

describe('large files', () => {
  it('stops when asked to', async () => {
    const source = memorySource(`a,b\n${'1,2\n'.repeat(100_000)}`);
    let polls = 0;
    const control = { shouldStop: () => ++polls > 3, now: () => 0 };
    await assert.rejects(readTable(source, {}, control), ReadStopped);
  });

  it('counts bytes, shows every byte to the observer once, in pieces whatever the chunks', async () => {
    const content = `a,b\n${'1.5,2\n'.repeat(400_000)}`;
    let seen = 0;
    const progress: number[] = [];
    const table = await read(
      content,
      {
        observer: { start: () => (seen = 0), bytes: (chunk) => (seen += chunk.length) },
        progress: (bytes) => progress.push(bytes),
      },
      content.length,
    );
    assert.equal(seen, content.length);
    assert.equal(table.bytes, content.length);
    assert.ok(progress.length >= 2, 'one huge chunk is cut into pieces');
    assert.equal(table.rows, 400_000);
    assert.equal(
      numbers(table, 0).every((x) => x === 1.5),
      true,
    );
  });

  it('reads a file above 50 MB with memory bounded by the sample', async () => {
    const block = new TextEncoder().encode(
      Array.from({ length: 20_000 }, (_, i) => `${i},${i * 0.5},text ${i % 7},${i % 2}\n`).join(''),
    );
    const header = new TextEncoder().encode('id,x,word,y\n');
    const repeats = Math.ceil(51e6 / block.length);
    const source = {
      ...memorySource(''),
      async *read() {
        yield header;
        for (let k = 0; k < repeats; k++) {
          await Promise.resolve();
          yield block;
        }
      },
    };
    const table = await readTable(source, { maxRows: 1000, seed: 3 }, uncontrolled);
    assert.ok(table.bytes > 50e6);
    assert.equal(table.rowsInFile, repeats * 20_000);
    assert.equal(table.rows, 1000);
    assert.ok(table.sampled);
    const held = table.columns.reduce((sum, c) => sum + c.numbers.byteLength + (c.codes?.byteLength ?? 0), 0);
    assert.ok(held < 100_000, `${held} bytes of columns`);
    // Lines and cells belong together, and the sample is in the order of the file.
    for (let i = 0; i < table.rows; i++) {
      assert.equal(table.columns[0].numbers[i], (table.lines[i] - 2) % 20_000);
      assert.ok(i === 0 || table.lines[i] > table.lines[i - 1]);
    }
  });

  it('samples rows by seed, each with the same chance', async () => {
    const content = `a,b\n${Array.from({ length: 400 }, (_, i) => `${i},1`).join('\n')}`;
    const hits = new Float64Array(400);
    for (let seed = 1; seed <= 200; seed++) {
      const table = await read(content, { maxRows: 40, seed });
      for (const value of table.columns[0].numbers) hits[value]++;
    }
    // 200 draws with p = 0.1: mean 20, standard deviation 4.2.
    assert.ok(Math.min(...hits) > 2 && Math.max(...hits) < 42, `${Math.min(...hits)}..${Math.max(...hits)}`);
    const half = hits.slice(0, 200).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(half - 4000) < 300, `${half} of 8000 from the first half`);
    const again = await read(content, { maxRows: 40, seed: 7 });
    assert.deepEqual(again.lines, (await read(content, { maxRows: 40, seed: 7 })).lines);
  });

  it('keeps a bounded dictionary for columns of free text', async () => {
    const rows = Array.from({ length: dictionaryLimit + 500 }, (_, i) => `name${i},${i}`);
    const table = await read(`who,x\n${rows.join('\n')}`);
    assert.equal(table.columns[0].dictionary.length, dictionaryLimit);
    assert.ok(table.columns[0].overflow);
    assert.equal(table.columns[0].texts, dictionaryLimit + 500);
  });

  it('looks at the head only when asked to', async () => {
    const source = memorySource(`a,b\n${'1,2\n'.repeat(200_000)}`);
    const table = await readTable(source, { headRows: 100 }, uncontrolled);
    assert.equal(table.rows, 100);
    assert.equal(table.complete, false);
    assert.ok(table.bytes < 500_000);
  });
});

describe('against a second parser', () => {
  const cell = fc.oneof(
    fc.integer({ min: -1000, max: 1000 }).map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.string({
      unit: fc.constantFrom('a', 'b', ' ', ',', ';', '\t', '|', '"', '\n', '\r\n', 'é', '漢', '.', '1'),
      maxLength: 6,
    }),
  );
  const quote = (text: string, delimiter: string, always: boolean): string =>
    always || /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;

  it('splits random tables as the naive parser does, in chunks of any size', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(',', ';', '\t', '|'),
        fc
          .integer({ min: 2, max: 5 })
          .chain((width) =>
            fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 12 }),
          ),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        (delimiter, rows, newline, always, chunk) => {
          const text = rows.map((row) => row.map((c) => quote(c, delimiter, always)).join(delimiter)).join(newline);
          const expected = naiveRows(text, delimiter);
          const found: { line: number; cells: string[] }[] = [];
          const scanned: { line: number; cells: string[] }[] = [];
          // The splitter takes text whose line ends are \n already.
          const clean = text.replaceAll('\r\n', '\n');
          const splitter = new RowSplitter({ delimiter }, 'random.csv');
          const scanning = new RowSplitter({ delimiter }, 'random.csv');
          for (let at = 0; at < clean.length; at += chunk) {
            const [piece, last] = [clean.slice(at, at + chunk), at + chunk >= clean.length];
            splitter.push(piece, last, { row: (cells, line) => found.push({ line, cells }) > 0 });
            scanning.push(piece, last, {
              row: (cells, line) => scanned.push({ line, cells }) > 0,
              spans: (row, line) => scanned.push({ line, cells: row.cells() }) > 0,
            });
          }
          assert.deepEqual(scanned, found);
          assert.deepEqual(
            found,
            expected.map(({ line, cells }) => ({ line, cells: cells.map((c) => c.replaceAll('\r\n', '\n')) })),
          );
        },
      ),
      { seed: 20, numRuns: 400 },
    );
  });

  it('gets numbers back bit by bit, and texts as they were, from bytes in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(',', ';', '\t', '|'),
        fc.array(
          fc.tuple(
            fc.double({ noNaN: true, noDefaultInfinity: true }),
            fc.string({ unit: fc.constantFrom('a', 'é', '"', '\n', ',', ';', '漢', '𝛽'), minLength: 1, maxLength: 8 }),
          ),
          { minLength: 2, maxLength: 20 },
        ),
        fc.integer({ min: 1, max: 64 }),
        async (delimiter, rows, chunk) => {
          const body = rows.map(([x, text]) => `${x}${delimiter}${quote(`t${text}t`, delimiter, true)}`).join('\n');
          const table = await read(
            `x${delimiter}word\n${body}\n`,
            { dialect: { delimiter, decimal: '.', header: true } },
            chunk,
          );
          assert.deepEqual(
            numbers(table, 0).map((x) => x + 0),
            rows.map(([x]) => x + 0),
          );
          assert.deepEqual(
            rows.map((_, i) => cellLabel(table.columns[1], i)),
            rows.map(([, text]) => `t${text}t`),
          );
        },
      ),
      { seed: 21, numRuns: 200 },
    );
  });
});

describe('hostile tables', () => {
  it('100,000 columns of one name are read in steps and memory that grow with their number', async () => {
    const text = `${'a,'.repeat(99_999)}a\n${'1,'.repeat(99_999)}2\n`;
    const table = await readTable(memorySource(text), {}, uncontrolled);
    assert.equal(table.columns.length, 100_000);
    assert.equal(new Set(table.columns.map(({ name }) => name)).size, 100_000);
    assert.equal(table.columns[99_999].name, 'a (100000)');
    assert.ok(table.warnings.length < 30, `${table.warnings.length} warnings`);
  });
  it('a cell of a million digits is looked at once, with either decimal mark', async () => {
    const digits = '1'.repeat(1_000_000);
    const table = await readTable(memorySource(`a;b\n1,5;2\n1,5;2\n${digits};3\n${digits}x;4\n`), {}, uncontrolled);
    assert.equal(table.columns[0].texts, 1);
  });
});
