import { afterPaint } from '../ui/later.tsx';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Layout } from './chartInk.ts';
import { chartInk, layoutChart, swatchInk } from './chartInk.ts';
import type { Cursor } from './chartModel.ts';
import { describePoint, moveCursor, nearestPoint } from './chartModel.ts';
import { chartPicture, chartTable } from './exportFile.ts';
import { Frame } from './frame.tsx';
import { paintCanvas, paintSvg } from './ink.ts';
import type { ChartSpec, DrawnSeries, Range, SeriesSpec } from './spec.ts';
import { domains, drawnSeries, legendEntries } from './spec.ts';
import type { Palette } from './theme.ts';
import { usePalette } from './theme.ts';
import type { Place } from './tip.tsx';
import { Tip } from './tip.tsx';

export interface ChartProps {
  readonly spec: ChartSpec;
  /** A point was chosen by click or Enter: series id and index into the series as given. */
  readonly onPick?: (series: string, index: number) => void;
  /** Point with a lasting ring. */
  readonly selected?: { readonly series: string; readonly index: number } | null;
  readonly controls?: ComponentChildren;
}

/** A legend entry's line and marker. */
export function Swatch({ spec, palette }: { readonly spec: SeriesSpec; readonly palette: Palette }): VNode {
  return (
    <svg
      class="swatch"
      width="28"
      height="12"
      viewBox="0 0 28 12"
      aria-hidden="true"
      dangerouslySetInnerHTML={{ __html: paintSvg(swatchInk(spec, palette)).join('') }}
    />
  );
}

interface Zoom {
  readonly x?: Range;
  readonly y?: Range;
}

/** A box that is being dragged. */
interface Box {
  readonly from: Place;
  readonly to: Place;
}

/** Sizes a canvas to its holder and draws once a frame. */
export function paintInto(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  draw: (ctx: CanvasRenderingContext2D) => void,
): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const ctx = canvas.getContext('2d');
  if (!ctx) return;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  draw(ctx);
}

/** Width of the holder of a picture, followed. */
export function useWidth(holder: { readonly current: HTMLElement | null }, present: boolean): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const fit = (): void => setWidth(Math.max(120, element.clientWidth));
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(element);
    return () => observer.disconnect();
  }, [present]);
  return width;
}

/**
 * Whether a picture was out of sight below when it was made. It is drawn after the frame that shows the others, so that nobody waits for what
 * nobody sees yet.
 */
function useBelow(holder: { readonly current: HTMLElement | null }, present: boolean): { readonly current: boolean } {
  const below = useRef(false);
  useLayoutEffect(() => {
    below.current = (holder.current?.getBoundingClientRect().top ?? 0) > window.innerHeight;
  }, [present]);
  return below;
}

interface Drawing {
  readonly drawn: readonly DrawnSeries[];
  readonly layout: Layout | null;
  /** Whether there is a point to draw. */
  readonly any: boolean;
  readonly width: number;
  readonly holder: { readonly current: HTMLDivElement | null };
  readonly canvas: { readonly current: HTMLCanvasElement | null };
}

/** Lays the shown series out in the width that there is and paints them when anything of it changes. */
function useDrawing(spec: ChartSpec, hidden: ReadonlySet<string>, zoom: Zoom, palette: Palette): Drawing {
  const holder = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawn = useMemo(() => drawnSeries(spec, hidden), [spec, hidden]);
  const domain = useMemo(() => domains(spec, drawn), [spec, drawn]);
  const any = drawn.some((series) => series.x.length > 0);
  const width = useWidth(holder, any);
  const below = useBelow(holder, any);
  const height = spec.height ?? 260;
  const layout = useMemo<Layout | null>(
    () =>
      width === 0
        ? null
        : layoutChart(
            zoom.x || zoom.y ? { ...spec, equalUnits: false } : spec,
            { x: zoom.x ?? domain.x, y: zoom.y ?? domain.y },
            width,
            height,
            palette.font,
          ),
    [spec, domain, zoom, width, height, palette],
  );
  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element || !layout) return undefined;
    const paint = (): void =>
      paintInto(element, width, height, (ctx) =>
        paintCanvas(ctx, chartInk(spec, drawn, layout, palette), palette.font),
      );
    if (below.current) return afterPaint(paint);
    paint();
    return undefined;
  }, [spec, drawn, layout, palette, width, height]);
  return { drawn, layout, any, width, holder, canvas };
}

