import type { VNode } from 'preact';
import { useCallback, useMemo, useState } from 'preact/hooks';
import { formatNumber } from '../../ui/format.ts';
import { CanvasFigure } from '../canvasFigure.tsx';
import { paintSvg } from '../ink.ts';
import type { Palette } from '../theme.ts';
import { usePalette } from '../theme.ts';
import type { Certainty, SurfaceModel, SurfaceShape } from './surfaceModel.ts';
import { surfaceModel, surfaceTable, surfaceWords } from './surfaceModel.ts';
import { classSwatch, surfacePicture } from './surfacePicture.ts';
import { cellPlace, scaleEnds, scaleInk, surfaceBox, surfaceCursor, surfaceInk } from './surfaceRenderer.ts';

const scaleWidth = 120;

/** Decision regions or fitted values over two features, with the data points and the line on which each neuron switches. */
export function Surface({
  shape,
  certainty = null,
  id = 'fitted-surface',
  title,
  summary,
}: {
  readonly shape: SurfaceShape;
  /** What the outputs of a classifier mean. */
  readonly certainty?: Certainty;
  /** Name, heading and words, when it is not the fit of the run. */
  readonly id?: string;
  readonly title?: string;
  readonly summary?: string;
}): VNode {
  const model = useMemo(() => surfaceModel(shape, certainty), [shape, certainty]);
  const [cursor, setCursor] = useState<{ column: number; row: number } | null>(null);
  const [spoken, setSpoken] = useState(false);
  const draw = useCallback(
    (width: number, height: number, colors: Palette) => surfaceInk(model, width, height, colors),
    [model],
  );
  const over = useCallback(
    (width: number, height: number, colors: Palette) =>
      cursor ? surfaceCursor(model, width, height, colors, cursor) : [],
    [model, cursor],
  );
  const clamp = (value: number, count: number): number => Math.max(0, Math.min(count - 1, value));
  const onKey = (key: string): boolean => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    if (!step) return false;
    setSpoken(true);
    const from = cursor ?? { column: model.columns >> 1, row: model.rows >> 1 };
    setCursor({ column: clamp(from.column + step[0], model.columns), row: clamp(from.row + step[1], model.rows) });
    return true;
  };
  const picture = surfacePicture(model, { title, summary });
  return (
    <CanvasFigure
      id={id}
      title={picture.title}
      summary={picture.summary}
      instructions="Arrow keys move over the grid."
      height={picture.height}
      draw={draw}
      over={over}
      cursorPlace={(width, height) => cursor && cellPlace(model, width, height, cursor)}
      readout={cursor ? surfaceWords(model, cursor.column, cursor.row, (v) => formatNumber(v)) : ''}
      spoken={spoken}
      table={() => surfaceTable(model)}
      onPoint={(at) => {
        setSpoken(false);
        if (!at) {
          setCursor(null);
          return;
        }
        const box = surfaceBox(at.width, at.height);
        const column = Math.floor(((at.x - box.left) / box.width) * model.columns);
        const row = Math.floor((1 - (at.y - box.top) / box.height) * model.rows);
        const inside = column >= 0 && row >= 0 && column < model.columns && row < model.rows;
        setCursor(inside ? { column, row } : null);
      }}
      onKey={onKey}
      legend={<SurfaceLegend model={model} title={picture.title} />}
      fileLegend={picture.legend}
    />
  );
}

/** Marks of the classes, and what the scale of colours means. */
function SurfaceLegend({ model, title }: { readonly model: SurfaceModel; readonly title: string }): VNode {
  const palette = usePalette();
  const ends = scaleEnds(model);
  return (
    <ul class="legend" aria-label={`Legend: ${title}`}>
      {model.shape.classes.map((name, i) => (
        <li key={name} class="legend-entry">
          <svg
            class="swatch"
            width="28"
            height="12"
            viewBox="0 0 28 12"
            aria-hidden="true"
            dangerouslySetInnerHTML={{ __html: paintSvg(classSwatch(i, palette, 0, 0)).join('') }}
          />
          {name}
        </li>
      ))}
      {ends && (
        <li class="legend-entry">
          {ends[0]}
          <svg
            class="swatch"
            width={scaleWidth}
            height="12"
            viewBox={`0 0 ${scaleWidth} 12`}
            aria-hidden="true"
            dangerouslySetInnerHTML={{ __html: paintSvg(scaleInk(model, palette, 0, 0, scaleWidth)).join('') }}
          />
          {ends[1]}
        </li>
      )}
    </ul>
  );
}
