import type { VNode } from 'preact';
import { useCallback, useState } from 'preact/hooks';
import type { SweepResult } from '../../src/core/theory/wide/sweep.ts';
import { CanvasFigure } from '../charts/canvasFigure.tsx';
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

/** (v) Loss over width and step size, with the best step size of every width. */
export function RateMap({ result }: { readonly result: SweepResult }): VNode {
  const [cursor, setCursor] = useState<{ readonly i: number; readonly j: number } | null>(null);
  const [spoken, setSpoken] = useState(false);
  const { widths } = result.setting;
  const rates = result.rateGrid;
  const values = widths.map((width) => rates.map((rate) => meanLoss(result, width, rate)));
  const finite = values.flat().filter((value): value is number => typeof value === 'number');
  const low = Math.min(0, ...finite);
  const shadeOf = (value: number): number => Math.round(levels * Math.max(0, Math.min(1, low < 0 ? value / low : 0)));
  const boxOf = (width: number, height: number): { left: number; top: number; width: number; height: number } => ({
    left: margin.left,
    top: margin.top,
    width: width - margin.left - margin.right,
    height: height - margin.top - margin.bottom,
  });
  const colorsOf = (palette: Palette): string[] =>
    Array.from({ length: levels + 1 }, (_, i) => withAlpha(palette.series[0], 0.05 + (0.85 * i) / levels));
  const draw = useCallback(
    (width: number, height: number, palette: Palette): Ink[] => {
      const box = boxOf(width, height);
      const cw = box.width / Math.max(1, widths.length);
      const ch = box.height / Math.max(1, rates.length);
      const colors = [...colorsOf(palette), withAlpha(palette.foreground, 0.04)];
      const yOf = (j: number): number => box.top + box.height - (j + 0.5) * ch;
      const xOf = (i: number): number => box.left + (i + 0.5) * cw;
      const out: Ink[] = [];
      if (rates.length > 0) {
        const image = gridImage(widths.length, rates.length, colors, (i, row) => {
          const value = values[i][rates.length - 1 - row];
          return typeof value === 'number' ? shadeOf(value) : levels + 1;
        });
        out.push({ kind: 'image', image, x: box.left, y: box.top, width: box.width, height: box.height });
      }
      // Diverged cells are crossed, so that colour is not all there is.
      const crossed = values.flatMap((column, i) =>
        column.flatMap((value, j) => (value === null ? [xOf(i), yOf(j)] : [])),
      );
      out.push({ kind: 'marks', shape: 'cross', at: crossed, radius: 4, stroke: palette.bad, width: 1.2 });
      const line = (
        pick: (entry: SweepResult['rates'][number]) => number | null,
        shape: 'diamond' | 'square',
        dash: number[],
      ): void => {
        const points = result.rates.flatMap((entry) => {
          const rate = pick(entry);
          return rate === null ? [] : [xOf(widths.indexOf(entry.width)), yOf(rates.indexOf(rate))];
        });
        out.push(
          { kind: 'path', lines: [points], stroke: palette.foreground, width: 1.5, dash },
          { kind: 'marks', shape, at: points, radius: 4, fill: palette.foreground },
        );
      };
      line((entry) => entry.largestMonotone, 'square', [4, 4]);
      line((entry) => entry.bestMonotone, 'diamond', []);
      const color = palette.foreground;
      widths.forEach((value, i) =>
        out.push({
          kind: 'text',
          x: xOf(i),
          y: box.top + box.height + 5,
          text: String(value),
          color,
          align: 'center',
          baseline: 'top',
        }),
      );
      out.push({
        kind: 'text',
        x: box.left + box.width / 2,
        y: box.top + box.height + 24,
        text: 'width',
        color,
        align: 'center',
        baseline: 'top',
      });
      rates.forEach((value, j) =>
        out.push({ kind: 'text', x: box.left - 6, y: yOf(j), text: formatNumber(value, 2), color, align: 'right' }),
      );
      out.push(
        { kind: 'text', x: 9, y: box.top + box.height / 2, text: 'step size', color, align: 'center', turned: true },
        {
          kind: 'rect',
          x: box.left,
          y: box.top,
          width: box.width,
          height: box.height,
          stroke: withAlpha(palette.grid, 0.7),
        },
      );
      return out;
    },
    [result],
  );
  const over = useCallback(
    (width: number, height: number, palette: Palette): Ink[] => {
      if (!cursor) return [];
      const box = boxOf(width, height);
      const cw = box.width / Math.max(1, widths.length);
      const ch = box.height / Math.max(1, rates.length);
      return [
        {
          kind: 'rect',
          x: box.left + cursor.i * cw + 1,
          y: box.top + box.height - (cursor.j + 1) * ch + 1,
          width: cw - 2,
          height: ch - 2,
          stroke: palette.focus,
          lineWidth: 2,
        },
      ];
    },
    [result, cursor],
  );
  const scale = (palette: Palette, x: number, y: number, wide: number): Ink[] => {
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
  };
  const palette = usePalette();
  const lowest = formatNumber(10 ** low, 2);
  const words = (): string => {
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
  };
  const clamp = (at: number, count: number): number => Math.max(0, Math.min(count - 1, at));
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
        const box = boxOf(width, height);
        return {
          x: box.left + ((cursor.i + 0.5) * box.width) / Math.max(1, widths.length),
          y: box.top + box.height - ((cursor.j + 0.5) * box.height) / Math.max(1, rates.length),
        };
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
              dangerouslySetInnerHTML={{ __html: paintSvg(scale(palette, 0, 0, 120)).join('') }}
            />
            falls to {lowest} of its start
          </li>
        </ul>
      }
      fileLegend={[
        {
          label: `faint: loss stays; strong: falls to ${lowest} of its start`,
          swatch: (p, x, y) => scale(p, x, y, 28),
        },
      ]}
      readout={words()}
      spoken={spoken}
      table={() => ({
        header: ['width', 'step size', 'start', 'loss / loss at the start', 'falling'],
        rows: result.rateCells.length,
        cell: (row, column) => {
          const cell = result.rateCells[row];
          return [cell.width, cell.rate, cell.seed, cell.loss ?? 'diverged', cell.monotone ? 'yes' : 'no'][column];
        },
      })}
      onPoint={(at) => {
        setSpoken(false);
        if (!at || rates.length === 0) {
          setCursor(null);
          return;
        }
        const i = Math.floor(((at.x - margin.left) / (at.width - margin.left - margin.right)) * widths.length);
        const j = Math.floor((1 - (at.y - margin.top) / (at.height - margin.top - margin.bottom)) * rates.length);
        setCursor(i >= 0 && j >= 0 && i < widths.length && j < rates.length ? { i, j } : null);
      }}
      onKey={(key) => {
        const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
        if (!step || rates.length === 0) return false;
        setSpoken(true);
        const from = cursor ?? { i: 0, j: rates.length >> 1 };
        setCursor({ i: clamp(from.i + step[0], widths.length), j: clamp(from.j + step[1], rates.length) });
        return true;
      }}
    />
  );
}