/** The ranges that a dragged box asks for; null where it is too small to mean it. */
function zoomOf(layout: Layout, { from, to }: Box, before: Zoom): Zoom | null {
  const [w, h] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
  if (w < 8 && h < 8) return null;
  const low = (a: number, b: number): Range => (a < b ? [a, b] : [b, a]);
  return {
    x: w >= 8 ? low(layout.fromX(from.x), layout.fromX(to.x)) : before.x,
    y: h >= 24 ? low(layout.fromY(from.y), layout.fromY(to.y)) : before.y,
  };
}

/** What there is to see, and what picking a point does where one can be picked. */
const summaryOf = ({ summary, action }: ChartSpec, onPick: ChartProps['onPick']): string =>
  onPick === undefined || action === undefined ? summary : `${summary} ${action}`;

/** Draws a `ChartSpec`; pointer and keyboard move one cursor over its points, drag zooms, Enter or click picks. */
export function Chart({ spec, onPick, selected, controls }: ChartProps): VNode {
  const palette = usePalette();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const [spoken, setSpoken] = useState(false);
  const [zoom, setZoom] = useState<Zoom>({});
  const drawing = useDrawing(spec, hidden, zoom, palette);
  const { drawn, any } = drawing;
  useEffect(() => setZoom({}), [spec.id, spec.x.log, spec.y.log, spec.x.label, spec.y.label]);
  useEffect(() => {
    if (cursor && !(cursor.series < drawn.length && cursor.point < drawn[cursor.series].x.length)) setCursor(null);
  }, [drawn]);
  const at = cursor ? drawn[cursor.series] : undefined;
  const words = at && cursor && cursor.point < at.x.length ? describePoint(spec, at, cursor.point) : '';
  const entries = legendEntries(spec);
  const toggle = (key: string): void => {
    const now = new Set(hidden);
    if (!now.delete(key)) now.add(key);
    setCursor(null);
    setHidden(now);
  };
  return (
    <Frame
      id={spec.id}
      title={spec.title}
      summary={summaryOf(spec, onPick)}
      readout={words}
      spoken={spoken}
      table={() => chartTable(spec)}
      picture={() => chartPicture(spec, hidden)}
      controls={
        <>
          {controls}
          {(zoom.x ?? zoom.y) && (
            <button type="button" class="link" onClick={() => setZoom({})}>
              whole range
            </button>
          )}
        </>
      }
      legend={entries.length > 1 && <Legend spec={spec} hidden={hidden} palette={palette} onToggle={toggle} />}
    >
      {any ? (
        <Plot
          spec={spec}
          drawing={drawing}
          cursor={cursor}
          words={words}
          selected={selected}
          onCursor={(next, byKey) => {
            setSpoken(byKey);
            setCursor(next);
          }}
          onZoom={(change) => setZoom((before) => change(before) ?? before)}
          onPick={onPick}
        />
      ) : (
        <p class="empty-chart">{spec.empty ?? 'Nothing to draw.'}</p>
      )}
    </Frame>
  );
}

/** Names of the series; each shows or hides its own. */
function Legend(props: {
  readonly spec: ChartSpec;
  readonly hidden: ReadonlySet<string>;
  readonly palette: Palette;
  readonly onToggle: (key: string) => void;
}): VNode {
  return (
    <ul class="legend" aria-label={`Legend: ${props.spec.title}`}>
      {legendEntries(props.spec).map((entry) => (
        <li key={entry.key}>
          <button
            type="button"
            class="legend-entry"
            aria-pressed={!props.hidden.has(entry.key)}
            title="Show or hide"
            onClick={() => props.onToggle(entry.key)}
          >
            <Swatch spec={entry.spec} palette={props.palette} />
            {entry.label}
            {entry.count > 1 ? ` (${entry.count})` : ''}
          </button>
        </li>
      ))}
    </ul>
  );
}

