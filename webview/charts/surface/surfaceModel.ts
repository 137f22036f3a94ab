import type { ShapeRecord } from '../../../src/shared/run.ts';
import type { DataTable } from '../exportFile.ts';
import type { Range } from '../spec.ts';

export type SurfaceShape = Extract<ShapeRecord, { kind: 'surface' }>;

/** Decision regions (class index per cell) or a fitted value over a grid, with the data and the hinges of the neurons. */
export interface SurfaceModel {
  readonly shape: SurfaceShape;
  readonly columns: number;
  readonly rows: number;
  readonly x: Range;
  readonly y: Range;
  readonly value: Range;
  /** Cell edges between different classes (or levels): segments in grid units, x1 y1 x2 y2. */
  readonly borders: Float64Array;
}

/** Contour levels drawn on a regression surface. */
export const levels = 6;

export function surfaceModel(shape: SurfaceShape): SurfaceModel {
  const columns = shape.x.length;
  const rows = shape.y.length;
  let low = Infinity;
  let high = -Infinity;
  for (const value of shape.value) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const level = (value: number): number =>
    shape.classes.length > 0 ? value : Math.floor(((value - low) / (high - low || 1)) * levels * 0.999999);
  const borders: number[] = [];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const here = level(shape.value[r * columns + c]);
      if (c + 1 < columns && level(shape.value[r * columns + c + 1]) !== here) borders.push(c + 1, r, c + 1, r + 1);
      if (r + 1 < rows && level(shape.value[(r + 1) * columns + c]) !== here) borders.push(c, r + 1, c + 1, r + 1);
    }
  }
  return {
    shape,
    columns,
    rows,
    x: [shape.x[0], shape.x[columns - 1]],
    y: [shape.y[0], shape.y[rows - 1]],
    value: [low, high],
    borders: Float64Array.from(borders),
  };
}

/** The fitted value in words at a grid cell. */
export function surfaceWords(model: SurfaceModel, column: number, row: number, format: (v: number) => string): string {
  const { shape } = model;
  const value = shape.value[row * model.columns + column];
  const at = `${shape.features[0]} ${format(shape.x[column])}, ${shape.features[1]} ${format(shape.y[row])}`;
  return `${at}: ${shape.classes.length > 0 ? (shape.classes[value] ?? String(value)) : format(value)}`;
}

export function surfaceTable(model: SurfaceModel): DataTable {
  const { shape, columns } = model;
  return {
    header: [shape.features[0], shape.features[1], shape.classes.length > 0 ? 'class' : 'value'],
    rows: shape.value.length,
    cell: (row, column) => {
      if (column === 0) return shape.x[row % columns];
      if (column === 1) return shape.y[Math.floor(row / columns)];
      const value = shape.value[row];
      return shape.classes.length > 0 ? (shape.classes[value] ?? value) : value;
    },
  };
}
