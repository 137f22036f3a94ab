import { formatNumber } from '../../ui/format.ts';
import { type Cells, gridCells } from '../cells.ts';
import { gridImage } from '../gridImage.ts';
import type { Ink } from '../ink.ts';
import { clipText } from '../ink.ts';
import { markRadius } from '../mark.ts';
import type { MarkShape } from '../spec.ts';
import { linearTicks } from '../spec.ts';
import type { Palette } from '../theme.ts';
import { withAlpha } from '../theme.ts';
import type { SurfaceModel } from './surfaceModel.ts';
import { classAt } from './surfaceModel.ts';

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

/** Steps of colour on a surface, and the strength of its faintest and its strongest colour. */
const shades = 48;
const strengths = { value: [0.04, 0.74], class: [0.06, 0.46] } as const;
/** Without a page there are no pixels: the cells of the grid are drawn as they are. */
const page = typeof document !== 'undefined';
const imageOf: (...grid: Parameters<typeof gridCells>) => HTMLCanvasElement | Cells = page ? gridImage : gridCells;
/** Pixels of the picture for each cell of the grid. */
const finer = page ? 4 : 1;

const shadesOf = (color: string, [from, to]: readonly [number, number]): string[] =>
  Array.from({ length: shades }, (_, i) => withAlpha(color, from + ((to - from) * i) / (shades - 1)));

const pictures = new WeakMap<SurfaceModel, { readonly key: string; readonly image: HTMLCanvasElement | Cells }>();

/** Share of the scale of certainty: 0 where all classes are alike, 1 where one is certain. */
function sureness(model: SurfaceModel, probability: number): number {
  const least = 1 / Math.max(2, model.shape.classes.length);
  return Math.max(0, Math.min(1, (probability - least) / (1 - least)));
}

function surfaceImage(model: SurfaceModel, palette: Palette): HTMLCanvasElement | Cells {
  const { shape, columns, rows } = model;
  const key = palette.series.join(' ');
  const known = pictures.get(model);
  if (known?.key === key) return known.image;
  let image: HTMLCanvasElement | Cells;
  if (shape.classes.length === 0) {
    const [low, high] = model.value;
    image = imageOf(columns, rows, shadesOf(palette.series[0], strengths.value), (c, r) =>
      Math.round(((shape.value[(rows - 1 - r) * columns + c] - low) / (high - low || 1)) * (shades - 1)),
    );
  } else {
    const colors = palette.series.flatMap((color) => shadesOf(color, strengths.class));
    const fine = shape.logits === undefined ? 1 : finer;
    image = imageOf(columns * fine, rows * fine, colors, (c, r) => {
      const { index, probability } = classAt(model, (c + 0.5) / fine - 0.5, rows - (r + 0.5) / fine - 0.5);
      const share = probability === null ? 0.4 : sureness(model, probability);
      return classTone(index) * shades + Math.round(share * (shades - 1));
    });
  }
  pictures.set(model, { key, image });
  return image;
}

/** The scale of colours from (x, y), `width` x 12 pixels. */
export function scaleInk(model: SurfaceModel, palette: Palette, x: number, y: number, width: number): Ink[] {
  const classes = model.shape.classes.length > 0;
  const colors = shadesOf(
    classes ? palette.foreground : palette.series[0],
    classes ? strengths.class : strengths.value,
  );
  const step = width / shades;
  return [
    ...colors.map((fill, i): Ink => ({ kind: 'rect', x: x + i * step, y, width: step + 0.2, height: 12, fill })),
    { kind: 'rect', x, y, width, height: 12, stroke: palette.muted, lineWidth: 0.6 },
  ];
}

/** What the ends of that scale are. */
export function scaleEnds(model: SurfaceModel): readonly [string, string] | null {
  const { shape } = model;
  if (shape.classes.length === 0) return [formatNumber(model.value[0], 3), formatNumber(model.value[1], 3)];
  if (model.certainty === null) return null;
  return [`${formatNumber(100 / shape.classes.length, 2)} % sure`, '100 % sure'];
}

