import type { VNode } from 'preact';
import { useCallback, useState } from 'preact/hooks';
import type { SweepResult } from '../../src/core/theory/wide/sweep.ts';
import { CanvasFigure } from '../charts/canvasFigure.tsx';
import { withAlpha } from '../charts/theme.ts';
import { gridImage } from '../charts/gridImage.ts';
import { addMark } from '../charts/mark.ts';
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
  const draw = useCallback(
    (ctx: CanvasRenderingContext2D, width: number, height: number, palette: Palette) => {
      const box = {
        left: margin.left,
        top: margin.top,
        width: width - margin.left - margin.right,
        height: height - margin.top - margin.bottom,
      };
      const cw = box.width / Math.max(1, widths.length);
      const ch = box.height / Math.max(1, rates.length);
      const colors = [
        ...Array.from({ length: levels + 1 }, (_, i) => withAlpha(palette.series[0], 0.05 + (0.85 * i) / levels)),
        withAlpha(palette.foreground, 0.04),
      ];
      const yOf = (j: number): number => box.top + box.height - (j + 0.5) * ch;
      const xOf = (i: number): number => box.left + (i + 0.5) * cw;
      if (rates.length > 0) {
        const picture = gridImage(widths.length, rates.length, colors, (i, row) => {
          const value = values[i][rates.length - 1 - row];
          return typeof value === 'number' ? shadeOf(value) : levels + 1;
        });
        ctx.imageSmoothingEnabled = false;
        ctx.drawImage(picture, box.left, box.top, box.width, box.height);
      }
      // Diverged cells are crossed, so that colour is not all there is.
      ctx.strokeStyle = palette.bad;
      ctx.lineWidth = 1.2;
      values.forEach((column, i) =>
        column.forEach((value, j) => {
          if (value !== null) return;
          ctx.beginPath();
          addMark(ctx, 'cross', xOf(i), yOf(j), 4);
          ctx.stroke();
        }),
      );
      const line = (
        pick: (entry: SweepResult['rates'][number]) => number | null,
        shape: 'diamond' | 'square',
        dash: number[],
      ): void => {
        const points = result.rates.flatMap((entry) => {
          const rate = pick(entry);
          return rate === null ? [] : [[xOf(widths.indexOf(entry.width)), yOf(rates.indexOf(rate))] as const];
        });
        ctx.strokeStyle = ctx.fillStyle = palette.foreground;
        ctx.lineWidth = 1.5;
        ctx.setLineDash(dash);
        ctx.beginPath();
        points.forEach(([x, y], k) => (k === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)));
        ctx.stroke();
        ctx.setLineDash([]);
        for (const [x, y] of points) {
          ctx.beginPath();
          addMark(ctx, shape, x, y, 4);
          ctx.fill();
        }
      };
      line((entry) => entry.largestMonotone, 'square', [4, 4]);
      line((entry) => entry.bestMonotone, 'diamond', []);
      ctx.fillStyle = palette.foreground;
      ctx.textAlign = 'center';
      ctx.textBaseline = 'top';
      widths.forEach((value, i) => ctx.fillText(String(value), xOf(i), box.top + box.height + 5));
      ctx.fillText('width', box.left + box.width / 2, box.top + box.height + 24);
      ctx.textAlign = 'right';
      ctx.textBaseline = 'middle';
      rates.forEach((value, j) => ctx.fillText(formatNumber(value, 2), box.left - 6, yOf(j)));
      ctx.strokeStyle = withAlpha(palette.grid, 0.7);
      ctx.lineWidth = 1;
      ctx.strokeRect(box.left, box.top, box.width, box.height);
      if (cursor) {
        ctx.strokeStyle = palette.focus;
        ctx.lineWidth = 2;
        ctx.strokeRect(box.left + cursor.i * cw + 1, box.top + box.height - (cursor.j + 1) * ch + 1, cw - 2, ch - 2);
      }
    },
    [result, cursor],
  );
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
