import { withAlpha } from '../theme.ts';
import { gridImage } from '../gridImage.ts';
import { clipText } from '../surface/surfaceRenderer.ts';
import type { Palette } from '../theme.ts';
import type { HeatmapModel } from './heatmapModel.ts';
import { reduceHeatmap } from './heatmapModel.ts';

const labelWidth = 84;

export function heatmapBox(
  width: number,
  height: number,
): { left: number; top: number; width: number; height: number } {
  const left = width < 360 ? 34 : labelWidth;
  return { left, top: 2, width: width - left - 4, height: height - 24 };
}

/** Tall enough to tell bands apart, never taller than a screen. */
export function heatmapHeight(bands: number): number {
  return 26 + Math.max(40, Math.min(360, bands * (bands > 24 ? 6 : 16)));
}

interface Picture {
  readonly key: string;
  readonly canvas: HTMLCanvasElement;
}

/** The last picture of each model: moving the cursor must not count half a million cells again. */
const pictures = new WeakMap<HeatmapModel, Picture>();

/** The cells as an image of at most `width` x `height` pixels, transparent where nothing is on. */
function heatmapPicture(model: HeatmapModel, width: number, height: number, palette: Palette): HTMLCanvasElement {
  const key = `${width} ${height} ${palette.series[0]}`;
  const known = pictures.get(model);
  if (known?.key === key) return known.canvas;
  const { columns, lines, share } = reduceHeatmap(model, width, height);
  // A few among many stay visible.
  const colors = Array.from({ length: 65 }, (_, i) =>
    withAlpha(palette.series[0], i === 0 ? 0 : 0.12 + (0.88 * i) / 64),
  );
  const canvas = gridImage(columns, lines, colors, (c, line) => Math.ceil(share[line * columns + c] * 64));
  pictures.set(model, { key, canvas });
  return canvas;
}

export interface HeatmapCursor {
  readonly band: number;
  readonly row: number;
}

export function drawHeatmap(
  ctx: CanvasRenderingContext2D,
  model: HeatmapModel,
  width: number,
  height: number,
  palette: Palette,
  cursor: HeatmapCursor | null,
  selected: { readonly band: number; readonly row: number | null },
): void {
  const box = heatmapBox(width, height);
  const ratio = window.devicePixelRatio || 1;
  const n = model.order.length;
  const m = model.bands.length;
  const picture = heatmapPicture(model, Math.floor(box.width * ratio), Math.floor(box.height * ratio), palette);
  ctx.fillStyle = withAlpha(palette.foreground, 0.06);
  ctx.fillRect(box.left, box.top, box.width, box.height);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(picture, box.left, box.top, box.width, box.height);
  const gap = box.height / m > 6 ? 1 : 0;
  if (gap > 0) {
    ctx.fillStyle = palette.background;
    for (let b = 1; b < m; b++) ctx.fillRect(box.left, box.top + (b * box.height) / m - 1, box.width, 1);
  }

  ctx.textBaseline = 'middle';
  ctx.textAlign = 'right';
  const bandHeight = box.height / m;
  const every = Math.max(1, Math.ceil(14 / bandHeight));
  for (let b = 0; b < m; b += every) {
    ctx.fillStyle = palette.foreground;
    ctx.font = `${b === selected.band ? '700 ' : ''}11px ${palette.font}`;
    const label = box.left < labelWidth ? model.bands[b].short : model.bands[b].label;
    const y = Math.max(box.top + 6, box.top + (b + 0.5) * bandHeight);
    ctx.fillText(clipText(ctx, label, box.left - 8), box.left - 6, y);
  }
  ctx.font = `11px ${palette.font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'top';
  ctx.fillText(clipText(ctx, model.ends[0], box.width / 2 - 6), box.left, box.top + box.height + 6);
  ctx.textAlign = 'right';
  ctx.fillText(clipText(ctx, model.ends[1], box.width / 2 - 6), box.left + box.width, box.top + box.height + 6);

  const outline = (band: number, color: string): void => {
    ctx.strokeStyle = color;
    ctx.lineWidth = 2;
    ctx.strokeRect(box.left + 1, box.top + band * bandHeight, box.width - 2, Math.max(bandHeight - gap, 3));
  };
  const upright = (row: number, color: string): void => {
    const x = box.left + ((model.place[row] + 0.5) * box.width) / n;
    ctx.strokeStyle = color;
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.moveTo(x, box.top);
    ctx.lineTo(x, box.top + box.height + 5);
    ctx.stroke();
  };
  if (selected.band >= 0) outline(selected.band, palette.series[1]);
  if (selected.row !== null) upright(selected.row, palette.series[1]);
  if (cursor) {
    outline(cursor.band, palette.focus);
    upright(cursor.row, palette.focus);
  }
}
