import { plainText } from '../../src/core/data/plainText.ts';
import { neutralized } from '../../src/core/data/formulaCells.ts';
import { exactNumber } from '../ui/format.ts';
import type { ChartSpec, DrawnSeries, Range } from './spec.ts';
import { axisTicks, domains, drawnSeries, legendEntries, withEqualUnits } from './spec.ts';
import { markPath, markRadius } from './mark.ts';
import type { Palette } from './theme.ts';
import { toneColor } from './theme.ts';

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

/** RFC 4180 text with full-precision numbers, and without cells that a spreadsheet would run. */
export function tableCsv(table: DataTable): string {
  const quote = (raw: string): string => {
    const text = neutralized(raw);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [table.header.map(quote).join(',')];
  for (let row = 0; row < table.rows; row++) {
    const cells = table.header.map((_, column) => {
      const value = table.cell(row, column);
      return typeof value === 'string' ? quote(value) : exactNumber(value);
    });
    lines.push(cells.join(','));
  }
  return `${lines.join('\r\n')}\r\n`;
}

const escapeXml = (text: string): string =>
  plainText(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

/** The chart as a self-contained SVG of the given size, with title, axes and legend, in the colours of the theme. */
export function chartSvg(chart: ChartSpec, palette: Palette, width = 720, height = 440): string {
  const drawn = drawnSeries(chart);
  const legend = legendEntries(chart);
  const box = { left: 74, top: 40, right: width - 20, bottom: height - 56 - 20 * Math.ceil(legend.length / 3) };
  const whole = domains(chart, drawn);
  const domain = chart.equalUnits ? withEqualUnits(whole, box.right - box.left, box.bottom - box.top) : whole;
  const scale = (range: Range, log: boolean | undefined, from: number, to: number): ((v: number) => number) => {
    const t = log ? Math.log10 : (v: number): number => v;
    const [a, b] = [t(range[0]), t(range[1])];
    return (v) => from + ((t(v) - a) / (b - a || 1)) * (to - from);
  };
  const px = scale(domain.x, chart.x.log, box.left, box.right);
  const py = scale(domain.y, chart.y.log, box.bottom, box.top);
  const f = (v: number): string => v.toFixed(2);
  const text = (x: number, y: number, content: string, more = ''): string =>
    `<text x="${f(x)}" y="${f(y)}" fill="${palette.foreground}" ${more}>${escapeXml(content)}</text>`;
  const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, more = ''): string =>
    `<line x1="${f(x1)}" y1="${f(y1)}" x2="${f(x2)}" y2="${f(y2)}" stroke="${stroke}" ${more}/>`;
  const dashes = (dash?: readonly number[]): string => (dash ? `stroke-dasharray="${dash.join(' ')}"` : '');

  const out: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escapeXml(palette.font)}" font-size="12">`,
    `<title>${escapeXml(chart.title)}</title><desc>${escapeXml(chart.summary)}</desc>`,
    `<rect width="100%" height="100%" fill="${palette.background}"/>`,
    text(box.left, 22, chart.title, 'font-size="14" font-weight="600"'),
  ];
  const label = (axis: 'x' | 'y', value: number): string => (chart[axis].format ?? String)(value);
  for (const tick of axisTicks(chart.x, domain.x, 7)) {
    out.push(line(px(tick), box.top, px(tick), box.bottom, palette.grid, 'stroke-opacity="0.4"'));
    out.push(text(px(tick), box.bottom + 16, label('x', tick), 'text-anchor="middle"'));
  }
  for (const tick of axisTicks(chart.y, domain.y, 6)) {
    out.push(line(box.left, py(tick), box.right, py(tick), palette.grid, 'stroke-opacity="0.4"'));
    out.push(text(box.left - 6, py(tick) + 4, label('y', tick), 'text-anchor="end"'));
  }
  out.push(text((box.left + box.right) / 2, box.bottom + 36, chart.x.label, 'text-anchor="middle"'));
  const middle = (box.top + box.bottom) / 2;
  out.push(text(16, middle, chart.y.label, `text-anchor="middle" transform="rotate(-90 16 ${f(middle)})"`));

  for (const guide of chart.guides ?? []) {
    const stroke = toneColor(palette, guide.tone);
    const style = `stroke-width="1.5" ${dashes(guide.dash ?? [6, 4])}`;
    if (guide.axis === 'x') {
      out.push(line(px(guide.value), box.top, px(guide.value), box.bottom, stroke, style));
      out.push(text(px(guide.value) + 4, box.top + 12, guide.label));
    } else {
      out.push(line(box.left, py(guide.value), box.right, py(guide.value), stroke, style));
      out.push(text(box.right - 4, py(guide.value) - 4, guide.label, 'text-anchor="end"'));
    }
  }
  for (const { spec, x, y } of drawn) {
    const color = toneColor(palette, spec.tone);
    const n = x.length;
    if (n === 0) continue;
    if (spec.kind === 'line' || spec.kind === 'line-points' || spec.kind === 'step') {
      const points: string[] = [];
      for (let i = 0; i < n; i++) {
        if (spec.kind === 'step' && i > 0) points.push(`${f(px(x[i]))} ${f(py(y[i - 1]))}`);
        points.push(`${f(px(x[i]))} ${f(py(y[i]))}`);
      }
      out.push(
        `<path d="M${points.join('L')}" fill="none" stroke="${color}" stroke-width="${spec.width ?? 2}" ${dashes(spec.dash)}/>`,
      );
    }
    if (spec.kind === 'stems') {
      const zero = py(chart.y.log ? domain.y[0] : 0);
      const stems = Array.from(x, (v, i) => `M${f(px(v))} ${f(zero)}V${f(py(y[i]))}`).join('');
      out.push(`<path d="${stems}" stroke="${color}" stroke-width="${n > 400 ? 0.6 : 1.2}" fill="none"/>`);
    }
    if (spec.kind !== 'line' && spec.kind !== 'step') {
      const marks = Array.from(x, (v, i) => markPath(spec.mark ?? 'circle', px(v), py(y[i]), markRadius(n))).join('');
      out.push(
        `<path d="${marks}" fill="${spec.hollow ? palette.background : color}" stroke="${color}" stroke-width="1.2" fill-opacity="${spec.hollow ? 0 : 0.85}"/>`,
      );
    }
  }
  if (legend.length > 1) {
    legend.forEach(({ label: words, spec }, i) => {
      const x = box.left + (i % 3) * ((box.right - box.left) / 3);
      const y = box.bottom + 58 + 20 * Math.floor(i / 3);
      const color = toneColor(palette, spec.tone);
      if (spec.kind !== 'points')
        out.push(line(x, y - 4, x + 22, y - 4, color, `stroke-width="2" ${dashes(spec.dash)}`));
      if (spec.kind !== 'line' && spec.kind !== 'step') {
        const fill = spec.hollow ? 'none' : color;
        out.push(`<path d="${markPath(spec.mark ?? 'circle', x + 11, y - 4, 4)}" fill="${fill}" stroke="${color}"/>`);
      }
      out.push(text(x + 28, y, words));
    });
  }
  out.push('</svg>');
  return out.join('\n');
}

/** The base64 content of a canvas as PNG. */
export function canvasPng(canvas: HTMLCanvasElement): string {
  return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}
