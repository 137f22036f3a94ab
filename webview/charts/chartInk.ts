import { formatNumber } from '../ui/format.ts';
import type { Ink } from './ink.ts';
import { clipText, textWidth } from './ink.ts';
import { markRadius } from './mark.ts';
import type { AxisSpec, ChartSpec, DrawnSeries, Range, SeriesSpec } from './spec.ts';
import { axisTicks, withEqualUnits } from './spec.ts';
import type { Palette } from './theme.ts';
import { toneColor } from './theme.ts';

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Where everything of a chart is, in pixels. */
export interface Layout {
  readonly box: Box;
  readonly x: Range;
  readonly y: Range;
  readonly xTicks: readonly { readonly at: number; readonly label: string }[];
  readonly yTicks: readonly { readonly at: number; readonly label: string }[];
  readonly toX: (value: number) => number;
  readonly toY: (value: number) => number;
  readonly fromX: (pixel: number) => number;
  readonly fromY: (pixel: number) => number;
}

/** Labels of ticks, with as many digits as tell them apart. */
function tickLabels(axis: AxisSpec, values: readonly number[]): string[] {
  const { format } = axis;
  if (format) return values.map(format);
  for (let digits = 5; ; digits++) {
    const labels = values.map((value) => formatNumber(value, digits));
    if (digits >= 14 || new Set(labels).size === labels.length) return labels;
  }
}

function scale(
  [low, high]: Range,
  log: boolean | undefined,
  from: number,
  to: number,
): { readonly to: (v: number) => number; readonly from: (p: number) => number } {
  const t = log ? Math.log10 : (v: number): number => v;
  const [a, b] = [t(low), t(high)];
  const span = b - a || 1;
  return {
    to: (v) => from + ((t(v) - a) / span) * (to - from),
    from: (p) => {
      const value = a + ((p - from) / (to - from || 1)) * span;
      return log ? 10 ** value : value;
    },
  };
}

/** Margins from the width of the labels, then the scales. */
export function layoutChart(
  spec: ChartSpec,
  domain: { readonly x: Range; readonly y: Range },
  width: number,
  height: number,
  font: string,
): Layout {
  const top = 10;
  const bottom = height - 46;
  const yCount = Math.max(2, Math.floor((bottom - top) / 42));
  const widest = (range: Range): number =>
    Math.max(10, ...tickLabels(spec.y, axisTicks(spec.y, range, yCount)).map((label) => textWidth(label, font)));
  const left = Math.ceil(Math.min(0.4 * width, widest(domain.y) + 30));
  const box: Box = { left, top, width: Math.max(20, width - left - 14), height: bottom - top };
  const { x, y } = spec.equalUnits ? withEqualUnits(domain, box.width, box.height) : domain;
  const sx = scale(x, spec.x.log, box.left, box.left + box.width);
  const sy = scale(y, spec.y.log, box.top + box.height, box.top);
  const xTicks = axisTicks(spec.x, x, Math.max(2, Math.floor(box.width / 90)));
  const yTicks = axisTicks(spec.y, y, yCount);
  const xLabels = tickLabels(spec.x, xTicks);
  const yLabels = tickLabels(spec.y, yTicks);
  return {
    box,
    x,
    y,
    xTicks: uncrowded(
      xTicks.map((value, i) => ({ at: sx.to(value), label: xLabels[i] })),
      font,
    ),
    yTicks: yTicks.map((value, i) => ({ at: sy.to(value), label: yLabels[i] })),
    toX: sx.to,
    toY: sy.to,
    fromX: sx.from,
    fromY: sy.from,
  };
}

/** Leaves out labels that would touch the one before; the ticks stay. */
function uncrowded(
  ticks: { readonly at: number; readonly label: string }[],
  font: string,
): { readonly at: number; readonly label: string }[] {
  let end = -Infinity;
  return ticks.map((tick) => {
    const half = textWidth(tick.label, font) / 2;
    if (tick.at - half < end + 6) return { ...tick, label: '' };
    end = tick.at + half;
    return tick;
  });
}

