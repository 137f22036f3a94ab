import { addMark, markPath } from '../../charts/mark.ts';
import type { Palette } from '../../charts/theme.ts';
import { toneColor } from '../../charts/theme.ts';
import type { Primitive } from './sceneModel.ts';

const markSize = 5.5;

export function drawScene(
  ctx: CanvasRenderingContext2D,
  primitives: readonly Primitive[],
  palette: Palette,
  chosen: { readonly layer: string; readonly index: number } | null,
): void {
  ctx.lineJoin = 'round';
  for (const item of primitives) {
    if (item.kind === 'text') {
      ctx.fillStyle = palette.foreground;
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      const half = ctx.measureText(item.text).width / 2;
      const x = Math.max(half + 4, Math.min(ctx.canvas.clientWidth - half - 4, item.at[0]));
      const y = Math.max(10, Math.min(ctx.canvas.clientHeight - 10, item.at[1]));
      ctx.strokeStyle = palette.background;
      ctx.lineWidth = 3;
      ctx.strokeText(item.text, x, y);
      ctx.fillText(item.text, x, y);
      continue;
    }
    const color = toneColor(palette, item.tone);
    if (item.kind === 'mark') {
      const mine = chosen?.layer === item.layer && chosen.index === item.index;
      ctx.beginPath();
      addMark(ctx, item.mark, item.at[0], item.at[1], mine ? 1.5 * markSize : markSize);
      ctx.fillStyle = color;
      ctx.fill();
      ctx.strokeStyle = mine ? palette.focus : palette.background;
      ctx.lineWidth = mine ? 2.5 : 1.2;
      ctx.stroke();
      continue;
    }
    ctx.beginPath();
    for (let i = 0; i < item.points.length; i += 2) ctx.lineTo(item.points[i], item.points[i + 1]);
    ctx.strokeStyle = color;
    if (item.kind === 'polygon') {
      ctx.closePath();
      ctx.globalAlpha = item.fill;
      ctx.fillStyle = color;
      ctx.fill();
      ctx.globalAlpha = item.stroke;
      ctx.lineWidth = 0.6;
    } else {
      ctx.globalAlpha = item.alpha;
      ctx.lineWidth = item.width;
    }
    ctx.stroke();
    ctx.globalAlpha = 1;
  }
}

const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

/** The same as a self-contained SVG. */
export function sceneSvg(
  primitives: readonly Primitive[],
  palette: Palette,
  words: { readonly title: string; readonly summary: string },
  width: number,
  height: number,
): string {
  const f = (v: number): string => v.toFixed(2);
  const top = 34;
  const path = (points: readonly number[], close: boolean): string =>
    `M${Array.from({ length: points.length / 2 }, (_, i) => `${f(points[2 * i])} ${f(points[2 * i + 1])}`).join('L')}${close ? 'Z' : ''}`;
  const items = primitives.map((item) => {
    if (item.kind === 'text') {
      return `<text x="${f(item.at[0])}" y="${f(item.at[1])}" fill="${palette.foreground}" text-anchor="middle">${escapeXml(item.text)}</text>`;
    }
    const color = toneColor(palette, item.tone);
    if (item.kind === 'mark') {
      return `<path d="${markPath(item.mark, item.at[0], item.at[1], markSize)}" fill="${color}" stroke="${palette.background}" stroke-width="1.2"/>`;
    }
    return item.kind === 'polygon'
      ? `<path d="${path(item.points, true)}" fill="${color}" fill-opacity="${item.fill}" stroke="${color}" stroke-opacity="${item.stroke}" stroke-width="0.6"/>`
      : `<path d="${path(item.points, false)}" fill="none" stroke="${color}" stroke-opacity="${item.alpha}" stroke-width="${item.width}"/>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + top}" viewBox="0 0 ${width} ${height + top}" font-family="${escapeXml(palette.font)}" font-size="12">`,
    `<title>${escapeXml(words.title)}</title><desc>${escapeXml(words.summary)}</desc>`,
    `<rect width="100%" height="100%" fill="${palette.background}"/>`,
    `<text x="12" y="22" fill="${palette.foreground}" font-size="14" font-weight="600">${escapeXml(words.title)}</text>`,
    `<g transform="translate(0 ${top})">`,
    ...items,
    '</g></svg>',
  ].join('\n');
}
