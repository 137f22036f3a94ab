import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { canvasPng, type DataTable } from '../../charts/exportFile.ts';
import { Frame } from '../../charts/frame.tsx';
import { usePalette } from '../../charts/theme.ts';
import { toneColor } from '../../charts/theme.ts';
import { Button } from '../../ui/controls.ts';
import { drawScene, sceneSvg } from './sceneDrawing.ts';
import { type Camera, homeCamera, type Layer, type Scene, seen } from './sceneModel.ts';

/** Pixels around a mark in which the pointer is at it. */
const reach = 12;
const turn = Math.PI / 36;

type Chosen = { readonly layer: string; readonly index: number } | null;

/** A picture in space, turned with the mouse or the keys. */
export function SceneView({ scene }: { readonly scene: Scene }): VNode {
  const palette = usePalette();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 480, height: 400 });
  const [camera, setCamera] = useState<Camera>(homeCamera);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(
    () => new Set(scene.layers.filter((layer) => layer.hidden === true).map(({ id }) => id)),
  );
  const [chosen, setChosen] = useState<Chosen>(null);
  const [spoken, setSpoken] = useState(false);
  const drag = useRef<{ readonly x: number; readonly y: number; readonly from: Camera } | null>(null);
  const primitives = useMemo(
    () => seen(scene, hidden, camera, size.width, size.height),
    [scene, hidden, camera, size.width, size.height],
  );

  useEffect(() => {
    const holder = canvas.current?.parentElement;
    if (!holder) return undefined;
    const fit = (): void => {
      const width = Math.max(120, holder.clientWidth);
      const height = Math.round(Math.max(240, Math.min(460, 0.8 * width)));
      setSize((now) => (now.width === width && now.height === height ? now : { width, height }));
    };
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(holder);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const frame = requestAnimationFrame(() => {
      const element = canvas.current;
      const ctx = element?.getContext('2d');
      if (!element || !ctx) return;
      const ratio = window.devicePixelRatio || 1;
      element.width = Math.round(size.width * ratio);
      element.height = Math.round(size.height * ratio);
      element.style.width = `${size.width}px`;
      element.style.height = `${size.height}px`;
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      ctx.font = `12px ${palette.font}`;
      drawScene(ctx, primitives, palette, chosen);
    });
    return () => cancelAnimationFrame(frame);
  }, [primitives, palette, chosen, size]);

  const marks = scene.layers.flatMap((layer) =>
    layer.kind === 'marks' && !hidden.has(layer.id) ? layer.points.map((_, index) => ({ layer: layer.id, index })) : [],
  );
  const words = wordsOf(scene, chosen);
  const rotate = (from: Camera, yaw: number, pitch: number): Camera => ({
    ...from,
    yaw: from.yaw + yaw,
    pitch: Math.max(-Math.PI / 2, Math.min(Math.PI / 2, from.pitch + pitch)),
  });
  const zoom = (factor: number): void =>
    setCamera((now) => ({ ...now, zoom: Math.max(0.5, Math.min(6, now.zoom * factor)) }));
  const step = (by: number): void => {
    if (marks.length === 0) return;
    const now = marks.findIndex(({ layer, index }) => layer === chosen?.layer && index === chosen.index);
    setSpoken(true);
    setChosen(marks[now < 0 ? (by > 0 ? 0 : marks.length - 1) : (now + by + marks.length) % marks.length]);
  };
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => setCamera((now) => rotate(now, -turn, 0)),
    ArrowRight: () => setCamera((now) => rotate(now, turn, 0)),
    ArrowUp: () => setCamera((now) => rotate(now, 0, turn)),
    ArrowDown: () => setCamera((now) => rotate(now, 0, -turn)),
    '+': () => zoom(1.2),
    '=': () => zoom(1.2),
    '-': () => zoom(1 / 1.2),
    Home: () => setCamera(homeCamera),
    PageDown: () => step(1),
    PageUp: () => step(-1),
    Escape: () => setChosen(null),
  };
  const nearest = (x: number, y: number): Chosen => {
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
      png={() => pngOf(canvas.current, palette.background)}
      svg={() => sceneSvg(primitives, palette, scene, size.width, size.height)}
      controls={<Button onPress={() => setCamera(homeCamera)}>Reset view</Button>}
      legend={<LayerList scene={scene} hidden={hidden} onChange={setHidden} />}
    >
      <div
        class="plot scene"
        tabIndex={0}
        role="application"
        aria-roledescription="picture in space"
        aria-label={`${scene.title}. ${scene.summary} Arrow keys turn it, plus and minus zoom, Home resets the view, Page Up and Page Down go through the neurons.`}
        onKeyDown={(event) => {
          if (event.ctrlKey || event.metaKey || event.altKey || keys[event.key] === undefined) return;
          keys[event.key]();
          event.preventDefault();
        }}
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
            setChosen(nearest(...place(event)));
          }}
          onPointerUp={() => (drag.current = null)}
          onPointerCancel={() => (drag.current = null)}
        />
      </div>
    </Frame>
  );
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
            <Swatch layer={layer} color={toneColor(palette, layer.tone)} />
            {layer.label}
          </label>
        </li>
      ))}
    </ul>
  );
}

function Swatch({ layer, color }: { readonly layer: Layer; readonly color: string }): VNode {
  return (
    <svg class="swatch" width="16" height="12" viewBox="0 0 16 12" aria-hidden="true">
      {layer.kind === 'curve' ? (
        <path d="M1 6H15" stroke={color} stroke-width="2" />
      ) : layer.kind === 'marks' ? (
        <path d={layer.mark === 'diamond' ? 'M8 1L13 6L8 11L3 6Z' : 'M8 1L13 11H3Z'} fill={color} />
      ) : (
        <rect
          x="2"
          y="1"
          width="12"
          height="10"
          fill={color}
          fill-opacity={layer.kind === 'mesh' ? 0.6 : 0.2}
          stroke={color}
        />
      )}
    </svg>
  );
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

function pngOf(source: HTMLCanvasElement | null, background: string): string {
  if (!source) return '';
  const canvas = document.createElement('canvas');
  canvas.width = source.width;
  canvas.height = source.height;
  const ctx = canvas.getContext('2d')!;
  ctx.fillStyle = background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.drawImage(source, 0, 0);
  return canvasPng(canvas);
}
