import { plainText } from '../../src/core/data/plainText.ts';
import { cellPaths, type Cells } from './cells.ts';
import type { MarkShape } from './spec.ts';
import { addMark, markPath } from './mark.ts';

/**
 * What a picture consists of, in pixels: every chart, map and scene is a list of these, and two painters put it on a canvas or into an SVG.
 * What is seen and what is exported therefore come from one place. Colours are CSS colours.
 */
export type Ink =
  | {
      readonly kind: 'path';
      /** One or several lines, x y x y … each; NaN is not allowed. */
      readonly lines: readonly ArrayLike<number>[];
      readonly close?: boolean;
      readonly fill?: string;
      readonly fillAlpha?: number;
      readonly stroke?: string;
      readonly width?: number;
      readonly alpha?: number;
      readonly dash?: readonly number[];
    }
  | {
      readonly kind: 'marks';
      readonly shape: MarkShape;
      /** x y x y … */
      readonly at: ArrayLike<number>;
      readonly radius: number;
      readonly fill?: string;
      readonly fillAlpha?: number;
      readonly stroke?: string;
      readonly width?: number;
    }
  | {
      readonly kind: 'text';
      readonly x: number;
      readonly y: number;
      readonly text: string;
      readonly color: string;
      readonly size?: number;
      readonly bold?: boolean;
      readonly align?: 'left' | 'center' | 'right';
      readonly baseline?: 'top' | 'middle';
      /** Turned to read from bottom to top. */
      readonly turned?: boolean;
      /** A rim of this colour, so that it can be read over lines. */
      readonly rim?: string;
    }
  | {
      readonly kind: 'rect';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly fill?: string;
      readonly alpha?: number;
      readonly stroke?: string;
      readonly lineWidth?: number;
    }
  /** One pixel per cell, scaled up; `smooth` blends neighbours. */
  | {
      readonly kind: 'image';
      /** Cells are for files that are made without a page. */
      readonly image: HTMLCanvasElement | Cells;
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly smooth?: boolean;
    }
  | {
      readonly kind: 'clip';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly inside: readonly Ink[];
    };

export const textSize = 11;

let ruler: CanvasRenderingContext2D | null | undefined;

/** Width of a text in pixels; without a page, an estimate that errs on the wide side. */
export function textWidth(text: string, font: string, size = textSize): number {
  ruler ??= typeof document === 'undefined' ? null : document.createElement('canvas').getContext('2d');
  if (!ruler) return 0.6 * size * text.length;
  ruler.font = `${size}px ${font}`;
  return ruler.measureText(text).width;
}

/** The text, or its beginning and an ellipsis, within a width. */
export function clipText(text: string, width: number, font: string, size = textSize): string {
  if (textWidth(text, font, size) <= width) return text;
  let cut = text.length;
  while (cut > 1 && textWidth(`${text.slice(0, cut)}…`, font, size) > width) cut -= 1;
  return `${text.slice(0, cut)}…`;
}

/** Draws on a canvas whose context is already scaled to pixels. */
export function paintCanvas(ctx: CanvasRenderingContext2D, inks: readonly Ink[], font: string): void {
  for (const ink of inks) {
    ctx.save();
    paintOne(ctx, ink, font);
    ctx.restore();
  }
}

function paintOne(ctx: CanvasRenderingContext2D, ink: Ink, font: string): void {
  switch (ink.kind) {
    case 'path': {
      ctx.lineJoin = 'round';
      ctx.beginPath();
      for (const line of ink.lines) {
        for (let i = 0; i + 1 < line.length; i += 2) {
          if (i === 0) ctx.moveTo(line[0], line[1]);
          else ctx.lineTo(line[i], line[i + 1]);
        }
        if (ink.close) ctx.closePath();
      }
      fillAndStroke(ctx, ink);
      return;
    }
    case 'marks':
      ctx.lineJoin = 'round';
      ctx.beginPath();
      for (let i = 0; i + 1 < ink.at.length; i += 2) addMark(ctx, ink.shape, ink.at[i], ink.at[i + 1], ink.radius);
      fillAndStroke(ctx, ink);
      return;
    case 'rect':
      ctx.globalAlpha = ink.alpha ?? 1;
      if (ink.fill !== undefined) {
        ctx.fillStyle = ink.fill;
        ctx.fillRect(ink.x, ink.y, ink.width, ink.height);
      }
      if (ink.stroke !== undefined) {
        ctx.strokeStyle = ink.stroke;
        ctx.lineWidth = ink.lineWidth ?? 1;
        ctx.strokeRect(ink.x, ink.y, ink.width, ink.height);
      }
      return;
    case 'text':
      ctx.font = `${ink.bold ? '600 ' : ''}${ink.size ?? textSize}px ${font}`;
      ctx.textAlign = ink.align ?? 'left';
      ctx.textBaseline = ink.baseline ?? 'middle';
      ctx.translate(ink.x, ink.y);
      if (ink.turned) ctx.rotate(-Math.PI / 2);
      if (ink.rim !== undefined) {
        ctx.strokeStyle = ink.rim;
        ctx.lineWidth = 3;
        ctx.lineJoin = 'round';
        ctx.strokeText(ink.text, 0, 0);
      }
      ctx.fillStyle = ink.color;
      ctx.fillText(ink.text, 0, 0);
      return;
    case 'image':
      if ('index' in ink.image) throw new Error('cells are drawn into files only');
      ctx.imageSmoothingEnabled = ink.smooth === true;
      ctx.imageSmoothingQuality = 'high';
      ctx.drawImage(ink.image, ink.x, ink.y, ink.width, ink.height);
      return;
    case 'clip':
      ctx.beginPath();
      ctx.rect(ink.x, ink.y, ink.width, ink.height);
      ctx.clip();
      paintCanvas(ctx, ink.inside, font);
      return;
  }
}

