import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseNumber, plainNumber } from '../../../src/core/data/cells.ts';
import { DataError } from '../../../src/core/data/dataError.ts';
import { findLayout } from '../../../src/core/data/layout.ts';
import { rowFormat, RowSplitter } from '../../../src/core/data/rowSplitter.ts';
import type { Table } from '../../../src/core/data/table.ts';
import { TableBuilder } from '../../../src/core/data/tableBuilder.ts';

const folder = path.resolve(import.meta.dirname, '../../fixtures/files');

/** A table by the scan of spans, or with every row as texts from the parser of the library. */
function tableOf(text: string, spans: boolean): Table | string {
  try {
    const layout = findLayout(text, true, {}, 'x.csv');
    const builder = new TableBuilder('x.csv', {});
    builder.start(layout);
    const splitter = new RowSplitter(rowFormat(layout), 'x.csv');
    splitter.push(text, true, spans ? builder : { row: (cells, line) => builder.row(cells, line) });
    return builder.finish('utf-8', text.length, true);
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
}

describe('rows found by a scan of the text', () => {
  it('give the same tables as the parser of the library', () => {
    let tables = 0;
    for (const name of readdirSync(folder)) {
      const text = readFileSync(path.join(folder, name)).toString('utf8').replaceAll('\r\n', '\n');
      const scanned = tableOf(text, true);
      assert.deepEqual(scanned, tableOf(text, false), name);
      if (typeof scanned !== 'string') tables++;
    }
    assert.ok(tables > 50);
  });

  it('also where cells are of every kind', () => {
    const cell = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.integer({ min: -999, max: 99_999 }).map(String),
      fc.constantFrom(
        '',
        ' ',
        '007',
        '+.5',
        '1.',
        '-',
        '.',
        '1e5',
        '1E-3',
        'NA',
        'é',
        '\u00a0',
        '12\u00a0000',
        '1,234.5',
        'a',
        'red',
        'x"y',
      ),
      fc.constantFrom(
        '2020-01-31',
        '2020-02-30',
        '9007199254740993',
        '0.1234567890123456789',
        'a,b',
        'say "no"',
        'two\nlines',
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 4, maxLength: 12 }), fc.boolean(), (rows, all) => {
        const written = rows.map((row) =>
          row.map((text) => (all || /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(','),
        );
        const text = `alpha,beta,gamma\n1,2,3\n${written.join('\n')}\n`;
        assert.deepEqual(tableOf(text, true), tableOf(text, false));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('reads numbers to the last bit', () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc
        .tuple(fc.constantFrom('', '-', '+'), fc.stringMatching(/^\d{0,18}$/), fc.stringMatching(/^\.?\d{0,18}$/))
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(number, (text) => {
        const value = plainNumber(text, new TextEncoder().encode(text), 0, text.length, 46);
        if (!Number.isNaN(value)) assert.ok(Object.is(value, parseNumber(text, '.')), text);
      }),
      { seed: 4, numRuns: 3000 },
    );
  });

  it('reads 16 to 20 digits to the last bit, next to the middle of two doubles as well', () => {
    const mantissa = fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n });
    /** The middle between a double of 53 bits and the next one, and what lies just beside it, as decimals. */
    const middle = fc.tuple(mantissa, fc.constantFrom(-1n, 0n, 1n)).map(([m, beside]) => {
      const digits = String((2n * m + 1n) * 50n + beside);
      return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
    });
    const long = fc
      .tuple(fc.stringMatching(/^[0-9]{16,20}$/), fc.nat(16), fc.constantFrom('', '-'))
      .map(([digits, at, sign]) => `${sign}${digits.slice(0, at)}.${digits.slice(at)}`);
    const shown = fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-6, max: 1e9 }).map(String);
    fc.assert(
      fc.property(fc.oneof(middle, long, shown), (text) => {
        const value = plainNumber(text, new TextEncoder().encode(text), 0, text.length, 46);
        assert.ok(Object.is(value, Number(text)), `${text}: ${value} ${Number(text)}`);
      }),
      { seed: 5, numRuns: 20_000 },
    );
  });
});
