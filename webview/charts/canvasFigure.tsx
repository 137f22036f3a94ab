import type { ComponentChildren, VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { DataTable } from './exportFile.ts';
import { canvasPng } from './exportFile.ts';
import { Frame } from './frame.tsx';
import type { Palette } from './theme.ts';
import { usePalette } from './theme.ts';

/** Draws on a canvas of `width` x `height` CSS pixels; the context is already scaled to them. */
export type Draw = (ctx: CanvasRenderingContext2D, width: number, height: number, palette: Palette) => void;

export interface CanvasFigureProps {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** Words for the keyboard: what the keys do. */
  readonly instructions: string;
  readonly height: number | ((width: number) => number);
  readonly draw: Draw;
  readonly readout: string;
  readonly spoken: boolean;
  readonly table: () => DataTable;
  /** Place in CSS pixels; null when the pointer leaves. */
  readonly onPoint: (at: { x: number; y: number; width: number; height: number } | null) => void;
  readonly onPick?: (at: { x: number; y: number; width: number; height: number }) => void;
  /** Returns whether the key was used. */
  readonly onKey: (key: string) => boolean;
  readonly controls?: ComponentChildren;
  readonly legend?: ComponentChildren;
}

/** The element for hand-drawn pictures: size, device pixels, one frame per change, theme, pointer and keys. */
export function CanvasFigure(props: CanvasFigureProps): VNode {
  const { id, title, summary, instructions, height, draw, readout, spoken, table, onPoint, onPick, onKey } = props;
  const palette = usePalette();
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef({ draw, palette, height });
  latest.current = { draw, palette, height };
  const frame = useRef(0);

  const schedule = (): void => {
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => paint(canvas.current, latest.current));
  };
  useLayoutEffect(schedule, [draw, palette, height]);
  useLayoutEffect(() => {
    const element = canvas.current?.parentElement;
    if (!element) return undefined;
    const observer = new ResizeObserver(schedule);
    observer.observe(element);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
    };
  }, []);

  const place = (event: MouseEvent): { x: number; y: number; width: number; height: number } => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width, height: box.height };
  };
  return (
    <Frame
      id={id}
      title={title}
      summary={summary}
      readout={readout}
      spoken={spoken}
      table={table}
      png={() => paintPng(canvas.current, latest.current)}
      controls={props.controls}
      legend={props.legend}
    >
      <div
        class="plot"
        tabIndex={0}
        role="application"
        aria-roledescription="picture"
        aria-label={`${title}. ${summary} ${instructions}`}
        onKeyDown={(event) => {
          if (onKey(event.key)) event.preventDefault();
        }}
        onBlur={() => onPoint(null)}
      >
        <canvas
          ref={canvas}
          class={onPick ? 'pickable' : undefined}
          onMouseMove={(event) => onPoint(place(event))}
          onMouseLeave={() => onPoint(null)}
          onClick={onPick && ((event) => onPick(place(event)))}
        />
      </div>
    </Frame>
  );
}

interface Painting {
  readonly draw: Draw;
  readonly palette: Palette;
  readonly height: number | ((width: number) => number);
}

function paint(canvas: HTMLCanvasElement | null, { draw, palette, height }: Painting): void {
  const holder = canvas?.parentElement;
  if (!canvas || !holder) return;
  const width = Math.max(120, holder.clientWidth);
  const tall = Math.round(typeof height === 'number' ? height : height(width));
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(tall * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${tall}px`;
  const ctx = canvas.getContext('2d');
  if (!ctx) return;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, tall);
  ctx.font = `11px ${palette.font}`;
  draw(ctx, width, tall, palette);
}

function paintPng(source: HTMLCanvasElement | null, { palette }: Painting): string {
  if (!source) return '';
  const canvas = document.createElement('canvas');
  canvas.width = source.width;
  canvas.height = source.height;
  const ctx = canvas.getContext('2d')!;
  ctx.fillStyle = palette.background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.drawImage(source, 0, 0);
  return canvasPng(canvas);
}
