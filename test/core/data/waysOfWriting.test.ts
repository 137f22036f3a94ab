import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { dateForm } from '../../../src/core/data/dateForms.ts';
import { type ColumnProfile, profileTable } from '../../../src/core/data/infer.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import type { Table } from '../../../src/core/data/table.ts';
import { memorySource } from '../../support/memorySource.ts';

/** Twenty-four rows of two numbers, the second with a fraction. */
const rows = Array.from({ length: 24 }, (_, i) => [String(100 + 7 * i), ((37 * i) % 24) + 0.25 + (i % 3)] as const);
const line = (delimiter: string): ((row: readonly (string | number)[]) => string) => {
  return (row) => row.join(delimiter);
};
const body = rows.map(([flow, temp], i) => [i * 1.5, flow, temp]).map(line(','));
const names = 'time,flow,temp';
const plain = [names, ...body];
const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
const inserted = (at: number, ...more: string[]): string => text([...plain.slice(0, at), ...more, ...plain.slice(at)]);

const read = (csv: string | Buffer): Promise<Table> =>
  readTable(memorySource(Buffer.from(csv), { name: 'x.csv', chunk: 211 }), {}, uncontrolled);

/** All twenty-four rows and nothing else are data, under their names. */
async function assertWhole(csv: string, says?: RegExp): Promise<void> {
  const table = await read(csv);
  assert.deepEqual(
    table.columns.filter((column) => column.missing < table.rows).map(({ name }) => name),
    ['time', 'flow', 'temp'],
  );
  assert.deepEqual([table.rows, table.ragged.count], [24, 0], table.warnings.join('\n'));
  const flow = table.columns.find(({ name }) => name === 'flow')!;
  assert.deepEqual(
    Array.from(flow.numbers),
    rows.map(([value]) => Number(value)),
  );
  if (says !== undefined) assert.match(table.warnings.join('\n'), says);
}

const numbersOf = (table: Table, name: string): number[] =>
  Array.from(table.columns.find((column) => column.name === name)!.numbers);

describe('rows that are no data', () => {
  const cases: Readonly<Record<string, readonly [string, RegExp]>> = {
    'a comment between rows': [inserted(10, '# sensor changed'), /comments \(line 11\)/],
    'a comment with as many cells as a row': [inserted(10, '# a, sensor, changed'), /comments \(line 11\)/],
    'titles of groups in a cell of their own': [
      inserted(1, 'Plant A').replace(body[9], `Plant B\n${body[9]}`),
      /titles of groups \(line 2, 12\)/,
    ],
    'a page break with the header again': [inserted(10, '', 'Page 2', '', names), /header repeated \(line 14\)/],
    'the header again in capitals': [inserted(10, names.toUpperCase()), /header repeated \(line 11\)/],
    'a ruled line': [inserted(10, '---,---,---'), /ruled lines \(line 11\)/],
    'several totals': [
      text([...plain, 'Sum,1,2', 'Mean,3,4', 'Min,5,6', 'Max,7,8', 'Total général,9,9', 'Total (24),1,1']),
      /6 rows are not data and left out: totals at the end/,
    ],
    'notes at the end': [
      text([...plain, '', 'Notes', 'A first note', 'A second one, with a comma', '24 rows selected.']),
      /4 rows are not data and left out: a note at the end/,
    ],
    'a trailer': [text([...plain, 'TRAILER,24']), /a note at the end/],
    'a title with commas': [
      text(['A report, for you, from me, today', ...plain]),
      /titles above the header \(line 1\)/,
    ],
    'a title one cell short': [text(['Exported by,Tool', ...plain]), /titles above the header \(line 1\)/],
    'names and values above': [
      text(['Site,North', 'Date,2020-01-01', 'Operator,X', '', ...plain]),
      /titles above the header \(line 1, 2, 3\)/,
    ],
    'many lines above': [
      text([...Array.from({ length: 45 }, (_, i) => `Line ${i} of a preamble`), ...plain]),
      /45 rows are not data/,
    ],
    'a table drawn with characters': [
      text([
        '+---+---+---+',
        `| ${names.split(',').join(' | ')} |`,
        '+---+---+---+',
        ...body.map((row) => `| ${row.split(',').join(' | ')} |`),
        '+---+---+---+',
        '24 rows in set (0.00 sec)',
      ]),
      /ruled lines/,
    ],
    'an answer of a database': [
      text([
        ` ${names.split(',').join(' | ')} `,
        '---+---+---',
        ...body.map((row) => ` ${row.split(',').join(' | ')} `),
        '(24 rows)',
      ]),
      /a note at the end/,
    ],
  };
  for (const [name, [csv, says]] of Object.entries(cases)) it(name, () => assertWhole(csv, says));

  it('a class that is called like a total is one', async () => {
    const labels = ['mean', 'low', 'high'];
    const table = await read(text(['label,x', ...rows.map(([x], i) => `${labels[(i + 1) % 3]},${x}`)]));
    assert.equal(table.rows, 24);
  });

  it('a first row of texts that recurs is data, also where whole rows do', async () => {
    const kinds = ['w,g,e', 'b,f,p', 'w,g,e', 'w,f,p', 'b,g,e', 'w,g,p', 'w,g,e'];
    const table = await read(text(kinds));
    assert.deepEqual([table.rows, table.dialect.header], [7, false]);
  });

  it('years above other numbers are names', async () => {
    const table = await read(text(['name,2019,2020,2021', 'a,1.5,2,3', 'b,2.5,3,1', 'c,3,4,2']));
    assert.deepEqual([table.rows, table.columns[3].name], [3, '2021']);
  });
});

