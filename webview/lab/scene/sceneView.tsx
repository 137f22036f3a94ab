import type { VNode } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { paintInto, useWidth } from '../../charts/chart.tsx';
import type { DataTable, Picture } from '../../charts/exportFile.ts';
import { Frame } from '../../charts/frame.tsx';
import type { Ink } from '../../charts/ink.ts';
import { paintCanvas, paintSvg } from '../../charts/ink.ts';
import type { Palette } from '../../charts/theme.ts';
import { type Place, Tip } from '../../charts/tip.tsx';
import { usePalette } from '../../charts/theme.ts';
import { toneColor } from '../../charts/theme.ts';
import { Button } from '../../ui/controls.ts';
import { sceneInk } from './sceneDrawing.ts';
import { type Camera, homeCamera, type Layer, type Primitive, type Scene, seen } from './sceneModel.ts';

/** Pixels around a mark in which the pointer is at it. */
const reach = 12;
const turn = Math.PI / 36;

const rotate = (from: Camera, yaw: number, pitch: number): Camera => ({
  ...from,
  yaw: from.yaw + yaw,
  pitch: Math.max(-Math.PI / 2, Math.min(Math.PI / 2, from.pitch + pitch)),
});
const zoom = (from: Camera, factor: number): Camera => ({
  ...from,
  zoom: Math.max(0.5, Math.min(6, from.zoom * factor)),
});

/** What a key does to the camera. */
const cameraKeys: Readonly<Record<string, ((now: Camera) => Camera) | undefined>> = {
  ArrowLeft: (now) => rotate(now, -turn, 0),
  ArrowRight: (now) => rotate(now, turn, 0),
  ArrowUp: (now) => rotate(now, 0, turn),
  ArrowDown: (now) => rotate(now, 0, -turn),
  '+': (now) => zoom(now, 1.2),
  '=': (now) => zoom(now, 1.2),
  '-': (now) => zoom(now, 1 / 1.2),
  Home: () => homeCamera,
};

/** The mark within reach of a place in the picture. */
function nearestMark(primitives: readonly Primitive[], x: number, y: number): Chosen {
  let best: Chosen = null;
  let distance = reach;
  for (const item of primitives) {
    if (item.kind !== 'mark') continue;
    const d = Math.hypot(item.at[0] - x, item.at[1] - y);
    if (d <= distance) {
      best = { layer: item.layer, index: item.index };
      distance = d;
    }
  }
  return best;
}

type Chosen = { readonly layer: string; readonly index: number } | null;

/** A picture in space, turned with the mouse or the keys. */
export function SceneView({ scene }: { readonly scene: Scene }): VNode {
  const palette = usePalette();
  const canvas = useRef<HTMLCanvasElement>(null);
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder, true);
  const height = heightOf(width);
  const [camera, setCamera] = useState<Camera>(homeCamera);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(
    () => new Set(scene.layers.filter((layer) => layer.hidden === true).map(({ id }) => id)),
  );
  const [chosen, setChosen] = useState<Chosen>(null);
  const [spoken, setSpoken] = useState(false);
  const drag = useRef<{ readonly x: number; readonly y: number; readonly from: Camera } | null>(null);
  const primitives = useMemo(() => seen(scene, hidden, camera, width, height), [scene, hidden, camera, width, height]);

  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element || width === 0) return undefined;
    const frame = requestAnimationFrame(() =>
      paintInto(element, width, height, (ctx) =>
        paintCanvas(ctx, sceneInk(primitives, palette, width, height, chosen), palette.font),
      ),
    );
    return () => cancelAnimationFrame(frame);
  }, [primitives, palette, chosen, width, height]);

  const marks = scene.layers.flatMap((layer) =>
    layer.kind === 'marks' && !hidden.has(layer.id) ? layer.points.map((_, index) => ({ layer: layer.id, index })) : [],
  );
  const words = wordsOf(scene, chosen);
  const step = (by: number): void => {
    if (marks.length === 0) return;
    const now = marks.findIndex(({ layer, index }) => layer === chosen?.layer && index === chosen.index);
    setSpoken(true);
    setChosen(marks[now < 0 ? (by > 0 ? 0 : marks.length - 1) : (now + by + marks.length) % marks.length]);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = cameraKeys[event.key];
    if (move !== undefined) setCamera(move);
    else if (event.key === 'PageDown') step(1);
    else if (event.key === 'PageUp') step(-1);
    else if (event.key === 'Escape') setChosen(null);
    else return;
    event.preventDefault();
  };
  const place = (event: PointerEvent): readonly [number, number] => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  return (
    <Frame
      id={scene.id}
      title={scene.title}
      summary={scene.summary}
      readout={words}
      spoken={spoken}
      table={() => sceneTable(scene)}
      picture={() => scenePicture(scene, hidden, camera)}
      controls={<Button onPress={() => setCamera(homeCamera)}>Reset view</Button>}
      legend={<LayerList scene={scene} hidden={hidden} onChange={setHidden} />}
    >
      <div
        class="plot scene"
        ref={holder}
        tabIndex={0}
        role="application"
        aria-roledescription="picture in space"
        aria-label={`${scene.title}. ${scene.summary} Arrow keys turn it, plus and minus zoom, Home resets the view, Page Up and Page Down go through the neurons.`}
        onKeyDown={onKeyDown}
        onBlur={() => setSpoken(false)}
      >
        <canvas
          ref={canvas}
          onPointerDown={(event) => {
            drag.current = { x: event.clientX, y: event.clientY, from: camera };
            event.currentTarget.setPointerCapture(event.pointerId);
          }}
          onPointerMove={(event) => {
            const start = drag.current;
            if (start) {
              setCamera(rotate(start.from, (start.x - event.clientX) / 120, (event.clientY - start.y) / 120));
              return;
            }
            setSpoken(false);
            setChosen(nearestMark(primitives, ...place(event)));
          }}
          onPointerUp={() => (drag.current = null)}
          onPointerCancel={() => (drag.current = null)}
        />
        <Tip at={placeOf(primitives, chosen)} width={width} text={words} />
      </div>
    </Frame>
  );
}

