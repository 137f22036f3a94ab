import type { ShapeRecord } from '../../../src/shared/run.ts';
import type { DataTable } from '../exportFile.ts';
import type { Range } from '../spec.ts';

export type SurfaceShape = Extract<ShapeRecord, { kind: 'surface' }>;

/** How sure a class is, from the outputs at a place; only losses that model probabilities have one. */
export type Certainty = 'together' | 'each' | null;

/** Decision regions (class index per cell) or a fitted value over a grid, with the data and the hinges of the neurons. */
export interface SurfaceModel {
  readonly shape: SurfaceShape;
  readonly columns: number;
  readonly rows: number;
  readonly x: Range;
  readonly y: Range;
  readonly value: Range;
  readonly outputs: number;
  readonly certainty: Certainty;
  /** Contours: segments in grid units (the place of cell k is k), x1 y1 x2 y2. */
  readonly borders: Float64Array;
}

/** Contour levels drawn on a regression surface. */
export const levels = 6;

export function surfaceModel(shape: SurfaceShape, certainty: Certainty = null): SurfaceModel {
  const columns = shape.x.length;
  const rows = shape.y.length;
  let low = Infinity;
  let high = -Infinity;
  for (const value of shape.value) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const outputs = shape.logits === undefined ? 0 : shape.logits.length / shape.value.length;
  return {
    shape,
    columns,
    rows,
    x: [shape.x[0], shape.x[columns - 1]],
    y: [shape.y[0], shape.y[rows - 1]],
    value: [low, high],
    outputs,
    certainty: outputs === 0 ? null : certainty,
    borders: Float64Array.from(contours(shape, columns, rows, outputs, low, high)),
  };
}

function contours(
  shape: SurfaceShape,
  columns: number,
  rows: number,
  outputs: number,
  low: number,
  high: number,
): number[] {
  const out: number[] = [];
  if (shape.classes.length === 0) {
    for (let k = 1; k < levels; k++) {
      const level = low + (k / levels) * (high - low);
      if (high > low) zeroLine(columns, rows, (i) => shape.value[i] - level, out);
    }
    return out;
  }
  const { logits } = shape;
  if (logits === undefined) {
    // Only classes are known: borders run between cells.
    const at = (c: number, r: number): number => shape.value[r * columns + c];
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        if (c + 1 < columns && at(c, r) !== at(c + 1, r)) out.push(c + 0.5, r - 0.5, c + 0.5, r + 0.5);
        if (r + 1 < rows && at(c, r) !== at(c, r + 1)) out.push(c - 0.5, r + 0.5, c + 0.5, r + 0.5);
      }
    }
    return out;
  }
  if (outputs === 1) {
    const { threshold = 0 } = shape;
    zeroLine(columns, rows, (i) => logits[i] - threshold, out);
    return out;
  }
  // Where a class is as large as the largest of the others.
  for (let k = 0; k < outputs; k++) {
    zeroLine(
      columns,
      rows,
      (i) => {
        let other = -Infinity;
        for (let j = 0; j < outputs; j++) if (j !== k) other = Math.max(other, logits[i * outputs + j]);
        return logits[i * outputs + k] - other;
      },
      out,
    );
  }
  return out;
}

/** Adds the zero line of a function on a grid: marching squares with linear interpolation along the edges. */
export function zeroLine(columns: number, rows: number, at: (cell: number) => number, out: number[]): void {
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < columns; c++) {
      const a = at(r * columns + c);
      const b = at(r * columns + c + 1);
      const d = at((r + 1) * columns + c);
      const e = at((r + 1) * columns + c + 1);
      const cuts: number[] = [];
      if (a > 0 !== b > 0) cuts.push(c + a / (a - b), r);
      if (b > 0 !== e > 0) cuts.push(c + 1, r + b / (b - e));
      if (d > 0 !== e > 0) cuts.push(c + d / (d - e), r + 1);
      if (a > 0 !== d > 0) cuts.push(c, r + a / (a - d));
      if (cuts.length === 4) out.push(...cuts);
      else if (cuts.length === 8) {
        // A saddle: its middle says which corners hang together.
        const joined = a + b + d + e > 0 === a > 0;
        const [p, q] = joined
          ? [
              [0, 1],
              [2, 3],
            ]
          : [
              [0, 3],
              [1, 2],
            ];
        for (const [i, j] of [p, q]) out.push(cuts[2 * i], cuts[2 * i + 1], cuts[2 * j], cuts[2 * j + 1]);
      }
    }
  }
}

