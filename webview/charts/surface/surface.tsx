import type { VNode } from 'preact';
import { useCallback, useMemo, useState } from 'preact/hooks';
import { formatNumber } from '../../ui/format.ts';
import { CanvasFigure } from '../canvasFigure.tsx';
import type { LegendEntry } from '../exportFile.ts';
import { paintSvg } from '../ink.ts';
import type { Palette } from '../theme.ts';
import { usePalette } from '../theme.ts';
import type { Certainty, SurfaceModel, SurfaceShape } from './surfaceModel.ts';
import { surfaceModel, surfaceTable, surfaceWords } from './surfaceModel.ts';
import {
  cellPlace,
  classMarks,
  classTone,
  scaleEnds,
  scaleInk,
  surfaceBox,
  surfaceCursor,
  surfaceInk,
} from './surfaceRenderer.ts';

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
  const heading = title ?? (classes ? 'Decision regions' : 'Fitted surface');
  return (
    <CanvasFigure
      id={id}
      title={heading}
      summary={
        summary ??
        (classes
          ? `Each region is the class the network predicts${model.certainty === null ? '' : ', the stronger its colour the more probable'}; dashed lines are where neurons switch on and off. Hollow points are test rows.`
          : 'Thin lines are equal values, dashed lines where neurons switch on and off. Hollow points are test rows.')
      }
      instructions="Arrow keys move over the grid."
      height={(width) => Math.max(240, Math.min(460, width * 0.72))}
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
      legend={<SurfaceLegend model={model} title={heading} />}
      fileLegend={fileLegend(model)}
    />
  );
}

function classSwatch(index: number, palette: Palette, x: number, y: number): ReturnType<LegendEntry['swatch']> {
  return [
    {
      kind: 'marks',
      shape: classMarks[index % classMarks.length],
      at: [x + 14, y + 6],
      radius: 4,
      fill: palette.series[classTone(index)],
    },
  ];
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

function fileLegend(model: SurfaceModel): readonly LegendEntry[] {
  const ends = scaleEnds(model);
  return [
    ...model.shape.classes.map((label, i): LegendEntry => ({ label, swatch: (p, x, y) => classSwatch(i, p, x, y) })),
    ...(ends
      ? [
          {
            label: `faint ${ends[0]}, strong ${ends[1]}`,
            swatch: (p: Palette, x: number, y: number) => scaleInk(model, p, x, y, 28),
          },
        ]
      : []),
  ];
}
