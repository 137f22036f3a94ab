import type { DataTable } from '../exportFile.ts';

/** Activation patterns: bands (neurons, top to bottom) over columns (rows of the data, left to right). */
export interface HeatmapModel {
  readonly bands: readonly {
    readonly label: string;
    /** For narrow panels. */
    readonly short: string;
    readonly on: Uint8Array;
  }[];
  /** Data row at each place from left to right. */
  readonly order: Int32Array;
  /** Place of each data row. */
  readonly place: Int32Array;
  /** Words for a data row. */
  readonly rowLabel: (row: number) => string;
  /** What stands at the left and at the right end. */
  readonly ends: readonly [string, string];
  /** Target or class of every row, shown under the bands; `classes` empty for numbers. */
  readonly strip: { readonly target: readonly number[]; readonly classes: readonly string[] };
}

export type RowOrder = 'data' | 'target' | 'pattern';

/** What the ends of an order are; `classes` empty for a number. */
export function orderEnds(kind: RowOrder, classes: readonly string[]): readonly [string, string] {
  switch (kind) {
    case 'data':
      return ['first row of the file', 'last row'];
    case 'target':
      return classes.length === 0
        ? ['smallest target', 'largest target']
        : [`class ${classes[0]}`, `class ${classes[classes.length - 1]}`];
    case 'pattern':
      return ['rows on for the first band', 'rows off for it'];
  }
}

/** Order of the rows: as in the file, by target, or so that rows with like patterns are neighbours. */
export function orderRows(kind: RowOrder, on: readonly Uint8Array[], target: readonly number[]): Int32Array {
  const order = Int32Array.from({ length: target.length }, (_, row) => row);
  if (kind === 'target') order.sort((a, b) => target[a] - target[b] || a - b);
  if (kind === 'pattern') {
    // Lexicographic by the bands from the top: equal patterns become neighbours, the strongest neurons split first.
    order.sort((a, b) => {
      for (const band of on) {
        const d = band[b] - band[a];
        if (d !== 0) return d;
      }
      return a - b;
    });
  }
  return order;
}

export function heatmapModel(
  bands: HeatmapModel['bands'],
  order: Int32Array,
  rowLabel: (row: number) => string,
  ends: HeatmapModel['ends'],
  strip: HeatmapModel['strip'],
): HeatmapModel {
  const place = new Int32Array(order.length);
  order.forEach((row, at) => {
    place[row] = at;
  });
  return { bands, order, place, rowLabel, ends, strip };
}

/**
 * The picture reduced to at most `columns` x `lines` cells: share of (neuron, row) pairs that are on, row-major. Cells are whole
 * numbers of bands and rows.
 */
export function reduceHeatmap(
  model: HeatmapModel,
  columns: number,
  lines: number,
): { readonly columns: number; readonly lines: number; readonly share: Float32Array } {
  const n = model.order.length;
  const m = model.bands.length;
  const width = Math.max(1, Math.min(columns, n));
  const height = Math.max(1, Math.min(lines, m));
  const share = new Float32Array(width * height);
  const size = new Float32Array(width * height);
  const column = new Int32Array(n);
  for (let at = 0; at < n; at++) column[at] = Math.floor((at * width) / n);
  for (let b = 0; b < m; b++) {
    const line = Math.floor((b * height) / m) * width;
    const { on } = model.bands[b];
    for (let at = 0; at < n; at++) {
      share[line + column[at]] += on[model.order[at]];
      size[line + column[at]] += 1;
    }
  }
  for (let i = 0; i < share.length; i++) if (size[i] > 0) share[i] /= size[i];
  return { columns: width, lines: height, share };
}

export function heatmapTable(model: HeatmapModel): DataTable {
  const n = model.order.length;
  return {
    header: ['row', ...model.bands.map((band) => band.label)],
    rows: n,
    cell: (at, column) => {
      const row = model.order[at];
      return column === 0 ? model.rowLabel(row) : model.bands[column - 1].on[row] === 1 ? 'on' : 'off';
    },
  };
}
