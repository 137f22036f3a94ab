import type { VNode } from 'preact';
import { useCallback, useState } from 'preact/hooks';
import type { DualLandscape } from '../../../src/shared/run.ts';
import { formatNumber } from '../../ui/format.ts';
import { CanvasFigure } from '../canvasFigure.tsx';
import { withAlpha } from '../theme.ts';
import { gridImage, hatchImage } from '../gridImage.ts';
import type { Ink } from '../ink.ts';
import { clipText } from '../ink.ts';
import { zeroLine } from '../surface/surfaceModel.ts';
import type { Palette } from '../theme.ts';

export type SphereLandscape = Extract<DualLandscape, { kind: 'sphere' }>;

const margin = { left: 52, right: 8, top: 6, bottom: 40 };
const degrees = (radians: number): number => (radians * 180) / Math.PI;

/** Index of the grid value nearest to an angle (ascending, equally spaced). */
export function nearestIndex(grid: readonly number[], angle: number): number {
  const step = grid.length > 1 ? (grid[grid.length - 1] - grid[0]) / (grid.length - 1) : 1;
  return Math.max(0, Math.min(grid.length - 1, Math.round((angle - grid[0]) / step)));
}

/** Position on the map, 0..1 from left to right and from bottom to top. */
function mapPlace(landscape: SphereLandscape, longitude: number, latitude: number): [number, number] {
  const { longitude: lon, latitude: lat } = landscape;
  const share = (grid: readonly number[], v: number): number => {
    const half = grid.length > 1 ? (grid[1] - grid[0]) / 2 : 0.5;
    return (v - grid[0] + half) / (grid[grid.length - 1] - grid[0] + 2 * half);
  };
  return [share(lon, longitude), share(lat, latitude)];
}

const levels = 24;
const boxOf = (width: number, height: number): { left: number; top: number; width: number; height: number } => ({
  left: margin.left,
  top: margin.top,
  width: width - margin.left - margin.right,
  height: height - margin.top - margin.bottom,
});

function sphereInk(landscape: SphereLandscape, width: number, height: number, palette: Palette): Ink[] {
  const box = boxOf(width, height);
  const columns = landscape.longitude.length;
  const rows = landscape.latitude.length;
  const cw = box.width / columns;
  const ch = box.height / rows;
  const shade =
    (series: number) =>
    (_: unknown, i: number): string =>
      withAlpha(palette.series[series], (0.8 * i) / levels);
  const colors = [0, 1].flatMap((series) => Array.from({ length: levels + 1 }, shade(series)));
  const image = gridImage(columns, rows, colors, (i, j) => {
    const value = landscape.value[(rows - 1 - j) * columns + i];
    return (value > 0 ? 0 : levels + 1) + Math.round(Math.min(1, Math.abs(value)) * levels);
  });
  // Negative values are hatched: high contrast themes have no two colours to spare.
  const negative = (i: number, j: number): boolean => landscape.value[(rows - 1 - j) * columns + i] < -0.08;
  const hatch = hatchImage(columns, rows, negative, box, withAlpha(palette.background, 0.55));
  // Edges of the region within one per cent of beta, where neurons may sit.
  const edges: number[] = [];
  zeroLine(columns, rows, (k) => Math.abs(landscape.value[k]) - 0.99, edges);
  const lines: number[][] = [];
  for (let k = 0; k < edges.length; k += 4) {
    const at = (x: number, y: number): number[] => [box.left + (x + 0.5) * cw, box.top + box.height - (y + 0.5) * ch];
    lines.push([...at(edges[k], edges[k + 1]), ...at(edges[k + 2], edges[k + 3])]);
  }
  const color = palette.foreground;
  const out: Ink[] = [
    { kind: 'image', image, x: box.left, y: box.top, width: box.width, height: box.height, smooth: true },
    { kind: 'image', image: hatch, x: box.left, y: box.top, width: box.width, height: box.height, smooth: true },
    { kind: 'path', lines, stroke: color, width: 1 },
    ...landscape.neurons.map((neuron): Ink => {
      const [sx, sy] = mapPlace(landscape, neuron.longitude, neuron.latitude);
      return {
        kind: 'marks',
        shape: neuron.value > 0 ? 'diamond' : 'triangle',
        at: [box.left + sx * box.width, box.top + (1 - sy) * box.height],
        radius: 5,
        fill: color,
        stroke: palette.background,
        width: 1.5,
      };
    }),
    {
      kind: 'rect',
      x: box.left,
      y: box.top,
      width: box.width,
      height: box.height,
      stroke: withAlpha(palette.grid, 0.6),
    },
  ];
  for (const angle of [-180, -90, 0, 90, 180, 270, 360]) {
    const [sx] = mapPlace(landscape, (angle * Math.PI) / 180, 0);
    if (sx < 0.02 || sx > 0.98) continue;
    out.push({
      kind: 'text',
      x: box.left + sx * box.width,
      y: box.top + box.height + 4,
      text: `${angle}°`,
      color,
      align: 'center',
      baseline: 'top',
    });
  }
  out.push({
    kind: 'text',
    x: box.left + box.width / 2,
    y: box.top + box.height + 22,
    text: clipText(`longitude: ${landscape.axes[0]} at 0°, ${landscape.axes[1]} at 90°`, box.width, palette.font),
    color,
    align: 'center',
    baseline: 'top',
  });
  for (const angle of [-60, -30, 0, 30, 60]) {
    const [, sy] = mapPlace(landscape, 0, (angle * Math.PI) / 180);
    out.push({
      kind: 'text',
      x: box.left - 4,
      y: box.top + (1 - sy) * box.height,
      text: `${angle}°`,
      color,
      align: 'right',
    });
  }
  out.push({
    kind: 'text',
    x: 9,
    y: box.top + box.height / 2,
    text: clipText(`latitude: ${landscape.axes[2]} at 90°`, box.height, palette.font),
    color,
    align: 'center',
    turned: true,
  });
  return out;
}