/** x y x y … of a line, thinned to the vertical extent of each pixel column where there are more points than pixels. */
function linePoints(series: DrawnSeries, { toX, toY, box }: Layout, step: boolean): number[] {
  const { x, y } = series;
  const out: number[] = [];
  if (x.length > 4 * box.width) {
    let column = NaN;
    let low = 0;
    let high = 0;
    for (let i = 0; i < x.length; i++) {
      const c = Math.round(toX(x[i]));
      const p = toY(y[i]);
      if (c !== column) {
        if (!Number.isNaN(column)) out.push(column, low, column, high);
        column = c;
        low = high = p;
      } else {
        low = Math.min(low, p);
        high = Math.max(high, p);
      }
    }
    out.push(column, low, column, high);
    return out;
  }
  for (let i = 0; i < x.length; i++) {
    if (step && i > 0) out.push(toX(x[i]), toY(y[i - 1]));
    out.push(toX(x[i]), toY(y[i]));
  }
  return out;
}

function seriesInk(series: DrawnSeries, layout: Layout, spec: ChartSpec, palette: Palette): Ink[] {
  const { kind, tone, dash, width, mark = 'circle', hollow } = series.spec;
  const { toX, toY, box } = layout;
  const color = toneColor(palette, tone);
  const n = series.x.length;
  if (n === 0) return [];
  if (kind === 'band') {
    const upper = series.upper ?? series.y;
    const line: number[] = [];
    for (let i = 0; i < n; i++) line.push(toX(series.x[i]), toY(upper[i]));
    for (let i = n - 1; i >= 0; i--) line.push(toX(series.x[i]), toY(series.y[i]));
    return [{ kind: 'path', lines: [line], close: true, fill: color, fillAlpha: 0.16, stroke: color, alpha: 0.35 }];
  }
  const out: Ink[] = [];
  if (kind === 'line' || kind === 'line-points' || kind === 'step') {
    const points = linePoints(series, layout, kind === 'step');
    out.push({ kind: 'path', lines: [points], stroke: color, width: width ?? 2, dash });
  }
  if (kind === 'line' || kind === 'step') return out;
  if (kind === 'stems') {
    const base = spec.y.log ? box.top + box.height : toY(0);
    out.push({ kind: 'path', lines: stemLines(series, layout, base), stroke: color, width: n > 400 ? 0.6 : 1.3 });
  }
  const at = markPlaces(series, layout);
  out.push({
    kind: 'marks',
    shape: mark,
    at,
    radius: markRadius(n),
    ...(hollow ? {} : { fill: color, fillAlpha: n > 500 ? 0.6 : 0.9 }),
    ...(hollow || n <= 200 ? { stroke: color, width: 1.3 } : {}),
  });
  return out;
}

/** A line for each stem; of more than there are pixels, one for each half of a pixel, as far as the stems in it go. */
function stemLines({ x, y }: DrawnSeries, { toX, toY, box }: Layout, base: number): number[][] {
  const lines: number[][] = [];
  const thin = x.length > 2 * box.width;
  let column = NaN;
  let [low, high] = [base, base];
  const end = (): void => {
    if (low < high) lines.push([column, low, column, high]);
  };
  for (let i = 0; i < x.length; i++) {
    const p = toX(x[i]);
    const here = thin ? Math.round(2 * p) / 2 : p;
    const to = toY(y[i]);
    if (!thin) lines.push([here, base, here, to]);
    else if (here === column) [low, high] = [Math.min(low, to), Math.max(high, to)];
    else {
      end();
      [column, low, high] = [here, Math.min(base, to), Math.max(base, to)];
    }
  }
  if (thin) end();
  return lines;
}

/** More markers than this are told apart by halves of a pixel: those of one path that lie on each other are not seen. */
const manyMarks = 1000;

