import type { VNode } from 'preact';
import { useCallback, useMemo, useState } from 'preact/hooks';
import type { SweepResult } from '../../src/core/theory/wide/sweep.ts';
import { CanvasFigure } from '../charts/canvasFigure.tsx';
import type { DataTable } from '../charts/exportFile.ts';
import { usePalette, withAlpha } from '../charts/theme.ts';
import { gridImage } from '../charts/gridImage.ts';
import type { Ink } from '../charts/ink.ts';
import { paintSvg } from '../charts/ink.ts';
import type { Palette } from '../charts/theme.ts';
import { formatNumber } from '../ui/format.ts';

const margin = { left: 64, right: 10, top: 8, bottom: 44 };
const levels = 24;

/** log10 of the loss after the steps over that at the start, averaged over the starts; null: diverged; undefined: not computed. */
export function meanLoss(result: SweepResult, width: number, rate: number): number | null | undefined {
  const here = result.rateCells.filter((cell) => cell.width === width && cell.rate === rate);
  if (here.length === 0) return undefined;
  if (here.some((cell) => cell.loss === null)) return null;
  return here.reduce((s, cell) => s + Math.log10(Math.max(cell.loss!, 1e-30)), 0) / here.length;
}

/** The map as numbers: a column for every width, in it log10 losses for every rate. */
interface MapOf {
  readonly result: SweepResult;
  readonly widths: readonly number[];
  readonly rates: readonly number[];
  readonly values: readonly (readonly (number | null | undefined)[])[];
  /** Least of the values, at most 0: what the strongest colour stands for. */
  readonly low: number;
}

function mapOf(result: SweepResult): MapOf {
  const { widths } = result.setting;
  const rates = result.rateGrid;
  const values = widths.map((width) => rates.map((rate) => meanLoss(result, width, rate)));
  const finite = values.flat().filter((value): value is number => typeof value === 'number');
  return { result, widths, rates, values, low: Math.min(0, ...finite) };
}

/** Where cells lie in a picture of the given size. */
interface Place {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly cell: { readonly width: number; readonly height: number };
  readonly x: (i: number) => number;
  readonly y: (j: number) => number;
}

function placeOf({ widths, rates }: MapOf, wide: number, high: number): Place {
  const { left, top } = margin;
  const width = wide - left - margin.right;
  const height = high - top - margin.bottom;
  const cell = { width: width / Math.max(1, widths.length), height: height / Math.max(1, rates.length) };
  const x = (i: number): number => left + (i + 0.5) * cell.width;
  const y = (j: number): number => top + height - (j + 0.5) * cell.height;
  return { left, top, width, height, cell, x, y };
}

const colorsOf = (palette: Palette): string[] =>
  Array.from({ length: levels + 1 }, (_, i) => withAlpha(palette.series[0], 0.05 + (0.85 * i) / levels));

/** The cells as an image, and crosses on those that diverged, so that colour is not all there is. */
function cellInk(map: MapOf, place: Place, palette: Palette): Ink[] {
  const { widths, rates, values, low } = map;
  if (rates.length === 0) return [];
  const colors = [...colorsOf(palette), withAlpha(palette.foreground, 0.04)];
  const shadeOf = (value: number): number => Math.round(levels * Math.max(0, Math.min(1, low < 0 ? value / low : 0)));
  const image = gridImage(widths.length, rates.length, colors, (i, row) => {
    const value = values[i][rates.length - 1 - row];
    return typeof value === 'number' ? shadeOf(value) : levels + 1;
  });
  const crossed = values.flatMap((column, i) =>
    column.flatMap((value, j) => (value === null ? [place.x(i), place.y(j)] : [])),
  );
  return [
    { kind: 'image', image, x: place.left, y: place.top, width: place.width, height: place.height },
    { kind: 'marks', shape: 'cross', at: crossed, radius: 4, stroke: palette.bad, width: 1.2 },
  ];
}

/** A line through one step size of every width. */
function rateInk(
  { result, widths, rates }: MapOf,
  place: Place,
  palette: Palette,
  pick: (entry: SweepResult['rates'][number]) => number | null,
  look: { readonly shape: 'diamond' | 'square'; readonly dash: number[] },
): Ink[] {
  const points = result.rates.flatMap((entry) => {
    const rate = pick(entry);
    return rate === null ? [] : [place.x(widths.indexOf(entry.width)), place.y(rates.indexOf(rate))];
  });
  return [
    { kind: 'path', lines: [points], stroke: palette.foreground, width: 1.5, dash: look.dash },
    { kind: 'marks', shape: look.shape, at: points, radius: 4, fill: palette.foreground },
  ];
}

function axisInk({ widths, rates }: MapOf, place: Place, palette: Palette): Ink[] {
  const color = palette.foreground;
  const { left, top, width, height } = place;
  const below = (x: number, by: number, text: string): Ink => ({
    kind: 'text',
    x,
    y: top + height + by,
    text,
    color,
    align: 'center',
    baseline: 'top',
  });
  return [
    ...widths.map((value, i) => below(place.x(i), 5, String(value))),
    below(left + width / 2, 24, 'width'),
    ...rates.map((value, j): Ink => ({
      kind: 'text',
      x: left - 6,
      y: place.y(j),
      text: formatNumber(value, 2),
      color,
      align: 'right',
    })),
    { kind: 'text', x: 9, y: top + height / 2, text: 'step size', color, align: 'center', turned: true },
    { kind: 'rect', x: left, y: top, width, height, stroke: withAlpha(palette.grid, 0.7) },
  ];
}

