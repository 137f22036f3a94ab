import { gridImage } from '../gridImage.ts';
import type { Ink } from '../ink.ts';
import { clipText } from '../ink.ts';
import type { Palette } from '../theme.ts';
import { withAlpha } from '../theme.ts';
import type { HeatmapModel } from './heatmapModel.ts';
import { reduceHeatmap } from './heatmapModel.ts';

const labelWidth = 84;
const stripHeight = 12;

export function heatmapBox(
  width: number,
  height: number,
): { left: number; top: number; width: number; height: number } {
  const left = width < 360 ? 34 : labelWidth;
  return { left, top: 2, width: width - left - 4, height: height - 26 - stripHeight };
}

/** Tall enough to tell bands apart, never taller than a screen. */
export function heatmapHeight(bands: number): number {
  return 28 + stripHeight + Math.max(40, Math.min(360, bands * (bands > 24 ? 6 : 16)));
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

/** Class or target of every row, under the bands; one column per pixel at most. */
function stripPicture(model: HeatmapModel, width: number, palette: Palette): HTMLCanvasElement {
  const n = model.order.length;
  const columns = Math.max(1, Math.min(n, width));
  const { target, classes } = model.strip;
  const shades = 32;
  if (classes.length > 0) {
    return gridImage(columns, 1, palette.series, (c) => target[model.order[Math.floor((c * n) / columns)]] % 6);
  }
  const low = target.reduce((m, v) => Math.min(m, v), Infinity);
  const high = target.reduce((m, v) => Math.max(m, v), -Infinity);
  const colors = Array.from({ length: shades }, (_, i) =>
    withAlpha(palette.foreground, 0.05 + (0.9 * i) / (shades - 1)),
  );
  return gridImage(columns, 1, colors, (c) => {
    const from = Math.floor((c * n) / columns);
    const to = Math.max(from + 1, Math.floor(((c + 1) * n) / columns));
    let sum = 0;
    for (let at = from; at < to; at++) sum += target[model.order[at]];
    return Math.round(((sum / (to - from) - low) / (high - low || 1)) * (shades - 1));
  });
}

export interface HeatmapCursor {
  readonly band: number;
  readonly row: number;
}

export function heatmapInk(model: HeatmapModel, width: number, height: number, palette: Palette): Ink[] {
  const box = heatmapBox(width, height);
  const ratio = window.devicePixelRatio || 1;
  const m = model.bands.length;
  const image = heatmapPicture(model, Math.floor(box.width * ratio), Math.floor(box.height * ratio), palette);
  const bottom = box.top + box.height;
  const out: Ink[] = [
    {
      kind: 'rect',
      x: box.left,
      y: box.top,
      width: box.width,
      height: box.height,
      fill: palette.foreground,
      alpha: 0.06,
    },
    { kind: 'image', image, x: box.left, y: box.top, width: box.width, height: box.height },
  ];
  if (box.height / m > 6) {
    for (let b = 1; b < m; b++) {
      const y = box.top + (b * box.height) / m - 1;
      out.push({ kind: 'rect', x: box.left, y, width: box.width, height: 1, fill: palette.background });
    }
  }
  const bandHeight = box.height / m;
  const every = Math.max(1, Math.ceil(14 / bandHeight));
  for (let b = 0; b < m; b += every) {
    const label = box.left < labelWidth ? model.bands[b].short : model.bands[b].label;
    out.push({
      kind: 'text',
      x: box.left - 6,
      y: Math.max(box.top + 6, box.top + (b + 0.5) * bandHeight),
      text: clipText(label, box.left - 8, palette.font),
      color: palette.foreground,
      align: 'right',
    });
  }
  out.push(
    {
      kind: 'image',
      image: stripPicture(model, Math.floor(box.width), palette),
      x: box.left,
      y: bottom + 3,
      width: box.width,
      height: stripHeight - 4,
    },
    {
      kind: 'text',
      x: box.left - 6,
      y: bottom + 3 + (stripHeight - 4) / 2,
      text: clipText(model.strip.classes.length > 0 ? 'class' : 'target', box.left - 8, palette.font),
      color: palette.foreground,
      align: 'right',
    },
    ...model.ends.map((text, side): Ink => ({
      kind: 'text',
      x: side === 0 ? box.left : box.left + box.width,
      y: bottom + stripHeight + 5,
      text: clipText(text, box.width / 2 - 6, palette.font),
      color: palette.foreground,
      align: side === 0 ? 'left' : 'right',
      baseline: 'top',
    })),
  );
  return out;
}

/** Outlines of a band and a row. */
export function heatmapMarks(
  model: HeatmapModel,
  width: number,
  height: number,
  band: number,
  row: number | null,
  color: string,
): Ink[] {
  const box = heatmapBox(width, height);
  const bandHeight = box.height / model.bands.length;
  const out: Ink[] = [];
  if (band >= 0) {
    out.push({
      kind: 'rect',
      x: box.left + 1,
      y: box.top + band * bandHeight,
      width: box.width - 2,
      height: Math.max(bandHeight - (bandHeight > 6 ? 1 : 0), 3),
      stroke: color,
      lineWidth: 2,
    });
  }
  if (row !== null) {
    const x = box.left + ((model.place[row] + 0.5) * box.width) / model.order.length;
    out.push({ kind: 'path', lines: [[x, box.top, x, box.top + box.height + stripHeight]], stroke: color, width: 2 });
  }
  return out;
}
