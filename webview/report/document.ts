import { plainText } from '../../src/core/data/plainText.ts';
import { csvText } from '../../src/core/data/csv.ts';
import type { FormulaCells } from '../../src/core/data/formulaCells.ts';
import { textsLanguage } from '../../src/shared/texts.ts';
import { chartPicture, type Picture, pictureSvg } from '../charts/exportFile.ts';
import { escapeXml } from '../charts/ink.ts';
import type { ChartSpec } from '../charts/spec.ts';
import { type Certainty, surfaceModel, type SurfaceShape } from '../charts/surface/surfaceModel.ts';
import { surfacePicture } from '../charts/surface/surfacePicture.ts';
import { printPalette } from '../charts/theme.ts';
import { markdownText, tableMarkdown, type TextTable } from '../ui/tableText.ts';

/** A report before it is written in some language: every string is text and nothing else. */
export type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string; readonly strong?: boolean }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'facts'; readonly facts: readonly { readonly name: string; readonly value: string }[] }
  | { readonly kind: 'table'; readonly table: TextTable }
  | { readonly kind: 'picture'; readonly picture: Picture }
  | { readonly kind: 'chart'; readonly chart: ChartSpec }
  /** Fits over two features, side by side where there is room. */
  | { readonly kind: 'surfaces'; readonly surfaces: readonly TitledSurface[] }
  | { readonly kind: 'code'; readonly text: string };

export interface TitledSurface {
  readonly id: string;
  readonly title: string;
  readonly shape: SurfaceShape;
  readonly certainty: Certainty;
}

export interface ReportDocument {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** A page without scripts that loads nothing: not even a page that was tampered with can, by its policy. */
export function reportHtml({ title, blocks }: ReportDocument): string {
  return `<!DOCTYPE html>
<html lang="${escapeXml(textsLanguage())}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>
${style}
</style>
</head>
<body>
<main>
<h1>${escapeXml(title)}</h1>
${blocks.map(htmlBlock).join('\n')}
</main>
</body>
</html>
`;
}

const style = `body { margin: 0; background: #fff; color: #1a1a1a; font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 840px; margin: 0 auto; padding: 24px 16px 48px; overflow-wrap: anywhere; }
h1 { font-size: 1.6em; line-height: 1.2; }
h2 { font-size: 1.2em; margin: 1.8em 0 0.5em; border-bottom: 1px solid #b4b4b4; }
p { max-width: 70ch; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 10px 18px; margin: 0.6em 0; }
dt { color: #5f5f5f; font-size: 0.85em; }
dd { margin: 0; }
.wide { overflow-x: auto; overflow-wrap: break-word; }
table { border-collapse: collapse; margin: 0.6em 0; }
caption { text-align: left; color: #5f5f5f; padding-bottom: 4px; }
th, td { text-align: left; vertical-align: top; padding: 3px 14px 3px 0; border-bottom: 1px solid #dcdcdc; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { max-width: 100%; height: auto; }
figure { margin: 0.8em 0; break-inside: avoid; }
figcaption { color: #5f5f5f; max-width: 70ch; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr)); gap: 14px; }
pre { background: #f3f3f3; padding: 10px 12px; white-space: pre-wrap; }
@media print { main { max-width: none; padding: 0; } h2, tr { break-inside: avoid; break-after: avoid; } }`;

function htmlBlock(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h2>${escapeXml(block.text)}</h2>`;
    case 'text':
      return block.strong === true
        ? `<p><strong>${escapeXml(block.text)}</strong></p>`
        : `<p>${escapeXml(block.text)}</p>`;
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${escapeXml(item)}</li>`).join('')}</ul>`;
    case 'facts':
      return `<dl>${block.facts
        .map(({ name, value }) => `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd></div>`)
        .join('')}</dl>`;
    case 'table':
      return htmlTable(block.table);
    case 'picture':
      return htmlPicture(block.picture);
    case 'chart':
      return htmlPicture(chartPicture(block.chart));
    case 'surfaces':
      return `<div class="beside">${block.surfaces
        .map(({ shape, certainty, title }) => htmlPicture(surfacePicture(surfaceModel(shape, certainty), { title })))
        .join('\n')}</div>`;
    case 'code':
      return `<pre>${escapeXml(block.text)}</pre>`;
  }
}

function htmlPicture(picture: Picture): string {
  return `<figure>${pictureSvg(picture, printPalette('system-ui, sans-serif'))}<figcaption>${escapeXml(picture.summary)}</figcaption></figure>`;
}

function htmlTable({ caption, header, rows, numeric, marked }: TextTable): string {
  const cellText = (row: number, column: number, cell: string): string =>
    marked?.[row][column] === true ? `<strong>${escapeXml(cell)}</strong>` : escapeXml(cell);
  const look = (column: number): string => (numeric[column] ? ' class="number"' : '');
  const head = header
    .map((text, k) => (text === '' ? '<td></td>' : `<th scope="col"${look(k)}>${escapeXml(text)}</th>`))
    .join('');
  const body = rows.map(
    (cells, i) => `<tr>${cells.map((cell, k) => `<td${look(k)}>${cellText(i, k, cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="wide"><table><caption>${escapeXml(caption)}</caption><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
}

/** The same as Markdown, without the pictures. */
export function reportMarkdown({ title, blocks }: ReportDocument): string {
  return `${[`# ${markdownText(title)}`, ...blocks.flatMap(markdownBlock)].join('\n\n')}\n`;
}

function markdownBlock(block: Block): string[] {
  switch (block.kind) {
    case 'heading':
      return [`## ${markdownText(block.text)}`];
    case 'text':
      return [block.strong === true ? `**${markdownText(block.text)}**` : markdownText(block.text)];
    case 'list':
      return [block.items.map((item) => `- ${markdownText(item)}`).join('\n')];
    case 'facts':
      return [block.facts.map(({ name, value }) => `- ${markdownText(name)}: ${markdownText(value)}`).join('\n')];
    case 'table':
      return [`${markdownText(block.table.caption)}:`, tableMarkdown(block.table).trimEnd()];
    case 'picture':
    case 'chart':
    case 'surfaces':
      return [];
    case 'code': {
      const text = plainText(block.text);
      const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
      const fence = '`'.repeat(longest + 1);
      return [[`${fence}text`, text, fence].join('\n')];
    }
  }
}

/** The tables one below another as CSV, each under its caption: numbers as they are written in the report. */
export function reportCsv({ title, blocks }: ReportDocument, formulas: FormulaCells): string {
  const rows = blocks.flatMap((block): (readonly string[])[] =>
    block.kind === 'table' ? [[], [block.table.caption], block.table.header, ...block.table.rows] : [],
  );
  return csvText([[title], ...rows], formulas).csv;
}