interface PlotProps extends Pick<ChartProps, 'spec' | 'onPick' | 'selected'> {
  readonly drawing: Drawing;
  readonly cursor: Cursor | null;
  readonly words: string;
  readonly onCursor: (cursor: Cursor | null, byKey: boolean) => void;
  /** Takes the ranges shown before to those to show; null leaves them. */
  readonly onZoom: (change: (before: Zoom) => Zoom | null) => void;
}

/** The picture itself, with what pointer and keys do to it. */
function Plot({ spec, drawing, cursor, words, selected, onCursor, onZoom, onPick }: PlotProps): VNode {
  const { drawn, layout, width, holder, canvas } = drawing;
  const [box, setBox] = useState<Box | null>(null);
  const placeOf = (series: DrawnSeries | undefined, point: number): Place | null =>
    layout && series && point >= 0 && point < series.x.length
      ? { x: layout.toX(series.x[point]), y: layout.toY(series.y[point]) }
      : null;
  const here = placeOf(cursor ? drawn[cursor.series] : undefined, cursor?.point ?? -1);
  const mine = selected ? drawn.find((series) => series.spec.id === selected.series) : undefined;
  const chosen = placeOf(mine, mine && selected ? mine.source.indexOf(selected.index) : -1);
  const pointer = (event: MouseEvent): Place => {
    const rect = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  };
  const nearest = (place: Place): Cursor | null => layout && nearestPoint(drawn, layout, place, 40);
  const pick = ({ series, point }: Cursor): void => onPick?.(drawn[series].spec.id, drawn[series].source[point]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      onZoom(() => ({}));
      onCursor(null, false);
      return;
    }
    const next = moveCursor(drawn, cursor, event.key);
    if (next) onCursor(next, true);
    else if ((event.key === 'Enter' || event.key === ' ') && cursor) pick(cursor);
    else return;
    event.preventDefault();
  };
  return (
    <div
      class="plot"
      ref={holder}
      style={{ minHeight: `${spec.height ?? 260}px` }}
      tabIndex={0}
      role="application"
      aria-roledescription="chart"
      aria-label={`${spec.title}. ${summaryOf(spec, onPick)} Arrow keys move along the points${
        legendEntries(spec).length > 1 ? ' and between series' : ''
      }${onPick ? ', Enter chooses one' : ''}.`}
      onKeyDown={onKeyDown}
      onBlur={() => onCursor(null, false)}
    >
      <canvas
        ref={canvas}
        class={onPick ? 'pickable' : undefined}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          const from = pointer(event);
          setBox({ from, to: from });
        }}
        onPointerMove={(event) => {
          const to = pointer(event);
          if (box) setBox({ from: box.from, to });
          onCursor(nearest(to), false);
        }}
        onPointerUp={() => {
          if (box && layout) onZoom((before) => zoomOf(layout, box, before));
          setBox(null);
        }}
        onPointerLeave={() => {
          setBox(null);
          onCursor(null, false);
        }}
        onClick={(event) => {
          const found = nearest(pointer(event));
          if (found) pick(found);
        }}
        onDblClick={() => onZoom(() => ({}))}
      />
      {box && <SelectBox from={box.from} to={box.to} />}
      {chosen && <Ring at={chosen} chosen />}
      {here && <Ring at={here} />}
      <Tip at={here} width={width} text={words} />
    </div>
  );
}

function Ring({ at, chosen }: { readonly at: Place; readonly chosen?: boolean }): VNode {
  return (
    <div
      class={chosen ? 'ring-mark chosen' : 'ring-mark'}
      style={{ transform: `translate(${at.x - 7}px, ${at.y - 7}px)` }}
    />
  );
}

function SelectBox({ from, to }: { readonly from: Place; readonly to: Place }): VNode {
  return (
    <div
      class="select-box"
      style={{
        left: `${Math.min(from.x, to.x)}px`,
        top: `${Math.min(from.y, to.y)}px`,
        width: `${Math.abs(to.x - from.x)}px`,
        height: `${Math.abs(to.y - from.y)}px`,
      }}
    />
  );
}