describe('cells', () => {
  const quoted = (open: string, close = open): string =>
    text(['time,kind,flow', ...rows.map(([flow], i) => `${i},${open}a${i % 2}, b${close},${flow}`)]);

  it('in single quotation marks, in some rows or columns only', async () => {
    const table = await read(quoted("'"));
    assert.equal(table.dialect.quote, "'");
    assert.deepEqual(table.columns[1].dictionary, ['a0, b', 'a1, b']);
    const some = await read(quoted("'").replaceAll("'a1, b'", 'c'));
    assert.deepEqual(some.columns[1].dictionary, ['a0, b', 'c']);
  });

  it('in quotation marks after a space', async () => {
    const table = await read(quoted('"').replaceAll(',"', ', "').replaceAll('",', '", '));
    assert.deepEqual(table.columns[1].dictionary, ['a0, b', 'a1, b']);
    assert.equal(table.format.spaced, true);
  });

  it('with a delimiter and no known quotation marks are refused, not moved to other columns', async () => {
    for (const csv of [quoted('`'), quoted('\u201c', '\u201d'), quoted('', '').replaceAll(', b', '\\, b')]) {
      await assert.rejects(read(csv), /4 cells where the header has 3 .*without quotation marks/);
    }
  });

  it('in lines that are quoted whole, with a header that is not or delimiters at the end', async () => {
    await assertWhole(text([names, ...body.map((row) => `"${row}"`)]), /one quoted cell/);
    await assertWhole(text(plain.map((row) => `"${row}";`)), /one quoted cell/);
    const inner = text(['"time,""kind"",flow"', ...rows.map(([flow], i) => `"${i},""a${i % 2}, b"",${flow}"`)]);
    assert.deepEqual((await read(inner)).columns[1].dictionary, ['a0, b', 'a1, b']);
  });

  it('between spaces with a mark of comments before the names, or tabs among the spaces', async () => {
    await assertWhole(text([`# ${names.replaceAll(',', ' ')}`, ...body.map((row) => row.replaceAll(',', ' '))]));
    await assertWhole(text([`#${names}`, ...body]));
    const mixed = await read(text(rows.map(([flow, temp], i) => `${i * 1.5}   8   ${flow}   ${temp}\t"car ${i % 5}"`)));
    assert.deepEqual([mixed.columns.length, mixed.rows], [5, 24]);
    assert.deepEqual((await read('1 2 3\n4 5 6.5\n')).columns.length, 3);
  });

  it('between signs that are rarely used', async () => {
    for (const mark of ['\x1e', '\x02', '§', '¦'])
      await assertWhole(text(plain.map((row) => row.replaceAll(',', mark))));
  });

  it('are read although zero bytes follow the last row', async () => {
    await assertWhole(`${text(plain)}${'\0'.repeat(3000)}`, /3000 zero bytes/);
  });
});

