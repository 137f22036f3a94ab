import type { ComponentChildren, VNode } from 'preact';
import { useCallback, useState } from 'preact/hooks';
import { CanvasFigure } from '../canvasFigure.tsx';
import type { Palette } from '../theme.ts';
import type { HeatmapModel } from './heatmapModel.ts';
import { heatmapTable } from './heatmapModel.ts';
import type { HeatmapCursor } from './heatmapRenderer.ts';
import { heatmapBox, heatmapHeight, heatmapInk, heatmapMarks } from './heatmapRenderer.ts';

export interface HeatmapProps {
  readonly model: HeatmapModel;
  readonly selectedBand: number;
  readonly selectedRow: number | null;
  readonly onPick: (band: number, row: number) => void;
  readonly controls?: ComponentChildren;
  /** What a band is, when it is not a neuron. */
  readonly summary?: string;
}

/** Which neuron is on for which row. */
export function Heatmap({ model, selectedBand, selectedRow, onPick, controls, summary }: HeatmapProps): VNode {
  const [cursor, setCursor] = useState<HeatmapCursor | null>(null);
  const [spoken, setSpoken] = useState(false);
  const n = model.order.length;
  const m = model.bands.length;
  const draw = useCallback(
    (width: number, height: number, palette: Palette) => heatmapInk(model, width, height, palette),
    [model],
  );
  const over = useCallback(
    (width: number, height: number, palette: Palette) => [
      ...heatmapMarks(model, width, height, selectedBand, selectedRow, palette.series[1]),
      ...(cursor ? heatmapMarks(model, width, height, cursor.band, cursor.row, palette.focus) : []),
    ],
    [model, cursor, selectedBand, selectedRow],
  );
  const find = (at: { x: number; y: number; width: number; height: number }): HeatmapCursor | null => {
    const box = heatmapBox(at.width, at.height);
    const column = Math.floor(((at.x - box.left) / box.width) * n);
    const band = Math.floor(((at.y - box.top) / box.height) * m);
    return column >= 0 && column < n && band >= 0 && band < m ? { band, row: model.order[column] } : null;
  };
  const onKey = (key: string): boolean => {
    if (n === 0 || m === 0) return false;
    const from = cursor ?? { band: Math.max(0, selectedBand), row: selectedRow ?? model.order[0] };
    if (key === 'Enter' || key === ' ') {
      onPick(from.band, from.row);
      return true;
    }
    const page = Math.max(1, Math.round(n / 20));
    const step = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      PageUp: [0, -page],
      PageDown: [0, page],
      Home: [0, -n],
      End: [0, n],
    }[key];
    if (!step) return false;
    setSpoken(true);
    const at = Math.max(0, Math.min(n - 1, model.place[from.row] + step[1]));
    setCursor({ band: Math.max(0, Math.min(m - 1, from.band + step[0])), row: model.order[at] });
    return true;
  };
  return (
    <CanvasFigure
      id="activation-patterns"
      title="Activation patterns"
      summary={
        summary ??
        'Each band is a neuron, each place from left to right a row of the data: filled where the neuron is on.'
      }
      instructions="Left and right move over rows, up and down over bands, Enter selects both."
      height={heatmapHeight(m)}
      draw={draw}
      over={over}
      cursorPlace={(width, height) => {
        if (!cursor) return null;
        const box = heatmapBox(width, height);
        return {
          x: box.left + ((model.place[cursor.row] + 0.5) * box.width) / n,
          y: box.top + ((cursor.band + 0.5) * box.height) / m,
        };
      }}
      readout={
        cursor
          ? `${model.bands[cursor.band].label}, ${model.rowLabel(cursor.row)}: ${model.bands[cursor.band].on[cursor.row] === 1 ? 'on' : 'off'}`
          : ''
      }
      spoken={spoken}
      table={() => heatmapTable(model)}
      onPoint={(at) => {
        setSpoken(false);
        setCursor(at && find(at));
      }}
      onPick={(at) => {
        const found = find(at);
        if (found) onPick(found.band, found.row);
      }}
      onKey={onKey}
      controls={controls}
    />
  );
}
