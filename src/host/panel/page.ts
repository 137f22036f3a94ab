import * as vscode from 'vscode';
import { plainLanguage } from '../inLanguage.ts';
import { panelPolicy } from '../../shared/csp.ts';

/** The pages that the extension has: the bundle of each (a script and a style sheet of that name) and its title. */
const pages = {
  webview: { bundle: 'webview', title: 'Convex Network' },
  lab: { bundle: 'lab', title: 'Convex Network Lab' },
  study: { bundle: 'lab', title: 'Convex Network Study' },
  lesson: { bundle: 'lab', title: 'Convex Network Lesson' },
  comparison: { bundle: 'lab', title: 'Compare Runs' },
  preview: { bundle: 'preview', title: 'Data Preview' },
} as const;

/** What the scripts import when they begin, by bundle; the build says it (`src/build/pageChunks.mjs`), except while it watches. */
declare const PAGE_CHUNKS: Readonly<Record<string, readonly string[]>> | undefined;
const chunks = typeof PAGE_CHUNKS === 'undefined' ? {} : PAGE_CHUNKS;

export type PageName = keyof typeof pages;

/** The texts of the editor's language as a block of data; none for English. Nothing in it ends the block. */
function textsBlock(): string {
  const texts = vscode.l10n.bundle;
  if (texts === undefined) return '';
  return `<script type="application/json" id="texts">${JSON.stringify(texts).replace(/</g, '\\u003c')}</script>\n`;
}

/** A page: a module and a style sheet of the extension under the policy, and its texts; data comes by messages, never in the page. */
export function pageHtml(webview: vscode.Webview, extensionUri: vscode.Uri, page: PageName): string {
  const { bundle, title } = pages[page];
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))));
  const file = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', name)).toString();
  return `<!DOCTYPE html>
<html lang="${plainLanguage(vscode.env.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${panelPolicy(webview.cspSource, nonce)}">
<link rel="stylesheet" href="${file(`${bundle}.css`)}">
${(chunks[bundle] ?? []).map((name) => `<link rel="modulepreload" nonce="${nonce}" href="${file(name)}">\n`).join('')}<title>${title}</title>
</head>
<body>
<div id="app" data-page="${page}"></div>
${textsBlock()}<script type="module" nonce="${nonce}" src="${file(`${bundle}.js`)}"></script>
</body>
</html>`;
}

/** Folders that a page may load from. */
export function pageRoots(extensionUri: vscode.Uri): vscode.Uri[] {
  return [vscode.Uri.joinPath(extensionUri, 'dist')];
}
