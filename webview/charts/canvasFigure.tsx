import type { ComponentChildren, VNode } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { paintInto, useWidth } from './chart.tsx';
import type { DataTable, LegendEntry } from './exportFile.ts';
import { Frame } from './frame.tsx';
import type { Ink } from './ink.ts';
import { paintCanvas } from './ink.ts';
import type { Palette } from './theme.ts';
import { usePalette } from './theme.ts';
import type { Place } from './tip.tsx';
import { Tip } from './tip.tsx';

/** What is drawn on `width` x `height` pixels. */
export type Draw = (width: number, height: number, palette: Palette) => Ink[];

export interface CanvasFigureProps {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** Words for the keyboard: what the keys do. */
  readonly instructions: string;
  readonly height: number | ((width: number) => number);
  readonly draw: Draw;
  /** What is drawn over it for cursor and selection, on the page only. */
  readonly over?: Draw;
  readonly readout: string;
  /** Where the keyboard cursor is; left out: at the pointer. */
  readonly cursorPlace?: (width: number, height: number) => Place | null;
  readonly spoken: boolean;
  readonly table: () => DataTable;
  /** Place in CSS pixels; null when the pointer leaves. */
  readonly onPoint: (at: { x: number; y: number; width: number; height: number } | null) => void;
  readonly onPick?: (at: { x: number; y: number; width: number; height: number }) => void;
  /** Returns whether the key was used. */
  readonly onKey: (key: string) => boolean;
  readonly controls?: ComponentChildren;
  readonly legend?: ComponentChildren;
  /** The legend in files. */
  readonly fileLegend?: readonly LegendEntry[];
}

/** The element for maps of cells: size, device pixels, one frame per change, theme, pointer and keys. */
export function CanvasFigure(props: CanvasFigureProps): VNode {
  const { id, title, summary, instructions, height, draw, over, readout, spoken, table, onPoint, onPick, onKey } =
    props;
  const palette = usePalette();
  const holder = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const marks = useRef<HTMLCanvasElement>(null);
  const [pointer, setPointer] = useState<Place | null>(null);
  const width = useWidth(holder, true);
  const heightOf = (wide: number): number => Math.round(typeof height === 'number' ? height : height(wide));
  const tall = heightOf(width);
  usePainted(canvas, draw, width, tall, palette);
  // A layer of its own: what moves with the pointer must not draw the cells again.
  usePainted(marks, over, width, tall, palette);

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
      picture={() => ({ title, summary, height: heightOf, ink: draw, legend: props.fileLegend ?? [] })}
      controls={props.controls}
      legend={props.legend}
    >
      <div
        class="plot"
        ref={holder}
        tabIndex={0}
        role="application"
        aria-roledescription="picture"
        aria-label={`${title}. ${summary} ${instructions}`}
        onKeyDown={(event) => {
          if (!onKey(event.key)) return;
          setPointer(null);
          event.preventDefault();
        }}
        onBlur={() => onPoint(null)}
      >
        <canvas
          ref={canvas}
          class={onPick ? 'pickable' : undefined}
          onMouseMove={(event) => {
            const at = place(event);
            setPointer(at);
            onPoint(at);
          }}
          onMouseLeave={() => {
            setPointer(null);
            onPoint(null);
          }}
          onClick={onPick && ((event) => onPick(place(event)))}
        />
        {over && <canvas ref={marks} class="marks" aria-hidden="true" />}
        <Tip at={pointer ?? props.cursorPlace?.(width, tall) ?? null} width={width} text={readout} />
      </div>
    </Frame>
  );
}

/** Draws on a canvas when anything of it changes, once a frame. */
function usePainted(
  canvas: { readonly current: HTMLCanvasElement | null },
  draw: Draw | undefined,
  width: number,
  height: number,
  palette: Palette,
): void {
  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element || !draw || width === 0) return undefined;
    const frame = requestAnimationFrame(() =>
      paintInto(element, width, height, (ctx) => paintCanvas(ctx, draw(width, height, palette), palette.font)),
    );
    return () => cancelAnimationFrame(frame);
  }, [draw, palette, width, height]);
}