function scenePicture(scene: Scene, hidden: ReadonlySet<string>, camera: Camera): Picture {
  return {
    title: scene.title,
    summary: scene.summary,
    height: heightOf,
    ink: (wide, high, print) => sceneInk(seen(scene, hidden, camera, wide, high), print, wide, high, null),
    legend: scene.layers
      .filter(({ id }) => !hidden.has(id))
      .map((layer) => ({ label: layer.label, swatch: (print, x, y) => layerSwatch(layer, print, x, y) })),
  };
}

/** Check boxes that show and hide the layers, which are the legend as well. */
function LayerList({
  scene,
  hidden,
  onChange,
}: {
  readonly scene: Scene;
  readonly hidden: ReadonlySet<string>;
  readonly onChange: (hidden: ReadonlySet<string>) => void;
}): VNode {
  const palette = usePalette();
  return (
    <ul class="legend" aria-label={`Legend: ${scene.title}`}>
      {scene.layers.map((layer) => (
        <li key={layer.id} class="legend-entry">
          <label class="scene-layer">
            <input
              type="checkbox"
              checked={!hidden.has(layer.id)}
              onChange={() => {
                const next = new Set(hidden);
                if (!next.delete(layer.id)) next.add(layer.id);
                onChange(next);
              }}
            />
            <svg
              class="swatch"
              width="28"
              height="12"
              viewBox="0 0 28 12"
              aria-hidden="true"
              dangerouslySetInnerHTML={{ __html: paintSvg(layerSwatch(layer, palette, 0, 0)).join('') }}
            />
            {layer.label}
          </label>
        </li>
      ))}
    </ul>
  );
}

const heightOf = (width: number): number => Math.round(Math.max(240, Math.min(640, 0.7 * width)));

/** Where the chosen mark is. */
function placeOf(primitives: readonly Primitive[], chosen: Chosen): Place | null {
  for (const item of primitives) {
    if (item.kind === 'mark' && item.layer === chosen?.layer && item.index === chosen.index)
      return { x: item.at[0], y: item.at[1] };
  }
  return null;
}

function layerSwatch(layer: Layer, palette: Palette, x: number, y: number): Ink[] {
  const color = toneColor(palette, layer.tone);
  if (layer.kind === 'curve')
    return [{ kind: 'path', lines: [[x + 4, y + 6, x + 24, y + 6]], stroke: color, width: 2 }];
  if (layer.kind === 'marks')
    return [{ kind: 'marks', shape: layer.mark, at: [x + 14, y + 6], radius: 4.5, fill: color }];
  return [
    { kind: 'rect', x: x + 6, y: y + 1, width: 16, height: 10, fill: color, alpha: layer.kind === 'mesh' ? 0.6 : 0.25 },
    { kind: 'rect', x: x + 6, y: y + 1, width: 16, height: 10, stroke: color },
  ];
}

function wordsOf(scene: Scene, chosen: Chosen): string {
  const layer = scene.layers.find(({ id }) => id === chosen?.layer);
  return layer?.kind === 'marks' && chosen ? `${layer.label}: ${layer.describe(chosen.index)}` : '';
}

/** All points of the layers with their coordinates. */
function sceneTable(scene: Scene): DataTable {
  const rows: { readonly label: string; readonly point: ArrayLike<number>; readonly note: string }[] = [];
  for (const layer of scene.layers) {
    const flat = (points: readonly number[]): void => {
      for (let i = 0; i + 2 < points.length; i += 3)
        rows.push({ label: layer.label, point: points.slice(i, i + 3), note: '' });
    };
    if (layer.kind === 'mesh' || layer.kind === 'curve') flat(layer.points);
    else if (layer.kind === 'faces') flat(layer.corners);
    else if (layer.kind === 'marks')
      layer.points.forEach((point, i) => rows.push({ label: layer.label, point, note: layer.describe(i) }));
  }
  // Neurons first: they are what one looks for.
  rows.sort((a, b) => Number(b.note !== '') - Number(a.note !== ''));
  return {
    header: ['what', ...scene.axes, 'note'],
    rows: rows.length,
    cell: (row, column) => {
      const { label, point, note } = rows[row];
      return column === 0 ? label : column === 4 ? note : point[column - 1];
    },
  };
}