function fillAndStroke(ctx: CanvasRenderingContext2D, ink: Extract<Ink, { kind: 'path' | 'marks' }>): void {
  if (ink.fill !== undefined) {
    ctx.globalAlpha = ink.fillAlpha ?? 1;
    ctx.fillStyle = ink.fill;
    ctx.fill();
  }
  if (ink.stroke !== undefined) {
    ctx.globalAlpha = ink.kind === 'path' ? (ink.alpha ?? 1) : 1;
    ctx.strokeStyle = ink.stroke;
    ctx.lineWidth = ink.width ?? 1;
    if (ink.kind === 'path') ctx.setLineDash([...(ink.dash ?? [])]);
    ctx.stroke();
  }
}

/** Text that is text in a file too, whatever it holds. */
export const escapeXml = (text: string): string =>
  plainText(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

const f = (v: number): string => String(Math.round(v * 100) / 100);

/** The same as elements of an SVG. */
export function paintSvg(inks: readonly Ink[]): string[] {
  let clips = 0;
  const id = `clip-${Math.abs(hash(inks)).toString(36)}`;
  const paint = (list: readonly Ink[]): string[] =>
    list.flatMap((ink) => {
      switch (ink.kind) {
        case 'path': {
          const d = ink.lines
            .map((line) => {
              const points: string[] = [];
              for (let i = 0; i + 1 < line.length; i += 2) points.push(`${f(line[i])} ${f(line[i + 1])}`);
              return points.length === 0 ? '' : `M${points.join('L')}${ink.close ? 'Z' : ''}`;
            })
            .join('');
          return d === '' ? [] : [`<path d="${d}" ${look(ink)}/>`];
        }
        case 'marks': {
          const marks: string[] = [];
          for (let i = 0; i + 1 < ink.at.length; i += 2)
            marks.push(markPath(ink.shape, ink.at[i], ink.at[i + 1], ink.radius));
          return marks.length === 0 ? [] : [`<path d="${marks.join('')}" ${look(ink)}/>`];
        }
        case 'rect':
          return [
            `<rect x="${f(ink.x)}" y="${f(ink.y)}" width="${f(ink.width)}" height="${f(ink.height)}" fill="${ink.fill ?? 'none'}"${
              ink.alpha === undefined ? '' : ` opacity="${ink.alpha}"`
            }${ink.stroke === undefined ? '' : ` stroke="${ink.stroke}" stroke-width="${ink.lineWidth ?? 1}"`}/>`,
          ];
        case 'text': {
          const anchor = { left: 'start', center: 'middle', right: 'end' }[ink.align ?? 'left'];
          const drop = (ink.size ?? textSize) * (ink.baseline === 'top' ? 0.85 : 0.35);
          const place = ink.turned
            ? `transform="translate(${f(ink.x)} ${f(ink.y)}) rotate(-90)" y="${f(drop)}"`
            : `x="${f(ink.x)}" y="${f(ink.y + drop)}"`;
          const rim = ink.rim === undefined ? '' : ` stroke="${ink.rim}" stroke-width="3" paint-order="stroke"`;
          return [
            `<text ${place} fill="${ink.color}" text-anchor="${anchor}" font-size="${ink.size ?? textSize}"${ink.bold ? ' font-weight="600"' : ''}${rim}>${escapeXml(ink.text)}</text>`,
          ];
        }
        case 'image':
          if ('index' in ink.image) {
            const scale = `${ink.width / ink.image.columns} ${ink.height / ink.image.rows}`;
            return [
              `<g transform="translate(${f(ink.x)} ${f(ink.y)}) scale(${scale})" shape-rendering="crispEdges">`,
              ...cellPaths(ink.image),
              '</g>',
            ];
          }
          return [
            `<image x="${f(ink.x)}" y="${f(ink.y)}" width="${f(ink.width)}" height="${f(ink.height)}" preserveAspectRatio="none" image-rendering="${ink.smooth ? 'auto' : 'pixelated'}" href="${ink.image.toDataURL('image/png')}"/>`,
          ];
        case 'clip': {
          const name = `${id}-${clips++}`;
          return [
            `<clipPath id="${name}"><rect x="${f(ink.x)}" y="${f(ink.y)}" width="${f(ink.width)}" height="${f(ink.height)}"/></clipPath>`,
            `<g clip-path="url(#${name})">`,
            ...paint(ink.inside),
            '</g>',
          ];
        }
      }
    });
  return paint(inks);
}

/** Names of clips differ between drawings that end up in one page. */
function hash(inks: readonly Ink[]): number {
  let h = inks.length;
  for (const ink of inks) {
    if (ink.kind !== 'text') continue;
    for (const c of ink.text) h = (Math.imul(h, 31) + (c.codePointAt(0) ?? 0)) | 0;
  }
  return h;
}

function look(ink: Extract<Ink, { kind: 'path' | 'marks' }>): string {
  const parts = [`fill="${ink.fill ?? 'none'}"`];
  if (ink.fill !== undefined && ink.fillAlpha !== undefined) parts.push(`fill-opacity="${ink.fillAlpha}"`);
  if (ink.stroke !== undefined) {
    parts.push(`stroke="${ink.stroke}" stroke-width="${ink.width ?? 1}" stroke-linejoin="round"`);
    if (ink.kind === 'path' && ink.alpha !== undefined) parts.push(`stroke-opacity="${ink.alpha}"`);
    if (ink.kind === 'path' && ink.dash !== undefined && ink.dash.length > 0)
      parts.push(`stroke-dasharray="${ink.dash.join(' ')}"`);
  }
  return parts.join(' ');
}
