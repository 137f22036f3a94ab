import type { ComponentChildren, VNode } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { formatNumber } from '../ui/format.ts';
import type { Cursor } from './chartModel.ts';
import { describePoint, moveCursor, nearestPoint } from './chartModel.ts';
import { canvasPng, chartSvg, chartTable } from './exportFile.ts';
import { Frame } from './frame.tsx';
import { addMark, markPath, markRadius } from './mark.ts';
import type { AxisSpec, ChartSpec, DrawnSeries, Range, SeriesSpec } from './spec.ts';
import { axisTicks, domains, drawnSeries, legendEntries, withEqualUnits } from './spec.ts';
import type { Palette } from './theme.ts';
import { toneColor, usePalette, withAlpha } from './theme.ts';

export interface ChartProps {
  readonly spec: ChartSpec;
  /** A point was chosen by click or Enter: series id and index into the series as given. */
  readonly onPick?: (series: string, index: number) => void;
  /** Point with a lasting ring. */
  readonly selected?: { readonly series: string; readonly index: number } | null;
  readonly controls?: ComponentChildren;
}

function drawLine(ctx: CanvasRenderingContext2D, series: DrawnSeries, u: uPlot, step: boolean): void {
  const { x, y } = series;
  const toX = (v: number): number => u.valToPos(v, 'x', true);
  const toY = (v: number): number => u.valToPos(v, 'y', true);
  ctx.beginPath();
  if (x.length > 4 * u.bbox.width) {
    // More points than pixels: the vertical extent of every pixel column, which draws the same picture.
    let column = -1;
    let low = 0;
    let high = 0;
    const flush = (): void => {
      ctx.lineTo(column, low);
      ctx.lineTo(column, high);
    };
    for (let i = 0; i < x.length; i++) {
      const c = Math.round(toX(x[i]));
      const p = toY(y[i]);
      if (c !== column) {
        if (column >= 0) flush();
        column = c;
        low = high = p;
      } else {
        low = Math.min(low, p);
        high = Math.max(high, p);
      }
    }
    flush();
  } else {
    for (let i = 0; i < x.length; i++) {
      if (step && i > 0) ctx.lineTo(toX(x[i]), toY(y[i - 1]));
      ctx.lineTo(toX(x[i]), toY(y[i]));
    }
  }
  ctx.stroke();
}

function drawSeries(u: uPlot, spec: ChartSpec, drawn: readonly DrawnSeries[], palette: Palette): void {
  const { ctx, bbox } = u;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.beginPath();
  // A little more than the plot, so that markers on its edge stay whole.
  const edge = 4 * ratio;
  ctx.rect(bbox.left - edge, bbox.top - edge, bbox.width + 2 * edge, bbox.height + 2 * edge);
  ctx.clip();
  for (const guide of spec.guides ?? []) {
    ctx.strokeStyle = toneColor(palette, guide.tone);
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash((guide.dash ?? [6, 4]).map((d) => d * ratio));
    ctx.beginPath();
    const p = u.valToPos(guide.value, guide.axis, true);
    if (guide.axis === 'x') {
      ctx.moveTo(p, bbox.top);
      ctx.lineTo(p, bbox.top + bbox.height);
    } else {
      ctx.moveTo(bbox.left, p);
      ctx.lineTo(bbox.left + bbox.width, p);
    }
    ctx.stroke();
  }
  ctx.setLineDash([]);
  for (const series of drawn) {
    const { kind, tone, dash, width, mark = 'circle', hollow } = series.spec;
    const n = series.x.length;
    const color = toneColor(palette, tone);
    ctx.strokeStyle = color;
    ctx.fillStyle = color;
    ctx.lineJoin = 'round';
    if (kind === 'line' || kind === 'line-points' || kind === 'step') {
      ctx.lineWidth = (width ?? 2) * ratio;
      ctx.setLineDash((dash ?? []).map((d) => d * ratio));
      drawLine(ctx, series, u, kind === 'step');
      ctx.setLineDash([]);
    }
    if (kind === 'line' || kind === 'step') continue;
    const radius = markRadius(n) * ratio;
    if (kind === 'stems') {
      const base = spec.y.log ? bbox.top + bbox.height : u.valToPos(0, 'y', true);
      ctx.lineWidth = (n > 400 ? 0.6 : 1.3) * ratio;
      ctx.beginPath();
      for (let i = 0; i < n; i++) {
        const p = u.valToPos(series.x[i], 'x', true);
        ctx.moveTo(p, base);
        ctx.lineTo(p, u.valToPos(series.y[i], 'y', true));
      }
      ctx.stroke();
    }
    ctx.lineWidth = 1.3 * ratio;
    ctx.beginPath();
    for (let i = 0; i < n; i++) {
      addMark(ctx, mark, u.valToPos(series.x[i], 'x', true), u.valToPos(series.y[i], 'y', true), radius);
    }
    if (!hollow) {
      ctx.globalAlpha = n > 500 ? 0.6 : 0.9;
      ctx.fill();
      ctx.globalAlpha = 1;
    }
    if (hollow || n <= 200) ctx.stroke();
  }
  drawGuideLabels(u, spec, palette);
  ctx.restore();
}

