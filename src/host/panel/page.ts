import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { panelPolicy } from '../../shared/csp.ts';

/** The pages that the extension has: the bundle of each (a script and a style sheet of that name) and its title. */
const titles = { webview: 'Convex Network', lab: 'Convex Network Lab', study: 'Convex Network Study' } as const;

/** The bundles of pages. */
export type PageName = keyof typeof titles;

/** A page: two files of the extension under the policy; data comes by messages, never in the page. */
export function pageHtml(webview: vscode.Webview, extensionUri: vscode.Uri, bundle: PageName): string {
  const nonce = randomBytes(18).toString('base64');
  const file = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', name)).toString();
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${panelPolicy(webview.cspSource, nonce)}">
<link rel="stylesheet" href="${file(`${bundle}.css`)}">
<title>${titles[bundle]}</title>
</head>
<body>
<div id="app"></div>
<script nonce="${nonce}" src="${file(`${bundle}.js`)}"></script>
</body>
</html>`;
}

/** Folders that a page may load from. */
export function pageRoots(extensionUri: vscode.Uri): vscode.Uri[] {
  return [vscode.Uri.joinPath(extensionUri, 'dist')];
}