/** The dual constraint over a sphere of directions, as a map. */
export function SphereMap({
  landscape,
  name,
}: {
  readonly landscape: SphereLandscape;
  readonly name: (id: number) => string;
}): VNode {
  const [cursor, setCursor] = useState<{ i: number; j: number } | null>(null);
  const [spoken, setSpoken] = useState(false);
  const columns = landscape.longitude.length;
  const rows = landscape.latitude.length;
  const draw = useCallback(
    (width: number, height: number, palette: Palette) => sphereInk(landscape, width, height, palette),
    [landscape],
  );
  const placeOf = (width: number, height: number, at: { i: number; j: number }): { x: number; y: number } => {
    const box = boxOf(width, height);
    return {
      x: box.left + ((at.i + 0.5) * box.width) / columns,
      y: box.top + box.height - ((at.j + 0.5) * box.height) / rows,
    };
  };
  const over = useCallback(
    (width: number, height: number, palette: Palette): Ink[] => {
      if (!cursor) return [];
      const { x, y } = placeOf(width, height, cursor);
      return [{ kind: 'marks', shape: 'circle', at: [x, y], radius: 6, stroke: palette.focus, width: 2 }];
    },
    [landscape, cursor],
  );
  const words = (): string => {
    if (!cursor) return '';
    const lon = landscape.longitude[cursor.i];
    const lat = landscape.latitude[cursor.j];
    const here = landscape.neurons.filter(
      (neuron) =>
        nearestIndex(landscape.longitude, neuron.longitude) === cursor.i &&
        nearestIndex(landscape.latitude, neuron.latitude) === cursor.j,
    );
    return `longitude ${formatNumber(degrees(lon), 3)}°, latitude ${formatNumber(degrees(lat), 3)}°: ${formatNumber(
      landscape.value[cursor.j * columns + cursor.i],
      5,
    )} β${here.length > 0 ? ` (${here.map((neuron) => name(neuron.id)).join(', ')})` : ''}`;
  };
  const clamp = (v: number, n: number): number => Math.max(0, Math.min(n - 1, v));
  return (
    <CanvasFigure
      id="dual-landscape"
      title="Dual constraint over all directions"
      summary={`Each place is a direction u; latitude is the share of ${landscape.axes[2]}. Stronger colour is closer to beta (hatched: negative), outlined where it is within 1 % of it. Diamonds and triangles are the neurons of the network.`}
      instructions="Arrow keys move over the map."
      height={(width) => Math.max(220, Math.min(400, width * 0.55))}
      draw={draw}
      over={over}
      cursorPlace={(width, height) => cursor && placeOf(width, height, cursor)}
      readout={words()}
      spoken={spoken}
      table={() => ({
        header: ['longitude (degrees)', 'latitude (degrees)', 'constraint / beta'],
        rows: landscape.value.length,
        cell: (row, column) =>
          column === 0
            ? degrees(landscape.longitude[row % columns])
            : column === 1
              ? degrees(landscape.latitude[Math.floor(row / columns)])
              : landscape.value[row],
      })}
      onPoint={(at) => {
        setSpoken(false);
        if (!at) {
          setCursor(null);
          return;
        }
        const i = Math.floor(((at.x - margin.left) / (at.width - margin.left - margin.right)) * columns);
        const j = Math.floor((1 - (at.y - margin.top) / (at.height - margin.top - margin.bottom)) * rows);
        setCursor(i >= 0 && j >= 0 && i < columns && j < rows ? { i, j } : null);
      }}
      onKey={(key) => {
        const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
        if (!step) return false;
        setSpoken(true);
        const from = cursor ?? { i: columns >> 1, j: rows >> 1 };
        setCursor({ i: clamp(from.i + step[0], columns), j: clamp(from.j + step[1], rows) });
        return true;
      }}
    />
  );
}