/** Guide labels go on top of the data, on a strip of background, stacked where vertical guides crowd. */
function drawGuideLabels(u: uPlot, spec: ChartSpec, palette: Palette): void {
  const { ctx, bbox } = u;
  const ratio = uPlot.pxRatio;
  ctx.font = `${11 * ratio}px ${palette.font}`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  let row = 0;
  const used: number[] = [];
  for (const guide of spec.guides ?? []) {
    if (guide.label === '') continue;
    const p = u.valToPos(guide.value, guide.axis, true);
    const width = ctx.measureText(guide.label).width + 8 * ratio;
    const height = 15 * ratio;
    let left: number;
    let top: number;
    if (guide.axis === 'x') {
      if (p < bbox.left - 1 || p > bbox.left + bbox.width + 1) continue;
      left = p + 3 * ratio + width > bbox.left + bbox.width ? p - 3 * ratio - width : p + 3 * ratio;
      top = bbox.top + (2 + 16 * row) * ratio;
      row += 1;
    } else {
      if (p < bbox.top - 1 || p > bbox.top + bbox.height + 1) continue;
      left = bbox.left + bbox.width - width - 2 * ratio;
      top = p - height - 2 * ratio < bbox.top ? p + 2 * ratio : p - height - 2 * ratio;
      while (used.some((other) => Math.abs(other - top) < height) && top + height < bbox.top + bbox.height) {
        top += height;
      }
      used.push(top);
    }
    ctx.globalAlpha = 0.85;
    ctx.fillStyle = palette.background;
    ctx.fillRect(left, top, width, height);
    ctx.globalAlpha = 1;
    ctx.fillStyle = palette.foreground;
    ctx.fillText(guide.label, left + 4 * ratio, top + height / 2);
  }
}

function axisOptions(axis: AxisSpec, key: 'x' | 'y', palette: Palette): uPlot.Axis {
  const side = key === 'x' ? 2 : 3;
  return {
    scale: key,
    side,
    label: axis.label,
    labelFont: `12px ${palette.font}`,
    labelSize: 20,
    font: `11px ${palette.font}`,
    stroke: palette.foreground,
    grid: { stroke: withAlpha(palette.grid, 0.35), width: 1 },
    ticks: { stroke: withAlpha(palette.grid, 0.6), width: 1, size: 4 },
    splits: (u, _i, low, high) =>
      axisTicks(axis, [low, high], Math.max(2, Math.floor((key === 'x' ? u.width / 90 : u.height / 45) || 2))),
    filter: (_u, splits) => splits,
    values: (_u, splits) => splits.map((v) => (axis.format ?? ((t: number) => formatNumber(t, 5)))(v)),
    size:
      key === 'x'
        ? 26
        : (u, values) => {
            u.ctx.font = `${11 * uPlot.pxRatio}px ${palette.font}`;
            const widths = (values ?? ['0']).map((text) => u.ctx.measureText(text).width / uPlot.pxRatio);
            return Math.ceil(Math.max(...widths, 10)) + 14;
          },
  };
}

/** A legend entry's line and marker. */
export function Swatch({ spec, palette }: { readonly spec: SeriesSpec; readonly palette: Palette }): VNode {
  const color = toneColor(palette, spec.tone);
  const marked = spec.kind !== 'line' && spec.kind !== 'step';
  return (
    <svg class="swatch" width="28" height="12" viewBox="0 0 28 12" aria-hidden="true">
      {spec.kind !== 'points' && (
        <line x1="1" y1="6" x2="27" y2="6" stroke={color} stroke-width="2" stroke-dasharray={spec.dash?.join(' ')} />
      )}
      {marked && (
        <path
          d={markPath(spec.mark ?? 'circle', 14, 6, 3.6)}
          fill={spec.hollow ? palette.background : color}
          stroke={color}
          stroke-width="1.3"
        />
      )}
    </svg>
  );
}