describe('marks in numbers', () => {
  const values = (delimiter: string, cells: readonly string[]): Promise<Table> =>
    read(text([`x${delimiter}v`, ...cells.map((cell, i) => `${i * 2}${delimiter}${cell}`)]));

  it('two groups of three digits say what groups them', async () => {
    assert.deepEqual(numbersOf(await values(';', ['7.204.761', '1.000.002']), 'v'), [7_204_761, 1_000_002]);
    assert.deepEqual(numbersOf(await values(';', ['7,204,761', '1,000,002']), 'v'), [7_204_761, 1_000_002]);
    assert.deepEqual(numbersOf(await values(',', ['"7,27,343"', '"1,00,002"']), 'v'), [727_343, 100_002]);
  });

  it('the decimal mark is seen beside groups and currencies', async () => {
    assert.deepEqual(numbersOf(await values(';', ['6\u202f930,5', '12,5']), 'v'), [6930.5, 12.5]);
    assert.deepEqual(numbersOf(await values(';', ['6.930,50 \u20ac', '12,50 \u20ac']), 'v'), [6930.5, 12.5]);
    assert.deepEqual(numbersOf(await values(';', ['$6,930.50', '$12.50']), 'v'), [6930.5, 12.5]);
  });

  it('where the file does not say, the reading is said with the option for the other one', async () => {
    const comma = await values(';', ['69,738', '12,001', '3,456']);
    assert.equal(numbersOf(comma, 'v')[0], 69.738);
    assert.match(comma.warnings.join('\n'), /69,738 were read as 69\.738; .*69738\): --decimal \./);
    const tab = await values('\t', ['69,738', '12,001', '3,456']);
    assert.equal(numbersOf(tab, 'v')[0], 69_738);
    assert.match(tab.warnings.join('\n'), /were read as 69738.*--decimal ,/);
    const point = await values(';', ['69.738', '12.001']);
    assert.equal(numbersOf(point, 'v')[0], 69.738);
    assert.match(point.warnings.join('\n'), /--decimal ,/);
    assert.deepEqual((await values(';', ['69.73', '12.001'])).warnings, []);
  });

  it('an apostrophe that makes a number a text for a spreadsheet is taken off', async () => {
    assert.deepEqual(numbersOf(await values(',', ["'28.7", "'30.1"]), 'v'), [28.7, 30.1]);
  });
});