/** The scale of the colours, `wide` pixels long. */
function scaleInk(palette: Palette, x: number, y: number, wide: number): Ink[] {
  const step = wide / (levels + 1);
  return [
    ...colorsOf(palette).map((fill, i): Ink => ({
      kind: 'rect',
      x: x + i * step,
      y,
      width: step + 0.2,
      height: 12,
      fill,
    })),
    { kind: 'rect', x, y, width: wide, height: 12, stroke: palette.muted, lineWidth: 0.6 },
  ];
}

interface Cell {
  readonly i: number;
  readonly j: number;
}

function wordsOf({ result, widths, rates, values }: MapOf, cursor: Cell | null): string {
  if (!cursor || rates.length === 0) return '';
  const value = values[cursor.i][cursor.j];
  const found =
    value === undefined
      ? 'not computed'
      : value === null
        ? 'diverged'
        : `loss falls to ${formatNumber(10 ** value, 3)} of its start`;
  const entry = result.rates.find((other) => other.width === widths[cursor.i]);
  const best = entry?.bestMonotone === rates[cursor.j] ? ' (best of the stable ones)' : '';
  return `width ${widths[cursor.i]}, step size ${formatNumber(rates[cursor.j], 3)}: ${found}${best}`;
}

/** The cell that an arrow key leads to; null for other keys. */
function steppedTo({ widths, rates }: MapOf, cursor: Cell | null, key: string): Cell | null {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
  if (!step || rates.length === 0) return null;
  const clamp = (at: number, count: number): number => Math.max(0, Math.min(count - 1, at));
  const from = cursor ?? { i: 0, j: rates.length >> 1 };
  return { i: clamp(from.i + step[0], widths.length), j: clamp(from.j + step[1], rates.length) };
}

function cellTable({ rateCells }: SweepResult): DataTable {
  return {
    header: ['width', 'step size', 'start', 'loss / loss at the start', 'falling'],
    rows: rateCells.length,
    cell: (row, column) => {
      const cell = rateCells[row];
      return [cell.width, cell.rate, cell.seed, cell.loss ?? 'diverged', cell.monotone ? 'yes' : 'no'][column];
    },
  };
}

/** (v) Loss over width and step size, with the best step size of every width. */
export function RateMap({ result }: { readonly result: SweepResult }): VNode {
  const [cursor, setCursor] = useState<Cell | null>(null);
  const [spoken, setSpoken] = useState(false);
  const map = useMemo(() => mapOf(result), [result]);
  const draw = useCallback(
    (width: number, height: number, palette: Palette): Ink[] => {
      const place = placeOf(map, width, height);
      return [
        ...cellInk(map, place, palette),
        ...rateInk(map, place, palette, (entry) => entry.largestMonotone, { shape: 'square', dash: [4, 4] }),
        ...rateInk(map, place, palette, (entry) => entry.bestMonotone, { shape: 'diamond', dash: [] }),
        ...axisInk(map, place, palette),
      ];
    },
    [map],
  );
  const over = useCallback(
    (width: number, height: number, palette: Palette): Ink[] => {
      if (!cursor) return [];
      const { x, y, cell } = placeOf(map, width, height);
      const box = { width: cell.width - 2, height: cell.height - 2 };
      const corner = { x: x(cursor.i) - box.width / 2, y: y(cursor.j) - box.height / 2 };
      return [{ kind: 'rect', ...corner, ...box, stroke: palette.focus, lineWidth: 2 }];
    },
    [map, cursor],
  );
  const palette = usePalette();
  const lowest = formatNumber(10 ** map.low, 2);
  return (
    <CanvasFigure
      id="sweep-rate-transfer"
      title="(v) Step sizes over widths"
      summary="Stronger colour: lower loss after the same number of steps; crosses diverged. Diamonds: the best step size with falling loss; squares, dashed: the largest one with falling loss."
      instructions="Arrow keys move over the map."
      height={300}
      draw={draw}
      over={over}
      cursorPlace={(width, height) => {
        if (!cursor) return null;
        const place = placeOf(map, width, height);
        return { x: place.x(cursor.i), y: place.y(cursor.j) };
      }}
      legend={
        <ul class="legend" aria-label="Legend: step sizes over widths">
          <li class="legend-entry">
            loss stays
            <svg
              class="swatch"
              width="120"
              height="12"
              viewBox="0 0 120 12"
              aria-hidden="true"
              dangerouslySetInnerHTML={{ __html: paintSvg(scaleInk(palette, 0, 0, 120)).join('') }}
            />
            falls to {lowest} of its start
          </li>
        </ul>
      }
      fileLegend={[
        {
          label: `faint: loss stays; strong: falls to ${lowest} of its start`,
          swatch: (p, x, y) => scaleInk(p, x, y, 28),
        },
      ]}
      readout={wordsOf(map, cursor)}
      spoken={spoken}
      table={() => cellTable(result)}
      onPoint={(at) => {
        setSpoken(false);
        if (!at || map.rates.length === 0) {
          setCursor(null);
          return;
        }
        const { left, top, height, cell } = placeOf(map, at.width, at.height);
        const i = Math.floor((at.x - left) / cell.width);
        const j = Math.floor((top + height - at.y) / cell.height);
        setCursor(i >= 0 && j >= 0 && i < map.widths.length && j < map.rates.length ? { i, j } : null);
      }}
      onKey={(key) => {
        const next = steppedTo(map, cursor, key);
        if (next === null) return false;
        setSpoken(true);
        setCursor(next);
        return true;
      }}
    />
  );
}
