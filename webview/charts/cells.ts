/** A picture with one colour per cell, row-major from the top, as plain data: for files that are made without a page. */
export interface Cells {
  readonly columns: number;
  readonly rows: number;
  readonly colors: readonly string[];
  /** Index into `colors` of each cell. */
  readonly index: Uint16Array;
}

export function gridCells(
  columns: number,
  rows: number,
  colors: readonly string[],
  color: (column: number, row: number) => number,
): Cells {
  const index = new Uint16Array(columns * rows);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) index[r * columns + c] = color(c, r);
  return { columns, rows, colors, index };
}

/** SVG paths in units of cells, one for each colour: equal neighbours of a row are one rectangle. */
export function cellPaths({ columns, rows, colors, index }: Cells): string[] {
  const paths = new Map<number, string[]>();
  for (let r = 0; r < rows; r++) {
    for (let from = 0; from < columns;) {
      const color = index[r * columns + from];
      let to = from + 1;
      while (to < columns && index[r * columns + to] === color) to++;
      const parts = paths.get(color) ?? [];
      parts.push(`M${from} ${r}h${to - from}v1h${from - to}z`);
      paths.set(color, parts);
      from = to;
    }
  }
  return [...paths].map(([color, parts]) => `<path fill="${colors[color]}" d="${parts.join('')}"/>`);
}