describe('what a column is', () => {
  const column = async (name: string, cells: readonly string[]): Promise<Table> =>
    read(text([`${name},x`, ...cells.map((cell, i) => `${/[,"]/.test(cell) ? `"${cell}"` : cell},${i * 1.5}`)]));
  const profileOf = async (name: string, cells: readonly string[]): Promise<ColumnProfile> =>
    profileTable(await column(name, cells))[0];

  it('one text again and again among many numbers or dates marks missing values, which is said', async () => {
    const marked = async (marker: string): Promise<Table> =>
      column('a', rows.map(([value], i) => (i % 5 === 2 ? marker : value))); // prettier-ignore
    for (const marker of ['void', 'pending', 'x', '~', '·', 's/o', '--.--', '#VALEUR!', '#DIV/0!', '(blank)']) {
      const table = await marked(marker);
      assert.deepEqual([table.rows, table.columns[0].missing, table.columns[0].texts], [24, 5, 0], marker);
    }
    const { columns, warnings } = await marked('void');
    assert.match(warnings.join('\n'), /"a": "void" is taken as missing \(--type a=classes keeps it\)/);
    assert.deepEqual(columns[0].markers, ['void']);
    const days = rows.map((_, i) => (i % 5 === 2 ? '1900-01-00' : `2020-03-${String(i + 1).padStart(2, '0')}`));
    assert.deepEqual((await column('when', days)).columns[0].missing, 5);
    // values cut off, and classes, are none
    assert.equal((await marked('>90')).columns[0].missing, 0);
    assert.equal((await column('visits', rows.map((_, i) => (i % 4 === 3 ? 'many' : String(i % 4))))).columns[0].missing, 0); // prettier-ignore
  });

  it('a row that begins with an error of a spreadsheet is no comment', async () => {
    const table = await column('a', ['#REF!', ...rows.map(([value]) => value)]);
    assert.deepEqual([table.rows, table.columns[0].missing], [25, 1]);
  });

  it('texts that differ in case or kinds of spaces only are one class, single letters may be several', async () => {
    assert.deepEqual((await column('sex', ['Male', 'male', 'MALE ', 'Female', 'female'])).columns[0].dictionary, [
      'Male',
      'Female',
    ]);
    assert.deepEqual((await column('place', ['New York', 'New\u00a0York', 'Rome'])).columns[0].dictionary, [
      'New York',
      'Rome',
    ]);
    assert.deepEqual((await column('allele', ['a', 'A', 'b', 'a'])).columns[0].dictionary, ['a', 'A', 'b']);
  });

  it('infinity is a class among texts and no number among numbers', async () => {
    assert.deepEqual((await column('kind', ['inf', 'fin', 'inf'])).columns[0].dictionary, ['inf', 'fin']);
    assert.equal((await column('v', ['inf', '1.5', '2.5', '-Infinity'])).columns[0].notFinite, 2);
  });

  it('quarters, months and dates as programs write them are days', () => {
    const day = (iso: string): number => Date.parse(`${iso}T00:00:00Z`) / 86_400_000;
    const same: Readonly<Record<string, string>> = {
      '2000Q2': '2000-04-01',
      '2000-Q3': '2000-07-01',
      'Q4 2001': '2001-10-01',
      'Q1/2002': '2002-01-01',
      '03/2019': '2019-03-01',
      '2019M07': '2019-07-01',
      '2019-Feb': '2019-02-01',
      '2019 January': '2019-01-01',
      '20190131T000000Z': '2019-01-31',
      '2019年1月31日': '2019-01-31',
      'Thu Jan 31 00:00:00 UTC 2019': '2019-01-31',
      '31Jan2019': '2019-01-31',
      '31Jan2019:00:00:00': '2019-01-31',
      '31/Jan/2019:00:00:00 +0000': '2019-01-31',
      '2019-01-31 00:00:00,000': '2019-01-31',
    };
    for (const [cell, iso] of Object.entries(same)) {
      assert.deepEqual(dateForm(cell), { dayFirst: day(iso), monthFirst: day(iso) }, cell);
    }
    assert.equal(dateForm('2000Q5'), undefined);
    assert.equal(dateForm('13/2019'), undefined);
  });

  it('times that are not read as days are named as such', async () => {
    for (const form of ['2019-WN', '2019-1N', 'PTNM', 'Nh 5m', 'N days 01:00:00']) {
      const cells = rows.map((_, i) => form.replace('N', String(i + 10)));
      assert.match((await profileOf('when', cells)).note, /dates or times in a form/, form);
    }
  });

  it('numbers in digits of other scripts, with the minus behind, with powers of ten written out', async () => {
    const digits = (text: string, zero: number): string =>
      text.replace(/\d/g, (digit) => String.fromCharCode(zero + Number(digit)));
    const forms: Readonly<Record<string, readonly [(k: number) => string, (k: number) => number]>> = {
      'digits of another script': [(k) => digits(String(k), [0xff10, 0x660, 0x6f0][k % 3]), (k) => k],
      'minus after the number': [(k) => `${k}.5-`, (k) => -k - 0.5],
      'powers of ten written out': [(k) => `${k}.5${k % 2 ? '×10^3' : 'x10^-3'}`, (k) => Number(`${k}.5e${k % 2 ? 3 : -3}`)], // prettier-ignore
    };
    for (const [how, [write, value]] of Object.entries(forms)) {
      const table = await read(text(['flow,y', ...rows.map((_, k) => `${write(k)},${k}`)]));
      assert.deepEqual(
        numbersOf(table, 'flow'),
        rows.map((_, k) => value(k)),
      );
      assert.match(table.warnings.join('\n'), new RegExp(how));
    }
  });

  it('ranges are no dates, and months of other languages are', async () => {
    const ranges = rows.map((_, i) => ['0-9', '10-19', '20-29', '30-39'][i % 4]);
    assert.equal((await profileOf('age', ranges)).kind, 'categorical');
    const days = rows.map((_, i) => `${i + 1}. ${['Januar', 'März', 'Dezember', 'août'][i % 4]} 2021`);
    assert.match((await profileOf('when', days)).note, /dates or times in a form/);
  });

  it('names of identifiers run together are known, names of times are none', async () => {
    const different = rows.map((_, i) => String(100_000 + ((7919 * i) % 99_991)));
    for (const name of ['USERID', 'passengerid', 'SNo', 'SSN', 'phone', 'IMEI', 'cust#', 'ref', 'номер', '编号']) {
      assert.equal((await profileOf(name, different)).idLike, true, name);
    }
    for (const name of ['grid', 'humid', 'paid', 'width', 'candidate', 'key rate', 'number_of_rooms']) {
      assert.equal((await profileOf(name, different)).idLike, false, name);
    }
    const year = await read(text(['year,x,y', ...rows.map(([x], i) => `${1950 + i},${(i * i) % 7},${x}`)]));
    assert.equal(profileTable(year)[0].idLike, false);
  });

  it('files of other programs are named', async () => {
    const other: Readonly<Record<string, RegExp>> = {
      '[1,2,3]\n[4,5,7]\n': /JSON/,
      '1 1:0.5 2:3\n-1 1:0.25 3:1\n': /LIBSVM/,
      'INSERT INTO t VALUES (1,2);\n': /SQL/,
      '{"data":[{"a":1,"b":2}]}': /JSON/,
      '<?xml version="1.0"?><rows><row a="1"/></rows>': /this is XML/,
      '<?xml version="1.0"?>\n<!-- page -->\n<html><body/></html>': /web page/,
      '<div><table><tr><td>1</td></tr></table></div>': /web page/,
      '%%MatrixMarket matrix coordinate real general\n3 3 1\n1 1 5.0\n': /Matrix Market/,
      'BZh91AY&SY': /bzip2/,
      'SQLite format 3\0': /SQLite/,
    };
    for (const [start, what] of Object.entries(other)) await assert.rejects(read(start), what);
  });
});
