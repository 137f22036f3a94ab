import type { SaveTable } from '../../src/shared/savedFiles.ts';
import { exactNumber } from '../ui/format.ts';
import { chartInk, layoutChart, swatchInk } from './chartInk.ts';
import type { Ink } from './ink.ts';
import { clipText, escapeXml, paintCanvas, paintSvg, textWidth } from './ink.ts';
import type { ChartSpec, DrawnSeries } from './spec.ts';
import { domains, drawnSeries, legendEntries } from './spec.ts';
import type { Palette } from './theme.ts';

/** A table behind a picture: what is listed below it and written as CSV. */
export interface DataTable {
  readonly header: readonly string[];
  readonly rows: number;
  readonly cell: (row: number, column: number) => string | number | null;
}

/** One line per drawn point: series, x, y and, where points have words, those. */
export function chartTable(chart: ChartSpec): DataTable {
  const drawn = drawnSeries(chart);
  const described = drawn.some((series) => series.spec.describe);
  const starts: number[] = [];
  let rows = 0;
  for (const series of drawn) {
    starts.push(rows);
    rows += series.x.length;
  }
  const locate = (row: number): [DrawnSeries, number] => {
    let s = starts.length - 1;
    while (starts[s] > row) s -= 1;
    return [drawn[s], row - starts[s]];
  };
  const single = drawn.length <= 1;
  return {
    header: [...(single ? [] : ['series']), chart.x.label, chart.y.label, ...(described ? ['note'] : [])],
    rows,
    cell: (row, column) => {
      const [series, i] = locate(row);
      const c = single ? column + 1 : column;
      if (c === 0) return series.spec.label;
      if (c === 1) return series.x[i];
      if (c === 2) return series.y[i];
      return series.spec.describe?.(series.source[i]) ?? '';
    },
  };
}

/** The message that has a table written as CSV: numbers stay numbers, what is no number is text. */
export function tableMessage(name: string, { header, rows, cell }: DataTable): SaveTable {
  const value = (row: number, column: number): string | number => {
    const found = cell(row, column);
    return typeof found === 'string' || Number.isFinite(found) ? found! : exactNumber(found);
  };
  return {
    type: 'saveTable',
    name,
    header: [...header],
    rows: Array.from({ length: rows }, (_, row) => header.map((_, column) => value(row, column))),
  };
}

/** An entry of a legend in a file. */
export interface LegendEntry {
  readonly label: string;
  /** 28 x 12 pixels from (x, y). */
  readonly swatch: (palette: Palette, x: number, y: number) => Ink[];
}

/** A picture that can be drawn at any size in any palette. */
export interface Picture {
  readonly title: string;
  readonly summary: string;
  /** Width in pixels -> height that suits it. */
  readonly height: (width: number) => number;
  readonly ink: (width: number, height: number, palette: Palette) => Ink[];
  readonly legend: readonly LegendEntry[];
}

export const fileWidth = 800;

/** Title, picture and legend on one sheet. */
function sheet(picture: Picture, palette: Palette): { readonly inks: Ink[]; readonly height: number } {
  const head = 36;
  const height = Math.round(picture.height(fileWidth - 24));
  const inks: Ink[] = [
    { kind: 'rect', x: 0, y: 0, width: fileWidth, height: 1e4, fill: palette.background },
    {
      kind: 'text',
      x: 16,
      y: 20,
      text: clipText(picture.title, fileWidth - 32, palette.font, 15),
      color: palette.foreground,
      size: 15,
      bold: true,
    },
    ...shifted(picture.ink(fileWidth - 24, height, palette), 12, head),
  ];
  let x = 20;
  let y = head + height + 8;
  for (const { label, swatch } of picture.legend) {
    const words = clipText(label, fileWidth - 100, palette.font, 12);
    const wide = 34 + textWidth(words, palette.font, 12) + 22;
    if (x + wide > fileWidth - 12 && x > 20) {
      x = 20;
      y += 20;
    }
    inks.push(...swatch(palette, x, y), {
      kind: 'text',
      x: x + 34,
      y: y + 6,
      text: words,
      color: palette.foreground,
      size: 12,
    });
    x += wide;
  }
  return { inks, height: y + (picture.legend.length > 0 ? 26 : 6) };
}

/** The same strokes, moved. */
function shifted(inks: readonly Ink[], dx: number, dy: number): Ink[] {
  const move = (line: ArrayLike<number>): Float64Array =>
    Float64Array.from(line, (v, i) => v + (i % 2 === 0 ? dx : dy));
  return inks.map((ink): Ink => {
    if (ink.kind === 'path') return { ...ink, lines: ink.lines.map(move) };
    if (ink.kind === 'marks') return { ...ink, at: move(ink.at) };
    if (ink.kind === 'clip') return { ...ink, x: ink.x + dx, y: ink.y + dy, inside: shifted(ink.inside, dx, dy) };
    return { ...ink, x: ink.x + dx, y: ink.y + dy };
  });
}

/** A self-contained SVG with title and legend. */
export function pictureSvg(picture: Picture, palette: Palette): string {
  const { inks, height } = sheet(picture, palette);
  const [paper, ...rest] = inks;
  const size = `width="${fileWidth}" height="${height}" viewBox="0 0 ${fileWidth} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${escapeXml(palette.font)}" font-size="12">`,
    `<title>${escapeXml(picture.title)}</title><desc>${escapeXml(picture.summary)}</desc>`,
    ...paintSvg([{ ...paper, height } as Ink, ...rest]),
    '</svg>',
  ].join('\n');
}

/** Pixels of a file for each pixel of a sheet. */
const fileScale = 2;

/** The base64 content of a PNG of twice the width of a sheet. */
export function picturePng(picture: Picture, palette: Palette): string {
  const { inks, height } = sheet(picture, palette);
  const canvas = document.createElement('canvas');
  canvas.width = fileScale * fileWidth;
  canvas.height = Math.round(fileScale * height);
  const ctx = canvas.getContext('2d')!;
  ctx.setTransform(fileScale, 0, 0, fileScale, 0, 0);
  paintCanvas(ctx, inks, palette.font);
  return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}

/** A chart as a picture, series that are hidden left out. */
export function chartPicture(chart: ChartSpec, hidden: ReadonlySet<string> = new Set()): Picture {
  const drawn = drawnSeries(chart, hidden);
  const domain = domains(chart, drawn);
  const entries = legendEntries(chart).filter(({ key }) => !hidden.has(key));
  return {
    title: chart.title,
    summary: chart.summary,
    height: (width) => (chart.equalUnits ? width * 0.8 : Math.max(340, chart.height ?? 0)),
    ink: (width, height, palette) =>
      chartInk(chart, drawn, layoutChart(chart, domain, width, height, palette.font), palette),
    legend:
      entries.length > 1
        ? entries.map(({ label, spec }) => ({ label, swatch: (p, x, y) => swatchInk(spec, p, x, y) }))
        : [],
  };
}
