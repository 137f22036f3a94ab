import type { LegendEntry, Picture } from '../exportFile.ts';
import type { Palette } from '../theme.ts';
import type { SurfaceModel } from './surfaceModel.ts';
import { classMarks, classTone, scaleEnds, scaleInk, surfaceInk } from './surfaceRenderer.ts';

/** A fit over two features as a picture for the page and for files. */
export function surfacePicture(
  model: SurfaceModel,
  words: { readonly title?: string; readonly summary?: string } = {},
): Picture {
  const classes = model.shape.classes.length > 0;
  return {
    title: words.title ?? (classes ? 'Decision regions' : 'Fitted surface'),
    summary:
      words.summary ??
      (classes
        ? `Each region is the class the network predicts${model.certainty === null ? '' : ', the stronger its colour the more probable'}; dashed lines are where neurons switch on and off. Hollow points are test rows.`
        : 'Thin lines are equal values, dashed lines where neurons switch on and off. Hollow points are test rows.'),
    height: (width) => Math.max(240, Math.min(460, width * 0.72)),
    ink: (width, height, palette) => surfaceInk(model, width, height, palette),
    legend: fileLegend(model),
  };
}

export function classSwatch(index: number, palette: Palette, x: number, y: number): ReturnType<LegendEntry['swatch']> {
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
