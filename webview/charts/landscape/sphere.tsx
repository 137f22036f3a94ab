import type { VNode } from 'preact';
import { useCallback, useState } from 'preact/hooks';
import type { DualLandscape } from '../../../src/shared/run.ts';
import { formatNumber } from '../../ui/format.ts';
import { CanvasFigure } from '../canvasFigure.tsx';
import { withAlpha } from '../theme.ts';
import { gridImage, hatchCells } from '../gridImage.ts';
import { addMark } from '../mark.ts';
import type { Palette } from '../theme.ts';

export type SphereLandscape = Extract<DualLandscape, { kind: 'sphere' }>;

const margin = { left: 44, right: 8, top: 6, bottom: 40 };
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

function drawSphere(
  ctx: CanvasRenderingContext2D,
  landscape: SphereLandscape,
  width: number,
  height: number,
  palette: Palette,
  cursor: { readonly i: number; readonly j: number } | null,
): void {
  const box = {
    left: margin.left,
    top: margin.top,
    width: width - margin.left - margin.right,
    height: height - margin.top - margin.bottom,
  };
  const columns = landscape.longitude.length;
  const rows = landscape.latitude.length;
  const cw = box.width / columns;
  const ch = box.height / rows;
  const levels = 24;
  const shade =
    (series: number) =>
    (_: unknown, i: number): string =>
      withAlpha(palette.series[series], (0.8 * i) / levels);
  const colors = [0, 1].flatMap((series) => Array.from({ length: levels + 1 }, shade(series)));
  const picture = gridImage(columns, rows, colors, (i, j) => {
    const value = landscape.value[(rows - 1 - j) * columns + i];
    return (value > 0 ? 0 : levels + 1) + Math.round(Math.min(1, Math.abs(value)) * levels);
  });
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(picture, box.left, box.top, box.width, box.height);
  // Negative values are hatched: high contrast themes have no two colours to spare.
  const negative = (i: number, j: number): boolean => landscape.value[(rows - 1 - j) * columns + i] < -0.08;
  hatchCells(ctx, columns, rows, negative, box, withAlpha(palette.background, 0.55));
  // Edges of the region within one per cent of beta, where neurons may sit.
  ctx.strokeStyle = palette.foreground;
  ctx.lineWidth = 1;
  ctx.beginPath();
  const near = (i: number, j: number): boolean => Math.abs(landscape.value[j * columns + i]) >= 0.99;
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const x = box.left + i * cw;
      const y = box.top + box.height - (j + 1) * ch;
      if (i + 1 < columns && near(i, j) !== near(i + 1, j)) {
        ctx.moveTo(x + cw, y);
        ctx.lineTo(x + cw, y + ch);
      }
      if (j + 1 < rows && near(i, j) !== near(i, j + 1)) {
        ctx.moveTo(x, y);
        ctx.lineTo(x + cw, y);
      }
    }
  }
  ctx.stroke();
  for (const neuron of landscape.neurons) {
    const [sx, sy] = mapPlace(landscape, neuron.longitude, neuron.latitude);
    ctx.beginPath();
    addMark(
      ctx,
      neuron.value > 0 ? 'diamond' : 'triangle',
      box.left + sx * box.width,
      box.top + (1 - sy) * box.height,
      5,
    );
    ctx.fillStyle = palette.foreground;
    ctx.strokeStyle = palette.background;
    ctx.lineWidth = 1.5;
    ctx.fill();
    ctx.stroke();
  }
  ctx.strokeStyle = withAlpha(palette.grid, 0.6);
  ctx.lineWidth = 1;
  ctx.strokeRect(box.left, box.top, box.width, box.height);
  ctx.fillStyle = palette.foreground;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  for (const angle of [-180, -90, 0, 90, 180, 270, 360]) {
    const [sx] = mapPlace(landscape, (angle * Math.PI) / 180, 0);
    if (sx >= 0.02 && sx <= 0.98) ctx.fillText(`${angle}°`, box.left + sx * box.width, box.top + box.height + 4);
  }
  ctx.fillText(
    `longitude: ${landscape.axes[0]} at 0°, ${landscape.axes[1]} at 90°`,
    box.left + box.width / 2,
    box.top + box.height + 22,
  );
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  for (const angle of [-60, 0, 60]) {
    const [, sy] = mapPlace(landscape, 0, (angle * Math.PI) / 180);
    ctx.fillText(`${angle}°`, box.left - 4, box.top + (1 - sy) * box.height);
  }
  if (cursor) {
    ctx.strokeStyle = palette.focus;
    ctx.lineWidth = 1.5;
    ctx.strokeRect(box.left + cursor.i * cw - 2, box.top + box.height - (cursor.j + 1) * ch - 2, cw + 4, ch + 4);
  }
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
    (ctx: CanvasRenderingContext2D, width: number, height: number, palette: Palette) =>
      drawSphere(ctx, landscape, width, height, palette, cursor),
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