export function surfaceInk(model: SurfaceModel, width: number, height: number, palette: Palette): Ink[] {
  const { shape, columns, rows } = model;
  const box = surfaceBox(width, height);
  const cw = box.width / columns;
  const ch = box.height / rows;
  const px = (x: number): number =>
    box.left + (0.5 + ((x - model.x[0]) / (model.x[1] - model.x[0] || 1)) * (columns - 1)) * cw;
  const py = (y: number): number =>
    box.top + box.height - (0.5 + ((y - model.y[0]) / (model.y[1] - model.y[0] || 1)) * (rows - 1)) * ch;
  const classes = shape.classes.length > 0;
  const lines: number[][] = [];
  for (let i = 0; i < model.borders.length; i += 4) {
    const [x1, y1, x2, y2] = model.borders.subarray(i, i + 4);
    lines.push([
      box.left + (x1 + 0.5) * cw,
      box.top + box.height - (y1 + 0.5) * ch,
      box.left + (x2 + 0.5) * cw,
      box.top + box.height - (y2 + 0.5) * ch,
    ]);
  }
  const out: Ink[] = [
    {
      kind: 'clip',
      x: box.left,
      y: box.top,
      width: box.width,
      height: box.height,
      inside: [
        {
          kind: 'image',
          image: surfaceImage(model, palette),
          x: box.left,
          y: box.top,
          width: box.width,
          height: box.height,
          smooth: !classes || shape.logits !== undefined,
        },
        {
          kind: 'path',
          lines,
          stroke: palette.foreground,
          alpha: classes ? 1 : 0.5,
          width: classes ? 1.6 : 0.8,
        },
        {
          kind: 'path',
          lines: shape.hinges.map(([x1, y1, x2, y2]) => [px(x1), py(y1), px(x2), py(y2)]),
          stroke: palette.muted,
          width: 1,
          dash: [5, 4],
        },
        ...pointsInk(model, px, py, palette),
      ],
    },
    {
      kind: 'rect',
      x: box.left,
      y: box.top,
      width: box.width,
      height: box.height,
      stroke: withAlpha(palette.grid, 0.6),
    },
  ];
  const color = palette.foreground;
  for (const tick of linearTicks(model.x, Math.max(2, box.width / 90)))
    out.push({
      kind: 'text',
      x: px(tick),
      y: box.top + box.height + 5,
      text: formatNumber(tick),
      color,
      align: 'center',
      baseline: 'top',
    });
  for (const tick of linearTicks(model.y, Math.max(2, box.height / 50)))
    out.push({ kind: 'text', x: box.left - 5, y: py(tick), text: formatNumber(tick), color, align: 'right' });
  out.push(
    {
      kind: 'text',
      x: box.left + box.width / 2,
      y: box.top + box.height + 24,
      text: clipText(shape.features[0], box.width, palette.font),
      color,
      align: 'center',
      baseline: 'top',
    },
    {
      kind: 'text',
      x: 10,
      y: box.top + box.height / 2,
      text: clipText(shape.features[1], box.height, palette.font),
      color,
      align: 'center',
      turned: true,
    },
  );
  return out;
}

/** Data points by class (or shaded by value); hollow ones are held out. */
function pointsInk(model: SurfaceModel, px: (x: number) => number, py: (y: number) => number, palette: Palette): Ink[] {
  const { points, classes } = model.shape;
  const [low, high] = model.value;
  const radius = markRadius(points.x.length);
  const [from, to] = strengths.value;
  return Array.from(points.x, (x, i): Ink => {
    const index = classes.length > 0 ? points.target[i] : 0;
    const color =
      classes.length > 0
        ? palette.series[classTone(index)]
        : withAlpha(
            palette.series[0],
            from + ((to - from) * Math.max(0, Math.min(high - low, points.target[i] - low))) / (high - low || 1),
          );
    const train = points.split[i] === 0;
    return {
      kind: 'marks',
      shape: classMarks[index % classMarks.length],
      at: [px(x), py(points.y[i])],
      radius,
      fill: train ? color : palette.background,
      stroke: train ? palette.background : classes.length > 0 ? color : palette.foreground,
      width: 1.2,
    };
  });
}

/** A ring at a cell. */
export function surfaceCursor(
  model: SurfaceModel,
  width: number,
  height: number,
  palette: Palette,
  cursor: { readonly column: number; readonly row: number },
): Ink[] {
  const { x, y } = cellPlace(model, width, height, cursor);
  return [{ kind: 'marks', shape: 'circle', at: [x, y], radius: 6, stroke: palette.focus, width: 2 }];
}

export function cellPlace(
  model: SurfaceModel,
  width: number,
  height: number,
  { column, row }: { readonly column: number; readonly row: number },
): { readonly x: number; readonly y: number } {
  const box = surfaceBox(width, height);
  return {
    x: box.left + ((column + 0.5) * box.width) / model.columns,
    y: box.top + box.height - ((row + 0.5) * box.height) / model.rows,
  };
}