/** x y x y … of the markers. */
function markPlaces({ x, y }: DrawnSeries, { toX, toY, box }: Layout): Float64Array {
  const n = x.length;
  const at = new Float64Array(2 * n);
  if (n <= manyMarks) {
    for (let i = 0; i < n; i++) {
      at[2 * i] = toX(x[i]);
      at[2 * i + 1] = toY(y[i]);
    }
    return at;
  }
  const wide = 2 * Math.ceil(box.width) + 2;
  const high = 2 * Math.ceil(box.height) + 2;
  const taken = new Uint8Array(wide * high);
  let k = 0;
  for (let i = 0; i < n; i++) {
    const c = Math.round(2 * (toX(x[i]) - box.left));
    const r = Math.round(2 * (toY(y[i]) - box.top));
    if (!(c >= 0 && c < wide && r >= 0 && r < high) || taken[r * wide + c] === 1) continue;
    taken[r * wide + c] = 1;
    at[2 * k] = box.left + c / 2;
    at[2 * k + 1] = box.top + r / 2;
    k++;
  }
  return at.subarray(0, 2 * k);
}

const labelHeight = 15;

/** Labels of guides where they cover the fewest points and no other label. */
function guideLabels(spec: ChartSpec, drawn: readonly DrawnSeries[], layout: Layout, palette: Palette): Ink[] {
  const { box, toX, toY } = layout;
  const places: number[] = [];
  for (const series of drawn) {
    const line = series.spec.kind !== 'points' && series.spec.kind !== 'stems';
    const stride = Math.max(1, Math.floor(series.x.length / 600));
    for (let i = 0; i < series.x.length; i += stride) {
      const [x, y] = [toX(series.x[i]), toY(series.y[i])];
      places.push(x, y);
      if (!line || i + stride >= series.x.length) continue;
      const [x2, y2] = [toX(series.x[i + stride]), toY(series.y[i + stride])];
      const parts = Math.min(40, Math.floor(Math.hypot(x2 - x, y2 - y) / 12));
      for (let k = 1; k < parts; k++) places.push(x + (k / parts) * (x2 - x), y + (k / parts) * (y2 - y));
    }
  }
  const used: Box[] = [];
  const out: Ink[] = [];
  for (const guide of spec.guides ?? []) {
    if (guide.label === '') continue;
    const label = clipText(guide.label, box.width - 10, palette.font);
    const width = textWidth(label, palette.font) + 8;
    const p = guide.axis === 'x' ? toX(guide.value) : toY(guide.value);
    const [low, size] = guide.axis === 'x' ? [box.left, box.width] : [box.top, box.height];
    if (!(p >= low - 1 && p <= low + size + 1)) continue;
    const candidates: Box[] = [];
    if (guide.axis === 'x') {
      const rows = Math.max(1, Math.floor(box.height / 16) - 1);
      for (let row = 0; row < rows; row++) {
        for (const left of [p + 3, p - 3 - width])
          candidates.push({ left, top: box.top + 2 + 16 * row, width, height: labelHeight });
      }
    } else {
      for (const share of [1, 0, 0.75, 0.5, 0.25]) {
        const left = box.left + 2 + share * (box.width - width - 4);
        for (const top of [p - labelHeight - 2, p + 2]) candidates.push({ left, top, width, height: labelHeight });
      }
    }
    const inside = candidates.filter(
      (c) =>
        c.left >= box.left - 1 &&
        c.left + c.width <= box.left + box.width + 1 &&
        c.top >= box.top - 1 &&
        c.top + c.height <= box.top + box.height + 1,
    );
    const cost = (c: Box): number => {
      let sum = 0;
      for (const other of used) if (overlap(c, other)) sum += 1000;
      for (let i = 0; i < places.length; i += 2) {
        if (
          places[i] > c.left - 3 &&
          places[i] < c.left + c.width + 3 &&
          places[i + 1] > c.top - 3 &&
          places[i + 1] < c.top + c.height + 3
        )
          sum += 1;
      }
      return sum;
    };
    let best = inside[0] ?? candidates[0];
    let least = cost(best);
    for (const c of inside) {
      if (least === 0) break;
      const here = cost(c);
      if (here < least) [best, least] = [c, here];
    }
    used.push(best);
    out.push(
      {
        kind: 'rect',
        x: best.left,
        y: best.top,
        width: best.width,
        height: best.height,
        fill: palette.background,
        alpha: 0.8,
      },
      { kind: 'text', x: best.left + 4, y: best.top + labelHeight / 2, text: label, color: palette.foreground },
    );
  }
  return out;
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;

/** The chart without title and legend. */
export function chartInk(spec: ChartSpec, drawn: readonly DrawnSeries[], layout: Layout, palette: Palette): Ink[] {
  const { box, xTicks, yTicks, toX, toY } = layout;
  const right = box.left + box.width;
  const floor = box.top + box.height;
  const out: Ink[] = [
    {
      kind: 'path',
      lines: [
        ...xTicks.map(({ at }) => [at, box.top, at, floor]),
        ...yTicks.map(({ at }) => [box.left, at, right, at]),
      ],
      stroke: palette.grid,
      alpha: 0.4,
      width: 1,
    },
    { kind: 'path', lines: [[box.left, floor, right, floor]], stroke: palette.grid, width: 1 },
  ];
  const guides = (spec.guides ?? []).map((guide): Ink => {
    const p = guide.axis === 'x' ? toX(guide.value) : toY(guide.value);
    return {
      kind: 'path',
      lines: [guide.axis === 'x' ? [p, box.top, p, floor] : [box.left, p, right, p]],
      stroke: toneColor(palette, guide.tone),
      width: 1.5,
      dash: guide.dash ?? [6, 4],
    };
  });
  // A little more than the plot, so that markers on its edge stay whole.
  out.push({
    kind: 'clip',
    x: box.left - 4,
    y: box.top - 4,
    width: box.width + 8,
    height: box.height + 8,
    inside: [
      ...guides,
      ...drawn.flatMap((series) => seriesInk(series, layout, spec, palette)),
      ...guideLabels(spec, drawn, layout, palette),
    ],
  });
  for (const { at, label } of xTicks) {
    if (label !== '')
      out.push({
        kind: 'text',
        x: at,
        y: floor + 6,
        text: label,
        color: palette.foreground,
        align: 'center',
        baseline: 'top',
      });
  }
  for (const { at, label } of yTicks)
    out.push({ kind: 'text', x: box.left - 6, y: at, text: label, color: palette.foreground, align: 'right' });
  out.push(
    {
      kind: 'text',
      x: box.left + box.width / 2,
      y: floor + 26,
      text: clipText(spec.x.label, box.width, palette.font, 12),
      color: palette.foreground,
      size: 12,
      align: 'center',
      baseline: 'top',
    },
    {
      kind: 'text',
      x: 9,
      y: box.top + box.height / 2,
      text: clipText(spec.y.label, box.height, palette.font, 12),
      color: palette.foreground,
      size: 12,
      align: 'center',
      turned: true,
    },
  );
  return out;
}

/** A legend entry's line and marker, `width` x 12 pixels from (x, y). */
export function swatchInk(spec: SeriesSpec, palette: Palette, x = 0, y = 0): Ink[] {
  const color = toneColor(palette, spec.tone);
  const middle = y + 6;
  if (spec.kind === 'band')
    return [{ kind: 'rect', x: x + 1, y: y + 1, width: 26, height: 10, fill: color, alpha: 0.3 }];
  const out: Ink[] = [];
  if (spec.kind !== 'points')
    out.push({ kind: 'path', lines: [[x + 1, middle, x + 27, middle]], stroke: color, width: 2, dash: spec.dash });
  if (spec.kind !== 'line' && spec.kind !== 'step') {
    out.push({
      kind: 'marks',
      shape: spec.mark ?? 'circle',
      at: [x + 14, middle],
      radius: 3.6,
      fill: spec.hollow ? palette.background : color,
      stroke: color,
      width: 1.3,
    });
  }
  return out;
}
