import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { DataError } from '../../../src/core/data/dataError.ts';
import { prepareData, type PrepareOptions } from '../../../src/core/data/prepareData.ts';
import { readTable, type ReadOptions } from '../../../src/core/data/reader.ts';
import { memorySource } from '../../support/memorySource.ts';

/** What a file of the folder must be read as. The first values of columns stand in the files, written in the way that the file is about. */
interface Expected {
  readonly rows?: number;
  readonly target?: string;
  readonly task?: string;
  readonly classes?: readonly string[];
  readonly features?: readonly string[];
  /** Line of the file to its value in a column. */
  readonly cells?: Readonly<Record<string, Readonly<Record<number, number>>>>;
  readonly says?: RegExp;
  readonly fails?: RegExp;
  readonly read?: ReadOptions;
  readonly prepare?: Partial<PrepareOptions>;
}

const plant = { temp: { 2: 14, 3: 24.9, 4: 29.5 }, yield: { 2: 31.57, 3: 68.97, 4: 79.28 } };
/** The same a number of lines further down. */
const below = (lines: number): Expected['cells'] => ({
  temp: { [2 + lines]: 14, [3 + lines]: 24.9 },
  yield: { [2 + lines]: 31.57, [3 + lines]: 68.97 },
});
const table: Expected = { rows: 60, target: 'yield', task: 'regression', features: ['temp', 'flow'], cells: plant };
const dates = (cells: Readonly<Record<number, number>>): Expected => ({
  rows: 90,
  target: 'load',
  features: ['when', 'temp'],
  cells: { when: cells },
});