/** Class and how sure it is (its probability; null where the loss models none) at outputs between cells. */
export function classAt(
  model: SurfaceModel,
  column: number,
  row: number,
): { readonly index: number; readonly probability: number | null } {
  const { shape, columns, rows, outputs, certainty } = model;
  const { logits } = shape;
  const c0 = Math.max(0, Math.min(columns - 1, Math.floor(column)));
  const r0 = Math.max(0, Math.min(rows - 1, Math.floor(row)));
  if (logits === undefined) {
    const c = Math.max(0, Math.min(columns - 1, Math.round(column)));
    const r = Math.max(0, Math.min(rows - 1, Math.round(row)));
    return { index: shape.value[r * columns + c], probability: null };
  }
  const c1 = Math.min(columns - 1, c0 + 1);
  const r1 = Math.min(rows - 1, r0 + 1);
  const [u, v] = [Math.max(0, Math.min(1, column - c0)), Math.max(0, Math.min(1, row - r0))];
  const output = (k: number): number => {
    const value = (c: number, r: number): number => logits[(r * columns + c) * outputs + k];
    return (1 - v) * ((1 - u) * value(c0, r0) + u * value(c1, r0)) + v * ((1 - u) * value(c0, r1) + u * value(c1, r1));
  };
  if (outputs === 1) {
    const z = output(0);
    const index = z > (shape.threshold ?? 0) ? 1 : 0;
    return { index, probability: certainty === null ? null : 1 / (1 + Math.exp(index === 1 ? -z : z)) };
  }
  let index = 0;
  let top = -Infinity;
  let sum = 0;
  const all: number[] = [];
  for (let k = 0; k < outputs; k++) {
    const z = output(k);
    all.push(z);
    if (z > top) [top, index] = [z, k];
  }
  if (certainty === null) return { index, probability: null };
  if (certainty === 'each') return { index, probability: 1 / (1 + Math.exp(-top)) };
  for (const z of all) sum += Math.exp(z - top);
  return { index, probability: 1 / sum };
}

/** The fitted value in words at a grid cell. */
export function surfaceWords(model: SurfaceModel, column: number, row: number, format: (v: number) => string): string {
  const { shape } = model;
  const at = `${shape.features[0]} ${format(shape.x[column])}, ${shape.features[1]} ${format(shape.y[row])}`;
  if (shape.classes.length === 0) return `${at}: ${format(shape.value[row * model.columns + column])}`;
  const { index, probability } = classAt(model, column, row);
  const name = shape.classes[index] ?? String(index);
  return `${at}: ${name}${probability === null ? '' : `, probability ${format(probability)}`}`;
}

export function surfaceTable(model: SurfaceModel): DataTable {
  const { shape, columns } = model;
  const classes = shape.classes.length > 0;
  return {
    header: [
      shape.features[0],
      shape.features[1],
      classes ? 'class' : 'value',
      ...(model.certainty === null ? [] : ['probability']),
    ],
    rows: shape.value.length,
    cell: (row, column) => {
      if (column === 0) return shape.x[row % columns];
      if (column === 1) return shape.y[Math.floor(row / columns)];
      if (column === 3) return classAt(model, row % columns, Math.floor(row / columns)).probability;
      const value = shape.value[row];
      return classes ? (shape.classes[value] ?? value) : value;
    },
  };
}
