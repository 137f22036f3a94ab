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
      return ['on in the first band', 'off in it'];
  }
}

/** Order of the rows: as in the file, by target, or so that rows with like patterns are neighbours. */
export function orderRows(kind: RowOrder, on: readonly Uint8Array[], target: readonly number[]): Int32Array {
  const order = new Int32Array(target.length);
  for (let row = 0; row < order.length; row++) order[row] = row;
  if (kind === 'target') order.sort((a, b) => target[a] - target[b] || a - b);
  if (kind === 'pattern') sortByPatterns(order, on);
  return order;
}

/**
 * Lexicographic by the bands from the top, those that are on first: equal patterns become neighbours, the strongest neurons split first. Each band
 * parts the groups that those before it left equal, so that most bands find nothing to do.
 */
function sortByPatterns(order: Int32Array, on: readonly Uint8Array[]): void {
  const off = new Int32Array(order.length);
  let groups: (readonly [number, number])[] = [[0, order.length]];
  for (const band of on) {
    const next: (readonly [number, number])[] = [];
    for (const [from, to] of groups) {
      let [here, rest] = [from, 0];
      for (let at = from; at < to; at++) {
        const row = order[at];
        if (band[row] === 1) order[here++] = row;
        else off[rest++] = row;
      }
      for (let k = 0; k < rest; k++) order[here + k] = off[k];
      if (here - from > 1) next.push([from, here]);
      if (to - here > 1) next.push([here, to]);
    }
    groups = next;
  }
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
  /** Column of each row of the data. */
  const column = new Int32Array(n);
  const across = new Int32Array(width);
  for (let at = 0; at < n; at++) {
    const c = Math.floor((at * width) / n);
    column[model.order[at]] = c;
    across[c]++;
  }
  const down = new Int32Array(height);
  for (let b = 0; b < m; b++) {
    const line = Math.floor((b * height) / m);
    down[line]++;
    const { on } = model.bands[b];
    const cells = share.subarray(line * width, (line + 1) * width);
    for (let row = 0; row < n; row++) cells[column[row]] += on[row];
  }
  for (let i = 0; i < share.length; i++) {
    const size = across[i % width] * down[Math.floor(i / width)];
    if (size > 0) share[i] /= size;
  }
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