/** Draws a `ChartSpec`; pointer and keyboard move one cursor over its points, drag zooms, Enter or click picks. */
export function Chart({ spec, onPick, selected, controls }: ChartProps): VNode {
  const palette = usePalette();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const [spoken, setSpoken] = useState(false);
  const holder = useRef<HTMLDivElement>(null);
  const ring = useRef<HTMLDivElement>(null);
  const chosen = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef<{ x?: Range; y?: Range }>({});
  const drawn = useMemo(() => drawnSeries(spec, hidden), [spec, hidden]);
  const domain = useMemo(() => domains(spec, drawn), [spec, drawn]);
  const any = drawn.some((series) => series.x.length > 0);
  const live = useRef({ drawn, onPick });
  live.current = { drawn, onPick };

  const place = useCallback((element: HTMLDivElement | null, series: DrawnSeries | undefined, point: number): void => {
    const u = plot.current;
    if (!element) return;
    const show = u && series && point >= 0 && point < series.x.length;
    element.hidden = !show;
    if (!show) return;
    const ratio = uPlot.pxRatio;
    const x = u.valToPos(series.x[point], 'x') + u.bbox.left / ratio;
    const y = u.valToPos(series.y[point], 'y') + u.bbox.top / ratio;
    element.style.transform = `translate(${x - 7}px, ${y - 7}px)`;
  }, []);

  const placeRings = (): void => {
    const at = cursor ? drawn[cursor.series] : undefined;
    place(ring.current, at, cursor?.point ?? -1);
    const mine = selected ? drawn.find((series) => series.spec.id === selected.series) : undefined;
    place(chosen.current, mine, mine && selected ? mine.source.indexOf(selected.index) : -1);
  };

  useLayoutEffect(() => {
    const element = holder.current;
    if (!element || !any) return undefined;
    const draw = (u: uPlot): void => drawSeries(u, spec, drawn, palette);
    const whole = ({ bbox }: uPlot): { readonly x: Range; readonly y: Range } =>
      spec.equalUnits && bbox.width > 0 && bbox.height > 0 ? withEqualUnits(domain, bbox.width, bbox.height) : domain;
    // The plot has its size only after the axes have theirs: ranges that depend on it are set once more.
    const settle = (u: uPlot): void => {
      if (spec.equalUnits) u.setData(u.data, true);
    };
    const options: uPlot.Options = {
      width: Math.max(120, element.clientWidth),
      height: spec.height ?? 260,
      padding: [10, 12, 0, 0],
      legend: { show: false },
      cursor: {
        points: { show: false },
        x: false,
        y: false,
        drag: { x: true, y: true, uni: 24, setScale: false },
      },
      scales: {
        x: { time: false, distr: spec.x.log ? 3 : 1, range: (u) => [...(zoom.current.x ?? whole(u).x)] },
        y: { distr: spec.y.log ? 3 : 1, range: (u) => [...(zoom.current.y ?? whole(u).y)] },
      },
      axes: [axisOptions(spec.x, 'x', palette), axisOptions(spec.y, 'y', palette)],
      // uPlot keeps the axes, scales and zoom; the series are drawn here, because each has an x of its own.
      series: [{}, { show: true, paths: () => null, points: { show: false } }],
      hooks: {
        draw: [draw],
        ready: [settle],
        setSelect: [
          (u) => {
            const { left, top, width, height } = u.select;
            if (width > 4 || height > 4) {
              const xs: Range = [u.posToVal(left, 'x'), u.posToVal(left + width, 'x')];
              const ys: Range = [u.posToVal(top + height, 'y'), u.posToVal(top, 'y')];
              zoom.current = { x: width > 4 ? xs : zoom.current.x, y: height > 4 ? ys : zoom.current.y };
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              u.setData(u.data, true);
            }
          },
        ],
      },
    };
    const u = new uPlot(options, [[...domain.x], [...domain.y]], element);
    plot.current = u;
    const nearest = (event: MouseEvent): Cursor | null => {
      const box = u.over.getBoundingClientRect();
      return nearestPoint(
        live.current.drawn,
        (v) => u.valToPos(v, 'x'),
        (v) => u.valToPos(v, 'y'),
        (p) => u.posToVal(p, 'x'),
        event.clientX - box.left,
        event.clientY - box.top,
        40,
      );
    };
    u.over.addEventListener('mousemove', (event) => {
      setSpoken(false);
      setCursor(nearest(event));
    });
    u.over.addEventListener('mouseleave', () => setCursor(null));
    u.over.addEventListener('click', (event) => {
      const found = nearest(event);
      if (!found) return;
      const series = live.current.drawn[found.series];
      live.current.onPick?.(series.spec.id, series.source[found.point]);
    });
    u.over.addEventListener('dblclick', () => {
      zoom.current = {};
      u.setData(u.data, true);
    });
    const observer = new ResizeObserver(() => {
      const width = Math.max(120, element.clientWidth);
      if (width === u.width) return;
      u.setSize({ width, height: spec.height ?? 260 });
      settle(u);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [spec, drawn, domain, palette, any]);

  useEffect(() => {
    zoom.current = {};
  }, [spec.id, spec.x.log, spec.y.log, spec.x.label, spec.y.label]);
  useEffect(() => {
    if (cursor && !(cursor.series < drawn.length && cursor.point < drawn[cursor.series].x.length)) setCursor(null);
  }, [drawn]);
  useEffect(placeRings);

  const resetZoom = (): void => {
    zoom.current = {};
    plot.current?.setData(plot.current.data, true);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      resetZoom();
      setCursor(null);
      return;
    }
    const next = moveCursor(drawn, cursor, event.key);
    if (next) {
      setSpoken(true);
      setCursor(next);
    } else if ((event.key === 'Enter' || event.key === ' ') && cursor) {
      const series = drawn[cursor.series];
      onPick?.(series.spec.id, series.source[cursor.point]);
    } else return;
    event.preventDefault();
  };
  const entries = legendEntries(spec);
  const toggle = (key: string): void => {
    const now = new Set(hidden);
    if (!now.delete(key)) now.add(key);
    setCursor(null);
    setHidden(now);
  };
  const at = cursor && drawn[cursor.series];
  return (
    <Frame
      id={spec.id}
      title={spec.title}
      summary={spec.summary}
      readout={at && cursor.point < at.x.length ? describePoint(spec, at, cursor.point) : ''}
      spoken={spoken}
      table={() => chartTable(spec)}
      svg={() => chartSvg(spec, palette)}
      png={() => chartPng(plot.current, spec, palette)}
      controls={controls}
      legend={
        entries.length > 1 && (
          <ul class="legend" aria-label={`Legend: ${spec.title}`}>
            {entries.map((entry) => (
              <li key={entry.key}>
                <button
                  type="button"
                  class="legend-entry"
                  aria-pressed={!hidden.has(entry.key)}
                  title="Show or hide"
                  onClick={() => toggle(entry.key)}
                >
                  <Swatch spec={entry.spec} palette={palette} />
                  {entry.label}
                  {entry.count > 1 ? ` (${entry.count})` : ''}
                </button>
              </li>
            ))}
          </ul>
        )
      }
    >
      {any ? (
        <div
          class="plot"
          tabIndex={0}
          role="application"
          aria-roledescription="chart"
          aria-label={`${spec.title}. ${spec.summary} Arrow keys move along the points${
            entries.length > 1 ? ' and between series' : ''
          }${onPick ? ', Enter chooses one' : ''}.`}
          onKeyDown={onKeyDown}
          onBlur={() => setCursor(null)}
        >
          <div class={onPick ? 'plot-canvas pickable' : 'plot-canvas'} ref={holder} />
          <div class="ring-mark chosen" ref={chosen} hidden />
          <div class="ring-mark" ref={ring} hidden />
        </div>
      ) : (
        <p class="empty-chart">{spec.empty ?? 'Nothing to draw.'}</p>
      )}
    </Frame>
  );
}

/** The drawn canvas on the background of the theme, under its title. */
function chartPng(u: uPlot | null, spec: ChartSpec, palette: Palette): string {
  if (!u) return '';
  const ratio = uPlot.pxRatio;
  const source = u.ctx.canvas;
  const canvas = document.createElement('canvas');
  const head = 30 * ratio;
  const entries = legendEntries(spec).filter((_, __, all) => all.length > 1);
  const foot = entries.length > 0 ? (20 * Math.ceil(entries.length / 3) + 8) * ratio : 0;
  canvas.width = source.width;
  canvas.height = source.height + head + foot;
  const ctx = canvas.getContext('2d')!;
  ctx.fillStyle = palette.background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.drawImage(source, 0, head);
  ctx.fillStyle = palette.foreground;
  ctx.font = `600 ${14 * ratio}px ${palette.font}`;
  ctx.fillText(spec.title, 10 * ratio, 20 * ratio);
  ctx.font = `${12 * ratio}px ${palette.font}`;
  entries.forEach(({ label, spec: series }, i) => {
    const x = (12 + (i % 3) * ((canvas.width / ratio - 24) / 3)) * ratio;
    const y = source.height + head + (14 + 20 * Math.floor(i / 3)) * ratio;
    ctx.strokeStyle = ctx.fillStyle = toneColor(palette, series.tone);
    ctx.lineWidth = 2 * ratio;
    if (series.kind !== 'points') {
      ctx.setLineDash((series.dash ?? []).map((d) => d * ratio));
      ctx.beginPath();
      ctx.moveTo(x, y - 4 * ratio);
      ctx.lineTo(x + 24 * ratio, y - 4 * ratio);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    if (series.kind !== 'line' && series.kind !== 'step') {
      ctx.beginPath();
      addMark(ctx, series.mark ?? 'circle', x + 12 * ratio, y - 4 * ratio, 4 * ratio);
      if (series.hollow) ctx.stroke();
      else ctx.fill();
    }
    ctx.fillStyle = palette.foreground;
    ctx.fillText(label, x + 30 * ratio, y);
  });
  return canvasPng(canvas);
}
