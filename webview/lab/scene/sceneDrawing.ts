import type { Ink } from '../../charts/ink.ts';
import { textWidth } from '../../charts/ink.ts';
import type { Palette } from '../../charts/theme.ts';
import { toneColor } from '../../charts/theme.ts';
import type { Primitive } from './sceneModel.ts';

const markSize = 5.5;
const nameSize = 12;

/** What is seen of a scene, as strokes; `chosen` is marked. */
export function sceneInk(
  primitives: readonly Primitive[],
  palette: Palette,
  width: number,
  height: number,
  chosen: { readonly layer: string; readonly index: number } | null,
): Ink[] {
  return primitives.map((item): Ink => {
    if (item.kind === 'text') {
      const half = textWidth(item.text, palette.font, nameSize) / 2;
      return {
        kind: 'text',
        x: Math.max(half + 4, Math.min(width - half - 4, item.at[0])),
        y: Math.max(10, Math.min(height - 10, item.at[1])),
        text: item.text,
        color: palette.foreground,
        size: nameSize,
        align: 'center',
        rim: palette.background,
      };
    }
    const color = toneColor(palette, item.tone);
    if (item.kind === 'mark') {
      const mine = chosen?.layer === item.layer && chosen.index === item.index;
      return {
        kind: 'marks',
        shape: item.mark,
        at: item.at,
        radius: mine ? 1.5 * markSize : markSize,
        fill: color,
        stroke: mine ? palette.focus : palette.background,
        width: mine ? 2.5 : 1.2,
      };
    }
    return item.kind === 'polygon'
      ? {
          kind: 'path',
          lines: [item.points],
          close: true,
          fill: color,
          fillAlpha: item.fill,
          stroke: color,
          alpha: item.stroke,
          width: 0.6,
        }
      : { kind: 'path', lines: [item.points], stroke: color, alpha: item.alpha, width: item.width };
  });
}
