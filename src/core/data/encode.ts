import { range } from '../base/range.ts';
import type { Feature } from './chooseColumns.ts';
import { byCodePoint } from './chooseRows.ts';
import { DataError } from './dataError.ts';
import { dateOfDays, type DatePart, dateUnit, waveOfDays, waves } from './dates.ts';
import { categoryLimit, type ColumnProfile } from './infer.ts';
import { meanAndScale, type InputScaling } from './scaling.ts';
import { cellLabel, hasValue, placeOfRow, type Column, type Table } from './table.ts';

export function checkSize(table: Table, column: Column, rows: readonly number[], scaled: boolean): void {
  for (const row of rows) {
    if (Math.abs(column.numbers[row]) > range.largest) {
      throw new DataError(
        'too-large',
        `${column.numbers[row]} is too large to compute with (limit ${range.largest}; ${scaled ? 'rescale' : 'standardise, or rescale'} the column)`,
        { ...placeOfRow(table, row), column: column.index + 1, columnName: column.name },
      );
    }
  }
}

/** Turns columns into standardised inputs, with statistics of the training rows only. */
export class Encoder {
  readonly inputs: InputScaling[] = [];
  readonly values: Float64Array[] = [];
  readonly notes = new Map<string, { used: boolean; note: string }>();

  constructor(
    private readonly table: Table,
    private readonly rows: readonly number[],
    private readonly trainRows: Int32Array,
    private readonly options: {
      readonly missing: 'drop' | 'impute';
      readonly standardize: boolean;
      readonly dateParts: readonly DatePart[];
    },
    private readonly warnings: string[],
  ) {}

  add({ profile, encoding }: Feature): void {
    if (encoding === 'number') this.addNumber(profile);
    else this.addIndicators(profile);
  }

