import { formatNumber } from '../../ui/format.ts';
import { withAlpha } from '../theme.ts';
import { gridImage } from '../gridImage.ts';
import { addMark, markRadius } from '../mark.ts';
import type { MarkShape } from '../spec.ts';
import { linearTicks } from '../spec.ts';
import type { Palette } from '../theme.ts';
import type { SurfaceModel } from './surfaceModel.ts';

export const classMarks: readonly MarkShape[] = ['circle', 'triangle', 'square', 'diamond', 'cross'];

/** The plotting area inside the margins of the axes. */
export function surfaceBox(
  width: number,
  height: number,
): { left: number; top: number; width: number; height: number } {
  return { left: 56, top: 8, width: width - 64, height: height - 52 };
}

/** Colour of a class; from the seventh class on colours repeat, the marker shape changes. */
export const classTone = (index: number): number => index % 6;

/** Steps of colour on a surface of values. */
const shades = 48;

export function drawSurface(
  ctx: CanvasRenderingContext2D,
  model: SurfaceModel,
  width: number,
  height: number,
  palette: Palette,
  cursor: { readonly column: number; readonly row: number } | null,
): void {
  const { shape, columns, rows } = model;
  const box = surfaceBox(width, height);
  const cw = box.width / columns;
  const ch = box.height / rows;
  const px = (x: number): number =>
    box.left + (0.5 + ((x - model.x[0]) / (model.x[1] - model.x[0] || 1)) * (columns - 1)) * cw;
  const py = (y: number): number =>
    box.top + box.height - (0.5 + ((y - model.y[0]) / (model.y[1] - model.y[0] || 1)) * (rows - 1)) * ch;
  const classes = shape.classes.length > 0;
  const [low, high] = model.value;

  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.width, box.height);
  ctx.clip();
  const colors = classes
    ? palette.series.map((color) => withAlpha(color, 0.22))
    : Array.from({ length: shades }, (_, i) => withAlpha(palette.series[0], 0.04 + (0.7 * i) / (shades - 1)));
  const picture = gridImage(columns, rows, colors, (c, r) => {
    const value = shape.value[(rows - 1 - r) * columns + c];
    return classes ? classTone(value) : Math.round(((value - low) / (high - low || 1)) * (shades - 1));
  });
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(picture, box.left, box.top, box.width, box.height);
  ctx.strokeStyle = classes ? palette.foreground : withAlpha(palette.foreground, 0.5);
  ctx.lineWidth = classes ? 1.6 : 0.8;
  ctx.beginPath();
  for (let i = 0; i < model.borders.length; i += 4) {
    const [x1, y1, x2, y2] = model.borders.subarray(i, i + 4);
    ctx.moveTo(box.left + x1 * cw, box.top + box.height - y1 * ch);
    ctx.lineTo(box.left + x2 * cw, box.top + box.height - y2 * ch);
  }
  ctx.stroke();

  ctx.strokeStyle = palette.muted;
  ctx.lineWidth = 1;
  ctx.setLineDash([5, 4]);
  ctx.beginPath();
  for (const [x1, y1, x2, y2] of shape.hinges) {
    ctx.moveTo(px(x1), py(y1));
    ctx.lineTo(px(x2), py(y2));
  }
  ctx.stroke();
  ctx.setLineDash([]);

  const { points } = shape;
  const radius = markRadius(points.x.length);
  for (let i = 0; i < points.x.length; i++) {
    const index = classes ? points.target[i] : 0;
    ctx.beginPath();
    addMark(ctx, classMarks[index % classMarks.length], px(points.x[i]), py(points.y[i]), radius);
    const color = classes
      ? palette.series[classTone(index)]
      : withAlpha(
          palette.series[0],
          0.04 + (0.7 * Math.max(0, Math.min(high - low, points.target[i] - low))) / (high - low || 1),
        );
    ctx.fillStyle = points.split[i] === 0 ? color : palette.background;
    ctx.strokeStyle = points.split[i] === 0 ? palette.background : classes ? color : palette.foreground;
    ctx.lineWidth = 1.2;
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();

  ctx.strokeStyle = withAlpha(palette.grid, 0.6);
  ctx.lineWidth = 1;
  ctx.strokeRect(box.left, box.top, box.width, box.height);
  ctx.fillStyle = palette.foreground;
  ctx.textBaseline = 'top';
  ctx.textAlign = 'center';
  for (const tick of linearTicks(model.x, Math.max(2, box.width / 90))) {
    ctx.fillText(formatNumber(tick), px(tick), box.top + box.height + 5);
  }
  ctx.fillText(clipText(ctx, shape.features[0], box.width), box.left + box.width / 2, box.top + box.height + 24);
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  for (const tick of linearTicks(model.y, Math.max(2, box.height / 50)))
    ctx.fillText(formatNumber(tick), box.left - 5, py(tick));
  ctx.save();
  ctx.translate(10, box.top + box.height / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textAlign = 'center';
  ctx.fillText(clipText(ctx, shape.features[1], box.height), 0, 0);
  ctx.restore();

  if (cursor) {
    const x = box.left + (cursor.column + 0.5) * cw;
    const y = box.top + box.height - (cursor.row + 0.5) * ch;
    ctx.strokeStyle = palette.focus;
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.moveTo(box.left, y);
    ctx.lineTo(box.left + box.width, y);
    ctx.moveTo(x, box.top);
    ctx.lineTo(x, box.top + box.height);
    ctx.stroke();
  }
}

/** The text, shortened to fit. */
export function clipText(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  if (ctx.measureText(text).width <= width) return text;
  let shorter = text;
  while (shorter.length > 1 && ctx.measureText(`${shorter}…`).width > width) shorter = shorter.slice(0, -1);
  return `${shorter}…`;
}
