import type { MarkShape } from './spec.ts';

/** Corner points of a marker of radius r around (x, y); null for a circle. */
export function markCorners(
  shape: MarkShape,
  x: number,
  y: number,
  r: number,
): readonly (readonly [number, number])[] | null {
  switch (shape) {
    case 'circle':
      return null;
    case 'square': {
      const s = r * 0.9;
      return [
        [x - s, y - s],
        [x + s, y - s],
        [x + s, y + s],
        [x - s, y + s],
      ];
    }
    case 'triangle':
      return [
        [x, y - r * 1.15],
        [x + r * 1.05, y + r * 0.75],
        [x - r * 1.05, y + r * 0.75],
      ];
    case 'diamond':
      return [
        [x, y - r * 1.25],
        [x + r * 1.25, y],
        [x, y + r * 1.25],
        [x - r * 1.25, y],
      ];
    case 'cross': {
      // A plus turned by 45 degrees, as a closed outline, so that filling and stroking both work.
      const a = r * 1.1;
      const b = r * 0.45;
      return [
        [x - a, y - a + b],
        [x - a + b, y - a],
        [x, y - b],
        [x + a - b, y - a],
        [x + a, y - a + b],
        [x + b, y],
        [x + a, y + a - b],
        [x + a - b, y + a],
        [x, y + b],
        [x - a + b, y + a],
        [x - a, y + a - b],
        [x - b, y],
      ];
    }
  }
}

/** Adds one marker to the current path of the canvas. */
export function addMark(ctx: CanvasRenderingContext2D, shape: MarkShape, x: number, y: number, r: number): void {
  const corners = markCorners(shape, x, y, r);
  if (!corners) {
    ctx.moveTo(x + r, y);
    ctx.arc(x, y, r, 0, 2 * Math.PI);
    return;
  }
  corners.forEach(([px, py], i) => {
    if (i === 0) ctx.moveTo(px, py);
    else ctx.lineTo(px, py);
  });
  ctx.closePath();
}

/** The same marker as SVG path data. */
export function markPath(shape: MarkShape, x: number, y: number, r: number): string {
  const corners = markCorners(shape, x, y, r);
  const f = (v: number): string => v.toFixed(2);
  if (!corners) return `M${f(x - r)} ${f(y)}a${f(r)} ${f(r)} 0 1 0 ${f(2 * r)} 0a${f(r)} ${f(r)} 0 1 0 ${f(-2 * r)} 0Z`;
  return `M${corners.map(([px, py]) => `${f(px)} ${f(py)}`).join('L')}Z`;
}

/** Markers shrink as there are more of them. */
export function markRadius(points: number): number {
  return points > 5000 ? 1.5 : points > 1000 ? 2.2 : points > 200 ? 2.8 : 3.6;
}