  private addNumber({ column, date }: ColumnProfile): void {
    const { table, rows, trainRows, options } = this;
    const values = Float64Array.from(rows, (row) => column.numbers[row]);
    const gaps = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
    const notes = date ? [`date as ${dateUnit}`] : [];
    let fill: number | undefined;
    if (options.missing === 'impute') {
      const present = Float64Array.from(trainRows, (i) => values[i]).filter((value) => !Number.isNaN(value));
      if (present.length === 0) return this.leave(column.name, 'no values in the training rows');
      fill = median(present);
      for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) values[i] = fill;
      if (gaps > 0) {
        notes.push(
          `${gaps} missing ${gaps === 1 ? 'cell' : 'cells'} filled with the median ${date ? dateOfDays(fill) : fill} of the training rows`,
        );
      }
    }
    checkSize(table, column, rows, options.standardize);
    const { mean, scale } = meanAndScale(values, trainRows);
    if (scale === 0) return this.leave(column.name, 'constant in the training rows');
    if (options.standardize) {
      if (scale < range.smallest)
        return this.leave(
          column.name,
          `its values differ by no more than ${scale.toPrecision(2)}, too little to compute with`,
        );
      const far = values.findIndex((value) => Math.abs(value - mean) / scale > range.largest);
      if (far >= 0) {
        throw new DataError('too-large', `${values[far]} is too far from the training rows to compute with`, {
          ...placeOfRow(table, rows[far]),
          column: column.index + 1,
          columnName: column.name,
        });
      }
    }
    this.warnOutlier(column, values, mean, scale);
    const days = date ? values.slice() : undefined;
    const order = date && column.dayFirst !== undefined ? { dayFirst: column.dayFirst } : {};
    this.push(
      {
        name: date ? `${column.name} (${dateUnit})` : column.name,
        column: column.name,
        ...(date ? { date } : {}),
        ...order,
        ...(fill === undefined ? {} : { fill }),
        mean,
        scale,
      },
      values,
    );
    if (days !== undefined) notes.push(...this.addWaves(column, days, order, fill));
    this.notes.set(column.name, { used: true, note: notes.join('; ') });
  }

  /** Weekday and season of dates, where they are asked for and not always the same; gives their names. */
  private addWaves(
    { name }: Column,
    days: Float64Array,
    order: Pick<InputScaling, 'dayFirst'>,
    fill: number | undefined,
  ): string[] {
    return this.options.dateParts.filter((part) => {
      const made = waves.map((wave) => {
        const values = days.map((day) => waveOfDays(day, { part, wave }));
        return { wave: { part, wave }, values, ...meanAndScale(values, this.trainRows) };
      });
      const used = made.filter(({ scale }) => scale >= range.smallest);
      for (const { wave, values, mean, scale } of used) {
        const filled = fill === undefined ? {} : { fill: waveOfDays(fill, wave) };
        this.push(
          { name: `${name} (${part}, ${wave.wave})`, column: name, date: true, ...order, wave, ...filled, mean, scale },
          values,
        );
      }
      return used.length > 0;
    });
  }

  /** One cell can stretch the scale so far that the rest of the column says nothing. */
  private warnOutlier(column: Column, values: Float64Array, mean: number, scale: number): void {
    const { trainRows, table, rows } = this;
    let top = -1;
    for (const i of trainRows) if (top < 0 || Math.abs(values[i]) > Math.abs(values[top])) top = i;
    let second = 0;
    for (const i of trainRows) if (i !== top) second = Math.max(second, Math.abs(values[i]));
    if (Math.abs(values[top]) > 1e6 * second && Math.abs(values[top] - mean) > 2 * scale) {
      this.warnings.push(
        `"${column.name}": ${values[top]} on line ${table.lines[rows[top]]} is more than a million times every other value; ` +
          'next to it the rest of the column is all but constant.',
      );
    }
  }

  private addIndicators({ column }: ColumnProfile): void {
    const { rows, trainRows } = this;
    const labels = rows.map((row) => (hasValue(column, row) ? (cellLabel(column, row) ?? '') : null));
    const counts = new Map<string, number>();
    for (const i of trainRows) {
      const label = labels[i];
      if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const byCount = [...counts].sort((a, b) => b[1] - a[1] || byCodePoint(a[0], b[0]));
    if (byCount.length < 2) {
      return this.leave(
        column.name,
        byCount.length === 0 ? 'no values in the training rows' : 'constant in the training rows',
      );
    }
    const notes: string[] = [];
    const gaps = labels.filter((label) => label === null).length;
    const mode = byCount[0][0];
    if (gaps > 0) {
      labels.forEach((label, i) => {
        if (label === null) labels[i] = mode;
      });
      notes.push(`${gaps} missing ${gaps === 1 ? 'cell' : 'cells'} filled with the commonest "${mode}"`);
    }
    const kept = byCount
      .slice(0, categoryLimit)
      .map(([label]) => label)
      .sort(byCodePoint);
    if (byCount.length > kept.length) {
      notes.push(`the ${kept.length} commonest of ${byCount.length} categories; the others have no indicator`);
      this.warnings.push(
        `"${column.name}" has ${byCount.length} categories; only the ${kept.length} commonest are encoded.`,
      );
    }
    const unseen = labels.filter((label) => !counts.has(label!)).length;
    if (unseen > 0)
      notes.push(`${unseen} test ${unseen === 1 ? 'row has' : 'rows have'} a category that training has not`);
    // The second of two categories says everything; with more, each gets its own indicator, so that none is singled out.
    const single = byCount.length === 2;
    const shown = single ? kept.slice(1) : kept;
    for (const category of shown) {
      const values = Float64Array.from(labels, (label) => (label === category ? 1 : 0));
      const { mean, scale } = meanAndScale(values, trainRows);
      if (scale === 0) continue;
      this.push(
        {
          name: `${column.name} = ${category}`,
          column: column.name,
          category,
          ...(single ? { other: kept[0] } : {}),
          ...(this.options.missing === 'impute' ? { fill: mode === category ? 1 : 0 } : {}),
          mean,
          scale,
        },
        values,
      );
    }
    notes.unshift(`${shown.length} ${shown.length === 1 ? 'indicator' : 'indicators'}`);
    this.notes.set(column.name, { used: true, note: notes.join('; ') });
  }

  private push(input: InputScaling, values: Float64Array): void {
    if (this.options.standardize) {
      const { mean, scale } = input;
      for (let i = 0; i < values.length; i++) values[i] = (values[i] - mean) / scale;
      this.inputs.push(input);
    } else {
      this.inputs.push({ ...input, mean: 0, scale: 1 });
    }
    this.values.push(values);
  }

  private leave(name: string, note: string): void {
    this.notes.set(name, { used: false, note });
    this.warnings.push(`"${name}" is left out: ${note}.`);
  }
}

/** Middle value, or mean of the two middle ones. Reorders `values`. */
function median(values: Float64Array): number {
  values.sort();
  const half = values.length >> 1;
  return values.length % 2 === 1 ? values[half] : values[half - 1] + (values[half] - values[half - 1]) / 2;
}
