import type { VNode } from 'preact';
import { useCallback, useMemo, useState } from 'preact/hooks';
import { formatNumber } from '../../ui/format.ts';
import { CanvasFigure } from '../canvasFigure.tsx';
import { markPath } from '../mark.ts';
import type { Palette } from '../theme.ts';
import { usePalette } from '../theme.ts';
import type { SurfaceShape } from './surfaceModel.ts';
import { surfaceModel, surfaceTable, surfaceWords } from './surfaceModel.ts';
import { classMarks, classTone, drawSurface, surfaceBox } from './surfaceRenderer.ts';

/** Decision regions or fitted values over two features, with the data points and the line on which each neuron switches. */
export function Surface({
  shape,
  id = 'fitted-surface',
  title,
  summary,
}: {
  readonly shape: SurfaceShape;
  /** Name, heading and words, when it is not the fit of the run. */
  readonly id?: string;
  readonly title?: string;
  readonly summary?: string;
}): VNode {
  const model = useMemo(() => surfaceModel(shape), [shape]);
  const palette = usePalette();
  const [cursor, setCursor] = useState<{ column: number; row: number } | null>(null);
  const [spoken, setSpoken] = useState(false);
  const draw = useCallback(
    (ctx: CanvasRenderingContext2D, width: number, height: number, colors: Palette) =>
      drawSurface(ctx, model, width, height, colors, cursor),
    [model, cursor],
  );
  const classes = shape.classes.length > 0;
  const clamp = (value: number, count: number): number => Math.max(0, Math.min(count - 1, value));
  const onKey = (key: string): boolean => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    if (!step) return false;
    setSpoken(true);
    const from = cursor ?? { column: model.columns >> 1, row: model.rows >> 1 };
    setCursor({ column: clamp(from.column + step[0], model.columns), row: clamp(from.row + step[1], model.rows) });
    return true;
  };
  return (
    <CanvasFigure
      id={id}
      title={title ?? (classes ? 'Decision regions' : 'Fitted surface')}
      summary={
        summary ??
        (classes
          ? 'Each region is the class the network predicts; dashed lines are where neurons switch on and off. Hollow points are test rows.'
          : 'Thin lines are equal values, dashed lines where neurons switch on and off. Hollow points are test rows.')
      }
      instructions="Arrow keys move over the grid."
      height={(width) => Math.max(240, Math.min(460, width * 0.72))}
      draw={draw}
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
      legend={
        classes && (
          <ul class="legend" aria-label={`Legend: ${title ?? 'Decision regions'}`}>
            {shape.classes.map((name, i) => (
              <li key={name} class="legend-entry">
                <svg class="swatch" width="16" height="12" viewBox="0 0 16 12" aria-hidden="true">
                  <path d={markPath(classMarks[i % classMarks.length], 8, 6, 4)} fill={palette.series[classTone(i)]} />
                </svg>
                {name}
              </li>
            ))}
          </ul>
        )
      }
    />
  );
}