const files: Readonly<Record<string, Expected>> = {
  'quoted-thousands.csv': { rows: 5, cells: { visits: { 2: 7390, 3: 1250, 4: 12_100 } } },
  'lf-then-cr.csv': { rows: 6, cells: { temp: { 2: 1, 3: 2, 7: 6 } } },
  'cr-cr-lf.csv': { ...table, cells: { temp: { 3: 14, 5: 24.9 } } },
  'apostrophe-thousands.csv': {
    cells: { revenue: { 2: 9814, 3: 15_275 } },
    says: /"revenue": read as numbers, thousands grouped/,
  },
  'nbsp-thousands.csv': { cells: { revenue: { 2: 9814, 3: 15_275 } } },
  'currency-percent.csv': {
    cells: { price: { 2: 8626.29 }, margin: { 2: 38 } },
    says: /"price": read as numbers, "\$" taken off/,
  },
  'excel-text-guard.csv': table,
  'fortran-exp.csv': table,
  'inch-quote.csv': { rows: 60, cells: { size: { 2: 7, 61: 5 } } },
  'paren-negative.csv': { cells: { balance: { 2: 4.88, 3: -1144.83, 4: 1280.85 } } },
  'unicode-minus.csv': { rows: 60, features: ['depth', 'qty'], cells: { depth: { 6: -10.5, 7: -9.3 } } },
  'tab-decimalcomma.csv': table,
  'ratio-bp.csv': { rows: 60, features: ['flow'] },
  'bool-mixed-case.csv': {
    rows: 80,
    task: 'binary',
    features: ['x', 'smoker'],
    says: /differ in case or spaces only are put together/,
  },
  'brace-delim.csv': table,
  'caret-delim.csv': table,
  'space-delim.csv': table,
  'fixed-width.csv': table,
  'whole-line-quoted.csv': table,
  'markdown-table.csv': { ...table, cells: below(1) },
  'single-quote.csv': { rows: 60, classes: ['open, A', 'open, B'] },
  'backslash-quote.csv': { rows: 60, classes: ['pump "A"', 'pump "B"'] },
  'tsv-quote-inside.tsv': { rows: 60, says: /do not pair up/ },
  'unbalanced-quote-swallow.csv': { rows: 60, says: /do not pair up/ },
  'sep-line-comma.csv': { ...table, cells: below(1) },
  'sep-line-semicolon.csv': { ...table, cells: below(1) },
  'comment-lines.csv': { ...table, cells: below(2), says: /2 lines at the top that begin with "#"/ },
  'comment-preamble-text.csv': { ...table, cells: below(3), says: /titles above the header \(line 1, 2\)/ },
  'header-junk-long.csv': {
    rows: 60,
    target: 'yield',
    features: ['temp', 'flow', 'press'],
    says: /titles above the header/,
  },
  'multiline-header-2.csv': {
    rows: 60,
    features: ['temp', 'flow', 'press'],
    says: /titles above the header \(line 1\)/,
  },
  'units-row.csv': { ...table, cells: below(1), says: /units .*\(line 2\)/ },
  'repeated-header.csv': { ...table, says: /the header repeated \(line 32\)/ },
  'repeated-header-text.csv': { rows: 80, classes: ['e', 'p'], says: /the header repeated \(line 42\)/ },
  'group-separator-rows.csv': { ...table, says: /titles of groups \(line 22\)/ },
  'totals-row.csv': { ...table, says: /totals at the end \(line 62\)/ },
  'totals-row-numeric.csv': { ...table, says: /totals at the end \(line 62\)/ },
  'sql-footer.csv': { ...table, says: /a note at the end \(line 63\)/ },
  'ctrl-z.csv': table,
  'excel-trailing-empty.csv': table,
  'r-rownames.tsv': { ...table, says: /one cell more than the header: names of rows in front/ },
  'pandas-index-shuffled.csv': table,
  'id-name-CUSTOMER_ID.csv': table,
  'id-name-EmployeeNumber.csv': table,
  'id-few-duplicates.csv': table,
  'bigint-id.csv': { ...table, says: /more than 15 digits/ },
  'leading-zero-class.csv': {
    rows: 90,
    task: 'multiclass',
    classes: ['007', '010', '101'],
    says: /--type code=number/,
  },
  'class-codes-with-gap.csv': {
    rows: 214,
    task: 'multiclass',
    classes: ['1', '2', '3', '5', '6', '7'],
    says: /read as classes; --task regression/,
  },
  'ordinal-target-wine.csv': {
    rows: 340,
    task: 'regression',
    says: /read as numbers \(regression\); --task multiclass/,
  },
  'target-median-house.csv': { target: 'median_house_value' },
  'target-first-text-last.csv': { target: 'mpg' },
  'target-equals-feature.csv': {
    target: 'copy',
    says: /"temp" \(the target is a linear function of it\) alone determines the target "copy"/,
  },
  'coord-in-quotes.csv': { rows: 60, cells: { Count: { 2: 778.7 } } },
  'formula-cells.csv': { rows: 60, features: ['flow'] },
  'transposed.csv': { says: /rows and columns exchanged/ },
  'number-with-unit.csv': { cells: { price: { 2: 8626.29 } }, says: /"CHF" taken off/ },
  'padded-semicolon.csv': table,
  'semicolon-quoted-all.csv': table,
  'semicolon-multiline-quoted.csv': { rows: 60, features: ['temp', 'flow'] },
  'cr-in-quoted-header.csv': { rows: 60, target: 'yield' },
  'time-of-day.csv': { rows: 80, features: ['x'] },
  'duration.csv': { rows: 80, features: ['x'] },
  'date-excel-zero.csv': { rows: 80, features: ['since', 'x'], says: /are no date and taken as missing/ },
  'date-year-month.csv': dates({ 2: 17_897 }),
  'year-month-only.csv': { rows: 132, target: 'Riders', features: ['Month'] },
  'label-10plus.csv': { rows: 90, task: 'multiclass', classes: ['0', '1', '10+', '2', '3'] },
  'numeric-labels-decimal.csv': { rows: 90, task: 'binary', classes: ['0', '1'] },
  'none-category.csv': { rows: 60, features: ['fence', 'temp'] },
  'marker-div0.csv': table,
  'marker-dashes.csv': table,
  'marker-unknown.csv': table,
  'mysql-null.csv': { rows: 60, target: 'yield', features: ['temp', 'flow'] },
  'trailing-delim-rows.csv': table,
  'pandas-index-plain.csv': table,
  'id-name-Order_nr.csv': table,
  'nul-tail.csv': { rows: 360, features: ['temp', 'flow'] },
  'bom-in-middle.csv': { rows: 340 },
  'utf16-tsv.csv': table,
  'marker-nat.csv': table,
  'marker-num.csv': table,
  'marker-na-na.csv': table,
  'sentinel-9999.csv': { rows: 60, says: /-9999 looks like a mark of missing values/ },
  'dash-category.csv': { rows: 60, features: ['charge', 'temp'], says: /"-" is taken for text/ },
  'question-category.csv': { rows: 60, features: ['mark', 'temp'] },
  'plus-minus-target.csv': { rows: 120, target: 'approved', classes: ['+', '-'] },
  'plus-minus-target-noheader.csv': { rows: 120, target: 'column 4', classes: ['+', '-'] },
  'na-country-code.csv': { rows: 60, features: ['country', 'temp'], says: /"NA" is taken for text/ },
  'null-target-class.csv': { rows: 60, classes: ['high', 'low', 'null'] },
  'cp1251.csv': { rows: 60, target: 'выход', features: ['темп', 'поток'], says: /Windows-1251/ },
  'gbk.csv': { rows: 60, target: '产量', says: /GBK/ },
  'utf32.csv': table,
  'date-ampm.csv': dates({ 2: 17_897 + (9 * 60 + 5) / 1440, 91: 17_986 + (10 * 60 + 5) / 1440 }),
  'date-compact.csv': dates({ 2: 17_897, 91: 17_986 }),
  'date-de.csv': dates({ 2: 17_897 + (9 * 60 + 5) / 1440 }),
  'date-iso-slash.csv': dates({ 2: 17_897, 91: 17_986 }),
  'date-long.csv': dates({ 2: 17_897, 91: 17_986 }),
  'date-month-year.csv': dates({ 2: 17_897, 91: 17_956 }),
  'date-pgtz.csv': dates({ 2: 17_897 + (9 * 60 + 5) / 1440 }),
  'date-rfc.csv': dates({ 2: 17_897 + (9 * 60 + 5) / 1440 }),
  'date-us-slash.csv': dates({ 2: 17_897, 91: 17_986 }),
  'name-with-comma.csv': {
    rows: 60,
    target: 'value',
    features: ['price, USD'],
    prepare: { target: 'value', features: ['price, USD'] },
  },
  'drop-most-rows.csv': {
    rows: 400,
    classes: ['0', '1'],
    says: /305 of 400 rows have gaps .*filled/,
    prepare: { missing: 'auto' },
  },
  'drop-to-one-class.csv': { rows: 300, classes: ['died', 'lived'], prepare: { missing: 'auto' } },
  'arff.csv': { fails: /ARFF/ },
  'html-as-csv.csv': { fails: /web page \(HTML\)/ },
  'json-lines.csv': { fails: /JSON Lines/ },
  'lfs-pointer.csv': { fails: /Git LFS/ },
};

