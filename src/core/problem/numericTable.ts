import Papa from 'papaparse';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import { ProblemError } from '../base/problemError.ts';
import { parseNumber } from '../data/cells.ts';

/** Grows a row-major buffer while rows arrive. */
class RowCollector {
  rows = 0;
  cols = -1;
  private data = new Float64Array(1024);

  add(length: number, value: (column: number) => number, complain: (found: number, expected: number) => never): void {
    if (this.cols < 0) this.cols = length;
    else if (length !== this.cols) complain(length, this.cols);
    const needed = (this.rows + 1) * this.cols;
    if (needed > this.data.length) {
      const larger = new Float64Array(Math.max(needed, 2 * this.data.length));
      larger.set(this.data);
      this.data = larger;
    }
    const offset = this.rows * this.cols;
    for (let k = 0; k < length; k++) this.data[offset + k] = value(k);
    this.rows++;
  }

  matrix(): DenseMatrix {
    const cols = Math.max(0, this.cols);
    return denseMatrix(this.rows, cols, this.data.slice(0, this.rows * cols));
  }
}

function neverRagged(): never {
  throw new Error('rows of one number have one length');
}

const excerptLength = 20;

/** The cell, as far as it may be quoted: a file whose first row holds no numbers may be no table at all, and nothing of it is repeated. */
function quoted(cell: string, first: boolean): string {
  if (first && !/^[+-]?[\d.]/.test(cell)) return 'the text in this cell';
  return `"${cell.length <= excerptLength ? cell : `${cell.slice(0, excerptLength)}…`}"`;
}

/**
 * A numeric CSV without header: separators are detected, empty lines skipped, a byte order mark ignored.
 * @throws {ProblemError} naming file, row and column (from 1)
 */
export function parseNumericCsv(text: string, file: string, field: string): DenseMatrix {
  const collector = new RowCollector();
  let line = 0;
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  Papa.parse<string[]>(body, {
    delimitersToGuess: [',', ';', '\t', '|', ' '],
    skipEmptyLines: 'greedy',
    step: ({ data }) => {
      line++;
      collector.add(
        data.length,
        (k) => {
          const cell = data[k].trim();
          // a comma may be a decimal mark or group thousands: nothing says which here
          const value = cell.includes(',') ? NaN : parseNumber(cell, '.');
          if (Number.isFinite(value)) return value;
          throw new ProblemError(
            cell === ''
              ? 'the cell is empty'
              : `${quoted(cell, line === 1)} is not a finite number (expected a CSV of numbers without header)`,
            { file, field, row: line, column: k + 1 },
          );
        },
        (found, expected) => {
          throw new ProblemError(`has ${found} numbers, the rows before have ${expected}`, { file, field, row: line });
        },
      );
    },
  });
  if (collector.rows === 0) throw new ProblemError('the file is empty', { file, field });
  return collector.matrix();
}

/**
 * A JSON value as a matrix: rows of numbers, or plain numbers as one column when `column` is allowed.
 * @throws {ProblemError} naming field, row and column (from 1)
 */
export function matrixFromJson(value: unknown, field: string, column: boolean): DenseMatrix {
  if (!Array.isArray(value)) {
    throw new ProblemError(`expected ${column ? 'an array of numbers or of rows' : 'an array of rows'}, or a path`, {
      field,
    });
  }
  if (value.length === 0) throw new ProblemError('there are no rows', { field });
  const collector = new RowCollector();
  const number = (entry: unknown, row: number, k: number): number => {
    if (typeof entry === 'number' && Number.isFinite(entry)) return entry;
    throw new ProblemError(`${describe(entry)} is not a finite number`, { field, row: row + 1, column: k + 1 });
  };
  const plain = column && !Array.isArray(value[0]);
  (value as unknown[]).forEach((row, i) => {
    if (plain) {
      collector.add(1, () => number(row, i, 0), neverRagged);
      return;
    }
    if (!Array.isArray(row)) {
      throw new ProblemError(`${describe(row)} is not a row of numbers`, { field, row: i + 1 });
    }
    collector.add(
      row.length,
      (k) => number((row as unknown[])[k], i, k),
      (found, expected) => {
        throw new ProblemError(`has ${found} numbers, the rows before have ${expected}`, { field, row: i + 1 });
      },
    );
  });
  return collector.matrix();
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return shorten(JSON.stringify(value) ?? 'nothing');
}

function shorten(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}