const folder = path.resolve(import.meta.dirname, '../../fixtures/files');
const defaults: PrepareOptions = {
  target: '',
  task: 'auto',
  features: [],
  missing: 'impute',
  standardize: false,
  testFraction: 0,
  seed: 1,
};

describe('files as people have them', () => {
  for (const [name, expected] of Object.entries(files)) {
    it(name, async () => {
      const file = path.join(folder, name);
      assert.ok(existsSync(file));
      const source = memorySource(readFileSync(file), { name, chunk: 97 });
      if (expected.fails !== undefined) {
        await assert.rejects(readTable(source, expected.read ?? {}, uncontrolled), (error: unknown) => {
          assert.ok(error instanceof DataError);
          assert.match(error.message, expected.fails!);
          return true;
        });
        return;
      }
      const read = await readTable(source, expected.read ?? {}, uncontrolled);
      if (expected.rows !== undefined) assert.equal(read.rows, expected.rows);
      for (const [column, cells] of Object.entries(expected.cells ?? {})) {
        const found = read.columns.find((own) => own.name === column);
        assert.ok(found, `column ${column} among ${read.columns.map((own) => own.name).join()}`);
        const values = column === 'when' ? found.dates! : found.numbers;
        for (const [line, value] of Object.entries(cells)) {
          const row = read.lines.indexOf(Number(line));
          assert.ok(row >= 0, `a row on line ${line}`);
          assert.ok(Math.abs(values[row] - value) <= 1e-9 * Math.abs(value), `${column}, line ${line}: ${values[row]}`);
        }
      }
      const data = prepareData(read, { ...defaults, ...expected.prepare });
      if (expected.target !== undefined) assert.equal(data.target, expected.target);
      if (expected.task !== undefined) assert.equal(data.task, expected.task);
      if (expected.classes !== undefined) assert.deepEqual(data.classes, expected.classes);
      if (expected.features !== undefined) {
        assert.deepEqual(
          data.columns.filter(({ role }) => role === 'feature').map((column) => column.name),
          expected.features,
        );
      }
      if (expected.says !== undefined) assert.match(data.warnings.join('\n'), expected.says);
    });
  }
});
